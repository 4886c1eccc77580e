//! Runs the programs under test, and reads what they report.

use std::path::Path;
use std::process::Command;

use serde_json::Value;

/// What a run came to.
#[derive(Debug)]
pub(crate) struct Run {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
    pub(crate) report: Value,
}

/// A server, and what is said to it.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Server<'a> {
    /// `lockproof serve`.
    Ours,
    /// This program, with that fault or `none`.
    Broken(&'a str),
    /// Another program.
    Program(&'a Path),
}

/// Runs `faults`.
pub(crate) fn faults(server: Server<'_>, arguments: &[&str]) -> Run {
    run(env!("CARGO_BIN_EXE_faults"), server, arguments)
}

/// Runs `soak`.
pub(crate) fn soak(server: Server<'_>, arguments: &[&str]) -> Run {
    run(env!("CARGO_BIN_EXE_soak"), server, arguments)
}

fn run(program: &str, server: Server<'_>, arguments: &[&str]) -> Run {
    let room = tempfile::tempdir().expect("a directory");
    let json = room.path().join("report.json");
    let mut command = Command::new(program);
    command.args(arguments).arg("--json").arg(&json);
    match server {
        Server::Ours => {}
        Server::Broken(fault) => {
            let this = std::env::current_exe().expect("this program");
            command.arg("--server").arg(this).env(crate::broken::FAULT, fault);
            command.args(["--patience", "3"]);
        }
        Server::Program(program) => {
            command.arg("--server").arg(program);
        }
    }
    let output = command.output().expect("it starts");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let report = std::fs::read(&json)
        .map_or(Value::Null, |json| serde_json::from_slice(&json).expect("a report is JSON"));
    let (stdout, stderr) = (text(&output.stdout), text(&output.stderr));
    Run { code: output.status.code(), stdout, stderr, report }
}

impl Run {
    /// Every check held.
    #[track_caller]
    pub(crate) fn holds(&self) {
        assert_eq!(self.code, Some(0), "{}\n{}", self.stdout, self.stderr);
        assert!(self.failed().is_empty(), "{}", self.stdout);
    }

    /// That check did not hold, and the run says so and how to run it again.
    #[track_caller]
    pub(crate) fn fails(&self, check: &str) {
        assert_eq!(self.code, Some(1), "{}\n{}", self.stdout, self.stderr);
        assert!(self.failed().contains(&check), "`{check}` held:\n{}", self.stdout);
        assert!(self.stdout.contains(&format!("- FAILED: {check}: ")), "{}", self.stdout);
        assert!(self.stderr.contains("a check does not hold; again: ci/"), "{}", self.stderr);
        assert!(self.stderr.contains("--seed "), "{}", self.stderr);
    }

    /// The scenarios.
    pub(crate) fn scenarios(&self) -> Vec<&Value> {
        let report = self.report.get("report").unwrap_or(&self.report);
        report["scenarios"].as_array().map_or_else(Vec::new, |all| all.iter().collect())
    }

    fn failed(&self) -> Vec<&str> {
        let checks = self
            .scenarios()
            .into_iter()
            .flat_map(|scenario| scenario["checks"].as_array().expect("checks").iter());
        let failed = checks.filter(|check| check["holds"] == false);
        failed.filter_map(|check| check["name"].as_str()).collect()
    }
}
