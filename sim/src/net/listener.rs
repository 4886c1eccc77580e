//! Where simulated connections come from.

use std::io;
use std::net::SocketAddr;
use std::sync::{Mutex, PoisonError};

use lockproof_reference_server::Listener;
use turmoil::net::{TcpListener, TcpStream};

use super::{SimStream, Wire};

/// turmoil's listener, as [`serve`](lockproof_reference_server::serve) wants it.
pub struct SimListener {
    inner: TcpListener,
    wire: Wire,
    /// One that there was no descriptor for.
    waiting: Mutex<Option<(TcpStream, SocketAddr)>>,
}

/// What a system says that has no descriptors left: `EMFILE`.
const TOO_MANY_FILES: i32 = 24;

impl SimListener {
    /// Listens on every address of this host.
    ///
    /// # Errors
    ///
    /// The port is taken.
    pub async fn bind(port: u16, wire: Wire) -> io::Result<Self> {
        let inner = TcpListener::bind(("0.0.0.0", port)).await?;
        Ok(Self { inner, wire, waiting: Mutex::default() })
    }
}

impl std::fmt::Debug for SimListener {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SimListener")
            .field("address", &self.inner.local_addr().ok())
            .finish_non_exhaustive()
    }
}

impl Listener for SimListener {
    type Io = SimStream;

    async fn accept(&self) -> io::Result<(SimStream, SocketAddr)> {
        let waiting = || self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        let waited = waiting().take();
        let (stream, peer) = match waited {
            Some(accepted) => accepted,
            None => self.inner.accept().await?,
        };
        if self.wire.meter.as_ref().is_some_and(|meter| meter.refuses()) {
            *waiting() = Some((stream, peer));
            return Err(io::Error::from_raw_os_error(TOO_MANY_FILES));
        }
        Ok((SimStream::new(stream, peer.ip(), &self.wire), peer))
    }
}
