//! See `lockproof_fuzz::gate`.

#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| lockproof_fuzz::gate::run(input));
