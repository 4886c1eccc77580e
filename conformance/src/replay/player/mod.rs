//! Runs a session's steps, one after the other.

mod answer;
mod expect;
mod flood;
mod send;
mod stats;

use std::collections::{BTreeMap, BTreeSet};
use std::future::poll_fn;
use std::task::Poll;
use std::time::Duration;

use crate::replay::connection::{Connection, Connections, TimedOut};
use crate::replay::delivery::{Delivery, coalesced_run};
use crate::replay::transcript::{Direction, OPEN};
use crate::replay::world::World;
use crate::replay::{Failure, Options, Played};
use crate::session::{Action, Datum, Line, Scope, Session, Side, Step};
use crate::wire::{Codec, Difference, Protocol};
use flood::Floods;

pub(super) struct Player<'w, W: World> {
    world: &'w W,
    codec: Codec,
    /// What is spoken on connections that do not speak the case's own protocol.
    speaks: BTreeMap<String, Protocol>,
    scope: Scope,
    options: Options,
    conns: Connections<W::Stream>,
    floods: Floods<W::Stream>,
    started: Duration,
    step_began: Duration,
    /// When the session has taken so long that it is given up.
    ends: Duration,
    /// How long the next thing is waited for: the time limit, or a longer bound of the step's own.
    patience: Duration,
    opaque: u32,
    lenient: Vec<String>,
    keys: BTreeSet<Vec<u8>>,
    /// How many `any` blocks are being tried: marks point into the inboxes.
    trying: usize,
    /// The round of the innermost `repeat`; 0 outside.
    round: u64,
}

/// A session as a whole may take this many time limits, and what it waits on purpose: a server that always answers, but
/// slowly, must not hold the judge for ever.
const TIMEOUTS: u32 = 24;

/// What went wrong, before it is known in which line.
struct Problem {
    text: String,
    differences: Vec<Difference>,
}

impl Problem {
    fn new(text: impl Into<String>) -> Self {
        Self { text: text.into(), differences: Vec::new() }
    }
}

impl<E: std::error::Error> From<E> for Problem {
    fn from(error: E) -> Self {
        Self::new(error.to_string())
    }
}

impl<'w, W: World> Player<'w, W> {
    pub(super) fn new(world: &'w W, codec: Codec, scope: Scope, options: Options) -> Self {
        #[expect(clippy::cast_possible_truncation, reason = "any 32 bits of the seed will do")]
        let opaque = (options.seed ^ (options.seed >> 32)) as u32;
        let started = world.now();
        Self {
            world,
            codec,
            speaks: BTreeMap::new(),
            scope,
            options,
            conns: Connections::new(),
            floods: Floods::new(),
            started,
            step_began: started,
            ends: Duration::MAX,
            patience: options.timeout,
            opaque,
            lenient: Vec::new(),
            keys: BTreeSet::new(),
            trying: 0,
            round: 0,
        }
    }

    pub(super) async fn play(mut self, session: &Session) -> Played {
        let limit = self.options.timeout.saturating_mul(TIMEOUTS).saturating_add(session.pauses());
        self.ends = self.started.saturating_add(limit);
        self.codec.protocol = session.header.protocol();
        self.speaks.clone_from(&session.header.speaks);
        if self.codec.protocol.has_lines() {
            // In a line a key may stand in base64: the names tell it anyway.
            let own = session.own_keys.iter().filter_map(|name| self.scope.vars.get(name));
            self.keys.extend(own.cloned().map(Datum::into_bytes));
        }
        let mut failure = None;
        for name in &session.header.conn {
            if let Err(problem) = self.open(name).await {
                failure = Some(fail(0, format!("open {name}"), problem));
                break;
            }
        }
        if failure.is_none() {
            failure = self.steps(&session.lines).await.err();
        }
        if failure.is_none() {
            failure = match self.codec.plays {
                Side::Client => self.nothing_follows().await.err(),
                Side::Server => self.clients_leave().await.err(),
            };
        }
        for event in &mut self.conns.transcript.events {
            event.at = event.at.saturating_sub(self.started);
        }
        Played {
            failure,
            lenient: self.lenient,
            transcript: self.conns.transcript,
            keys: self.keys,
        }
    }

