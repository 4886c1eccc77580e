//! What this program is made of. A seed means something only together with it.

use std::fmt::Write;

use serde_json::{Value, json};
use sha2::{Digest, Sha256};

const COMMIT: &str = env!("LOCKPROOF_COMMIT");
const RUSTC: &str = env!("LOCKPROOF_RUSTC");
const PROFILE: &str = env!("LOCKPROOF_PROFILE");
const LOCK_FILE: &[u8] = include_bytes!("../../Cargo.lock");

/// For people, in a line.
pub fn line() -> String {
    let changed = if is_changed() { ", with changes" } else { "" };
    let commit = COMMIT.get(..12).unwrap_or(COMMIT);
    let lock_file = lock_file();
    let lock_file = lock_file.get(..12).unwrap_or(&lock_file);
    let flags = flags().join(" ");
    format!("commit {commit}{changed}; {RUSTC}; {PROFILE}; {flags}; Cargo.lock sha256 {lock_file}…")
}

/// For programs.
pub fn json() -> Value {
    json!({
        "commit": COMMIT,
        "changed": is_changed(),
        "rustc": RUSTC,
        "profile": PROFILE,
        "flags": flags(),
        "lock_file_sha256": lock_file(),
    })
}

/// Whether the sources were other than those of the commit.
fn is_changed() -> bool {
    env!("LOCKPROOF_CHANGED") == "yes"
}

fn flags() -> Vec<&'static str> {
    let mut flags = vec![if cfg!(debug_assertions) { "assertions" } else { "no assertions" }];
    if cfg!(tokio_unstable) {
        flags.push("tokio_unstable");
    }
    flags
}

/// As `sha256sum Cargo.lock` prints it.
fn lock_file() -> String {
    Sha256::digest(LOCK_FILE).iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}
