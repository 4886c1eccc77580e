//! The memcached client in each dialect against the reference server: the same operations come to the same results, but for
//! what text cannot say.

use std::io;
use std::time::Duration;

use lockproof_client::blocking::{connect as connect_blocking, go_on};
use lockproof_client::memcached::{
    CasOutcome, Client, Command, Dialect, Item, Lookup, Meta, Opcode, Outcome, Recache, Seed,
    Status, StoreMode, Value, blocking, or_binary,
};
use lockproof_client::{Error, Refusal, Stream, connect};
use lockproof_reference_server::protocols::{MemcachedConfig, Speaks};
use lockproof_reference_server::{Embedded, EmbeddedConfig, SASL_PASSWORD, SASL_USER};

/// Long enough never to be reached where it is not meant to be.
const PATIENCE: Duration = Duration::from_mins(1);
const META: Meta = Meta { flags: 0xdead_beef, expiry: 60 };
const ALL: [Dialect; 3] = [Dialect::Binary, Dialect::Text, Dialect::Meta];

async fn server() -> Embedded {
    Embedded::start(EmbeddedConfig::default()).await.expect("ports")
}

async fn client_at(address: std::net::SocketAddr, dialect: Dialect) -> Client<Stream> {
    let endpoint = address.to_string().parse::<lockproof_client::Address>().unwrap().into();
    let stream = connect(&endpoint, PATIENCE).await.expect("it is served");
    Client::new(stream, PATIENCE).with_dialect(dialect)
}

fn refused<T: std::fmt::Debug>(result: Result<T, Error>) -> Status {
    match result {
        Err(Error::Refused { refusal: Refusal::Memcached(status), .. }) => status,
        other => panic!("{other:?} is no refusal"),
    }
}

fn is_invalid<T>(result: &Result<T, Error>) -> bool {
    matches!(result, Err(Error::Invalid { .. }))
}

#[tokio::test]
async fn one_key_comes_to_the_same_in_every_dialect() {
    let server = server().await;
    for dialect in ALL {
        let mut c = client_at(server.memcached(), dialect).await;
        c.flush_all(0).await.unwrap();
        assert_eq!(c.dialect(), dialect);
        assert_eq!(c.get(b"k").await.unwrap(), None);
        c.set(b"k", b"END\r\nVALUE", META).await.unwrap();
        let item = c.gets(b"k").await.unwrap().expect("a hit");
        assert_eq!((&item.value[..], item.flags), (&b"END\r\nVALUE"[..], 0xdead_beef));
        assert_ne!(item.cas, 0);
        assert_eq!(c.add(b"k", b"", META).await.unwrap(), None);
        assert!(c.add(b"new", b"", META).await.unwrap().is_some());
        assert_eq!(c.get(b"new").await.unwrap().as_deref(), Some(&b""[..]));
        assert_eq!(c.replace(b"absent", b"", META).await.unwrap(), None);
        assert!(c.replace(b"k", b"b", META).await.unwrap().is_some());
        assert_eq!(c.append(b"absent", b"").await.unwrap(), None);
        assert!(c.append(b"k", b"c").await.unwrap().is_some());
        assert!(c.prepend(b"k", b"a").await.unwrap().is_some());
        let item = c.gat(b"k", 0).await.unwrap().expect("a hit");
        assert_eq!((&item.value[..], item.flags), (&b"abc"[..], 0xdead_beef));
        assert_eq!(c.gat(b"absent", 0).await.unwrap(), None);
        assert!(c.touch(b"k", u32::MAX - 1).await.unwrap());
        assert!(!c.touch(b"absent", 9).await.unwrap());
        assert!(matches!(c.cas(b"k", b"d", item.cas, META).await.unwrap(), CasOutcome::Stored(_)));
        assert_eq!(c.cas(b"k", b"e", item.cas, META).await.unwrap(), CasOutcome::Stale);
        assert_eq!(c.cas(b"absent", b"e", item.cas, META).await.unwrap(), CasOutcome::Missing);
        assert_eq!(c.get(b"k").await.unwrap().as_deref(), Some(&b"d"[..]));
        assert!(c.delete(b"k").await.unwrap());
        assert!(!c.delete(b"k").await.unwrap());
        c.set(b"k", b"v", Meta { flags: 0, expiry: 60 * 60 * 24 * 30 + 1 }).await.unwrap();
        assert_eq!(c.get(b"k").await.unwrap(), None, "{dialect:?}: a date in 1970");
        c.quit().await.unwrap();
    }
}

