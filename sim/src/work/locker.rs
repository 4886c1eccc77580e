//! A healthy client of the lock server: a few keys that all want, one at a time and two at a time, and the sections that
//! they guard.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::rc::Rc;
use std::time::Duration;

use lockproof_client::Error;
use lockproof_client::locker::{Backoff, Client, Outcome};
use lockproof_conformance::history::locks;

use super::crowd::think;
use super::locks::Who;
use super::observed::Call;
use super::{Ledger, Setting, now};
use crate::net::SimStream;
use crate::seed::Draw;

/// What all want.
const COMMON: [&[u8]; 3] = [b"common-0", b"common-1", b"common-2"];

/// Pauses between tries, the shortest and the longest.
const PAUSES: (Duration, Duration) = (Duration::from_millis(5), Duration::from_millis(60));

/// Nobody holds a common key for longer than a moment, so this is many turns of all others.
const TURN_WITHIN: Duration = Duration::from_secs(6);

/// The key that a victim holds from the beginning.
pub(super) fn victims_key(victim: usize) -> Vec<u8> {
    format!("held-by-victim-{victim}").into_bytes()
}

/// Works until the run's work is over; an error is a healthy client's, and so a violation.
pub(super) async fn work(setting: &Setting, index: usize, draw: &mut Draw) -> Result<(), Error> {
    let seed = draw.number();
    let mut worker = Worker {
        setting,
        index,
        connection: connect(setting, index).await?,
        pauses: Backoff::new(PAUSES.0, PAUSES.1, seed),
    };
    setting.filled.send_replace(true);
    while !setting.is_over() {
        think(draw).await;
        if setting.config.hazard.is_some() {
            worker.stand_by().await?;
            continue;
        }
        let key = *draw.pick(&COMMON);
        match draw.within(0..=10) {
            0..=4 => worker.section(&[key], draw).await?,
            5..=6 => {
                let mut other = *draw.pick(&COMMON);
                while other == key {
                    other = *draw.pick(&COMMON);
                }
                worker.section(&[key, other], draw).await?;
            }
            7 => drop(worker.expect(Ask::Query, &[key], &[Outcome::Ok, Outcome::Busy]).await?),
            8 => drop(worker.expect(Ask::Release, &[key], &[Outcome::NotHeld]).await?),
            9 => worker.look_at_victims().await?,
            _ if setting.may_reconnect() => worker.leave_and_come_back(key).await?,
            _ => {}
        }
    }
    if index == 0 {
        worker.look_at_victims().await?;
    }
    Ok(())
}

#[derive(Clone, Copy, Debug)]
enum Ask {
    Get,
    Release,
    Query,
}

struct Worker<'a> {
    setting: &'a Setting,
    index: usize,
    connection: Connection,
    pauses: Backoff,
}

