//! The log of `lockproof serve`: its levels, and its form for programs.

use std::io::{BufRead, BufReader, Lines};
use std::net::TcpStream;
use std::process::{Child, ChildStderr, Command, Stdio};

use serde_json::Value;
use snapbox::cmd::cargo_bin;

use crate::support::{connect, echoes, is_closed};

/// A server of echo, and its log.
struct Logging {
    child: Child,
    log: Lines<BufReader<ChildStderr>>,
    client: TcpStream,
}

impl Logging {
    /// With a client that was echoed something.
    fn start(arguments: &[&str]) -> Self {
        let mut child = Command::new(cargo_bin!("lockproof"))
            .args(["serve", "--only", "echo", "--echo", "127.0.0.1:0", "--conn-limit", "1"])
            .args(arguments)
            .env_remove("RUST_LOG")
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut ready = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut ready).unwrap();
        let ready: Value = serde_json::from_str(&ready).unwrap();
        let mut client = connect(ready["listen"]["echo"].as_str().unwrap().parse().unwrap());
        assert!(echoes(&mut client, b"x"));
        let log = BufReader::new(child.stderr.take().unwrap()).lines();
        Self { child, log, client }
    }

    /// Ends the server, and returns what it said until then.
    fn rest(mut self) -> Vec<String> {
        crate::support::served::signal(self.child.id(), "TERM");
        let rest = self.log.map(Result::unwrap).collect();
        assert_eq!(self.child.wait().unwrap().code(), Some(0));
        rest
    }
}

#[test]
fn a_line_about_a_session_says_which() {
    let mut logging = Logging::start(&["--log-format", "json", "--log", "debug"]);
    let peer = logging.client.local_addr().unwrap().to_string();
    let address = logging.client.peer_addr().unwrap();
    let mut refused = connect(address);
    let refused_peer = refused.local_addr().unwrap().to_string();
    assert!(is_closed(&mut refused));
    logging.client.shutdown(std::net::Shutdown::Write).unwrap();
    assert!(is_closed(&mut logging.client));
    let lines: Vec<Value> =
        logging.rest().iter().map(|line| serde_json::from_str(line).expect(line)).collect();
    for line in &lines {
        assert!(
            ["timestamp", "level", "target", "message"].iter().all(|key| line[key].is_string()),
            "{line}"
        );
    }
    let about = |message: &str| {
        let mut found = lines.iter().filter(|line| line["message"] == message);
        let line = found.next().unwrap_or_else(|| panic!("{message} in {lines:#?}"));
        let span = &line["span"];
        (span["protocol"].clone(), span["peer"].clone(), span["id"].clone())
    };
    assert_eq!(about("accepted"), ("echo".into(), peer.clone().into(), 1.into()));
    assert_eq!(about("closed"), ("echo".into(), peer.into(), 1.into()));
    assert_eq!(
        about("too many connections, closed"),
        ("echo".into(), refused_peer.into(), Value::Null)
    );
}

#[test]
fn a_line_for_people_says_which_too() {
    let logging = Logging::start(&[]);
    let peer = logging.client.local_addr().unwrap();
    let lines = logging.rest();
    let about = format!("session{{id=1 protocol=\"echo\" peer={peer}}}");
    let has = |line: &String| line.contains(&about) && line.contains("accepted");
    assert!(lines.iter().any(has), "{lines:#?}");
    assert!(lines.iter().all(|line| !line.contains("DEBUG")), "{lines:#?}");
}

#[test]
fn levels_say_less_or_more() {
    assert_eq!(Logging::start(&["--log", "warn"]).rest(), Vec::<String>::new());
    for more in [&["--log", "debug"][..], &["-v"]] {
        let lines = Logging::start(more).rest();
        assert!(lines.iter().any(|line| line.contains("DEBUG")), "{lines:#?}");
    }
}
