//! What the locker client sends, what it refuses to send, and when it gives its locks up for lost.

mod peer;

use std::cell::{Cell, RefCell};
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::Duration;

use lockproof_client::locker::{Backoff, Client, Dialect, Limits, Outcome};
use lockproof_client::{Cause, Error, Refusal};
use lockproof_protocol::locker::{Layout, Results};
use peer::{PATIENCE, Peer, locker, pair, pair_of};
use tokio::io::{AsyncRead, AsyncWrite, DuplexStream, ReadBuf};

const GET: u8 = 127;
const BATCH_GET: u8 = 126;
const RELEASE: u8 = 125;
const BATCH_RELEASE: u8 = 124;
const QUERY: u8 = 123;
const BATCH_QUERY: u8 = 122;

fn client() -> (Client<DuplexStream>, Peer) {
    let (stream, peer) = pair();
    (Client::new(stream, PATIENCE), peer)
}

async fn script(peer: &mut Peer, request: Vec<u8>, reply: &[u8]) {
    peer.expect(&request).await;
    peer.send(reply).await;
}

/// Runs an operation against one request and its reply.
macro_rules! exchange {
    ($operation:expr, $peer:ident, $request:expr, $reply:expr) => {
        tokio::join!($operation, script(&mut $peer, $request, $reply)).0
    };
}

fn held(client: &Client<DuplexStream>) -> Vec<&[u8]> {
    client.held().map(|key| &key[..]).collect()
}

#[tokio::test]
async fn single_commands_send_one_key_behind_zeroed_padding() {
    let (mut client, mut peer) = client();
    let got = exchange!(client.get(b"a"), peer, locker(GET, 1, b"a"), &[1, 0]);
    assert_eq!(got.unwrap(), Outcome::Ok);
    assert_eq!(held(&client), [b"a"]);
    let asked = exchange!(client.query(b"a"), peer, locker(QUERY, 1, b"a"), &[5, 7]);
    assert_eq!(asked.unwrap(), Outcome::SelfHeld);
    let freed = exchange!(client.release(b"a"), peer, locker(RELEASE, 1, b"a"), &[3, 0]);
    assert_eq!(freed.unwrap(), Outcome::Ok);
    assert!(held(&client).is_empty());
}

#[tokio::test]
async fn batches_join_their_keys_with_the_separator() {
    let (mut client, mut peer) = client();
    let (keys, body): ([&[u8]; 2], _) = ([b"a", b"user@b"], b"a#!@^^$#user@b");
    let request = locker(BATCH_GET, 2, body);
    assert_eq!(exchange!(client.get_batch(&keys), peer, request, &[2, 0]).unwrap(), Outcome::Ok);
    assert_eq!(held(&client), keys);
    let request = locker(BATCH_QUERY, 2, body);
    let asked = exchange!(client.query_batch(&keys), peer, request, &[6, 1]);
    assert_eq!(asked.unwrap(), Outcome::Busy);
    let request = locker(BATCH_RELEASE, 2, body);
    let freed = exchange!(client.release_batch(&keys), peer, request.clone(), &[4, 2]);
    assert_eq!(freed.unwrap(), Outcome::NotHeld);
    assert_eq!(held(&client), keys, "a refused release frees nothing");
    exchange!(client.release_batch(&keys), peer, request, &[4, 0]).unwrap();
    assert!(held(&client).is_empty());
}

#[tokio::test]
async fn busy_grants_nothing() {
    let (mut client, mut peer) = client();
    let got = exchange!(client.get(b"a"), peer, locker(GET, 1, b"a"), &[1, 1]);
    assert_eq!(got.unwrap(), Outcome::Busy);
    assert!(held(&client).is_empty());
}

#[tokio::test]
async fn the_dialect_sets_layout_and_result_numbers() {
    let (stream, mut peer) = pair();
    let dialect = Dialect { layout: Layout::Packed, results: Results::Errno };
    let mut client = Client::with_dialect(stream, PATIENCE, dialect, Limits::default());
    let packed = [&[GET, 1, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0][..], b"a"].concat();
    assert_eq!(exchange!(client.get(b"a"), peer, packed, &[1, 16]).unwrap(), Outcome::Busy);
}

