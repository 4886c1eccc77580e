//! `lockproof serve`: the ready line, the end, and memcached's own options, looked at over the wire.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::process::{Command, Stdio};

use serde_json::{Value, json};
use snapbox::cmd::cargo_bin;
use snapbox::str;

use crate::support::memcached::{get, header, is_alive, set, statistic};
use crate::support::served::{Served, signal};
use crate::support::{connect, is_closed, lockproof, naming};

#[test]
fn ready_line_is_one_line_of_json() {
    let mut served = Served::start(&[]);
    let ready: Value = serde_json::from_str(&served.ready).unwrap();
    let listen = json!({
        "memcached": served.address("memcached").to_string(),
        "netmem": served.address("netmem").to_string(),
        "locker": served.address("locker").to_string(),
        "echo": served.address("echo").to_string(),
    });
    assert_eq!(ready, json!({ "ready": true, "listen": listen }));
    served.signal("TERM");
    assert_eq!(served.exit_status().code(), Some(0));
    assert_eq!(served.rest_of_stdout(), "", "the log goes to stderr");
}

#[test]
fn clients_can_connect_once_it_is_ready() {
    let served = Served::start(&[]);
    for protocol in ["memcached", "netmem", "locker", "echo"] {
        assert_ne!(served.address(protocol).port(), 0);
        connect(served.address(protocol));
    }
}

#[test]
fn only_the_protocols_asked_for() {
    let served = Served::start(&["--only", "netmem,echo"]);
    let ready: Value = serde_json::from_str(&served.ready).unwrap();
    let names: Vec<&String> = ready["listen"].as_object().unwrap().keys().collect();
    assert_eq!(names, ["netmem", "echo"]);
}

