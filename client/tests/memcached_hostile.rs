//! Servers that break the protocol, stall or vanish: the connection ends, and says why.

mod peer;

use std::time::Duration;

use lockproof_client::memcached::{Client, Meta};
use lockproof_client::{Cause, Error, Violation};
use peer::{PATIENCE, Peer, Reply, pair, pair_of};
use tokio::io::DuplexStream;

const META: Meta = Meta { flags: 0, expiry: 0 };

fn client() -> (Client<DuplexStream>, Peer) {
    let (stream, peer) = pair();
    (Client::new(stream, PATIENCE), peer)
}

/// The client has closed its end, and refuses to go on.
async fn assert_closed(mut client: Client<DuplexStream>, mut peer: Peer, expected: Cause) {
    assert!(!client.is_open());
    let again = client.get(b"key").await;
    assert!(matches!(again, Err(Error::Closed { cause }) if cause == expected), "{again:?}");
    peer.expect_end().await;
}

/// Every reply but the right one to `GET key`.
#[tokio::test]
async fn a_wrong_reply_ends_the_connection() {
    let hit = Reply { extras: &[0; 4], value: b"v", cas: 1, ..Reply::default() };
    let changed = |at: usize, byte: u8| {
        let mut bytes = hit.to(1);
        bytes[at] = byte;
        bytes
    };
    let miss = Reply { status: 1, value: b"Not found", ..Reply::default() };
    let cases: Vec<(&str, Vec<u8>)> = vec![
        ("wrong opaque", hit.to(2)),
        ("wrong opcode", Reply { opcode: 0x0c, ..hit.clone() }.to(1)),
        ("quiet opcode", Reply { opcode: 0x09, ..hit.clone() }.to(1)),
        ("request magic", changed(0, 0x80)),
        ("text", b"ERROR Too many open connections\r\n".to_vec()),
        ("data type", changed(5, 1)),
        ("body shorter than extras", changed(11, 3)),
        ("body of 4 GiB", changed(8, 0xff)),
        ("hit without flags", Reply { extras: &[], ..hit.clone() }.to(1)),
        ("hit with long extras", Reply { extras: &[0; 8], ..hit.clone() }.to(1)),
        ("hit with a key", Reply { key: b"key", ..hit.clone() }.to(1)),
        ("miss with a key", Reply { key: b"key", value: b"", ..miss.clone() }.to(1)),
        ("miss with extras", Reply { extras: &[0; 4], ..miss.clone() }.to(1)),
        ("miss with a CAS", Reply { cas: 1, ..miss.clone() }.to(1)),
        ("a byte too many", [hit.to(1), vec![0]].concat()),
        ("the reply twice", [hit.to(1), hit.to(1)].concat()),
    ];
    let (mut control, mut peer) = client();
    let (found, _) = tokio::join!(control.get(b"key"), peer.answer(|_| hit.to(1)));
    assert_eq!(found.expect("the right reply").as_deref(), Some(&b"v"[..]));
    for (name, bytes) in cases {
        let (mut client, mut peer) = client();
        let (found, _) = tokio::join!(client.get(b"key"), peer.answer(|_| bytes));
        let error = found.expect_err(name);
        assert!(matches!(error, Error::Protocol { .. }), "{name}: {error}");
        assert!(!error.maybe_applied(), "{name}: a read changes nothing");
        assert_closed(client, peer, Cause::Protocol).await;
    }
}

#[tokio::test]
async fn wrong_success_replies_to_other_commands_end_the_connection() {
    let seven = Reply { opcode: 5, value: &[0; 7], ..Reply::default() };
    let (mut victim, mut peer) = client();
    let (count, _) =
        tokio::join!(victim.incr(b"k", 1, None), peer.answer(|opaque| seven.to(opaque)));
    assert!(count.unwrap_err().maybe_applied());
    assert_closed(victim, peer, Cause::Protocol).await;

    let chatty = Reply { opcode: 1, value: b"STORED", ..Reply::default() };
    let (mut victim, mut peer) = client();
    let (set, _) =
        tokio::join!(victim.set(b"k", b"v", META), peer.answer(|opaque| chatty.to(opaque)));
    assert!(matches!(set, Err(Error::Protocol { maybe_applied: true, .. })));
    assert_closed(victim, peer, Cause::Protocol).await;

    let touch = Reply { opcode: 0x1c, extras: &[0; 2], ..Reply::default() };
    let (mut victim, mut peer) = client();
    let (touched, _) = tokio::join!(victim.touch(b"k", 0), peer.answer(|opaque| touch.to(opaque)));
    assert!(matches!(touched, Err(Error::Protocol { .. })));
    assert_closed(victim, peer, Cause::Protocol).await;
}

