//! NetMem: pages that clients read, lock, unlock and update.

mod connection;
mod defects;
mod frame;
mod locks;
mod memory;
mod pages;

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use tokio::sync::Mutex;

use crate::line::{Exchange, Wiring};
use crate::{Clock, Kind, Server, Serving, Setup, Stream};
use defects::{DEFECTS, Switch, Switches};
use memory::Memory;

/// The server of this protocol.
pub const KIND: Kind = Kind { protocol: "netmem", defects: DEFECTS, start };

fn start(defect: Option<&'static str>, clock: Clock, _setup: Setup) -> Rc<dyn Server> {
    let switches = Switches::named(defect);
    Rc::new(NetMem {
        switches,
        exchange: Exchange::new(wiring(switches)),
        memory: RefCell::new(Memory::new(switches, clock)),
        sessions: Cell::new(0),
        stopped: Cell::new(false),
        table: Mutex::new(()),
    })
}

fn wiring(switches: Switches) -> Wiring {
    let wirings = [
        (Switch::SendsInsideItsLock, Wiring::SendsInsideALock),
        (Switch::RepliesToTheNewest, Wiring::SendsToTheNewest),
        (Switch::ShortWrite, Wiring::WritesOnce),
        (Switch::OneBufferForAll, Wiring::OneBuffer),
    ];
    let found = wirings.into_iter().find(|(switch, _)| switches.on(*switch));
    found.map_or(Wiring::Sound, |(_, wiring)| wiring)
}

/// The server.
struct NetMem {
    switches: Switches,
    exchange: Rc<Exchange>,
    memory: RefCell<Memory>,
    /// How many there were: ids only count up.
    sessions: Cell<u64>,
    /// Set by the defects that end the server.
    stopped: Cell<bool>,
    /// Held only by `waits-inside-its-lock`.
    table: Mutex<()>,
}

impl Server for NetMem {
    fn serve(self: Rc<Self>, stream: Box<dyn Stream>) -> Serving {
        Box::pin(connection::serve(self, stream))
    }
}
