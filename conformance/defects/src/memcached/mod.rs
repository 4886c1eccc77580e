//! memcached, with its defects.
//!
//! A request goes from `socket` (bytes) through `connection` (frames) and `shape` (may it be
//! executed?) to `commands`, which change the `store`. Each asks `active` or `wrong` where a defect
//! sets in; all of these stand in `defect`. Left out: the text protocol.

mod commands;
mod connection;
mod defect;
mod frame;
mod memory;
mod opcode;
mod races;
mod sasl;
mod shape;
mod socket;
mod statistics;
mod store;

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use tokio::sync::RwLock;

use self::connection::Connection;
use self::defect::{Active, DEFECTS, Switch};
use self::store::Store;
use crate::{Clock, Kind, Server, Serving, Setup, Stream};

/// The server of this protocol.
pub const KIND: Kind = Kind { protocol: "memcached", defects: DEFECTS, start };

fn start(defect: Option<&'static str>, clock: Clock, setup: Setup) -> Rc<dyn Server> {
    let active = Active(defect.and_then(Switch::named));
    Rc::new(Memcached {
        active,
        setup,
        store: RefCell::new(Store::new(clock, active, setup)),
        lock: RwLock::new(()),
        shared_output: RefCell::default(),
        last_opaque: Cell::default(),
        fatal_errors: Cell::default(),
        leaked: Cell::default(),
        somebody_is_in: Cell::default(),
    })
}

/// The store, which is all that the server needs, and what only defects share.
#[derive(Debug)]
struct Memcached {
    active: Active,
    setup: Setup,
    store: RefCell<Store>,
    lock: RwLock<()>,
    shared_output: RefCell<Vec<u8>>,
    last_opaque: Cell<u32>,
    fatal_errors: Cell<u32>,
    leaked: Cell<u32>,
    /// Whether any connection has authenticated.
    somebody_is_in: Cell<bool>,
}

impl Server for Memcached {
    fn serve(self: Rc<Self>, stream: Box<dyn Stream>) -> Serving {
        Box::pin(async move { Connection::new(self, stream).serve().await })
    }
}
