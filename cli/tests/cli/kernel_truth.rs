//! What the simulator says of a client that is in the way, a real kernel says too: real sockets on loopback, clients that
//! are processes, stopped and killed by signals, and two servers, ours and one that sends inside its lock.
//!
//! The simulator's scenario and the real one end in one word each; the words are equal, or the simulator is wrong about
//! the world.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::Duration;

use lockproof_defects::{Clock, KINDS, Setup};
use lockproof_sim::known_bad::KnownBad;
use lockproof_sim::scenario::Scenario;
use lockproof_sim::server::Server;

use crate::support::served::{Served, signal};
use crate::support::{connect, eventually, memcached};

/// What a healthy client's write is given before it counts as wedged. A server that is not held up answers in
/// microseconds, so that a loaded machine has room.
const SHOULD_TAKE: Duration = Duration::from_secs(10);

/// As much may go on its way from one look to the next while a send is stuck.
const A_LITTLE: u64 = 64 << 10;

/// A client in the way.
struct Victim {
    process: Child,
    port: u16,
}

impl Victim {
    fn start(server: SocketAddr, manner: &str) -> Self {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/victims/victim.py");
        let mut process = Command::new("python3")
            .arg(script)
            .args([&server.ip().to_string(), &server.port().to_string(), manner])
            .stdout(Stdio::piped())
            .spawn()
            .expect("python3");
        let mut line = String::new();
        BufReader::new(process.stdout.take().unwrap()).read_line(&mut line).unwrap();
        Self { process, port: line.trim().parse().expect("a port") }
    }

    /// Waits until the server has bytes for it that do not go.
    fn is_in_the_way(&self, server: SocketAddr) {
        let stuck = || {
            let before = unsent(server.port(), self.port).unwrap_or_default();
            thread::sleep(Duration::from_millis(500));
            let after = unsent(server.port(), self.port).unwrap_or_default();
            before > 0 && after > 0 && before.abs_diff(after) < A_LITTLE
        };
        assert!(eventually(stuck), "the server's send to the victim never waits");
    }
}

impl Drop for Victim {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Bytes that the kernel holds on the way from one port to the other; nothing without such a connection.
fn unsent(from: u16, to: u16) -> Option<u64> {
    let connections = std::fs::read_to_string("/proc/net/tcp").unwrap();
    let (from, to) = (format!(":{from:04X}"), format!(":{to:04X}"));
    connections.lines().find_map(|line| {
        let fields: Vec<&str> = line.split_whitespace().collect();
        let it_is = fields.get(1)?.ends_with(&from) && fields.get(2)?.ends_with(&to);
        let queued = fields.get(4)?.split(':').next()?;
        if it_is { u64::from_str_radix(queued, 16).ok() } else { None }
    })
}

/// A fault, by the name of its scenario, on a real connection.
struct Reality {
    scenario: &'static str,
    manner: &'static str,
    /// What happens to the process once it runs, and once the server's send to it waits.
    signals: [Option<&'static str>; 2],
}

impl Reality {
    /// `ok`, `late` (a write waits for the victim's end) or `wedged`.
    fn verdict(&self, server: SocketAddr) -> &'static str {
        let mut healthy = connect(server);
        assert_eq!(memcached::set(&mut healthy, "big", &vec![b'v'; 1_000_000]).status, 0);
        let victim = Victim::start(server, self.manner);
        let [first, then] = self.signals;
        let send = |name: &str| signal(victim.process.id(), name);
        first.into_iter().for_each(send);
        victim.is_in_the_way(server);
        ask_to_write(&mut healthy);
        if is_answered(&mut healthy, SHOULD_TAKE) {
            return "ok";
        }
        then.into_iter().for_each(send);
        let ends = then.is_some() && is_answered(&mut healthy, SHOULD_TAKE * 3);
        if ends { "late" } else { "wedged" }
    }

    fn simulated(&self, server: Server) -> &'static str {
        let name = format!("memcached/{}", self.scenario);
        Scenario::from_name(&name).expect("a scenario").run(server, 1).word()
    }

    /// The four words are as they have to be, two by two.
    fn holds(&self, flawed: &str) {
        let ours = Served::start(&[]);
        assert_eq!(self.verdict(ours.address("memcached")), "ok", "our server, for real");
        assert_eq!(self.simulated(Server::Reference), "ok", "our server, simulated");
        assert_eq!(self.verdict(sends_inside_its_lock()), flawed, "the flawed one, for real");
        let k01 = Server::KnownBad(KnownBad::K01);
        assert_eq!(self.simulated(k01), flawed, "the flawed one, simulated");
    }
}

fn ask_to_write(stream: &mut TcpStream) {
    let mut request = memcached::header(0x01, 8, 3, 1).to_vec();
    request.extend([0; 8]);
    request.extend(b"bigv");
    stream.write_all(&request).unwrap();
}

fn is_answered(stream: &mut TcpStream, within: Duration) -> bool {
    stream.set_read_timeout(Some(within)).unwrap();
    let mut reply = [0; 24];
    stream.read_exact(&mut reply).is_ok() && reply[..2] == [0x81, 0x01]
}

/// Starts memcached as mbserver has it; it goes with the test.
fn sends_inside_its_lock() -> SocketAddr {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        tokio::task::LocalSet::new().block_on(&runtime, async {
            let listener = tokio::net::TcpListener::from_std(listener).unwrap();
            let kind = KINDS.iter().find(|kind| kind.protocol == "memcached").unwrap();
            let server = (kind.start)(
                Some("sends-inside-its-lock"),
                Clock::starting_at(Duration::ZERO),
                Setup::Plain,
            );
            while let Ok((stream, _)) = listener.accept().await {
                tokio::task::spawn_local(server.clone().serve(Box::new(stream)));
            }
        });
    });
    address
}

#[test]
fn client_that_stops_reading() {
    Reality { scenario: "client-stops-reading", manner: "stalls", signals: [None; 2] }
        .holds("wedged");
}

#[test]
fn client_that_drips() {
    Reality { scenario: "client-drips", manner: "drips", signals: [None; 2] }.holds("wedged");
}

#[test]
fn client_that_half_closes() {
    Reality { scenario: "client-half-closes", manner: "half-closes", signals: [None; 2] }
        .holds("wedged");
}

#[test]
fn client_whose_process_is_stopped() {
    let signals = [Some("STOP"), None];
    Reality { scenario: "client-stops-reading", manner: "reads", signals }.holds("wedged");
}

#[test]
fn client_whose_process_is_killed() {
    let signals = [None, Some("KILL")];
    Reality { scenario: "client-killed-in-blocking-send", manner: "stalls", signals }.holds("late");
}
