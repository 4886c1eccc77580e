//! What went over the wire, in one total order.

use std::time::Duration;

/// Which way bytes went.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Direction {
    /// From the client to the server.
    Sent,
    /// From the server to the client.
    Received,
}

/// One thing that happened on a connection.
#[derive(Clone, Debug)]
pub struct Event {
    /// Since the session began.
    pub at: Duration,
    /// The connection.
    pub conn: String,
    /// Which way.
    pub direction: Direction,
    /// The bytes, cut to what a report shows.
    pub bytes: Vec<u8>,
    /// How many there were.
    pub length: usize,
    /// Instead of bytes: opened, closed, reset.
    pub note: Option<&'static str>,
}

/// The note of a connection that begins.
pub(super) const OPEN: &str = "open";

/// Bytes kept of one event, and events kept of one session: a report shows no more, and memory stays bounded.
const BYTES_KEPT: usize = 256;
const EVENTS_KEPT: usize = 400;

/// Everything that happened while a session was played.
#[derive(Clone, Debug, Default)]
pub struct Transcript {
    /// The last events, oldest first.
    pub events: Vec<Event>,
    /// Events that were dropped before them.
    pub dropped: usize,
}

impl Transcript {
    /// The same, told by the other side: what one sends the other receives. Connections are opened by clients.
    pub(crate) fn turned(&mut self) {
        for event in self.events.iter_mut().filter(|event| event.note != Some(OPEN)) {
            event.direction = match event.direction {
                Direction::Sent => Direction::Received,
                Direction::Received => Direction::Sent,
            };
        }
    }

    /// Drops all but the last `count` events.
    pub(crate) fn shorten(&mut self, count: usize) {
        let old = self.events.len().saturating_sub(count);
        self.events.drain(..old);
        self.dropped += old;
    }

    pub(super) fn bytes(&mut self, at: Duration, conn: &str, direction: Direction, bytes: &[u8]) {
        if let Some(last) = self.events.last_mut()
            && last.conn == conn
            && last.direction == direction
            && last.note.is_none()
            && at.checked_sub(last.at).unwrap() < Duration::from_millis(1)
        {
            last.length += bytes.len();
            let room = BYTES_KEPT.saturating_sub(last.bytes.len());
            last.bytes.extend(bytes.iter().take(room));
            return;
        }
        let kept = bytes.iter().take(BYTES_KEPT).copied().collect();
        self.push(Event {
            at,
            conn: conn.to_owned(),
            direction,
            bytes: kept,
            length: bytes.len(),
            note: None,
        });
    }

    pub(super) fn note(
        &mut self,
        at: Duration,
        conn: &str,
        direction: Direction,
        note: &'static str,
    ) {
        let event = Event {
            at,
            conn: conn.to_owned(),
            direction,
            bytes: Vec::new(),
            length: 0,
            note: Some(note),
        };
        self.push(event);
    }

    fn push(&mut self, event: Event) {
        if self.events.len() == EVENTS_KEPT {
            self.events.remove(0);
            self.dropped += 1;
        }
        self.events.push(event);
    }
}
