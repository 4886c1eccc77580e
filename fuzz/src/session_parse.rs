//! Any text is a session or is refused; what is printed of a session parses again, and prints the same.

#![no_main]

use libfuzzer_sys::fuzz_target;
use lockproof_conformance::session::Session;

fuzz_target!(|text: &str| {
    let Ok(session) = Session::parse(text) else { return };
    let printed = session.to_string();
    let again = Session::parse(&printed);
    let again = again.unwrap_or_else(|error| panic!("{error} in what was printed:\n{printed}"));
    assert_eq!(again.to_string(), printed);
});
