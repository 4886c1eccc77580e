//! Those who watch `lockproof serve`: Prometheus, health checks, and systemd.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::os::unix::net::UnixDatagram;
use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::Value;
use snapbox::cmd::cargo_bin;

use crate::support::http::{ask, http};
use crate::support::memcached::{get, set};
use crate::support::served::Served;
use crate::support::{PATIENCE, connect, echoes, eventually, lockproof};

/// Samples by name and labels, of a page in which every family says what it is before its samples.
fn samples(page: &str) -> BTreeMap<String, f64> {
    let mut family = "";
    let mut samples = BTreeMap::new();
    for line in page.lines() {
        if let Some(kind) = line.strip_prefix("# TYPE ") {
            family = kind.split(' ').next().unwrap();
            assert!(kind.ends_with(" counter") || kind.ends_with(" gauge"), "{line}");
            assert_eq!(
                kind.ends_with(" counter"),
                family.ends_with("_total") || family.contains("uptime"),
                "{line}"
            );
        } else if !line.starts_with("# HELP ") {
            let (name, value) = line.rsplit_once(' ').unwrap();
            assert_eq!(name.split('{').next(), Some(family), "{line}");
            let before = samples.insert(name.to_owned(), value.parse().unwrap());
            assert_eq!(before, None, "twice: {name}");
        }
    }
    samples
}

#[test]
fn prometheus_reads_what_happened() {
    let served = Served::start(&["--http", "127.0.0.1:0"]);
    let mut client = connect(served.address("memcached"));
    set(&mut client, "key", b"value");
    for key in ["key", "key", "missing"] {
        get(&mut client, key);
    }
    let mut locker = connect(served.address("locker"));
    // One key: GET, in the natural layout.
    locker.write_all(b"\x7f\0\0\0\x01\0\0\0\x01\0\0\0\0\0\0\0k").unwrap();
    locker.read_exact(&mut [0; 2]).unwrap();
    let (status, head, page) = ask(http(&served), "GET /metrics").unwrap();
    assert_eq!(status, 200);
    assert!(head.contains("content-type: text/plain; version=0.0.4"), "{head}");
    let samples = samples(&page);
    for (name, value) in [
        ("memcached_up", 1.0),
        ("memcached_version{version=\"1.6.0\"}", 1.0),
        ("memcached_commands_total{command=\"get\",status=\"hit\"}", 2.0),
        ("memcached_commands_total{command=\"get\",status=\"miss\"}", 1.0),
        ("memcached_commands_total{command=\"set\",status=\"hit\"}", 1.0),
        ("memcached_current_items", 1.0),
        ("memcached_current_connections", 1.0),
        ("memcached_limit_bytes", 67_108_864.0),
        ("lockproof_locker_keys_held", 1.0),
        ("lockproof_locker_holders", 1.0),
        ("lockproof_locker_replies_total{outcome=\"ok\"}", 1.0),
        ("lockproof_connections{protocol=\"memcached\"}", 1.0),
        ("lockproof_connections{protocol=\"netmem\"}", 0.0),
        ("lockproof_connections_total{protocol=\"locker\"}", 1.0),
        ("lockproof_connections_ended_total{protocol=\"echo\",reason=\"peer\"}", 0.0),
    ] {
        assert_eq!(samples.get(name), Some(&value), "{name}\n{page}");
    }
    drop(client);
    let ended = "lockproof_connections_ended_total{protocol=\"memcached\",reason=\"peer\"}";
    let line = format!("{ended} 1\n");
    let has_ended = || ask(http(&served), "GET /metrics").unwrap().2.contains(&line);
    assert!(eventually(has_ended), "the end of a connection is not counted");
}

