//! NetMem: which locks wait, which pages' bytes are known, and versions that hold on another server too.

use std::collections::BTreeMap;

use crate::session::{Message, Pattern, Value};
use crate::wire::{Reply, number, value_of};

/// Versions that follow one another closely are written as distances from the first one seen.
const DISTANCE_MAX: i128 = 1000;

/// What a recording tells of the server's pages.
#[derive(Debug, Default)]
pub(super) struct Pages {
    by_index: BTreeMap<u32, Page>,
    /// The server was new: its versions are the ones that every new server has.
    fresh: bool,
    /// Bytes of a page, once known.
    pub(super) length: Option<usize>,
    named: usize,
}

#[derive(Debug, Default)]
struct Page {
    /// The connection that holds it.
    holder: Option<u64>,
    /// Connections that wait for it.
    waiting: Vec<u64>,
    /// Its bytes come from this recording, not from before.
    known: bool,
    /// So will they be when the update on the way has been applied.
    will_be_known: bool,
    /// The name of the version that was seen first, and that version.
    version: Option<(String, i128)>,
}

impl Pages {
    pub(super) fn new(fresh: bool, length: Option<usize>) -> Self {
        Self { fresh, length, ..Self::default() }
    }

    /// Notes a request; whether its reply has to wait for another connection.
    pub(super) fn asked(&mut self, conn: u64, code: u8, page: u32, data: usize) -> bool {
        let whole = self.length.is_none_or(|length| data >= length);
        let fresh = self.fresh;
        let page = self.by_index.entry(page).or_default();
        let own = page.holder == Some(conn);
        page.known |= code == 4 && own && (fresh || whole);
        page.will_be_known |= code == 5 && (fresh || whole);
        let waits =
            matches!(code, 3 | 5) && !own && (page.holder.is_some() || !page.waiting.is_empty());
        match code {
            3 | 5 if waits => page.waiting.push(conn),
            3 => page.holder = Some(conn),
            4 | 5 if own => page.holder = None,
            _ => {}
        }
        waits
    }

    /// Notes that a reply came.
    pub(super) fn answered(&mut self, conn: u64, code: u8, page: u32) {
        let page = self.by_index.entry(page).or_default();
        page.known |= code == 5 && page.will_be_known;
        if let Some(at) = page.waiting.iter().position(|waiting| *waiting == conn) {
            page.waiting.remove(at);
            if code == 3 {
                page.holder = Some(conn);
            }
        }
    }

    /// Notes that a client has gone.
    pub(super) fn gone(&mut self, conn: u64) {
        for page in self.by_index.values_mut() {
            page.waiting.retain(|waiting| *waiting != conn);
            if page.holder == Some(conn) {
                page.holder = None;
            }
        }
    }

    /// A request with its version and data in the form that holds elsewhere.
    pub(super) fn request(&self, mut message: Message<Value>) -> Message<Value> {
        let Message::Named { fields, .. } = &mut message else { return message };
        let page =
            fields.iter().find(|(name, _)| name == "page").map_or(0, |(_, value)| literal(value));
        for (name, value) in fields {
            if name == "version"
                && let Some((base, first)) = self.version_of(page)
                && (0..DISTANCE_MAX).contains(&(literal(value) - first))
            {
                *value = distance(base, literal(value) - first);
            }
            if name == "data" {
                *value = self.data(value.clone());
            }
        }
        message
    }

    fn version_of(&self, page: i128) -> Option<&(String, i128)> {
        self.by_index.get(&u32::try_from(page).ok()?)?.version.as_ref()
    }

    /// A page that ends in zeros is shown without them.
    fn data(&self, value: Value) -> Value {
        let (Value::Text(bytes) | Value::Hex(bytes)) = &value else { return value };
        let start = bytes.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
        if self.length == Some(bytes.len()) && start < bytes.len() {
            let start = value_of(bytes.get(..start).unwrap_or_default());
            return Value::Page(Box::new(start));
        }
        value
    }

    /// What to expect: `asked` is the page that the request named.
    pub(super) fn reply(&mut self, reply: &Reply, asked: Option<u32>) -> Message<Pattern> {
        let field = |name: &str| reply.integer(name);
        let mut fields = Vec::new();
        match reply.code {
            0 => fields.push(("version", api(field("version")))),
            1 => {
                self.length = usize::try_from(field("length")).ok();
                fields.push(("pages", self.size("pages", field("pages"))));
                fields.push(("length", self.size("length", field("length"))));
            }
            2..=5 => {
                let page = u32::try_from(field("page")).unwrap_or_default();
                if asked != Some(page) {
                    fields.push(("page", Pattern::Value(number(page))));
                }
                fields.push(("version", self.version(page, field("version"))));
                fields.extend(self.page_data(reply, page).map(|data| ("data", data)));
            }
            _ => {}
        }
        let fields = fields.into_iter().map(|(name, pattern)| (name.to_owned(), pattern)).collect();
        Message::Named { words: reply.words.clone(), args: Vec::new(), fields, tag: None }
    }

    fn size(&self, name: &str, size: i128) -> Pattern {
        Pattern::Value(if self.fresh { number(size) } else { Value::Var(name.to_owned()) })
    }

    fn version(&mut self, page: u32, version: i128) -> Pattern {
        if self.fresh {
            return Pattern::Value(number(version));
        }
        let named = self.named;
        let page = self.by_index.entry(page).or_default();
        if let Some((base, first)) = &page.version
            && (0..DISTANCE_MAX).contains(&(version - first))
        {
            return Pattern::Value(distance(base, version - first));
        }
        if page.known {
            return Pattern::Value(number(version));
        }
        self.named += 1;
        let name = format!("v{}", named + 1);
        page.version = Some((name.clone(), version));
        Pattern::Value(Value::Var(name))
    }

    /// Bytes that nobody wrote in this recording are whatever the server's memory held.
    fn page_data(&self, reply: &Reply, page: u32) -> Option<Pattern> {
        let data = reply.bytes("data");
        if data.is_empty() {
            return None;
        }
        let known = self.by_index.get(&page).is_some_and(|page| page.known);
        Some(if known { Pattern::Value(self.data(value_of(&data))) } else { Pattern::Any })
    }
}

/// The API's version is the protocol's, the server's is its own (NM-VER-01).
fn api(word: i128) -> Pattern {
    let hex = |value: i128| Value::Number { value, hex: true };
    let api = word & 0xffff_0000;
    Pattern::Range(hex(api), hex(api | 0xffff))
}

fn distance(base: &str, distance: i128) -> Value {
    let base = Value::Var(base.to_owned());
    if distance == 0 { base } else { Value::Sum(Box::new(base), vec![(false, number(distance))]) }
}

fn literal(value: &Value) -> i128 {
    match value {
        Value::Number { value, .. } => *value,
        _ => -1,
    }
}
