//! What the netmem client sends, what it makes of answers, and what it may serve from its cache.
//!
//! Leaves out many threads and random orders: see `netmem_cache`.

mod peer;

use lockproof_client::netmem::Client;
use lockproof_client::{Cause, Error, Refusal};
use peer::{PATIENCE, Peer, netmem, pair, pair_of};
use tokio::io::DuplexStream;

const READ: u8 = 2;
const LOCK: u8 = 3;
const UNLOCK: u8 = 4;
const UPDATE: u8 = 5;
const API_0_2: i32 = 0x0002_0002;

/// A server of four pages with four bytes each shakes hands.
async fn greet(peer: &mut Peer, pages: u32, page_bytes: i32, version: i32) {
    peer.expect(&[netmem(1, 0, 0, b""), netmem(0, 0, 0, b"")].concat()).await;
    peer.send(&[netmem(1, pages, page_bytes, b""), netmem(0, 0, version, b"")].concat()).await;
}

async fn connect() -> (Client<DuplexStream>, Peer) {
    let (stream, mut peer) = pair();
    let (client, ()) =
        tokio::join!(Client::connect(stream, PATIENCE), greet(&mut peer, 4, 4, API_0_2));
    (client.expect("a good handshake"), peer)
}

async fn clone_of(client: &Client<DuplexStream>) -> (Client<DuplexStream>, Peer) {
    let (stream, mut peer) = pair();
    let (clone, ()) = tokio::join!(client.clone_with(stream), greet(&mut peer, 4, 4, API_0_2));
    (clone.expect("a good handshake"), peer)
}

async fn script(peer: &mut Peer, request: Vec<u8>, reply: Vec<u8>) {
    peer.expect(&request).await;
    peer.send(&reply).await;
}

/// Runs an operation against one request and its reply.
macro_rules! exchange {
    ($operation:expr, $peer:ident, $request:expr, $reply:expr) => {
        tokio::join!($operation, script(&mut $peer, $request, $reply)).0
    };
}

#[tokio::test]
async fn the_handshake_sizes_the_cache() {
    let (client, _peer) = connect().await;
    assert_eq!((client.pages(), client.page_bytes()), (4, 4));
}

#[tokio::test]
async fn another_api_version_is_refused_by_an_error_that_names_both() {
    let (stream, mut peer) = pair();
    let (client, ()) =
        tokio::join!(Client::connect(stream, PATIENCE), greet(&mut peer, 4, 4, 0x0103_0002));
    let error = client.unwrap_err();
    assert_eq!(error.to_string(), "the server's API is 1.3, this client's is 0.2");
    peer.expect_end().await;
}

#[tokio::test]
async fn another_server_version_is_no_obstacle() {
    let (stream, mut peer) = pair();
    let (client, ()) =
        tokio::join!(Client::connect(stream, PATIENCE), greet(&mut peer, 4, 4, 0x0002_0709));
    client.unwrap();
}

#[tokio::test]
async fn huge_parameters_reserve_nothing() {
    let (stream, mut peer) = pair();
    let (client, ()) =
        tokio::join!(Client::connect(stream, PATIENCE), greet(&mut peer, u32::MAX, 4, API_0_2));
    assert_eq!(client.unwrap().pages(), u32::MAX);
    let (stream, mut peer) = pair();
    let (client, ()) =
        tokio::join!(Client::connect(stream, PATIENCE), greet(&mut peer, 1, i32::MAX, API_0_2));
    assert!(matches!(client, Err(Error::Protocol { .. })));
}

#[tokio::test]
async fn a_reply_of_length_0_is_served_from_the_cache() {
    let (mut client, mut peer) = connect().await;
    let (ask, data) = (netmem(READ, 1, 0, b""), netmem(READ, 1, 7, b"abcd"));
    let page = exchange!(client.read(1), peer, ask, data).unwrap();
    assert_eq!((page.version, &page.data[..]), (7, &b"abcd"[..]));
    let (ask, same) = (netmem(READ, 1, 7, b""), netmem(READ, 1, 7, b""));
    assert_eq!(exchange!(client.read(1), peer, ask, same).unwrap(), page);
}

#[tokio::test]
async fn a_clone_shares_the_cache() {
    let (mut client, mut peer) = connect().await;
    let (mut clone, mut clone_peer) = clone_of(&client).await;
    let (ask, data) = (netmem(READ, 1, 0, b""), netmem(READ, 1, 7, b"abcd"));
    let page = exchange!(client.read(1), peer, ask, data).unwrap();
    let (ask, same) = (netmem(LOCK, 1, 7, b""), netmem(LOCK, 1, 7, b""));
    assert_eq!(exchange!(clone.lock(1), clone_peer, ask, same).unwrap(), page);
    assert_eq!((clone.locked(), client.locked()), (vec![1], vec![]));
}

