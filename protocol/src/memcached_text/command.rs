//! Requests: what a line and its data block ask for. It leaves out what a command does.

use bytes::Bytes;

use super::{Block, Refusal, Tokens, is_key, length};
use crate::decimal;
use crate::memcached::{Command, DO_NOT_CREATE, Direction, Side, StoreMode};
use crate::memcached_meta;

/// Tokens that a classic line other than a multi-get can have, and one more.
const WORDS_MAX: usize = 8;

/// What a text connection asks for.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Request {
    /// `get`, `gets`, `gat`, `gats`.
    Get(Get),
    /// A command about one item, or `flush_all`.
    Item(Ask),
    /// A meta command.
    Meta(memcached_meta::Request),
    /// What is about the server, or the connection.
    Control(Control),
    /// Nothing that is executed.
    Refused {
        /// The answer.
        refusal: Refusal,
        /// `noreply` was said (MCT-NRP-03).
        is_silent: bool,
    },
}

/// Keys to read, and how.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Get {
    /// The keys, of 250 bytes at most (MCT-KEY-03).
    pub keys: Keys,
    /// `gets` and `gats` tell the CAS.
    pub with_cas: bool,
    /// The new expiry of `gat` and `gats`.
    pub expiry: Option<u32>,
}

/// The keys of a multi-get that are still to be answered.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Keys {
    line: Bytes,
}

/// A command about one item.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Ask {
    /// What to do.
    pub command: Command,
    /// The CAS that must match; 0 matches none (MCT-CAS-03).
    pub cas: Option<u64>,
    /// `noreply`: whatever comes of it is not told (MCT-NRP-01, MCT-NRP-02).
    pub is_silent: bool,
}

/// What is about the server, or the connection.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Control {
    /// `version`.
    Version,
    /// `quit`, and the first line of a browser (MCT-LIN-12).
    Quit,
    /// `verbosity`.
    Verbosity {
        /// `noreply` was said.
        is_silent: bool,
    },
    /// `stats`, with what stands behind it.
    Stats {
        /// The group; the empty one is the default.
        group: Bytes,
        /// The words behind that.
        arguments: Bytes,
    },
}

impl Keys {
    /// The keys from the first on.
    pub fn iter(&self) -> impl Iterator<Item = &[u8]> + Clone {
        Tokens::new(&self.line)
    }

    /// The first key, to be kept.
    pub fn first(&self) -> Option<Bytes> {
        self.iter().next().map(|key| self.line.slice_ref(key))
    }

    /// Forgets the first keys, which are answered.
    pub fn drop_first(&mut self, count: usize) {
        let mut tokens = Tokens::new(&self.line);
        tokens.by_ref().take(count).for_each(drop);
        self.line = self.line.slice(self.line.len() - tokens.rest().len()..);
    }
}

impl Get {
    /// Whether no key is left, and only `END` is owed.
    pub fn is_done(&self) -> bool {
        self.keys.iter().next().is_none()
    }
}

impl Request {
    /// Reads a line without its end, and the block behind it where the line announces one readably.
    pub(super) fn parse(line: &Bytes, block: Option<Block>) -> Self {
        let read = Line { line, block };
        read.request().unwrap_or_else(|refusal| Self::Refused {
            refusal,
            is_silent: is_silenced(line, refusal),
        })
    }
}

/// A refused request is not answered where `noreply` stands in its place (MCT-NRP-03, MCT-NRP-07): wrong words or a wrong count are.
fn is_silenced(line: &[u8], refusal: Refusal) -> bool {
    let is_known = !matches!(
        Tokens::new(line).next(),
        Some(
            b"get" | b"gets" | b"gat" | b"gats" | b"stats" | b"mg" | b"ms" | b"md" | b"ma" | b"me"
        )
    );
    is_known && refusal != Refusal::UNKNOWN && says_noreply(Tokens::new(line).last())
}

fn says_noreply(word: Option<&[u8]>) -> bool {
    word == Some(b"noreply")
}

/// A line, while it is read.
struct Line<'a> {
    line: &'a Bytes,
    block: Option<Block>,
}

type Read<T> = Result<T, Refusal>;