    async fn steps(&mut self, lines: &[Line]) -> Result<(), Failure> {
        let mut at = 0;
        while let Some(line) = lines.get(at) {
            // An alternative sends something when what it expects has come, and it is the one.
            let joins = self.codec.plays == Side::Client && self.trying == 0;
            let run = if joins && self.options.delivery == Delivery::Coalesced {
                coalesced_run(&lines[at..])
            } else {
                0
            };
            if run > 1 {
                self.joined(&lines[at..at + run]).await?;
                at += run;
                continue;
            }
            if let Some(step) = &line.step {
                self.in_time().map_err(|problem| fail(line.number, step_text(step), problem))?;
                Box::pin(self.step(line.number, step)).await?;
            }
            at += 1;
            self.patience = self.options.timeout;
            self.step_began = self.world.now();
        }
        Ok(())
    }

    async fn step(&mut self, line: usize, step: &Step) -> Result<(), Failure> {
        match step {
            Step::Send(send) => {
                self.send(send).await.map_err(|problem| fail(line, send.to_string(), problem))
            }
            Step::Expect(expect) => {
                self.expect(expect).await.map_err(|problem| fail(line, expect.to_string(), problem))
            }
            Step::Quiet { conn, for_: None } => self
                .sentinel(conn)
                .await
                .map_err(|problem| fail(line, format!("{conn} quiet"), problem)),
            Step::Quiet { conn, for_: Some(time) } => self
                .silent(conn, *time)
                .await
                .map_err(|problem| fail(line, format!("{conn} quiet {time:?}"), problem)),
            Step::Control { action, conn } => {
                self.control(*action, conn).await.map_err(|problem| {
                    fail(line, format!("{action:?} {conn}").to_lowercase(), problem)
                })
            }
            Step::Flood { conn, count } => self
                .flood(conn, *count)
                .await
                .map_err(|problem| fail(line, format!("flood {conn} {count}"), problem)),
            Step::Advance(time) => {
                self.pass(*time).await;
                Ok(())
            }
            Step::Any { equal, blocks } => self.any(*equal, blocks).await,
            Step::Repeat { count, body } => {
                self.scope.vars.insert("i".to_owned(), Datum::Number(0));
                let outside: BTreeSet<String> = self.scope.vars.keys().cloned().collect();
                for index in 0..*count {
                    let step = || format!("repeat {count}");
                    self.in_time().map_err(|problem| fail(line, step(), problem))?;
                    self.round = index;
                    // A name that a round binds is a new one in every round.
                    if self.scope.vars.len() > outside.len() {
                        self.scope.vars.retain(|name, _| outside.contains(name));
                    }
                    self.scope.vars.insert("i".to_owned(), Datum::Number(i128::from(index)));
                    self.steps(body).await?;
                }
                self.round = 0;
                Ok(())
            }
        }
    }

    /// A run of sends and expectations on one connection: everything is sent at once, then every reply is read.
    async fn joined(&mut self, lines: &[Line]) -> Result<(), Failure> {
        let steps =
            || lines.iter().filter_map(|line| line.step.as_ref().map(|step| (line.number, step)));
        let mut last = None;
        for (number, step) in steps() {
            if let Step::Send(send) = step {
                self.hold(send).map_err(|problem| fail(number, send.to_string(), problem))?;
                last = Some((number, send));
            }
        }
        if let Some((number, send)) = last {
            self.flush(&send.conn)
                .await
                .map_err(|problem| fail(number, send.to_string(), problem))?;
        }
        for (number, step) in steps() {
            if let Step::Expect(expect) = step {
                self.expect(expect)
                    .await
                    .map_err(|problem| fail(number, expect.to_string(), problem))?;
            }
        }
        Ok(())
    }

    /// Tries the alternatives in order, each from the same place.
    async fn any(&mut self, equal: bool, blocks: &[Vec<Line>]) -> Result<(), Failure> {
        self.trying += 1;
        let tried = self.alternatives(equal, blocks).await;
        self.trying -= 1;
        tried
    }

    async fn alternatives(&mut self, equal: bool, blocks: &[Vec<Line>]) -> Result<(), Failure> {
        let scope = self.scope.clone();
        let marks: Vec<_> = self
            .conns
            .all
            .iter()
            .map(|(name, connection)| (name.clone(), connection.mark()))
            .collect();
        let mut first = None;
        for (index, block) in blocks.iter().enumerate() {
            match self.steps(block).await {
                Ok(()) => {
                    if index > 0 && !equal {
                        let taken = block.iter().filter_map(|line| line.step.as_ref());
                        let text: Vec<String> = taken.map(step_text).collect();
                        self.lenient.push(text.join("; "));
                    }
                    return Ok(());
                }
                Err(failure) => first = first.or(Some(failure)),
            }
            self.scope = scope.clone();
            for (name, mark) in marks.clone() {
                if let Some(connection) = self.conns.all.get_mut(&name) {
                    connection.rewind(mark);
                }
            }
        }
        Err(first.unwrap_or_else(|| fail(0, "any".to_owned(), Problem::new("no alternative"))))
    }

