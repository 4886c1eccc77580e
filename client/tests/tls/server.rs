//! The servers that the clients of these tests meet: the reference server, and peers that a test plays by hand.

use std::io::Read;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use lockproof_client::{Address, Endpoint, Tls, TlsFiles};
use lockproof_reference_server::{self as server, Embedded, EmbeddedConfig};
use rustls::{ServerConnection, StreamOwned};
use tokio::runtime::Runtime;

use crate::certificates::{Authority, Identity};

/// Long enough never to be reached where it is not meant to be.
pub(crate) const PATIENCE: Duration = Duration::from_mins(1);

/// The reference server; it ends with the test.
pub(crate) struct Server {
    runtime: Runtime,
    pub(crate) embedded: Embedded,
}

impl Server {
    pub(crate) fn start(config: EmbeddedConfig) -> Self {
        let runtime = Runtime::new().expect("a runtime");
        let embedded = runtime.block_on(Embedded::start(config)).expect("ports");
        Self { runtime, embedded }
    }

    /// One that shows this certificate, and wants one that `clients` has signed.
    pub(crate) fn with(identity: &Identity, clients: Option<&Authority>) -> Self {
        let files = server::TlsFiles {
            certificate: identity.certificate.clone(),
            key: identity.key.clone(),
            client_roots: clients.map(Authority::root),
        };
        let tls = server::Tls::load(files).expect("files of TLS");
        Self::start(EmbeddedConfig { tls: Some(tls), ..EmbeddedConfig::default() })
    }

    /// Runs what is async.
    pub(crate) fn block_on<R>(&self, work: impl Future<Output = R>) -> R {
        self.runtime.block_on(work)
    }
}

/// That port of this machine, plainly.
pub(crate) fn plain(address: SocketAddr) -> Endpoint {
    Address::Tcp { host: address.ip().to_string(), port: address.port() }.into()
}

/// The same by TLS, for who trusts that root.
pub(crate) fn by_tls(address: SocketAddr, root: PathBuf) -> Endpoint {
    by(address, &TlsFiles { roots: Some(root), ..TlsFiles::default() })
}

/// The same by TLS with any files.
pub(crate) fn by(address: SocketAddr, files: &TlsFiles) -> Endpoint {
    plain(address).with_tls(&Tls::load(files).expect("files of TLS")).expect("a host's name")
}

/// The server's end of a connection by TLS.
pub(crate) type Secured = StreamOwned<ServerConnection, TcpStream>;

/// A peer that a test plays, on one connection of its own.
pub(crate) struct Played<R> {
    pub(crate) endpoint: Endpoint,
    pub(crate) thread: JoinHandle<R>,
}

/// Plays the bare socket.
pub(crate) fn play_socket<R: Send + 'static>(
    authority: &Authority,
    play: impl FnOnce(TcpStream) -> R + Send + 'static,
) -> Played<R> {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let endpoint = by_tls(listener.local_addr().expect("an address"), authority.root());
    let thread = thread::spawn(move || play(listener.accept().expect("a client").0));
    Played { endpoint, thread }
}

/// Plays what comes after the handshake.
pub(crate) fn play<R: Send + 'static>(
    authority: &Authority,
    play: impl FnOnce(Secured) -> R + Send + 'static,
) -> Played<R> {
    let server = authority.sign("played", "127.0.0.1").server();
    play_socket(authority, move |socket| {
        let connection = ServerConnection::new(server).expect("a connection");
        play(StreamOwned::new(connection, socket))
    })
}

/// Reads one memcached request and returns its opcode and opaque.
pub(crate) fn asked(stream: &mut impl Read) -> (u8, [u8; 4]) {
    let mut header = [0; 24];
    stream.read_exact(&mut header).expect("a header");
    let length = header[8..12].iter().fold(0, |sum, byte| sum << 8 | usize::from(*byte));
    stream.read_exact(&mut vec![0; length]).expect("a body");
    (header[1], header[12..16].try_into().expect("four bytes"))
}

/// A memcached reply of success: to a GET with four bytes of flags, to others with nothing but the value.
pub(crate) fn reply(opcode: u8, opaque: [u8; 4], value: &[u8]) -> Vec<u8> {
    let flags: &[u8] = if value.is_empty() { &[] } else { &[0; 4] };
    let length = u32::try_from(flags.len() + value.len()).expect("a short value");
    let extras = u8::try_from(flags.len()).expect("four at most");
    let mut bytes = vec![0x81, opcode, 0, 0, extras, 0, 0, 0];
    bytes.extend(length.to_be_bytes());
    bytes.extend(opaque);
    bytes.extend([0; 8]);
    bytes.extend([flags, value].concat());
    bytes
}
