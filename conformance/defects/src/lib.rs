//! Correct servers of the protocols, each with defects that can be switched on one at a time: what
//! the conformance suite must notice, all of them, and nothing where none is on.
//!
//! Small and slow on purpose, and written apart from the reference server, so that a mistake made there
//! is not made here too. One thread, any stream, tokio's clock: the same server runs on real sockets and
//! in paused time. Left out: everything that no case asks for.

mod clock;
pub mod echo;
mod line;
pub mod locker;
pub mod memcached;
pub mod netmem;
mod pipe;
mod switches;

use std::io;
use std::pin::Pin;
use std::rc::Rc;

use tokio::io::{AsyncRead, AsyncWrite};

pub use clock::Clock;
pub use pipe::{End, pipe};

/// One thing that a server can do wrong.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Defect {
    /// Short, unique within its protocol, such as `get-forgets-flags`.
    pub name: &'static str,
    /// What the server then does, in a sentence.
    pub about: &'static str,
}

/// A connection.
pub trait Stream: AsyncRead + AsyncWrite + Unpin {}

impl<S: AsyncRead + AsyncWrite + Unpin> Stream for S {}

/// What ends when a connection does.
pub type Serving = Pin<Box<dyn Future<Output = io::Result<()>>>>;

/// A server with its state; connections share it.
pub trait Server {
    /// Serves one connection until it ends. An error is the connection's, never the server's.
    fn serve(self: Rc<Self>, stream: Box<dyn Stream>) -> Serving;
}

/// How a server is set up: what some cases need, and most do not.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Setup {
    /// As it comes.
    #[default]
    Plain,
    /// memcached: clients must authenticate, as `user` with `password`.
    Sasl,
    /// memcached: 1 MiB of memory, and items make room for others.
    Evicts,
    /// memcached: 1 MiB of memory, and what does not fit is refused.
    Refuses,
}

impl Setup {
    /// What a case asks for by that word.
    pub fn named(need: &str) -> Option<Self> {
        match need {
            "sasl" => Some(Self::Sasl),
            "evicts" => Some(Self::Evicts),
            "refuses" => Some(Self::Refuses),
            _ => None,
        }
    }
}

/// One protocol's server.
#[derive(Clone, Copy, Debug)]
pub struct Kind {
    /// As in target URLs: `memcached`, `text`, `meta`, `netmem`, `locker`, `echo`.
    pub protocol: &'static str,
    /// What can be switched on.
    pub defects: &'static [Defect],
    /// A new server with empty state, and with one defect of that name or none.
    pub start: fn(Option<&'static str>, Clock, Setup) -> Rc<dyn Server>,
}

/// All of them. The three of memcached are one server, which speaks all three protocols; they differ in their defects.
pub const KINDS: [Kind; 6] =
    [memcached::KIND, memcached::TEXT, memcached::META, netmem::KIND, locker::KIND, echo::KIND];