#[tokio::test]
async fn counters_count_and_text_creates_none() {
    let server = server().await;
    for dialect in ALL {
        let mut c = client_at(server.memcached(), dialect).await;
        c.flush_all(0).await.unwrap();
        assert_eq!(c.incr(b"n", 5, None).await.unwrap(), None);
        let seeded = c.incr(b"n", 5, Some(Seed { initial: 40, expiry: 0 })).await;
        if dialect == Dialect::Text {
            assert!(is_invalid(&seeded));
            c.set(b"n", b"40", META).await.unwrap();
        } else {
            assert_eq!(seeded.unwrap(), Some(40));
        }
        assert_eq!(c.incr(b"n", 2, None).await.unwrap(), Some(42));
        assert_eq!(c.decr(b"n", 50, None).await.unwrap(), Some(0));
        assert_eq!(c.incr(b"n", u64::MAX, None).await.unwrap(), Some(u64::MAX));
        c.set(b"n", b"words", META).await.unwrap();
        assert_eq!(refused(c.incr(b"n", 1, None).await), Status::NON_NUMERIC);
        assert!(c.is_open());
    }
}

#[tokio::test]
async fn only_text_does_not_tell_the_cas_of_a_store() {
    let server = server().await;
    for dialect in ALL {
        let mut c = client_at(server.memcached(), dialect).await;
        let told = c.set(b"k", b"v", META).await.unwrap();
        let cas = c.gets(b"k").await.unwrap().expect("a hit").cas;
        assert_eq!(told, if dialect == Dialect::Text { 0 } else { cas }, "{dialect:?}");
    }
}

#[tokio::test]
async fn many_keys_come_to_the_same_in_every_dialect() {
    let server = server().await;
    let names: Vec<String> = (0..500).map(|at| format!("key{at:0>100}")).collect();
    let keys: Vec<&[u8]> = names.iter().map(String::as_bytes).collect();
    let large = vec![0; 2 << 20];
    for dialect in ALL {
        let mut c = client_at(server.memcached(), dialect).await;
        c.flush_all(0).await.unwrap();
        assert!(c.get_many(&keys).await.unwrap().is_empty());
        let mut entries: Vec<(&[u8], &[u8])> =
            keys.iter().step_by(3).map(|key| (*key, *key)).collect();
        entries[7].1 = &large;
        let failed = c.set_many(&entries, META).await.unwrap();
        assert_eq!(failed, [(entries[7].0.to_vec().into(), Status::TOO_LARGE)], "{dialect:?}");
        let found = c.get_many(&keys).await.unwrap();
        assert_eq!(found.len(), entries.len() - 1, "{dialect:?}");
        assert!(found.iter().all(|(key, item)| item.value == key && item.flags == META.flags));
        // A key that is asked for twice, and one that is not there.
        let found = c.get_many(&[keys[0], b"absent", keys[0]]).await.unwrap();
        assert_eq!(found.keys().map(|key| &key[..]).collect::<Vec<_>>(), [keys[0]]);
        let failed = c.delete_many(&[keys[0], b"absent", keys[3]]).await.unwrap();
        assert_eq!(failed, [("absent".into(), Status::KEY_NOT_FOUND)]);
        assert_eq!(c.get_many(&keys[..4]).await.unwrap().len(), 0);
        assert!(c.get_many(&[]).await.unwrap().is_empty());
    }
}

#[tokio::test]
async fn any_requests_go_in_one_write_and_their_outcomes_are_in_order() {
    let server = server().await;
    let value = |text: &'static str| Value::Present(text.into());
    let get = |opcode, key: &'static str| (opcode, 0, Command::Get { key: key.into() });
    for dialect in ALL {
        let mut c = client_at(server.memcached(), dialect).await;
        c.flush_all(0).await.unwrap();
        c.set(b"there", b"v", META).await.unwrap();
        let requests = vec![
            get(Opcode::GETQ, "absent"),
            get(Opcode::GETKQ, "there"),
            (Opcode::DELETEQ, 0, Command::Delete { key: "absent".into() }),
            (
                Opcode::ADDQ,
                0,
                Command::Store {
                    mode: StoreMode::Add,
                    key: "there".into(),
                    flags: 0,
                    expiry: 0,
                    value: value("w"),
                },
            ),
            (Opcode::VERSION, 0, Command::Version),
            get(Opcode::GETQ, "absent"),
            get(Opcode::GET, "absent"),
            (Opcode::DELETEQ, 0, Command::Delete { key: "there".into() }),
            get(Opcode::GETQ, "there"),
        ];
        let mut outcomes = c.quiet(requests, true).await.unwrap();
        for outcome in &mut outcomes {
            match outcome {
                Outcome::Item(item) => item.cas = 0,
                Outcome::Text(text) => text.clear(),
                _ => {}
            }
        }
        let hit = Item { value: "v".into(), flags: META.flags, cas: 0 };
        let expected = [
            Outcome::Silent,
            Outcome::Item(hit),
            Outcome::Refused(Status::KEY_NOT_FOUND),
            Outcome::Refused(Status::KEY_EXISTS),
            Outcome::Text("".into()),
            Outcome::Silent,
            Outcome::Refused(Status::KEY_NOT_FOUND),
            Outcome::Silent,
            Outcome::Silent,
        ];
        assert_eq!(outcomes, expected, "{dialect:?}");
    }
}