#[test]
fn health_is_told_and_nothing_else() {
    let served = Served::start(&["--only", "echo", "--http", "127.0.0.1:0"]);
    for (request, status, body) in [
        ("GET /healthz", 200, "ok\n"),
        ("GET /readyz", 200, "ready\n"),
        ("HEAD /readyz", 200, ""),
        ("POST /metrics", 405, "only GET\n"),
        ("POST /sessions", 405, "only GET\n"),
        ("DELETE /healthz", 405, "only GET\n"),
        ("GET /other", 404, "/metrics, /sessions, /healthz and /readyz are here\n"),
    ] {
        let (got, _, said) = ask(http(&served), request).unwrap();
        assert_eq!((got, said.as_str()), (status, body), "{request}");
    }
    let (_, _, page) = ask(http(&served), "GET /metrics").unwrap();
    assert!(!page.contains("memcached_up"), "memcached is not served here");
}

/// While connections are drained the server is alive and not ready, so that nobody new is sent to it.
#[test]
fn a_server_that_stops_is_not_ready() {
    let mut served = Served::start(&["--only", "echo", "--http", "127.0.0.1:0"]);
    let address = http(&served);
    let mut lingers = connect(served.address("echo"));
    assert!(echoes(&mut lingers, b"x"));
    served.signal("TERM");
    let mut seen = None;
    let ended = eventually(|| {
        let answer = ask(address, "GET /readyz");
        seen = seen.or(answer.as_ref().map(|it| it.0).filter(|status| *status == 503));
        answer.is_none()
    });
    assert!(ended && seen == Some(503), "it was never said that it stops");
    assert_eq!(served.exit_status().code(), Some(0));
}

/// Many that say nothing keep no health check away, and no protocol.
#[test]
fn silent_watchers_harm_nobody() {
    let served = Served::start(&["--only", "echo", "--http", "127.0.0.1:0"]);
    let silent: Vec<_> = (0..100).map(|_| connect(http(&served))).collect();
    assert!(echoes(&mut connect(served.address("echo")), b"x"));
    assert_eq!(ask(http(&served), "GET /healthz").unwrap().0, 200);
    drop(silent);
}

#[test]
fn systemd_hears_when_it_is_ready_reloads_and_stops() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("notify");
    let socket = UnixDatagram::bind(&path).unwrap();
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    let mut child = Command::new(cargo_bin!("lockproof"))
        .args(["serve", "--only", "echo", "--echo", "127.0.0.1:0"])
        .env("NOTIFY_SOCKET", &path)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let hear = || {
        let mut text = [0; 256];
        let count = socket.recv(&mut text).expect("a word to systemd");
        String::from_utf8_lossy(&text[..count]).into_owned()
    };
    let signal = |name: &str| crate::support::served::signal(child.id(), name);
    assert_eq!(hear().trim(), "READY=1");
    signal("HUP");
    let reloading = hear();
    assert!(
        reloading.contains("RELOADING=1") && reloading.contains("MONOTONIC_USEC="),
        "{reloading}"
    );
    assert_eq!(hear().trim(), "READY=1");
    signal("TERM");
    assert_eq!(hear().trim(), "STOPPING=1");
    assert_eq!(child.wait().unwrap().code(), Some(0));
}

/// By itself, again and again, and to the process alone that is meant.
#[test]
fn systemd_s_watchdog_is_told_that_the_server_runs() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("notify");
    let socket = UnixDatagram::bind(&path).unwrap();
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    let hear = || {
        let mut text = [0; 256];
        let count = socket.recv(&mut text).expect("a word to systemd");
        String::from_utf8_lossy(&text[..count]).trim().to_owned()
    };
    let start = |process: Option<&str>| {
        let mut command = Command::new(cargo_bin!("lockproof"));
        command
            .args(["serve", "--only", "echo", "--echo", "127.0.0.1:0"])
            .env("NOTIFY_SOCKET", &path)
            .env("WATCHDOG_USEC", "20000")
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        command.envs(process.map(|id| ("WATCHDOG_PID", id))).spawn().unwrap()
    };
    let end = |mut child: std::process::Child| {
        crate::support::served::signal(child.id(), "TERM");
        let heard: Vec<String> =
            core::iter::from_fn(|| Some(hear())).take_while(|text| text != "STOPPING=1").collect();
        assert_eq!(child.wait().unwrap().code(), Some(0));
        heard
    };
    let asked = start(None);
    assert_eq!(hear(), "READY=1");
    for _ in 0..5 {
        assert_eq!(hear(), "WATCHDOG=1");
    }
    assert!(end(asked).iter().all(|text| text == "WATCHDOG=1"));
    socket.set_nonblocking(true).unwrap();
    while socket.recv(&mut [0; 256]).is_ok() {}
    socket.set_nonblocking(false).unwrap();
    let another = start(Some("1"));
    assert_eq!(hear(), "READY=1");
    assert_eq!(end(another), Vec::<String>::new());
}

