//! The gate by the requirements MCB-SAS-01 to -14.

use alloc::vec::Vec;
use alloc::{format, vec};
use bytes::Bytes;
use lockproof_protocol::memcached_binary::{Command, Opcode, Reply, Request, Status, Value};

use super::{Credentials, Gate, PAYLOAD_LEN_MAX, Verdict};

const WRONG: Reply = Reply::Failed { status: Status::AUTH_ERROR };

/// A verdict that can be compared.
#[derive(Debug, PartialEq)]
enum Seen {
    Pass,
    Reply(Reply),
    Close(Reply),
}

fn credentials() -> Credentials {
    Credentials::new().with("user", "password").with("other", "")
}

fn check(gate: &mut Gate, command: Command) -> Seen {
    let request = Request { opcode: Opcode::NOOP, opaque: 0, cas: 0, command };
    match gate.check(Some(&credentials()), &request) {
        Verdict::Pass => Seen::Pass,
        Verdict::Reply(reply) => Seen::Reply(reply),
        Verdict::ReplyAndClose(reply) => Seen::Close(reply),
    }
}

fn auth(mechanism: &'static str, payload: impl Into<Vec<u8>>) -> Command {
    let payload = Value::Present(Bytes::from(payload.into()));
    Command::SaslAuth { mechanism: Bytes::from(mechanism), payload }
}

fn step(payload: &'static str) -> Command {
    let payload = Value::Present(Bytes::from(payload));
    Command::SaslStep { mechanism: Bytes::from("PLAIN"), payload }
}

fn login() -> Command {
    auth("PLAIN", "\0user\0password")
}

fn welcome() -> Seen {
    Seen::Reply(Reply::Text(Bytes::from("Authenticated")))
}

fn is_in(gate: &mut Gate) -> bool {
    check(gate, Command::Noop) == Seen::Pass
}

#[test]
fn right_password_opens_the_gate() {
    let mut gate = Gate::new();
    assert_eq!(check(&mut gate, login()), welcome());
    for command in [Command::Noop, Command::Quit, Command::Unknown, Command::Flush { delay: 0 }] {
        assert_eq!(check(&mut gate, command), Seen::Pass);
    }
}

#[test]
fn only_exact_credentials_are_right() {
    let rows: [(&str, bool); 16] = [
        ("\0user\0password", true),
        ("user\0user\0password", true),
        ("\0other\0", true),
        ("other\0user\0password", false),
        ("\0user\0passwor", false),
        ("\0user\0passwordx", false),
        ("\0user\0password\0", false),
        ("\0user\0Password", false),
        ("\0user\0", false),
        ("\0other\0x", false),
        ("\0nobody\0password", false),
        ("\0nobody\0", false),
        ("\0\0", false),
        ("\0user", false),
        ("user\0password", false),
        ("", false),
    ];
    for (payload, is_right) in rows {
        let mut gate = Gate::new();
        let seen = check(&mut gate, auth("PLAIN", payload));
        assert_eq!(seen, if is_right { welcome() } else { Seen::Reply(WRONG) }, "{payload:?}");
        assert_eq!(is_in(&mut gate), is_right, "{payload:?}");
    }
}

#[test]
fn unknown_mechanism_is_an_authentication_error() {
    for mechanism in ["CRAM-MD5", "plain", "PLAIN2", "PLAI"] {
        let mut gate = Gate::new();
        assert_eq!(check(&mut gate, auth(mechanism, "\0user\0password")), Seen::Reply(WRONG));
        assert!(!is_in(&mut gate));
    }
}

#[test]
fn step_before_auth_leaves_the_connection_open() {
    let mut gate = Gate::new();
    assert_eq!(check(&mut gate, step("\0user\0password")), Seen::Reply(WRONG));
    assert_eq!(check(&mut gate, login()), welcome());
}

#[test]
fn all_but_version_closes_before_authentication() {
    let key = || Bytes::from("k");
    let mut gate = Gate::new();
    for command in [
        Command::Noop,
        Command::Quit,
        Command::Unknown,
        Command::Get { key: key() },
        Command::Delete { key: key() },
        Command::Stat { group: Bytes::new() },
    ] {
        assert_eq!(check(&mut gate, command), Seen::Close(WRONG));
    }
    assert_eq!(check(&mut gate, Command::Version), Seen::Pass);
}

#[test]
fn failed_attempt_drops_an_earlier_success() {
    for failing in [auth("PLAIN", "\0user\0wrong"), auth("X", ""), step("")] {
        let mut gate = Gate::new();
        check(&mut gate, login());
        assert_eq!(check(&mut gate, failing), Seen::Reply(WRONG));
        assert!(!is_in(&mut gate));
    }
}

#[test]
fn listing_mechanisms_changes_nothing() {
    let names = || Seen::Reply(Reply::Text(Bytes::from("PLAIN")));
    let mut gate = Gate::new();
    assert_eq!(check(&mut gate, Command::SaslListMechs), names());
    assert!(!is_in(&mut gate));
    check(&mut gate, login());
    assert_eq!(check(&mut gate, Command::SaslListMechs), names());
    assert!(is_in(&mut gate));
}

#[test]
fn long_mechanism_and_long_payload_are_refused_without_closing() {
    let mut gate = Gate::new();
    check(&mut gate, login());
    let invalid = || Seen::Reply(Reply::Failed { status: Status::INVALID_ARGUMENTS });
    assert_eq!(check(&mut gate, auth("123456789012345678901234567890123", "")), invalid());
    let no_memory = || {
        let status = Status::OUT_OF_MEMORY;
        Seen::Reply(Reply::FailedWith { status, text: "Out of memory" })
    };
    assert_eq!(check(&mut gate, auth("PLAIN", vec![0; PAYLOAD_LEN_MAX + 1])), no_memory());
    let mechanism = Bytes::from("PLAIN");
    let skipped = Command::SaslAuth { mechanism, payload: Value::TooLarge(700_000) };
    assert_eq!(check(&mut gate, skipped), no_memory());
    assert!(is_in(&mut gate));
    let exactly_32 = auth("12345678901234567890123456789012", "");
    assert_eq!(check(&mut gate, exactly_32), Seen::Reply(WRONG));
}

#[test]
fn without_credentials_everything_passes() {
    let mut gate = Gate::new();
    for command in [Command::SaslListMechs, login(), step(""), Command::Noop] {
        let request = Request { opcode: Opcode::NOOP, opaque: 0, cas: 0, command };
        assert!(matches!(gate.check(None, &request), Verdict::Pass), "{request:?}");
    }
}

#[test]
fn passwords_are_not_printed() {
    let printed = format!("{:?}", credentials());
    assert!(!printed.contains("password") && !printed.contains("user\""), "{printed}");
}