#[tokio::test]
async fn a_reply_that_a_quiet_request_suppresses_ends_the_connection() {
    let stored = Reply { opcode: 0x11, cas: 1, ..Reply::default() };
    let (mut victim, mut peer) = client();
    let entries: [(&[u8], &[u8]); 1] = [(b"k", b"v")];
    let (failed, _) =
        tokio::join!(victim.set_many(&entries, META), peer.answer(|opaque| stored.to(opaque)));
    assert!(matches!(failed, Err(Error::Protocol { .. })));

    let miss = Reply { opcode: 0x0d, status: 1, key: b"k", ..Reply::default() };
    let (mut victim, mut peer) = client();
    let (items, _) = tokio::join!(victim.get_many(&[b"k"]), peer.answer(|opaque| miss.to(opaque)));
    assert!(matches!(items, Err(Error::Protocol { .. })));
}

#[tokio::test]
async fn replies_out_of_order_end_the_connection() {
    let (mut client, mut peer) = client();
    let hit = |key| Reply { opcode: 0x0d, extras: &[0; 4], key, ..Reply::default() };
    let (items, ()) = tokio::join!(client.get_many(&[b"a", b"b"]), async {
        let (a, b, _) = (peer.asked().await, peer.asked().await, peer.asked().await);
        peer.send(&[hit(b"b").to(b.opaque), hit(b"a").to(a.opaque)].concat()).await;
    });
    assert!(matches!(items, Err(Error::Protocol { .. })));
    assert_closed(client, peer, Cause::Protocol).await;
}

#[tokio::test]
async fn a_hit_under_another_key_ends_the_connection() {
    let (mut client, mut peer) = client();
    let other = Reply { opcode: 0x0d, extras: &[0; 4], key: b"other", ..Reply::default() };
    let (items, ()) = tokio::join!(client.get_many(&[b"mine"]), async {
        let (get, _) = (peer.asked().await, peer.asked().await);
        peer.send(&other.to(get.opaque)).await;
    });
    assert!(matches!(items, Err(Error::Protocol { .. })));
    assert_closed(client, peer, Cause::Protocol).await;
}

#[tokio::test]
async fn bytes_that_come_between_two_requests_end_the_connection_before_the_second() {
    let (mut client, mut peer) = client();
    peer.send(b"\x81").await;
    let error = client.set(b"k", b"v", META).await.unwrap_err();
    let surplus = Violation::Surplus { bytes: 1 }.to_string();
    assert!(
        matches!(&error, Error::Protocol { violation, .. } if violation.to_string() == surplus)
    );
    assert!(!error.maybe_applied(), "nothing was sent");
    assert_closed(client, peer, Cause::Protocol).await;
}

#[tokio::test]
async fn a_short_close_is_a_transport_error() {
    let hit = Reply { extras: &[0; 4], value: b"value", ..Reply::default() };
    for sent in [0, 1, 23, 24, 27, 32] {
        let (mut client, mut peer) = client();
        let hit = &hit;
        let (found, ()) = tokio::join!(client.get(b"key"), async move {
            let asked = peer.asked().await;
            peer.send(&hit.to(asked.opaque)[..sent]).await;
        });
        let error = found.unwrap_err();
        assert!(matches!(error, Error::Transport { .. }), "after {sent} bytes: {error}");
        let again = client.get(b"key").await;
        assert!(matches!(again, Err(Error::Closed { cause: Cause::Transport })));
    }
}

#[tokio::test]
async fn a_server_that_left_before_the_request_certainly_did_not_apply_it() {
    let (mut client, peer) = client();
    drop(peer);
    let error = client.set(b"k", b"v", META).await.unwrap_err();
    assert!(matches!(error, Error::Transport { maybe_applied: false, .. }), "{error}");
}

#[tokio::test]
async fn a_server_that_left_after_the_request_may_have_applied_it() {
    let (mut client, mut peer) = client();
    let (set, ()) = tokio::join!(client.set(b"k", b"v", META), async move {
        peer.asked().await;
    });
    assert!(matches!(set, Err(Error::Transport { maybe_applied: true, .. })));
}

#[tokio::test(start_paused = true)]
async fn a_timeout_closes_and_a_mutation_may_have_been_applied() {
    let (mut victim, peer) = client();
    let error = victim.set(b"k", b"v", META).await.unwrap_err();
    assert!(matches!(error, Error::Timeout { after: PATIENCE, maybe_applied: true }), "{error}");
    assert!(!victim.is_open());
    let again = victim.get(b"k").await;
    assert!(matches!(again, Err(Error::Closed { cause: Cause::Timeout })));
    drop(peer);

    let (mut victim, _peer) = client();
    let error = victim.get(b"k").await.unwrap_err();
    assert!(matches!(error, Error::Timeout { maybe_applied: false, .. }), "{error}");
}

