//! Echo: every byte comes back as it came.

mod bytes;
mod connection;
mod defects;

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use tokio::sync::Mutex;

use crate::line::{Exchange, Wiring};
use crate::{Clock, Kind, Server, Serving, Setup, Stream};
use defects::{DEFECTS, Switch, Switches};

/// The server of this protocol.
pub const KIND: Kind = Kind { protocol: "echo", defects: DEFECTS, start };

fn start(defect: Option<&'static str>, _clock: Clock, _setup: Setup) -> Rc<dyn Server> {
    let switches = Switches::named(defect);
    Rc::new(Echo {
        switches,
        exchange: Exchange::new(wiring(switches)),
        clients: Cell::new(0),
        stopped: Cell::new(false),
        turn: Mutex::new(()),
        earlier: RefCell::default(),
    })
}

fn wiring(switches: Switches) -> Wiring {
    let wirings = [
        (Switch::SendsInsideItsLock, Wiring::SendsInsideALock),
        (Switch::RepliesToTheNewest, Wiring::SendsToTheNewest),
        (Switch::ShortWrite, Wiring::WritesOnce),
    ];
    let found = wirings.into_iter().find(|(switch, _)| switches.on(*switch));
    found.map_or(Wiring::Sound, |(_, wiring)| wiring)
}

/// The server. A correct one has no state at all: what is here, the defects need.
struct Echo {
    switches: Switches,
    exchange: Rc<Exchange>,
    clients: Cell<usize>,
    stopped: Cell<bool>,
    turn: Mutex<()>,
    earlier: RefCell<Vec<u8>>,
}

impl Server for Echo {
    fn serve(self: Rc<Self>, stream: Box<dyn Stream>) -> Serving {
        Box::pin(connection::serve(self, stream))
    }
}
