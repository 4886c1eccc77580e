//! The dialects of lines: text and meta. Requests out, and replies matched to them in.
//!
//! Every request but a quiet read is answered, and replies come in the order of requests (MCT-CON-02): a change that is quiet
//! by its opcode is sent loudly, and its success kept silent here, because an error line names no request (MCM-OPQ-04).
//! By meta a reply also repeats the request's opaque, by text a value its key; another one is a violation.
//!
//! Leaves out what one line means as the answer to one request (text, meta).

mod meta;
mod text;

use std::collections::VecDeque;

use bytes::{Bytes, BytesMut};
use lockproof_protocol::memcached_binary::{Command, Opcode, Status, StoreMode};
use lockproof_protocol::memcached_meta::{self, Code, Line};
use lockproof_protocol::memcached_text::{self, ReplyDecoder, ReplyFrame, Unsayable};

use super::core::Settled;
use super::dialect::{Dialect, Own};
use super::outcome::{Item, Outcome};
use super::{Answer, Ticket};
use crate::{Error, Violation};

/// How long the line of a multi-get becomes: servers other than memcached have a limit for it, too.
const GET_LINE_MAX: usize = 2000;

/// One connection's pending requests.
#[derive(Debug)]
pub(super) struct Lines {
    is_meta: bool,
    pending: VecDeque<Asked>,
    /// So many of the last ones are keys of a multi-get that is not in the output yet (text).
    unwritten: usize,
    /// And so many bytes are their keys.
    unwritten_bytes: usize,
    /// What is known of a multi-get until its END.
    held: Vec<Answer>,
    decoder: ReplyDecoder,
}

/// A request without its answer.
#[derive(Debug)]
struct Asked {
    ticket: Ticket,
    opcode: Opcode,
    ask: Ask,
    key: Bytes,
}

/// What its reply is read by.
#[derive(Debug)]
enum Ask {
    Get,
    /// The END behind the keys of a `gets` (text).
    End,
    Touch,
    Store(StoreMode),
    Concat,
    Delete,
    Count,
    Flush,
    Version,
    /// Whatever proves that everything before it is answered.
    Nop,
    Stat(Vec<(Bytes, Bytes)>),
    Login,
    Lookup,
    Probe,
}

impl Asked {
    /// Whether no reply may come (meta).
    fn is_withheld(&self) -> bool {
        self.opcode.is_quiet() && matches!(self.ask, Ask::Get)
    }

    fn answer(self, outcome: Outcome) -> Answer {
        let status = match &outcome {
            Outcome::Refused(status) => *status,
            _ => Status::SUCCESS,
        };
        let is_silent = self.opcode.suppresses(status);
        let outcome = if is_silent { Outcome::Silent } else { outcome };
        Answer { ticket: self.ticket, outcome }
    }

    /// Whether nobody can tell what the server has read of the request that it refuses so, or how it goes on.
    fn is_fatal(&self, status: Status) -> bool {
        let has_block = matches!(self.ask, Ask::Store(_) | Ask::Concat);
        match status {
            Status::UNKNOWN_COMMAND => has_block,
            Status::INVALID_ARGUMENTS => {
                !matches!(self.ask, Ask::Stat(_) | Ask::Login | Ask::Probe)
            }
            Status::AUTH_ERROR => !matches!(self.ask, Ask::Flush | Ask::Login | Ask::Probe),
            _ => false,
        }
    }
}

impl Lines {
    pub(super) fn new(is_meta: bool, value_max: u32) -> Self {
        Self {
            is_meta,
            pending: VecDeque::new(),
            unwritten: 0,
            unwritten_bytes: 0,
            held: Vec::new(),
            decoder: ReplyDecoder::new(value_max),
        }
    }

    pub(super) fn dialect(&self) -> Dialect {
        if self.is_meta { Dialect::Meta } else { Dialect::Text }
    }

    pub(super) fn is_waiting(&self) -> bool {
        !self.pending.is_empty()
    }

    pub(super) fn check(&self, cas: u64, command: &Command) -> Result<(), Error> {
        let checked = if self.is_meta {
            memcached_meta::check_command(command, cas)
        } else {
            memcached_text::check_command(command, cas)
        };
        checked.map_err(|Unsayable(reason)| Error::invalid(reason))
    }

    /// Adds a command that [`check`](Self::check) accepts.
    pub(super) fn submit(
        &mut self,
        ticket: Ticket,
        opcode: Opcode,
        cas: u64,
        command: Command,
        output: &mut BytesMut,
    ) {
        if self.is_meta {
            let is_quiet = opcode.is_quiet();
            memcached_meta::put_command(&command, cas, ticket.0, is_quiet, output);
            return self.push(ticket, opcode, command);
        }
        let is_quiet_get = opcode.is_quiet() && matches!(command, Command::Get { .. });
        if is_quiet_get {
            let key_len = command.key().map_or(0, Bytes::len);
            if self.unwritten_bytes + key_len >= GET_LINE_MAX {
                self.finish_line(output);
            }
            self.unwritten += 1;
            self.unwritten_bytes += key_len + 1;
            return self.push(ticket, opcode, command);
        }
        self.finish_line(output);
        memcached_text::put_command(&command, cas, output);
        self.push(ticket, opcode, command);
        if matches!(self.pending.back(), Some(Asked { ask: Ask::Get, .. })) {
            self.push_end(ticket);
        }
    }

