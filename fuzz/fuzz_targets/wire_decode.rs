//! See `lockproof_fuzz::wire_decode`.

#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| lockproof_fuzz::wire_decode::run(input));