#[tokio::test]
async fn bad_keys_and_counts_are_refused_before_anything_is_sent() {
    let (mut client, mut peer) = client();
    let long = [b'k'; 1025];
    for key in [&b""[..], b"a#!@^^$#b", b"x#!@^^$", &long] {
        assert!(matches!(client.get(key).await, Err(Error::InvalidKeys(_))), "{key:?}");
        let batch = client.get_batch(&[b"good", key]).await;
        assert!(matches!(batch, Err(Error::InvalidKeys(_))), "{key:?}");
    }
    assert!(matches!(client.get_batch(&[]).await, Err(Error::InvalidKeys(_))));
    let many = vec![&b"k"[..]; 1025];
    assert!(matches!(client.get_batch(&many).await, Err(Error::InvalidKeys(_))));
    assert!(!client.is_lost());
    client.close();
    peer.expect_end().await;
}

#[tokio::test]
async fn errors_3_to_6_are_refusals_and_keep_the_locks() {
    let (mut client, mut peer) = client();
    exchange!(client.get(b"a"), peer, locker(GET, 1, b"a"), &[1, 0]).unwrap();
    let got = exchange!(client.get(b"b"), peer, locker(GET, 1, b"b"), &[1, 6]);
    let refusal = Refusal::Locker(Outcome::NoResources);
    assert!(matches!(got, Err(Error::Refused { refusal: found, .. }) if found == refusal));
    assert_eq!(held(&client), [b"a"]);
}

/// LKR-803, with every kind of unexpected reply.
#[tokio::test]
async fn a_wrong_reply_loses_all_locks() {
    let cases: [(&str, &[u8]); 8] = [
        ("another command", &[3, 0]),
        ("the batch form", &[2, 0]),
        ("unknown command", &[0, 4]),
        ("the request's own byte", &[127, 0]),
        ("an unknown result", &[1, 8]),
        ("a result that GET does not have", &[1, 2]),
        ("a byte too many", &[1, 0, 1]),
        ("the reply twice", &[1, 0, 1, 0]),
    ];
    for (name, reply) in cases {
        let (mut client, mut peer) = client();
        exchange!(client.get(b"a"), peer, locker(GET, 1, b"a"), &[1, 0]).unwrap();
        let got = exchange!(client.get(b"b"), peer, locker(GET, 1, b"b"), reply);
        assert!(matches!(got, Err(Error::Protocol { .. })), "{name}: {got:?}");
        assert!(client.is_lost() && held(&client).is_empty(), "{name}");
        let release = client.release(b"a").await;
        assert!(matches!(release, Err(Error::Closed { cause: Cause::Protocol })), "{name}");
        peer.expect_end().await;
    }
}

#[tokio::test]
async fn a_stale_reply_is_not_taken_for_the_next_answer() {
    let (mut client, mut peer) = client();
    peer.send(&[1, 0]).await;
    assert!(matches!(client.get(b"a").await, Err(Error::Protocol { .. })));
    assert!(client.is_lost() && held(&client).is_empty());
    peer.expect_end().await;
}

#[tokio::test(start_paused = true)]
async fn a_timed_out_release_loses_all_locks_and_is_not_sent_again() {
    let (mut client, mut peer) = client();
    exchange!(client.get(b"a"), peer, locker(GET, 1, b"a"), &[1, 0]).unwrap();
    let error = client.release(b"a").await.unwrap_err();
    assert!(matches!(error, Error::Timeout { maybe_applied: true, .. }), "{error}");
    assert!(client.is_lost() && held(&client).is_empty());
    assert!(matches!(client.release(b"a").await, Err(Error::Closed { .. })));
    peer.expect(&locker(RELEASE, 1, b"a")).await;
    peer.expect_end().await;
}

#[tokio::test]
async fn a_short_close_loses_all_locks() {
    let (mut client, mut peer) = client();
    exchange!(client.get(b"a"), peer, locker(GET, 1, b"a"), &[1, 0]).unwrap();
    let (got, ()) = tokio::join!(client.get(b"b"), async move {
        script(&mut peer, locker(GET, 1, b"b"), &[1]).await;
    });
    assert!(matches!(got, Err(Error::Transport { maybe_applied: true, .. })));
    assert!(client.is_lost() && held(&client).is_empty());
}

