//! What locker's clients do: they take, ask for and release keys, alone and in batches of one group.

use std::collections::BTreeSet;
use std::io;

use super::{Draw, Options, Stream, Work};
use crate::exchange::Exchange;
use crate::history::locks::{self, Key, Outcome, Request};
use crate::session::{Message, Value};
use crate::target::Target;
use crate::wire::Reply;

/// Keys that meet in batches. All keys of a group are one state, so that groups are kept small.
const GROUP: usize = 4;

/// The keys that they share.
pub(super) struct Locks {
    keys: Vec<Key>,
}

impl Work for Locks {
    type Model = locks::Locks;
    type Input = Request;
    type Output = Outcome;
    /// What the client holds.
    type Memory = BTreeSet<Key>;

    async fn prepare<S: Stream>(
        _: &mut Exchange<S>,
        _: &Target,
        options: &Options,
    ) -> io::Result<Self> {
        let key = |number| Key(format!("lp:stress:{}:{number}", options.seed).into_bytes());
        Ok(Self { keys: (0..options.keys).map(key).collect() })
    }

    fn model(&self) -> &locks::Locks {
        &locks::Locks
    }

    fn draw(&self, held: &BTreeSet<Key>, draw: &mut Draw) -> Request {
        let groups: Vec<&[Key]> = self.keys.chunks(GROUP).collect();
        let group = draw.pick(&groups).copied().unwrap_or_default();
        let count = if draw.one_in(2) { 1 } else { 1 + draw.below(GROUP as u64) };
        let some: BTreeSet<Key> = (0..count).filter_map(|_| draw.pick(group).cloned()).collect();
        let own: BTreeSet<Key> =
            held.intersection(&group.iter().cloned().collect()).cloned().collect();
        match draw.below(8) {
            0..=2 => Request::Get(some),
            3 | 4 if !own.is_empty() => Request::Release(own),
            5 => Request::Release(some),
            _ => Request::Query(some),
        }
    }

    fn message(&self, input: &Request) -> Message<Value> {
        let (single, batch, keys) = match input {
            Request::Get(keys) => ("get", "batch_get", keys),
            Request::Release(keys) => ("release", "batch_release", keys),
            Request::Query(keys) => ("query", "batch_query", keys),
            // Not a message; nobody asks for it.
            Request::End => ("query", "batch_query", &BTreeSet::new()),
        };
        let name = if keys.len() == 1 { single } else { batch };
        let args = keys.iter().map(|key| Value::Text(key.0.clone())).collect();
        Message::Named { words: vec![name.to_owned()], args, fields: Vec::new(), tag: None }
    }

    fn output(&self, input: &Request, reply: &Reply) -> Option<Outcome> {
        match (reply.words.first()?.as_str(), input) {
            ("ok", _) => Some(Outcome::Ok),
            ("busy", Request::Get(_) | Request::Query(_)) => Some(Outcome::Busy),
            ("self_held", Request::Get(_) | Request::Query(_)) => Some(Outcome::SelfHeld),
            ("not_held", Request::Release(_)) => Some(Outcome::NotHeld),
            _ => None,
        }
    }

    fn learn(held: &mut BTreeSet<Key>, input: &Request, output: &Outcome) {
        match (input, output) {
            (Request::Get(keys), Outcome::Ok) => held.extend(keys.iter().cloned()),
            (Request::Release(keys), Outcome::Ok) => held.retain(|key| !keys.contains(key)),
            _ => {}
        }
    }

    fn end() -> Option<Request> {
        Some(Request::End)
    }

    async fn tidy<S: Stream>(&self, _: &mut Exchange<S>) -> io::Result<()> {
        // The sessions are over, and with them what they held.
        Ok(())
    }
}
