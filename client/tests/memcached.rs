//! What the memcached client sends, and what it makes of a server's answers.
//!
//! Leaves out servers that break the protocol or vanish: see `memcached_hostile`.

mod peer;

use lockproof_client::memcached::Status;
use lockproof_client::memcached::{CasOutcome, Client, Command, Item, Meta, Opcode, Outcome, Seed};
use lockproof_client::{Error, Refusal};
use peer::{Asked, PATIENCE, Peer, Reply, pair, pair_of};
use tokio::io::DuplexStream;

const META: Meta = Meta { flags: 0xcafe, expiry: 60 };

fn client() -> (Client<DuplexStream>, Peer) {
    let (stream, peer) = pair();
    (Client::new(stream, PATIENCE), peer)
}

fn parts(asked: &Asked) -> (u8, u64, &[u8], &[u8], &[u8]) {
    (asked.opcode, asked.cas, &asked.extras, &asked.key, &asked.value)
}

/// Runs an operation against one answer; gives the operation's result and the request.
macro_rules! exchange {
    ($client:ident, $peer:ident, $operation:expr, $reply:expr) => {{
        let reply: Reply<'_> = $reply;
        tokio::join!($operation, $peer.answer(|opaque| reply.to(opaque)))
    }};
}

#[tokio::test]
async fn get_hit_carries_value_flags_and_cas() {
    let (mut client, mut peer) = client();
    let hit = Reply { extras: &[0, 0, 0xca, 0xfe], value: b"v", cas: 9, ..Reply::default() };
    let (found, asked) = exchange!(client, peer, client.gets(b"key"), hit.clone());
    let item = Item { value: "v".into(), flags: 0xcafe, cas: 9 };
    assert_eq!(found.unwrap(), Some(item));
    assert_eq!(parts(&asked), (0x00, 0, &b""[..], &b"key"[..], &b""[..]));
    let (value, _) = exchange!(client, peer, client.get(b"key"), hit);
    assert_eq!(value.unwrap().as_deref(), Some(&b"v"[..]));
}

#[tokio::test]
async fn get_miss_is_none_and_an_empty_value_is_not() {
    let (mut client, mut peer) = client();
    let miss = Reply { status: 1, value: b"Not found", ..Reply::default() };
    let (found, _) = exchange!(client, peer, client.get(b"key"), miss);
    assert_eq!(found.unwrap(), None);
    let empty = Reply { extras: &[0; 4], cas: 1, ..Reply::default() };
    let (found, _) = exchange!(client, peer, client.get(b"key"), empty);
    assert_eq!(found.unwrap().as_deref(), Some(&b""[..]));
}

#[tokio::test]
async fn gat_sends_the_expiry() {
    let (mut client, mut peer) = client();
    let hit = Reply { opcode: 0x1d, extras: &[0; 4], value: b"v", ..Reply::default() };
    let (found, asked) = exchange!(client, peer, client.gat(b"key", 0x0102), hit);
    assert_eq!(found.unwrap().unwrap().value, "v");
    assert_eq!(parts(&asked), (0x1d, 0, &[0, 0, 1, 2][..], &b"key"[..], &b""[..]));
}

#[tokio::test]
async fn stores_send_flags_expiry_and_value() {
    let (mut client, mut peer) = client();
    let extras = [0, 0, 0xca, 0xfe, 0, 0, 0, 60];
    let stored = |opcode| Reply { opcode, cas: 5, ..Reply::default() };
    let (cas, asked) = exchange!(client, peer, client.set(b"k", b"v", META), stored(1));
    assert_eq!(cas.unwrap(), 5);
    assert_eq!(parts(&asked), (0x01, 0, &extras[..], &b"k"[..], &b"v"[..]));
    let (cas, asked) = exchange!(client, peer, client.add(b"k", b"v", META), stored(2));
    assert_eq!((cas.unwrap(), asked.opcode), (Some(5), 2));
    let (cas, asked) = exchange!(client, peer, client.replace(b"k", b"v", META), stored(3));
    assert_eq!((cas.unwrap(), asked.opcode), (Some(5), 3));
    let (cas, asked) = exchange!(client, peer, client.append(b"k", b"v"), stored(0x0e));
    assert_eq!(cas.unwrap(), Some(5));
    assert_eq!(parts(&asked), (0x0e, 0, &b""[..], &b"k"[..], &b"v"[..]));
    let (cas, asked) = exchange!(client, peer, client.prepend(b"k", b"v"), stored(0x0f));
    assert_eq!((cas.unwrap(), asked.opcode), (Some(5), 0x0f));
}

