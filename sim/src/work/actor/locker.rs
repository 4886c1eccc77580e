//! What an actor says to a lock server, and holds against what it hears.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use lockproof_client::locker::Backoff;
use lockproof_protocol::locker::{Dialect, Outcome, Reply, ReplyDecoder, Request, Verb};
use tokio::io::AsyncWriteExt;
use tokio::time::sleep;

use super::{ACT, ALIVE_EVERY, APART, Actor, NOBODYS, Stop, TRY_EVERY, TURN_WITHIN, now};
use crate::hazards::Step;
use crate::work::Who;

impl Actor<'_> {
    /// The steps that only a lock server knows.
    pub(super) async fn at_locker(&mut self, step: Step) -> Result<(), Stop> {
        match step {
            Step::Ask(verb, keys, outcome) => self.expect(verb, keys, outcome).await?,
            Step::Send(verb, keys) => self.send(&request(verb, keys)).await?,
            Step::Reply(cmd, outcome) => {
                let reply = self.reply().await?;
                let wanted = Reply::to(cmd, outcome);
                if reply != wanted {
                    return Err(Stop::Wrong(format!(
                        "got {reply:?}, and should have got {wanted:?}"
                    )));
                }
            }
            Step::Unread(count) => {
                for _ in 0..count {
                    self.send(&request(Verb::Query, &[NOBODYS])).await?;
                    sleep(APART).await;
                }
            }
            Step::Pipeline(count) => self.pipeline(count).await?,
            Step::Granted(key, from, by) => self.granted(key, from, by).await?,
            Step::Stay(until, key, outcome) => {
                while now() < self.time(until) {
                    self.expect(Verb::Query, &[key], outcome).await?;
                    sleep(ALIVE_EVERY.min(self.time(until).saturating_sub(now()))).await;
                }
            }
            Step::Contend(turns, keys) => {
                for turn in 0..turns {
                    self.turn(turn, keys).await?;
                }
            }
            Step::Cross(turns, keys) => {
                for turn in 0..turns {
                    self.cross(turn, keys).await?;
                }
            }
            _ => return Err(Stop::Wrong(format!("{step:?} is nothing to say to a lock server"))),
        }
        Ok(())
    }

    async fn send(&mut self, request: &Request) -> Result<(), Stop> {
        let mut out = BytesMut::new();
        request.encode(Dialect::default(), &mut out);
        Ok(self.stream()?.write_all(&out).await?)
    }

    async fn reply(&mut self) -> Result<Reply, Stop> {
        let bound = self.setting.config.bound();
        self.next(bound, |input| {
            ReplyDecoder::new(Dialect::default()).decode(input).map_err(|error| error.to_string())
        })
        .await
    }

    async fn ask(&mut self, verb: Verb, keys: &[&str]) -> Result<Outcome, Stop> {
        let asked = now();
        let request = request(verb, keys);
        if verb == Verb::Release {
            let locks = &mut self.setting.ledger.borrow_mut().locks;
            for key in keys {
                locks.leave(key.as_bytes(), Who::Victim(self.index));
            }
        }
        self.send(&request).await?;
        let reply = self.reply().await?;
        if reply.cmd != Reply::to(request.cmd(), reply.outcome).cmd {
            return Err(Stop::Wrong(format!("{reply:?} is no answer to {verb:?}")));
        }
        if verb == Verb::Get && reply.outcome == Outcome::Ok {
            let locks = &mut self.setting.ledger.borrow_mut().locks;
            for key in keys {
                locks.enter(key.as_bytes(), Who::Victim(self.index), asked);
            }
        }
        Ok(reply.outcome)
    }

    async fn expect(&mut self, verb: Verb, keys: &[&str], wanted: Outcome) -> Result<(), Stop> {
        let outcome = self.ask(verb, keys).await?;
        if outcome == wanted {
            return Ok(());
        }
        let keys = keys.join(" ");
        Err(Stop::Wrong(format!("{verb:?} {keys} was {outcome:?}, and should be {wanted:?}")))
    }

    async fn granted(&mut self, key: &str, from: u64, by: u64) -> Result<(), Stop> {
        while self.ask(Verb::Get, &[key]).await? == Outcome::Busy {
            if now() > self.time(by) {
                let since = self.begin.as_secs_f64();
                return Err(Stop::Kept(format!("{key} is still held {by} ms after {since:.3} s")));
            }
            sleep(TRY_EVERY).await;
        }
        if now() < self.time(from) {
            return Err(Stop::Wrong(format!("{key} was granted while another should have it")));
        }
        Ok(())
    }

    /// More than a window, and the answers are read.
    async fn pipeline(&mut self, count: usize) -> Result<(), Stop> {
        let mut out = BytesMut::new();
        for _ in 0..count {
            request(Verb::Query, &[NOBODYS]).encode(Dialect::default(), &mut out);
        }
        self.stream()?.write_all(&out).await?;
        for _ in 0..count {
            self.reply().await?;
        }
        Ok(())
    }

    fn pauses(&self, turn: usize) -> Backoff {
        let seed = self.setting.seed ^ ((self.index as u64) << 32) ^ ((turn as u64) << 40);
        Backoff::new(Duration::from_millis(5), Duration::from_millis(80), seed)
    }

    async fn turn(&mut self, turn: usize, keys: &[&str]) -> Result<(), Stop> {
        let (since, mut pauses) = (now(), self.pauses(turn));
        while self.ask(Verb::Get, keys).await? != Outcome::Ok {
            if now().saturating_sub(since) > TURN_WITHIN {
                return Err(Stop::Kept(format!(
                    "no turn at {} for {TURN_WITHIN:?}",
                    keys.join(" ")
                )));
            }
            sleep(pauses.next().unwrap_or(TRY_EVERY)).await;
        }
        sleep(ACT).await;
        self.expect(Verb::Release, keys, Outcome::Ok).await
    }

    async fn cross(&mut self, turn: usize, [first, second]: [&'static str; 2]) -> Result<(), Stop> {
        let (since, mut pauses) = (now(), self.pauses(turn));
        loop {
            if self.ask(Verb::Get, &[first]).await? == Outcome::Ok {
                if self.ask(Verb::Get, &[second]).await? == Outcome::Ok {
                    break;
                }
                self.expect(Verb::Release, &[first], Outcome::Ok).await?;
            }
            if now().saturating_sub(since) > TURN_WITHIN {
                return Err(Stop::Kept(format!(
                    "no turn at {first} and {second} for {TURN_WITHIN:?}"
                )));
            }
            sleep(pauses.next().unwrap_or(TRY_EVERY)).await;
        }
        sleep(ACT).await;
        self.expect(Verb::Release, &[second], Outcome::Ok).await?;
        self.expect(Verb::Release, &[first], Outcome::Ok).await
    }
}

fn request(verb: Verb, keys: &[&str]) -> Request {
    let keys: Vec<Bytes> = keys.iter().map(|key| Bytes::copy_from_slice(key.as_bytes())).collect();
    Request { verb, batch: keys.len() > 1, keys }
}