#[tokio::test]
async fn a_clone_of_another_server_is_refused() {
    let (client, _peer) = connect().await;
    let (stream, mut peer) = pair();
    let (clone, ()) = tokio::join!(client.clone_with(stream), greet(&mut peer, 4, 8, API_0_2));
    assert!(matches!(clone, Err(Error::Protocol { .. })));
}

#[tokio::test]
async fn a_reply_of_length_0_means_the_version_that_was_asked_for() {
    // While A's read is under way, B caches a later version; A's reply is about the earlier one.
    let (mut a, mut a_peer) = connect().await;
    let (mut b, mut b_peer) = clone_of(&a).await;
    let (ask, data) = (netmem(READ, 1, 0, b""), netmem(READ, 1, 7, b"old!"));
    let old = exchange!(a.read(1), a_peer, ask, data).unwrap();
    let (read, ()) = tokio::join!(a.read(1), async {
        a_peer.expect(&netmem(READ, 1, 7, b"")).await;
        let (ask, data) = (netmem(READ, 1, 7, b""), netmem(READ, 1, 8, b"new!"));
        let new = exchange!(b.read(1), b_peer, ask, data).unwrap();
        assert_eq!((new.version, &new.data[..]), (8, &b"new!"[..]));
        a_peer.send(&netmem(READ, 1, 7, b"")).await;
    });
    assert_eq!(read.unwrap(), old);
}

#[tokio::test]
async fn an_unlock_leaves_what_it_wrote_in_the_cache() {
    let (mut client, mut peer) = connect().await;
    let (ask, data) = (netmem(LOCK, 1, 0, b""), netmem(LOCK, 1, 7, b"abcd"));
    exchange!(client.lock(1), peer, ask, data).unwrap();
    assert_eq!(client.locked(), [1]);
    let (ask, done) = (netmem(UNLOCK, 1, 7, b"wxyz"), netmem(UNLOCK, 1, 8, b""));
    assert_eq!(exchange!(client.unlock(1, b"wxyz"), peer, ask, done).unwrap(), 8);
    assert!(client.locked().is_empty());
    let (ask, same) = (netmem(READ, 1, 8, b""), netmem(READ, 1, 8, b""));
    let page = exchange!(client.read(1), peer, ask, same).unwrap();
    assert_eq!((page.version, &page.data[..]), (8, &b"wxyz"[..]));
}

#[tokio::test]
async fn an_unlock_that_answers_with_a_later_version_is_not_cached() {
    let (mut client, mut peer) = connect().await;
    let (ask, data) = (netmem(LOCK, 1, 0, b""), netmem(LOCK, 1, 7, b"abcd"));
    exchange!(client.lock(1), peer, ask, data).unwrap();
    let (ask, later) = (netmem(UNLOCK, 1, 7, b"wxyz"), netmem(UNLOCK, 1, 9, b""));
    assert_eq!(exchange!(client.unlock(1, b"wxyz"), peer, ask, later).unwrap(), 9);
    let (ask, data) = (netmem(READ, 1, 0, b""), netmem(READ, 1, 9, b"else"));
    assert_eq!(exchange!(client.read(1), peer, ask, data).unwrap().data, "else");
}

#[tokio::test]
async fn a_part_of_a_page_can_be_written_and_is_not_cached() {
    let (mut client, mut peer) = connect().await;
    let (ask, done) = (netmem(UPDATE, 1, 5, b"wx"), netmem(UPDATE, 1, 5, b""));
    assert_eq!(exchange!(client.update(1, b"wx", Some(5)), peer, ask, done).unwrap(), 5);
    let (ask, data) = (netmem(READ, 1, 0, b""), netmem(READ, 1, 5, b"wxcd"));
    assert_eq!(exchange!(client.read(1), peer, ask, data).unwrap().data, "wxcd");
}

#[tokio::test]
async fn an_update_with_a_version_is_cached_and_one_without_is_not() {
    let (mut client, mut peer) = connect().await;
    let (ask, done) = (netmem(UPDATE, 1, 5, b"wxyz"), netmem(UPDATE, 1, 5, b""));
    assert_eq!(exchange!(client.update(1, b"wxyz", Some(5)), peer, ask, done).unwrap(), 5);
    let (ask, same) = (netmem(READ, 1, 5, b""), netmem(READ, 1, 5, b""));
    assert_eq!(exchange!(client.read(1), peer, ask, same).unwrap().data, "wxyz");
    // A server that answers every such update with version 1 must not make 1 stand for this data.
    let (ask, done) = (netmem(UPDATE, 1, -1, b"abcd"), netmem(UPDATE, 1, 1, b""));
    assert_eq!(exchange!(client.update(1, b"abcd", None), peer, ask, done).unwrap(), 1);
    let (ask, data) = (netmem(READ, 1, 0, b""), netmem(READ, 1, 1, b"abcd"));
    assert_eq!(exchange!(client.read(1), peer, ask, data).unwrap().version, 1);
}

