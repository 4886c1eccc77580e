//! memcached, with its defects.

use std::rc::Rc;

use crate::{Clock, Kind, Server, Serving, Stream};

/// The server of this protocol.
pub const KIND: Kind = Kind { protocol: "memcached", defects: &[], start };

fn start(_defect: Option<&'static str>, _clock: Clock) -> Rc<dyn Server> {
    Rc::new(Closing)
}

/// Closes at once: not written yet.
struct Closing;

impl Server for Closing {
    fn serve(self: Rc<Self>, _stream: Box<dyn Stream>) -> Serving {
        Box::pin(std::future::ready(Ok(())))
    }
}
