//! TLS in front of a session that is played: what comes out of it goes to the player as it is, and the other way round.

use std::sync::Arc;

use lockproof_client::{Address, Endpoint, Tls, TlsFiles};
use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

use super::Way;
use super::certificates::{Authority, Identity};

/// What the two ends trust each other by.
pub(crate) struct Front {
    acceptor: TlsAcceptor,
    tls: Tls,
}

impl Front {
    pub(crate) fn new() -> Self {
        let authority = Authority::new();
        let Identity { certificate, key } = authority.sign("front", "127.0.0.1");
        let chain = vec![CertificateDer::from_pem_file(certificate).expect("a certificate")];
        let key = PrivateKeyDer::from_pem_file(key).expect("a key");
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .expect("versions")
            .with_no_client_auth()
            .with_single_cert(chain, key)
            .expect("they go together");
        let files = TlsFiles { roots: Some(authority.root()), ..TlsFiles::default() };
        let tls = Tls::load(&files).expect("files of TLS");
        Self { acceptor: TlsAcceptor::from(Arc::new(config)), tls }
    }
}

impl Way for Front {
    async fn to(&self, listener: &TcpListener) -> Endpoint {
        let front = TcpListener::bind(("127.0.0.1", 0)).await.expect("a free port");
        let here = front.local_addr().expect("an address");
        let there = listener.local_addr().expect("an address");
        let acceptor = self.acceptor.clone();
        tokio::spawn(async move {
            let (socket, _) = front.accept().await.expect("the client");
            socket.set_nodelay(true).expect("it is open");
            let mut secured = acceptor.accept(socket).await.expect("a handshake");
            let mut plain = TcpStream::connect(there).await.expect("the player is there");
            plain.set_nodelay(true).expect("it is open");
            // How it ends is the players' matter.
            let _ = copy_bidirectional(&mut secured, &mut plain).await;
        });
        let address = Address::Tcp { host: here.ip().to_string(), port: here.port() };
        Endpoint::from(address).with_tls(&self.tls).expect("a host's name")
    }
}
