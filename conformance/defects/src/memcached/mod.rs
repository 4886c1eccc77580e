//! memcached, with its defects.
//!
//! A request goes from `socket` (bytes) through `connection` (frames) and `shape` (may it be
//! executed?) to `commands`, which change the `store`. Each asks `active` or `wrong` where a defect
//! sets in; all of these stand in `defect`. A connection that does not begin with a frame speaks in
//! lines (`text`), over the same store.

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
mod text;

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use tokio::sync::RwLock;

use self::connection::Connection;
use self::defect::{Active, DEFECTS, Switch};
use self::store::Store;
use self::text::{META_DEFECTS, TEXT_DEFECTS, Wrong};
use crate::{Clock, Kind, Server, Serving, Setup, Stream};

/// The server with the defects of the binary protocol.
pub const KIND: Kind = Kind {
    protocol: "memcached",
    defects: DEFECTS,
    start: |defect, clock, setup| start(defect, Wrong::NOTHING, clock, setup),
};

/// The same server with the defects of text. One whose name the binary protocol has too sits in what both use.
pub const TEXT: Kind = Kind {
    protocol: "text",
    defects: TEXT_DEFECTS,
    start: |defect, clock, setup| start(defect, Wrong::text(defect), clock, setup),
};

/// The same server with the defects of the meta commands, which may sit in what all use as well.
pub const META: Kind = Kind {
    protocol: "meta",
    defects: META_DEFECTS,
    start: |defect, clock, setup| start(defect, Wrong::meta(defect), clock, setup),
};

fn start(defect: Option<&str>, lines: Wrong, clock: Clock, setup: Setup) -> Rc<dyn Server> {
    let active = Active(defect.and_then(Switch::named));
    Rc::new(Memcached {
        active,
        lines,
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
    lines: Wrong,
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
