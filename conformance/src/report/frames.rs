//! The bytes of a failure read back into messages: each stands at the event that made it whole.
//!
//! A transcript keeps the start of long events only. Where that loses the border of the next message, the rest of that
//! direction stays bytes until the connection is opened anew.

use std::collections::BTreeMap;

use crate::replay::{Direction, Event, Transcript};
use crate::wire::{Codec, Protocol, Reply, Taken, TakenRequest};

/// For each event of `transcript` the messages that end in it, as a session writes them.
pub(super) fn messages(codec: &Codec, transcript: &Transcript) -> Vec<Vec<String>> {
    let lost = transcript.dropped > 0;
    let mut streams: BTreeMap<(&str, bool), Stream> = BTreeMap::new();
    let mut all: Vec<Vec<String>> = Vec::new();
    for (index, event) in transcript.events.iter().enumerate() {
        let sent = event.direction == Direction::Sent;
        let mut messages = Vec::new();
        if event.note == Some("open") {
            streams.insert((&event.conn, true), Stream::default());
            streams.insert((&event.conn, false), Stream::default());
        } else if event.note.is_none() {
            let stream = streams.entry((&event.conn, sent)).or_insert_with(|| Stream::new(lost));
            stream.feed(index, event);
            messages = stream.take(codec, sent);
        }
        all.push(messages);
    }
    for (index, part) in streams.into_values().filter_map(|stream| stream.part()) {
        if let Some(messages) = all.get_mut(index) {
            messages.push(part);
        }
    }
    all
}

/// One direction of a connection.
#[derive(Default)]
struct Stream {
    /// What is not a message yet.
    bytes: Vec<u8>,
    /// Bytes behind those that were not kept.
    unseen: usize,
    /// How long the message is that has begun.
    needed: usize,
    /// The last event, by its place.
    last: usize,
    lost: bool,
}

/// What the front of a stream holds.
enum Front {
    Message(String, usize),
    /// At least so many bytes are needed.
    Part(usize),
    Nonsense,
}

impl Stream {
    fn new(lost: bool) -> Self {
        Self { lost, ..Self::default() }
    }

    fn feed(&mut self, index: usize, event: &Event) {
        self.last = index;
        if self.unseen == 0 {
            self.bytes.extend(&event.bytes);
            self.unseen = event.length.saturating_sub(event.bytes.len());
        } else {
            self.unseen += event.length;
        }
    }

    fn take(&mut self, codec: &Codec, sent: bool) -> Vec<String> {
        let mut messages = Vec::new();
        while !self.lost && !self.bytes.is_empty() {
            match front(codec, sent, &self.bytes) {
                Front::Message(_, 0) | Front::Nonsense => self.lost = true,
                Front::Message(text, length) => {
                    self.bytes.drain(..length.min(self.bytes.len()));
                    messages.push(text);
                }
                Front::Part(needed) => {
                    self.needed = needed;
                    messages.extend(self.end_unseen(needed));
                    break;
                }
            }
        }
        messages
    }

    /// A message of which only the start was kept ends where it says, if nothing unseen came behind it.
    fn end_unseen(&mut self, needed: usize) -> Option<String> {
        let came = self.bytes.len() + self.unseen;
        if self.unseen == 0 || came < needed {
            return None;
        }
        self.lost = came > needed;
        self.bytes.clear();
        self.unseen = 0;
        let more = if self.lost { ", and more" } else { "" };
        Some(format!("… a message of {needed} bytes{more}"))
    }
}

impl Stream {
    /// What has begun and never got whole, and the event where it stopped.
    fn part(self) -> Option<(usize, String)> {
        let came = self.bytes.len() + self.unseen;
        let told = !self.lost && came > 0;
        told.then(|| (self.last, format!("… {came} bytes of a message of {}", self.needed)))
    }
}

fn front(codec: &Codec, sent: bool, bytes: &[u8]) -> Front {
    if sent {
        return match codec.take_request(bytes) {
            TakenRequest::Whole(request) => {
                Front::Message(request.message.to_string(), request.length)
            }
            TakenRequest::Incomplete(needed) => Front::Part(needed),
            TakenRequest::Broken => Front::Nonsense,
        };
    }
    match codec.take(bytes) {
        Taken::Whole(reply) => Front::Message(said(codec, &reply), reply.length),
        Taken::Incomplete(needed) => Front::Part(needed),
        Taken::Broken(_) => Front::Nonsense,
    }
}

/// A session writes what echo says without a field's name.
fn said(codec: &Codec, reply: &Reply) -> String {
    match (codec.protocol, reply.fields.first()) {
        (Protocol::Echo, Some((_, bytes))) => bytes.to_string(),
        _ => reply.to_string(),
    }
}