    /// Adds what only meta has.
    pub(super) fn submit_own(
        &mut self,
        ticket: Ticket,
        own: Own,
        output: &mut BytesMut,
    ) -> Result<(), Error> {
        let check = |key| {
            memcached_meta::check_key(key).map_err(|Unsayable(reason)| Error::invalid(reason))
        };
        let (opcode, ask, key) = match own {
            Own::Probe => {
                memcached_meta::put_probe(output);
                (Opcode::NOOP, Ask::Probe, Bytes::new())
            }
            Own::Lookup(key, lookup) => {
                check(&key)?;
                memcached_meta::put_lookup(&key, &lookup, ticket.0, output);
                (Opcode::GET, Ask::Lookup, key)
            }
            Own::Invalidate(key, cas, expiry) => {
                check(&key)?;
                memcached_meta::put_invalidate(&key, cas, expiry, ticket.0, output);
                (Opcode::DELETE, Ask::Delete, key)
            }
        };
        self.pending.push_back(Asked { ticket, opcode, ask, key });
        Ok(())
    }

    fn push(&mut self, ticket: Ticket, opcode: Opcode, command: Command) {
        let (ask, key) = match command {
            Command::Get { key } | Command::GetAndTouch { key, .. } => (Ask::Get, key),
            Command::Touch { key, .. } => (Ask::Touch, key),
            Command::Store { mode, key, .. } => (Ask::Store(mode), key),
            Command::Concat { key, .. } => (Ask::Concat, key),
            Command::Delete { key } => (Ask::Delete, key),
            Command::Arithmetic { key, .. } => (Ask::Count, key),
            Command::Flush { .. } => (Ask::Flush, Bytes::new()),
            Command::Version => (Ask::Version, Bytes::new()),
            Command::Stat { .. } => (Ask::Stat(Vec::new()), Bytes::new()),
            Command::SaslAuth { .. } => (Ask::Login, Bytes::new()),
            // Before `quit` there is one of these, as it has no answer of its own (MCT-ADM-03). The rest is never accepted.
            Command::Noop
            | Command::Quit
            | Command::SaslListMechs
            | Command::SaslStep { .. }
            | Command::Unknown => (Ask::Nop, Bytes::new()),
        };
        self.pending.push_back(Asked { ticket, opcode, ask, key });
    }

    fn push_end(&mut self, ticket: Ticket) {
        let end = Asked { ticket, opcode: Opcode::GET, ask: Ask::End, key: Bytes::new() };
        self.pending.push_back(end);
    }

    /// Writes the multi-get that keys were collected for.
    pub(super) fn finish_line(&mut self, output: &mut BytesMut) {
        if self.unwritten == 0 {
            return;
        }
        let keys = self.pending.iter().skip(self.pending.len() - self.unwritten);
        memcached_text::put_get(keys.map(|asked| &asked.key[..]), output);
        (self.unwritten, self.unwritten_bytes) = (0, 0);
        if let Some(ticket) = self.pending.back().map(|asked| asked.ticket) {
            self.push_end(ticket);
        }
    }

    /// Takes the next line off `input`, and its value; false when more bytes are needed.
    pub(super) fn receive(
        &mut self,
        input: &mut BytesMut,
        settled: &mut Settled,
    ) -> Result<bool, Violation> {
        let Some(frame) = self.decoder.decode(input)? else { return Ok(false) };
        if self.is_meta {
            self.accept_meta(frame, settled)
        } else {
            self.accept_text(frame, settled)
        }
        .map(|()| true)
    }

    fn accept_text(&mut self, frame: ReplyFrame, settled: &mut Settled) -> Result<(), Violation> {
        let answer = memcached_text::Answer::read(&frame.line)?;
        match self.pending.front() {
            Some(Asked { ask: Ask::Get | Ask::End, .. }) => {
                self.accept_get(answer, frame.value, settled)
            }
            Some(_) => self.accept_line(answer, settled),
            None => Err(NOT_ASKED),
        }
    }

