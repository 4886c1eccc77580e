//! Steps while they are collected: put into an order that another run can keep, and printed as a session.

use std::time::Duration;

use crate::session::{
    Action, Expect, Expected, Message, Pattern, Send, Session, Side, Split, Step, Value,
};

use super::RecordError;

/// A run of equal lines is folded into a `repeat` from this length on.
const FOLD: usize = 4;

/// A step, and what is known of its place.
#[derive(Clone, Debug)]
pub(super) struct Draft {
    pub(super) conn: String,
    pub(super) kind: Kind,
    /// It depends on nothing that other connections did since this connection's last step, so it may stand before that.
    pub(super) free: bool,
}

/// A step, or a line of explanation.
#[derive(Clone, Debug)]
pub(super) enum Kind {
    Step(Step),
    Comment(String),
}

impl Draft {
    pub(super) fn send(conn: &str, message: Message<Value>) -> Self {
        let (side, name) = (Side::Client, conn.to_owned());
        let send =
            Send { side, conn: name, message, split: None, more: false, cut: None, from: None };
        Self::step(conn, Step::Send(send))
    }

    pub(super) fn expect(conn: &str, message: Message<Pattern>, free: bool) -> Self {
        let what = Expected::Message(message);
        let step =
            Step::Expect(Expect { side: Side::Server, conn: conn.to_owned(), what, within: None });
        Self { free, ..Self::step(conn, step) }
    }

    pub(super) fn control(conn: &str, action: Action) -> Self {
        Self::step(conn, Step::Control { action, conn: conn.to_owned() })
    }

    pub(super) fn quiet(conn: &str, time: Duration) -> Self {
        Self::step(conn, Step::Quiet { conn: conn.to_owned(), for_: Some(time) })
    }

    pub(super) fn step(conn: &str, step: Step) -> Self {
        Self { conn: conn.to_owned(), kind: Kind::Step(step), free: false }
    }

    pub(super) fn comment(text: impl Into<String>) -> Self {
        Self { conn: String::new(), kind: Kind::Comment(text.into()), free: false }
    }

    pub(super) fn as_send(&mut self) -> Option<&mut Send> {
        match &mut self.kind {
            Kind::Step(Step::Send(send)) => Some(send),
            _ => None,
        }
    }

    /// Names the message, so that a reply finds the request that it answers.
    pub(super) fn set_tag(&mut self, name: &str) {
        let Kind::Step(step) = &mut self.kind else { return };
        if let Step::Send(Send { message: Message::Named { tag, .. }, .. })
        | Step::Expect(Expect {
            what: Expected::Message(Message::Named { tag, .. }), ..
        }) = step
        {
            *tag = Some(name.to_owned());
        }
    }

    /// Sizes of the segments that the message came in; the last one is the rest.
    pub(super) fn set_split(&mut self, sizes: Vec<usize>) {
        if let Some(send) = self.as_send() {
            send.split = Some(Split::Sizes(sizes));
        }
    }

    fn text(&self) -> String {
        let step = match &self.kind {
            Kind::Comment(text) => return format!("# {text}"),
            Kind::Step(step) => step,
        };
        match step {
            Step::Send(send) => send.to_string(),
            Step::Expect(expect) => expect.to_string(),
            Step::Quiet { conn, for_: Some(time) } => {
                format!("{conn} quiet {}ms", time.as_millis())
            }
            Step::Quiet { conn, for_: None } => format!("{conn} quiet"),
            Step::Advance(time) => format!("advance {}ms", time.as_millis()),
            Step::Control { action, conn } => format!("{} {conn}", verb(*action)),
            Step::Any { .. } | Step::Repeat { .. } | Step::Flood { .. } => String::new(),
        }
    }

    /// Nothing moves across a pause or a comment.
    const fn is_fence(&self) -> bool {
        matches!(self.kind, Kind::Comment(_) | Kind::Step(Step::Advance(_)))
    }
}

const fn verb(action: Action) -> &'static str {
    match action {
        Action::Open => "open",
        Action::Finish => "finish",
        Action::Close => "close",
        Action::Reset => "reset",
        Action::Stall => "stall",
        Action::Resume => "resume",
    }
}

/// Puts every free reply directly behind the last step of its own connection. Between the two other connections only
/// happened to be busy; left there, requests of several connections would be under way at once and race in a replay.
pub(super) fn settle(drafts: Vec<Draft>) -> Vec<Draft> {
    let mut settled: Vec<Draft> = Vec::with_capacity(drafts.len());
    for draft in drafts {
        let place = if draft.free {
            let stays = |earlier: &Draft| earlier.is_fence() || earlier.conn == draft.conn;
            settled.iter().rposition(stays).map_or(settled.len(), |at| at + 1)
        } else {
            settled.len()
        };
        settled.insert(place, draft);
    }
    settled
}

/// The lines of the drafts, long runs of one line folded.
pub(super) fn lines(drafts: &[Draft]) -> Vec<String> {
    let texts: Vec<String> = drafts.iter().map(Draft::text).collect();
    let mut lines = Vec::with_capacity(texts.len());
    for run in texts.chunk_by(|left, right| left == right && !left.contains('$')) {
        match run {
            [line, ..] if run.len() >= FOLD && !line.starts_with('#') => {
                lines.push(format!("repeat {} {{ {line} }}", run.len()));
            }
            _ => lines.extend_from_slice(run),
        }
    }
    lines
}

/// A session of these header and step lines, in canonical form.
pub(super) fn session(header: &[String], steps: &[String]) -> Result<Session, RecordError> {
    let text = [header, &[String::new()], steps].concat().join("\n");
    let parsed = Session::parse(&text)?;
    // Line numbers and columns are those of the printed form.
    Ok(Session::parse(&parsed.to_string())?)
}
