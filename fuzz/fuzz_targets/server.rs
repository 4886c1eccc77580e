//! See `lockproof_fuzz::server`.

#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| lockproof_fuzz::server::run(input));