impl Line<'_> {
    fn request(self) -> Read<Request> {
        let mut tokens = Tokens::new(self.line);
        let verb = tokens.next().ok_or(Refusal::UNKNOWN)?;
        let rest = self.line.slice_ref(tokens.rest());
        if let [b'm', letter @ (b'g' | b's' | b'd' | b'a' | b'e' | b'n')] = *verb {
            return memcached_meta::Request::parse(letter, &rest, self.block).map(Request::Meta);
        }
        match verb {
            b"get" => get(rest, false, None),
            b"gets" => get(rest, true, None),
            b"gat" => get_and_touch(&rest, false),
            b"gats" => get_and_touch(&rest, true),
            _ => {
                let mut words: [&[u8]; WORDS_MAX] = [&[]; WORDS_MAX];
                let mut count = 0;
                for (word, token) in words.iter_mut().zip(tokens) {
                    *word = token;
                    count += 1;
                }
                self.classic(verb, words.get(..count).unwrap_or_default())
            }
        }
    }

    fn classic(self, verb: &[u8], words: &[&[u8]]) -> Read<Request> {
        match verb {
            b"set" => self.store(Some(StoreMode::Set), Side::Append, words),
            b"add" => self.store(Some(StoreMode::Add), Side::Append, words),
            b"replace" => self.store(Some(StoreMode::Replace), Side::Append, words),
            b"append" => self.store(None, Side::Append, words),
            b"prepend" => self.store(None, Side::Prepend, words),
            b"cas" => self.compare_and_store(words),
            b"delete" => self.delete(words),
            b"incr" => self.count(Direction::Increment, words),
            b"decr" => self.count(Direction::Decrement, words),
            b"touch" => self.touch(words),
            b"flush_all" => flush(words),
            b"version" => Ok(Request::Control(Control::Version)),
            b"quit" => Ok(Request::Control(Control::Quit)),
            b"verbosity" => verbosity(words),
            b"stats" => Ok(self.stats(words)),
            _ => administer(verb, words),
        }
    }

    /// SET, ADD, REPLACE; without a mode a concatenation, whose flags and expiry must be right and mean nothing
    /// (MCT-APP-02, MCT-APP-03).
    fn store(self, mode: Option<StoreMode>, side: Side, words: &[&[u8]]) -> Read<Request> {
        let ([key, flags, expiry, len] | [key, flags, expiry, len, _]) = *words else {
            return Err(Refusal::UNKNOWN);
        };
        let is_silent = words.len() == 5 && says_noreply(words.last().copied());
        let key = self.key(key)?;
        let (flags, expiry) = numbers(flags, expiry, len)?;
        let value = self.block.ok_or(Refusal::FORMAT)??;
        let command = match mode {
            Some(mode) => Command::Store { mode, key, flags, expiry, value },
            None => Command::Concat { side, key, value },
        };
        Ok(Request::Item(Ask { command, cas: None, is_silent }))
    }

    fn compare_and_store(self, words: &[&[u8]]) -> Read<Request> {
        let ([key, flags, expiry, len, cas] | [key, flags, expiry, len, cas, _]) = *words else {
            return Err(Refusal::UNKNOWN);
        };
        let is_silent = words.len() == 6 && says_noreply(words.last().copied());
        let key = self.key(key)?;
        let (flags, expiry) = numbers(flags, expiry, len)?;
        let cas = Some(decimal::unsigned(cas).ok_or(Refusal::FORMAT)?);
        let value = self.block.ok_or(Refusal::FORMAT)??;
        let command = Command::Store { mode: StoreMode::Set, key, flags, expiry, value };
        Ok(Request::Item(Ask { command, cas, is_silent }))
    }

    /// With a 0 from the days when a delete could wait (MCT-DEL-02).
    fn delete(&self, words: &[&[u8]]) -> Read<Request> {
        let (key, is_silent) = match *words {
            [key] | [key, b"0"] => (key, false),
            [key, b"noreply"] | [key, b"0", b"noreply"] => (key, true),
            [key, ..] if words.len() <= 3 => {
                self.key(key)?;
                return Err(Refusal::DELETE_USAGE);
            }
            _ => return Err(Refusal::UNKNOWN),
        };
        Ok(item(Command::Delete { key: self.key(key)? }, is_silent))
    }

    fn count(&self, direction: Direction, words: &[&[u8]]) -> Read<Request> {
        let (key, delta, is_silent) = two(words)?;
        let key = self.key(key)?;
        let delta = decimal::unsigned(delta).ok_or(Refusal::DELTA)?;
        let command =
            Command::Arithmetic { direction, key, delta, initial: 0, expiry: DO_NOT_CREATE };
        Ok(item(command, is_silent))
    }

    fn touch(&self, words: &[&[u8]]) -> Read<Request> {
        let (key, expiry, is_silent) = two(words)?;
        let key = self.key(key)?;
        let expiry = decimal::expiry(expiry).ok_or(Refusal::EXPIRY)?;
        Ok(item(Command::Touch { key, expiry }, is_silent))
    }

    fn stats(&self, words: &[&[u8]]) -> Request {
        let group = words.first().copied().unwrap_or_default();
        let arguments = words.get(1).copied().unwrap_or_default();
        let part = |word: &[u8]| {
            if word.is_empty() { Bytes::new() } else { self.line.slice_ref(word) }
        };
        Request::Control(Control::Stats { group: part(group), arguments: part(arguments) })
    }

    fn key(&self, token: &[u8]) -> Read<Bytes> {
        if is_key(token) { Ok(self.line.slice_ref(token)) } else { Err(Refusal::FORMAT) }
    }
}

