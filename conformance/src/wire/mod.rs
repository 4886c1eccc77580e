//! The judge's own codecs: from a session's messages to bytes, and from a server's bytes to what the session expects.
//!
//! They share nothing with the codecs of the reference server on purpose: a judge that shared them would agree with their
//! bugs. Requests are built loosely (a session may lie about every length), replies are read strictly.

mod check;
mod echo;
mod hex;
mod locker;
mod memcached;
mod memcached_reply;
mod memcached_text;
mod memcached_text_reply;
mod netmem;
mod recorded;
mod request;
mod serving;

#[cfg(test)]
mod tests;

use std::fmt;

use check::check_fields;
pub(crate) use check::{check_reply, check_request};
pub use hex::dump as hexdump;
pub use locker::{Layout, Results};
pub(crate) use memcached::{opcode, opcode_name};
pub(crate) use memcached_text::own_keys;
pub(crate) use request::number;
pub use request::{Request, TakenRequest, value_of};
pub(crate) use serving::{check_answer, check_question};

use crate::session::{Datum, EvalError, Message, Pattern, Scope, Side, Value};

/// A protocol that the suite judges.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Protocol {
    /// memcached's binary protocol.
    Memcached,
    /// memcached's classic text protocol.
    Text,
    /// memcached's meta commands, which are lines of text as well.
    Meta,
    /// Shared, versioned, lockable pages.
    NetMem,
    /// The lock server.
    Locker,
    /// One process per client.
    Echo,
}

impl Protocol {
    /// All six.
    pub const ALL: [Self; 6] =
        [Self::Memcached, Self::Text, Self::Meta, Self::NetMem, Self::Locker, Self::Echo];

    /// Those that name a kind of server, and so the scheme of target URLs.
    pub const SERVERS: [Self; 4] = [Self::Memcached, Self::NetMem, Self::Locker, Self::Echo];

    /// The name in case ids and target URLs.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Memcached => "memcached",
            Self::Text => "text",
            Self::Meta => "meta",
            Self::NetMem => "netmem",
            Self::Locker => "locker",
            Self::Echo => "echo",
        }
    }

    /// The protocol of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|protocol| protocol.name() == name)
    }

    /// The kind of server that speaks it: one memcached server speaks three.
    #[must_use]
    pub const fn server(self) -> Self {
        match self {
            Self::Text | Self::Meta => Self::Memcached,
            other => other,
        }
    }

    /// Whether its messages are lines of text.
    pub const fn has_lines(self) -> bool {
        matches!(self, Self::Text | Self::Meta)
    }
}

/// A protocol and the dialect of the target.
#[derive(Clone, Copy, Debug)]
pub struct Codec {
    /// The protocol.
    pub protocol: Protocol,
    /// Locker: how the request header is laid out.
    pub layout: Layout,
    /// Locker: which numbers stand for the outcomes.
    pub results: Results,
    /// The side that encodes; what is decoded is the other side's.
    pub plays: Side,
    /// A reply that announces more bytes behind its header is a broken one, not a reason to wait.
    pub reply_max: usize,
}

/// What a recording may hold. A server that is judged has less: see [`Facts::reply_max`](crate::target::Facts::reply_max).
const REPLY_MAX: usize = 64 << 20;

/// A request as bytes.
#[derive(Clone, Debug)]
pub struct Outgoing {
    /// What goes on the wire.
    pub bytes: Vec<u8>,
    /// Offsets at which fields end, for the `fields` delivery.
    pub borders: Vec<usize>,
    /// What the reply will be held against; `None` for raw bytes. Of a reply: the request, if more replies to it follow.
    pub asked: Option<Asked>,
}

impl Outgoing {
    /// Leaves out the first bytes: they were sent before.
    pub(crate) fn leave_out(&mut self, length: usize) {
        self.bytes.drain(..length.min(self.bytes.len()));
        self.borders = self.borders.iter().filter_map(|at| at.checked_sub(length)).collect();
    }
}

/// What a reply must repeat of its request.
#[derive(Clone, Debug, Default)]
pub struct Asked {
    /// Opcode, type or cmd.
    pub code: u8,
    /// memcached's opaque.
    pub opaque: u32,
    /// The key, for replies that repeat it.
    pub key: Vec<u8>,
    /// The page, for replies that repeat it.
    pub page: u32,
    /// The session's tag.
    pub tag: Option<String>,
    /// The server may stay silent.
    pub quiet: bool,
}

