//! Benches of the other rooms: the only crate that may use criterion.
//!
//! Every bench is named `room/operation/size`, and asserts its result inside the measured closure,
//! so that a change which makes it fast by making it wrong fails. `cargo bench -p lockproof-benches`
//! measures; with `-- --test` behind it each bench runs once, which is what CI does.
//!
//! Left out here: everything but this page. The benches are in `benches/`.