#[tokio::test]
async fn unmet_conditions_are_results_and_other_statuses_errors() {
    let (mut client, mut peer) = client();
    let no = |opcode, status| Reply { opcode, status, value: b"no", ..Reply::default() };
    let (added, _) = exchange!(client, peer, client.add(b"k", b"v", META), no(2, 2));
    assert_eq!(added.unwrap(), None);
    let (replaced, _) = exchange!(client, peer, client.replace(b"k", b"v", META), no(3, 1));
    assert_eq!(replaced.unwrap(), None);
    let (appended, _) = exchange!(client, peer, client.append(b"k", b"v"), no(0x0e, 5));
    assert_eq!(appended.unwrap(), None);
    let (deleted, _) = exchange!(client, peer, client.delete(b"k"), no(4, 1));
    assert!(!deleted.unwrap());
    let (touched, _) = exchange!(client, peer, client.touch(b"k", 0), no(0x1c, 1));
    assert!(!touched.unwrap());
    let (set, _) = exchange!(client, peer, client.set(b"k", b"v", META), no(1, 3));
    let error = set.unwrap_err();
    let refusal = Refusal::Memcached(Status::TOO_LARGE);
    assert!(matches!(&error, Error::Refused { refusal: found, .. } if *found == refusal));
    assert!(!error.maybe_applied());
    assert!(client.is_open(), "a refusal leaves the connection usable");
}

#[tokio::test]
async fn cas_tells_stored_stale_and_missing_apart() {
    let (mut client, mut peer) = client();
    let stored = Reply { opcode: 1, cas: 8, ..Reply::default() };
    let (outcome, asked) = exchange!(client, peer, client.cas(b"k", b"v", 7, META), stored);
    assert_eq!((outcome.unwrap(), asked.cas), (CasOutcome::Stored(8), 7));
    for (status, expected) in [(2, CasOutcome::Stale), (1, CasOutcome::Missing)] {
        let no = Reply { opcode: 1, status, value: b"no", ..Reply::default() };
        let (outcome, _) = exchange!(client, peer, client.cas(b"k", b"v", 7, META), no);
        assert_eq!(outcome.unwrap(), expected);
    }
    let refused = client.cas(b"k", b"v", 0, META).await;
    assert!(matches!(refused, Err(Error::Invalid { .. })), "token 0 would store unconditionally");
}

#[tokio::test]
async fn counters_are_created_only_with_a_seed() {
    let (mut client, mut peer) = client();
    let count = Reply { opcode: 5, value: &[0, 0, 0, 0, 0, 0, 1, 0], cas: 3, ..Reply::default() };
    let (value, asked) = exchange!(client, peer, client.incr(b"k", 2, None), count);
    assert_eq!(value.unwrap(), Some(256));
    let extras = [[0, 0, 0, 0, 0, 0, 0, 2], [0; 8]].concat();
    assert_eq!(asked.extras, [&extras[..], &[0xff; 4]].concat());
    let seed = Seed { initial: 9, expiry: 60 };
    let miss = Reply { opcode: 6, status: 1, value: b"Not found", ..Reply::default() };
    let (value, asked) = exchange!(client, peer, client.decr(b"k", 2, Some(seed)), miss);
    assert_eq!((value.unwrap(), asked.opcode), (None, 6));
    assert_eq!(asked.extras[8..], [0, 0, 0, 0, 0, 0, 0, 9, 0, 0, 0, 60]);
}

#[tokio::test]
async fn touch_takes_a_reply_with_and_without_flags() {
    let (mut client, mut peer) = client();
    for extras in [&[][..], &[0, 0, 0, 1]] {
        let reply = Reply { opcode: 0x1c, extras, cas: 2, ..Reply::default() };
        let (touched, asked) = exchange!(client, peer, client.touch(b"k", 1), reply);
        assert!(touched.unwrap());
        assert_eq!(asked.extras, [0, 0, 0, 1]);
    }
}

