//! Where a server is, and whether TLS leads there.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

#[cfg(feature = "tls")]
use crate::tls::{Session, Tls, TlsError};

/// Where a server listens.
///
/// As text it is `host:port` (an IPv6 address in brackets) or `unix:///path`.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Address {
    /// A TCP port.
    Tcp {
        /// A name or an IP address, without brackets.
        host: String,
        /// The port.
        port: u16,
    },
    /// The absolute path of a Unix socket.
    Unix(PathBuf),
}

/// A text that is no address.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("{0:?} is neither `host:port` nor `unix:///path`")]
pub struct AddressError(String);

impl FromStr for Address {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, AddressError> {
        // A host may be called `unix`, too.
        let address = match text.strip_prefix("unix:").filter(|path| path.starts_with('/')) {
            Some(path) => unix(path),
            None => tcp(text),
        };
        address.ok_or_else(|| AddressError(text.to_owned()))
    }
}

fn unix(path: &str) -> Option<Address> {
    let path = path.strip_prefix("//").unwrap_or(path);
    path.starts_with('/').then(|| Address::Unix(path.into()))
}

fn tcp(text: &str) -> Option<Address> {
    let (host, port) = text.rsplit_once(':')?;
    let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
    let host = match bare {
        Some(host) => host,
        // Without brackets, nobody knows where an IPv6 address ends.
        None if host.contains(':') => return None,
        None => host,
    };
    let port = port.parse().ok()?;
    (!host.is_empty()).then(|| Address::Tcp { host: host.to_owned(), port })
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp { host, port } if host.contains(':') => write!(f, "[{host}]:{port}"),
            Self::Tcp { host, port } => write!(f, "{host}:{port}"),
            Self::Unix(path) => write!(f, "unix://{}", path.display()),
        }
    }
}

/// An address, and how to get in there: plainly, or by TLS.
///
/// [`connect`](crate::connect) and [`blocking::open`](crate::blocking::open) open a stream to it.
#[derive(Clone, Debug)]
pub struct Endpoint {
    pub(crate) address: Address,
    #[cfg(feature = "tls")]
    pub(crate) tls: Option<Session>,
}

impl From<Address> for Endpoint {
    fn from(address: Address) -> Self {
        Self {
            address,
            #[cfg(feature = "tls")]
            tls: None,
        }
    }
}

impl Endpoint {
    /// Where it is.
    pub fn address(&self) -> &Address {
        &self.address
    }

    /// The same address by TLS.
    ///
    /// # Errors
    ///
    /// A Unix socket has no TLS, and not every host can be in a certificate.
    #[cfg(feature = "tls")]
    pub fn with_tls(self, tls: &Tls) -> Result<Self, TlsError> {
        let session = match &self.address {
            Address::Unix(_) => return Err(TlsError::Unix),
            Address::Tcp { host, .. } => tls.session(host)?,
        };
        Ok(Self { tls: Some(session), ..self })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read_and_written() {
        for (text, written) in [
            ("localhost:11211", "localhost:11211"),
            ("[::1]:11211", "[::1]:11211"),
            ("[127.0.0.1]:1", "127.0.0.1:1"),
            ("unix:///run/a:b.sock", "unix:///run/a:b.sock"),
            ("unix:/run/a.sock", "unix:///run/a.sock"),
        ] {
            let address: Address = text.parse().expect(text);
            assert_eq!(address.to_string(), written);
            assert_eq!(written.parse(), Ok(address));
        }
    }

    #[test]
    fn what_is_no_address_is_said() {
        for text in
            ["", "host", ":1", "host:", "host:65536", "::1:1", "unix:", "unix://a", "unix:a"]
        {
            let error = text.parse::<Address>().expect_err(text);
            assert!(error.to_string().contains(&format!("{text:?}")), "{error}");
        }
    }
}
