//! Programs that nobody here wrote: real clients against `lockproof serve`, and `lockproof check` against a real
//! memcached.
//!
//! All of it comes from `ci/setup`; what is missing is a failure and not a skip. What each client does stands in
//! `tests/clients/`. In this file they speak the binary protocol; in `real_clients/text.rs` text and meta.

#[path = "real_clients/outcomes.rs"]
mod outcomes;
mod processes;
#[path = "real_clients/recording.rs"]
mod recording;
#[path = "real_clients/table.rs"]
mod table;
#[path = "real_clients/text.rs"]
mod text;

use std::collections::{BTreeMap, BTreeSet};
use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use lockproof_conformance::expectations::{Expectations, ExpectedVerdict};
use processes::{Memcached, Server, run, tool};

#[test]
fn python_binary_memcached_is_at_home() {
    python("python_binary_memcached.py", "delete with the new token");
}

#[test]
fn pylibmc_in_binary_mode_is_at_home() {
    python("pylibmc_binary.py", "sets without a reply");
}

/// Runs a script of `tests/clients/`; `step` is one that it must have come past.
fn python(script: &str, step: &str) {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let interpreter = root.join("../ci/venv/bin/python");
    let server = Server::start();
    let script = root.join("tests/clients").join(script);
    let mut command = tool(&interpreter.to_string_lossy());
    let said = run(command.arg(script).arg(&server.memcached)).success();
    assert!(said.lines().any(|line| line == step), "`{step}` is missing:\n{said}");
    assert!(said.ends_with("flush_all\n"), "the last step is missing:\n{said}");
    server.stop();
}

/// libmemcached with SASL: in pylibmc's wheel, and in the tools of the system.
#[test]
fn libmemcached_authenticates_with_sasl() {
    let directory = tempfile::tempdir().expect("a directory");
    let users = directory.path().join("users.txt");
    std::fs::write(&users, "anna:right\n").expect("a file");
    std::fs::set_permissions(&users, Permissions::from_mode(0o600)).expect("it is ours");
    let users = users.to_string_lossy();
    let server = Server::start_with(&["--sasl-file", &users, "--auth-delay", "50ms"]);

    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut command = tool(&root.join("../ci/venv/bin/python").to_string_lossy());
    command.arg(root.join("tests/clients/pylibmc_sasl.py"));
    let said = run(command.args([&server.memcached, "anna", "right"])).success();
    assert!(said.ends_with("without a user\n"), "the last step is missing:\n{said}");

    let memcstat = |password: &str| {
        let mut command = memcached_tool("memcstat", &server);
        run(command.args(["--username", "anna", "--password", password]))
    };
    assert!(memcstat("right").success().contains("curr_items: 1"));
    let refused = memcstat("wrong").failure();
    assert!(refused.contains("AUTHENTICATION FAILURE"), "{refused}");
    server.stop();
}

#[test]
fn memccp_and_memccat_carry_files() {
    let server = Server::start();
    let files = tempfile::tempdir().expect("a directory");
    let contents: [(&str, &[u8]); 3] = [
        ("plain.txt", b"plain"),
        ("grüße.txt", "Grüße, мир 🔒".as_bytes()),
        ("bytes.bin", b"\0\xff\r\n\0"),
    ];
    for (name, content) in contents {
        std::fs::write(files.path().join(name), content).expect("a file");
    }
    let names = contents.map(|(name, _)| name);
    let here = || {
        let mut command = tool("memccp");
        command.current_dir(files.path()).args(["--binary", "--servers", &server.memcached]);
        command
    };
    run(here().args(names)).success();
    for (name, content) in contents {
        let said = run(memcached_tool("memccat", &server).arg(name)).success_bytes();
        assert_eq!(said, [content, b"\n"].concat(), "{name}");
    }
    let all = run(memcached_tool("memccat", &server).args(names)).success_bytes();
    assert_eq!(all, contents.map(|(_, content)| [content, b"\n"].concat()).concat());

    let refused = run(here().args(["--add", "plain.txt"])).failure();
    assert!(refused.contains("DATA EXISTS"), "{refused}");
    run(here().args(["--replace", "plain.txt"])).success();
    server.stop();
}

#[test]
fn memctouch_memcexist_memcrm_and_memcflush_see_the_same_items() {
    let server = Server::start();
    let files = tempfile::tempdir().expect("a directory");
    std::fs::write(files.path().join("item"), "value").expect("a file");
    let item = files.path().join("item");
    run(memcached_tool("memccp", &server).arg(&item)).success();
    run(memcached_tool("memcexist", &server).arg("item")).success();
    run(memcached_tool("memctouch", &server).args(["--expire", "1000", "item"])).success();
    run(memcached_tool("memccat", &server).arg("item")).success();
    run(memcached_tool("memcrm", &server).arg("item")).success();
    run(memcached_tool("memcexist", &server).arg("item")).failure();
    run(memcached_tool("memcrm", &server).arg("item")).failure();
    run(memcached_tool("memccp", &server).arg(&item)).success();
    run(&mut memcached_tool("memcflush", &server)).success();
    run(memcached_tool("memccat", &server).arg("item")).failure();
    server.stop();
}

