//! A server in trouble: somebody holds a page that another waits for, somebody holds keys, somebody does not read.

use std::fs::{Permissions, set_permissions};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::unix::fs::PermissionsExt;

use super::http::{http, session_of, sessions};
use super::memcached::{get, header, set};
use super::served::Served;
use super::{connect, eventually};

/// The page that is fought for.
pub(crate) const PAGE: u8 = 3;

const LOCK: u8 = 3;

/// What the operator's token is.
pub(crate) const TOKEN: &str = "0123456789abcdef0123456789abcdef";

/// Those who are in it.
pub(crate) struct Trouble {
    _served: Served,
    pub(crate) http: SocketAddr,
    /// Holds the page.
    pub(crate) holder: TcpStream,
    /// Waits for it.
    pub(crate) waiter: TcpStream,
    /// Holds two keys of locker.
    pub(crate) locker: TcpStream,
    /// Asks memcached for much, and reads nothing of it.
    pub(crate) sloth: TcpStream,
    /// The file with the token.
    pub(crate) token_file: String,
    _directory: tempfile::TempDir,
}

impl Trouble {
    /// The server has a token if `can_end`.
    pub(crate) fn start(can_end: bool) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let token_file = token_file(&directory, TOKEN, 0o600);
        let mut arguments = vec!["--http", "127.0.0.1:0", "--write-deadline", "10m"];
        if can_end {
            arguments.extend(["--http-token-file", &token_file]);
        }
        let served = Served::start(&arguments);
        let http = http(&served);
        let mut holder = connect(served.address("netmem"));
        ask_for_page(&mut holder);
        granted(&mut holder);
        let mut waiter = connect(served.address("netmem"));
        ask_for_page(&mut waiter);
        let mut locker = connect(served.address("locker"));
        for key in ["disk-7", "disk-8"] {
            lock(&mut locker, key);
        }
        let sloth = sloth(served.address("memcached"));
        let trouble = Self {
            _served: served,
            http,
            holder,
            waiter,
            locker,
            sloth,
            token_file,
            _directory: directory,
        };
        assert!(eventually(|| trouble.is_seen()), "{:#}", sessions(http));
        trouble
    }

    fn is_seen(&self) -> bool {
        let page = sessions(self.http);
        page["totals"]["netmem"]["waiters"] == 1
            && page["totals"]["slow_readers"] == 1
            && session_of(&page, &self.locker)["holds"]["count"] == 2
    }

    /// The id of that client's session.
    pub(crate) fn id(&self, stream: &TcpStream) -> u64 {
        session_of(&sessions(self.http), stream)["id"].as_u64().unwrap()
    }
}

/// A file with that token and mode.
pub(crate) fn token_file(directory: &tempfile::TempDir, token: &str, mode: u32) -> String {
    let path = super::file(directory, "token", &format!("{token}\n"));
    set_permissions(&path, Permissions::from_mode(mode)).unwrap();
    path.display().to_string()
}

fn ask_for_page(stream: &mut TcpStream) {
    stream.write_all(&[LOCK, 0, 0, 0, PAGE, 0, 0, 0, 0, 0, 0, 0, 0]).unwrap();
}

/// Reads the page that it was granted, of 4096 bytes.
pub(crate) fn granted(stream: &mut TcpStream) {
    let mut reply = [0; 13 + 4096];
    stream.read_exact(&mut reply).unwrap();
    assert_eq!(reply[..5], [LOCK, 0, 0, 0, PAGE]);
}

/// GET of one key in locker's natural layout.
pub(crate) fn lock(stream: &mut TcpStream, key: &str) {
    let mut frame = vec![0x7f, 0, 0, 0, 1, 0, 0, 0];
    frame.extend((key.len() as u64).to_le_bytes());
    frame.extend(key.as_bytes());
    stream.write_all(&frame).unwrap();
    let mut reply = [0; 2];
    stream.read_exact(&mut reply).unwrap();
    assert_eq!(reply[1], 0, "{key}");
}

/// Asks for more than all buffers on the way hold.
fn sloth(address: SocketAddr) -> TcpStream {
    let mut stream = connect(address);
    set(&mut stream, "large", &vec![b'v'; 900_000]);
    get(&mut stream, "none");
    let mut one = header(0x00, 0, 5, 0).to_vec();
    one.extend(b"large");
    stream.write_all(&one.repeat(64)).unwrap();
    stream
}