impl Worker<'_> {
    const fn who(&self) -> Who {
        Who::Client(self.index)
    }

    /// One operation with its bound; one key is asked for by the single command, more by the batch.
    async fn ask(&mut self, ask: Ask, keys: &[&[u8]]) -> Result<Outcome, Error> {
        let ledger = &self.setting.ledger;
        let call = is_common(keys).then(|| self.connection.call(ask, keys));
        let client = &mut self.connection.client;
        let what = match ask {
            Ask::Get => "get",
            Ask::Release => "release",
            Ask::Query => "query",
        };
        ledger.borrow_mut().begin(self.index, what);
        let outcome = match (ask, keys) {
            (Ask::Get, [key]) => client.get(key).await?,
            (Ask::Get, _) => client.get_batch(keys).await?,
            (Ask::Release, [key]) => client.release(key).await?,
            (Ask::Release, _) => client.release_batch(keys).await?,
            (Ask::Query, [key]) => client.query(key).await?,
            (Ask::Query, _) => client.query_batch(keys).await?,
        };
        if let (Some(call), Some(outcome)) = (call, as_seen(outcome)) {
            ledger.borrow_mut().keys.reply(call, outcome);
        }
        ledger.borrow_mut().end(self.index, self.setting.config.bound());
        Ok(outcome)
    }

    /// An operation that may only come out like this.
    async fn expect(
        &mut self,
        ask: Ask,
        keys: &[&[u8]],
        allowed: &[Outcome],
    ) -> Result<Outcome, Error> {
        let outcome = self.ask(ask, keys).await?;
        if !allowed.contains(&outcome) {
            let keys: Vec<String> = keys.iter().map(|key| key.escape_ascii().to_string()).collect();
            let (who, at, keys) = (self.who(), now().as_secs_f64(), keys.join(" "));
            let text = format!("{who}'s {ask:?} {keys} at {at:.3} s was {outcome:?}");
            self.setting.ledger.borrow_mut().failed.push(text);
        }
        Ok(outcome)
    }

    /// Waits its turn, acts, and gives the keys back.
    async fn section(&mut self, keys: &[&[u8]], draw: &mut Draw) -> Result<(), Error> {
        let since = now();
        self.pauses.reset();
        let mut asked = since;
        while self.expect(Ask::Get, keys, &[Outcome::Ok, Outcome::Busy]).await? == Outcome::Busy {
            if now().saturating_sub(since) > TURN_WITHIN {
                let (who, key) = (self.who(), keys[0].escape_ascii());
                let text =
                    format!("{who} asked for {key} for {TURN_WITHIN:?}, and never had a turn");
                self.setting.ledger.borrow_mut().locks.kept.push(text);
                return Ok(());
            }
            tokio::time::sleep(self.pauses.next().unwrap_or(PAUSES.1)).await;
            asked = now();
        }
        let who = self.who();
        let enter = |key: &&[u8]| self.setting.ledger.borrow_mut().locks.enter(key, who, asked);
        keys.iter().for_each(enter);
        tokio::time::sleep(Duration::from_millis(draw.within(5..=40))).await;
        if draw.one_in(4) {
            self.expect(Ask::Get, keys, &[Outcome::SelfHeld]).await?;
            self.expect(Ask::Query, keys, &[Outcome::SelfHeld]).await?;
        }
        let leave = |key: &&[u8]| self.setting.ledger.borrow_mut().locks.leave(key, who);
        keys.iter().for_each(leave);
        self.expect(Ask::Release, keys, &[Outcome::Ok]).await?;
        Ok(())
    }

    /// In a scene the crowd looks on, so that what goes wrong is what the actors find: a key that nobody has is free.
    async fn stand_by(&mut self) -> Result<(), Error> {
        self.expect(Ask::Query, &[COMMON[0]], &[Outcome::Ok]).await?;
        Ok(())
    }

    /// Are the keys of victims held?
    async fn look_at_victims(&mut self) -> Result<(), Error> {
        let victims = self.setting.ledger.borrow().victims;
        for victim in 0..victims {
            let key = victims_key(victim);
            let outcome = self.expect(Ask::Query, &[&key], &[Outcome::Ok, Outcome::Busy]).await?;
            if outcome == Outcome::Busy {
                self.setting.ledger.borrow_mut().locks.seen_held.insert(victim, now());
            }
        }
        Ok(())
    }

    /// Takes a key if it is free, closes the connection over it, and comes on another.
    async fn leave_and_come_back(&mut self, key: &[u8]) -> Result<(), Error> {
        let (allowed, who, asked) = ([Outcome::Ok, Outcome::Busy], self.who(), now());
        if self.expect(Ask::Get, &[key], &allowed).await? == Outcome::Ok {
            self.setting.ledger.borrow_mut().locks.enter(key, who, asked);
        }
        self.setting.ledger.borrow_mut().locks.leave_all(who);
        self.connection.close();
        self.connection = connect(self.setting, self.index).await?;
        Ok(())
    }
}

/// A connection, and its session's number in the history. Dropped, it is given up: what it held is free some time later.
struct Connection {
    client: Client<SimStream>,
    ledger: Rc<RefCell<Ledger>>,
    session: u64,
    is_closed: bool,
}

impl Connection {
    fn close(&mut self) {
        if !std::mem::replace(&mut self.is_closed, true) {
            self.ledger.borrow_mut().keys.call(self.session, locks::Request::End);
            self.client.close();
        }
    }

    fn call(&self, ask: Ask, keys: &[&[u8]]) -> Call {
        let keys: BTreeSet<locks::Key> = keys.iter().map(|key| locks::Key(key.to_vec())).collect();
        let request = match ask {
            Ask::Get => locks::Request::Get(keys),
            Ask::Release => locks::Request::Release(keys),
            Ask::Query => locks::Request::Query(keys),
        };
        self.ledger.borrow_mut().keys.call(self.session, request)
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.close();
    }
}

/// Whether a request is about keys that nobody but the crowd asks for.
fn is_common(keys: &[&[u8]]) -> bool {
    keys.iter().all(|key| COMMON.contains(key))
}

/// In the words of the history; what no healthy client can be answered is none of its outcomes.
const fn as_seen(outcome: Outcome) -> Option<locks::Outcome> {
    match outcome {
        Outcome::Ok => Some(locks::Outcome::Ok),
        Outcome::Busy => Some(locks::Outcome::Busy),
        Outcome::NotHeld => Some(locks::Outcome::NotHeld),
        Outcome::SelfHeld => Some(locks::Outcome::SelfHeld),
        _ => None,
    }
}

async fn connect(setting: &Setting, index: usize) -> Result<Connection, Error> {
    let greet = async |stream| {
        let mut client = Client::new(stream, setting.patience());
        client.query(COMMON[0]).await?;
        let session = setting.ledger.borrow_mut().session();
        Ok(Connection { client, ledger: Rc::clone(&setting.ledger), session, is_closed: false })
    };
    setting.open(index, greet).await
}
