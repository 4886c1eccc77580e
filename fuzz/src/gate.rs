//! The gate before the cache, held against a model that knows one user and the order of MCB-SAS's rules.

use arbitrary::{Arbitrary, Result, Unstructured};
use bytes::Bytes;
use lockproof_protocol::memcached_binary::{Command, Opcode, Reply, Request, Status, Value};
use lockproof_state_machine::sasl::{Credentials, Gate, Verdict};

use crate::step::{pick, steps};

pub(crate) const USER: &str = "user";
pub(crate) const PASSWORD: &str = "secret";

/// Right, and wrong in as many ways as a message of three parts can be.
const MESSAGES: [&[u8]; 14] = [
    b"\0user\0secret",
    b"user\0user\0secret",
    b"\0user\0secre",
    b"\0user\0secret\0",
    b"\0user\0Secret",
    b"\0user\0",
    b"\0use\0secret",
    b"\0\0",
    b"\0user",
    b"",
    b"other\0user\0secret",
    b"user\0secret",
    b"\0other\0other",
    b"\0secret\0user",
];

/// One byte more than what is looked at.
static ZEROS: [u8; 64 * 1024 + 1] = [0; 64 * 1024 + 1];

/// Two users.
pub(crate) fn credentials() -> Credentials {
    Credentials::new().with(USER, PASSWORD).with("other", "other")
}

/// A request about SASL, or one that has to pass the gate.
#[derive(Debug)]
pub(crate) struct Ask(pub(crate) Request);

impl<'a> Arbitrary<'a> for Ask {
    fn arbitrary(input: &mut Unstructured<'a>) -> Result<Self> {
        let key = Bytes::from_static(b"k");
        let (opcode, command) = match u8::arbitrary(input)? % 8 {
            0 => (Opcode::SASL_LIST_MECHS, Command::SaslListMechs),
            1..=4 => (
                Opcode::SASL_AUTH,
                Command::SaslAuth { mechanism: name(input)?, payload: message(input)? },
            ),
            5 => (
                Opcode::SASL_STEP,
                Command::SaslStep { mechanism: name(input)?, payload: message(input)? },
            ),
            6 => (Opcode::VERSION, Command::Version),
            _ => (Opcode::GETQ, Command::Get { key }),
        };
        Ok(Self(Request { opcode, opaque: 7, cas: 0, command }))
    }
}

/// The mechanism's name, mostly the right one. 32 bytes is the longest that is looked at.
fn name(input: &mut Unstructured<'_>) -> Result<Bytes> {
    let long = [b'P'; 33];
    let names = [&b"PLAIN"[..], b"PLAIN", b"PLAIN", b"plain", b"PLAIN ", &long[..32], &long];
    Ok(Bytes::copy_from_slice(pick(input, &names)?))
}

fn message(input: &mut Unstructured<'_>) -> Result<Value> {
    Ok(match u8::arbitrary(input)? {
        0 => Value::TooLarge(1 << 21),
        3 => Value::NoMemory(1 << 10),
        1 => Value::Present(Bytes::from_static(&ZEROS[1..])),
        2 => Value::Present(Bytes::from_static(&ZEROS)),
        choice if choice < 128 => {
            let length = u8::arbitrary(input)? % 24;
            Value::Present(Bytes::copy_from_slice(input.bytes(length.into())?))
        }
        _ => Value::Present(Bytes::from_static(pick(input, &MESSAGES)?)),
    })
}

/// What the gate makes of a request.
#[derive(Debug, Eq, PartialEq)]
pub(crate) enum Ruling {
    Passes,
    Answered(Reply),
    Ended(Reply),
}

/// Whether a session has authenticated, and nothing else.
#[derive(Debug, Default)]
pub(crate) struct Model {
    knows_it: bool,
}

impl Model {
    pub(crate) fn ask(&mut self, request: &Request) -> Ruling {
        let refused = |status| Ruling::Answered(Reply::Failed { status });
        match &request.command {
            Command::SaslListMechs => Ruling::Answered(Reply::Text(Bytes::from("PLAIN"))),
            Command::SaslAuth { mechanism, .. } | Command::SaslStep { mechanism, .. }
                if mechanism.len() > 32 =>
            {
                refused(Status::INVALID_ARGUMENTS)
            }
            Command::SaslAuth { payload, .. } | Command::SaslStep { payload, .. }
                if !is_looked_at(payload) =>
            {
                let text = "Out of memory";
                Ruling::Answered(Reply::FailedWith { status: Status::OUT_OF_MEMORY, text })
            }
            Command::SaslAuth { mechanism, payload: Value::Present(message) }
                if mechanism == "PLAIN" && is_right(message) =>
            {
                self.knows_it = true;
                Ruling::Answered(Reply::Text(Bytes::from("Authenticated")))
            }
            Command::SaslAuth { .. } | Command::SaslStep { .. } => {
                self.knows_it = false;
                refused(Status::AUTH_ERROR)
            }
            Command::Version => Ruling::Passes,
            _ if self.knows_it => Ruling::Passes,
            _ => Ruling::Ended(Reply::Failed { status: Status::AUTH_ERROR }),
        }
    }
}

/// Every message that lets somebody in; there are four.
fn is_right(message: &[u8]) -> bool {
    [("user", "secret"), ("other", "other")].iter().any(|(user, password)| {
        let own = format!("{user}\0{user}\0{password}");
        message == own.as_bytes() || message == &own.as_bytes()[user.len()..]
    })
}

/// Up to 64 KiB, if the decoder kept it: one that is larger than an item was skipped.
fn is_looked_at(payload: &Value) -> bool {
    matches!(payload, Value::Present(bytes) if bytes.len() <= 64 * 1024)
}

/// One session's requests, with credentials and without.
pub fn run(input: &[u8]) {
    let credentials = credentials();
    let (mut gate, mut off, mut model) = (Gate::new(), Gate::new(), Model::default());
    for Ask(request) in steps(&mut Unstructured::new(input)) {
        let ruling = match gate.check(Some(&credentials), &request) {
            Verdict::Pass => Ruling::Passes,
            Verdict::Reply(reply) => Ruling::Answered(reply),
            Verdict::ReplyAndClose(reply) => Ruling::Ended(reply),
        };
        assert_eq!(ruling, model.ask(&request), "{request:?}");
        assert_eq!(gate.is_open(Some(&credentials)), model.knows_it);
        assert!(matches!(off.check(None, &request), Verdict::Pass), "SASL is off: {request:?}");
        if matches!(ruling, Ruling::Ended(_)) {
            return;
        }
    }
}
