//! The same scripts of text and meta commands, to this server and to a real memcached: both answer alike, byte for byte.
//!
//! Left out are the few things that are different on purpose, and times, which memcached has by a clock of its own.

mod common;

use std::net::{SocketAddr, TcpListener};
use std::process::{Child, Command, Stdio};

use common::{Client, Running, eventually};
use lockproof_reference_server::{ConnectionConfig, Memcached, MemcachedConfig};

/// Scripts, each to fresh keys.
const SCRIPTS: u64 = 500;

/// Requests of each.
const REQUESTS: usize = 60;

/// A memcached that ends with the test.
struct Real {
    process: Child,
    address: SocketAddr,
}

impl Real {
    async fn start() -> Self {
        let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let port = address.port().to_string();
        let process = Command::new("memcached")
            .args(["-u", "root", "-l", "127.0.0.1", "-p", &port, "-U", "0", "-t", "1"])
            .stdin(Stdio::null())
            .spawn()
            .expect("there is no memcached: run ci/setup");
        let is_there = || std::net::TcpStream::connect(address).is_ok();
        eventually("memcached listens", is_there).await;
        Self { process, address }
    }
}

impl Drop for Real {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Numbers that look random, and are the same every time.
struct Dice(u64);

impl Dice {
    fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(0x1405_7b7e_f767_814f);
        usize::try_from(self.0 >> 33).unwrap() % end
    }

    fn of<'a>(&mut self, choices: &[&'a str]) -> &'a str {
        choices[self.below(choices.len())]
    }

    /// Some of them, in any order, none twice by its letter.
    fn some(&mut self, choices: &[&str]) -> String {
        let mut chosen: Vec<&str> = Vec::new();
        for _ in 0..self.below(5) {
            let next = self.of(choices);
            if chosen.iter().all(|flag| flag.as_bytes()[0] != next.as_bytes()[0]) {
                chosen.push(next);
            }
        }
        [&[""], &chosen[..]].concat().join(" ")
    }
}

const VALUES: &[&str] =
    &["", "0", "9", "10", "99", "100", "abc", "a\r\nb", "18446744073709551615", "1 "];

fn request(dice: &mut Dice, script: u64) -> String {
    let names: Vec<String> = ["a", "b", "c"].iter().map(|name| format!("{name}{script}")).collect();
    let key = names[dice.below(3)].clone();
    let value = dice.of(VALUES);
    let len = value.len();
    let cas = dice.below(80);
    let quiet = dice.of(&["", "", "", " noreply", " 0x"]);
    match dice.below(16) {
        0 | 1 => {
            let verb = dice.of(&["set", "add", "replace", "append", "prepend"]);
            let expiry = dice.of(&["0", "0", "0", "1000", "-1"]);
            let flags = dice.of(&["0", "7", "4294967295"]);
            format!("{verb} {key} {flags} {expiry} {len}{quiet}\r\n{value}\r\n")
        }
        2 => format!("cas {key} 1 0 {len} {cas}{quiet}\r\n{value}\r\n"),
        3 => format!("{} {}\r\n", dice.of(&["get", "gets"]), names.join(" ")),
        4 => format!("{} 1000 {key} miss\r\n", dice.of(&["gat", "gats"])),
        5 => format!("touch {key} 1000{quiet}\r\n"),
        6 => format!("{} {key} {}{quiet}\r\n", dice.of(&["incr", "decr"]), dice.below(40)),
        7 => format!("delete {key}{}\r\n", dice.of(&["", " 0", " noreply", " 0 noreply", " 5"])),
        8..=10 => {
            let flags =
                ["v", "k", "Ox1", "c", "s", "f", "h", "q", "u", "N30", "R50", "T100", "T0", "P"];
            format!("mg {key}{}\r\n", dice.some(&flags))
        }
        11 | 12 => {
            let flags =
                ["F5", "T100", "MS", "ME", "MR", "MA", "MP", "c", "k", "Oz", "q", "I", "C9", "v"];
            let compare = if dice.below(4) == 0 { format!(" C{cas}") } else { String::new() };
            let flags = dice.some(&flags).replace(" C9", &compare);
            format!("ms {key} {len}{flags}\r\n{value}\r\n")
        }
        13 => {
            let compare = if dice.below(4) == 0 { format!(" C{cas}") } else { String::new() };
            format!("md {key}{}{compare}\r\n", dice.some(&["q", "I", "T100", "k", "O7", "I"]))
        }
        14 => {
            let flags = ["N0", "J5", "D3", "MI", "MD", "v", "c", "k", "Oq", "T100"];
            format!("ma {key}{}\r\n", dice.some(&flags))
        }
        _ => dice
            .of(&[
                "foo\r\n",
                "\r\n",
                "set x 0 0 1\r\nxyz\r\n",
                "mg x Z\r\n",
                "mg x v v\r\n",
                "md x q q\r\n",
                "ms x 2 Z\r\nab\r\n",
                "ms x 2 MX\r\nab\r\n",
                "ma x Dx\r\n",
                "me nobody\r\n",
                "incr x y\r\n",
                "touch x y\r\n",
                "get\r\n",
                "flush_all x\r\n",
                "verbosity 1\r\n",
            ])
            .to_owned(),
    }
}

