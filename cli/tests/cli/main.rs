//! The command line from outside: every test starts the program and looks at its output and exit code.
//!
//! Expected texts stand in the tests and in `tests/snapshots`. After a change that is meant, write them anew and read
//! the difference:
//!
//! ```text
//! SNAPSHOTS=overwrite INSTA_UPDATE=always cargo test -p lockproof --test cli
//! git diff cli/tests
//! ```

#![allow(clippy::needless_raw_string_hashes, reason = "snapbox writes them")]

#[path = "../support/mod.rs"]
mod support;

mod bless;
mod browser;
mod coverage;
mod determinism;
mod forms;
mod help;
mod hostile;
mod kernel_truth;
mod play;
mod protocols;
mod record;
mod report;
mod serve;
mod serve_echo;
mod serve_gate;
mod serve_limits;
mod serve_log;
mod serve_memory;
mod serve_sessions;
mod serve_watch;
mod sim;
mod sim_merge;
mod sim_processes;
mod target;
mod top;
mod usage;
mod verdict;