#[test]
fn address_in_use() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap();
    lockproof(&["serve", "--only", "memcached", "--memcached", &address.to_string()])
        .with_assert(naming(&[("[PORT]", address.port().to_string())]))
        .assert()
        .code(2)
        .stdout_eq("")
        .stderr_eq(str![[r#"
error: 127.0.0.1:[PORT]: Address already in use (os error 98)
  another program listens there; give another address, or port 0

"#]]);
}

#[test]
fn address_of_another_machine() {
    lockproof(&["serve", "--only", "echo", "--echo", "203.0.113.9:9999"])
        .assert()
        .code(2)
        .stdout_eq("")
        .stderr_eq(str![[r#"
error: 203.0.113.9:9999: Cannot assign requested address (os error 99)
  this machine has no such address

"#]]);
}

#[test]
fn log_has_no_escape_codes_away_from_a_terminal() {
    let mut child = Command::new(cargo_bin!("lockproof"))
        .args(["serve", "--only", "echo", "--echo", "127.0.0.1:0"])
        .env_remove("NO_COLOR")
        .env_remove("RUST_LOG")
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdout = BufReader::new(child.stdout.take().unwrap());
    stdout.read_line(&mut String::new()).unwrap();
    signal(child.id(), "TERM");
    let log = String::from_utf8(child.wait_with_output().unwrap().stderr).unwrap();
    assert!(log.contains("listening") && !log.contains('\x1b'), "{log:?}");
}

#[test]
fn sigterm_ends_it_with_clients_connected() {
    let mut served = Served::start(&[]);
    let mut memcached = connect(served.address("memcached"));
    let mut idle: Vec<_> =
        ["memcached", "netmem", "locker", "echo"].map(|name| connect(served.address(name))).into();
    assert!(is_alive(&mut memcached));
    served.signal("TERM");
    assert_eq!(served.exit_status().code(), Some(0));
    idle.push(memcached);
    assert!(idle.iter_mut().all(is_closed));
}

#[test]
fn sigint_ends_it_too() {
    let mut served = Served::start(&["--only", "echo"]);
    served.signal("INT");
    assert_eq!(served.exit_status().code(), Some(0));
}

/// What cannot be written is lost, and nothing else.
#[test]
fn log_that_cannot_be_written_ends_nothing() {
    let full = std::fs::File::options().write(true).open("/dev/full").unwrap();
    let (_, unread) = std::io::pipe().unwrap();
    for log in [Stdio::from(full), Stdio::from(unread)] {
        let mut child = Command::new(cargo_bin!("lockproof"))
            .args(["serve", "--only", "memcached", "--memcached", "127.0.0.1:0", "-vv"])
            .env_remove("RUST_LOG")
            .stdout(Stdio::piped())
            .stderr(log)
            .spawn()
            .unwrap();
        let mut ready = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut ready).unwrap();
        let ready: Value = serde_json::from_str(&ready).expect("the ready line");
        let address = ready["listen"]["memcached"].as_str().unwrap().parse().unwrap();
        for _ in 0..3 {
            assert!(is_alive(&mut connect(address)), "each connection that ends is a line");
        }
        signal(child.id(), "TERM");
        assert_eq!(child.wait().unwrap().code(), Some(0));
    }
}

/// Half a frame is something to wait for; the second signal does not wait.
#[test]
fn second_signal_ends_it_at_once() {
    let mut served = Served::start(&["--only", "memcached"]);
    let mut client = connect(served.address("memcached"));
    assert!(is_alive(&mut client));
    client.write_all(&header(0x01, 8, 1, 100)).unwrap();
    assert!(
        is_alive(&mut connect(served.address("memcached"))),
        "it had time to read the half frame"
    );
    served.signal("TERM");
    assert!(
        crate::support::eventually(
            || std::net::TcpStream::connect(served.address("memcached")).is_err()
        ),
        "it stops accepting"
    );
    served.signal("TERM");
    assert_eq!(served.exit_status().code(), Some(130));
}

const TOO_LARGE: u16 = 0x0003;
const NOT_FOUND: u16 = 0x0001;

#[test]
fn longest_item_is_an_option() {
    let served = Served::start(&["--only", "memcached", "-I", "4k"]);
    let mut client = connect(served.address("memcached"));
    assert_eq!(set(&mut client, "short", &[7; 3000]).status, 0);
    assert_eq!(set(&mut client, "long", &[7; 5000]).status, TOO_LARGE);
    assert_eq!(get(&mut client, "short").value, [7; 3000]);
}

#[test]
fn longest_item_is_a_megabyte_by_default() {
    let served = Served::start(&["--only", "memcached"]);
    let mut client = connect(served.address("memcached"));
    assert_eq!(set(&mut client, "short", &vec![7; 1_000_000]).status, 0);
    assert_eq!(set(&mut client, "long", &vec![7; (1 << 20) + 1]).status, TOO_LARGE);
}

#[test]
fn memory_is_an_option() {
    let kept = |megabytes: &str| {
        let served = Served::start(&["--only", "memcached", "-m", megabytes]);
        let mut client = connect(served.address("memcached"));
        for index in 0..64 {
            assert_eq!(set(&mut client, &format!("key{index}"), &vec![7; 100_000]).status, 0);
        }
        (0..64).filter(|index| get(&mut client, &format!("key{index}")).status != NOT_FOUND).count()
    };
    assert_eq!(kept("64"), 64);
    let kept = kept("2");
    assert!((1..=20).contains(&kept), "two megabytes hold at most twenty of them: {kept}");
}

#[test]
fn connection_limit_is_an_option() {
    let served = Served::start(&["--only", "memcached", "-c", "2"]);
    let mut clients = [0, 1].map(|_| connect(served.address("memcached")));
    assert!(clients.iter_mut().all(is_alive));
    assert!(is_closed(&mut connect(served.address("memcached"))));
    assert!(clients.iter_mut().all(is_alive), "one too many harms nobody");
}

#[test]
fn number_of_threads_is_an_option() {
    let served = Served::start(&["--only", "memcached", "-t", "3"]);
    let threads = statistic(&mut connect(served.address("memcached")), "threads");
    assert_eq!(threads.as_deref(), Some("3"));
}

#[test]
fn sizes_are_checked() {
    lockproof(&["serve", "-I", "512"]).assert().code(2).stdout_eq("").stderr_eq(str![[r#"
error: invalid value '512' for '--max-item-size <SIZE>': a size from 1k to 1024m

For more information, try '--help'.

"#]]);
    lockproof(&["serve", "-m", "0"]).assert().code(2).stdout_eq("").stderr_eq(str![[r#"
error: invalid value '0' for '--memory-limit <MB>': 0 is not in 1..=4294967295

For more information, try '--help'.

"#]]);
}

#[test]
fn packed_locker_with_errno_results_conforms() {
    let served = Served::start(&[
        "--only",
        "locker",
        "--locker-layout",
        "packed",
        "--locker-results",
        "errno",
    ]);
    let url = format!("{}?layout=packed&results=errno", served.url("locker"));
    let report = check_of_locker(&url);
    assert_eq!(report["outcome"], "conforms");
    assert!(report["totals"]["pass"].as_u64() > Some(50), "{}", report["totals"]);
}

/// So the test above can fail.
#[test]
fn packed_locker_is_not_taken_for_the_other() {
    let served = Served::start(&["--only", "locker", "--locker-results", "errno"]);
    let report = check_of_locker(&served.url("locker"));
    assert_eq!(report["outcome"], "failed");
}

fn check_of_locker(url: &str) -> Value {
    let case = ["--delivery", "whole", "--timeout", "2s", "--format", "json"];
    let done = lockproof(&[&["check", url], &case[..]].concat()).assert();
    serde_json::from_slice(&done.get_output().stdout).unwrap()
}
