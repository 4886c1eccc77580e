//! Where simulated connections come from.

use std::io;
use std::net::SocketAddr;

use lockproof_reference_server::Listener;
use turmoil::net::TcpListener;

use super::{SimStream, Wire};

/// turmoil's listener, as [`serve`](lockproof_reference_server::serve) wants it.
pub struct SimListener {
    inner: TcpListener,
    wire: Wire,
}

impl SimListener {
    /// Listens on every address of this host.
    ///
    /// # Errors
    ///
    /// The port is taken.
    pub async fn bind(port: u16, wire: Wire) -> io::Result<Self> {
        Ok(Self { inner: TcpListener::bind(("0.0.0.0", port)).await?, wire })
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
        let (stream, peer) = self.inner.accept().await?;
        Ok((SimStream::new(stream, peer.ip(), &self.wire), peer))
    }
}
