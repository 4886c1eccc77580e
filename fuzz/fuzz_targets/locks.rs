//! See `lockproof_fuzz::locks`.

#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| lockproof_fuzz::locks::run(input));
