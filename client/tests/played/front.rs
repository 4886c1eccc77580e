//! TLS in front of a session that is played: what comes out of it goes to the player as it is, and the other way round.

use lockproof_client::{Address, Endpoint, Tls, TlsFiles};
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

use super::Way;
use super::certificates::Authority;

/// What the two ends trust each other by.
pub(crate) struct Front {
    acceptor: TlsAcceptor,
    tls: Tls,
}

impl Front {
    pub(crate) fn new() -> Self {
        let authority = Authority::new();
        let server = authority.sign("front", "127.0.0.1").server();
        let files = TlsFiles { roots: Some(authority.root()), ..TlsFiles::default() };
        let tls = Tls::load(&files).expect("files of TLS");
        Self { acceptor: TlsAcceptor::from(server), tls }
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
