//! memcached's binary protocol: frames, SASL, and what is answered outside of a [`Run`].

use core::ops::ControlFlow;

use bytes::{Bytes, BytesMut};
use lockproof_protocol::memcached::{Command, Extras};
use lockproof_protocol::memcached_binary::{
    CommandError, Frame, Limits, Opcode, Reply, Request, RequestDecoder, RequestError, Status,
};
use lockproof_state_machine::Now;
use lockproof_state_machine::sasl::{Gate, Verdict};

use super::memcached::{MEMCACHED_VERSION, Memcached};
use super::memcached_late::Late;
use super::memcached_run::Run;
use super::memcached_stats;
use crate::{Mark, Output, SHARED_BYTES_MIN, Step};

/// One client that speaks it.
#[derive(Debug)]
pub(super) struct Binary {
    decoder: RequestDecoder,
    gate: Gate,
    run: Run,
    pub(super) late: Late,
}

impl Binary {
    pub(super) fn new(value_max: usize) -> Self {
        let limits = Limits { value_max, ..Limits::default() };
        Self {
            decoder: RequestDecoder::new(limits),
            gate: Gate::new(),
            run: Run::default(),
            late: Late::default(),
        }
    }

    /// MCB-LIM-19: out of memory, and nothing worse.
    pub(super) fn gives_up(&mut self, input: &[u8]) -> bool {
        self.decoder.gives_up(input)
    }

    /// Executes whole frames, as [`Session::execute`](crate::Session::execute) does.
    pub(super) fn execute(
        &mut self,
        cache: &Memcached,
        input: &mut BytesMut,
        output: &mut Output,
    ) -> Step {
        let now = cache.clock.now();
        while !output.is_full() {
            if self.is_in(cache) {
                self.run.gather(&mut self.decoder, input, output);
                self.run.answer(cache, now, output);
                if output.is_full() {
                    break;
                }
            }
            let frame = match self.decoder.decode(input) {
                Ok(None) => return Step::Drained,
                Ok(Some(frame)) => frame,
                Err(error) => {
                    refuse(&error, output);
                    return Step::Close;
                }
            };
            output.count_frame();
            if let ControlFlow::Break(step) = self.answer(cache, now, frame, output) {
                return step;
            }
        }
        Step::Full
    }

    fn is_in(&self, cache: &Memcached) -> bool {
        cache.config.users.as_ref().is_none_or(|users| users.are_done_with(&self.gate))
    }

    fn answer(
        &mut self,
        cache: &Memcached,
        now: Now,
        frame: Frame,
        output: &mut Output,
    ) -> ControlFlow<Step> {
        let request = match Request::from_frame(frame) {
            Ok(request) => request,
            // The frame is whole, so the next one is where it should be (MCB-SAS-09).
            Err(CommandError { opcode, opaque, status, .. }) => {
                Reply::Failed { status }.encode(opcode, opaque, &[], output.buffer());
                return ControlFlow::Continue(());
            }
        };
        let key: &[u8] = request.key().map_or(&[], |key| key);
        let (opcode, opaque) = (request.opcode, request.opaque);
        let users = cache.config.users.as_ref();
        match users.map_or(Verdict::Pass, |users| users.check(&mut self.gate, &request)) {
            Verdict::Reply(reply) => {
                cache.auth.count(&request.command, &reply);
                let delay = cache.config.auth_delay;
                if reply.status() == Status::AUTH_ERROR && !delay.is_zero() {
                    let mut late = BytesMut::new();
                    reply.encode(opcode, opaque, key, &mut late);
                    self.late.put(delay, late);
                    return ControlFlow::Break(Step::Waiting);
                }
                reply.encode(opcode, opaque, key, output.buffer());
            }
            Verdict::ReplyAndClose(reply) => {
                reply.encode(opcode, opaque, key, output.buffer());
                return ControlFlow::Break(Step::Close);
            }
            Verdict::Pass => {
                let reply = execute(cache, now, &request);
                // MCB-QT-01, MCB-QT-02
                if !opcode.suppresses(reply.status()) {
                    encode(reply, opcode, opaque, key, output);
                }
            }
        }
        match request.command {
            Command::Quit => ControlFlow::Break(Step::Close), // MCB-QUI-01, MCB-QUI-02
            _ => ControlFlow::Continue(()),
        }
    }
}

/// Executes any command but those of SASL, which the gate answers.
fn execute(cache: &Memcached, now: Now, request: &Request) -> Reply {
    match &request.command {
        Command::Noop | Command::Quit => Reply::Done,
        Command::Version => Reply::Text(Bytes::from_static(MEMCACHED_VERSION.as_bytes())),
        Command::Stat { group } => memcached_stats::reply(cache, now, group),
        command => {
            let cas = (request.cas != 0).then_some(request.cas);
            cache.run(now, command, cas, Extras::default())
        }
    }
}

/// Encodes a reply; a large value is shared with the cache instead of copied.
pub(super) fn encode(reply: Reply, opcode: Opcode, opaque: u32, key: &[u8], output: &mut Output) {
    match reply {
        Reply::Found { flags, cas, value } if value.len() >= SHARED_BYTES_MIN => {
            Reply::put_found(flags, cas, value.len(), opcode, opaque, key, output.buffer());
            Mark::ValueShared.hit();
            output.share(value);
        }
        reply => reply.encode(opcode, opaque, key, output.buffer()),
    }
}

/// The last words to a peer whose framing is lost; none to one that does not speak the protocol.
fn refuse(error: &RequestError, output: &mut Output) {
    tracing::debug!(%error, "framing lost");
    if let RequestError::Fatal { opcode, opaque, status, .. } = *error {
        Reply::Failed { status }.encode(opcode, opaque, &[], output.buffer());
    }
}
