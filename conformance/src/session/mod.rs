//! The session file: one behaviour, as a header and steps over named connections.
//!
//! [`Session::parse`] reads the text form, [`Session`]'s `Display` prints the canonical one; for a canonical file the two
//! are inverse. The format is described for people in `docs/session-format.md`. What a message's words and fields mean
//! is the business of [`crate::wire`]; how steps are played, of [`crate::replay`].

mod call;
mod header;
mod line;
mod names;
mod parse;
mod pattern;
mod print;
mod scan;
mod value;

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

pub use call::Call;
pub use line::TextLine;
pub use parse::ParseError;
pub use pattern::Pattern;
pub use value::{Datum, EvalError, Scope, Value, escape};

use crate::wire::Protocol;

/// A parsed session file.
#[derive(Clone, Debug)]
pub struct Session {
    /// What the case is about.
    pub header: Header,
    /// Steps, comments and empty lines, in file order.
    pub lines: Vec<Line>,
    /// Names that are keys of the case's own: used as a key, bound by no reply.
    pub own_keys: BTreeSet<String>,
    /// Names that are pages lent to the case, in order of first use.
    pub own_pages: Vec<String>,
}

/// The lines before the first empty one.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Header {
    /// `PROTOCOL/GROUP/NAME`.
    pub case: String,
    /// One sentence: the behaviour.
    pub title: Option<String>,
    /// The side that is played to the program under test.
    pub plays: Side,
    /// How binding the behaviour is.
    pub level: Level,
    /// Requirement ids, most specific first.
    pub spec: Vec<String>,
    /// Capabilities beyond the opcodes that the steps name.
    pub needs: Vec<String>,
    /// The case without which this one means nothing.
    pub after: Option<String>,
    /// What a client under test is asked to do; empty where a server is.
    pub calls: Vec<Call>,
    /// Connections opened before the first step.
    pub conn: Vec<String>,
    /// Those among them that do not speak the case's own protocol.
    pub speaks: BTreeMap<String, Protocol>,
}

impl Header {
    /// The protocol, which is the case id's first part.
    pub fn protocol(&self) -> Protocol {
        let name = self.case.split('/').next().unwrap_or_default();
        Protocol::from_name(name).expect("the parser accepts known protocols only")
    }

    /// What is spoken on that connection.
    pub fn spoken_on(&self, conn: &str) -> Protocol {
        self.speaks.get(conn).copied().unwrap_or_else(|| self.protocol())
    }
}

/// Which side of a conversation a session plays; the other one is the program under test.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Side {
    /// It asks: the program under test is a server.
    #[default]
    Client,
    /// It answers: the program under test is a client.
    Server,
}

impl Side {
    /// The word in a session's header.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Client => "client",
            Self::Server => "server",
        }
    }

    /// The side of the program under test.
    #[must_use]
    pub const fn other(self) -> Self {
        match self {
            Self::Client => Self::Server,
            Self::Server => Self::Client,
        }
    }

    /// What stands behind a connection's name: `>` is the client's word, `<` the server's.
    const fn arrow(self) -> char {
        match self {
            Self::Client => '>',
            Self::Server => '<',
        }
    }
}

/// How binding a case is.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Level {
    /// The protocol demands it, or every client breaks without it.
    Must,
    /// Convention that clients rely on.
    Should,
    /// No document says it, real clients assume it.
    DeFacto,
    /// Implementation-defined: reported, never failed.
    Info,
}

impl Level {
    /// Every level, most binding first.
    pub const ALL: [Self; 4] = [Self::Must, Self::Should, Self::DeFacto, Self::Info];

    /// The word in session files and reports.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Must => "must",
            Self::Should => "should",
            Self::DeFacto => "de-facto",
            Self::Info => "info",
        }
    }

    /// The level of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|level| level.name() == name)
    }
}

/// A bound more generous than this is where a deadline of the server is waited for.
const DEADLINE: Duration = Duration::from_secs(5);

