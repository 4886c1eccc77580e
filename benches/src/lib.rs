//! Benches of the other rooms: the only crate that may use criterion.
//!
//! Two ways to measure. `cargo bench -p lockproof-benches` runs criterion's benches, named `room/operation/size`; each
//! asserts its result inside the measured closure, so that a change which makes it fast by making it wrong fails. With
//! `-- --test` behind it each bench runs once, which is what CI does. And `compare`, a program, runs the server beside
//! memcached, in turn, and prints ratios:
//!
//! ```text
//! cargo run --release -p lockproof-benches --bin compare
//! ```
//!
//! Two more programs harm the server and look what becomes of it: `faults` and `soak`.
//!
//! In this library is what such programs need: a load generator, servers as processes, and the machine.

pub mod faults;
pub mod load;
pub mod machine;
pub mod ratio;
pub mod servers;
pub mod soak;
