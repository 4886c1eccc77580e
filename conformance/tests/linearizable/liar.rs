//! A memcached that lies: the reference server, and before it somebody who replaces words in what it says. To a client it
//! looks like a server that let two of them win, or stored what it had to refuse.

use std::net::SocketAddr;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// What is said instead of what, in as many bytes.
pub(crate) type Lie = (&'static str, &'static str);

/// It listens until it is dropped.
pub(crate) struct Liar {
    pub(crate) address: SocketAddr,
    accepting: JoinHandle<()>,
}

impl Liar {
    pub(crate) async fn start(server: SocketAddr, lie: Lie) -> Self {
        assert_eq!(lie.0.len(), lie.1.len());
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("a port");
        let accepting = tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                tokio::spawn(pass_on(client, server, lie));
            }
        });
        Self { address, accepting }
    }
}

impl Drop for Liar {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

async fn pass_on(client: TcpStream, server: SocketAddr, lie: Lie) -> std::io::Result<()> {
    let (mut from_client, mut to_client) = client.into_split();
    let (mut from_server, mut to_server) = TcpStream::connect(server).await?.into_split();
    let asking = async {
        tokio::io::copy(&mut from_client, &mut to_server).await?;
        to_server.shutdown().await
    };
    let answering = async {
        // Each reply is awaited before the next request: it comes as a whole, or is told as it is.
        let mut buffer = [0; 4096];
        loop {
            let read = from_server.read(&mut buffer).await?;
            if read == 0 {
                return to_client.shutdown().await;
            }
            let said = String::from_utf8_lossy(&buffer[..read]).replace(lie.0, lie.1);
            to_client.write_all(said.as_bytes()).await?;
        }
    };
    tokio::try_join!(asking, answering).map(drop)
}