/// One line of the steps' part.
#[derive(Clone, Debug)]
pub struct Line {
    /// 1-based line in the file, for messages.
    pub number: usize,
    /// The step, unless the line is empty or holds a comment only.
    pub step: Option<Step>,
    /// A comment, and the column (0-based) of its `#`.
    pub comment: Option<(usize, String)>,
}

/// One step.
#[derive(Clone, Debug)]
pub enum Step {
    /// `A> …`, or `A< …` where the session plays the server.
    Send(Send),
    /// `A< …`, or `A> …` where the session plays the server.
    Expect(Expect),
    /// `A quiet`, or `A quiet 100ms`.
    Quiet {
        /// The connection's name.
        conn: String,
        /// How long nothing may come; without it a sentinel request proves the silence.
        for_: Option<Duration>,
    },
    /// `open C` and its like.
    Control {
        /// What is done.
        action: Action,
        /// The connection's name.
        conn: String,
    },
    /// `flood F 100`
    Flood {
        /// The name that all of them share.
        conn: String,
        /// How many connections are opened, and kept.
        count: usize,
    },
    /// `advance 1500ms`
    Advance(Duration),
    /// `any { … } or { … }`, `either { … } or { … }`
    Any {
        /// `either`: all alternatives are equally right. `any`: the first is the strict one.
        equal: bool,
        /// The alternatives, in the order they are tried.
        blocks: Vec<Vec<Line>>,
    },
    /// `repeat 500 { … }`
    Repeat {
        /// How often.
        count: u64,
        /// What is repeated.
        body: Vec<Line>,
    },
}

impl Step {
    /// The time that this step lets pass on purpose.
    const fn pause(&self) -> Duration {
        match self {
            Self::Advance(time) | Self::Quiet { for_: Some(time), .. } => *time,
            _ => Duration::ZERO,
        }
    }
}

/// What can be done to a connection as a whole.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Action {
    /// Open it now.
    Open,
    /// End our sending side.
    Finish,
    /// Close both directions.
    Close,
    /// Close with a reset.
    Reset,
    /// Stop reading.
    Stall,
    /// Read again.
    Resume,
}

impl Action {
    const ALL: [(Self, &'static str); 6] = [
        (Self::Open, "open"),
        (Self::Finish, "finish"),
        (Self::Close, "close"),
        (Self::Reset, "reset"),
        (Self::Stall, "stall"),
        (Self::Resume, "resume"),
    ];

    fn name(self) -> &'static str {
        Self::ALL.iter().find(|(action, _)| *action == self).map_or("", |(_, name)| name)
    }

    fn from_name(word: &str) -> Option<Self> {
        Self::ALL.iter().find(|(_, name)| *name == word).map(|(action, _)| *action)
    }
}

/// A message to send: a request, or a reply where the session plays the server.
#[derive(Clone, Debug)]
pub struct Send {
    /// The side that sends it.
    pub side: Side,
    /// The connection's name.
    pub conn: String,
    /// What is sent.
    pub message: Message<Value>,
    /// Segment borders the session asks for itself.
    pub split: Option<Split>,
    /// Keep the bytes for the next send on this connection.
    pub more: bool,
    /// Send this many bytes only.
    pub cut: Option<usize>,
    /// Leave out this many bytes at the front: an earlier step has sent them.
    pub from: Option<usize>,
}

/// Segment borders.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Split {
    /// A write per byte.
    Each,
    /// Sizes of the first segments; the rest is the last one.
    Sizes(Vec<usize>),
}

/// A message to expect: a reply, or a request where the session plays the server.
#[derive(Clone, Debug)]
pub struct Expect {
    /// The side that it is expected of.
    pub side: Side,
    /// The connection's name.
    pub conn: String,
    /// What must come.
    pub what: Expected,
    /// A bound on the time since the previous step.
    pub within: Option<Duration>,
}

/// What an expectation waits for.
#[derive(Clone, Debug)]
pub enum Expected {
    /// A message of the protocol.
    Message(Message<Pattern>),
    /// The end of the connection.
    Closed(Closing),
}

/// How a connection may end.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Closing {
    /// Either way.
    Any,
    /// End of stream.
    Eof,
    /// Reset.
    Rst,
}

