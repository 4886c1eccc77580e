//! A connection as the link has it: a socket of the system, and TLS on it where that is wanted.

use std::io;
use std::net::TcpStream;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::sync::{Arc, Weak};

use bytes::BytesMut;
use rustix::net::{RecvFlags, SendFlags, recv, send};

use super::ready::is_connected;
#[cfg(feature = "tls")]
use super::session::Session;

/// An open connection to a server. Any socket can be made one.
#[derive(Debug)]
pub struct Stream {
    socket: Arc<OwnedFd>,
    #[cfg(feature = "tls")]
    session: Option<Box<Session>>,
}

/// What one receive came to.
#[derive(Copy, Clone, Debug, Eq, PartialEq)]
pub(super) enum Received {
    /// Bytes are in the input.
    Bytes,
    /// Something came, and it was not for the conversation: TLS has matters of its own.
    #[cfg_attr(not(feature = "tls"), expect(dead_code, reason = "nothing else has"))]
    Nothing,
    /// The peer has closed.
    End,
}

impl From<TcpStream> for Stream {
    fn from(socket: TcpStream) -> Self {
        Self::plain(socket.into())
    }
}

impl From<UnixStream> for Stream {
    fn from(socket: UnixStream) -> Self {
        Self::plain(socket.into())
    }
}

impl Stream {
    fn plain(socket: OwnedFd) -> Self {
        Self {
            socket: Arc::new(socket),
            #[cfg(feature = "tls")]
            session: None,
        }
    }

    #[cfg(feature = "tls")]
    pub(super) fn secured(socket: OwnedFd, session: Session) -> Self {
        Self { socket: Arc::new(socket), session: Some(Box::new(session)) }
    }

    /// A look at it for others, while somebody uses it.
    pub fn watch(&self) -> Watch {
        Watch(Arc::downgrade(&self.socket))
    }

    /// What is waited for.
    pub(super) fn socket(&self) -> &OwnedFd {
        &self.socket
    }

    /// Takes as much as it can at once, and waits for nothing. [`has_unsent`](Self::has_unsent) says whether some of what it
    /// took is still here; it goes with the next call.
    pub(super) fn send(&mut self, bytes: &[u8]) -> io::Result<usize> {
        #[cfg(feature = "tls")]
        if let Some(session) = &mut self.session {
            return session.send(&self.socket, bytes);
        }
        // Never a signal: in a host program nobody expects one.
        Ok(send(&self.socket, bytes, SendFlags::DONTWAIT | SendFlags::NOSIGNAL)?)
    }

    /// Whether something that was taken is not yet the system's.
    #[cfg_attr(
        not(feature = "tls"),
        expect(clippy::unused_self, reason = "only TLS holds it back")
    )]
    pub(super) fn has_unsent(&self) -> bool {
        #[cfg(feature = "tls")]
        if let Some(session) = &self.session {
            return session.has_unsent();
        }
        false
    }

    /// One receive, by way of `received`.
    pub(super) fn receive(
        &mut self,
        received: &mut [u8],
        input: &mut BytesMut,
        flags: RecvFlags,
    ) -> io::Result<Received> {
        #[cfg(feature = "tls")]
        if let Some(session) = &mut self.session {
            return session.receive(&self.socket, received, input, flags);
        }
        let (length, _) = recv(&self.socket, &mut *received, flags)?;
        input.extend_from_slice(&received[..length]);
        Ok(if length == 0 { Received::End } else { Received::Bytes })
    }
}

#[cfg(feature = "tls")]
impl Drop for Stream {
    fn drop(&mut self) {
        if let Some(session) = &mut self.session {
            session.say_goodbye(&self.socket);
        }
    }
}

/// A look at a connection that somebody else uses.
#[derive(Clone, Debug)]
pub struct Watch(Weak<OwnedFd>);

impl Watch {
    /// Whether both ends have it open, as far as the system knows. Nothing is read, and nothing waited for.
    pub fn is_connected(&self) -> bool {
        self.0.upgrade().is_some_and(is_connected)
    }
}
