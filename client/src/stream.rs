//! Opening a stream for the async shells: TCP, TLS on top of it, or a Unix socket.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpStream, UnixStream};
#[cfg(feature = "tls")]
use tokio_rustls::{TlsConnector, client::TlsStream};

use crate::{Address, Endpoint};

/// Opens a stream to a server; a TLS handshake is part of it.
///
/// # Errors
///
/// `TimedOut`, what the system says, or a sentence about what is wrong with TLS.
pub async fn connect(endpoint: &Endpoint, timeout: Duration) -> io::Result<Stream> {
    let opened = tokio::time::timeout(timeout, open(endpoint)).await;
    opened.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
}

async fn open(endpoint: &Endpoint) -> io::Result<Stream> {
    let (host, port) = match &endpoint.address {
        Address::Tcp { host, port } => (host.as_str(), *port),
        Address::Unix(path) => return Ok(Stream(Kind::Unix(UnixStream::connect(path).await?))),
    };
    let tcp = TcpStream::connect((host, port)).await?;
    tcp.set_nodelay(true)?;
    #[cfg(feature = "tls")]
    if let Some(session) = &endpoint.tls {
        let connector = TlsConnector::from(std::sync::Arc::clone(&session.config));
        let shaken = connector.connect(session.name.clone(), tcp).await;
        return Ok(Stream(Kind::Tls(Box::new(shaken.map_err(crate::tls::explain_handshake)?))));
    }
    Ok(Stream(Kind::Tcp(tcp)))
}

/// An open stream, of whichever kind.
#[derive(Debug)]
pub struct Stream(Kind);

#[derive(Debug)]
enum Kind {
    Tcp(TcpStream),
    Unix(UnixStream),
    #[cfg(feature = "tls")]
    Tls(Box<TlsStream<TcpStream>>),
}

/// The same call on whichever stream it is.
macro_rules! each {
    ($stream:expr, $call:ident($($argument:expr),*)) => {
        match &mut $stream.get_mut().0 {
            Kind::Tcp(stream) => Pin::new(stream).$call($($argument),*),
            Kind::Unix(stream) => Pin::new(stream).$call($($argument),*),
            #[cfg(feature = "tls")]
            Kind::Tls(stream) => Pin::new(stream.as_mut()).$call($($argument),*).map_err(crate::tls::explain),
        }
    };
}

impl AsyncRead for Stream {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        each!(self, poll_read(context, buffer))
    }
}

impl AsyncWrite for Stream {
    fn poll_write(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        each!(self, poll_write(context, bytes))
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        each!(self, poll_flush(context))
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        each!(self, poll_shutdown(context))
    }
}
