//! Plays the script of a scene's actor against a lock server, byte by byte as the script says.

use std::io;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use lockproof_client::locker::Backoff;
use lockproof_protocol::locker::{Dialect, Outcome, Reply, ReplyDecoder, Request, Verb};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::{sleep, timeout};

use super::locks::Who;
use super::{Setting, now};
use crate::hazards::{Hazard, Step};
use crate::net::SimStream;
use crate::scenario::begin_ms;

/// Between two tries for a key.
const TRY_EVERY: Duration = Duration::from_millis(20);

/// Between two signs of life.
const ALIVE_EVERY: Duration = Duration::from_millis(300);

/// So that every query that is not read has a segment of its own, there and back.
const APART: Duration = Duration::from_millis(40);

/// How long an actor acts on what it holds.
const ACT: Duration = Duration::from_millis(20);

/// A turn of two or four comes within so long.
const TURN_WITHIN: Duration = Duration::from_secs(4);

/// Nobody has this key.
const NOBODYS: &str = "nobodys";

/// Why a script went no further.
#[derive(Debug)]
enum Stop {
    /// The connection failed.
    Lost(io::Error),
    /// It was answered otherwise than it had to be.
    Wrong(String),
    /// A key was not free when it had to be.
    Kept(String),
}

impl From<io::Error> for Stop {
    fn from(error: io::Error) -> Self {
        Self::Lost(error)
    }
}

/// Plays the script to its end. What did not go as it says is a violation.
pub(super) async fn play(setting: &Setting, index: usize, hazard: Hazard) {
    let begin = Duration::from_millis(begin_ms(setting.seed));
    let mut actor =
        Actor { setting, index, begin, stream: None, input: BytesMut::new(), old: Vec::new() };
    let played = actor.all(hazard.script(index)).await;
    let mut ledger = setting.ledger.borrow_mut();
    let at = now().as_secs_f64();
    match played {
        // Served to its end: the check for whoever gets nothing any more has nothing to say.
        Ok(()) => drop(ledger.last_reply.insert(index, Duration::MAX)),
        Err(Stop::Kept(text)) => {
            ledger.locks.kept.push(format!("actor {index} at {at:.3} s: {text}"))
        }
        Err(Stop::Wrong(text)) => ledger.failed.push(format!("actor {index} at {at:.3} s: {text}")),
        Err(Stop::Lost(error)) => {
            ledger.failed.push(format!("actor {index} at {at:.3} s lost its connection: {error}"));
        }
    }
    drop(ledger);
    // What it holds it holds on to: an actor that has no more lines does not leave the stage.
    while !setting.is_over() {
        sleep(ALIVE_EVERY).await;
    }
    setting.ledger.borrow_mut().locks.leave_all(Who::Victim(index));
}

struct Actor<'a> {
    setting: &'a Setting,
    index: usize,
    begin: Duration,
    stream: Option<SimStream>,
    input: BytesMut,
    /// Connections that are open still, and that nobody uses.
    old: Vec<SimStream>,
}

