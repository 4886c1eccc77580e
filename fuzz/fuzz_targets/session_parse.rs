//! See `lockproof_fuzz::session_parse`.

#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| lockproof_fuzz::session_parse::run(input));
