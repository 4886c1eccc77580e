//! Any text is a session or is refused; what is printed of a session parses again, and prints the same.

use lockproof_conformance::session::Session;

/// One text; bytes that are none are passed over.
pub fn run(input: &[u8]) {
    let Ok(text) = std::str::from_utf8(input) else { return };
    let Ok(session) = Session::parse(text) else { return };
    let printed = session.to_string();
    let again = Session::parse(&printed);
    let again = again.unwrap_or_else(|error| panic!("{error} in what was printed:\n{printed}"));
    assert_eq!(again.to_string(), printed);
}
