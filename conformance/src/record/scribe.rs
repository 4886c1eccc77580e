//! Writes the steps: follows every connection's bytes, event by event, and puts each message where it got whole.
//! How connections end is in `endings`.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::draft::{self, Draft};
use super::event::{Event, What};
use super::memcached::{CasNames, cas_of, expectation};
use super::netmem::Pages;
use super::stats;
use super::stream::{Client, Found, Stream, Waiting};
use super::transcribe::{Script, Source};
use crate::session::{Action, Message, Pattern, Step, Value};
use crate::wire::{Protocol, Reply, Request, Taken, TakenRequest, value_of};

/// Pauses that come to this become an `advance`, where something can expire meanwhile.
const PAUSE: Duration = Duration::from_millis(300);

/// A client that waits at least so long does so on purpose: one that polls for an expiry makes many short pauses.
const ON_PURPOSE: Duration = Duration::from_millis(20);

/// How long a request that has to wait is watched, so that it waits before the next step begins.
pub(super) const WATCH: Duration = Duration::from_millis(100);

/// Segments are kept for messages up to this size: above, borders are the network's, not the client's.
const SPLIT_MAX: usize = 4096;
const SEGMENTS_MAX: usize = 32;

/// The writer, and what it knows so far.
pub(super) struct Scribe<'a> {
    source: &'a Source,
    pub(super) events: &'a [Event],
    pub(super) streams: BTreeMap<u64, Stream>,
    pub(super) drafts: Vec<Draft>,
    pub(super) names: CasNames,
    pub(super) pages: Pages,
    needs: BTreeSet<&'static str>,
    conn: Vec<String>,
    tags: usize,
    /// Something stored can expire.
    expires: bool,
    now: Duration,
    /// Pauses that are not written down yet.
    paused: Duration,
}

impl<'a> Scribe<'a> {
    pub(super) fn new(source: &'a Source, events: &'a [Event], names: CasNames) -> Self {
        Self {
            source,
            events,
            streams: BTreeMap::new(),
            drafts: Vec::new(),
            names,
            pages: Pages::new(source.fresh, source.page_length),
            needs: BTreeSet::new(),
            conn: Vec::new(),
            tags: 0,
            expires: false,
            now: Duration::ZERO,
            paused: Duration::ZERO,
        }
    }

    pub(super) fn protocol(&self) -> Protocol {
        self.source.codec.protocol
    }

    pub(super) fn run(mut self) -> Self {
        let mut cut = false;
        for (index, event) in self.events.iter().enumerate() {
            self.pause(event);
            if let Some(why) = end_of_comparison(&event.what) {
                self.drafts.push(Draft::comment(why));
                cut = true;
                break;
            }
            self.event(index, event);
        }
        self.leave(cut);
        self
    }

    pub(super) fn script(self) -> Script {
        let mut needs = self.needs;
        if self.source.fresh && self.source.codec.protocol != Protocol::Echo {
            needs.insert("fresh");
        }
        let conn = if self.conn.is_empty() { vec!["A".to_owned()] } else { self.conn };
        let steps = draft::lines(&draft::settle(self.drafts));
        Script { source: self.source.clone(), needs, conn, steps }
    }

    fn pause(&mut self, event: &Event) {
        let pause = event.at.saturating_sub(self.now);
        self.now = event.at;
        if !self.expires || !matches!(event.what, What::Sent(_)) {
            return;
        }
        if pause >= ON_PURPOSE {
            self.paused += pause;
        }
        if self.paused > PAUSE {
            let millis = self.paused.as_millis().next_multiple_of(10);
            let time = Duration::from_millis(u64::try_from(millis).unwrap_or(u64::MAX));
            self.drafts.push(Draft::step("", Step::Advance(time)));
            self.paused = Duration::ZERO;
        }
    }

    fn event(&mut self, index: usize, event: &Event) {
        let Event { conn, what, .. } = event;
        if *what == What::Opened {
            return self.opened(*conn);
        }
        // The stream is taken out, so that the rest of the recording can be changed meanwhile.
        let Some(mut stream) = self.streams.remove(conn) else { return };
        match what {
            What::Sent(bytes) => self.sent(index, &mut stream, bytes),
            What::Received(bytes) => self.received(&mut stream, bytes),
            What::ClientEnded(ending) => self.client_ended(index, &mut stream, *ending),
            What::ServerEnded(_) => self.server_ended(&mut stream),
            What::LostReceived(length) => self.lost(&mut stream, *length),
            What::Opened | What::LostSent(_) | What::Full(_) => {}
        }
        self.streams.insert(*conn, stream);
    }

    fn opened(&mut self, conn: u64) {
        let name = name_of(self.streams.len());
        if self.drafts.is_empty() {
            self.conn.push(name.clone());
        } else {
            self.drafts.push(Draft::control(&name, Action::Open));
        }
        self.streams.insert(conn, Stream::new(conn, name));
    }