#[tokio::test]
async fn keys_that_no_line_can_hold_are_base64_in_meta_and_refused_in_text() {
    let server = server().await;
    let keys: [&[u8]; 4] = [b"a b", b"\r\n", b"\0", b"\x01\xff\x7f "];
    for dialect in ALL {
        let mut c = client_at(server.memcached(), dialect).await;
        c.set("schlüssel".as_bytes(), b"v", META).await.unwrap();
        assert!(c.get("schlüssel".as_bytes()).await.unwrap().is_some());
        for key in keys {
            let stored = c.set(key, key, META).await;
            if dialect == Dialect::Text {
                assert!(is_invalid(&stored) && is_invalid(&c.get_many(&[b"k", key]).await));
            } else {
                stored.unwrap();
                assert_eq!(c.get(key).await.unwrap().as_deref(), Some(key), "{dialect:?}");
                assert_eq!(c.get_many(&[key]).await.unwrap().len(), 1);
                assert!(c.delete(key).await.unwrap());
            }
        }
        assert!(c.is_open(), "nothing was sent of what was refused");
        c.noop().await.unwrap();
    }
}

#[tokio::test]
async fn a_value_that_is_too_large_is_refused_and_the_connection_goes_on() {
    let server = server().await;
    for dialect in ALL {
        let mut c = client_at(server.memcached(), dialect).await;
        assert_eq!(refused(c.set(b"k", &vec![0; 2 << 20], META).await), Status::TOO_LARGE);
        c.set(b"k", &vec![b'v'; 1_000_000], META).await.unwrap();
        assert_eq!(c.get(b"k").await.unwrap().map(|value| value.len()), Some(1_000_000));
    }
}

#[tokio::test]
async fn the_server_tells_of_itself_in_every_dialect() {
    let server = server().await;
    for dialect in ALL {
        let mut c = client_at(server.memcached(), dialect).await;
        let version = c.version().await.unwrap();
        let stats = c.stats(b"").await.unwrap();
        let told = stats.iter().find(|(name, _)| name == "version").expect("it is one of them");
        assert_eq!(told.1, version, "{dialect:?}");
        assert_eq!(refused(c.stats(b"no such").await), Status::KEY_NOT_FOUND, "{dialect:?}");
        assert!(c.stats(b"reset").await.unwrap().is_empty());
        c.noop().await.unwrap();
    }
}

#[tokio::test]
async fn users_come_in_by_every_dialect() {
    let server = server().await;
    for dialect in ALL {
        let mut c = client_at(server.memcached_sasl(), dialect).await;
        let wrong = c.auth_plain(SASL_USER.as_bytes(), b"wrong").await;
        assert_eq!(refused(wrong), Status::AUTH_ERROR, "{dialect:?}");
        c.auth_plain(SASL_USER.as_bytes(), SASL_PASSWORD.as_bytes()).await.unwrap();
        c.set(b"k", b"v", META).await.unwrap();
        let mut stranger = client_at(server.memcached_sasl(), dialect).await;
        assert_eq!(refused(stranger.get(b"k").await), Status::AUTH_ERROR, "{dialect:?}");
        assert!(!stranger.is_open());
    }
}

