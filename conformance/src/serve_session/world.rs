//! The world of a session that plays the server: connections are those that clients open.

use std::cell::RefCell;
use std::io;

use tokio::net::{TcpListener, TcpStream};

use crate::replay::{Ticking, World, reset};

/// A listener and a clock. A connection that the session does not ask for waits, and is refused when the listener goes.
#[derive(Debug)]
pub struct Listening<'a> {
    listener: &'a TcpListener,
    /// Who has come before the session began.
    early: RefCell<Option<io::Result<TcpStream>>>,
    clock: Ticking,
}

impl<'a> Listening<'a> {
    /// Clients connect to `listener`.
    pub fn new(listener: &'a TcpListener) -> Self {
        Self { listener, early: RefCell::new(None), clock: Ticking::real() }
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
    type Clock = Ticking;

    async fn connect(&self) -> io::Result<TcpStream> {
        let early = self.early.borrow_mut().take();
        match early {
            Some(accepted) => accepted,
            None => self.accept().await,
        }
    }

    fn reset(&self, stream: TcpStream) {
        reset(&stream);
    }

    fn clock(&self) -> &Ticking {
        &self.clock
    }
}
