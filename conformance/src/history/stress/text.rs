//! What clients do that speak memcached's text: all commands on one item, often with the CAS that they saw last; and stores
//! that nobody answers.

use std::io;

use super::lines::{self, Seen, block, is_quiet, message, word};
use super::{Draw, Options, Stream, Work};
use crate::exchange::Exchange;
use crate::history::items::{self, Action, Life, Mode, Reply, Request};
use crate::session::{Message, Value};
use crate::target::Target;
use crate::wire;

/// The items that they share.
pub(super) struct Items {
    keys: Vec<Vec<u8>>,
}

impl Work for Items {
    type Model = items::Items;
    type Input = Request;
    type Output = Reply;
    type Memory = Seen;

    async fn prepare<S: Stream>(
        exchange: &mut Exchange<S>,
        _: &Target,
        options: &Options,
    ) -> io::Result<Self> {
        Ok(Self { keys: lines::keys(exchange, options).await? })
    }

    fn model(&self) -> &items::Items {
        &items::Items
    }

    fn draw(&self, seen: &Seen, draw: &mut Draw) -> Request {
        let key = draw.pick(&self.keys).cloned().unwrap_or_default();
        let known = seen.get(&key).copied().unwrap_or_default();
        let value = lines::value(draw);
        let store = |mode, cas| Action::Store { mode, value: value.clone(), flags: 0, cas };
        let action = match draw.below(16) {
            0..=4 => Action::Get,
            5 => store(Mode::Set, 0),
            6 | 7 => store(Mode::Set, known),
            8 => store(Mode::Add, 0),
            9 => store(Mode::Replace, 0),
            10 => store(Mode::Append, 0),
            11 => store(Mode::Prepend, 0),
            12 => Action::Delete { cas: 0 },
            13 => Action::Touch { life: Life::Ends },
            _ => Action::Count { delta: draw.below(9), down: false, initial: None },
        };
        Request { key, action }
    }

    fn message(&self, input: &Request) -> Message<Value> {
        message(input, &text(&input.action))
    }

    fn has_an_end(reply: &wire::Reply) -> bool {
        lines::has_an_end(reply)
    }

    fn output(&self, input: &Request, reply: &wire::Reply) -> Option<Reply> {
        let conditional = matches!(input.action, Action::Store { mode: Mode::Add, .. });
        match (&input.action, word(reply, 0)?) {
            (Action::Get, _) => lines::hit_or_miss(reply),
            (action, "VERSION") if is_quiet(action) => Some(Reply::Stored { cas: None }),
            (action, _) if is_quiet(action) => None,
            (Action::Store { .. }, "STORED") => Some(Reply::Stored { cas: None }),
            (Action::Store { .. }, "NOT_STORED") if conditional => Some(Reply::Exists),
            (Action::Store { cas: 0, .. }, "NOT_STORED") => Some(Reply::Missing),
            (Action::Store { cas: 1.., .. }, "EXISTS") => Some(Reply::Exists),
            (Action::Store { cas: 0, .. }, _) => None,
            (Action::Delete { .. }, "DELETED") => Some(Reply::Deleted),
            (Action::Touch { .. }, "TOUCHED") => Some(Reply::Touched),
            (Action::Count { .. }, "CLIENT_ERROR") => Some(Reply::NotANumber),
            (_, "NOT_FOUND") => Some(Reply::Missing),
            (Action::Count { .. }, number) => {
                Some(Reply::Counted { value: number.parse().ok()?, cas: None })
            }
            _ => None,
        }
    }

    fn learn(seen: &mut Seen, input: &Request, output: &Reply) {
        lines::learn(seen, input, output);
    }

    fn end() -> Option<Request> {
        None
    }

    async fn tidy<S: Stream>(&self, exchange: &mut Exchange<S>) -> io::Result<()> {
        lines::tidy(exchange, &self.keys).await
    }
}

/// The lines of a request, with `%` for the key. What text cannot say is never drawn, and asks for the value.
pub(super) fn text(action: &Action) -> String {
    match action {
        Action::Store { value, flags, .. } if is_quiet(action) => {
            let (length, block) = (value.len(), block(value));
            format!("set % {flags} 0 {length} noreply\r\n{block}version\r\n")
        }
        Action::Store { mode: Mode::Set, value, flags, cas } if *cas > 0 => {
            format!("cas % {flags} 0 {} {cas}\r\n{}", value.len(), block(value))
        }
        Action::Store { mode, value, flags, .. } => {
            format!("{} % {flags} 0 {}\r\n{}", mode.name(), value.len(), block(value))
        }
        Action::Delete { .. } => "delete %\r\n".to_owned(),
        Action::Touch { life } => format!("touch % {}\r\n", lines::seconds(*life)),
        Action::Count { delta, down, .. } => {
            format!("{} % {delta}\r\n", if *down { "decr" } else { "incr" })
        }
        Action::Get | Action::Fetch { .. } | Action::Refill { .. } | Action::Invalidate { .. } => {
            "gets %\r\n".to_owned()
        }
    }
}
