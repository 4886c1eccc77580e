//! The bytes of a failure read back into messages: each stands at the event that made it whole.
//!
//! A transcript keeps the start of long events only. Where that loses the border of the next message, the rest of that
//! direction stays bytes until the connection is opened anew.

use std::collections::BTreeMap;

use crate::replay::{Direction, Event, Transcript};
use crate::wire::{Codec, Protocol, Reply, Taken, TakenRequest};

/// For each event of `transcript` the messages that end in it, as a session writes them.
pub fn messages(codec: Codec, transcript: &Transcript) -> Vec<Vec<String>> {
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
    for (index, part) in streams.into_values().filter_map(Stream::part) {
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

    fn take(&mut self, codec: Codec, sent: bool) -> Vec<String> {
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

/// In a case of lines a connection may speak the binary protocol: its first byte tells, as it tells memcached.
fn front(mut codec: Codec, sent: bool, bytes: &[u8]) -> Front {
    if codec.protocol.has_lines() && matches!(bytes.first(), Some(0x80 | 0x81)) {
        codec.protocol = Protocol::Memcached;
    }
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
fn said(codec: Codec, reply: &Reply) -> String {
    match (codec.protocol, reply.fields.first()) {
        (Protocol::Echo, Some((_, bytes))) => bytes.to_string(),
        _ => reply.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::messages;
    use crate::replay::{Direction, Event, Transcript};
    use crate::wire::{Codec, Protocol};

    /// A NOOP, as a request and as its reply.
    fn noop(magic: u8) -> Vec<u8> {
        let mut bytes = vec![0; 24];
        (bytes[0], bytes[1]) = (magic, 0x0a);
        bytes
    }

    fn event(direction: Direction, bytes: &[u8], length: usize) -> Event {
        let (at, conn) = (Duration::ZERO, "A".to_owned());
        Event { at, conn, direction, bytes: bytes.to_vec(), length, note: None }
    }

    fn told(events: Vec<Event>) -> Vec<Vec<String>> {
        messages(Codec::new(Protocol::Memcached), &Transcript { events, dropped: 0 })
    }

    #[test]
    fn message_stands_where_its_last_byte_came() {
        let bytes = noop(0x80);
        let sent = |bytes: &[u8]| event(Direction::Sent, bytes, bytes.len());
        let reply = event(Direction::Received, &noop(0x81), 24);
        let told = told(vec![sent(&bytes[..10]), reply, sent(&bytes[10..])]);
        assert_eq!(told[0], Vec::<String>::new());
        assert!(told[1][0].starts_with("ok noop"), "{told:?}");
        assert_eq!(told[2], ["noop"]);
    }

    #[test]
    fn messages_of_one_segment_stand_together() {
        let both = [noop(0x80), noop(0x80)].concat();
        assert_eq!(told(vec![event(Direction::Sent, &both, 48)]), [["noop", "noop"]]);
    }

    /// A SET of 1,000 bytes, of which 100 were kept.
    #[test]
    fn message_that_was_not_kept_whole_is_told_by_its_length() {
        let mut set = noop(0x80);
        set[1] = 0x01;
        set[11] = 232;
        set[10] = 3;
        set.resize(100, 0);
        let after = event(Direction::Sent, &noop(0x80), 24);
        let told =
            |length, after: &Event| told(vec![event(Direction::Sent, &set, length), after.clone()]);
        assert_eq!(told(1024, &after), [["… a message of 1024 bytes"], ["noop"]]);
        assert_eq!(told(1048, &after)[0], ["… a message of 1024 bytes, and more"]);
        assert!(told(1048, &after)[1].is_empty(), "where the next one begins nobody knows");
        assert!(told(500, &after)[0].is_empty());
        assert_eq!(told(500, &after)[1], ["… 524 bytes of a message of 1024"]);
    }

    #[test]
    fn nonsense_stays_bytes() {
        assert_eq!(told(vec![event(Direction::Received, &noop(0x42), 24)]), [Vec::<String>::new()]);
    }
}
