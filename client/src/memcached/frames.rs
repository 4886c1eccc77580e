//! The binary dialect: requests with unique opaques out, replies matched by them in.
//!
//! Replies come in request order (MCB-CON-01) and carry the request's opaque (MCB-HDR-06). So a reply to a later request
//! settles the quiet ones before it, and any other opaque is a violation. A run of quiet requests is ended by a NOOP
//! (MCB-QT-05), else its last ones stay pending.

use std::collections::VecDeque;

use bytes::{Bytes, BytesMut};
use lockproof_protocol::memcached_binary::{Command, Frame, Opcode, ReplyDecoder, Request, Status};

use super::core::Settled;
use super::outcome::{self, Outcome};
use super::{Answer, Ticket};
use crate::Violation;

/// One connection's pending requests.
#[derive(Debug)]
pub(super) struct Frames {
    pending: VecDeque<Pending>,
    decoder: ReplyDecoder,
}

#[derive(Debug)]
struct Pending {
    ticket: Ticket,
    opcode: Opcode,
    key: Bytes,
    stats: Vec<(Bytes, Bytes)>,
}

impl Frames {
    pub(super) fn new(reply_bytes_max: u32) -> Self {
        Self { pending: VecDeque::new(), decoder: ReplyDecoder::new(reply_bytes_max) }
    }

    pub(super) fn submit(
        &mut self,
        ticket: Ticket,
        opcode: Opcode,
        cas: u64,
        command: Command,
        output: &mut BytesMut,
    ) {
        let request = Request { opcode, opaque: ticket.0, cas, command };
        request.encode(output);
        let key = key_of(request.command);
        self.pending.push_back(Pending { ticket, opcode, key, stats: Vec::new() });
    }

    pub(super) fn is_waiting(&self) -> bool {
        !self.pending.is_empty()
    }

    /// Takes the next frame off `input`; false when more bytes are needed.
    pub(super) fn receive(
        &mut self,
        input: &mut BytesMut,
        settled: &mut Settled,
    ) -> Result<bool, Violation> {
        let Some(frame) = self.decoder.decode(input)? else { return Ok(false) };
        self.accept(frame, settled).map(|()| true)
    }

    /// The request that a reply with that opaque answers; the quiet ones before it are settled.
    fn match_pending(&mut self, opaque: u32, settled: &mut Settled) -> Result<Pending, Violation> {
        while let Some(pending) = self.pending.pop_front() {
            if pending.ticket.0 == opaque {
                return Ok(pending);
            }
            if !pending.opcode.is_quiet() {
                return Violation::check("opaque", pending.ticket.0, opaque).map(|()| pending);
            }
            settled.answers.push_back(Answer { ticket: pending.ticket, outcome: Outcome::Silent });
        }
        Err(Violation::Shape("a reply to no pending request"))
    }

    fn accept(&mut self, frame: Frame, settled: &mut Settled) -> Result<(), Violation> {
        Violation::check("data type", 0u8, frame.header.data_type)?;
        let mut pending = self.match_pending(frame.header.opaque, settled)?;
        Violation::check("opcode", pending.opcode.0, frame.header.opcode.0)?;
        let outcome = if pending.opcode == Opcode::STAT {
            let Some(outcome) = accept_stat(&mut pending, &frame)? else {
                self.pending.push_front(pending);
                return Ok(());
            };
            outcome
        } else {
            outcome::read(&pending.key, frame)?
        };
        settled.fatal = fatal(pending.opcode, &outcome).or(settled.fatal);
        settled.answers.push_back(Answer { ticket: pending.ticket, outcome });
        Ok(())
    }
}

/// The status after which the server closes: invalid arguments, or an authentication error outside of SASL and FLUSH
/// (MCB-SAS-07, MCB-FLU-10).
fn fatal(opcode: Opcode, outcome: &Outcome) -> Option<Status> {
    let Outcome::Refused(status) = outcome else { return None };
    let sasl = matches!(opcode, Opcode::SASL_AUTH | Opcode::SASL_STEP);
    let exempt = sasl || opcode.loud() == Opcode::FLUSH;
    let closes = match *status {
        Status::INVALID_ARGUMENTS => !sasl,
        Status::AUTH_ERROR => !exempt,
        _ => false,
    };
    closes.then_some(*status)
}

/// MCB-STT-01: one packet a statistic, then one with an empty body; MCB-STT-05: an error is a single
/// packet.
fn accept_stat(pending: &mut Pending, frame: &Frame) -> Result<Option<Outcome>, Violation> {
    let status = frame.status();
    if status != Status::SUCCESS {
        return outcome::read_refusal(Opcode::STAT, status, &[], frame).map(Some);
    }
    Violation::check("extras length of a statistic", 0u8, frame.header.extras_len)?;
    if !frame.key.is_empty() {
        // Copied, because a slice would keep the whole input buffer in memory.
        let name = Bytes::copy_from_slice(&frame.key);
        pending.stats.push((name, Bytes::copy_from_slice(&frame.value)));
        return Ok(None);
    }
    Violation::check("body length of the last statistic", 0u32, frame.header.body_len)?;
    Ok(Some(Outcome::Stats(std::mem::take(&mut pending.stats))))
}

/// What a reply may have to repeat.
fn key_of(command: Command) -> Bytes {
    match command {
        Command::Get { key }
        | Command::Store { key, .. }
        | Command::Concat { key, .. }
        | Command::Delete { key }
        | Command::Arithmetic { key, .. }
        | Command::Touch { key, .. }
        | Command::GetAndTouch { key, .. } => key,
        _ => Bytes::new(),
    }
}