#[test]
fn memcstat_reads_the_statistics() {
    let server = Server::start();
    let said = run(&mut memcached_tool("memcstat", &server)).success();
    let pid = format!("pid: {}", server.pid());
    for wanted in [pid.as_str(), "uptime: ", "curr_items: 0", "cmd_get: 0", "threads: "] {
        assert!(said.contains(wanted), "`{wanted}` is missing:\n{said}");
    }
    server.stop();
}

#[test]
fn memcslap_loads_reads_and_multi_gets() {
    let server = Server::start();
    let wanted = [
        ("set", "Time to set            1000 keys by    2 threads"),
        ("get", "Time to get"),
        ("mget", "Time to mget"),
    ];
    for (test, line) in wanted {
        let mut command = memcached_tool("memcslap", &server);
        let said =
            run(command.args(["--test", test, "--execute-number", "500", "--concurrency", "2"]))
                .success();
        assert!(said.contains(line), "{test}:\n{said}");
    }
    let statistics = run(&mut memcached_tool("memcstat", &server)).success();
    for (name, least) in [("cmd_set", 2000), ("cmd_get", 2000), ("get_hits", 2000)] {
        let value = statistic(&statistics, name);
        assert!(value >= least, "{name}: {value}, at least {least} expected");
    }
    server.stop();
}

fn statistic(said: &str, name: &str) -> u64 {
    let line = said.lines().find_map(|line| line.trim().strip_prefix(name)?.strip_prefix(": "));
    line.and_then(|value| value.parse().ok()).unwrap_or_else(|| panic!("no {name} in:\n{said}"))
}

/// All that memccapable asks of a binary server, 27 tests. It has none for TOUCH, GAT and SASL.
const MEMCCAPABLE: &str = "noop quit quitq set setq flush flushq add addq replace replaceq delete deleteq get getq getk \
                           getkq incr incrq decr decrq version append appendq prepend prependq stat";

#[test]
fn memccapable_passes_every_binary_test() {
    let server = Server::start();
    let (host, port) = server.memcached.split_once(':').expect("host and port");
    let said = run(tool("memccapable").args(["-b", "-h", host, "-p", port])).success();
    let passed: Vec<&str> = said
        .lines()
        .filter_map(|line| line.strip_prefix("binary ")?.strip_suffix("[pass]"))
        .map(str::trim)
        .collect();
    assert_eq!(passed.join(" "), MEMCCAPABLE, "{said}");
    server.stop();
}

/// libmemcached's tools take their options in the same words.
fn memcached_tool(name: &str, server: &Server) -> Command {
    let mut command = tool(name);
    command.args(["--binary", "--servers", &server.memcached]);
    command
}

/// The bundled expectations are exactly what memcached does, and neighbours change no verdict.
#[test]
fn memcached_is_judged_the_same_alone_and_side_by_side() {
    let memcached = Memcached::start();
    let alone = verdicts(&memcached, "1");
    let side_by_side = verdicts(&memcached, "8");
    assert!(alone.len() > 100, "{} cases", alone.len());
    assert!(
        alone.values().any(|verdict| verdict == "expected-fail"),
        "the bundled expectations are not used"
    );
    let others = |line: &(&String, &String)| alone.get(line.0) != Some(line.1);
    let differences: Vec<_> = side_by_side.iter().filter(others).collect();
    assert!(
        differences.is_empty() && alone.len() == side_by_side.len(),
        "only side by side: {differences:#?}"
    );
}

/// Every case's verdict in every delivery, of a run that has to conform.
fn verdicts(memcached: &Memcached, jobs: &str) -> BTreeMap<String, String> {
    let target = format!("memcached://{}", memcached.address);
    let mut command = tool(env!("CARGO_BIN_EXE_lockproof"));
    command.args(["check", &target, "--jobs", jobs, "--format", "json"]);
    let said = run(&mut command);
    let report: serde_json::Value = serde_json::from_slice(&said.stdout).expect("a report");
    let cases = report["cases"].as_array().expect("cases");
    let field =
        |case: &serde_json::Value, name: &str| case[name].as_str().unwrap_or_default().to_owned();
    let fine = |verdict: &str| ["pass", "expected-fail", "unsupported"].contains(&verdict);
    let failures: Vec<_> = cases.iter().filter(|case| !fine(&field(case, "verdict"))).collect();
    assert!(
        said.code == Some(0) && failures.is_empty(),
        "--jobs {jobs}: {failures:#?}\n{}",
        said.stderr
    );
    let unsteady = unsteady();
    let steady = cases.iter().filter(|case| !unsteady.contains(&field(case, "id")));
    steady
        .map(|case| {
            (format!("{} [{}]", field(case, "id"), field(case, "delivery")), field(case, "verdict"))
        })
        .collect()
}

/// Cases that memcached fails now and then, as its expectations file says with the reason.
fn unsteady() -> BTreeSet<String> {
    let bundled = Expectations::bundled().expect("the files parse");
    let lines = bundled.into_iter().flat_map(|file| file.lines);
    lines.filter(|line| line.verdict == ExpectedVerdict::Flaky).map(|line| line.case).collect()
}
