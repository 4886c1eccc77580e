//! Rewrites session files in canonical form, for their authors.
//!
//! ```text
//! cargo run -p lockproof-conformance --example format -- conformance/sessions/echo/*/*.session
//! ```

use std::process::ExitCode;

use lockproof_conformance::session::Session;

fn main() -> ExitCode {
    let files: Vec<String> = std::env::args().skip(1).collect();
    if files.is_empty() {
        eprintln!("usage: format FILE…");
        return ExitCode::from(2);
    }
    let broken = files.iter().filter(|file| !format(file)).count();
    ExitCode::from(u8::from(broken > 0))
}

/// Whether the file could be read, understood and, if need be, rewritten.
fn format(file: &str) -> bool {
    let formatted =
        std::fs::read_to_string(file).map_err(|error| error.to_string()).and_then(|text| {
            let canonical = Session::parse(&text).map_err(|error| error.to_string())?.to_string();
            if canonical == text {
                return Ok(());
            }
            println!("{file}: rewritten");
            std::fs::write(file, canonical).map_err(|error| error.to_string())
        });
    formatted.inspect_err(|problem| eprintln!("{file}: {problem}")).is_ok()
}