impl Actor<'_> {
    async fn all(&mut self, script: &'static [Step]) -> Result<(), Stop> {
        self.until(0).await;
        for step in script {
            self.step(*step).await?;
        }
        Ok(())
    }

    async fn step(&mut self, step: Step) -> Result<(), Stop> {
        match step {
            Step::At(ms) => self.until(ms).await,
            Step::Connect => {
                self.old.extend(self.stream.take());
                self.input.clear();
                self.stream = Some(self.setting.connect().await?);
            }
            Step::Close => {
                self.setting.ledger.borrow_mut().locks.leave_all(self.who());
                self.stream = None;
            }
            Step::Finish => {
                self.setting.ledger.borrow_mut().locks.leave_all(self.who());
                self.stream()?.shutdown().await?;
            }
            Step::Rest => self.setting.ledger.borrow_mut().locks.leave_all(self.who()),
            Step::Ended => self.ended().await?,
            Step::Ask(verb, keys, outcome) => self.expect(verb, keys, outcome).await?,
            Step::Send(verb, keys) => self.send(&request(verb, keys)).await?,
            Step::Bytes(bytes) => self.stream()?.write_all(bytes).await?,
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
            Step::ActTooLate(key) => {
                let inside = self.setting.ledger.borrow().locks.inside(key.as_bytes());
                if inside.is_none_or(|inside| inside == self.who()) {
                    return Err(Stop::Wrong(format!(
                        "nobody else acts on {key}: what are the locks' limits?"
                    )));
                }
            }
            Step::Repeat(times, steps) => {
                for _ in 0..times {
                    for step in steps {
                        Box::pin(self.step(*step)).await?;
                    }
                }
            }
        }
        Ok(())
    }

    const fn who(&self) -> Who {
        Who::Victim(self.index)
    }

    fn time(&self, ms: u64) -> Duration {
        self.begin + Duration::from_millis(ms)
    }

    async fn until(&self, ms: u64) {
        sleep(self.time(ms).saturating_sub(now())).await;
    }

    fn stream(&mut self) -> Result<&mut SimStream, Stop> {
        self.stream.as_mut().ok_or_else(|| io::Error::from(io::ErrorKind::NotConnected).into())
    }

    async fn send(&mut self, request: &Request) -> Result<(), Stop> {
        let mut out = BytesMut::new();
        request.encode(Dialect::default(), &mut out);
        Ok(self.stream()?.write_all(&out).await?)
    }

    /// The next reply, which has to come in time.
    async fn reply(&mut self) -> Result<Reply, Stop> {
        let bound = self.setting.config.bound();
        let Self { stream, input, .. } = self;
        let Some(stream) = stream else {
            return Err(io::Error::from(io::ErrorKind::NotConnected).into());
        };
        let reading = async {
            loop {
                let reply = ReplyDecoder::new(Dialect::default()).decode(input);
                if let Some(reply) = reply.map_err(|error| Stop::Wrong(error.to_string()))? {
                    return Ok(reply);
                }
                if stream.read_buf(input).await? == 0 {
                    return Err(io::Error::from(io::ErrorKind::UnexpectedEof).into());
                }
            }
        };
        let late = |_| Err(Stop::Wrong(format!("no answer within {bound:?}")));
        timeout(bound, reading).await.unwrap_or_else(late)
    }

    async fn ended(&mut self) -> Result<(), Stop> {
        let bound = self.setting.config.bound();
        let stream = self.stream()?;
        match timeout(bound, stream.read_u8()).await {
            Ok(Err(_)) => Ok(()),
            Ok(Ok(byte)) => Err(Stop::Wrong(format!("got the byte {byte} and should be closed"))),
            Err(_) => Err(Stop::Wrong(format!("it is not closed within {bound:?}"))),
        }
    }

    async fn ask(&mut self, verb: Verb, keys: &[&str]) -> Result<Outcome, Stop> {
        let request = request(verb, keys);
        if verb == Verb::Release {
            let locks = &mut self.setting.ledger.borrow_mut().locks;
            keys.iter().for_each(|key| locks.leave(key.as_bytes(), Who::Victim(self.index)));
        }
        self.send(&request).await?;
        let reply = self.reply().await?;
        if reply.cmd != Reply::to(request.cmd(), reply.outcome).cmd {
            return Err(Stop::Wrong(format!("{reply:?} is no answer to {verb:?}")));
        }
        if verb == Verb::Get && reply.outcome == Outcome::Ok {
            let locks = &mut self.setting.ledger.borrow_mut().locks;
            keys.iter().for_each(|key| locks.enter(key.as_bytes(), Who::Victim(self.index)));
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
            if now() - since > TURN_WITHIN {
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
            if now() - since > TURN_WITHIN {
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
