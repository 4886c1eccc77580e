//! What the fuzzer feeds: one function for each target, from bytes to a verdict. A panic is a finding.
//!
//! The functions stand in a library, so that the fuzzer (`ci/fuzz`) and a bounded run on stable (`tests/bounded.rs`) call the
//! same ones. Models are written here anew and share no code with what they are held against; what they do share is the
//! vocabulary of `lockproof-protocol`.

pub mod gate;
pub mod hostile_server;
pub mod items;
pub mod locks;
pub mod pages;
pub mod protocol_decode;
pub mod seeds;
pub mod server;
pub mod session_parse;
mod step;
pub mod wire_decode;

/// A target: its name, and what it does with an input.
pub type Target = (&'static str, fn(&[u8]));

/// Every target, by the name that it has in `Cargo.toml` and below `corpus/`.
pub const TARGETS: [Target; 9] = [
    ("gate", gate::run),
    ("hostile_server", hostile_server::run),
    ("items", items::run),
    ("locks", locks::run),
    ("pages", pages::run),
    ("protocol_decode", protocol_decode::run),
    ("server", server::run),
    ("session_parse", session_parse::run),
    ("wire_decode", wire_decode::run),
];
