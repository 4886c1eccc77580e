//! A connection's two ends: a buffer that fills, and a sender that gives up on a peer that does not read.
//!
//! The ways of moving bytes that are wrong whatever the protocol are here too. Frames are not.

use std::cell::RefCell;
use std::io;
use std::rc::Rc;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt, ReadHalf, WriteHalf, split};
use tokio::sync::Mutex;
use tokio::task::yield_now;
use tokio::time::timeout;

use crate::Stream;

/// About so much is read at a time: what one peer sends at once does not keep the others waiting.
const CHUNK: usize = 8 << 10;
/// A peer that takes nothing for so long has its connection ended.
const WRITE_DEADLINE: Duration = Duration::from_secs(10);
/// How long a server that refuses to go on listens, so that its last reply is not lost in a reset.
const LINGER: Duration = Duration::from_secs(1);

/// What may be wrong with the wiring.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Wiring {
    /// Nothing.
    Sound,
    /// A lock that all connections share is held across the write.
    SendsInsideALock,
    /// Replies go to the connection that was opened last.
    SendsToTheNewest,
    /// What one write does not take is forgotten.
    WritesOnce,
    /// All connections read into one buffer.
    OneBuffer,
}

/// What the connections of a server share.
pub(crate) struct Exchange {
    wiring: Wiring,
    lock: Mutex<()>,
    newest: RefCell<Option<Output>>,
    unread: RefCell<Vec<u8>>,
}

type Output = Rc<Mutex<WriteHalf<Box<dyn Stream>>>>;

impl Exchange {
    pub(crate) fn new(wiring: Wiring) -> Rc<Self> {
        Rc::new(Self {
            wiring,
            lock: Mutex::default(),
            newest: RefCell::default(),
            unread: RefCell::default(),
        })
    }

    /// A new connection.
    pub(crate) fn connect(self: &Rc<Self>, stream: Box<dyn Stream>) -> Line {
        let (input, output) = split(stream);
        let output = Rc::new(Mutex::new(output));
        if self.wiring == Wiring::SendsToTheNewest {
            *self.newest.borrow_mut() = Some(output.clone());
        }
        let sender = Sender { exchange: self.clone(), output };
        Line { input, sender, buffer: Vec::new() }
    }
}

/// One connection.
pub(crate) struct Line {
    input: ReadHalf<Box<dyn Stream>>,
    sender: Sender,
    /// What came and was not used yet.
    pub(crate) buffer: Vec<u8>,
}

impl Line {
    /// Waits for more in the buffer; false at the end of the stream. Nothing is lost by giving up.
    pub(crate) async fn read(&mut self) -> io::Result<bool> {
        let shared = self.sender.exchange.clone();
        if shared.wiring == Wiring::OneBuffer {
            shared.unread.borrow_mut().append(&mut self.buffer);
        }
        self.buffer.reserve(CHUNK);
        let count = self.input.read_buf(&mut self.buffer).await?;
        if shared.wiring == Wiring::OneBuffer {
            self.buffer.splice(0..0, shared.unread.take());
        }
        Ok(count > 0)
    }

    /// Sends all of it, and lets others have their turn: a flood of requests is no reason to wait.
    pub(crate) async fn send(&self, bytes: &[u8]) -> io::Result<()> {
        self.sender.send(bytes).await?;
        yield_now().await;
        Ok(())
    }

    /// A way to send from elsewhere.
    pub(crate) fn sender(&self) -> Sender {
        self.sender.clone()
    }

    /// Ends the connection from this side, and hears the other out for a while.
    pub(crate) async fn hang_up(&mut self) -> io::Result<()> {
        self.sender.output.lock().await.shutdown().await?;
        let input = &mut self.input;
        let rest = async {
            while input.read(&mut [0; 4096]).await? > 0 {}
            Ok(())
        };
        timeout(LINGER, rest).await.unwrap_or(Ok(()))
    }
}

/// The sending end of a connection.
#[derive(Clone)]
pub(crate) struct Sender {
    exchange: Rc<Exchange>,
    output: Output,
}

impl Sender {
    /// Sends all of it, as the wiring allows.
    pub(crate) async fn send(&self, bytes: &[u8]) -> io::Result<()> {
        match self.exchange.wiring {
            Wiring::Sound | Wiring::OneBuffer => write(&self.output, bytes).await,
            Wiring::SendsInsideALock => {
                let _guard = self.exchange.lock.lock().await;
                write(&self.output, bytes).await
            }
            Wiring::SendsToTheNewest => {
                let newest = self.exchange.newest.borrow().clone();
                write(newest.as_ref().unwrap_or(&self.output), bytes).await
            }
            Wiring::WritesOnce if bytes.is_empty() => Ok(()),
            Wiring::WritesOnce => self.output.lock().await.write(bytes).await.map(drop),
        }
    }
}

async fn write(output: &Output, mut bytes: &[u8]) -> io::Result<()> {
    let mut output = output.lock().await;
    while !bytes.is_empty() {
        let written = timeout(WRITE_DEADLINE, output.write(bytes)).await??;
        bytes = &bytes[written..];
    }
    output.flush().await
}
