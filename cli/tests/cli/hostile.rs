//! `check` against servers that mean harm: it ends, in its time, with a verdict, and takes little memory.

use std::net::{SocketAddr, TcpListener};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;
use snapbox::cmd::cargo_bin;

use crate::support::served::Served;
use crate::support::{PATIENCE, hostile, lockproof, spite, turncoat};

const PROTOCOLS: [&str; 4] = ["memcached", "netmem", "locker", "echo"];

/// The limit that is given to the run, and how late it may be: reports of thousands of failures take a moment.
const LIMIT: Duration = Duration::from_secs(10);
const LATE: Duration = Duration::from_secs(15);

const MEMORY_MAX: u64 = 256 << 20;

/// Judges a server that treats most connections that way, in each protocol.
#[track_caller]
fn survives(treatment: turncoat::Treatment) {
    let served = Served::start(&[]);
    for protocol in PROTOCOLS {
        let address = turncoat::start(served.address(protocol), treatment);
        let run = check(&format!("{protocol}://{address}"));
        println!("{protocol}: {run:?}");
        assert!(matches!(run.code, Some(1 | 3 | 4)), "{protocol}: {run:?}");
        assert!(!run.stderr.contains("panicked"), "{protocol}: {run:?}");
        assert!(run.memory < MEMORY_MAX, "{protocol}: {run:?}");
        assert!(run.took < LIMIT + LATE, "{protocol}: {run:?}");
    }
}

#[derive(Debug)]
struct Run {
    code: Option<i32>,
    took: Duration,
    /// The most that was resident, in bytes.
    memory: u64,
    stderr: String,
}

fn check(url: &str) -> Run {
    let begun = Instant::now();
    let limit = format!("{}s", LIMIT.as_secs());
    let mut child = Command::new(cargo_bin!("lockproof"))
        .args(["check", url, "--delivery", "whole", "--timeout", "300ms", "--max-time", &limit])
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut memory = 0;
    while child.try_wait().unwrap().is_none() {
        memory = memory.max(peak(&child));
        if begun.elapsed() > PATIENCE {
            child.kill().unwrap();
        }
        std::thread::sleep(Duration::from_millis(2));
    }
    let took = begun.elapsed();
    let output = child.wait_with_output().unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
    Run { code: output.status.code(), took, memory, stderr }
}

/// The high water mark of a process's resident memory; 0 once it has ended.
fn peak(child: &Child) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", child.id()));
    let status = status.unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kilobytes = line.and_then(|line| line.trim().strip_suffix(" kB"));
    kilobytes.map_or(0, |kilobytes| kilobytes.parse::<u64>().unwrap() << 10)
}

#[test]
fn random_bytes_without_end() {
    survives(spite::random_bytes);
}

#[test]
fn a_gigabyte_announced_and_sent() {
    survives(spite::gigabyte);
}

#[test]
fn the_longest_replies_without_end() {
    survives(spite::long_replies);
}

#[test]
fn statistics_without_end() {
    survives(spite::endless_statistics);
}

#[test]
fn right_replies_without_end() {
    survives(spite::repeats_itself);
}

#[test]
fn right_replies_byte_by_byte_and_slowly() {
    survives(spite::drip);
}

#[test]
fn a_reset_at_each_byte() {
    survives(spite::reset_at_each_byte);
}

#[test]
fn a_close_at_once() {
    survives(spite::slam);
}

#[test]
fn a_server_that_says_nothing() {
    survives(spite::mute);
}

#[test]
fn a_server_that_takes_nothing() {
    survives(spite::deaf);
}

/// An echo server that dies after forty connections.
fn mortal() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for stream in listener.incoming().take(40).flatten() {
            std::thread::spawn(move || hostile::echo(stream));
        }
    });
    address
}

#[test]
fn a_server_that_dies_is_not_asked_on() {
    let url = format!("echo://{}", mortal());
    let done = lockproof(&["check", &url, "--timeout", "1s", "--jobs", "1", "--format", "json"]);
    let done = done.assert().code(1);
    let report: Value = serde_json::from_slice(&done.get_output().stdout).unwrap();
    assert!(report["totals"]["pass"].as_u64() > Some(5), "{}", report["totals"]);
    assert!(report["totals"]["not-played"].as_u64() > Some(5), "{}", report["totals"]);
    let last =
        report["cases"].as_array().unwrap().iter().find(|case| case["verdict"] == "not-played");
    let why = last.unwrap()["detail"].as_str().unwrap();
    assert!(why.starts_with("the server is gone: no connection to echo://"), "{why}");
    // The first that failed is the one that is named; what failed beside it was waiting.
    let named = why.split_once("; ").and_then(|(_, rest)| rest.split_once(" found out"));
    let named = named.expect("a case is named").0;
    let failed = |case: &&Value| case["verdict"] == "fail" && case["id"] == named;
    assert!(report["cases"].as_array().unwrap().iter().any(|case| failed(&case)), "{why}");
    assert!(report["totals"]["fail"].as_u64() < Some(8), "{}", report["totals"]);
}

/// Cases that wait for an expiry are cut off when the run's time is over, and prove nothing.
#[test]
fn a_run_ends_in_its_time() {
    let begun = Instant::now();
    let arguments = ["check", "--case", "memcached/exp/*", "--case", "memcached/nop/*"];
    let done = lockproof(&arguments).args(["--max-time", "1s"]).assert().code(4);
    let text = String::from_utf8_lossy(&done.get_output().stdout).into_owned();
    assert!(text.contains("the run's time was over (1s): memcached/exp/"), "{text}");
    assert!(text.contains("inconclusive: not every case was played to its end"), "{text}");
    assert!(begun.elapsed() < PATIENCE / 2, "{:?}", begun.elapsed());
}
