//! memcached: what of a reply must be listed, and names for CAS values.

use std::collections::{BTreeMap, BTreeSet};

use crate::session::{Message, Pattern, Value};
use crate::wire::{Asked, Reply, number, value_of};

/// The CAS values of a recording. Only those that come up again get a name.
#[derive(Debug, Default)]
pub(super) struct CasNames {
    seen: BTreeSet<i128>,
    again: BTreeSet<i128>,
    names: BTreeMap<i128, String>,
}

impl CasNames {
    /// First pass: a value that a server sends, or a client after it.
    pub(super) fn note(&mut self, cas: i128, from_server: bool) {
        if cas == 0 {
            return;
        }
        if self.seen.contains(&cas) {
            self.again.insert(cas);
        } else if from_server {
            self.seen.insert(cas);
        }
    }

    /// What the first pass noted, for the second.
    pub(super) fn noted(self) -> Self {
        Self { again: self.again, ..Self::default() }
    }

    /// Second pass: the name of a value that comes from the server; a new one if it is needed later.
    fn name(&mut self, cas: i128) -> Option<Value> {
        if !self.again.contains(&cas) {
            return None;
        }
        let next = self.names.len() + 1;
        Some(Value::Var(self.names.entry(cas).or_insert_with(|| format!("c{next}")).clone()))
    }

    /// Puts names into a request; a CAS that no reply has shown before stays a number.
    pub(super) fn request(&self, mut message: Message<Value>) -> Message<Value> {
        if let Message::Named { fields, .. } = &mut message {
            for (name, value) in fields {
                if let Value::Number { value: cas, .. } = value
                    && name == "cas"
                    && let Some(known) = self.names.get(cas)
                {
                    *value = Value::Var(known.clone());
                }
            }
        }
        message
    }
}

/// A reply as an expectation: only what is not the default of `docs/session-format.md`, and nothing that is the server's
/// own choice (texts, its version).
pub(super) fn expectation(
    reply: &Reply,
    asked: Option<&Asked>,
    names: &mut CasNames,
) -> Message<Pattern> {
    let reply = View { reply, asked };
    let mut fields: Vec<(&str, Option<Pattern>)> =
        if matches!(reply.reply.status, 0 | 0x0021) { reply.success() } else { reply.error() };
    let opaque = reply.number("opaque");
    let asked_opaque = asked.map(|asked| i128::from(asked.opaque));
    let cas = reply.cas(names);
    let extras = fields.iter().position(|(name, _)| matches!(*name, "counter" | "text" | "extras"));
    fields.insert(extras.unwrap_or(fields.len()), ("cas", cas));
    let lie = (asked_opaque != Some(opaque))
        .then_some(Pattern::Value(Value::Number { value: opaque, hex: opaque > 999 }));
    fields.push(("opaque", lie));
    let fields = fields
        .into_iter()
        .filter_map(|(name, pattern)| Some((name.to_owned(), pattern?)))
        .collect();
    Message::Named { words: reply.reply.words.clone(), args: Vec::new(), fields, tag: None }
}

/// The CAS of a reply.
pub(super) fn cas_of(reply: &Reply) -> i128 {
    reply.integer("cas")
}

struct View<'a> {
    reply: &'a Reply,
    asked: Option<&'a Asked>,
}

impl View<'_> {
    fn number(&self, name: &str) -> i128 {
        self.reply.integer(name)
    }

    fn bytes(&self, name: &str) -> Vec<u8> {
        self.reply.bytes(name)
    }

    fn is_get(&self) -> bool {
        matches!(self.reply.code, 0x00 | 0x09 | 0x0c | 0x0d | 0x1d | 0x1e | 0x23 | 0x24)
    }

    fn is_counter(&self) -> bool {
        matches!(self.reply.code, 0x05 | 0x06 | 0x15 | 0x16)
    }

    fn key(&self) -> Option<Pattern> {
        let key = self.bytes("key");
        let repeats = matches!(self.reply.code, 0x0c | 0x0d | 0x23 | 0x24);
        let default = if repeats { self.asked.map(|asked| asked.key.clone()) } else { None };
        (key != default.unwrap_or_default()).then(|| Pattern::Value(value_of(&key)))
    }

    fn success(&self) -> Vec<(&'static str, Option<Pattern>)> {
        let value = self.bytes("value");
        let shown = |bytes: &[u8]| Pattern::Value(value_of(bytes));
        let extras = self.bytes("extras");
        let flags = self.number("flags");
        let flags_listed = flags != 0 && extras.len() == 4 && self.is_get();
        let usual = if self.is_get() {
            extras.len() == 4
        } else {
            extras.is_empty() || self.reply.code == 0x1c
        };
        let counter = self.reply.number("counter");
        vec![
            ("key", self.key()),
            // The server's own words are no behaviour: its version, the text of a login (MCB-VER-01, MCB-SAS-03).
            (
                "value",
                match self.reply.code {
                    0x0b | 0x21 | 0x22 => Some(Pattern::Any),
                    _ => (!value.is_empty())
                        .then(|| trimmed(&value).unwrap_or_else(|| shown(&value))),
                },
            ),
            (
                "flags",
                flags_listed
                    .then_some(Pattern::Value(Value::Number { value: flags, hex: flags > 999 })),
            ),
            ("counter", counter.map(|counter| Pattern::Value(number(counter)))),
            ("extras", (!usual).then_some(Pattern::Value(Value::Hex(extras)))),
        ]
    }

    fn error(&self) -> Vec<(&'static str, Option<Pattern>)> {
        let (text, extras) = (self.bytes("text"), self.bytes("extras"));
        let key = self.bytes("key");
        // A miss of the GETK family may carry its key in place of a text (MCB-GET-04).
        let echoed = self.reply.status == 1 && !key.is_empty() && self.key().is_none();
        let key_listed = !key.is_empty() && !echoed;
        let printable = !text.is_empty() && text.iter().all(|byte| matches!(byte, b' '..=b'~'));
        let text_listed = if text.is_empty() { !echoed } else { !printable };
        vec![
            ("key", key_listed.then(|| Pattern::Value(value_of(&key)))),
            ("text", text_listed.then(|| Pattern::Value(value_of(&text)))),
            ("extras", (!extras.is_empty()).then_some(Pattern::Value(Value::Hex(extras)))),
        ]
    }

    fn cas(&self, names: &mut CasNames) -> Option<Pattern> {
        let cas = self.number("cas");
        let assigns = self.is_get()
            || self.is_counter()
            || matches!(self.reply.code, 0x01..=0x03 | 0x0e | 0x0f | 0x11..=0x13 | 0x19 | 0x1a);
        let usual = assigns && self.reply.status == 0;
        match (usual, cas) {
            (true, 0) => Some(Pattern::Value(number(0))),
            (true, cas) => names.name(cas).map(Pattern::Value),
            (false, 0) => None,
            (false, _) if self.reply.code == 0x1c => names.name(cas).map(Pattern::Value),
            (false, cas) => Some(Pattern::Value(names.name(cas).unwrap_or_else(|| number(cas)))),
        }
    }
}

/// A number with spaces behind it is a counter that has become shorter; another server may have dropped them
/// (MCB-ARI-13).
fn trimmed(value: &[u8]) -> Option<Pattern> {
    let digits = value.trim_ascii_end();
    let padded =
        digits.len() < value.len() && value.iter().skip(digits.len()).all(|byte| *byte == b' ');
    let number = !digits.is_empty() && digits.iter().all(u8::is_ascii_digit);
    (padded && number).then(|| Pattern::Trim(value_of(digits)))
}
