//! TLS over a socket of the system: rustls has the records, and here they go in and out.

use std::io::{self, BufRead, IoSlice, Write};
use std::os::fd::OwnedFd;
use std::process;
use std::time::Instant;

use bytes::BytesMut;
use rustix::event::PollFlags;
use rustix::io::Errno;
use rustix::net::{RecvFlags, SendAncillaryBuffer, SendFlags, recv, sendmsg};
use rustls::ClientConnection;

use super::OnInterrupt;
use super::ready::wait;
use super::stream::Received;
use crate::tls;

/// What is encrypted ahead of the system's taking it.
const UNSENT_BYTES_MAX: usize = 64 * 1024;

/// What one receive of the handshake takes at most.
const HANDSHAKE_BYTES: usize = 16 * 1024;

/// An open session. It is of use together with its socket only.
#[derive(Debug)]
pub(super) struct Session {
    connection: ClientConnection,
    /// The peer has said that nothing more comes.
    ended: bool,
    /// A child that inherits it must not end its parent's session.
    process: u32,
}

impl Session {
    /// Shakes hands.
    pub(super) fn open(
        socket: &OwnedFd,
        tls: &tls::Session,
        deadline: Option<Instant>,
        on_interrupt: OnInterrupt,
    ) -> io::Result<Self> {
        let connection = ClientConnection::new(tls.config.clone(), tls.name.clone());
        let mut connection = connection.map_err(io::Error::other)?;
        connection.set_buffer_limit(Some(UNSENT_BYTES_MAX));
        let mut session = Self { connection, ended: false, process: process::id() };
        let shaken = session.shake_hands(socket, deadline, on_interrupt);
        shaken.map_err(tls::explain_handshake)?;
        Ok(session)
    }

    fn shake_hands(
        &mut self,
        socket: &OwnedFd,
        deadline: Option<Instant>,
        on_interrupt: OnInterrupt,
    ) -> io::Result<()> {
        let mut received = vec![0; HANDSHAKE_BYTES];
        let mut early = BytesMut::new();
        loop {
            ready(self.flush(socket))?;
            let mut flags = PollFlags::empty();
            flags.set(PollFlags::IN, self.connection.is_handshaking());
            flags.set(PollFlags::OUT, self.has_unsent());
            if flags.is_empty() {
                break;
            }
            if wait(socket, flags, deadline, on_interrupt)?.is_empty() {
                return Err(io::Error::new(io::ErrorKind::TimedOut, "no TLS handshake in time"));
            }
            let came = self.receive(socket, &mut received, &mut early, RecvFlags::DONTWAIT);
            if ready(came)? == Some(Received::End) {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
        if early.is_empty() {
            return Ok(());
        }
        Err(io::Error::new(io::ErrorKind::InvalidData, "the server speaks before it is asked"))
    }

    /// Encrypts as much as there is room for, once all that was encrypted before is sent.
    pub(super) fn send(&mut self, socket: &OwnedFd, bytes: &[u8]) -> io::Result<usize> {
        self.flush(socket)?;
        self.connection.writer().write(bytes)
    }

    pub(super) fn has_unsent(&self) -> bool {
        self.connection.wants_write()
    }

    fn flush(&mut self, socket: &OwnedFd) -> io::Result<()> {
        while self.has_unsent() {
            self.connection.write_tls(&mut Outgoing(socket))?;
        }
        Ok(())
    }

    /// One receive, and what it decrypts to.
    pub(super) fn receive(
        &mut self,
        socket: &OwnedFd,
        received: &mut [u8],
        input: &mut BytesMut,
        flags: RecvFlags,
    ) -> io::Result<Received> {
        let before = input.len();
        let length = if self.ended { 0 } else { recv(socket, &mut *received, flags)?.0 };
        if let Err(error) = self.decrypt(&received[..length], input) {
            // The peer is told what was wrong, if it still listens.
            let _ = self.flush(socket);
            return Err(tls::explain(error));
        }
        Ok(if input.len() > before {
            Received::Bytes
        } else if length == 0 || self.ended {
            Received::End
        } else {
            Received::Nothing
        })
    }

    fn decrypt(&mut self, mut bytes: &[u8], input: &mut BytesMut) -> io::Result<()> {
        while !bytes.is_empty() && !self.ended {
            self.connection.read_tls(&mut bytes)?;
            let processed = self.connection.process_new_packets();
            let state =
                processed.map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))?;
            self.ended = state.peer_has_closed();
            let mut left = state.plaintext_bytes_to_read();
            while left > 0 {
                let mut reader = self.connection.reader();
                let chunk = reader.fill_buf()?;
                let length = chunk.len();
                input.extend_from_slice(chunk);
                reader.consume(length);
                left -= length;
            }
        }
        Ok(())
    }

    /// Tells the peer that this is the end, and no cut. Not with requests half-way: whoever gave them up does not want the
    /// rest to arrive.
    pub(super) fn say_goodbye(&mut self, socket: &OwnedFd) {
        if process::id() == self.process && !self.has_unsent() {
            self.connection.send_close_notify();
            let _ = self.flush(socket);
        }
    }
}

/// `None` where it has to be waited for.
fn ready<T>(done: io::Result<T>) -> io::Result<Option<T>> {
    match done {
        Ok(done) => Ok(Some(done)),
        Err(error) => match error.kind() {
            io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted => Ok(None),
            _ => Err(error),
        },
    }
}

/// As much as the system takes at once, and never a signal.
struct Outgoing<'a>(&'a OwnedFd);

impl Write for Outgoing<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.write_vectored(&[IoSlice::new(bytes)])
    }

    fn write_vectored(&mut self, parts: &[IoSlice<'_>]) -> io::Result<usize> {
        let flags = SendFlags::DONTWAIT | SendFlags::NOSIGNAL;
        loop {
            match sendmsg(self.0, parts, &mut SendAncillaryBuffer::default(), flags) {
                Err(Errno::INTR) => {}
                sent => return Ok(sent?),
            }
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
