//! The world of a session that plays the server: connections are those that clients open.

use std::cell::RefCell;
use std::io;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tokio::net::{TcpListener, TcpStream};
use tokio::time::Instant;

use crate::replay::World;

/// A listener and a clock. A connection that the session does not ask for waits, and is refused when the listener goes.
#[derive(Debug)]
pub struct Listening<'a> {
    listener: &'a TcpListener,
    /// Who has come before the session began.
    early: RefCell<Option<io::Result<TcpStream>>>,
    start: Instant,
}

impl<'a> Listening<'a> {
    /// Clients connect to `listener`.
    pub fn new(listener: &'a TcpListener) -> Self {
        Self { listener, early: RefCell::new(None), start: Instant::now() }
    }

    /// Waits for the first client, without the player's limit: whoever starts it may take their time.
    pub async fn somebody(&self) {
        let accepted = self.accept().await;
        *self.early.borrow_mut() = Some(accepted);
    }

    async fn accept(&self) -> io::Result<TcpStream> {
        let (stream, _) = self.listener.accept().await?;
        stream.set_nodelay(true)?;
        Ok(stream)
    }
}

impl World for Listening<'_> {
    type Stream = TcpStream;

    async fn connect(&self) -> io::Result<TcpStream> {
        let early = self.early.borrow_mut().take();
        match early {
            Some(accepted) => accepted,
            None => self.accept().await,
        }
    }

    fn reset(&self, stream: TcpStream) {
        // Lingering for no time at all is how a socket is closed with a reset.
        let _ = socket2::SockRef::from(&stream).set_linger(Some(Duration::ZERO));
    }

    fn now(&self) -> Duration {
        self.start.elapsed()
    }

    fn unix_now(&self) -> u64 {
        SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| time.as_secs())
    }

    async fn sleep_until(&self, until: Duration) {
        tokio::time::sleep_until(self.start + until).await;
    }
}
