//! Lines, and the blocks behind some of them.

use bytes::{Buf, Bytes, BytesMut};

/// Behind a line, and behind a block.
const END: usize = 2;

/// Longer than any line here.
const LINE_MAX: usize = 2048;

/// A line's words, and what stands behind it.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    words: Vec<String>,
    pub(super) block: Option<Bytes>,
}

impl Request {
    /// Takes a whole request off the input; an error is a line without an end.
    pub(super) fn take(input: &mut BytesMut) -> Result<Option<Self>, ()> {
        let Some(end) = input.iter().position(|byte| *byte == b'\n') else {
            return if input.len() > LINE_MAX { Err(()) } else { Ok(None) };
        };
        let line = input.get(..end).unwrap_or_default();
        let line = String::from_utf8_lossy(line.strip_suffix(b"\r").unwrap_or(line)).into_owned();
        let words: Vec<String> = line.split_ascii_whitespace().map(str::to_owned).collect();
        let mut request = Self { words, block: None };
        let Some(length) = request.block_length() else {
            input.advance(end + 1);
            return Ok(Some(request));
        };
        if input.len() < end + 1 + length + END {
            return Ok(None);
        }
        input.advance(end + 1);
        request.block = Some(input.split_to(length).freeze());
        input.advance(END);
        Ok(Some(request))
    }

    fn block_length(&self) -> Option<usize> {
        let place = match self.name() {
            "set" | "add" | "cas" => 4,
            "ms" => 2,
            _ => return None,
        };
        self.word(place).parse().ok()
    }

    pub(super) fn name(&self) -> &str {
        self.word(0)
    }

    /// A word, or nothing.
    pub(super) fn word(&self, place: usize) -> &str {
        self.words.get(place).map_or("", String::as_str)
    }

    /// The keys of a get.
    pub(super) fn keys(&self) -> &[String] {
        self.words.get(1..).unwrap_or_default()
    }

    pub(super) fn key(&self) -> &str {
        self.word(1)
    }

    /// A number that stands there, or 0.
    pub(super) fn number(&self, place: usize) -> u64 {
        self.word(place).parse().unwrap_or_default()
    }

    /// Whether the client does not want to hear of it.
    pub(super) fn is_noreply(&self) -> bool {
        self.words.len() > 2 && self.words.last().is_some_and(|word| word == "noreply")
    }

    /// The flags of a meta request.
    pub(super) fn flags(&self) -> impl Iterator<Item = &str> {
        let first = if self.name() == "ms" { 3 } else { 2 };
        self.words.iter().skip(first).map(String::as_str)
    }

    /// What stands behind a flag's letter.
    pub(super) fn flag(&self, letter: char) -> Option<&str> {
        self.flags().find_map(|flag| flag.strip_prefix(letter))
    }

    /// The number there.
    pub(super) fn flag_number(&self, letter: char) -> Option<u64> {
        self.flag(letter)?.parse().ok()
    }
}
