//! memcached: operations as values, the pool of a server that performs them, and the core for asyncio.

mod answer;
pub(crate) mod connection;
pub(crate) mod operation;
mod protocol;
pub(crate) mod server;