#[tokio::test]
async fn version_noop_and_flush_all_are_understood() {
    let (mut client, mut peer) = client();
    let version = Reply { opcode: 0x0b, value: b"1.6.18", ..Reply::default() };
    let (text, _) = exchange!(client, peer, client.version(), version);
    assert_eq!(text.unwrap(), "1.6.18");
    let done = |opcode| Reply { opcode, ..Reply::default() };
    let (noop, _) = exchange!(client, peer, client.noop(), done(0x0a));
    noop.unwrap();
    let (flushed, asked) = exchange!(client, peer, client.flush_all(5), done(0x08));
    flushed.unwrap();
    assert_eq!(asked.extras, [0, 0, 0, 5]);
}

#[tokio::test]
async fn quit_says_good_bye_and_closes() {
    let (client, mut peer) = client();
    let bye = Reply { opcode: 0x07, ..Reply::default() };
    let (quit, asked) = exchange!(client, peer, client.quit(), bye);
    quit.unwrap();
    assert_eq!(asked.opcode, 0x07);
    peer.expect_end().await;
}

#[tokio::test]
async fn stats_are_collected_up_to_the_empty_packet() {
    let (mut client, mut peer) = client();
    let pid = Reply { opcode: 0x10, key: b"pid", value: b"7", ..Reply::default() };
    let end = Reply { opcode: 0x10, ..Reply::default() };
    let (stats, asked) = tokio::join!(
        client.stats(b"items"),
        peer.answer(|opaque| [pid.to(opaque), pid.to(opaque), end.to(opaque)].concat())
    );
    assert_eq!(stats.unwrap(), vec![("pid".into(), "7".into()); 2]);
    assert_eq!(asked.key, b"items");
    let (stats, asked) = exchange!(client, peer, client.stats(b""), end);
    assert_eq!((stats.unwrap().len(), asked.key.len()), (0, 0));
}

#[tokio::test]
async fn an_unknown_group_of_stats_is_a_refusal_without_a_terminator() {
    let (mut client, mut peer) = client();
    let no = Reply { opcode: 0x10, status: 1, value: b"Not found", ..Reply::default() };
    let (stats, _) = exchange!(client, peer, client.stats(b"conns"), no);
    assert!(matches!(stats, Err(Error::Refused { .. })));
    assert!(client.is_open());
}

#[tokio::test]
async fn auth_plain_sends_user_and_password_behind_nuls() {
    let (mut client, mut peer) = client();
    let yes = Reply { opcode: 0x21, value: b"Authenticated", ..Reply::default() };
    let (auth, asked) = exchange!(client, peer, client.auth_plain(b"user", b"pass"), yes);
    auth.unwrap();
    assert_eq!(parts(&asked), (0x21, 0, &b""[..], &b"PLAIN"[..], &b"\0user\0pass"[..]));
    for status in [0x20, 0x81] {
        let no = Reply { opcode: 0x21, status, value: b"no", ..Reply::default() };
        let (auth, _) = exchange!(client, peer, client.auth_plain(b"user", b"x"), no);
        assert!(matches!(auth, Err(Error::Refused { .. })));
    }
    assert!(client.is_open(), "another try is allowed (MCB-SAS-04)");
}

#[tokio::test]
async fn get_many_reads_hits_and_takes_silence_for_a_miss() {
    let (mut client, mut peer) = client();
    let keys: [&[u8]; 3] = [b"a", b"b", b"c"];
    let (items, opaques) = tokio::join!(client.get_many(&keys), async {
        let mut opaques = Vec::new();
        for key in keys {
            let asked = peer.asked().await;
            assert_eq!((asked.opcode, &asked.key[..]), (0x0d, key));
            if key != b"b" {
                let extras = &[0, 0, 0, key[0]];
                let hit = Reply { opcode: 0x0d, extras, key, value: key, ..Reply::default() };
                peer.send(&hit.to(asked.opaque)).await;
            }
            opaques.push(asked.opaque);
        }
        let fence = peer.answer(|opaque| Reply { opcode: 0x0a, ..Reply::default() }.to(opaque));
        opaques.push(fence.await.opaque);
        opaques
    });
    let items = items.unwrap();
    assert_eq!(items.keys().collect::<Vec<_>>(), ["a", "c"]);
    assert_eq!((items[&b"c"[..]].flags, &items[&b"c"[..]].value[..]), (99, &b"c"[..]));
    let mut unique = opaques.clone();
    unique.dedup();
    assert_eq!(unique, opaques, "each request has its own opaque");
}

