//! Small recordings and the sessions they become.

use std::time::Duration;

use super::deviations::Deviations;
use super::import::Recording;
use super::{Ending, Event, Source, What, transcribe};
use crate::wire::{Codec, Protocol};

fn source(protocol: Protocol) -> Source {
    Source {
        case: format!("{}/recorded/test", protocol.name()),
        title: "a test".to_owned(),
        comments: Vec::new(),
        codec: Codec::new(protocol),
        fresh: false,
        page_length: None,
        unix_start: Some(1_800_000_000),
    }
}

/// The steps of a recording whose events come at these milliseconds.
fn steps(protocol: Protocol, events: Vec<(u64, u64, What)>) -> Vec<String> {
    let events: Vec<Event> = events
        .into_iter()
        .map(|(millis, conn, what)| Event { conn, at: Duration::from_millis(millis), what })
        .collect();
    let session = transcribe(&source(protocol), &events).expect("a session").to_string();
    let (_, steps) = session.split_once("\n\n").expect("a header");
    steps.lines().map(str::to_owned).collect()
}

fn bytes(hex: &str) -> Vec<u8> {
    let digits: Vec<char> = hex.chars().filter(|c| *c != ' ').collect();
    let byte =
        |pair: &[char]| u8::from_str_radix(&pair.iter().collect::<String>(), 16).expect("hex");
    digits.chunks(2).map(byte).collect()
}

fn sent(hex: &str) -> What {
    What::Sent(bytes(hex))
}

fn received(hex: &str) -> What {
    What::Received(bytes(hex))
}

/// A memcached frame: magic and opcode, key, extras, status, opaque, CAS, extras and body.
fn frame(
    magic: u8,
    opcode: u8,
    key: &str,
    extras: &[u8],
    value: &str,
    meta: (u16, u32, u64),
) -> Vec<u8> {
    let (status, opaque, cas) = meta;
    let total = u32::try_from(key.len() + extras.len() + value.len()).expect("short");
    let mut bytes = vec![magic, opcode];
    bytes.extend(u16::try_from(key.len()).expect("short").to_be_bytes());
    bytes.extend([u8::try_from(extras.len()).expect("short"), 0]);
    bytes.extend(status.to_be_bytes());
    bytes.extend(total.to_be_bytes());
    bytes.extend(opaque.to_be_bytes());
    bytes.extend(cas.to_be_bytes());
    bytes.extend(extras.iter().chain(key.as_bytes()).chain(value.as_bytes()));
    bytes
}

fn get(opcode: u8, key: &str, opaque: u32) -> Vec<u8> {
    frame(0x80, opcode, key, &[], "", (0, opaque, 0))
}

fn hit(opcode: u8, value: &str, opaque: u32, cas: u64) -> Vec<u8> {
    frame(0x81, opcode, "", &[0; 4], value, (0, opaque, cas))
}

#[test]
fn cas_values_that_come_up_again_get_names() {
    let set = |opaque, cas| frame(0x80, 1, "k", &[0; 8], "v", (0, opaque, cas));
    let events = vec![
        (0, 1, What::Opened),
        (1, 1, What::Sent(set(1, 0))),
        (2, 1, What::Received(frame(0x81, 1, "", &[], "", (0, 1, 77)))),
        (3, 1, What::Sent(set(2, 77))),
        (4, 1, What::Received(frame(0x81, 1, "", &[], "", (0, 2, 78)))),
    ];
    let expected = [
        "A> set key=\"k\" value=\"v\"",
        "A< ok set cas=$c1",
        "A> set key=\"k\" value=\"v\" cas=$c1",
        "A< ok set",
    ];
    assert_eq!(steps(Protocol::Memcached, events), expected);
}

#[test]
fn a_hit_behind_a_silent_miss_is_tagged() {
    let events = vec![
        (0, 1, What::Opened),
        (1, 1, What::Sent([get(9, "a", 1), get(9, "b", 2), get(10, "", 3)].concat())),
        (
            2,
            1,
            What::Received([hit(9, "x", 2, 5), frame(0x81, 10, "", &[], "", (0, 3, 0))].concat()),
        ),
    ];
    let expected = [
        "A> getq key=\"a\" | more",
        "A> getq key=\"b\" @1 | more",
        "A> noop",
        "A< ok getq value=\"x\" @1",
        "A< ok noop",
    ];
    assert_eq!(steps(Protocol::Memcached, events), expected);
}

