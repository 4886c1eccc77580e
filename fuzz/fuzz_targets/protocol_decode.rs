//! See `lockproof_fuzz::protocol_decode`.

#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| lockproof_fuzz::protocol_decode::run(input));
