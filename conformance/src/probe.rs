//! What a server supports, found out before it is judged: "unsupported" is not "failed".
//!
//! Every opcode is asked for on a fresh connection with an empty body, because memcached 1.6 loses the frame border
//! behind an unknown opcode that has one. FLUSH is never asked for: it would flush.

use std::collections::BTreeSet;
use std::time::Duration;

use futures_util::future::join_all;

use crate::replay::World;
use crate::session::{Expected, Message, Step};
use crate::stage::{Stage, begins};
use crate::suite::Case;
use crate::wire::{Protocol, Reply};

/// What a server is and can do.
#[derive(Clone, Debug, Default)]
pub struct Profile {
    /// A name for reports: `memcached 1.6.18`.
    pub implementation: String,
    /// The version alone, for expectations files.
    pub version: Option<String>,
    /// What it speaks of the protocols of its kind. Cases in others are not asked of it.
    pub speaks: BTreeSet<Protocol>,
    /// memcached opcodes that it does not know.
    pub unknown_opcodes: BTreeSet<u8>,
    /// It hands out CAS values.
    pub cas: bool,
}

/// The opcodes that cases may use; FLUSH and FLUSHQ are taken as known.
const OPCODES: std::ops::RangeInclusive<u8> = 0x00..=0x24;
const FLUSH: [u8; 2] = [0x08, 0x18];

/// Asks the server what it is and can do.
pub async fn probe<W: World>(stage: &Stage<W>, timeout: Duration) -> Profile {
    let protocol = stage.target().protocol();
    let speaks = BTreeSet::from([protocol]);
    match protocol {
        Protocol::Memcached => memcached(stage, timeout).await,
        Protocol::NetMem => {
            let word = stage
                .question("version", &[], timeout)
                .await
                .and_then(|reply| reply.number("version"));
            let [major, minor, server_major, server_minor] =
                u32::try_from(word.unwrap_or_default()).unwrap_or_default().to_be_bytes();
            Profile {
                implementation: format!(
                    "NetMem API {major}.{minor}, server {server_major}.{server_minor}"
                ),
                version: Some(format!("{server_major}.{server_minor}.0")),
                speaks,
                ..Profile::default()
            }
        }
        protocol => Profile {
            implementation: format!("a {} server", protocol.name()),
            speaks,
            ..Profile::default()
        },
    }
}

async fn memcached<W: World>(stage: &Stage<W>, timeout: Duration) -> Profile {
    let (speaks, version) = spoken(stage, timeout).await;
    let implementation = version.as_ref().map_or_else(
        || "a memcached server without VERSION".to_owned(),
        |version| format!("memcached {version}"),
    );
    let (mut unknown_opcodes, mut cas) = (BTreeSet::new(), true);
    if speaks.contains(&Protocol::Memcached) {
        unknown_opcodes = self::unknown_opcodes(stage, timeout).await;
        let key = format!("lp:probe:{:016x}", std::process::id());
        let stored = stage.question("set", &[("key", key.as_bytes())], timeout).await;
        let _ = stage.question("delete", &[("key", key.as_bytes())], timeout).await;
        cas = stored.and_then(|reply| reply.number("cas")).unwrap_or_default() != 0;
    }
    Profile { implementation, version, speaks, unknown_opcodes, cas }
}

/// Which of memcached's three protocols the server answers in, and what it says of its version.
async fn spoken<W: World>(
    stage: &Stage<W>,
    timeout: Duration,
) -> (BTreeSet<Protocol>, Option<String>) {
    let (noop, binary) =
        (stage.question("noop", &[], timeout), stage.question("version", &[], timeout));
    let (text, meta) = (stage.line("version", timeout), stage.line("mn", timeout));
    let (noop, binary, text, meta) = tokio::join!(noop, binary, text, meta);
    let begins =
        |reply: &Option<Reply>, word| reply.as_ref().is_some_and(|reply| begins(reply, word));
    let answers = [
        (Protocol::Memcached, noop.is_some()),
        (Protocol::Text, begins(&text, "VERSION")),
        (Protocol::Meta, begins(&meta, "MN")),
    ];
    let speaks = answers.into_iter().filter_map(|(one, answers)| answers.then_some(one)).collect();
    let told = text.and_then(|reply| String::from_utf8(reply.tokens.get(1)?.clone()).ok());
    (speaks, binary.and_then(|reply| reply.text("value")).or(told))
}

