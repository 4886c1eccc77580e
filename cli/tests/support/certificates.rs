//! Certificates of a test's own: a root, and what it signs.

use std::path::PathBuf;

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, date_time_ymd};
use tempfile::TempDir;

/// A root, in a directory that goes with the test.
pub(crate) struct Authority {
    directory: TempDir,
    issuer: Issuer<'static, KeyPair>,
}

/// A certificate and its key.
pub(crate) struct Identity {
    pub(crate) certificate: String,
    pub(crate) key: String,
}

impl Authority {
    pub(crate) fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        // OpenSSL takes a certificate for self-signed that is named like its root.
        params.distinguished_name.push(DnType::CommonName, "a root");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let root = params.self_signed(&key).unwrap();
        std::fs::write(directory.path().join("root.pem"), root.pem()).unwrap();
        Self { directory, issuer: Issuer::new(params, key) }
    }

    /// The file of the root.
    pub(crate) fn root(&self) -> String {
        self.path("root.pem")
    }

    /// Signs a certificate for `name`, into files of that stem; one that has expired years ago, if asked for.
    pub(crate) fn sign(&self, stem: &str, name: &str, has_expired: bool) -> Identity {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(vec![name.to_owned()]).unwrap();
        params.distinguished_name.push(DnType::CommonName, name);
        if has_expired {
            params.not_before = date_time_ymd(2019, 1, 1);
            params.not_after = date_time_ymd(2020, 1, 1);
        }
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        let (pem, private) = (format!("{stem}.pem"), format!("{stem}.key"));
        std::fs::write(self.directory.path().join(&pem), certificate.pem()).unwrap();
        std::fs::write(self.directory.path().join(&private), key.serialize_pem()).unwrap();
        Identity { certificate: self.path(&pem), key: self.path(&private) }
    }

    fn path(&self, name: &str) -> String {
        let path: PathBuf = self.directory.path().join(name);
        path.to_str().unwrap().to_owned()
    }
}

impl Identity {
    /// What makes a server show it.
    pub(crate) fn arguments(&self) -> [&str; 4] {
        ["--tls-cert", &self.certificate, "--tls-key", &self.key]
    }
}
