//! `docs/results/real-clients.md`: one row for each client, of what its test saw.
//!
//! Every test holds its own row against the file; with `LOCKPROOF_BLESS=1` it writes it. Tests may be processes of their own,
//! so that happens under a lock of the file.

use std::collections::BTreeSet;
use std::fs::{File, OpenOptions};
use std::io::{Read as _, Seek as _, Write as _};
use std::path::PathBuf;

/// Where the counts of memcached are from. Others from 1.6.18 to 1.6.24 have to give the same.
const HEAD: &str = "\
# What real clients do with memcached and with our server

Written by `LOCKPROOF_BLESS=1 cargo test -p lockproof --test real_clients`, from what was seen; do not edit. The same test compares it.

Each client is run against a fresh memcached 1.6.18 and a fresh `lockproof serve`. Every step has to come out right with memcached, and
with the very same result with ours, unless the last column says why not. *Its own tests* are those that its source package brings along,
those that need a server; otherwise a script in `cli/tests/clients/` calls all that the client offers.

The clients of the binary protocol have more tests (`cli/tests/real_clients.rs`), and what they do with a server that misbehaves is
[another table](clients.md).

| client | protocol | what was run | memcached | ours | remarks |
| --- | --- | --- | --- | --- | --- |
";

/// A row, in the order of the columns.
pub(crate) struct Row {
    pub(crate) client: String,
    pub(crate) protocol: &'static str,
    pub(crate) what: &'static str,
    pub(crate) memcached: String,
    pub(crate) ours: String,
    pub(crate) remarks: String,
}

impl Row {
    fn line(&self) -> String {
        let Self { client, protocol, what, memcached, ours, remarks } = self;
        format!("| {client} | {protocol} | {what} | {memcached} | {ours} | {remarks} |")
    }

    /// The row stands in the table, or is written there.
    pub(crate) fn is_recorded(&self) {
        let line = self.line();
        if is_blessing() {
            bless(&line, self.what, &self.client);
        }
        let table = std::fs::read_to_string(path()).expect("the table");
        assert!(
            table.lines().any(|recorded| recorded == line),
            "not in docs/results/real-clients.md; if it is meant, LOCKPROOF_BLESS=1:\n{line}"
        );
    }
}

fn is_blessing() -> bool {
    std::env::var_os("LOCKPROOF_BLESS").is_some()
}

fn path() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../docs/results/real-clients.md")
}

/// Puts the row to the others, in the place of that client's older one.
fn bless(line: &str, what: &str, client: &str) {
    let mut options = OpenOptions::new();
    let mut file = options
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .open(path())
        .expect("the table");
    file.lock().expect("the lock");
    let mut lines = rows(&read(&mut file));
    let name = client.split(' ').next().unwrap_or_default();
    lines.retain(|row| !(row.starts_with(&format!("| {name} ")) && row.contains(what)));
    lines.insert(line.to_owned());
    let text = format!("{HEAD}{}\n", lines.into_iter().collect::<Vec<_>>().join("\n"));
    file.rewind().and_then(|()| file.set_len(0)).expect("an empty file");
    file.write_all(text.as_bytes()).expect("the table is written");
}

fn read(file: &mut File) -> String {
    let mut text = String::new();
    file.read_to_string(&mut text).expect("UTF-8");
    text
}

fn rows(text: &str) -> BTreeSet<String> {
    let is_row = |line: &&str| line.starts_with("| ") && !line.starts_with("| ---");
    text.lines().filter(is_row).filter(|line| !HEAD.contains(line)).map(str::to_owned).collect()
}

/// The head is this one, and there are so many rows: none is left of a client that is gone.
pub(crate) fn is_whole(count: usize) {
    // Other tests are writing it.
    if is_blessing() {
        return;
    }
    let text = std::fs::read_to_string(path()).expect("the table");
    assert!(text.starts_with(HEAD), "the head of docs/results/real-clients.md; LOCKPROOF_BLESS=1");
    assert_eq!(rows(&text).len(), count, "rows of docs/results/real-clients.md");
}
