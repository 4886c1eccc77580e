//! Certificates of a test's own: a root, and what it signs.

use std::path::PathBuf;
use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, date_time_ymd};
use rustls::ServerConfig;
use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tempfile::TempDir;

/// A root, in a directory that goes with the test.
pub(crate) struct Authority {
    directory: TempDir,
    issuer: Issuer<'static, KeyPair>,
}

/// The files of a certificate and its key.
#[derive(Clone)]
pub(crate) struct Identity {
    pub(crate) certificate: PathBuf,
    pub(crate) key: PathBuf,
}

impl Identity {
    /// A server that shows it, and asks for none.
    pub(crate) fn server(&self) -> Arc<ServerConfig> {
        let chain = CertificateDer::from_pem_file(&self.certificate).expect("a certificate");
        let key = PrivateKeyDer::from_pem_file(&self.key).expect("a key");
        let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .expect("versions")
            .with_no_client_auth()
            .with_single_cert(vec![chain], key);
        Arc::new(config.expect("they go together"))
    }
}

impl Authority {
    pub(crate) fn new() -> Self {
        let directory = tempfile::tempdir().expect("a directory");
        let key = KeyPair::generate().expect("a key");
        let mut params = CertificateParams::new(Vec::new()).expect("no names");
        params.distinguished_name.push(DnType::CommonName, "a root");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let root = params.self_signed(&key).expect("a root");
        std::fs::write(directory.path().join("root.pem"), root.pem()).expect("a file");
        Self { directory, issuer: Issuer::new(params, key) }
    }

    /// The file of the root.
    pub(crate) fn root(&self) -> PathBuf {
        self.directory.path().join("root.pem")
    }

    /// Signs a certificate for `name`.
    pub(crate) fn sign(&self, stem: &str, name: &str) -> Identity {
        self.sign_until(stem, name, 4000)
    }

    /// Signs one that has expired years ago.
    pub(crate) fn sign_expired(&self, stem: &str, name: &str) -> Identity {
        self.sign_until(stem, name, 2020)
    }

    fn sign_until(&self, stem: &str, name: &str, year: i32) -> Identity {
        let key = KeyPair::generate().expect("a key");
        let mut params = CertificateParams::new(vec![name.to_owned()]).expect("a name");
        params.distinguished_name.push(DnType::CommonName, name);
        params.not_before = date_time_ymd(2019, 1, 1);
        params.not_after = date_time_ymd(year, 1, 1);
        let certificate = params.signed_by(&key, &self.issuer).expect("a certificate");
        Identity {
            certificate: self.file(&format!("{stem}.pem"), &certificate.pem()),
            key: self.file(&format!("{stem}.key"), &key.serialize_pem()),
        }
    }

    /// A file beside the root.
    pub(crate) fn file(&self, name: &str, content: &str) -> PathBuf {
        let path = self.directory.path().join(name);
        std::fs::write(&path, content).expect("a file");
        path
    }
}