    /// A line of a multi-get: the keys before a hit are misses (MCT-GET-04, MCT-GET-05).
    fn accept_get(
        &mut self,
        answer: memcached_text::Answer<'_>,
        value: Option<Bytes>,
        settled: &mut Settled,
    ) -> Result<(), Violation> {
        use memcached_text::Answer as Said;
        match (answer, value) {
            (Said::Value { key, flags, cas }, Some(value)) => {
                let cas = cas.ok_or(Violation::Shape("a hit without a CAS"))?;
                while let Some(asked) = self.next_get() {
                    if asked.key == key {
                        let item = Item { value, flags, cas };
                        self.held.push(asked.answer(Outcome::Item(item)));
                        return Ok(());
                    }
                    self.held.push(asked.answer(Outcome::Refused(Status::KEY_NOT_FOUND)));
                }
                Err(Violation::Shape("a hit with a key that is not the request's"))
            }
            (Said::End, _) => {
                self.end_get(Status::KEY_NOT_FOUND, settled);
                Ok(())
            }
            (Said::Error(status), _) => {
                if self.pending.front().is_some_and(|asked| asked.is_fatal(status)) {
                    settled.fatal = Some(status);
                }
                self.end_get(status, settled);
                Ok(())
            }
            _ => Err(text::OTHER_KIND),
        }
    }

    fn next_get(&mut self) -> Option<Asked> {
        self.pending.pop_front_if(|asked| matches!(asked.ask, Ask::Get))
    }

    /// The rest of a multi-get has that status.
    fn end_get(&mut self, status: Status, settled: &mut Settled) {
        while let Some(asked) = self.next_get() {
            self.held.push(asked.answer(Outcome::Refused(status)));
        }
        // Its END.
        self.pending.pop_front();
        settled.answers.extend(self.held.drain(..));
    }

    /// A line that answers the first request, or is a part of that.
    fn accept_line(
        &mut self,
        answer: memcached_text::Answer<'_>,
        settled: &mut Settled,
    ) -> Result<(), Violation> {
        let Some(mut asked) = self.pending.pop_front() else { return Err(NOT_ASKED) };
        match text::read(&mut asked.ask, answer)? {
            Some(outcome) => settle(asked, outcome, settled),
            None => self.pending.push_front(asked),
        }
        Ok(())
    }

    fn accept_meta(&mut self, frame: ReplyFrame, settled: &mut Settled) -> Result<(), Violation> {
        let line = match Line::read(&frame.line) {
            Ok(line) => line,
            Err(error) => {
                // Of a command that meta has from text.
                let answer = memcached_text::Answer::read(&frame.line).map_err(|_| error)?;
                self.pass_withheld(settled);
                return self.accept_line(answer, settled);
            }
        };
        match line {
            Line::Answer(answer) => {
                let asked = match (answer.code, answer.opaque) {
                    (Code::Nop, _) => {
                        self.pass_withheld(settled);
                        self.pending.pop_front().ok_or(NOT_ASKED)?
                    }
                    (_, Some(opaque)) => self.match_opaque(opaque, settled)?,
                    _ => return Err(Violation::Shape("a reply without its opaque")),
                };
                let outcome = meta::read(&asked.ask, &answer, frame.value)?;
                settle(asked, outcome, settled);
            }
            Line::Error(status) => {
                let mut asked = self.pending.pop_front().ok_or(NOT_ASKED)?;
                if asked.is_withheld() {
                    // Whose it is, nobody can tell: it may be that of any read up to the next loud request.
                    settled.fatal = Some(status);
                }
                let answer = memcached_text::Answer::Error(status);
                if let Some(outcome) = text::read(&mut asked.ask, answer)? {
                    settle(asked, outcome, settled);
                }
            }
        }
        Ok(())
    }

    /// Quiet reads before a reply to a later request have missed.
    fn pass_withheld(&mut self, settled: &mut Settled) {
        while let Some(asked) = self.pending.pop_front_if(|asked| asked.is_withheld()) {
            settled.answers.push_back(Answer { ticket: asked.ticket, outcome: Outcome::Silent });
        }
    }

    fn match_opaque(&mut self, opaque: u32, settled: &mut Settled) -> Result<Asked, Violation> {
        while let Some(asked) = self.pending.pop_front() {
            if asked.ticket.0 == opaque {
                return Ok(asked);
            }
            if !asked.is_withheld() {
                return Violation::check("opaque", asked.ticket.0, opaque).map(|()| asked);
            }
            settled.answers.push_back(Answer { ticket: asked.ticket, outcome: Outcome::Silent });
        }
        Err(NOT_ASKED)
    }
}

const NOT_ASKED: Violation = Violation::Shape("a reply to no pending request");

fn settle(asked: Asked, outcome: Outcome, settled: &mut Settled) {
    if let Outcome::Refused(status) = &outcome
        && asked.is_fatal(*status)
    {
        settled.fatal = Some(*status);
    }
    settled.answers.push_back(asked.answer(outcome));
}

/// What `NOT_STORED` says of a store: which condition did not hold (MCT-SET-02, MCT-SET-03).
fn not_stored(mode: StoreMode) -> Status {
    match mode {
        StoreMode::Add => Status::KEY_EXISTS,
        StoreMode::Replace => Status::KEY_NOT_FOUND,
        StoreMode::Set => Status::NOT_STORED,
    }
}