#[tokio::test]
async fn a_dropped_operation_closes_the_connection() {
    let (mut client, mut peer) = client();
    let give_up = tokio::time::timeout(Duration::ZERO, client.get(b"key"));
    assert!(give_up.await.is_err());
    let again = client.get(b"key").await;
    assert!(matches!(again, Err(Error::Closed { cause: Cause::Cancelled })), "{again:?}");
    peer.asked().await;
    peer.expect_end().await;
}

#[tokio::test]
async fn a_long_pipeline_reads_while_it_writes() {
    // Neither side can hold a whole request, so a client that first wrote all would wait for ever.
    let (stream, mut peer) = pair_of(16);
    let mut client = Client::new(stream, PATIENCE);
    let keys: Vec<Vec<u8>> = (0u16..500).map(|n| n.to_be_bytes().to_vec()).collect();
    let refs: Vec<&[u8]> = keys.iter().map(Vec::as_slice).collect();
    let (items, ()) = tokio::join!(client.get_many(&refs), async {
        for key in &keys {
            let hit = Reply { opcode: 0x0d, extras: &[0; 4], key, value: key, ..Reply::default() };
            peer.answer(|opaque| hit.to(opaque)).await;
        }
        peer.answer(|opaque| Reply { opcode: 0x0a, ..Reply::default() }.to(opaque)).await;
    });
    assert_eq!(items.unwrap().len(), 500);
}

#[tokio::test]
async fn invalid_arguments_close_the_connection_here_too() {
    let (mut client, mut peer) = client();
    let fatal = Reply { status: 4, value: b"Invalid arguments", ..Reply::default() };
    let (found, _) = tokio::join!(client.get(b"key"), peer.answer(|opaque| fatal.to(opaque)));
    assert!(matches!(found, Err(Error::Refused { .. })));
    assert_closed(client, peer, Cause::Refused).await;
}

#[tokio::test]
async fn a_batch_before_authentication_reports_the_refusal_and_not_the_close() {
    let (mut client, mut peer) = client();
    let refused = Reply { opcode: 0x11, status: 0x20, value: b"Auth failure.", ..Reply::default() };
    let entries: [(&[u8], &[u8]); 2] = [(b"a", b"1"), (b"b", b"2")];
    let (failed, ()) = tokio::join!(client.set_many(&entries, META), async move {
        peer.answer(|opaque| refused.to(opaque)).await;
    });
    let error = failed.unwrap_err();
    assert_eq!(error.to_string(), "the server said no: AUTH_ERROR");
}

#[tokio::test]
async fn a_refusal_is_read_although_the_write_behind_it_fails() {
    // The server refuses by the header, and closes without reading the value (MCB-CON-09).
    let too_large = Reply { opcode: 0x01, status: 3, value: b"Too large.", ..Reply::default() };
    let (stream, mut peer) = pair_of(64);
    let mut client = Client::new(stream, PATIENCE);
    let value = [b'v'; 4096];
    let (set, ()) = tokio::join!(client.set(b"key", &value, META), async move {
        peer.read(&mut [0; 24]).await;
        peer.send(&too_large.to(1)).await;
    });
    let error = set.unwrap_err();
    assert_eq!(error.to_string(), "the server said no: TOO_LARGE");
    let again = client.get(b"key").await;
    assert!(matches!(again, Err(Error::Closed { cause: Cause::Transport })), "{again:?}");
}

#[tokio::test]
async fn a_refused_batch_is_reported_although_the_rest_of_it_could_not_be_written() {
    let refused = Reply { opcode: 0x11, status: 0x20, value: b"Auth failure.", ..Reply::default() };
    let (stream, mut peer) = pair_of(64);
    let mut client = Client::new(stream, PATIENCE);
    let value = [b'v'; 4096];
    let entries: [(&[u8], &[u8]); 2] = [(b"a", &value), (b"b", &value)];
    let (failed, ()) = tokio::join!(client.set_many(&entries, META), async move {
        peer.read(&mut [0; 24]).await;
        peer.send(&refused.to(1)).await;
    });
    assert_eq!(failed.unwrap_err().to_string(), "the server said no: AUTH_ERROR");
    let again = client.get(b"key").await;
    assert!(matches!(again, Err(Error::Closed { cause: Cause::Refused })), "{again:?}");
}
