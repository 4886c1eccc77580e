//! Says what is carried inside the binary: without this, cargo would not notice a new session or expectations file.

fn main() {
    for folder in ["sessions", "targets"] {
        println!("cargo::rerun-if-changed={folder}");
    }
}
