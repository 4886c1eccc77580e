//! See `lockproof_fuzz::hostile_server`.

#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| lockproof_fuzz::hostile_server::run(input));