#[tokio::test]
async fn set_many_and_delete_many_return_the_keys_that_failed() {
    let (mut client, mut peer) = client();
    let entries: [(&[u8], &[u8]); 3] = [(b"a", b"1"), (b"b", b"2"), (b"c", b"3")];
    let refuse = async |peer: &mut Peer, opcode, status| {
        for index in 0..3 {
            let asked = peer.asked().await;
            assert_eq!(asked.opcode, opcode);
            if index == 1 {
                let no = Reply { opcode, status, value: b"no", ..Reply::default() };
                peer.send(&no.to(asked.opaque)).await;
            }
        }
        peer.answer(|opaque| Reply { opcode: 0x0a, ..Reply::default() }.to(opaque)).await;
    };
    let (failed, ()) = tokio::join!(client.set_many(&entries, META), refuse(&mut peer, 0x11, 3));
    assert_eq!(failed.unwrap(), [("b".into(), Status::TOO_LARGE)]);
    let keys: [&[u8]; 3] = [b"a", b"b", b"c"];
    let (absent, ()) = tokio::join!(client.delete_many(&keys), refuse(&mut peer, 0x14, 1));
    assert_eq!(absent.unwrap(), [("b".into(), Status::KEY_NOT_FOUND)]);
}

#[tokio::test]
async fn a_pipeline_settles_each_request_in_order() {
    let (mut client, mut peer) = client();
    let delete = |key: &'static str| Command::Delete { key: key.into() };
    let requests = vec![
        (Opcode::DELETEQ, 0, delete("a")),
        (Opcode::DELETE, 0, delete("b")),
        (Opcode::DELETEQ, 0, delete("c")),
    ];
    let (outcomes, ()) = tokio::join!(client.quiet(requests, true), async {
        peer.asked().await;
        peer.answer(|opaque| Reply { opcode: 4, ..Reply::default() }.to(opaque)).await;
        peer.answer(|opaque| {
            Reply { opcode: 0x14, status: 1, value: b"no", ..Reply::default() }.to(opaque)
        })
        .await;
        peer.answer(|opaque| Reply { opcode: 0x0a, ..Reply::default() }.to(opaque)).await;
    });
    let missed = Outcome::Refused(Status::KEY_NOT_FOUND);
    assert_eq!(outcomes.unwrap(), [Outcome::Silent, Outcome::Done, missed]);
}

#[tokio::test]
async fn a_reply_in_pieces_of_one_byte_is_the_same_reply() {
    let (stream, mut peer) = pair_of(1);
    let mut client = Client::new(stream, PATIENCE);
    let hit = Reply { extras: &[0; 4], value: b"value", cas: 1, ..Reply::default() };
    let (found, asked) = exchange!(client, peer, client.get(b"key"), hit);
    assert_eq!(found.unwrap().as_deref(), Some(&b"value"[..]));
    assert_eq!(asked.key, b"key");
}

#[tokio::test]
async fn bad_keys_are_refused_before_anything_is_sent() {
    let (mut client, mut peer) = client();
    let long = [b'k'; 251];
    for key in [&b""[..], &long] {
        assert!(matches!(client.get(key).await, Err(Error::Invalid { .. })));
        assert!(matches!(client.set(key, b"v", META).await, Err(Error::Invalid { .. })));
        assert!(matches!(client.get_many(&[b"good", key]).await, Err(Error::Invalid { .. })));
    }
    let miss = Reply { status: 1, value: b"Not found", ..Reply::default() };
    let (found, asked) = exchange!(client, peer, client.get(&long[..250]), miss);
    assert_eq!((found.unwrap(), asked.key.len()), (None, 250));
}