#[tokio::test]
async fn a_lease_is_one_clients_until_the_item_is_stored() {
    let server = server().await;
    let mut one = client_at(server.memcached(), Dialect::Meta).await;
    let mut other = client_at(server.memcached(), Dialect::Meta).await;
    let lookup = Lookup { vivify: Some(30), ..Lookup::default() };
    assert_eq!(one.lookup(b"k", Lookup::default()).await.unwrap(), None, "none is made");
    let won = one.lookup(b"k", lookup).await.unwrap().expect("a stub");
    assert!(won.is_won && !won.is_taken && !won.is_stale && won.item.value.is_empty());
    let lost = other.lookup(b"k", lookup).await.unwrap().expect("the stub");
    assert!(!lost.is_won && lost.is_taken && !lost.is_stale && lost.item.value.is_empty());
    one.cas(b"k", b"value", won.item.cas, META).await.unwrap();
    let found = other.lookup(b"k", lookup).await.unwrap().expect("the value");
    assert!(!found.is_won && !found.is_taken && !found.is_stale);
    assert_eq!((&found.item.value[..], found.item.flags), (&b"value"[..], META.flags));

    // Below 100 seconds, and it has 60.
    let recache = Some(Recache { below: 100, after_touch: false });
    let early = Lookup { recache, ..lookup };
    assert!(other.lookup(b"k", early).await.unwrap().expect("the value").is_won);
    assert!(one.lookup(b"k", early).await.unwrap().expect("the value").is_taken);

    assert!(one.invalidate(b"k", Some(20)).await.unwrap());
    assert!(!one.invalidate(b"absent", None).await.unwrap());
    let stale = other.lookup(b"k", lookup).await.unwrap().expect("the old value");
    assert!(stale.is_won && stale.is_stale && stale.item.value == "value");
    let lost = one.lookup(b"k", lookup).await.unwrap().expect("the old value");
    assert!(!lost.is_won && lost.is_taken && lost.is_stale && lost.item.value == "value");
    for dialect in [Dialect::Binary, Dialect::Text] {
        let mut c = client_at(server.memcached(), dialect).await;
        assert!(
            is_invalid(&c.lookup(b"k", lookup).await)
                && is_invalid(&c.invalidate(b"k", None).await)
        );
        c.noop().await.unwrap();
    }
}

#[tokio::test]
async fn what_a_server_speaks_is_found_out() {
    let server = server().await;
    let mut c = client_at(server.memcached(), Dialect::Binary).await;
    assert_eq!(c.detect().await.unwrap(), Dialect::Meta);
    c.set(b"k", b"v", META).await.unwrap();
    let mut c = client_at(server.memcached_sasl(), Dialect::Binary).await;
    assert_eq!(c.detect().await.unwrap(), Dialect::Text, "it wants a password first");
    let memcached = MemcachedConfig { speaks: Speaks::Binary, ..MemcachedConfig::default() };
    let config = EmbeddedConfig { memcached, ..EmbeddedConfig::default() };
    let server = Embedded::start(config).await.expect("ports");
    let mut c = client_at(server.memcached(), Dialect::Binary).await;
    assert_eq!(c.detect().await.unwrap(), Dialect::Binary);
    assert!(!c.is_open());
}

/// A signal that ends the wait, or a certificate that is wrong, tells nothing of what the server speaks.
#[test]
fn only_a_connection_that_the_server_ends_means_frames() {
    let failed = |kind: io::ErrorKind| {
        or_binary(Err(Error::Transport { source: kind.into(), maybe_applied: false }))
    };
    for kind in [io::ErrorKind::UnexpectedEof, io::ErrorKind::ConnectionReset] {
        assert!(matches!(failed(kind), Ok(Dialect::Binary)), "{kind}");
    }
    for kind in [io::ErrorKind::Interrupted, io::ErrorKind::InvalidData] {
        assert!(matches!(failed(kind), Err(Error::Transport { .. })), "{kind}");
    }
}

/// The shells differ in how they wait; what is asked and answered is the core's.
#[test]
fn a_blocking_client_speaks_every_dialect() {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let server = runtime.block_on(server());
    for dialect in ALL {
        let stream = connect_blocking(server.memcached(), PATIENCE, go_on).expect("it is served");
        let mut c = blocking::Client::new(stream, PATIENCE).with_dialect(dialect);
        c.flush_all(0).unwrap();
        c.set(b"k", b"v", META).unwrap();
        assert_eq!(c.get(b"k").unwrap().as_deref(), Some(&b"v"[..]));
        let keys: Vec<Vec<u8>> = (0..2000).map(|at| format!("key{at}").into_bytes()).collect();
        let entries: Vec<(&[u8], &[u8])> = keys.iter().map(|key| (&key[..], &key[..])).collect();
        assert!(c.set_many(&entries, META).unwrap().is_empty());
        let keys: Vec<&[u8]> = keys.iter().map(Vec::as_slice).collect();
        assert_eq!(c.get_many(&keys).unwrap().len(), keys.len(), "{dialect:?}");
        c.quit().unwrap();
    }
    let stream = connect_blocking(server.memcached(), PATIENCE, go_on).expect("it is served");
    let mut c = blocking::Client::new(stream, PATIENCE);
    assert_eq!(c.detect().unwrap(), Dialect::Meta);
    assert!(
        c.lookup(b"x", Lookup { vivify: Some(9), ..Lookup::default() }).unwrap().unwrap().is_won
    );
    assert!(c.invalidate(b"x", None).unwrap());
}