    fn sent(&mut self, index: usize, stream: &mut Stream, bytes: &[u8]) {
        if stream.client != Client::Open || stream.server_ended {
            // It reaches nobody.
            return;
        }
        stream.echoed = None;
        let first = self.drafts.len();
        let before = stream.sent.len();
        stream.sent.extend_from_slice(bytes);
        let mut waits = false;
        while !stream.raw_requests {
            match self.source.codec.take_request(&stream.sent) {
                TakenRequest::Whole(request) => {
                    let segments = stream.take_request(request.length);
                    waits |= self.request(stream, request, &segments);
                }
                TakenRequest::Incomplete(_)
                    if stream.sent.is_empty() || self.completes(index, stream) =>
                {
                    break;
                }
                TakenRequest::Incomplete(_) | TakenRequest::Broken => stream.raw_requests = true,
            }
        }
        if stream.raw_requests && !stream.sent.is_empty() {
            let raw = Message::Raw(std::mem::take(&mut stream.sent));
            self.drafts.push(Draft::send(&stream.name, raw));
        }
        stream.note_segment(before, bytes.len());
        self.join(first);
        if waits {
            self.drafts.push(Draft::quiet(&stream.name, WATCH));
        }
    }

    /// Requests that came in one piece go out in one piece.
    fn join(&mut self, first: usize) {
        let last = self.drafts.len().saturating_sub(1);
        for draft in self.drafts.get_mut(first..last).unwrap_or_default() {
            if let Some(send) = draft.as_send() {
                send.more = send.split.is_none();
            }
        }
    }

    /// Whether the message that a client has begun gets whole before anything else happens on its connection.
    fn completes(&self, index: usize, stream: &Stream) -> bool {
        let mut bytes = stream.sent.clone();
        let later = self.events.iter().skip(index + 1).filter(|event| event.conn == stream.conn);
        for event in later {
            let TakenRequest::Incomplete(needed) = self.source.codec.take_request(&bytes) else {
                return true;
            };
            match &event.what {
                What::Sent(more) => bytes.extend(more),
                What::Received(_) if !stream.waiting.is_empty() && bytes.len() < needed => {}
                _ => return false,
            }
        }
        !matches!(self.source.codec.take_request(&bytes), TakenRequest::Incomplete(_))
    }

    /// One request; whether it has to wait for another connection.
    fn request(&mut self, stream: &mut Stream, request: Request, segments: &[usize]) -> bool {
        let Request { mut message, asked, length } = request;
        let mut waits = false;
        match self.protocol() {
            Protocol::Memcached => message = self.memcached_request(message),
            Protocol::NetMem => {
                message = self.pages.request(message);
                if let Some(asked) = &asked {
                    waits = self.pages.asked(
                        stream.conn,
                        asked.code,
                        asked.page,
                        length.saturating_sub(13),
                    );
                }
            }
            Protocol::Locker | Protocol::Echo | Protocol::Text | Protocol::Meta => {}
        }
        let mut draft = Draft::send(&stream.name, message);
        if !segments.is_empty() && length <= SPLIT_MAX && segments.len() <= SEGMENTS_MAX {
            draft.set_split(segments.to_vec());
        }
        let blocked = waits || stream.waiting.iter().any(|waiting| !waiting.free);
        if let Some(asked) = asked {
            stream.waiting.push_back(Waiting {
                asked,
                draft: self.drafts.len(),
                free: !blocked,
                at: self.now,
            });
        }
        self.drafts.push(draft);
        waits
    }

    fn memcached_request(&mut self, mut message: Message<Value>) -> Message<Value> {
        if message.words().first().is_some_and(|name| name == "flush" || name == "flushq") {
            self.needs.insert("flush");
        }
        let now = self.source.unix_start.map(|start| i128::from(start + self.now.as_secs()));
        if let Message::Named { fields, .. } = &mut message {
            for (name, value) in fields {
                let Value::Number { value: number, .. } = *value else { continue };
                match name.as_str() {
                    "cas" => self.names.note(number, false),
                    "exp" => {
                        self.expires |= number != 0;
                        if let Some(now) = now {
                            *value = relative(number, now).unwrap_or_else(|| value.clone());
                        }
                    }
                    _ => {}
                }
            }
        }
        self.names.request(message)
    }

    fn received(&mut self, stream: &mut Stream, bytes: &[u8]) {
        if stream.client == Client::Gone {
            return;
        }
        if self.protocol() == Protocol::Echo {
            return self.echoed(stream, bytes);
        }
        stream.received.extend_from_slice(bytes);
        while !stream.raw_replies && !stream.received.is_empty() {
            match self.source.codec.take(&stream.received) {
                Taken::Whole(reply) => {
                    let raw: Vec<u8> = stream.received.drain(..reply.length).collect();
                    self.reply(stream, &reply, raw);
                }
                Taken::Incomplete(_) => return,
                Taken::Broken(_) => stream.raw_replies = true,
            }
        }
        self.raw_reply(stream);
    }