    /// The codec of what is spoken on that connection.
    fn codec_of(&self, conn: &str) -> Codec {
        let protocol = self.speaks.get(conn).copied().unwrap_or(self.codec.protocol);
        Codec { protocol, ..self.codec }
    }

    async fn open(&mut self, name: &str) -> Result<(), Problem> {
        let stream = self.connected().await?;
        self.conns.transcript.note(self.world.now(), name, Direction::Sent, OPEN);
        self.conns.all.insert(name.to_owned(), Connection::new(stream));
        Ok(())
    }

    /// A new connection; all others are read meanwhile.
    async fn connected(&mut self) -> Result<W::Stream, Problem> {
        let deadline = self.deadline();
        let world = self.world;
        let mut connecting = Box::pin(world.connect());
        match self.conns.until(world, deadline, |cx, _| connecting.as_mut().poll(cx)).await {
            Ok(Ok(stream)) => Ok(stream),
            Ok(Err(error)) => Err(Problem::new(format!("no connection: {error}"))),
            Err(TimedOut) => Err(Problem::new("no connection within the time limit")),
        }
    }

    fn in_time(&self) -> Result<(), Problem> {
        let now = self.world.now();
        // Alternatives are tried to their end: what is told of them is why they do not fit.
        if now < self.ends || self.trying > 0 {
            return Ok(());
        }
        let took = now.saturating_sub(self.started).as_secs();
        Err(Problem::new(format!("given up after {took} s: the server answers, but too slowly")))
    }

    fn deadline(&self) -> Duration {
        self.world.now() + self.patience
    }

    fn connection(&mut self, name: &str) -> Result<&mut Connection<W::Stream>, Problem> {
        self.conns
            .all
            .get_mut(name)
            .ok_or_else(|| Problem::new(format!("connection {name} was never opened")))
    }

    async fn control(&mut self, action: Action, conn: &str) -> Result<(), Problem> {
        if action == Action::Open {
            return self.open(conn).await;
        }
        if self.ebbs(action, conn) {
            return Ok(());
        }
        self.flush(conn).await?;
        let now = self.world.now();
        match action {
            Action::Open => {}
            Action::Finish => {
                self.written(conn).await?;
                let connection = self.connection(conn)?;
                connection.finished = true;
                let _ = poll_fn(|cx| connection.poll_finish(cx)).await;
                self.conns.transcript.note(now, conn, Direction::Sent, "end of stream");
            }
            Action::Close => {
                self.connection(conn)?.stream = None;
                self.conns.transcript.note(now, conn, Direction::Sent, "close");
            }
            Action::Reset => {
                if let Some(stream) = self.connection(conn)?.stream.take() {
                    self.world.reset(stream);
                }
                self.conns.transcript.note(now, conn, Direction::Sent, "reset");
            }
            Action::Stall => self.connection(conn)?.stalled = true,
            Action::Resume => self.connection(conn)?.stalled = false,
        }
        Ok(())
    }

    /// Lets time pass.
    async fn pass(&mut self, time: Duration) {
        let deadline = self.world.now() + time;
        let _ = self.conns.until(self.world, deadline, |_, _| Poll::<()>::Pending).await;
    }

    /// After the last step nothing more may come on a connection that is still open.
    async fn nothing_follows(&mut self) -> Result<(), Failure> {
        let names: Vec<String> = self.conns.all.keys().cloned().collect();
        for name in names {
            let Some(connection) = self.conns.all.get(&name) else { continue };
            if connection.stream.is_none() || connection.stalled {
                continue;
            }
            let checked = if connection.ended.is_some() || connection.finished {
                let left = self
                    .conns
                    .all
                    .get(&name)
                    .is_some_and(|connection| !connection.unread().is_empty());
                if left {
                    Err(Problem::new(format!("the server also sent: {}", self.next_thing(&name))))
                } else {
                    Ok(())
                }
            } else {
                self.sentinel(&name).await
            };
            checked.map_err(|problem| fail(0, format!("{name} quiet"), problem))?;
        }
        Ok(())
    }
}

fn step_text(step: &Step) -> String {
    match step {
        Step::Send(send) => send.to_string(),
        Step::Expect(expect) => expect.to_string(),
        Step::Quiet { conn, .. } => format!("{conn} quiet"),
        _ => String::new(),
    }
}

fn fail(line: usize, step: String, problem: Problem) -> Failure {
    Failure { line, step, problem: problem.text, differences: problem.differences }
}
