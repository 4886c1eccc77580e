//! Healthy memcached clients: items and a counter that all share. What they see goes into the run's history.
//!
//! What all of them do is here, and how the binary protocol does it; text and meta are in `lines`.

use std::cell::RefCell;
use std::rc::Rc;

use lockproof_client::Error;
use lockproof_client::memcached::{Client, Item, Meta, Seed};
use lockproof_conformance::history::items::{Action, Mode, Reply, Request};

use super::crowd::think;
use super::expected::{BIG_KEY, TORN_KEY, big_value};
use super::observed::Call;
use super::{Ledger, Setting};
use crate::config::Protocol;
use crate::net::SimStream;
use crate::seed::Draw;

pub(super) const COUNTER_KEY: &str = "counter";

/// Items that everybody writes and reads.
pub(super) const SHARED: u64 = 3;

/// What a client does in its protocol. Numbers are drawn, and say what is meant by it.
pub(super) trait Works: Sized {
    /// A new connection, on which a first request is answered.
    async fn greet(setting: &Setting, stream: SimStream) -> Result<Self, Error>;

    /// Stores the big value.
    async fn fill(&mut self, value: &[u8]) -> Result<(), Error>;

    /// Changes a shared item.
    async fn write(&mut self, number: u64) -> Result<(), Error>;

    /// Reads one, or more.
    async fn read(&mut self, turn: u64) -> Result<(), Error>;

    /// One more on the counter.
    async fn increment(&mut self) -> Result<(), Error>;

    /// Whether there is what nobody may ever see.
    async fn sees_torn(&mut self) -> Result<bool, Error>;
}

/// Works until the run's work is over; an error is a healthy client's, and so a violation.
pub(super) async fn work<W: Works>(
    setting: &Setting,
    index: usize,
    draw: &mut Draw,
) -> Result<(), Error> {
    let ledger = &setting.ledger;
    let bound = setting.config.bound();
    let mut turn = index as u64;
    let mut worker: W = connect(setting, index).await?;
    while !setting.is_over() {
        // At first, and again if the server has lost it.
        if index == 0 && !*setting.filled.borrow() {
            worker.fill(&big_value(&setting.config)).await?;
            setting.filled.send_replace(true);
        }
        think(draw).await;
        let mut allowed = bound;
        match draw.within(0..=10) {
            0..=3 => {
                let value = draw.number();
                ledger.borrow_mut().begin(index, "set");
                worker.write(value).await?;
            }
            4..=6 => {
                turn += 1;
                allowed = setting.config.read_bound();
                ledger.borrow_mut().begin(index, "get");
                worker.read(turn).await?;
            }
            7..=8 => {
                ledger.borrow_mut().begin(index, "increment");
                worker.increment().await?;
            }
            9 => {
                ledger.borrow_mut().begin(index, "get");
                if worker.sees_torn().await? {
                    let text = "a request was executed that must not be".to_owned();
                    ledger.borrow_mut().failed.push(text);
                }
            }
            _ if setting.may_reconnect() => worker = connect(setting, index).await?,
            _ => {}
        }
        ledger.borrow_mut().end(index, allowed);
    }
    Ok(())
}

async fn connect<W: Works>(setting: &Setting, index: usize) -> Result<W, Error> {
    setting.open(index, async |stream| W::greet(setting, stream).await).await
}

/// Counts without a pause; what comes out is judged as everybody's is.
pub(super) async fn count_on<W: Works>(setting: &Setting) -> Result<(), Error> {
    let mut worker = setting.reach(async |stream| W::greet(setting, stream).await).await?;
    loop {
        worker.increment().await?;
    }
}

/// A count that nobody waits for.
pub(super) fn begin_to_count(setting: &Setting) {
    let mut ledger = setting.ledger.borrow_mut();
    let session = ledger.session();
    // Text counts only what is there.
    let initial = (setting.config.protocol != Protocol::Text).then_some(1);
    let action = Action::Count { delta: 1, down: false, initial };
    ledger.items.call(session, Request { key: COUNTER_KEY.into(), action });
}

/// A client of the binary protocol, and its session's number in the history.
pub(super) struct Worker {
    client: Client<SimStream>,
    ledger: Rc<RefCell<Ledger>>,
    session: u64,
}

impl Works for Worker {
    async fn greet(setting: &Setting, stream: SimStream) -> Result<Self, Error> {
        let mut client = Client::new(stream, setting.patience());
        client.noop().await?;
        let session = setting.ledger.borrow_mut().session();
        Ok(Self { client, ledger: Rc::clone(&setting.ledger), session })
    }

    async fn fill(&mut self, value: &[u8]) -> Result<(), Error> {
        self.client.set(BIG_KEY, value, Meta::default()).await.map(drop)
    }

    async fn write(&mut self, number: u64) -> Result<(), Error> {
        let (key, value) = (shared(number), number.to_string());
        let bytes = value.as_bytes();
        let action = Action::Store { mode: Mode::Set, value: bytes.into(), flags: 0, cas: 0 };
        let call = self.call(Request { key: key.as_str().into(), action });
        let cas = self.client.set(key.as_bytes(), bytes, Meta::default()).await?;
        self.reply(call, Reply::Stored { cas: Some(cas) });
        Ok(())
    }

    async fn read(&mut self, turn: u64) -> Result<(), Error> {
        let key = shared(turn);
        let call = self.call(Request { key: key.as_str().into(), action: Action::Get });
        let hit = |Item { value, flags, cas }| Reply::Hit {
            value: value.as_ref().into(),
            flags,
            cas: Some(cas),
        };
        let item = self.client.gets(key.as_bytes()).await?;
        self.reply(call, item.map_or(Reply::Missing, hit));
        Ok(())
    }

    async fn increment(&mut self) -> Result<(), Error> {
        let call = self.call(one_more());
        let seed = Some(Seed { initial: 1, expiry: 0 });
        let value = self.client.incr(COUNTER_KEY.as_bytes(), 1, seed).await?;
        self.reply(call, value.map_or(Reply::Missing, |value| Reply::Counted { value, cas: None }));
        Ok(())
    }

    async fn sees_torn(&mut self) -> Result<bool, Error> {
        Ok(self.client.get(TORN_KEY).await?.is_some())
    }
}

impl Worker {
    fn call(&self, request: Request) -> Call {
        self.ledger.borrow_mut().items.call(self.session, request)
    }

    fn reply(&self, call: Call, reply: Reply) {
        self.ledger.borrow_mut().items.reply(call, reply);
    }
}

fn one_more() -> Request {
    let action = Action::Count { delta: 1, down: false, initial: Some(1) };
    Request { key: COUNTER_KEY.into(), action }
}

/// The key of a shared item.
pub(super) fn shared(number: u64) -> String {
    format!("shared-{}", number % SHARED)
}