#[test]
fn replies_move_up_to_their_requests_past_other_connections() {
    let noop = |opaque| frame(0x80, 10, "", &[], "", (0, opaque, 0));
    let answer = |opaque| frame(0x81, 10, "", &[], "", (0, opaque, 0));
    let events = vec![
        (0, 1, What::Opened),
        (0, 2, What::Opened),
        (1, 1, What::Sent(noop(1))),
        (1, 2, What::Sent(noop(1))),
        (2, 1, What::Received(answer(1))),
        (2, 2, What::Received(answer(1))),
    ];
    let expected = ["A> noop", "A< ok noop", "B> noop", "B< ok noop"];
    assert_eq!(steps(Protocol::Memcached, events), expected);
}

#[test]
fn segments_and_pauses_are_kept_where_they_matter() {
    let set = frame(0x80, 1, "k", &[0, 0, 0, 0, 0, 0, 0, 1], "value", (0, 1, 0));
    let (first, second) = set.split_at(10);
    let events = vec![
        (0, 1, What::Opened),
        (1, 1, What::Sent(first.to_vec())),
        (5, 1, What::Sent(second.to_vec())),
        (6, 1, What::Received(frame(0x81, 1, "", &[], "", (0, 1, 9)))),
        (2100, 1, What::Sent(get(0, "k", 2))),
        (2101, 1, What::Received(frame(0x81, 0, "", &[], "Not found", (1, 2, 0)))),
    ];
    let expected = [
        "A> set key=\"k\" value=\"value\" exp=1 | split 10 *",
        "A< ok set",
        "advance 2100ms",
        "A> get key=\"k\"",
        "A< not_found get",
    ];
    assert_eq!(steps(Protocol::Memcached, events), expected);
}

/// Each pause is short, and without them the last GET would come long before the item expires.
#[test]
fn the_short_pauses_of_a_client_that_polls_add_up() {
    let set = frame(0x80, 1, "k", &[0, 0, 0, 0, 0, 0, 0, 1], "value", (0, 1, 0));
    let mut events = vec![
        (0, 1, What::Opened),
        (1, 1, What::Sent(set)),
        (2, 1, What::Received(frame(0x81, 1, "", &[], "", (0, 1, 9)))),
    ];
    for poll in 1..=10 {
        let at = 2 + poll * 100;
        events.push((at, 1, What::Sent(get(0, "k", 2))));
        events.push((at + 1, 1, What::Received(hit(0, "value", 2, 9))));
    }
    let found = steps(Protocol::Memcached, events);
    let advances: Vec<&str> =
        found.iter().filter_map(|step| step.strip_prefix("advance ")).collect();
    assert_eq!(advances, ["400ms", "400ms"], "{found:#?}");
}

#[test]
fn absolute_times_are_distances_from_now() {
    let touch = frame(0x80, 0x1c, "k", &1_800_000_030u32.to_be_bytes(), "", (0, 1, 0));
    let events = vec![(0, 1, What::Opened), (0, 1, What::Sent(touch))];
    assert_eq!(steps(Protocol::Memcached, events), ["A> touch key=\"k\" exp=now+30", "close A"]);
}

#[test]
fn bytes_that_are_no_frame_stay_bytes() {
    let events = vec![
        (0, 1, What::Opened),
        (1, 1, sent("676574206b0d0a")),
        (2, 1, received("4552524f520d0a")),
        (3, 1, What::ServerEnded(Ending::Fin)),
        (4, 1, What::ClientEnded(Ending::Fin)),
    ];
    let expected = ["A> hex 67657420 6b0d0a", "A< hex 4552524f 520d0a", "A< closed"];
    assert_eq!(steps(Protocol::Memcached, events), expected);
}

#[test]
fn a_waiting_lock_is_watched_and_versions_are_relative() {
    let lock = "03 00000002 00000000 00000000";
    let page = "0a0b0c0d";
    let events = vec![
        (0, 1, What::Opened),
        (0, 2, What::Opened),
        (1, 1, sent(lock)),
        (2, 1, received(&format!("03 00000002 00000004 00000029 {page}"))),
        (3, 2, sent(lock)),
        (4, 1, sent("04 00000002 00000004 00000000 61616161")),
        (5, 2, received("03 00000002 00000004 0000002a 61616161")),
        (5, 1, received("04 00000002 00000000 0000002a")),
        (6, 1, What::ClientEnded(Ending::Fin)),
        (7, 2, What::ClientEnded(Ending::Rst)),
    ];
    let expected = [
        "A> lock page=2",
        "A< lock version=$v1 data=*",
        "B> lock page=2",
        "B quiet 100ms",
        "A> unlock page=2 data=\"aaaa\"",
        "A< unlock version=$v1+1",
        "B< lock version=$v1+1 data=\"aaaa\"",
        "close A",
        "reset B",
    ];
    assert_eq!(steps(Protocol::NetMem, events), expected);
}

