//! From events to a session: every message stands where its last byte was seen.
//!
//! What another run cannot repeat is named or masked (CAS values, versions of a server's pages, texts, statistics,
//! pages nobody wrote yet); what a client did with its segments and its connections is kept. Times are kept only where
//! they can matter: a pause becomes `advance` once something stored can expire.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::draft::{self, Draft};
use super::event::{Ending, Event, What};
use super::memcached::{CasNames, cas_of, expectation};
use super::netmem::Pages;
use super::stream::{Found, Stream, Waiting};
use super::{RecordError, stats};
use crate::session::{Action, Closing, Expect, Expected, Message, Pattern, Session, Step, Value};
use crate::wire::{Codec, Protocol, Reply, Request, Taken, TakenRequest, value_of};

/// A pause from here on becomes `advance`, where something can expire meanwhile.
const PAUSE: Duration = Duration::from_millis(300);

/// How long a request that has to wait is watched, so that it waits before the next step begins.
const WATCH: Duration = Duration::from_millis(100);

/// Segments are kept for messages up to this size: above, borders are the network's, not the client's.
const SPLIT_MAX: usize = 4096;
const SEGMENTS_MAX: usize = 32;

/// Of a reply that never got whole so many bytes are shown; of a longer one, its length.
const HALF_REPLY_MAX: usize = 256;

/// Where events come from.
#[derive(Clone, Debug)]
pub struct Source {
    /// `PROTOCOL/recorded/NAME`.
    pub case: String,
    /// One sentence.
    pub title: String,
    /// Lines of explanation above the steps.
    pub comments: Vec<String>,
    /// Protocol and dialect.
    pub codec: Codec,
    /// The server was new when the recording began, so that its versions and sizes are any new server's.
    pub fresh: bool,
    /// NetMem: bytes of a page, if known.
    pub page_length: Option<usize>,
    /// Unix time (seconds) of the first event, if known: expiry times are then written as `now+3`.
    pub unix_start: Option<u64>,
}

/// Makes a session of what happened.
///
/// # Errors
///
/// The session does not parse: a case name that is none, or a defect of the recorder.
pub fn transcribe(source: &Source, events: &[Event]) -> Result<Session, RecordError> {
    let script = Script::of(source, events);
    draft::session(&script.header(&[]), &script.body())
}

/// A session's lines, before deviations are marked.
#[derive(Clone, Debug)]
pub(super) struct Script {
    source: Source,
    needs: BTreeSet<&'static str>,
    conn: Vec<String>,
    pub(super) steps: Vec<String>,
}

impl Script {
    pub(super) fn of(source: &Source, events: &[Event]) -> Self {
        // CAS values get a name only if they come up again, so everything is read twice.
        let first = Scribe::new(source, events, CasNames::default()).run();
        Scribe::new(source, events, first.names.noted()).run().script()
    }

    pub(super) fn header(&self, spec: &[String]) -> Vec<String> {
        let mut lines = vec![
            format!("case   {}", self.source.case),
            format!("title  {}", self.source.title),
            "level  info".to_owned(),
        ];
        if !spec.is_empty() {
            lines.push(format!("spec   {}", spec.join(" ")));
        }
        if !self.needs.is_empty() {
            lines.push(format!(
                "needs  {}",
                self.needs.iter().copied().collect::<Vec<_>>().join(" ")
            ));
        }
        lines.push(format!("conn   {}", self.conn.join(" ")));
        lines
    }

    pub(super) fn comments(&self) -> Vec<String> {
        self.source.comments.iter().map(|comment| format!("# {comment}")).collect()
    }

    fn body(&self) -> Vec<String> {
        let mut body = self.comments();
        if !body.is_empty() {
            body.push(String::new());
        }
        body.extend(self.steps.iter().cloned());
        body
    }
}

struct Scribe<'a> {
    source: &'a Source,
    events: &'a [Event],
    streams: BTreeMap<u64, Stream>,
    drafts: Vec<Draft>,
    names: CasNames,
    pages: Pages,
    needs: BTreeSet<&'static str>,
    conn: Vec<String>,
    tags: usize,
    /// Something stored can expire.
    expires: bool,
    now: Duration,
}