#[tokio::test]
async fn a_query_that_fails_changed_nothing() {
    let (mut client, mut peer) = client();
    let (asked, ()) = tokio::join!(client.query(b"a"), async move {
        script(&mut peer, locker(QUERY, 1, b"a"), &[5]).await;
    });
    assert!(!asked.unwrap_err().maybe_applied());
}

#[tokio::test]
async fn retrying_pauses_by_the_back_off_until_granted() {
    let (mut client, mut peer) = client();
    let backoff = || Backoff::new(Duration::from_millis(10), Duration::from_millis(40), 5);
    let slept = RefCell::new(Vec::new());
    let sleep = async |pause| slept.borrow_mut().push(pause);
    let request = || locker(BATCH_GET, 2, b"a#!@^^$#b");
    let keys: [&[u8]; 2] = [b"a", b"b"];
    let (got, ()) = tokio::join!(client.get_batch_retrying(&keys, 9, backoff(), sleep), async {
        for reply in [[2, 1], [2, 1], [2, 1], [2, 0]] {
            script(&mut peer, request(), &reply).await;
        }
    });
    assert_eq!(got.unwrap(), Outcome::Ok);
    assert_eq!(*slept.borrow(), backoff().take(3).collect::<Vec<_>>());
    assert_eq!(held(&client), keys);
}

#[tokio::test]
async fn retrying_ends_with_the_last_busy_and_does_not_pause_after_it() {
    for tries in 1..4 {
        let (mut client, mut peer) = client();
        let backoff = Backoff::new(Duration::from_millis(10), Duration::from_millis(40), 5);
        let slept = RefCell::new(0);
        let sleep = async |_| *slept.borrow_mut() += 1;
        let (got, ()) =
            tokio::join!(client.get_batch_retrying(&[b"a"], tries, backoff, sleep), async {
                for _ in 0..tries {
                    script(&mut peer, locker(BATCH_GET, 1, b"a"), &[2, 1]).await;
                }
            });
        assert_eq!(got.unwrap(), Outcome::Busy);
        assert_eq!(*slept.borrow(), tries - 1);
        client.close();
        peer.expect_end().await;
    }
}

#[tokio::test]
async fn retrying_does_not_survive_the_connection() {
    let (mut client, mut peer) = client();
    let backoff = Backoff::new(Duration::from_millis(10), Duration::from_millis(40), 5);
    let (got, ()) =
        tokio::join!(client.get_batch_retrying(&[b"a"], 9, backoff, async |_| ()), async move {
            script(&mut peer, locker(BATCH_GET, 1, b"a"), &[2, 1]).await;
        });
    assert!(matches!(got, Err(Error::Transport { .. })));
    assert!(client.is_lost());
}

#[tokio::test]
async fn a_reply_in_pieces_of_one_byte_is_the_same_reply() {
    let (stream, mut peer) = pair_of(1);
    let mut client = Client::new(stream, PATIENCE);
    let got = exchange!(client.get(b"a"), peer, locker(GET, 1, b"a"), &[1, 0]);
    assert_eq!(got.unwrap(), Outcome::Ok);
}

/// A stream that counts its writes.
struct Counting {
    inner: DuplexStream,
    writes: Rc<Cell<usize>>,
}

impl AsyncRead for Counting {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_read(cx, buffer)
    }
}

impl AsyncWrite for Counting {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.writes.set(self.writes.get() + 1);
        Pin::new(&mut self.inner).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(cx)
    }
}

/// LKR-802: two small writes would be two segments, and with Nagle's algorithm a pause between them.
#[tokio::test]
async fn header_and_body_leave_in_one_write() {
    let (inner, mut peer) = pair();
    let writes = Rc::new(Cell::new(0));
    let mut client = Client::new(Counting { inner, writes: Rc::clone(&writes) }, PATIENCE);
    exchange!(client.get(b"a"), peer, locker(GET, 1, b"a"), &[1, 0]).unwrap();
    assert_eq!(writes.get(), 1);
    let batch = locker(BATCH_GET, 2, b"b#!@^^$#c");
    exchange!(client.get_batch(&[b"b", b"c"]), peer, batch, &[2, 0]).unwrap();
    assert_eq!(writes.get(), 2);
}
