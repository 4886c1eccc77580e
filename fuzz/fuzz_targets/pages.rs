//! See `lockproof_fuzz::pages`.

#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| lockproof_fuzz::pages::run(input));
