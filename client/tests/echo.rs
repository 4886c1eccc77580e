//! What the echo client sends, and what it takes for its echo.

mod peer;

use lockproof_client::echo::Client;
use lockproof_client::{Cause, Error};
use peer::{PATIENCE, Peer, pair, pair_of};
use tokio::io::DuplexStream;

fn client() -> (Client<DuplexStream>, Peer) {
    let (stream, peer) = pair();
    (Client::new(stream, PATIENCE), peer)
}

async fn script(peer: &mut Peer, request: &[u8], reply: &[u8]) {
    peer.expect(request).await;
    peer.send(reply).await;
}

#[tokio::test]
async fn a_string_goes_out_with_its_nul_and_comes_back_without() {
    let (mut client, mut peer) = client();
    for string in [&b"hello"[..], b""] {
        let wire = [string, b"\0"].concat();
        let (echoed, ()) =
            tokio::join!(client.send_string(string), script(&mut peer, &wire, &wire));
        assert_eq!(&echoed.unwrap()[..], string);
    }
}

#[tokio::test]
async fn any_bytes_come_back_in_any_pieces() {
    let (stream, mut peer) = pair_of(3);
    let mut client = Client::new(stream, PATIENCE);
    let bytes: Vec<u8> = (0..=255).cycle().take(5000).collect();
    let (echoed, ()) = tokio::join!(client.send_bytes(&bytes), async {
        for chunk in bytes.chunks(7) {
            script(&mut peer, chunk, chunk).await;
        }
    });
    assert_eq!(&echoed.unwrap()[..], &bytes[..]);
}

#[tokio::test]
async fn what_cannot_be_echoed_is_not_sent() {
    let (mut client, mut peer) = client();
    assert!(matches!(client.send_string(b"a\0b").await, Err(Error::Invalid { .. })));
    assert!(matches!(client.send_bytes(b"").await, Err(Error::Invalid { .. })));
    client.close();
    peer.expect_end().await;
}

#[tokio::test]
async fn changed_or_surplus_bytes_end_the_connection() {
    for reply in [&b"hellO\0"[..], b"j", b"hello\0h", b"hello\0hello\0"] {
        let (mut client, mut peer) = client();
        let (echoed, ()) =
            tokio::join!(client.send_string(b"hello"), script(&mut peer, b"hello\0", reply));
        assert!(matches!(echoed, Err(Error::Protocol { .. })), "{reply:?}");
        let again = client.send_string(b"hello").await;
        assert!(matches!(again, Err(Error::Closed { cause: Cause::Protocol })), "{reply:?}");
        peer.expect_end().await;
    }
}

#[tokio::test]
async fn a_short_close_is_a_transport_error() {
    let (mut client, mut peer) = client();
    let (echoed, ()) = tokio::join!(client.send_string(b"hello"), async move {
        script(&mut peer, b"hello\0", b"hello").await;
    });
    assert!(matches!(echoed, Err(Error::Transport { .. })));
    assert!(!client.is_open());
}
