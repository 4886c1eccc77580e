//! A healthy memcached client: items and a counter that all share. What it sees goes into the run's history.

use std::cell::RefCell;
use std::rc::Rc;

use lockproof_client::Error;
use lockproof_client::memcached::{Client, Item, Meta, Seed};
use lockproof_conformance::history::items::{Action, Mode, Reply, Request};

use super::crowd::think;
use super::expected::{BIG_KEY, TORN_KEY, big_value};
use super::observed::Call;
use super::{Ledger, Setting};
use crate::net::SimStream;
use crate::seed::Draw;

pub(super) const COUNTER_KEY: &str = "counter";

/// Items that everybody writes and reads.
const SHARED: u64 = 3;

/// Works until the run's work is over; an error is a healthy client's, and so a violation.
pub(super) async fn work(setting: &Setting, index: usize, draw: &mut Draw) -> Result<(), Error> {
    let ledger = &setting.ledger;
    let bound = setting.config.bound();
    let mut turn = index as u64;
    let mut worker = Worker::connect(setting, index).await?;
    while !setting.is_over() {
        // At first, and again if the server has lost it.
        if index == 0 && !*setting.filled.borrow() {
            worker.client.set(BIG_KEY, &big_value(&setting.config), Meta::default()).await?;
            setting.filled.send_replace(true);
        }
        think(draw).await;
        let mut allowed = bound;
        match draw.within(0..=10) {
            0..=3 => {
                let value = draw.number();
                ledger.borrow_mut().begin(index, "set");
                worker.set(value % SHARED, &value.to_string()).await?;
            }
            4..=6 => {
                turn += 1;
                allowed = setting.config.read_bound();
                ledger.borrow_mut().begin(index, "get");
                worker.get(turn % SHARED).await?;
            }
            7..=8 => {
                ledger.borrow_mut().begin(index, "increment");
                worker.increment().await?;
            }
            9 => {
                ledger.borrow_mut().begin(index, "get");
                if worker.client.get(TORN_KEY).await?.is_some() {
                    let text = "a request was executed that must not be".to_owned();
                    ledger.borrow_mut().failed.push(text);
                }
            }
            _ if setting.may_reconnect() => worker = Worker::connect(setting, index).await?,
            _ => {}
        }
        ledger.borrow_mut().end(index, allowed);
    }
    Ok(())
}

/// Counts without a pause; what comes out is judged as everybody's is.
pub(super) async fn count_on(setting: &Setting) -> Result<(), Error> {
    let mut worker = setting.reach(async |stream| Worker::greet(setting, stream).await).await?;
    loop {
        worker.increment().await?;
    }
}

/// A count that nobody waits for.
pub(super) fn begin_to_count(setting: &Setting) {
    let mut ledger = setting.ledger.borrow_mut();
    let session = ledger.session();
    ledger.items.call(session, one_more());
}

/// A connection, and its session's number in the history.
struct Worker {
    client: Client<SimStream>,
    ledger: Rc<RefCell<Ledger>>,
    session: u64,
}

impl Worker {
    async fn connect(setting: &Setting, index: usize) -> Result<Self, Error> {
        setting.open(index, async |stream| Self::greet(setting, stream).await).await
    }

    async fn greet(setting: &Setting, stream: SimStream) -> Result<Self, Error> {
        let mut client = Client::new(stream, setting.patience());
        client.noop().await?;
        let session = setting.ledger.borrow_mut().session();
        Ok(Self { client, ledger: Rc::clone(&setting.ledger), session })
    }

    async fn set(&mut self, number: u64, value: &str) -> Result<(), Error> {
        let (key, bytes) = (shared(number), value.as_bytes());
        let action = Action::Store { mode: Mode::Set, value: bytes.into(), flags: 0, cas: 0 };
        let call = self.call(Request { key: key.as_str().into(), action });
        let cas = self.client.set(key.as_bytes(), bytes, Meta::default()).await?;
        self.reply(call, Reply::Stored { cas: Some(cas) });
        Ok(())
    }

    async fn get(&mut self, number: u64) -> Result<(), Error> {
        let key = shared(number);
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

fn shared(number: u64) -> String {
    format!("shared-{number}")
}
