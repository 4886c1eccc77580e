//! Runs a session's steps, one after the other.

use std::collections::BTreeSet;
use std::future::poll_fn;
use std::task::Poll;
use std::time::Duration;

use super::connection::{Connection, Connections, TimedOut};
use super::delivery::{Delivery, coalesced_run};
use super::transcript::Direction;
use super::world::World;
use super::{Failure, Options, Played};
use crate::session::{
    Action, Closing, Datum, Expect, Expected, Line, Message, Pattern, Scope, Send, Session, Step,
};
use crate::wire::{Asked, Codec, Difference, Protocol, Reply, Taken};

/// The pause between the segments of a `split`, so that they do not meet again in a buffer.
const SPLIT_PAUSE: Duration = Duration::from_millis(2);

/// Opaques advance by this odd step, so that all of a session's differ and look like nothing.
const OPAQUE_STEP: u32 = 0x9e37_79b1;

pub(super) struct Player<'w, W: World> {
    world: &'w W,
    codec: Codec,
    scope: Scope,
    options: Options,
    conns: Connections<W::Stream>,
    started: Duration,
    step_began: Duration,
    /// How long the next thing is waited for: the time limit, or a longer bound of the step's own.
    patience: Duration,
    opaque: u32,
    lenient: Vec<String>,
    keys: BTreeSet<Vec<u8>>,
    /// How many `any` blocks are being tried: marks point into the inboxes.
    trying: usize,
}

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
            scope,
            options,
            conns: Connections::new(),
            started,
            step_began: started,
            patience: options.timeout,
            opaque,
            lenient: Vec::new(),
            keys: BTreeSet::new(),
            trying: 0,
        }
    }

    pub(super) async fn play(mut self, session: &Session) -> Played {
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
            failure = self.nothing_follows().await.err();
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
            let run = if self.options.delivery == Delivery::Coalesced {
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
                Box::pin(self.step(line.number, step)).await?;
            }
            at += 1;
            self.patience = self.options.timeout;
            self.step_began = self.world.now();
        }
        Ok(())
    }

    async fn step(&mut self, line: usize, step: &Step) -> Result<(), Failure> {
        let located = |text: String| move |problem| fail(line, text, problem);
        match step {
            Step::Send(send) => self.send(send).await.map_err(located(send.to_string())),
            Step::Expect(expect) => self.expect(expect).await.map_err(located(expect.to_string())),
            Step::Quiet { conn, for_: None } => {
                self.sentinel(conn).await.map_err(located(format!("{conn} quiet")))
            }
            Step::Quiet { conn, for_: Some(time) } => {
                self.silent(conn, *time).await.map_err(located(format!("{conn} quiet {time:?}")))
            }
            Step::Control { action, conn } => self
                .control(*action, conn)
                .await
                .map_err(located(format!("{action:?} {conn}").to_lowercase())),
            Step::Advance(time) => {
                self.pass(*time).await;
                Ok(())
            }
            Step::Any { equal, blocks } => self.any(*equal, blocks).await,
            Step::Repeat { count, body } => {
                let outside: Vec<String> = self.scope.vars.keys().cloned().collect();
                for index in 0..*count {
                    // A name that a round binds is a new one in every round.
                    self.scope.vars.retain(|name, _| outside.contains(name));
                    self.scope.vars.insert("i".to_owned(), Datum::Number(i128::from(index)));
                    self.steps(body).await?;
                }
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

    async fn open(&mut self, name: &str) -> Result<(), Problem> {
        let deadline = self.deadline();
        let world = self.world;
        let mut connecting = Box::pin(world.connect());
        let connected =
            self.conns.until(world, deadline, |cx, _| connecting.as_mut().poll(cx)).await;
        let stream = match connected {
            Ok(Ok(stream)) => stream,
            Ok(Err(error)) => return Err(Problem::new(format!("no connection: {error}"))),
            Err(TimedOut) => return Err(Problem::new("no connection within the time limit")),
        };
        self.conns.transcript.note(self.world.now(), name, Direction::Sent, "open");
        self.conns.all.insert(name.to_owned(), Connection::new(stream));
        Ok(())
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

    /// Encodes a request and registers what its reply must repeat.
    fn encode(&mut self, send: &Send) -> Result<crate::wire::Outgoing, Problem> {
        self.scope.unix_now = self.world.unix_now();
        self.opaque = self.opaque.wrapping_add(OPAQUE_STEP);
        let mut outgoing = self.codec.encode(&send.message, &self.scope, self.opaque)?;
        if let Some(length) = send.cut {
            outgoing.bytes.truncate(length);
        } else if let Some(asked) = outgoing.asked.clone() {
            if self.codec.protocol == Protocol::Memcached && send.message.field("value").is_some() {
                self.keys.insert(asked.key.clone());
            }
            self.connection(&send.conn)?.asked.push_back(asked);
        }
        Ok(outgoing)
    }

    fn hold(&mut self, send: &Send) -> Result<(), Problem> {
        let outgoing = self.encode(send)?;
        self.connection(&send.conn)?.held.extend(outgoing.bytes);
        Ok(())
    }

    async fn send(&mut self, send: &Send) -> Result<(), Problem> {
        if send.more {
            return self.hold(send);
        }
        let outgoing = self.encode(send)?;
        let held = std::mem::take(&mut self.connection(&send.conn)?.held);
        // What goes out with company keeps only the borders that the session asks for.
        let cuts = held.is_empty() || send.split.is_some();
        let borders = if cuts {
            self.options.delivery.borders(&outgoing, send.split.as_ref())
        } else {
            Vec::new()
        };
        let bytes = [held.as_slice(), &outgoing.bytes].concat();
        let mut start = 0;
        for end in borders.into_iter().map(|border| held.len() + border).chain([bytes.len()]) {
            self.write(&send.conn, &bytes[start..end]).await?;
            start = end;
            if send.split.is_some() && end < bytes.len() {
                self.pass(SPLIT_PAUSE).await;
            }
        }
        Ok(())
    }

    /// Sends what waits for company.
    async fn flush(&mut self, conn: &str) -> Result<(), Problem> {
        let held = std::mem::take(&mut self.connection(conn)?.held);
        if held.is_empty() { Ok(()) } else { self.write(conn, &held).await }
    }

    /// Sends bytes and waits until the server took them; on a stalled connection it may take its time.
    async fn write(&mut self, conn: &str, bytes: &[u8]) -> Result<(), Problem> {
        self.conns.transcript.bytes(self.world.now(), conn, Direction::Sent, bytes);
        let connection = self.connection(conn)?;
        connection.post(bytes);
        if connection.stalled { Ok(()) } else { self.written(conn).await }
    }

    async fn written(&mut self, conn: &str) -> Result<(), Problem> {
        let deadline = self.deadline();
        let left =
            |conns: &Connections<W::Stream>| conns.all.get(conn).map_or(0, Connection::unwritten);
        let sent = self
            .conns
            .until(self.world, deadline, |_, conns| {
                if left(conns) == 0 { Poll::Ready(()) } else { Poll::Pending }
            })
            .await;
        sent.map_err(|TimedOut| {
            let limit = self.patience;
            Problem::new(format!(
                "the server did not take the last {} bytes within {limit:?}",
                left(&self.conns)
            ))
        })
    }

    async fn expect(&mut self, expect: &Expect) -> Result<(), Problem> {
        self.flush(&expect.conn).await?;
        let began = self.step_began;
        self.patience = self.options.timeout.max(expect.within.unwrap_or_default());
        match &expect.what {
            Expected::Closed(how) => self.closed(&expect.conn, *how).await?,
            Expected::Message(message) => self.message(&expect.conn, message).await?,
        }
        let took = self.world.now().checked_sub(began).unwrap();
        match expect.within {
            Some(bound) if took > bound => {
                Err(Problem::new(format!("it came after {took:?}; the session allows {bound:?}")))
            }
            _ => Ok(()),
        }
    }

    async fn message(&mut self, conn: &str, expected: &Message<Pattern>) -> Result<(), Problem> {
        if let Message::Raw(bytes) = expected {
            return self.raw(conn, bytes).await;
        }
        if self.codec.protocol == Protocol::Echo {
            return self.echoed(conn, expected).await;
        }
        if expected.words().first().is_some_and(|word| word == "stats") {
            return self.stats(conn, expected).await;
        }
        let reply = self.reply(conn).await?;
        let asked = self.asked(conn, expected)?;
        self.compare(expected, &reply, asked.as_ref())?;
        self.connection(conn)?.take(reply.length);
        self.taken(conn);
        Ok(())
    }

    fn compare(
        &mut self,
        expected: &Message<Pattern>,
        reply: &Reply,
        asked: Option<&Asked>,
    ) -> Result<(), Problem> {
        let differences = self.codec.compare(expected, reply, asked, &mut self.scope)?;
        if differences.is_empty() {
            return Ok(());
        }
        Err(Problem { text: format!("it was: {reply}"), differences })
    }

    /// The request that a reply answers: the tagged one, or the oldest with that code. Quiet ones before it are done.
    fn asked(&mut self, conn: &str, expected: &Message<Pattern>) -> Result<Option<Asked>, Problem> {
        let code = self.codec.expected_code(expected);
        let waiting = &mut self.connection(conn)?.asked;
        let position = match expected.tag() {
            Some(tag) => waiting.iter().position(|asked| asked.tag.as_deref() == Some(tag)),
            None => waiting.iter().position(|asked| code.is_none_or(|code| asked.code == code)),
        };
        let Some(position) = position else { return Ok(None) };
        if let Some(skipped) = waiting.iter().take(position).find(|asked| !asked.quiet) {
            let text = format!(
                "an earlier request (code {:#04x}, opaque {:#010x}) has no reply yet",
                skipped.code, skipped.opaque
            );
            return Err(Problem::new(text));
        }
        let asked = waiting.get(position).cloned();
        waiting.drain(..=position);
        Ok(asked)
    }

    /// Waits for a whole reply, without taking it.
    async fn reply(&mut self, conn: &str) -> Result<Reply, Problem> {
        let codec = self.codec;
        let deadline = self.deadline();
        let name = conn.to_owned();
        let came = self
            .conns
            .until(self.world, deadline, move |_, conns| {
                let Some(connection) = conns.all.get_mut(&name) else {
                    return Poll::Ready(Err("the connection was never opened".to_owned()));
                };
                match codec.take(connection.unread()) {
                    Taken::Whole(reply) => Poll::Ready(Ok(reply)),
                    Taken::Broken(why) => Poll::Ready(Err(format!("not a reply: {why}"))),
                    Taken::Incomplete(wanted) => {
                        connection.wanted = wanted;
                        connection
                            .ended
                            .map_or(Poll::Pending, |how| Poll::Ready(Err(ended(connection, how))))
                    }
                }
            })
            .await;
        match came {
            Ok(Ok(reply)) => Ok(reply),
            Ok(Err(text)) => Err(Problem::new(text)),
            Err(TimedOut) => Err(Problem::new(self.nothing_came(conn))),
        }
    }

    fn nothing_came(&self, conn: &str) -> String {
        let came = self.conns.all.get(conn).map_or(0, |connection| connection.unread().len());
        let limit = self.patience;
        if came == 0 {
            format!("nothing came within {limit:?}")
        } else {
            format!("only {came} bytes came within {limit:?}: not a whole reply")
        }
    }

    async fn raw(&mut self, conn: &str, wanted: &[u8]) -> Result<(), Problem> {
        let got = self.exactly(conn, wanted.len()).await?;
        if got != wanted {
            let different =
                got.iter().zip(wanted).position(|(got, wanted)| got != wanted).unwrap_or_default();
            let (wanted, got) = (Datum::Bytes(wanted.to_vec()), Datum::Bytes(got));
            let difference = Difference {
                field: format!("bytes from offset {different}"),
                expected: crate::wire::shortened(&wanted),
                got: crate::wire::shortened(&got),
            };
            return Err(Problem {
                text: "other bytes came".to_owned(),
                differences: vec![difference],
            });
        }
        self.connection(conn)?.asked.pop_front();
        Ok(())
    }

    async fn echoed(&mut self, conn: &str, expected: &Message<Pattern>) -> Result<(), Problem> {
        match expected.args().first() {
            Some(Pattern::Value(value)) => {
                let wanted = value.bytes(&self.scope)?;
                self.raw(conn, &wanted).await
            }
            _ => Err(Problem::new("an echo is expected by its bytes")),
        }
    }

    /// Takes exactly `length` bytes.
    async fn exactly(&mut self, conn: &str, length: usize) -> Result<Vec<u8>, Problem> {
        let deadline = self.deadline();
        let name = conn.to_owned();
        let came = self
            .conns
            .until(self.world, deadline, move |_, conns| {
                let Some(connection) = conns.all.get_mut(&name) else {
                    return Poll::Ready(Vec::new());
                };
                connection.wanted = length;
                let unread = connection.unread();
                if unread.len() >= length || connection.ended.is_some() {
                    let bytes = unread.iter().take(length).copied().collect();
                    return Poll::Ready(bytes);
                }
                Poll::Pending
            })
            .await;
        let Ok(bytes) = came else { return Err(Problem::new(self.nothing_came(conn))) };
        let connection = self.connection(conn)?;
        if bytes.len() < length
            && let Some(how) = connection.ended
        {
            return Err(Problem::new(ended(connection, how)));
        }
        connection.take(length);
        self.taken(conn);
        Ok(bytes)
    }

    /// A STAT reply: packets up to the one without a name.
    async fn stats(&mut self, conn: &str, expected: &Message<Pattern>) -> Result<(), Problem> {
        let stat: Message<Pattern> = Message::Named {
            words: vec!["ok".to_owned(), "stat".to_owned()],
            args: Vec::new(),
            fields: ["key", "value"].map(|name| (name.to_owned(), Pattern::Any)).to_vec(),
            tag: None,
        };
        let asked = self.asked(conn, &stat)?;
        let mut found: Vec<(String, Datum)> = Vec::new();
        loop {
            let reply = self.reply(conn).await?;
            self.compare(&stat, &reply, asked.as_ref())?;
            self.connection(conn)?.take(reply.length);
            let text = |name| reply_bytes(&reply, name);
            if text("key").is_empty() {
                if !text("value").is_empty() {
                    return Err(Problem::new(
                        "the last packet of a STAT reply has no name, but a value",
                    ));
                }
                break;
            }
            if !text("value").iter().all(|byte| (0x20..0x7f).contains(byte)) {
                let name = String::from_utf8_lossy(&text("key")).into_owned();
                return Err(Problem::new(format!(
                    "the value of statistic {name} is not printable text"
                )));
            }
            let value = Datum::Bytes(text("value"));
            let value =
                value.as_number().filter(|_| text("value") != b"-").map_or(value, Datum::Number);
            found.push((String::from_utf8_lossy(&text("key")).into_owned(), value));
        }
        self.compare_stats(expected, &found)
    }

    fn compare_stats(
        &mut self,
        expected: &Message<Pattern>,
        found: &[(String, Datum)],
    ) -> Result<(), Problem> {
        let mut differences = Vec::new();
        for (name, pattern) in expected.fields() {
            let wanted = pattern.explained(&self.scope);
            let got = found.iter().find(|(other, _)| other == name).map(|(_, datum)| datum);
            let fits = match got {
                Some(datum) => pattern.matches(datum, &mut self.scope)?,
                None => false,
            };
            if !fits {
                let got = got.map_or_else(|| "no such statistic".to_owned(), ToString::to_string);
                differences.push(Difference { field: name.clone(), expected: wanted, got });
            }
        }
        if differences.is_empty() {
            return Ok(());
        }
        Err(Problem { text: format!("{} statistics came", found.len()), differences })
    }

    async fn closed(&mut self, conn: &str, wanted: Closing) -> Result<(), Problem> {
        let deadline = self.deadline();
        let name = conn.to_owned();
        let how = self
            .conns
            .until(self.world, deadline, move |_, conns| match conns.all.get(&name) {
                Some(connection) if !connection.unread().is_empty() => Poll::Ready(None),
                Some(connection) => {
                    connection.ended.map_or(Poll::Pending, |how| Poll::Ready(Some(how)))
                }
                None => Poll::Ready(None),
            })
            .await;
        match how {
            Ok(Some(how)) if wanted == Closing::Any || how == wanted => Ok(()),
            Ok(Some(Closing::Rst)) => {
                Err(Problem::new("the server closed with a reset, not with an end of stream"))
            }
            Ok(Some(_)) => {
                Err(Problem::new("the server closed with an end of stream, not with a reset"))
            }
            Ok(None) => Err(Problem::new(format!(
                "instead of closing the server sent: {}",
                self.next_thing(conn)
            ))),
            Err(TimedOut) => {
                Err(Problem::new(format!("the server did not close within {:?}", self.patience)))
            }
        }
    }

    /// The next thing in a connection's inbox, as text.
    fn next_thing(&self, conn: &str) -> String {
        let unread = self.conns.all.get(conn).map(Connection::unread).unwrap_or_default();
        match self.codec.take(unread) {
            Taken::Whole(reply) => reply.to_string(),
            _ => crate::wire::shortened(&Datum::Bytes(unread.to_vec())),
        }
    }

    async fn sentinel(&mut self, conn: &str) -> Result<(), Problem> {
        let nonce = format!("{:08x}", self.opaque);
        let (request, reply) = self.codec.sentinel(&nonce);
        let request =
            Send { conn: conn.to_owned(), message: request, split: None, more: false, cut: None };
        self.send(&request).await?;
        self.message(conn, &reply).await.map_err(|problem| Problem {
            text: format!(
                "more came than the session says, or the next request was not answered: {}",
                problem.text
            ),
            differences: problem.differences,
        })
    }

    async fn silent(&mut self, conn: &str, time: Duration) -> Result<(), Problem> {
        self.flush(conn).await?;
        let deadline = self.world.now() + time;
        let name = conn.to_owned();
        let came = self
            .conns
            .until(self.world, deadline, move |_, conns| match conns.all.get(&name) {
                Some(connection)
                    if connection.unread().is_empty() && connection.ended.is_none() =>
                {
                    Poll::Pending
                }
                _ => Poll::Ready(()),
            })
            .await;
        match came {
            Err(TimedOut) => Ok(()),
            Ok(()) if self.next_thing(conn) == "\"\"" => {
                Err(Problem::new("the server closed the connection"))
            }
            Ok(()) => Err(Problem::new(format!("the server sent: {}", self.next_thing(conn)))),
        }
    }

    async fn control(&mut self, action: Action, conn: &str) -> Result<(), Problem> {
        if action == Action::Open {
            return self.open(conn).await;
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

    fn taken(&mut self, conn: &str) {
        if let Some(connection) = self.conns.all.get_mut(conn) {
            connection.wanted = 0;
            if self.trying == 0 {
                connection.forget_taken();
            }
        }
    }
}

fn reply_bytes(reply: &Reply, name: &str) -> Vec<u8> {
    let field = reply.fields.iter().find(|(field, _)| *field == name);
    field.map(|(_, datum)| datum.clone().into_bytes()).unwrap_or_default()
}

fn ended<S>(connection: &Connection<S>, how: Closing) -> String {
    let how = if how == Closing::Rst { "with a reset" } else { "with an end of stream" };
    match connection.unread().len() {
        0 => format!("the server closed the connection {how}"),
        left => format!(
            "the server closed the connection {how} in the middle of a reply ({left} bytes came)"
        ),
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
