//! See `lockproof_fuzz::items`.

#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| lockproof_fuzz::items::run(input));
