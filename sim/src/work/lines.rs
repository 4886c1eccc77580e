//! A healthy client of a memcached that speaks text, or meta. What it sees goes into the run's history.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

use lockproof_client::Error;
use lockproof_conformance::history::items::{Action, Mode, Reply, Request};
use lockproof_conformance::wire::Reply as Line;

use super::line_stream::{LineStream, misfit};
use super::memcached::{COUNTER_KEY, Works};
use super::observed::Call;
use super::{Ledger, Setting};
use crate::config::Protocol;
use crate::net::SimStream;

/// A connection, its session's number in the history, and what it knows.
pub(super) struct Worker {
    pub(super) stream: LineStream,
    ledger: Rc<RefCell<Ledger>>,
    session: u64,
    is_meta: bool,
    /// The last CAS that it saw of each key.
    pub(super) seen: BTreeMap<String, u64>,
    /// Meta: the item that it is to fill anew.
    pub(super) won: Option<String>,
    /// Text: there is no counter, and the next one begins it.
    pub(super) begins: bool,
}

impl Works for Worker {
    async fn greet(setting: &Setting, stream: SimStream) -> Result<Self, Error> {
        let is_meta = setting.config.protocol == Protocol::Meta;
        let mut stream = LineStream::new(stream, setting.patience());
        if is_meta {
            stream.must("mn", "MN").await?;
        } else {
            let version = stream.ask("version").await?;
            if !version.to_string().starts_with("VERSION ") {
                return Err(misfit("version", &version));
            }
        }
        let session = setting.ledger.borrow_mut().session();
        let (seen, won, begins) = Default::default();
        let ledger = Rc::clone(&setting.ledger);
        Ok(Self { stream, ledger, session, is_meta, seen, won, begins })
    }

    async fn fill(&mut self, value: &[u8]) -> Result<(), Error> {
        let length = value.len();
        let (line, stored) = if self.is_meta {
            (format!("ms big {length}\r\n"), "HD")
        } else {
            (format!("set big 0 0 {length}\r\n"), "STORED")
        };
        self.stream.say(&[line.as_bytes(), value, b"\r\n"].concat()).await?;
        let reply = self.stream.reply().await?;
        if reply.to_string() == stored { Ok(()) } else { Err(misfit(line.trim(), &reply)) }
    }

    async fn write(&mut self, number: u64) -> Result<(), Error> {
        if self.is_meta { self.write_meta(number).await } else { self.write_text(number).await }
    }

    async fn read(&mut self, turn: u64) -> Result<(), Error> {
        if self.is_meta { self.read_meta(turn).await } else { self.read_text(turn).await }
    }

    async fn increment(&mut self) -> Result<(), Error> {
        if self.is_meta { self.count_meta().await } else { self.count_text().await }
    }

    async fn sees_torn(&mut self) -> Result<bool, Error> {
        if self.is_meta {
            return Ok(self.stream.ask("mg torn").await?.to_string() != "EN");
        }
        Ok(self.stream.ask("get torn").await?.to_string() != "END")
    }
}

impl Worker {
    /// A call begins.
    pub(super) fn call(&self, key: &str, action: Action) -> Call {
        self.ledger.borrow_mut().items.call(self.session, Request { key: key.into(), action })
    }

    /// A call ends.
    pub(super) fn end(&mut self, key: &str, call: Call, reply: Reply) {
        if let Reply::Hit { cas: Some(cas), .. }
        | Reply::Fetched { cas: Some(cas), .. }
        | Reply::Stored { cas: Some(cas) } = &reply
        {
            self.seen.insert(key.to_owned(), *cas);
        }
        self.ledger.borrow_mut().items.reply(call, reply);
    }

    /// A call with one line, and perhaps a block, whose reply means what it is said to mean.
    pub(super) async fn ask(
        &mut self,
        key: &str,
        action: Action,
        lines: &str,
        meaning: impl Fn(&Line) -> Option<Reply>,
    ) -> Result<Reply, Error> {
        let call = self.call(key, action);
        self.stream.say(lines.as_bytes()).await?;
        let line = self.stream.reply().await?;
        let reply = meaning(&line).ok_or_else(|| misfit(lines.trim(), &line))?;
        self.end(key, call, reply.clone());
        Ok(reply)
    }
}

/// A plain store.
pub(super) fn store(mode: Mode, value: &str, cas: u64) -> Action {
    Action::Store { mode, value: value.as_bytes().into(), flags: 0, cas }
}

/// One more on the counter, which begins at 1 if it may be made.
pub(super) fn one_more(makes: bool) -> (&'static str, Action) {
    let action = Action::Count { delta: 1, down: false, initial: makes.then_some(1) };
    (COUNTER_KEY, action)
}