#[tokio::test]
async fn an_update_of_a_held_page_gives_up_the_lock() {
    let (mut client, mut peer) = connect().await;
    let (ask, data) = (netmem(LOCK, 1, 0, b""), netmem(LOCK, 1, 7, b"abcd"));
    exchange!(client.lock(1), peer, ask, data).unwrap();
    let (ask, done) = (netmem(UPDATE, 1, -1, b"wxyz"), netmem(UPDATE, 1, 8, b""));
    exchange!(client.update(1, b"wxyz", None), peer, ask, done).unwrap();
    assert!(client.locked().is_empty());
}

#[tokio::test]
async fn a_page_of_version_0_is_asked_for_again_with_a_version_that_no_page_has() {
    let (mut client, mut peer) = connect().await;
    let (page, ()) = tokio::join!(client.read(1), async {
        script(&mut peer, netmem(READ, 1, 0, b""), netmem(READ, 1, 0, b"")).await;
        script(&mut peer, netmem(READ, 1, -1, b""), netmem(READ, 1, 0, b"zero")).await;
    });
    let page = page.unwrap();
    assert_eq!((page.version, &page.data[..]), (0, &b"zero"[..]));
}

#[tokio::test]
async fn a_lock_granted_after_a_clones_write_is_read_anew() {
    // B waits with version 7 in hand; A writes twice, and ends at version 7 with other data.
    let (mut a, mut a_peer) = connect().await;
    let (mut b, mut b_peer) = clone_of(&a).await;
    let (ask, data) = (netmem(LOCK, 1, 0, b""), netmem(LOCK, 1, 7, b"old!"));
    exchange!(a.lock(1), a_peer, ask, data).unwrap();
    let (page, ()) = tokio::join!(b.lock(1), async {
        b_peer.expect(&netmem(LOCK, 1, 7, b"")).await;
        let (ask, done) = (netmem(UPDATE, 1, 7, b"new!"), netmem(UPDATE, 1, 7, b""));
        exchange!(a.update(1, b"new!", Some(7)), a_peer, ask, done).unwrap();
        b_peer.send(&netmem(LOCK, 1, 7, b"")).await;
        script(&mut b_peer, netmem(READ, 1, -1, b""), netmem(READ, 1, 7, b"new!")).await;
    });
    assert_eq!(page.unwrap().data, "new!");
}

#[tokio::test]
async fn refusals_leave_the_connection_usable() {
    let (mut client, mut peer) = connect().await;
    let no_page = netmem(100, 9, 0, b"");
    let refused = exchange!(client.read(9), peer, netmem(READ, 9, 0, b""), no_page.clone());
    let is = |error: Error, expected: Refusal| {
        assert!(
            matches!(&error, Error::Refused { refusal, .. } if *refusal == expected),
            "{error}"
        );
    };
    is(refused.unwrap_err(), Refusal::NoSuchPage);
    let ask = netmem(UPDATE, 9, -1, b"wxyz");
    let refused = exchange!(client.update(9, b"wxyz", None), peer, ask, no_page);
    is(refused.unwrap_err(), Refusal::NoSuchPage);
    let (ask, not_locked) = (netmem(UNLOCK, 1, 0, b"wxyz"), netmem(101, 1, 0, b""));
    let refused = exchange!(client.unlock(1, b"wxyz"), peer, ask, not_locked);
    is(refused.unwrap_err(), Refusal::NotLocked);
    assert!(client.is_open());
}

#[tokio::test]
async fn data_longer_than_a_page_and_negative_versions_are_not_sent() {
    let (mut client, mut peer) = connect().await;
    assert!(matches!(client.unlock(1, b"12345").await, Err(Error::Invalid { .. })));
    assert!(matches!(client.update(1, b"12345", None).await, Err(Error::Invalid { .. })));
    assert!(matches!(client.update(1, b"1234", Some(-1)).await, Err(Error::Invalid { .. })));
    client.close();
    peer.expect_end().await;
}

