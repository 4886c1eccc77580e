//! TLS in front of any protocol: certificates from files, which can be read again while the server runs.
//!
//! A handshake is part of its own connection, never of the accept loop: a peer that stalls in it keeps nobody waiting, and
//! is given up after [`HANDSHAKE_DEADLINE`].

use core::pin::Pin;
use core::task::{Context, Poll, ready};
use core::time::Duration;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::time::{Sleep, sleep};
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::server::WebPkiClientVerifier;
use tokio_rustls::rustls::{RootCertStore, ServerConfig, crypto};
use tokio_rustls::server::TlsStream;
use tokio_rustls::{Accept, TlsAcceptor};

use crate::{Listener, Peer, TcpAcceptor};

/// Time for a handshake, counted from the connection's first turn.
pub const HANDSHAKE_DEADLINE: Duration = Duration::from_secs(10);

/// The files that a server's TLS is made of, all of them PEM.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct TlsFiles {
    /// The server's certificate, and those between it and its root.
    pub certificate: PathBuf,
    /// The key of the server's certificate.
    pub key: PathBuf,
    /// Roots of the clients' certificates; with them, nobody comes in without one.
    pub client_roots: Option<PathBuf>,
}

/// What new connections are greeted with. Clones are one and the same.
#[derive(Clone, Debug)]
pub struct Tls {
    files: Arc<TlsFiles>,
    current: watch::Sender<Arc<ServerConfig>>,
}

impl Tls {
    /// Reads the files.
    ///
    /// # Errors
    /// A sentence that names the file, and what is wrong with it.
    pub fn load(files: TlsFiles) -> io::Result<Self> {
        let (current, _) = watch::channel(Arc::new(read(&files)?));
        Ok(Self { files: Arc::new(files), current })
    }

    /// Reads the files again, for connections that come from now on. If anything is wrong with them, all stays as it was.
    ///
    /// # Errors
    /// As of [`load`](Self::load).
    pub fn reload(&self) -> io::Result<()> {
        self.current.send_replace(Arc::new(read(&self.files)?));
        Ok(())
    }

    fn acceptor(&self) -> TlsAcceptor {
        TlsAcceptor::from(Arc::clone(&self.current.borrow()))
    }
}

fn read(files: &TlsFiles) -> io::Result<ServerConfig> {
    let certificates = certificates(&files.certificate)?;
    let key = PrivateKeyDer::from_pem_file(&files.key)
        .map_err(|error| in_words(&files.key, &format!("no private key: {error}")))?;
    let provider = Arc::new(crypto::ring::default_provider());
    let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .map_err(io::Error::other)?;
    let builder = match &files.client_roots {
        None => builder.with_no_client_auth(),
        Some(path) => {
            let mut roots = RootCertStore::empty();
            for certificate in self::certificates(path)? {
                roots.add(certificate).map_err(|error| in_words(path, &error))?;
            }
            let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider);
            builder.with_client_cert_verifier(
                verifier.build().map_err(|error| in_words(path, &error))?,
            )
        }
    };
    builder
        .with_single_cert(certificates, key)
        .map_err(|error| in_words(&files.certificate, &error))
}

fn certificates(path: &Path) -> io::Result<Vec<CertificateDer<'static>>> {
    let read = CertificateDer::pem_file_iter(path).and_then(Iterator::collect::<Result<Vec<_>, _>>);
    match read {
        Ok(found) if !found.is_empty() => Ok(found),
        Ok(_) => Err(in_words(path, &"no certificate in it")),
        Err(error) => Err(in_words(path, &format!("no certificate: {error}"))),
    }
}

fn in_words(path: &Path, problem: &dyn core::fmt::Display) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, format!("{}: {problem}", path.display()))
}

/// TCP, and TLS on top of it.
#[derive(Debug)]
pub struct TlsListener {
    tcp: TcpAcceptor,
    tls: Tls,
}

impl TlsListener {
    /// Connections of `tcp`, each of which begins with a handshake.
    pub const fn new(tcp: TcpAcceptor, tls: Tls) -> Self {
        Self { tcp, tls }
    }
}

impl Listener for TlsListener {
    type Io = TlsIo;

    async fn accept(&self) -> io::Result<(TlsIo, Peer)> {
        let (stream, peer) = self.tcp.accept().await?;
        let accept = Box::new(self.tls.acceptor().accept(stream));
        Ok((TlsIo(State::Handshake(accept, Box::pin(sleep(HANDSHAKE_DEADLINE)))), peer))
    }
}

/// A stream whose handshake happens when it is first used.
pub struct TlsIo(State);

enum State {
    Handshake(Box<Accept<TcpStream>>, Pin<Box<Sleep>>),
    Open(Box<TlsStream<TcpStream>>),
    Failed,
}

impl core::fmt::Debug for TlsIo {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(match self.0 {
            State::Handshake(..) => "TlsIo(handshake)",
            State::Open(_) => "TlsIo(open)",
            State::Failed => "TlsIo(failed)",
        })
    }
}

impl TlsIo {
    fn poll_open(
        &mut self,
        context: &mut Context<'_>,
    ) -> Poll<io::Result<Pin<&mut TlsStream<TcpStream>>>> {
        if let State::Handshake(accept, give_up) = &mut self.0 {
            let shaken = match Pin::new(accept.as_mut()).poll(context) {
                Poll::Ready(shaken) => shaken,
                Poll::Pending => {
                    ready!(give_up.as_mut().poll(context));
                    Err(io::Error::new(io::ErrorKind::TimedOut, "no TLS handshake in time"))
                }
            };
            self.0 = match shaken {
                Ok(stream) => State::Open(Box::new(stream)),
                Err(error) => {
                    self.0 = State::Failed;
                    tracing::info!(%error, "TLS handshake failed");
                    return Poll::Ready(Err(error));
                }
            };
        }
        Poll::Ready(match &mut self.0 {
            State::Open(stream) => Ok(Pin::new(stream.as_mut())),
            _ => Err(io::ErrorKind::NotConnected.into()),
        })
    }
}

impl AsyncRead for TlsIo {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        ready!(self.get_mut().poll_open(context))?.poll_read(context, buffer)
    }
}

impl AsyncWrite for TlsIo {
    fn poll_write(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        ready!(self.get_mut().poll_open(context))?.poll_write(context, bytes)
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.get_mut().poll_open(context))?.poll_flush(context)
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.get_mut().poll_open(context))?.poll_shutdown(context)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        ready!(self.get_mut().poll_open(context))?.poll_write_vectored(context, bytes)
    }

    fn is_write_vectored(&self) -> bool {
        true
    }
}
