//! How recorded connections end: half-closes, closes and resets of either side, and what is left half-said by them.

use super::draft::Draft;
use super::event::{Ending, What};
use super::scribe::{Scribe, WATCH};
use super::stream::{Client, Stream};
use crate::session::{Action, Closing, Expect, Expected, Side, Step};
use crate::wire::Protocol;

/// Of a reply that never got whole so many bytes are shown; of a longer one, its length.
const HALF_REPLY_MAX: usize = 256;

impl Scribe<'_> {
    /// A reply that was not kept: its connection is left, the others go on.
    pub(super) fn lost(&mut self, stream: &mut Stream, length: u64) {
        if stream.client == Client::Gone {
            return;
        }
        let name = &stream.name;
        let text = format!(
            "The recording does not keep the next {length} bytes of {name}: the comparison of {name} ends here."
        );
        self.drafts.push(Draft::comment(text));
        self.drafts.push(Draft::control(name, Action::Close));
        stream.received.clear();
        stream.client = Client::Gone;
    }

    pub(super) fn client_ended(&mut self, index: usize, stream: &mut Stream, ending: Ending) {
        self.pages.gone(stream.conn);
        if stream.server_ended || stream.client == Client::Gone {
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
        stream.echoed = None;
        stream.client = if action == Action::Finish { Client::Finished } else { Client::Gone };
        if stream.client == Client::Gone {
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

    pub(super) fn server_ended(&mut self, stream: &mut Stream) {
        self.pages.gone(stream.conn);
        self.half_a_reply(stream);
        if stream.client != Client::Gone && !stream.server_ended {
            let what = Expected::Closed(Closing::Any);
            let step = Step::Expect(Expect {
                side: Side::Server,
                conn: stream.name.clone(),
                what,
                within: None,
            });
            self.drafts.push(Draft::step(&stream.name, step));
        }
        stream.server_ended = true;
    }

    /// Connections that the recording leaves open, and that could not answer a last question.
    pub(super) fn leave(&mut self, cut: bool) {
        for mut stream in std::mem::take(&mut self.streams).into_values() {
            if stream.client == Client::Gone || stream.server_ended {
                continue;
            }
            if !cut {
                self.half_a_reply(&mut stream);
            }
            let owes = stream.waiting.iter().any(|waiting| !waiting.asked.quiet);
            if cut
                || owes
                || stream.client == Client::Finished
                || stream.raw_requests
                || !stream.sent.is_empty()
            {
                self.drafts.push(Draft::control(&stream.name, Action::Close));
            }
        }
    }
}