/// Every reply but a right one to a read of page 1 with version 7 cached.
#[tokio::test]
async fn a_wrong_reply_ends_the_connection() {
    let cases = [
        ("another page", netmem(READ, 2, 7, b"")),
        ("another type", netmem(LOCK, 1, 7, b"")),
        ("an unknown type", netmem(6, 1, 7, b"")),
        ("a write's type", netmem(UNLOCK, 1, 7, b"")),
        ("not locked", netmem(101, 1, 0, b"")),
        ("a short page", netmem(READ, 1, 8, b"abc")),
        ("a long page", netmem(READ, 1, 8, b"abcde")),
        ("a negative version", netmem(READ, 1, -8, b"abcd")),
        ("no data for another version", netmem(READ, 1, 8, b"")),
        ("a length of 4 GiB", [&[READ, 0, 0, 0, 1][..], &[0xff; 8]].concat()),
        ("a byte too many", [netmem(READ, 1, 7, b""), vec![0]].concat()),
    ];
    for (name, reply) in cases {
        let (mut client, mut peer) = connect().await;
        let (ask, data) = (netmem(READ, 1, 0, b""), netmem(READ, 1, 7, b"abcd"));
        exchange!(client.read(1), peer, ask, data).unwrap();
        let error = exchange!(client.read(1), peer, netmem(READ, 1, 7, b""), reply).unwrap_err();
        assert!(matches!(error, Error::Protocol { .. }), "{name}: {error}");
        let again = client.read(1).await;
        assert!(matches!(again, Err(Error::Closed { cause: Cause::Protocol })), "{name}");
        peer.expect_end().await;
    }
}

#[tokio::test]
async fn a_reply_before_its_request_ends_the_connection() {
    let (mut client, mut peer) = connect().await;
    peer.send(&netmem(READ, 1, 7, b"fake")).await;
    assert!(matches!(client.read(1).await, Err(Error::Protocol { .. })));
    peer.expect_end().await;
}

#[tokio::test]
async fn a_short_close_inside_the_data_is_a_transport_error_and_caches_nothing() {
    let (mut client, mut peer) = connect().await;
    let half = netmem(READ, 1, 7, b"abcd")[..15].to_vec();
    let (read, ()) = tokio::join!(client.read(1), async move {
        script(&mut peer, netmem(READ, 1, 0, b""), half).await;
    });
    assert!(matches!(read, Err(Error::Transport { maybe_applied: false, .. })));
    assert_eq!(client.cache().peek(1), None);
}

#[tokio::test(start_paused = true)]
async fn a_lock_that_is_not_granted_in_time_closes_the_connection() {
    let (mut client, mut peer) = connect().await;
    let error = client.lock(1).await.unwrap_err();
    assert!(matches!(error, Error::Timeout { .. }), "{error}");
    assert!(client.locked().is_empty());
    peer.expect(&netmem(LOCK, 1, 0, b"")).await;
    peer.expect_end().await;
}

#[tokio::test(start_paused = true)]
async fn after_an_unanswered_write_the_page_is_not_cached_any_more() {
    let (mut lost, _silent_peer) = connect().await;
    let (mut client, mut peer) = clone_of(&lost).await;
    let error = lost.update(1, b"wxyz", Some(5)).await.unwrap_err();
    assert!(error.maybe_applied(), "{error}");
    for _ in 0..2 {
        let (ask, data) = (netmem(READ, 1, 0, b""), netmem(READ, 1, 5, b"abcd"));
        assert_eq!(exchange!(client.read(1), peer, ask, data).unwrap().data, "abcd");
    }
}

#[tokio::test]
async fn a_reply_in_pieces_of_one_byte_is_the_same_reply() {
    let (stream, mut peer) = pair_of(1);
    let (client, ()) =
        tokio::join!(Client::connect(stream, PATIENCE), greet(&mut peer, 4, 4, API_0_2));
    let mut client = client.unwrap();
    let (ask, data) = (netmem(READ, 1, 0, b""), netmem(READ, 1, 7, b"abcd"));
    assert_eq!(exchange!(client.read(1), peer, ask, data).unwrap().data, "abcd");
}

#[tokio::test]
async fn a_write_on_a_closed_client_does_not_touch_the_shared_cache() {
    let (mut closed, _peer) = connect().await;
    let (mut client, mut peer) = clone_of(&closed).await;
    let (ask, data) = (netmem(READ, 1, 0, b""), netmem(READ, 1, 7, b"abcd"));
    exchange!(client.read(1), peer, ask, data).unwrap();
    closed.close();
    assert!(matches!(closed.update(1, b"wxyz", None).await, Err(Error::Closed { .. })));
    assert!(matches!(closed.unlock(1, b"wxyz").await, Err(Error::Closed { .. })));
    assert_eq!(client.cache().peek(1).map(|page| page.version), Some(7));
}
