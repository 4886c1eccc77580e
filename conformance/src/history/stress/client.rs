//! One client: it asks, waits, remembers; when it dies, another takes its place.

use std::io;

use super::{Draw, Stage, StressError, Work};
use crate::exchange::Exchange;
use crate::replay::{Clock, World};
use crate::session::{Message, Value};
use crate::wire::Reply;

/// A client's connection and what it knows.
struct Session<S, M> {
    number: u64,
    exchange: Exchange<S>,
    memory: M,
}

impl<W: World, P: Work> Stage<'_, W, P> {
    /// All calls of one client.
    pub(super) async fn client(&self, number: u32) -> Result<(), StressError> {
        let mut draw = Draw::of_client(self.options.seed, number);
        let mut session = None;
        for _ in 0..self.options.calls {
            self.pause(&mut draw).await;
            let mut alive = match session.take() {
                Some(alive) => alive,
                None => self.connect().await?,
            };
            let input = self.work.draw(&alive.memory, &mut draw);
            if draw.one_in(self.options.deaths) {
                self.die(alive, &input).await?;
            } else {
                self.ask(&mut alive, &input).await?;
                session = Some(alive);
            }
        }
        // Nobody may have to wait for what it still holds.
        if let Some(Session { number, .. }) = session {
            self.ends(number);
        }
        Ok(())
    }

    async fn pause(&self, draw: &mut Draw) {
        let most = u64::try_from(self.options.pause.as_micros()).unwrap_or(u64::MAX);
        if most > 0 {
            let pause = std::time::Duration::from_micros(draw.below(most + 1));
            self.world.clock().sleep_until(self.world.now() + pause).await;
        }
    }

    async fn connect(&self) -> Result<Session<W::Stream, P::Memory>, StressError> {
        let number = self.sessions.get() + 1;
        self.sessions.set(number);
        let stream = self.world.connect().await;
        let stream = stream.map_err(|error| StressError::failed(number, "connect", error))?;
        let exchange = Exchange::new(self.codec, stream);
        Ok(Session { number, exchange, memory: P::Memory::default() })
    }

    /// Asks, and does not live to see the reply.
    async fn die(
        &self,
        mut session: Session<W::Stream, P::Memory>,
        input: &P::Input,
    ) -> Result<(), StressError> {
        self.begins(session.number, input);
        let told = session.exchange.tell(&[self.work.message(input)]).await;
        told.map_err(|error| StressError::failed(session.number, input, error))?;
        self.ends(session.number);
        Ok(())
    }

    async fn ask(
        &self,
        session: &mut Session<W::Stream, P::Memory>,
        input: &P::Input,
    ) -> Result<(), StressError> {
        let number = session.number;
        let call = self.begins(number, input);
        let reply = self.answer(&mut session.exchange, input).await;
        let reply = reply.map_err(|error| StressError::failed(number, input, error))?;
        let Some(output) = self.work.output(input, &reply) else {
            let (call, reply) = (input.to_string(), reply.to_string());
            return Err(StressError::Misfit { session: number, call, reply });
        };
        P::learn(&mut session.memory, input, &output);
        self.history.borrow_mut().reply(call, output, self.world.now());
        Ok(())
    }

    async fn answer(
        &self,
        exchange: &mut Exchange<W::Stream>,
        input: &P::Input,
    ) -> io::Result<Reply> {
        let (timeout, message) = (self.options.timeout, self.work.message(input));
        tokio::select! {
            biased; // a reply in time is one
            reply = ask::<W, P>(exchange, &message) => reply,
            () = self.world.clock().sleep_until(self.world.now() + timeout) => {
                Err(io::Error::new(io::ErrorKind::TimedOut, format!("no reply within {timeout:?}")))
            }
        }
    }

    fn begins(&self, session: u64, input: &P::Input) -> usize {
        self.history.borrow_mut().call(session, input.clone(), self.world.now())
    }

    fn ends(&self, session: u64) {
        if let Some(end) = P::end() {
            self.begins(session, &end);
        }
    }
}

async fn ask<W: World, P: Work>(
    exchange: &mut Exchange<W::Stream>,
    message: &Message<Value>,
) -> io::Result<Reply> {
    let reply = exchange.ask(message).await?;
    if P::has_an_end(&reply) {
        let end = exchange.reply().await?.to_string();
        if end != "END" {
            return Err(io::Error::other(format!("`{end}` where END ends the values")));
        }
    }
    Ok(reply)
}
