//! What the player needs of its surroundings: streams and time. The simulator brings its own.

use std::io;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::Semaphore;

use super::clock::{Clock, Ticking};
use crate::transport::{Link, Transport};

/// Streams to one server, and a clock.
pub trait World {
    /// A connection.
    type Stream: AsyncRead + AsyncWrite + Unpin;
    /// What tells the time.
    type Clock: Clock;

    /// Opens a connection to the server under test.
    fn connect(&self) -> impl Future<Output = io::Result<Self::Stream>>;

    /// Closes a connection with a reset.
    fn reset(&self, stream: Self::Stream);

    /// The clock.
    fn clock(&self) -> &Self::Clock;

    /// Time since some fixed moment.
    fn now(&self) -> Duration {
        self.clock().now()
    }

    /// What a session takes before it opens connections by the hundred. A world without sockets has no need of it:
    /// who waited here for another thread in paused time would lose all of theirs.
    fn flood_turns(&self) -> Option<&'static Semaphore> {
        None
    }
}

/// Cases side by side leave each other, and an embedded server, descriptors enough.
static FLOOD_TURNS: Semaphore = Semaphore::const_new(1);

/// Real sockets and the real clock (or tokio's paused one).
#[derive(Clone, Debug)]
pub struct TcpWorld {
    transport: Transport,
    clock: Ticking,
    /// User and password for servers that want SASL before anything else.
    login: Option<(String, String)>,
}

impl TcpWorld {
    /// A world whose server is reached like this.
    pub fn new(transport: impl Into<Transport>) -> Self {
        Self { transport: transport.into(), clock: Ticking::real(), login: None }
    }

    /// Every connection logs in with SASL PLAIN before the session gets it.
    #[must_use]
    pub fn authenticated(mut self, user: &str, password: &str) -> Self {
        self.login = Some((user.to_owned(), password.to_owned()));
        self
    }
}

impl World for TcpWorld {
    type Stream = Link;
    type Clock = Ticking;

    async fn connect(&self) -> io::Result<Link> {
        let mut stream = self.transport.connect().await?;
        if let Some((user, password)) = &self.login {
            log_in(&mut stream, user, password).await?;
        }
        Ok(stream)
    }

    fn reset(&self, stream: Link) {
        stream.reset();
    }

    fn clock(&self) -> &Ticking {
        &self.clock
    }

    fn flood_turns(&self) -> Option<&'static Semaphore> {
        Some(&FLOOD_TURNS)
    }
}

/// Closes a connection with a reset as soon as it is dropped.
pub(crate) fn reset(stream: &TcpStream) {
    // Lingering for no time at all is how a socket is closed with a reset.
    let _ = socket2::SockRef::from(stream).set_linger(Some(Duration::ZERO));
}

/// SASL PLAIN (MCB-SAS-03).
async fn log_in(stream: &mut Link, user: &str, password: &str) -> io::Result<()> {
    let body = format!("PLAIN\0{user}\0{password}");
    let length = u32::try_from(body.len()).map_err(io::Error::other)?;
    let mut request = vec![0x80, 0x21, 0, 5, 0, 0, 0, 0];
    request.extend(length.to_be_bytes());
    request.extend([0; 12]);
    request.extend(body.as_bytes());
    stream.write_all(&request).await?;
    stream.flush().await?;
    let mut header = [0; 24];
    stream.read_exact(&mut header).await?;
    let length = u32::from_be_bytes([header[8], header[9], header[10], header[11]]);
    tokio::io::copy(&mut stream.take(u64::from(length)), &mut tokio::io::sink()).await?;
    if header[6..8] == [0, 0] {
        Ok(())
    } else {
        Err(io::Error::other("the server refused user and password"))
    }
}
