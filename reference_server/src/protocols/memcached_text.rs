//! memcached's text protocol, and the door to meta, whose lines stand among the others.
//!
//! Gets are answered in runs ([`Gets`]), everything else one by one.

use core::ops::ControlFlow;

use bytes::BytesMut;
use lockproof_protocol::memcached::Extras;
use lockproof_protocol::memcached_text::{
    Ask, Control, LineTooLong, Login, Refusal, Request, RequestDecoder, put_line, put_reply,
};
use lockproof_state_machine::Now;

use super::memcached::{MEMCACHED_VERSION, Memcached};
use super::memcached_gets::Gets;
use super::memcached_late::Late;
use super::{memcached_meta, memcached_stats};
use crate::{Output, Step};

/// One client that speaks it.
#[derive(Debug)]
pub(super) struct Text {
    decoder: RequestDecoder,
    gets: Gets,
    /// It has shown a password.
    is_in: bool,
    pub(super) late: Late,
}

impl Text {
    pub(super) fn new(value_max: usize) -> Self {
        let decoder = RequestDecoder::new(value_max);
        Self { decoder, gets: Gets::default(), is_in: false, late: Late::default() }
    }

    /// MCT-LIM-08: out of memory, and nothing worse.
    pub(super) fn gives_up(&mut self, input: &[u8]) -> bool {
        self.decoder.gives_up(input)
    }

    /// Executes whole requests, as [`Session::execute`](crate::Session::execute) does.
    pub(super) fn execute(
        &mut self,
        cache: &Memcached,
        input: &mut BytesMut,
        output: &mut Output,
    ) -> Step {
        let now = cache.clock.now();
        while !output.is_full() {
            let is_in = self.is_in || cache.config.users.is_none();
            if is_in {
                self.gets.gather(cache, now, &mut self.decoder, input, output);
            }
            if !self.gets.is_empty() {
                self.gets.answer_some(cache, now, output);
                continue;
            }
            let next = if is_in {
                self.step(cache, now, input, output)
            } else {
                self.log_in(cache, input, output)
            };
            if let ControlFlow::Break(step) = next {
                return step;
            }
        }
        Step::Full
    }

    fn step(
        &mut self,
        cache: &Memcached,
        now: Now,
        input: &mut BytesMut,
        output: &mut Output,
    ) -> ControlFlow<Step> {
        let request = match self.gets.take_behind() {
            Some(request) => request,
            None => match self.decoder.decode(input) {
                Ok(Some(request)) => {
                    output.count_frame();
                    request
                }
                Ok(None) => return ControlFlow::Break(Step::Drained),
                Err(error) => return lost(error),
            },
        };
        match request {
            Request::Get(get) => self.gets.push(get),
            Request::Item(ask) => change(cache, now, &ask, output),
            Request::Meta(request) => {
                cache.count_meta(now, 1);
                memcached_meta::answer(cache, now, &request, output);
            }
            Request::Control(control) => return control_of(cache, now, &control, output),
            Request::Refused { refusal, is_silent: false } => {
                put_line(refusal.text(), output.buffer());
            }
            Request::Refused { is_silent: true, .. } => {}
        }
        ControlFlow::Continue(())
    }

    /// Lets nothing pass but a password (MCT-AUT-01 to MCT-AUT-04).
    fn log_in(
        &mut self,
        cache: &Memcached,
        input: &mut BytesMut,
        output: &mut Output,
    ) -> ControlFlow<Step> {
        let login = match self.decoder.decode_login(input) {
            Ok(Some(login)) => login,
            Ok(None) => return ControlFlow::Break(Step::Drained),
            Err(error) => return lost(error),
        };
        output.count_frame();
        let refusal = match login {
            Login::Refused(refusal) => refusal,
            Login::Attempt { user, password } => {
                let users = cache.config.users.as_ref();
                self.is_in = users.is_none_or(|users| users.admit(&user, &password));
                cache.auth.count_attempt(self.is_in);
                Refusal::WRONG_PASSWORD
            }
        };
        let delay = cache.config.auth_delay;
        if self.is_in {
            put_line("STORED", output.buffer());
        } else if refusal == Refusal::WRONG_PASSWORD && !delay.is_zero() {
            let mut reply = BytesMut::new();
            put_line(refusal.text(), &mut reply);
            self.late.put(delay, reply);
            return ControlFlow::Break(Step::Waiting);
        } else {
            put_line(refusal.text(), output.buffer());
        }
        ControlFlow::Continue(())
    }
}

fn lost(error: LineTooLong) -> ControlFlow<Step> {
    tracing::debug!(%error, "framing lost");
    ControlFlow::Break(Step::Close)
}

fn control_of(
    cache: &Memcached,
    now: Now,
    control: &Control,
    output: &mut Output,
) -> ControlFlow<Step> {
    let out = output.buffer();
    match control {
        Control::Version => {
            out.extend_from_slice(b"VERSION ");
            put_line(MEMCACHED_VERSION, out);
        }
        Control::Quit => return ControlFlow::Break(Step::Close),
        Control::Verbosity { is_silent: false } => put_line("OK", out),
        Control::Verbosity { is_silent: true } => {}
        Control::Stats { group, arguments } => {
            memcached_stats::put_text(cache, now, group, arguments, out);
        }
    }
    ControlFlow::Continue(())
}

fn change(cache: &Memcached, now: Now, ask: &Ask, output: &mut Output) {
    let reply = cache.run(now, &ask.command, ask.cas, Extras::default());
    if !ask.is_silent {
        put_reply(ask, &reply, output.buffer());
    }
}