/// Opcodes asked for at the same time: a server that answers none costs a few timeouts, and one with few connections to
/// spare is not overrun.
const AT_ONCE: usize = 8;

async fn unknown_opcodes<W: World>(stage: &Stage<W>, timeout: Duration) -> BTreeSet<u8> {
    let opcodes: Vec<u8> = OPCODES.filter(|opcode| !FLUSH.contains(opcode)).collect();
    let mut unknown = BTreeSet::new();
    for some in opcodes.chunks(AT_ONCE) {
        let asked = some.iter().map(|opcode| async move {
            let reply = stage.question(&format!("{opcode:#04x}"), &[], timeout).await;
            reply.is_some_and(|reply| reply.status == 0x0081).then_some(*opcode)
        });
        unknown.extend(join_all(asked).await.into_iter().flatten());
    }
    unknown
}

impl Profile {
    /// Why the server cannot be asked this case, if it cannot. `private` says that the case can have a server of its own.
    pub fn lacks<W: World>(
        &self,
        case: &Case,
        stage: &Stage<W>,
        private: bool,
        allow_flush: bool,
    ) -> Option<String> {
        let facts = &stage.target().facts;
        let header = &case.session.header;
        let mut spoken = header.speaks.values().copied().chain([header.protocol()]);
        if let Some(unknown) = spoken.find(|protocol| !self.speaks.contains(protocol)) {
            return Some(format!("the server does not speak {}", unknown.name()));
        }
        for need in &case.session.header.needs {
            let lacking = match need.as_str() {
                "flush" if !private && !allow_flush => {
                    "it would empty the server; allow it with --allow-flush"
                }
                "fresh" if !private && !facts.fresh => {
                    "it wants a server that nobody used before (?fresh=yes)"
                }
                "sasl" if facts.sasl.is_none() => {
                    "it wants user and password (?sasl=USER:PASSWORD)"
                }
                "evicts" if facts.evicts_port.is_none() => {
                    "it fills a server with 1 MiB of memory, as memcached -m 1 -I 512k (?evicts-port=N)"
                }
                "refuses" if facts.refuses_port.is_none() => {
                    "it fills a server with 1 MiB of memory that may not evict, as memcached -m 1 -I 512k -M (?refuses-port=N)"
                }
                "cas" if !self.cas => "the server hands out no CAS values",
                _ => continue,
            };
            return Some(lacking.to_owned());
        }
        if stage.target().codec.is_a_dialect() && expects_raw_bytes(case) {
            return Some("its raw replies are those of the default dialect".to_owned());
        }
        if case.session.own_pages.len() > stage.pages_to_lend() {
            let (wanted, there) = (case.session.own_pages.len(), stage.pages_to_lend());
            return Some(format!("it needs {wanted} pages, {there} may be touched"));
        }
        let named = named_opcodes(case);
        let unknown = named.intersection(&self.unknown_opcodes).next()?;
        let name = crate::wire::opcode_name(*unknown);
        if case.needs("sasl") { None } else { Some(format!("the server does not know {name}")) }
    }
}

fn expects_raw_bytes(case: &Case) -> bool {
    case.session.steps().iter().any(|step| match step {
        Step::Expect(expect) => matches!(&expect.what, Expected::Message(Message::Raw(_))),
        _ => false,
    })
}

/// Opcodes that a case sends by name. One that it sends as a number it does not require.
fn named_opcodes(case: &Case) -> BTreeSet<u8> {
    if case.protocol() != Protocol::Memcached {
        return BTreeSet::new();
    }
    let steps = case.session.steps();
    let refused = |code: u8| {
        steps.iter().any(|step| match step {
            Step::Expect(expect) => match &expect.what {
                Expected::Message(message @ Message::Named { words, .. }) => {
                    words.first().is_some_and(|status| status.contains("unknown_command"))
                        && message.words().get(1).and_then(|name| crate::wire::opcode(name))
                            == Some(code)
                }
                _ => false,
            },
            _ => false,
        })
    };
    steps
        .iter()
        .filter_map(|step| match step {
            Step::Send(send) => send.message.words().first().filter(|name| !name.starts_with("0x")),
            _ => None,
        })
        .filter_map(|name| crate::wire::opcode(name))
        .filter(|code| !refused(*code))
        .collect()
}
