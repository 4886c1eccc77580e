//! NetMem: the pool of a server's connections with their shared cache, and the core for asyncio.

pub(crate) mod core;
pub(crate) mod pages;