/// One reply, decoded; where the judge plays the server, one request.
#[derive(Clone, Debug, Default)]
pub struct Reply {
    /// How a session writes it: `ok get`, `busy`.
    pub words: Vec<String>,
    /// All its fields, in a session's order.
    pub fields: Vec<(&'static str, Datum)>,
    /// Opcode, type or cmd.
    pub code: u8,
    /// Status, or outcome byte.
    pub status: u16,
    /// Bytes on the wire.
    pub length: usize,
    /// What must be repeated in the answer, if this is a request.
    pub asked: Option<Asked>,
    /// The words of a line, where the protocol has lines.
    pub tokens: Vec<Vec<u8>>,
}

impl Reply {
    /// A field's number.
    pub fn number(&self, name: &str) -> Option<i128> {
        self.field(name)?.as_number()
    }

    /// A field's bytes as text.
    pub fn text(&self, name: &str) -> Option<String> {
        String::from_utf8(self.field(name)?.clone().into_bytes()).ok()
    }

    fn field(&self, name: &str) -> Option<&Datum> {
        self.fields.iter().find(|(field, _)| *field == name).map(|(_, datum)| datum)
    }
}

impl fmt::Display for Reply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.tokens.is_empty() {
            return memcached_text_reply::show(self, f);
        }
        let mut parts = self.words.clone();
        let told = self.fields.iter().filter(|(name, datum)| self.tells(name, datum));
        parts.extend(told.map(|(name, datum)| match datum {
            Datum::Number(number) if *name == "opaque" => format!("{name}={number:#010x}"),
            _ => format!("{name}={}", shortened(datum)),
        }));
        f.write_str(&parts.join(" "))
    }
}

impl Reply {
    /// Whether a field says something that the others do not: `text` is `value` by another name, `flags` are the extras.
    fn tells(&self, name: &str, datum: &Datum) -> bool {
        match name {
            "text" => false,
            "extras" if self.field("flags").is_some() => false,
            "datatype" => *datum != Datum::Number(0),
            _ => *datum != Datum::Bytes(Vec::new()),
        }
    }
}

/// A long value is shown by its start and its length.
pub(crate) fn shortened(datum: &Datum) -> String {
    const SHOWN: usize = 96;
    match datum {
        Datum::Bytes(bytes) if bytes.len() > SHOWN => {
            let start = Datum::Bytes(bytes.iter().take(SHOWN).copied().collect());
            format!("{start}… ({} bytes)", bytes.len())
        }
        _ => datum.to_string(),
    }
}

/// What the front of a buffer holds.
#[derive(Clone, Debug)]
pub enum Taken {
    /// Not a whole reply yet; at least this many bytes are needed.
    Incomplete(usize),
    /// A reply, and its length.
    Whole(Reply),
    /// No reply of this protocol; the framing is lost.
    Broken(String),
}

/// One field that is not as it should be.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Difference {
    /// The field.
    pub field: String,
    /// What the session asks for.
    pub expected: String,
    /// What came.
    pub got: String,
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: expected {}, got {}", self.field, self.expected, self.got)
    }
}

/// Collects the differences between a reply and what a session expects of it.
pub(crate) struct Comparison<'a> {
    pub(crate) reply: &'a Reply,
    pub(crate) scope: &'a mut Scope,
    pub(crate) found: Vec<Difference>,
}

impl Comparison<'_> {
    /// Holds the reply's field against a pattern.
    pub(crate) fn field(&mut self, name: &str, pattern: &Pattern) -> Result<(), EvalError> {
        let Some(got) = self.reply.field(name).cloned() else {
            self.differs(
                name,
                pattern.explained(self.scope),
                "no such field in this reply".to_owned(),
            );
            return Ok(());
        };
        if !pattern.matches(&got, self.scope)? {
            self.differs(name, pattern.explained(self.scope), shortened(&got));
        }
        Ok(())
    }

    /// Notes a difference.
    pub(crate) fn differs(&mut self, field: &str, expected: String, got: String) {
        self.found.push(Difference { field: field.to_owned(), expected, got });
    }

    /// Notes a difference unless `fits`.
    pub(crate) fn require(
        &mut self,
        fits: bool,
        field: &str,
        expected: &str,
        got: impl fmt::Display,
    ) {
        if !fits {
            self.differs(field, expected.to_owned(), got.to_string());
        }
    }
}

impl Codec {
    /// The protocol in its default dialect.
    pub const fn new(protocol: Protocol) -> Self {
        Self {
            protocol,
            layout: Layout::Natural,
            results: Results::Small,
            plays: Side::Client,
            reply_max: REPLY_MAX,
        }
    }

    /// Whether the target speaks something else than the protocol's default form.
    pub fn is_a_dialect(&self) -> bool {
        self.layout != Layout::Natural || self.results != Results::Small
    }