/// The answer to each request: a fence behind each tells where it ends (MCM-NOP-01).
async fn answers(address: SocketAddr, script: &[String]) -> Vec<String> {
    let mut client = Client::connect(address).await;
    client.send(script.join("mn\r\n").as_bytes()).await;
    client.send(b"quit\r\n").await;
    let answers = String::from_utf8_lossy(&client.read_to_end().await).into_owned();
    answers.split("MN\r\n").map(str::to_owned).collect()
}

/// All answers, without fences: requests that follow each other are answered together.
async fn answer(address: SocketAddr, script: &[String]) -> String {
    let mut client = Client::connect(address).await;
    client.send(script.concat().as_bytes()).await;
    client.send(b"quit\r\n").await;
    String::from_utf8_lossy(&client.read_to_end().await).into_owned()
}

/// A request, or more often a look that may be answered together with others: at what is stale, too. No counting: memcached
/// counts in another item while a reply with the first one is not sent yet, and that one is not stale.
fn mostly_looks(dice: &mut Dice, script: u64) -> String {
    let key = dice.of(&["a", "b", "c", "miss"]);
    match dice.below(8) {
        0 | 1 => match request(dice, script) {
            counting if ["incr", "decr", "ma"].iter().any(|verb| counting.starts_with(verb)) => {
                "mn\r\n".to_owned()
            }
            other => other,
        },
        2 => format!("md {key}{script} I\r\n"),
        3 => format!("get {key}{script} b{script}\r\n"),
        _ => format!("mg {key}{script}{}\r\n", dice.some(&["v", "k", "Ox1", "c", "h", "q", "t"])),
    }
}

#[tokio::test]
async fn runs_of_looks_are_answered_alike() {
    let real = Real::start().await;
    let ours = |output_max| {
        let config = MemcachedConfig { workers: 1, ..MemcachedConfig::default() };
        let connection = ConnectionConfig { output_max, ..ConnectionConfig::default() };
        Running::start(Memcached::new(config), connection)
    };
    // With little room a run is cut off, and goes on after a flush.
    let (roomy, tight) = (ours(ConnectionConfig::default().output_max), ours(50));
    for number in 0..SCRIPTS {
        let mut dice = Dice(number);
        let script: Vec<String> = (0..REQUESTS).map(|_| mostly_looks(&mut dice, number)).collect();
        let wanted = answer(real.address, &script).await;
        for (name, server) in [("roomy", &roomy), ("tight", &tight)] {
            let got = answer(server.address, &script).await;
            assert_eq!(got, wanted, "{name}, script {number}:\n{}", script.concat());
        }
    }
}

#[tokio::test]
async fn memcached_and_this_server_answer_alike() {
    let real = Real::start().await;
    let config = MemcachedConfig { workers: 1, ..MemcachedConfig::default() };
    let ours = Running::start(Memcached::new(config), ConnectionConfig::default());
    for number in 0..SCRIPTS {
        let mut dice = Dice(number);
        let script: Vec<String> = (0..REQUESTS).map(|_| request(&mut dice, number)).collect();
        let wanted = answers(real.address, &script).await;
        let got = answers(ours.address, &script).await;
        for (at, (got, wanted)) in got.iter().zip(&wanted).enumerate() {
            let before = script[..=at].concat();
            assert_eq!(got, wanted, "script {number}, the last of:\n{before}");
        }
        assert_eq!(got.len(), wanted.len());
    }
}
