//! How a server is reached: TCP, TLS on top of it, or a Unix socket.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpStream, UnixStream};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, RootCertStore, crypto};

use crate::replay::reset;

/// The way to a server.
#[derive(Clone, Debug)]
pub enum Transport {
    /// Plain TCP.
    Tcp(SocketAddr),
    /// TLS over TCP.
    Tls(SocketAddr, Tls),
    /// A Unix socket.
    Unix(PathBuf),
}

impl From<SocketAddr> for Transport {
    fn from(address: SocketAddr) -> Self {
        Self::Tcp(address)
    }
}

impl fmt::Display for Transport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(address) | Self::Tls(address, _) => address.fmt(f),
            Self::Unix(path) => path.display().fmt(f),
        }
    }
}

/// Who the server must be, and what it is shown.
#[derive(Clone, Debug)]
pub struct Tls {
    name: ServerName<'static>,
    config: Arc<ClientConfig>,
}

/// The files of a TLS client, and the name of the server. The roots are those of the system if there is no file.
#[derive(Clone, Debug, Default)]
pub(crate) struct TlsOptions {
    pub(crate) name: String,
    pub(crate) roots: Option<PathBuf>,
    pub(crate) certificate: Option<PathBuf>,
    pub(crate) key: Option<PathBuf>,
}

impl TlsOptions {
    /// One of a URL's options.
    pub(crate) fn option(&mut self, key: &str, value: &str) {
        match key {
            "cafile" => self.roots = Some(value.into()),
            "cert" => self.certificate = Some(value.into()),
            "key" => self.key = Some(value.into()),
            _ => value.clone_into(&mut self.name),
        }
    }
}

impl Tls {
    /// Reads the files; the error is a sentence.
    pub(crate) fn new(options: &TlsOptions) -> Result<Self, String> {
        let name = ServerName::try_from(options.name.clone())
            .map_err(|_| format!("`{}` is no name that a certificate could have", options.name))?;
        let provider = Arc::new(crypto::ring::default_provider());
        let builder = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|error| error.to_string())?
            .with_root_certificates(roots(options.roots.as_ref())?);
        let config = match (&options.certificate, &options.key) {
            (None, None) => builder.with_no_client_auth(),
            (Some(certificate), Some(key)) => {
                let chain = certificates(certificate)?;
                let key = PrivateKeyDer::from_pem_file(key)
                    .map_err(|error| format!("{}: no private key: {error}", key.display()))?;
                builder
                    .with_client_auth_cert(chain, key)
                    .map_err(|error| format!("{}: {error}", certificate.display()))?
            }
            _ => return Err("a client's certificate needs its key, and the key its certificate: cert=FILE&key=FILE".to_owned()),
        };
        Ok(Self { name, config: Arc::new(config) })
    }
}

fn roots(file: Option<&PathBuf>) -> Result<RootCertStore, String> {
    let mut roots = RootCertStore::empty();
    let Some(file) = file else {
        roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        return if roots.is_empty() {
            Err("this system has no root certificates; name some by cafile=FILE".to_owned())
        } else {
            Ok(roots)
        };
    };
    for certificate in certificates(file)? {
        roots.add(certificate).map_err(|error| format!("{}: {error}", file.display()))?;
    }
    Ok(roots)
}

fn certificates(file: &PathBuf) -> Result<Vec<CertificateDer<'static>>, String> {
    let read = CertificateDer::pem_file_iter(file).and_then(Iterator::collect::<Result<Vec<_>, _>>);
    match read {
        Ok(found) if !found.is_empty() => Ok(found),
        Ok(_) => Err(format!("{}: no certificate in it", file.display())),
        Err(error) => Err(format!("{}: no certificate: {error}", file.display())),
    }
}

impl Transport {
    /// The TCP address, if there is one.
    pub fn address(&self) -> Option<SocketAddr> {
        match self {
            Self::Tcp(address) | Self::Tls(address, _) => Some(*address),
            Self::Unix(_) => None,
        }
    }

    /// The same way to another port of the same machine.
    pub(crate) fn at_port(&self, port: u16) -> Option<Self> {
        let at = |address: &SocketAddr| SocketAddr::new(address.ip(), port);
        match self {
            Self::Tcp(address) => Some(Self::Tcp(at(address))),
            Self::Tls(address, tls) => Some(Self::Tls(at(address), tls.clone())),
            Self::Unix(_) => None,
        }
    }

    /// Opens a connection.
    ///
    /// # Errors
    ///
    /// The server cannot be reached, or the two do not trust each other.
    pub async fn connect(&self) -> io::Result<Link> {
        let tcp = async |address: &SocketAddr| {
            let stream = TcpStream::connect(address).await?;
            stream.set_nodelay(true)?;
            Ok::<_, io::Error>(stream)
        };
        Ok(match self {
            Self::Tcp(address) => Link::Tcp(tcp(address).await?),
            Self::Unix(path) => Link::Unix(UnixStream::connect(path).await?),
            Self::Tls(address, Tls { name, config }) => {
                let connector = TlsConnector::from(Arc::clone(config));
                let stream = tcp(address).await?;
                Link::Tls(Box::new(connector.connect(name.clone(), stream).await?))
            }
        })
    }
}

/// A connection.
#[derive(Debug)]
pub enum Link {
    /// Plain TCP.
    Tcp(TcpStream),
    /// TLS over TCP.
    Tls(Box<TlsStream<TcpStream>>),
    /// A Unix socket.
    Unix(UnixStream),
}

impl Link {
    /// Closes it with a reset where the transport has one; a Unix socket just closes.
    pub fn reset(self) {
        match &self {
            Self::Tcp(stream) => reset(stream),
            Self::Tls(stream) => reset(stream.get_ref().0),
            Self::Unix(_) => {}
        }
    }
}

/// The same call on whichever stream it is.
macro_rules! each {
    ($link:expr, $call:ident($($argument:expr),*)) => {
        match $link.get_mut() {
            Link::Tcp(stream) => Pin::new(stream).$call($($argument),*),
            Link::Tls(stream) => Pin::new(stream.as_mut()).$call($($argument),*),
            Link::Unix(stream) => Pin::new(stream).$call($($argument),*),
        }
    };
}

impl AsyncRead for Link {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        each!(self, poll_read(context, buffer))
    }
}

impl AsyncWrite for Link {
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