/// A message as it is written: words, positional values, named fields. `T` is [`Value`] to send, [`Pattern`] to expect.
#[derive(Clone, Debug, PartialEq)]
pub enum Message<T> {
    /// `hex 80 00 …`
    Raw(Vec<u8>),
    /// `set $k 0 0 1 | "v"`: where the protocol is one of lines.
    Line(TextLine<T>),
    /// Everything else.
    Named {
        /// Leading bare words: `get`, or `ok get`. Empty for echo.
        words: Vec<String>,
        /// Positional values: locker keys, echo bytes.
        args: Vec<T>,
        /// `name=value`.
        fields: Vec<(String, T)>,
        /// `@1`
        tag: Option<String>,
    },
}

impl<T> Message<T> {
    /// The value of a field, if it is listed.
    pub fn field(&self, name: &str) -> Option<&T> {
        self.fields().iter().find(|(field, _)| field == name).map(|(_, value)| value)
    }

    /// All listed fields.
    pub fn fields(&self) -> &[(String, T)] {
        match self {
            Self::Raw(_) | Self::Line(_) => &[],
            Self::Named { fields, .. } => fields,
        }
    }

    /// The leading words.
    pub fn words(&self) -> &[String] {
        match self {
            Self::Raw(_) | Self::Line(_) => &[],
            Self::Named { words, .. } => words,
        }
    }

    /// The positional values.
    pub fn args(&self) -> &[T] {
        match self {
            Self::Raw(_) | Self::Line(_) => &[],
            Self::Named { args, .. } => args,
        }
    }

    /// Every value or pattern, wherever it stands.
    pub fn values(&self) -> impl Iterator<Item = &T> {
        let line = if let Self::Line(line) = self { Some(line.values()) } else { None };
        let fields = self.fields().iter().map(|(_, value)| value);
        self.args().iter().chain(fields).chain(line.into_iter().flatten())
    }

    /// The tag, if any.
    pub fn tag(&self) -> Option<&str> {
        match self {
            Self::Raw(_) | Self::Line(_) => None,
            Self::Named { tag, .. } => tag.as_deref(),
        }
    }
}

impl Session {
    /// How much time the session lets pass on purpose, a pause in a `repeat` counted once: a measure of patience, not of
    /// length. What pauses shortly and often is at work.
    pub(crate) fn waits(&self) -> Duration {
        let mut bounds: BTreeMap<&str, Duration> = BTreeMap::new();
        let mut total = Duration::ZERO;
        for step in self.steps() {
            total = total.saturating_add(step.pause());
            if let Step::Expect(Expect { conn, within: Some(bound), .. }) = step
                && *bound > DEADLINE
            {
                bounds.insert(conn, *bound);
            }
        }
        bounds.into_values().fold(total, Duration::saturating_add)
    }

    /// How long all pauses and waits take, every round of a `repeat` counted.
    pub(crate) fn pauses(&self) -> Duration {
        fn of(lines: &[Line]) -> Duration {
            let steps = lines.iter().filter_map(|line| line.step.as_ref());
            let times = steps.map(|step| match step {
                Step::Any { blocks, .. } => {
                    blocks.iter().map(|block| of(block)).max().unwrap_or_default()
                }
                Step::Repeat { count, body } => {
                    of(body).saturating_mul(u32::try_from(*count).unwrap_or(u32::MAX))
                }
                _ => step.pause(),
            });
            times.fold(Duration::ZERO, Duration::saturating_add)
        }
        of(&self.lines).saturating_add(self.waits())
    }

    /// Every step, blocks entered, in file order.
    pub fn steps(&self) -> Vec<&Step> {
        fn walk<'a>(lines: &'a [Line], into: &mut Vec<&'a Step>) {
            for step in lines.iter().filter_map(|line| line.step.as_ref()) {
                into.push(step);
                match step {
                    Step::Any { blocks, .. } => blocks.iter().for_each(|block| walk(block, into)),
                    Step::Repeat { body, .. } => walk(body, into),
                    _ => {}
                }
            }
        }
        let mut steps = Vec::new();
        walk(&self.lines, &mut steps);
        steps
    }
}