#[test]
fn a_half_close_is_seen_by_what_comes_after_it() {
    let events = vec![
        (0, 1, What::Opened),
        (1, 1, sent("6100")),
        (2, 1, What::ClientEnded(Ending::Fin)),
        (3, 1, received("61")),
        (4, 1, received("00")),
        (5, 1, What::ServerEnded(Ending::Fin)),
    ];
    let expected = ["A> \"a\\0\"", "finish A", "A< \"a\\0\"", "A< closed"];
    assert_eq!(steps(Protocol::Echo, events), expected);
}

#[test]
fn locker_replies_name_their_requests() {
    let get = "7f000000 01000000 0100000000000000 61";
    let events = vec![
        (0, 1, What::Opened),
        (0, 2, What::Opened),
        (1, 1, sent(get)),
        (2, 1, received("0100")),
        (3, 2, sent(get)),
        (4, 2, received("0101")),
    ];
    let expected = ["A> get \"a\"", "A< ok get", "B> get \"a\"", "B< busy get"];
    assert_eq!(steps(Protocol::Locker, events), expected);
}

#[test]
fn a_full_recording_says_so_and_leaves() {
    let events = vec![
        (0, 1, What::Opened),
        (1, 1, What::Sent(get(0, "k", 1))),
        (2, 1, What::Full(1000)),
        (3, 1, What::Sent(get(0, "lost", 2))),
    ];
    let expected = [
        "A> get key=\"k\"",
        "# The recording ends here: 1000 bytes are the recorder's limit (RECORDED_BYTES_MAX).",
        "close A",
    ];
    assert_eq!(steps(Protocol::Memcached, events), expected);
}

const HEADER: &str =
    r#"{"protocol": "echo", "server": "s", "client": "c", "scenario": "x", "title": "t"}"#;

fn imported(events: &str, deviations: &str) -> String {
    let text = format!("{HEADER}\n{events}");
    let recording = Recording::parse("echo", "x", &text).expect("a recording");
    let mut deviations = Deviations::parse(deviations).expect("deviations");
    recording.session(&mut deviations).expect("a session").to_string()
}

#[test]
fn cut_events_are_rebuilt_only_if_the_digest_agrees() {
    let digest = super::digest::sha256(&b"ab".repeat(50));
    let cut = |digest: &str| {
        format!(
            "{{\"conn\": 1, \"t\": 0, \"dir\": \"open\"}}\n\
             {{\"conn\": 1, \"t\": 0.1, \"dir\": \"c2s\", \"hex\": \"61626162\", \"len\": 100, \"sha256\": \"{digest}\"}}\n"
        )
    };
    assert!(imported(&cut(&digest), "").contains("A> rep(\"ab\",50)\n"));
    let other = imported(&cut("00"), "");
    assert!(
        other.contains("# The recording does not keep the next 100 bytes of the client"),
        "{other}"
    );
    assert!(!other.contains("A>"), "{other}");
}

#[test]
fn a_deviation_becomes_alternatives_with_its_requirement() {
    let events = r#"{"conn": 1, "t": 0, "dir": "open"}
{"conn": 1, "t": 0.1, "dir": "c2s", "hex": "6162"}
{"conn": 1, "t": 0.2, "dir": "s2c", "hex": "61"}
"#;
    let deviation = r#"
[[deviation]]
recording = "echo/*"
step = '/^(\w)< "a"$/'
documented = ['{1}< "ab"']
requirement = ["EC-ECHO-04"]
original = "the last byte is lost"
documentation = "any bytes come back exactly"
"#;
    let session = imported(events, deviation);
    let line = "any { A< \"ab\" } or { A< \"a\" }  # EC-ECHO-04: the last byte is lost\n";
    assert!(session.ends_with(line), "{session}");
    assert!(session.contains("\nspec   EC-ECHO-04\n"), "{session}");
}