    /// A session's message as bytes. `opaque` is used unless the message brings its own.
    ///
    /// # Errors
    ///
    /// A value that cannot be computed.
    pub fn encode(
        &self,
        message: &Message<Value>,
        scope: &Scope,
        opaque: u32,
    ) -> Result<Outgoing, EvalError> {
        if let Message::Raw(bytes) = message {
            return Ok(Outgoing { bytes: bytes.clone(), borders: Vec::new(), asked: None });
        }
        match self.protocol {
            Protocol::Memcached => memcached::encode(message, scope, opaque),
            Protocol::Text | Protocol::Meta => memcached_text::encode(message, scope),
            Protocol::NetMem => netmem::encode(message, scope),
            Protocol::Locker => locker::encode(self.layout, message, scope),
            Protocol::Echo => echo::encode(message, scope),
        }
    }

    /// The message of the other side at the front of `buffer`. Echo has none: its messages are as long as what is
    /// expected.
    pub fn take(&self, buffer: &[u8]) -> Taken {
        if self.plays == Side::Server && self.protocol != Protocol::Echo {
            return serving::take(*self, buffer);
        }
        match self.protocol {
            Protocol::Memcached => memcached_reply::take(buffer, self.reply_max),
            Protocol::Text | Protocol::Meta => memcached_text_reply::take(buffer, self.reply_max),
            Protocol::NetMem => netmem::take(buffer, self.reply_max),
            Protocol::Locker => locker::take(self.results, buffer),
            Protocol::Echo => Taken::Whole(echo::reply(buffer)),
        }
    }

    /// What is wrong with `reply` as the answer to `asked`; binds names in `scope`.
    ///
    /// # Errors
    ///
    /// A pattern whose value cannot be computed.
    pub fn compare(
        &self,
        expected: &Message<Pattern>,
        reply: &Reply,
        asked: Option<&Asked>,
        scope: &mut Scope,
    ) -> Result<Vec<Difference>, EvalError> {
        let mut comparison = Comparison { reply, scope, found: Vec::new() };
        if self.plays == Side::Server {
            serving::compare(self.protocol, expected, &mut comparison)?;
            return Ok(comparison.found);
        }
        match self.protocol {
            Protocol::Memcached => memcached_reply::compare(expected, asked, &mut comparison)?,
            Protocol::Text | Protocol::Meta => {
                memcached_text_reply::compare(expected, &mut comparison)?;
            }
            Protocol::NetMem => netmem::compare(expected, asked, &mut comparison)?,
            Protocol::Locker => locker::compare(expected, asked, &mut comparison),
            Protocol::Echo => echo::compare(expected, &mut comparison)?,
        }
        Ok(comparison.found)
    }

    /// The code (opcode, type, cmd) that the request of an expected reply carries, where the expectation names it.
    pub fn expected_code(&self, expected: &Message<Pattern>) -> Option<u8> {
        match self.protocol {
            Protocol::Memcached => opcode(expected.words().get(1)?),
            Protocol::Locker => locker::code(expected.words().get(1)?),
            // Lines are answered in order, whatever they say.
            Protocol::NetMem | Protocol::Echo | Protocol::Text | Protocol::Meta => None,
        }
    }

    /// A request that changes nothing and its only right answer: the proof that nothing else comes.
    pub fn sentinel(&self, nonce: &str) -> (Message<Value>, Message<Pattern>) {
        match self.protocol {
            Protocol::Memcached => (named(&["noop"], vec![]), named(&["ok", "noop"], vec![])),
            // A server of text need not know the meta commands.
            Protocol::Text => memcached_text::sentinel("version", &["VERSION", "..."]),
            Protocol::Meta => memcached_text::sentinel("mn", &["MN"]),
            Protocol::NetMem => {
                let version = ("version".to_owned(), Pattern::Any);
                let expected = Message::Named {
                    words: vec!["version".to_owned()],
                    args: vec![],
                    fields: vec![version],
                    tag: None,
                };
                (named(&["version"], vec![]), expected)
            }
            Protocol::Locker => {
                let key = Value::Text(format!("lp:sentinel:{nonce}").into_bytes());
                (named(&["query"], vec![key]), named(&["ok", "query"], vec![]))
            }
            Protocol::Echo => {
                let text = Value::Text(format!("sentinel {nonce}\0").into_bytes());
                (named(&[], vec![text.clone()]), named(&[], vec![Pattern::Value(text)]))
            }
        }
    }
}

fn named<T>(words: &[&str], args: Vec<T>) -> Message<T> {
    Message::Named {
        words: words.iter().map(|&word| word.to_owned()).collect(),
        args,
        fields: Vec::new(),
        tag: None,
    }
}

/// A number as a field of the wire: negative numbers as two's complement, higher bits cut.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "sessions may send any bits"
)]
pub(crate) const fn bits(number: i128) -> u64 {
    number as u64
}
