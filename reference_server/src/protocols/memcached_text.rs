//! memcached's text protocol, and the door to meta, whose lines stand among the others.
//!
//! A multi-get is answered in runs of keys of one shard, under one lock each; when the output is full it stops, and goes on after
//! the next flush (MCT-CON-06).

use core::ops::ControlFlow;

use bytes::BytesMut;
use lockproof_protocol::memcached::{Command, Extras};
use lockproof_protocol::memcached_binary::Reply;
use lockproof_protocol::memcached_text::{
    Ask, Control, Get, LineTooLong, Login, Refusal, Request, RequestDecoder, put_line, put_reply,
    put_value_line,
};
use lockproof_state_machine::Now;
use lockproof_state_machine::items::{Hit, Items, WARM_MAX};

use super::memcached::{MEMCACHED_VERSION, Memcached};
use super::memcached_late::Late;
use super::{memcached_meta, memcached_stats};
use crate::{Mark, Output, SHARED_BYTES_MIN, Step};

/// One client that speaks it.
#[derive(Debug)]
pub(super) struct Text {
    decoder: RequestDecoder,
    /// A multi-get whose `END` is still owed.
    going: Option<Get>,
    /// It has shown a password.
    is_in: bool,
    pub(super) late: Late,
}

impl Text {
    pub(super) fn new(value_max: usize) -> Self {
        let decoder = RequestDecoder::new(value_max);
        Self { decoder, going: None, is_in: false, late: Late::default() }
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
            if let Some(get) = &mut self.going {
                if read_some(cache, now, get, output) {
                    self.going = None;
                }
                continue;
            }
            let next = if self.is_in || cache.config.users.is_none() {
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
        let request = match self.decoder.decode(input) {
            Ok(Some(request)) => request,
            Ok(None) => return ControlFlow::Break(Step::Drained),
            Err(error) => return lost(error),
        };
        output.count_frame();
        match request {
            Request::Get(get) => self.going = Some(get),
            Request::Item(ask) => change(cache, now, &ask, output),
            Request::Meta(request) => memcached_meta::answer(cache, now, &request, output),
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

/// Answers keys of a multi-get; tells whether it is done.
fn read_some(cache: &Memcached, now: Now, get: &mut Get, output: &mut Output) -> bool {
    if let Some(expiry) = get.expiry {
        touch_one(cache, now, get, expiry, output);
    } else {
        let answered = read_run(cache, now, get, output);
        get.keys.drop_first(answered);
    }
    if get.is_done() {
        put_line("END", output.buffer());
        return true;
    }
    false
}

/// Answers the first key, and those behind it that are of the same shard; returns how many were answered.
fn read_run(cache: &Memcached, now: Now, get: &Get, output: &mut Output) -> usize {
    let Some(first) = get.keys.iter().next() else { return 0 };
    let shard = cache.shard(first);
    let is_same = |key: &&[u8]| core::ptr::eq(shard, cache.shard(key));
    let run = get.keys.iter().take(WARM_MAX).take_while(is_same);
    shard.read(|items| {
        if run.clone().nth(1).is_some() {
            items.warm(run.clone());
        }
        each(items, now, run, get.with_cas, output)
    })
}

/// Answers until the output is full; returns how many were answered.
fn each<'a>(
    items: &Items,
    now: Now,
    keys: impl Iterator<Item = &'a [u8]>,
    with_cas: bool,
    output: &mut Output,
) -> usize {
    let mut answered = 0;
    for key in keys {
        if output.is_full() {
            break;
        }
        answered += 1;
        if let Some(hit) = items.look(now, key) {
            let cas = with_cas.then_some(hit.cas);
            put_value_line(key, hit.flags, hit.value.len(), cas, output.buffer());
            put_value(&hit, output);
        }
    }
    answered
}

/// A short value is copied from where it lies, while the shard is locked; a long one is shared.
pub(super) fn put_value(hit: &Hit<'_>, output: &mut Output) {
    if let Some(value) = hit.share() {
        Mark::ValueShared.hit();
        output.share(value);
    } else {
        output.buffer().extend_from_slice(hit.value);
    }
    output.buffer().extend_from_slice(b"\r\n");
}

/// Answers the first key of a `gat`.
fn touch_one(cache: &Memcached, now: Now, get: &mut Get, expiry: u32, output: &mut Output) {
    let Some(key) = get.keys.first() else { return };
    let command = Command::GetAndTouch { key: key.clone(), expiry };
    let reply = cache.run(now, &command, None, Extras::default());
    get.keys.drop_first(1);
    if let Reply::Found { flags, cas, value } = reply {
        let cas = get.with_cas.then_some(cas);
        put_value_line(&key, flags, value.len(), cas, output.buffer());
        if value.len() >= SHARED_BYTES_MIN {
            output.share(value);
        } else {
            output.buffer().extend_from_slice(&value);
        }
        output.buffer().extend_from_slice(b"\r\n");
    }
}
