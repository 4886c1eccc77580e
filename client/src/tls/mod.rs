//! TLS as a client speaks it: whom it trusts, what it shows, and who the server must be.
//!
//! Leaves out the sockets: `connect` and `blocking` shake hands over theirs.

mod words;

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::client::Resumption;
use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, RootCertStore, crypto};

pub(crate) use words::{explain, explain_handshake};

/// The files that a client's TLS is made of, all of them PEM, and the server's name.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct TlsFiles {
    /// Roots of the server's certificate; without them, those of the system.
    pub roots: Option<PathBuf>,
    /// The client's own certificate, and those between it and its root.
    pub certificate: Option<PathBuf>,
    /// The key of the client's certificate; without it, the key is in the certificate's file.
    pub key: Option<PathBuf>,
    /// The name that the server's certificate must have; without it, the host of the address.
    pub server_name: Option<String>,
}

/// Files of TLS as they were read. Clones share them.
#[derive(Clone, Debug)]
pub struct Tls {
    config: Arc<ClientConfig>,
    server_name: Option<ServerName<'static>>,
}

/// What a handshake with one server wants.
#[derive(Clone, Debug)]
pub(crate) struct Session {
    pub(crate) config: Arc<ClientConfig>,
    pub(crate) name: ServerName<'static>,
}

/// Why there can be no TLS; each is a sentence that names the file.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TlsError {
    /// A file that is not there, or not for us.
    #[error("{}: it cannot be read: {source}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// A file that holds something else.
    #[error("{}: {problem}", path.display())]
    Content {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        problem: String,
    },
    /// The system trusts nobody.
    #[error("this system has no root certificates; name a file with some")]
    NoRoots,
    /// A key, and nothing that it is the key of.
    #[error("a key is of use with its certificate only; name both files")]
    KeyAlone,
    /// A host or name that no certificate can be for.
    #[error("{0:?} is no name that a certificate could have; name the one that the server's has")]
    Name(String),
    /// A Unix socket.
    #[error("a Unix socket has no TLS: who may use it is the mode of its file")]
    Unix,
}

impl Tls {
    /// Reads the files.
    ///
    /// # Errors
    ///
    /// What is wrong, and with which of them.
    pub fn load(files: &TlsFiles) -> Result<Self, TlsError> {
        let server_name = files.server_name.as_deref().map(server_name).transpose()?;
        let provider = Arc::new(crypto::ring::default_provider());
        let builder = ClientConfig::builder_with_provider(provider)
            .with_protocol_versions(rustls::DEFAULT_VERSIONS)
            .expect("ring has what TLS 1.2 and 1.3 need")
            .with_root_certificates(roots(files.roots.as_deref())?);
        let mut config = match (&files.certificate, &files.key) {
            (None, None) => builder.with_no_client_auth(),
            (None, Some(_)) => return Err(TlsError::KeyAlone),
            (Some(certificate), key) => {
                let chain = certificates(certificate)?;
                let key = private_key(key.as_ref().unwrap_or(certificate))?;
                let shown = builder.with_client_auth_cert(chain, key);
                shown
                    .map_err(|error| content(certificate, format!("not with this key: {error}")))?
            }
        };
        // What is remembered of old sessions stands behind a lock, and a fork might leave it locked for ever. Pools make
        // handshakes rare enough.
        config.resumption = Resumption::disabled();
        Ok(Self { config: Arc::new(config), server_name })
    }

    pub(crate) fn session(&self, host: &str) -> Result<Session, TlsError> {
        let name = self.server_name.clone().map_or_else(|| server_name(host), Ok)?;
        Ok(Session { config: Arc::clone(&self.config), name })
    }
}

fn server_name(name: &str) -> Result<ServerName<'static>, TlsError> {
    ServerName::try_from(name.to_owned()).map_err(|_| TlsError::Name(name.to_owned()))
}

fn roots(file: Option<&Path>) -> Result<RootCertStore, TlsError> {
    let mut roots = RootCertStore::empty();
    let Some(file) = file else {
        roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        return if roots.is_empty() { Err(TlsError::NoRoots) } else { Ok(roots) };
    };
    for certificate in certificates(file)? {
        let added = roots.add(certificate);
        added.map_err(|error| content(file, format!("no certificate: {error}")))?;
    }
    Ok(roots)
}

fn certificates(file: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let read = CertificateDer::pem_file_iter(file).and_then(Iterator::collect::<Result<Vec<_>, _>>);
    match read {
        Ok(found) if found.is_empty() => {
            Err(not_pem(file, "certificate", &pem::Error::NoItemsFound))
        }
        Ok(found) => Ok(found),
        Err(error) => Err(unusable(file, "certificate", error)),
    }
}

fn private_key(file: &Path) -> Result<PrivateKeyDer<'static>, TlsError> {
    PrivateKeyDer::from_pem_file(file)
        .map_err(|error| unusable(file, "private key without a password", error))
}

fn unusable(file: &Path, wanted: &str, error: pem::Error) -> TlsError {
    match error {
        // Bytes that are no text are of the wrong content, and not out of reach.
        pem::Error::Io(source) if source.kind() != io::ErrorKind::InvalidData => {
            TlsError::Unreadable { path: file.to_owned(), source }
        }
        error => not_pem(file, wanted, &error),
    }
}

fn not_pem(file: &Path, wanted: &str, error: &pem::Error) -> TlsError {
    content(file, format!("a {wanted} in PEM is wanted, and none is in it ({error})"))
}

fn content(file: &Path, problem: String) -> TlsError {
    TlsError::Content { path: file.to_owned(), problem }
}