impl<'a> Scribe<'a> {
    fn new(source: &'a Source, events: &'a [Event], names: CasNames) -> Self {
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
        }
    }

    fn protocol(&self) -> Protocol {
        self.source.codec.protocol
    }

    fn run(mut self) -> Self {
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

    fn script(self) -> Script {
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
        if self.expires && pause > PAUSE && matches!(event.what, What::Sent(_)) {
            let millis = pause.as_millis().next_multiple_of(10);
            let time = Duration::from_millis(u64::try_from(millis).unwrap_or(u64::MAX));
            self.drafts.push(Draft::step("", Step::Advance(time)));
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

    /// A reply that was not kept: its connection is left, the others go on.
    fn lost(&mut self, stream: &mut Stream, length: u64) {
        if stream.closed {
            return;
        }
        let name = &stream.name;
        let text = format!(
            "The recording does not keep the next {length} bytes of {name}: the comparison of {name} ends here."
        );
        self.drafts.push(Draft::comment(text));
        self.drafts.push(Draft::control(name, Action::Close));
        stream.received.clear();
        (stream.finished, stream.closed) = (true, true);
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
        if stream.finished || stream.server_ended {
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
            Protocol::Locker | Protocol::Echo => {}
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
        if stream.closed {
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

    fn raw_reply(&mut self, stream: &mut Stream) {
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
        let prompt = |found: &Found| found.waiting.free && self.now - found.waiting.at < PAUSE;
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
            Protocol::Echo => None,
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

    fn client_ended(&mut self, index: usize, stream: &mut Stream, ending: Ending) {
        self.pages.gone(stream.conn);
        if stream.server_ended || stream.closed {
            return;
        }
        let mut later =
            self.events.iter().skip(index + 1).filter(|event| event.conn == stream.conn);
        let hears_more = later.any(|event| matches!(event.what, What::Received(_)));
        let action = match ending {
            Ending::Fin if hears_more => Action::Finish,
            Ending::Rst => Action::Reset,
            Ending::Fin | Ending::Refused => Action::Close,
        };
        stream.finished = true;
        stream.echoed = None;
        stream.closed = action != Action::Finish;
        if stream.closed {
            self.half_a_reply(stream);
        }
        self.drafts.push(Draft::control(&stream.name, action));
        if self.protocol() == Protocol::NetMem && !stream.waiting.is_empty() {
            // Whether a waiter is gone when its turn comes must not depend on who is faster (NM-DISC-02, NM-DISC-04).
            self.drafts.push(Draft::step("", Step::Advance(WATCH)));
        }
    }

    /// What came of a reply that never got whole.
    fn half_a_reply(&mut self, stream: &mut Stream) {
        if stream.received.len() > HALF_REPLY_MAX {
            let (length, name) = (stream.received.len(), &stream.name);
            self.drafts
                .push(Draft::comment(format!("{length} bytes of a longer reply came on {name}.")));
            stream.received.clear();
        }
        self.raw_reply(stream);
    }

    fn server_ended(&mut self, stream: &mut Stream) {
        self.pages.gone(stream.conn);
        self.half_a_reply(stream);
        if !stream.closed && !stream.server_ended {
            let what = Expected::Closed(Closing::Any);
            let step = Step::Expect(Expect { conn: stream.name.clone(), what, within: None });
            self.drafts.push(Draft::step(&stream.name, step));
        }
        stream.server_ended = true;
    }

    /// Connections that the recording leaves open, and that could not answer a last question.
    fn leave(&mut self, cut: bool) {
        for mut stream in std::mem::take(&mut self.streams).into_values() {
            if stream.closed || stream.server_ended {
                continue;
            }
            if !cut {
                self.half_a_reply(&mut stream);
            }
            let owes = stream.waiting.iter().any(|waiting| !waiting.asked.quiet);
            if cut || owes || stream.finished || stream.raw_requests || !stream.sent.is_empty() {
                self.drafts.push(Draft::control(&stream.name, Action::Close));
            }
        }
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