/// Hands sockets on as systemd does: from descriptor 3 on, with their names.
const ACTIVATE: &str = "
import os, socket, sys
names, program, arguments = sys.argv[1], sys.argv[2], sys.argv[2:]
sockets = [socket.create_server(('127.0.0.1', 0)) for _ in names.split(':')]
print(*[it.getsockname()[1] for it in sockets], flush=True)
for index, it in enumerate(sockets):
    os.dup2(it.fileno(), 100 + index)
for index in range(len(sockets)):
    os.dup2(100 + index, 3 + index)
os.environ.update(LISTEN_FDS=str(len(sockets)), LISTEN_PID=str(os.getpid()), LISTEN_FDNAMES=names)
os.execv(program, arguments)
";

#[test]
fn sockets_of_systemd_are_served_by_their_names() {
    let program = cargo_bin!("lockproof");
    let mut child = Command::new("python3")
        .args(["-c", ACTIVATE, "echo:memcached"])
        .arg(program)
        .args(["serve", "--only", "memcached,echo"])
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut said = std::io::BufReader::new(child.stdout.take().unwrap());
    let mut line = || {
        let mut text = String::new();
        std::io::BufRead::read_line(&mut said, &mut text).unwrap();
        text
    };
    let ports: Vec<u16> = line().split_whitespace().map(|port| port.parse().unwrap()).collect();
    let ready: Value = serde_json::from_str(&line()).unwrap();
    assert_eq!(ready["listen"]["echo"], format!("127.0.0.1:{}", ports[0]));
    assert_eq!(ready["listen"]["memcached"], format!("127.0.0.1:{}", ports[1]));
    assert!(echoes(&mut connect(([127, 0, 0, 1], ports[0]).into()), b"x"));
    assert_eq!(set(&mut connect(([127, 0, 0, 1], ports[1]).into()), "k", b"v").status, 0);
    child.kill().unwrap();
    child.wait().unwrap();
}

/// What the unit and the container start is what the program takes.
#[test]
fn unit_and_container_start_what_there_is() {
    let contrib = Path::new(env!("CARGO_MANIFEST_DIR")).join("../contrib");
    let help = lockproof(&["serve", "--help"]).assert().code(0);
    let help = String::from_utf8_lossy(&help.get_output().stdout).into_owned();
    for (file, start) in [("lockproof.service", "ExecStart="), ("Containerfile", "ENTRYPOINT ")] {
        let text = std::fs::read_to_string(contrib.join(file)).unwrap();
        let line = text.lines().find(|line| line.starts_with(start)).expect("a command");
        let flags: Vec<&str> =
            line.split([' ', ',', '"']).filter(|word| word.starts_with("--")).collect();
        assert!(!flags.is_empty() && line.contains("serve"), "{line}");
        for flag in flags {
            assert!(
                help.contains(&format!("{flag} <")) || help.contains(&format!("{flag}\n")),
                "{file}: {flag}"
            );
        }
    }
}

#[test]
fn an_address_for_watchers_that_is_taken_is_named() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let done = lockproof(&["serve", "--only", "echo", "--echo", "127.0.0.1:0", "--http", &address]);
    let done = done.assert().code(2).stdout_eq("");
    let said = String::from_utf8_lossy(&done.get_output().stderr).into_owned();
    assert!(said.contains(&format!("error: {address}: Address already in use")), "{said}");
}
