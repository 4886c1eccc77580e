//! What clients do that speak meta, and some text among it: leases above all. They fetch, win, fill with the CAS that they
//! saw, or die, and mark as stale what others have filled.

use std::io;

use super::lines::{self, Seen, block, is_quiet, message, word};
use super::{Draw, Options, Stream, Work, text};
use crate::exchange::Exchange;
use crate::history::items::{self, Action, Life, Mode, Reply, Request, Win};
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
        let token = if draw.one_in(2) { known } else { 0 };
        let value = lines::value(draw);
        let store = |mode, cas| Action::Store { mode, value: value.clone(), flags: 0, cas };
        let life = if draw.one_in(2) { Life::Ends } else { Life::ForEver };
        let vivify = draw.one_in(2).then_some(life);
        let action = match draw.below(24) {
            0..=6 => Action::Fetch { vivify, recache: draw.one_in(3) },
            7 => Action::Get,
            8 => store(Mode::Set, 0),
            9 | 10 => store(Mode::Set, known),
            11 => store(Mode::Add, 0),
            12 => store(Mode::Replace, token),
            13 => store(Mode::Append, token),
            14 => Action::Touch { life },
            // Without a CAS it is a store like any other (MCM-STA-14).
            15..=17 if known > 0 => Action::Refill { value, cas: known },
            15..=18 => Action::Invalidate { cas: 0, life: draw.one_in(3).then_some(life) },
            19 => Action::Invalidate { cas: token, life: None },
            20 => Action::Delete { cas: token },
            _ => Action::Count {
                delta: draw.below(9),
                down: false,
                initial: draw.one_in(2).then_some(1),
            },
        };
        Request { key, action }
    }

    fn message(&self, input: &Request) -> Message<Value> {
        message(input, &meta(&input.action))
    }

    fn has_an_end(reply: &wire::Reply) -> bool {
        lines::has_an_end(reply)
    }

    fn output(&self, input: &Request, reply: &wire::Reply) -> Option<Reply> {
        let is_add = matches!(input.action, Action::Store { mode: Mode::Add, .. });
        match (&input.action, word(reply, 0)?) {
            (Action::Get, _) => lines::hit_or_miss(reply),
            (Action::Touch { .. }, "TOUCHED") => Some(Reply::Touched),
            (Action::Touch { .. }, "NOT_FOUND") | (Action::Fetch { .. }, "EN") => {
                Some(Reply::Missing)
            }
            (Action::Fetch { .. }, "VA") => fetched(reply),
            (Action::Fetch { .. }, _) => None,
            (action, "MN") if is_quiet(action) => Some(Reply::Stored { cas: None }),
            (action, _) if is_quiet(action) => None,
            (Action::Store { .. } | Action::Refill { .. }, "HD") => {
                Some(Reply::Stored { cas: Some(number(reply, 'c')?) })
            }
            (Action::Store { .. }, "NS") if is_add => Some(Reply::Exists),
            (Action::Store { .. }, "NS") | (_, "NF") => Some(Reply::Missing),
            (_, "EX") => Some(Reply::Exists),
            (Action::Delete { .. }, "HD") => Some(Reply::Deleted),
            (Action::Invalidate { .. }, "HD") => Some(Reply::Invalidated),
            (Action::Count { .. }, "VA") => Some(Reply::Counted {
                value: std::str::from_utf8(&reply.bytes("block")).ok()?.parse().ok()?,
                cas: Some(number(reply, 'c')?),
            }),
            (Action::Count { .. }, "CLIENT_ERROR") => Some(Reply::NotANumber),
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

/// The lines of a request, with `%` for the key.
fn meta(action: &Action) -> String {
    let flag = |letter: char, number: u64| format!(" {letter}{number}");
    let some = |letter, cas| if cas > 0 { flag(letter, cas) } else { String::new() };
    let life = |letter: char, life: Option<Life>| {
        life.map_or(String::new(), |life| flag(letter, lines::seconds(life).into()))
    };
    match action {
        Action::Get | Action::Touch { .. } => text::text(action),
        Action::Fetch { vivify, recache } => {
            let recache = if *recache { lines::RECACHE.into() } else { 0 };
            format!("mg % v f c{}{}\r\n", life('N', *vivify), some('R', recache))
        }
        Action::Store { value, .. } if is_quiet(action) => {
            format!("ms % {} q\r\n{}mn\r\n", value.len(), block(value))
        }
        Action::Store { mode, value, flags, cas } => {
            let mode = match mode {
                Mode::Set => 'S',
                Mode::Add => 'E',
                Mode::Replace => 'R',
                Mode::Append => 'A',
                Mode::Prepend => 'P',
            };
            let (length, cas) = (value.len(), some('C', *cas));
            format!("ms % {length} c F{flags} M{mode}{cas}\r\n{}", block(value))
        }
        Action::Refill { value, cas } => {
            format!("ms % {} c C{cas} I\r\n{}", value.len(), block(value))
        }
        Action::Invalidate { cas, life: other } => {
            format!("md % I{}{}\r\n", some('C', *cas), life('T', *other))
        }
        Action::Delete { cas } => format!("md %{}\r\n", some('C', *cas)),
        Action::Count { delta, down, initial } => {
            let initial = initial.map_or(String::new(), |initial| format!(" N0 J{initial}"));
            format!("ma % v c M{} D{delta}{initial}\r\n", if *down { 'D' } else { 'I' })
        }
    }
}

/// The number behind a letter.
fn number(reply: &wire::Reply, letter: char) -> Option<u64> {
    let mut words = (1..reply.tokens.len()).filter_map(|place| word(reply, place));
    words.find_map(|word| word.strip_prefix(letter))?.parse().ok()
}

fn fetched(reply: &wire::Reply) -> Option<Reply> {
    let has = |flag: &[u8]| reply.tokens.iter().skip(2).any(|word| word == flag);
    let win = match (has(b"W"), has(b"Z")) {
        (true, false) => Win::Won,
        (false, true) => Win::Taken,
        (false, false) => Win::None,
        (true, true) => return None,
    };
    Some(Reply::Fetched {
        value: reply.bytes("block").into(),
        flags: number(reply, 'f')?.try_into().ok()?,
        cas: Some(number(reply, 'c')?),
        is_stale: has(b"X"),
        win,
    })
}