fn item(command: Command, is_silent: bool) -> Request {
    Request::Item(Ask { command, cas: None, is_silent })
}

/// A key and an argument.
fn two<'a>(words: &[&'a [u8]]) -> Read<(&'a [u8], &'a [u8], bool)> {
    match *words {
        [key, argument] => Ok((key, argument, false)),
        [key, argument, word] => Ok((key, argument, word == b"noreply")),
        _ => Err(Refusal::UNKNOWN),
    }
}

/// The flags and the expiry of a storage line, whose length must be right too.
fn numbers(flags: &[u8], expiry: &[u8], len: &[u8]) -> Read<(u32, u32)> {
    let flags = decimal::flags(flags).ok_or(Refusal::FORMAT)?;
    let expiry = decimal::expiry(expiry).ok_or(Refusal::FORMAT)?;
    length(len).ok_or(Refusal::FORMAT)?;
    Ok((flags, expiry))
}

/// One key that is too long voids all of them (MCT-KEY-03).
fn get(keys: Bytes, with_cas: bool, expiry: Option<u32>) -> Read<Request> {
    let mut tokens = Tokens::new(&keys).peekable();
    if tokens.peek().is_none() {
        return Err(Refusal::UNKNOWN); // MCT-GET-08, MCT-GAT-05
    }
    if !tokens.all(is_key) {
        return Err(Refusal::FORMAT);
    }
    Ok(Request::Get(Get { keys: Keys { line: keys }, with_cas, expiry }))
}

fn get_and_touch(rest: &Bytes, with_cas: bool) -> Read<Request> {
    let mut tokens = Tokens::new(rest);
    let expiry = tokens.next().ok_or(Refusal::UNKNOWN)?;
    let expiry = decimal::expiry(expiry).ok_or(Refusal::EXPIRY)?;
    get(rest.slice_ref(tokens.rest()), with_cas, Some(expiry))
}

/// A delay that is negative is over already (MCT-FLU-05).
fn flush(words: &[&[u8]]) -> Read<Request> {
    let (delay, is_silent) = match *words {
        [] => (0, false),
        [b"noreply"] => (0, true),
        [delay] => (decimal::expiry(delay).ok_or(Refusal::EXPIRY)?, false),
        [delay, word] => (decimal::expiry(delay).ok_or(Refusal::EXPIRY)?, word == b"noreply"),
        _ => return Err(Refusal::UNKNOWN),
    };
    Ok(item(Command::Flush { delay }, is_silent))
}

/// It has no effect, and is not refused: tools say it (MCT-ADM-02).
fn verbosity(words: &[&[u8]]) -> Read<Request> {
    let level = *words.first().ok_or(Refusal::UNKNOWN)?;
    decimal::unsigned(level).ok_or(Refusal::FORMAT)?;
    let is_silent = words.len() > 1 && says_noreply(words.last().copied());
    Ok(Request::Control(Control::Verbosity { is_silent }))
}

/// What this server does not do for a client, and the rest, which nobody knows.
fn administer(verb: &[u8], words: &[&[u8]]) -> Read<Request> {
    Err(match (verb, words) {
        (b"shutdown", _) => Refusal::NO_SHUTDOWN,
        (b"watch", _) => Refusal::NO_WATCH,
        (b"lru_crawler", [b"metadump", ..]) => Refusal::NO_METADUMP,
        (b"lru_crawler", [b"crawl" | b"tocrawl" | b"sleep" | b"enable" | b"disable", ..])
        | (b"lru", [b"tune" | b"mode" | b"temp_ttl", ..])
        | (b"slabs", [b"reassign" | b"automove", ..])
        | (b"cache_memlimit", [_, ..]) => Refusal::NOT_HERE,
        _ if words.last().is_some_and(|word| word.starts_with(b"HTTP/")) => {
            return Ok(Request::Control(Control::Quit));
        }
        _ => Refusal::UNKNOWN,
    })
}