    pub(super) fn raw_reply(&mut self, stream: &mut Stream) {
        if !stream.received.is_empty() {
            let raw = Message::Raw(std::mem::take(&mut stream.received));
            self.drafts.push(Draft::expect(&stream.name, raw, true));
        }
    }

    /// Echo has no messages: what comes in a row is one.
    fn echoed(&mut self, stream: &mut Stream, bytes: &[u8]) {
        let (at, mut so_far) = stream.echoed.take().unwrap_or((self.drafts.len(), Vec::new()));
        so_far.extend_from_slice(bytes);
        let args = vec![Pattern::Value(value_of(&so_far))];
        let message = Message::Named { words: Vec::new(), args, fields: Vec::new(), tag: None };
        let draft = Draft::expect(&stream.name, message, true);
        match self.drafts.get_mut(at) {
            Some(place) => *place = draft,
            None => self.drafts.push(draft),
        }
        stream.echoed = Some((at, so_far));
    }

    fn reply(&mut self, stream: &mut Stream, reply: &Reply, raw: Vec<u8>) {
        let waiting = stream.answered(self.protocol(), reply);
        let asked = waiting.as_ref().map(|found| &found.waiting.asked);
        // A reply that took its time may have waited for what others did.
        let prompt =
            |found: &Found| found.waiting.free && self.now.saturating_sub(found.waiting.at) < PAUSE;
        let free = waiting.as_ref().is_none_or(prompt);
        let message = match self.protocol() {
            Protocol::Memcached => {
                self.names.note(cas_of(reply), true);
                if reply.status == 0x20 || (reply.code, reply.status) == (0x20, 0) {
                    self.needs.insert("sasl");
                }
                if (reply.code, reply.status) == (0x10, 0) && asked.is_some() {
                    if !stream.stats.take(reply) {
                        return;
                    }
                    Some(stats::expectation(&std::mem::take(&mut stream.stats)))
                } else if asked.is_some() || stream.raw_requests {
                    Some(expectation(reply, asked, &mut self.names))
                } else {
                    None
                }
            }
            Protocol::NetMem => asked.map(|asked| {
                self.pages.answered(stream.conn, asked.code, asked.page);
                self.pages.reply(reply, Some(asked.page))
            }),
            Protocol::Locker => asked.map(|asked| {
                let name = self.source.codec.request_name(asked.code);
                let words = reply.words.iter().take(1).cloned().chain([name]).collect();
                Message::Named { words, args: Vec::new(), fields: Vec::new(), tag: None }
            }),
            Protocol::Echo | Protocol::Text | Protocol::Meta => None,
        };
        // A named message is used only if it says everything: a player must accept these very bytes.
        let message =
            message.filter(|message| crate::wire::check_reply(self.protocol(), message).is_ok());
        let unspeakable = reply.is_unspeakable(self.protocol(), asked);
        let named = message.filter(|_| !unspeakable);
        let mut draft = Draft::expect(&stream.name, named.unwrap_or(Message::Raw(raw)), free);
        if let Some(found) = waiting.filter(|found| found.hidden) {
            self.tags += 1;
            let tag = self.tags.to_string();
            draft.set_tag(&tag);
            if let Some(request) = self.drafts.get_mut(found.waiting.draft) {
                request.set_tag(&tag);
            }
        }
        self.drafts.push(draft);
    }
}

fn end_of_comparison(what: &What) -> Option<String> {
    match what {
        What::LostSent(length) => Some(format!(
            "The recording does not keep the next {length} bytes of the client: the comparison ends here."
        )),
        What::Full(limit) => Some(format!(
            "The recording ends here: {limit} bytes are the recorder's limit (RECORDED_BYTES_MAX)."
        )),
        _ => None,
    }
}

/// A Unix time within ten years as a distance from now.
fn relative(number: i128, now: i128) -> Option<Value> {
    const THIRTY_DAYS: i128 = 2_592_000;
    const TEN_YEARS: i128 = 315_360_000;
    let distance = number - now;
    if number <= THIRTY_DAYS || distance.abs() > TEN_YEARS {
        return None;
    }
    let term = crate::wire::number(distance.abs());
    Some(Value::Sum(Box::new(Value::Now), vec![(distance < 0, term)]))
}

/// A, B, … Z, AA, AB, …
fn name_of(index: usize) -> String {
    let letter = char::from(b'A' + u8::try_from(index % 26).unwrap_or_default());
    if index < 26 { letter.to_string() } else { format!("{}{letter}", name_of(index / 26 - 1)) }
}
