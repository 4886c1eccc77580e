//! The table as the flawed servers want it.

use bytes::{Bytes, BytesMut};
use lockproof_state_machine::{Effect, Now, SessionId};

use super::request::Request;
use super::table::{Item, Lines};
use super::{Flaw, meta, text};
use crate::known_bad::Meaning;

/// More than is missing of any block here.
const MISSING_MAX: usize = 4096;

impl Meaning for Lines {
    type Request = Request;

    /// The value that is counted on.
    type Seen = Option<Bytes>;

    fn decode(input: &mut BytesMut) -> Result<Option<Request>, ()> {
        Request::take(input)
    }

    fn make_up(input: &mut BytesMut) {
        if !input.contains(&b'\n') {
            input.extend_from_slice(b"\r\n");
        }
        input.resize(input.len() + MISSING_MAX, 0);
    }

    fn locks_its_reply(&self, request: &Request) -> bool {
        self.has(Flaw::T05) && request.name().starts_with("get") && request.keys().len() > 1
    }

    fn is_a_fact(request: &Request) -> bool {
        matches!(request.name(), "version" | "mn")
    }

    fn read(&self, now: Now, request: &Request) -> Option<Bytes> {
        let is_open = self.later.is_empty() && self.untold.is_empty();
        let reply = match request.name() {
            "version" => b"VERSION 1.6.18\r\n".to_vec(),
            // Something may have to be done, or told, before.
            _ if !is_open => return None,
            "mn" => b"MN\r\n".to_vec(),
            "get" | "gets" => text::get(self, now, request),
            "mg" => meta::look(self, now, request)?,
            _ => return None,
        };
        Some(reply.into())
    }

    fn promise(&self, request: &Request) -> Option<Bytes> {
        match request.name() {
            "set" if request.is_noreply() => Some(Bytes::new()),
            "set" => Some(Bytes::from_static(b"STORED\r\n")),
            // With another flag something would have to be told that is not known yet.
            "ms" if request.flags().all(|flag| flag == "q") => {
                let is_quiet = request.flag('q').is_some();
                Some(Bytes::from_static(if is_quiet { b"" } else { b"HD\r\n" }))
            }
            _ => None,
        }
    }

    fn is_absurd(&self, now: Now, request: &Request) -> bool {
        let counts = matches!(request.name(), "incr" | "ma");
        let item = self.find(now, request.key()).filter(|_| counts);
        item.is_some_and(|item| Self::counted(item, 0).is_none())
    }

    fn may_hold(_: &Request) -> bool {
        false
    }

    fn look(&self, now: Now, request: &Request) -> Option<Bytes> {
        let counts = matches!(request.name(), "incr" | "ma");
        self.find(now, request.key()).filter(|_| counts).map(|item| item.value.clone())
    }

    fn write(
        &mut self,
        now: Now,
        session: SessionId,
        request: Request,
        seen: Option<Bytes>,
    ) -> Vec<Effect<Bytes>> {
        if let (Some(value), Some(item)) = (seen, self.find(now, request.key()).cloned()) {
            // It counts on from what it saw. Inside a lock that is a lock, that is what is there.
            self.mark(request.key(), Item { value, ..item });
        }
        if self.has(Flaw::T04) && request.is_noreply() {
            self.later.entry(session).or_default().push(request);
            return own(session, Vec::new());
        }
        let mut reply = self.answer(now, session, &request);
        for late in self.later.remove(&session).unwrap_or_default() {
            text::change(self, now, &late);
        }
        if request.name() == "mn" {
            reply.extend(self.untold.remove(&session).unwrap_or_default());
        }
        own(session, reply)
    }

    fn end(&mut self, _: SessionId) -> Vec<Effect<Bytes>> {
        Vec::new()
    }
}

fn own(session: SessionId, reply: Vec<u8>) -> Vec<Effect<Bytes>> {
    vec![Effect { to: session, reply: reply.into() }]
}

impl Lines {
    /// What is sent in reply to a request, once it is done.
    fn answer(&mut self, now: Now, session: SessionId, request: &Request) -> Vec<u8> {
        match request.name() {
            "mn" => b"MN\r\n".to_vec(),
            "get" | "gets" => text::get(self, now, request),
            "mg" => meta::fetch(self, now, request),
            "ms" | "md" | "ma" => {
                let (reply, is_success) = meta::change(self, now, request);
                match (request.flag('q').is_some(), is_success) {
                    (true, true) => Vec::new(),
                    (true, false) if self.has(Flaw::M03) => {
                        self.untold.entry(session).or_default().extend(reply);
                        Vec::new()
                    }
                    _ => reply,
                }
            }
            _ => {
                let reply = text::change(self, now, request);
                let is_silent = request.is_noreply() && !self.has(Flaw::T01);
                if is_silent { Vec::new() } else { reply }
            }
        }
    }
}
