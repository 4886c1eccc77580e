//! Servers that are wrong on purpose: what the scenarios must catch, each by the one that names it.
//!
//! mbserver's design, with an async lock: one table behind one read/write lock, a task a client. Meaning and bytes are
//! right, so that nothing but the flaw can be noticed; [`KnownBad::K00`] is the same without one, and must hold wherever
//! the reference server does. Only the simulator can start them; they have no socket.

mod connection;
mod deliver;
mod flaws;
pub mod lines;
mod listed;
pub mod locker;
mod meaning;
mod memcached;
mod netmem;
pub mod pages;
mod queue;
mod serve;
mod unrepeatable;

pub use flaws::KnownBad;
pub(crate) use lines::Lines;
use listed::listed;
pub(crate) use locker::{Keys, serve as serve_locker};
pub(crate) use meaning::Meaning;
pub(crate) use memcached::Items;
pub(crate) use netmem::Pages;
pub(crate) use pages::serve as serve_pages;
pub(crate) use serve::{Place, serve};
