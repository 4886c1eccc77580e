//! Plays the script of a scene's actor, byte by byte as the script says.

mod lines;
mod locker;
mod netmem;

use std::io;
use std::time::Duration;

use bytes::BytesMut;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::{sleep, timeout};

use super::locks::Who;
use super::{Setting, now};
use crate::config::Protocol;
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
    let mut actor = Actor {
        setting,
        index,
        begin,
        stream: None,
        input: BytesMut::new(),
        old: Vec::new(),
        cas: String::new(),
    };
    let played = actor.all(hazard.script(index)).await;
    note(setting, index, played);
    // What it holds it holds on to: an actor that has no more lines does not leave the stage.
    while !setting.is_over() {
        sleep(ALIVE_EVERY).await;
    }
    setting.ledger.borrow_mut().locks.leave_all(Who::Victim(index));
}

fn note(setting: &Setting, index: usize, played: Result<(), Stop>) {
    let mut ledger = setting.ledger.borrow_mut();
    let who = format!("actor {index} at {:.3} s", now().as_secs_f64());
    match played {
        // Served to its end: the check for whoever gets nothing any more has nothing to say.
        Ok(()) => drop(ledger.last_reply.insert(index, Duration::MAX)),
        Err(Stop::Kept(text)) => ledger.locks.kept.push(format!("{who}: {text}")),
        Err(Stop::Wrong(text)) => ledger.failed.push(format!("{who}: {text}")),
        Err(Stop::Lost(error)) => ledger.failed.push(format!("{who} lost its connection: {error}")),
    }
}

struct Actor<'a> {
    setting: &'a Setting,
    index: usize,
    begin: Duration,
    stream: Option<SimStream>,
    input: BytesMut,
    /// Connections that are open still, and that nobody uses.
    old: Vec<SimStream>,
    /// The CAS that it has learnt.
    cas: String,
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
            Step::Bytes(bytes) => self.stream()?.write_all(bytes).await?,
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
            _ => self.in_its_words(step).await?,
        }
        Ok(())
    }

    /// What only one protocol knows.
    async fn in_its_words(&mut self, step: Step) -> Result<(), Stop> {
        match self.setting.config.protocol {
            Protocol::Locker => self.at_locker(step).await,
            Protocol::NetMem => self.at_netmem(step).await,
            Protocol::Memcached | Protocol::Text | Protocol::Meta => self.at_lines(step).await,
        }
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

    /// What the server says next, which has to come in time.
    async fn next<T>(
        &mut self,
        within: Duration,
        mut decode: impl FnMut(&mut BytesMut) -> Result<Option<T>, String>,
    ) -> Result<T, Stop> {
        let Self { stream, input, .. } = self;
        let Some(stream) = stream else {
            return Err(io::Error::from(io::ErrorKind::NotConnected).into());
        };
        let reading = async {
            loop {
                if let Some(reply) = decode(input).map_err(Stop::Wrong)? {
                    return Ok(reply);
                }
                if stream.read_buf(input).await? == 0 {
                    return Err(io::Error::from(io::ErrorKind::UnexpectedEof).into());
                }
            }
        };
        let late = |_| Err(Stop::Wrong(format!("no answer within {within:?}")));
        timeout(within, reading).await.unwrap_or_else(late)
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
}
