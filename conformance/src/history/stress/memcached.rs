//! What memcached's clients do: all commands on one item, often with the CAS that they saw last.

use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;

use super::{Draw, Options, Stream, Work};
use crate::exchange::{Exchange, request_of_bytes};
use crate::history::items::{self, Action, Mode, Reply, Request};
use crate::session::{Message, Value};
use crate::target::Target;
use crate::wire;

/// The items that they share.
pub(super) struct Items {
    keys: Vec<Vec<u8>>,
}

/// The last CAS that was seen of each key.
type Seen = BTreeMap<Vec<u8>, u64>;

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
        let key = |number| format!("lp:stress:{}:{number}", options.seed).into_bytes();
        let work = Self { keys: (0..options.keys).map(key).collect() };
        work.tidy(exchange).await?;
        Ok(work)
    }

    fn model(&self) -> &items::Items {
        &items::Items
    }

    fn draw(&self, seen: &Seen, draw: &mut Draw) -> Request {
        let key = draw.pick(&self.keys).cloned().unwrap_or_default();
        let known = seen.get(&key).copied().unwrap_or_default();
        let token = if draw.one_in(2) { known } else { 0 };
        // No number begins with a zero, and so none gets shorter when it is counted (MCB-ARI-13 says what then may be seen).
        let value: Arc<[u8]> = (100 + draw.below(900)).to_string().into_bytes().into();
        let store = |mode, cas| Action::Store { mode, value: Arc::clone(&value), flags: 0, cas };
        let action = match draw.below(16) {
            0..=4 => Action::Get,
            5 | 6 => store(Mode::Set, token),
            7 => store(Mode::Set, known),
            8 => store(Mode::Add, 0),
            9 => store(Mode::Replace, token),
            10 => store(Mode::Append, token),
            11 => store(Mode::Prepend, 0),
            12 | 13 => Action::Delete { cas: token },
            _ => Action::Count { delta: draw.below(9), down: false, initial: Some(1) },
        };
        Request { key, action }
    }

    fn message(&self, input: &Request) -> Message<Value> {
        let number = |value: u64| Value::Number { value: value.into(), hex: false };
        let (name, mut fields) = match &input.action {
            // Only lines say what stands behind GET, and nobody draws it here.
            Action::Get
            | Action::Fetch { .. }
            | Action::Touch { .. }
            | Action::Refill { .. }
            | Action::Invalidate { .. } => ("get", Vec::new()),
            Action::Store { mode, value, flags, cas } => {
                let mut fields =
                    vec![("value", Value::Text(value.to_vec())), ("cas", number(*cas))];
                if matches!(mode, Mode::Set | Mode::Add | Mode::Replace) {
                    fields.push(("flags", number((*flags).into())));
                }
                (mode.name(), fields)
            }
            Action::Delete { cas } => ("delete", vec![("cas", number(*cas))]),
            Action::Count { delta, down, initial } => {
                // MCB-ARI-06: this expiry says that nothing is to be created.
                let expiry = if initial.is_some() { 0 } else { u32::MAX.into() };
                let initial = number(initial.unwrap_or_default());
                let fields =
                    vec![("delta", number(*delta)), ("initial", initial), ("exp", number(expiry))];
                (if *down { "decr" } else { "incr" }, fields)
            }
        };
        fields.push(("key", Value::Text(input.key.clone())));
        let fields = fields.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
        Message::Named { words: vec![name.to_owned()], args: Vec::new(), fields, tag: None }
    }

    fn output(&self, input: &Request, reply: &wire::Reply) -> Option<Reply> {
        let number = |name| reply.number(name).and_then(|number| u64::try_from(number).ok());
        let cas = number("cas");
        let joins =
            matches!(input.action, Action::Store { mode: Mode::Append | Mode::Prepend, .. });
        match (reply.status, &input.action) {
            (0, Action::Get) => {
                let flags = u32::try_from(number("flags")?).ok()?;
                Some(Reply::Hit { value: reply.bytes("value").into(), flags, cas })
            }
            (0, Action::Store { .. }) => Some(Reply::Stored { cas }),
            (0, Action::Delete { .. }) => Some(Reply::Deleted),
            (0, Action::Count { .. }) => Some(Reply::Counted { value: number("counter")?, cas }),
            (2, _) => Some(Reply::Exists),
            // 5 is also what memcached says to the second of two that create a counter at once.
            (1, _) | (5, Action::Count { .. }) => Some(Reply::Missing),
            (5, Action::Store { .. }) if joins => Some(Reply::Missing),
            (6, Action::Count { .. }) => Some(Reply::NotANumber),
            _ => None,
        }
    }

    fn learn(seen: &mut Seen, input: &Request, output: &Reply) {
        if let Reply::Hit { cas: Some(cas), .. }
        | Reply::Stored { cas: Some(cas) }
        | Reply::Counted { cas: Some(cas), .. } = output
        {
            seen.insert(input.key.clone(), *cas);
        }
    }

    fn end() -> Option<Request> {
        None
    }

    async fn tidy<S: Stream>(&self, exchange: &mut Exchange<S>) -> io::Result<()> {
        for key in &self.keys {
            exchange.ask(&request_of_bytes("delete", &[("key", key)])).await?;
        }
        Ok(())
    }
}
