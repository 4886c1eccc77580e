//! Locker: named locks that belong to sessions. Natural layout, small results.

mod checks;
mod commands;
mod connection;
mod defects;
mod frame;
mod keys;
mod table;

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use tokio::sync::Notify;

use crate::line::{Exchange, Sender, Wiring};
use crate::{Clock, Kind, Server, Serving, Setup, Stream};
use defects::{DEFECTS, Switch, Switches};
use table::Table;

/// The server of this protocol.
pub const KIND: Kind = Kind { protocol: "locker", defects: DEFECTS, start };

fn start(defect: Option<&'static str>, clock: Clock, _setup: Setup) -> Rc<dyn Server> {
    let switches = Switches::named(defect);
    Rc::new(Locker {
        switches,
        exchange: Exchange::new(wiring(switches)),
        table: RefCell::new(Table::new(switches, clock)),
        sessions: Cell::new(0),
        freed: Notify::new(),
        refused: RefCell::default(),
    })
}

fn wiring(switches: Switches) -> Wiring {
    let wirings = [
        (Switch::SendsInsideItsLock, Wiring::SendsInsideALock),
        (Switch::RepliesToTheNewest, Wiring::SendsToTheNewest),
        (Switch::OneBufferForAll, Wiring::OneBuffer),
    ];
    let found = wirings.into_iter().find(|(switch, _)| switches.on(*switch));
    found.map_or(Wiring::Sound, |(_, wiring)| wiring)
}

/// The server.
struct Locker {
    switches: Switches,
    exchange: Rc<Exchange>,
    table: RefCell<Table>,
    /// How many there were: ids only count up.
    sessions: Cell<u64>,
    /// Something was released, for `get-waits`.
    freed: Notify,
    /// Who was refused which key, for `sends-unasked`.
    refused: RefCell<Vec<(Vec<u8>, Sender)>>,
}

impl Locker {
    fn on(&self, switch: Switch) -> bool {
        self.switches.on(switch)
    }
}

impl Server for Locker {
    fn serve(self: Rc<Self>, stream: Box<dyn Stream>) -> Serving {
        Box::pin(connection::serve(self, stream))
    }
}
