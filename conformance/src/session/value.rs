//! Values as a session writes them, and what they come to when it is played.

use std::collections::BTreeMap;
use std::fmt::{self, Write};

/// An expression: bytes or a number.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// `12` or `0xcafe`
    Number {
        /// The number.
        value: i128,
        /// Whether it is written in hexadecimal.
        hex: bool,
    },
    /// `$name`
    Var(String),
    /// `now`: Unix time, seconds.
    Now,
    /// `"text"`
    Text(Vec<u8>),
    /// `hex(00ff)`
    Hex(Vec<u8>),
    /// `set`: a bare word of a line.
    Word(String),
    /// `base64($k)`
    Base64(Box<Self>),
    /// `($c+1)`: a value inside a word of a line.
    Group(Box<Self>),
    /// `rep("ab",500)`
    Rep(Box<Self>, Box<Self>),
    /// `page("v1")`: zeros up to the page's length.
    Page(Box<Self>),
    /// `fill("v1")`: repeated up to the page's length.
    Fill(Box<Self>),
    /// `pad($k,250)`
    Pad(Box<Self>, Box<Self>),
    /// Atoms side by side.
    Join(Vec<Self>),
    /// `$c+1-2`: the first term, then signed terms (`true` is minus).
    Sum(Box<Self>, Vec<(bool, Self)>),
}

/// What a value comes to.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Datum {
    /// Bytes.
    Bytes(Vec<u8>),
    /// A number, wide enough for every wire integer.
    Number(i128),
}

impl Datum {
    /// As bytes; a number is its decimal text.
    pub fn into_bytes(self) -> Vec<u8> {
        match self {
            Self::Bytes(bytes) => bytes,
            Self::Number(number) => number.to_string().into_bytes(),
        }
    }

    /// As a number; bytes must be decimal text.
    pub fn as_number(&self) -> Option<i128> {
        match self {
            Self::Number(number) => Some(*number),
            Self::Bytes(bytes) => std::str::from_utf8(bytes).ok()?.parse().ok(),
        }
    }
}

impl fmt::Display for Datum {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bytes(bytes) => f.write_str(&escape(bytes)),
            Self::Number(number) => write!(f, "{number}"),
        }
    }
}

/// Names and the world around them, while a session is played.
#[derive(Clone, Debug, Default)]
pub struct Scope {
    /// Bound names.
    pub vars: BTreeMap<String, Datum>,
    /// Bytes a NetMem page holds.
    pub page_length: usize,
    /// Unix time, seconds.
    pub unix_now: u64,
}

/// A value that cannot be computed.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum EvalError {
    /// The name has no value yet.
    #[error("${0} has no value here: no reply has bound it")]
    Unbound(String),
    /// Bytes where a number is needed.
    #[error("{0} is not a number")]
    NotANumber(String),
    /// More than a session may send.
    #[error("{0} bytes: a session's value is at most 64 MiB")]
    TooLong(i128),
}

/// A session's value is at most this long, so that a typing error cannot take the machine's memory.
const BYTES_MAX: i128 = 64 << 20;

impl Value {
    /// What the value comes to.
    pub fn eval(&self, scope: &Scope) -> Result<Datum, EvalError> {
        Ok(match self {
            Self::Number { value, .. } => Datum::Number(*value),
            Self::Var(name) => {
                scope.vars.get(name).cloned().ok_or_else(|| EvalError::Unbound(name.clone()))?
            }
            Self::Now => Datum::Number(i128::from(scope.unix_now)),
            Self::Text(bytes) | Self::Hex(bytes) => Datum::Bytes(bytes.clone()),
            Self::Word(word) => Datum::Bytes(word.clone().into_bytes()),
            Self::Base64(bytes) => Datum::Bytes(base64(&bytes.bytes(scope)?)),
            Self::Group(value) => value.eval(scope)?,
            Self::Rep(unit, count) => {
                let (unit, count) = (unit.bytes(scope)?, count.number(scope)?);
                let length = count.saturating_mul(unit.len() as i128);
                bounded(length)?;
                Datum::Bytes(unit.repeat(bounded(count)?))
            }
            Self::Page(start) => Datum::Bytes(padded(start.bytes(scope)?, scope.page_length, 0)),
            Self::Fill(unit) => Datum::Bytes(
                unit.bytes(scope)?.into_iter().cycle().take(scope.page_length).collect(),
            ),
            Self::Pad(start, length) => {
                Datum::Bytes(padded(start.bytes(scope)?, bounded(length.number(scope)?)?, b'p'))
            }
            Self::Join(parts) => {
                let mut joined = Vec::new();
                for part in parts {
                    joined.extend(part.bytes(scope)?);
                    bounded(joined.len() as i128)?;
                }
                Datum::Bytes(joined)
            }
            Self::Sum(first, terms) => {
                let mut sum = first.number(scope)?;
                for (minus, term) in terms {
                    let term = term.number(scope)?;
                    sum = if *minus { sum.saturating_sub(term) } else { sum.saturating_add(term) };
                }
                Datum::Number(sum)
            }
        })
    }

    /// What the value comes to, as bytes.
    pub fn bytes(&self, scope: &Scope) -> Result<Vec<u8>, EvalError> {
        Ok(self.eval(scope)?.into_bytes())
    }

    /// What the value comes to, as a number.
    pub fn number(&self, scope: &Scope) -> Result<i128, EvalError> {
        self.eval(scope)?.as_number().ok_or_else(|| EvalError::NotANumber(self.to_string()))
    }

    /// Bytes as a word of a line: bare where that reads back as they are.
    pub(crate) fn word(bytes: &[u8]) -> Self {
        let bare = |byte: &u8| byte.is_ascii_alphanumeric() || b"_-+=:.,;%&<>~^".contains(byte);
        let pattern = bytes.windows(2).any(|pair| pair == b"..");
        match std::str::from_utf8(bytes) {
            Ok(text) if !text.is_empty() && bytes.iter().all(bare) && !pattern => {
                Self::Word(text.to_owned())
            }
            _ => Self::Text(bytes.to_vec()),
        }
    }

    /// Calls `f` with every name in the expression.
    pub fn each_var<'a>(&'a self, f: &mut impl FnMut(&'a str)) {
        match self {
            Self::Var(name) => f(name),
            Self::Number { .. } | Self::Now | Self::Text(_) | Self::Hex(_) | Self::Word(_) => {}
            Self::Page(part) | Self::Fill(part) | Self::Base64(part) | Self::Group(part) => {
                part.each_var(f);
            }
            Self::Rep(part, size) | Self::Pad(part, size) => {
                part.each_var(f);
                size.each_var(f);
            }
            Self::Join(parts) => parts.iter().for_each(|part| part.each_var(f)),
            Self::Sum(first, terms) => {
                first.each_var(f);
                for (_, term) in terms {
                    term.each_var(f);
                }
            }
        }
    }
}

fn bounded(length: i128) -> Result<usize, EvalError> {
    usize::try_from(length).ok().filter(|_| length <= BYTES_MAX).ok_or(EvalError::TooLong(length))
}

/// With padding, in the alphabet that meta commands take (RFC 4648, section 4).
fn base64(bytes: &[u8]) -> Vec<u8> {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = Vec::with_capacity(bytes.len().div_ceil(3) * 4);
    for three in bytes.chunks(3) {
        let mut word = [0; 3];
        word[..three.len()].copy_from_slice(three);
        let [a, b, c] = word;
        let digits = [a >> 2, (a << 4 | b >> 4) & 63, (b << 2 | c >> 6) & 63, c & 63];
        for (place, digit) in digits.into_iter().enumerate() {
            text.push(if place <= three.len() { ALPHABET[usize::from(digit)] } else { b'=' });
        }
    }
    text
}

fn padded(mut bytes: Vec<u8>, length: usize, with: u8) -> Vec<u8> {
    if bytes.len() < length {
        bytes.resize(length, with);
    }
    bytes
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number { value, hex: true } => {
                // As it is read: a sign and the digits, not two's complement.
                let sign = if *value < 0 { "-" } else { "" };
                write!(f, "{sign}{:#x}", value.unsigned_abs())
            }
            Self::Number { value, hex: false } => write!(f, "{value}"),
            Self::Var(name) => write!(f, "${name}"),
            Self::Now => f.write_str("now"),
            Self::Text(bytes) => f.write_str(&escape(bytes)),
            Self::Hex(bytes) => write!(f, "hex({})", hex_string(bytes)),
            Self::Word(word) => f.write_str(word),
            Self::Base64(bytes) => write!(f, "base64({bytes})"),
            Self::Group(value) => write!(f, "({value})"),
            Self::Rep(unit, count) => write!(f, "rep({unit},{count})"),
            Self::Page(start) => write!(f, "page({start})"),
            Self::Fill(unit) => write!(f, "fill({unit})"),
            Self::Pad(start, length) => write!(f, "pad({start},{length})"),
            Self::Join(parts) => parts.iter().try_for_each(|part| write!(f, "{part}")),
            Self::Sum(first, terms) => {
                write!(f, "{first}")?;
                terms.iter().try_for_each(|(minus, term)| {
                    write!(f, "{}{term}", if *minus { '-' } else { '+' })
                })
            }
        }
    }
}

/// Bytes as a quoted string that [`Session::parse`](super::Session::parse) reads back.
pub fn escape(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len() + 2);
    text.push('"');
    for &byte in bytes {
        match byte {
            b'"' => text.push_str("\\\""),
            b'\\' => text.push_str("\\\\"),
            b'\n' => text.push_str("\\n"),
            b'\r' => text.push_str("\\r"),
            b'\t' => text.push_str("\\t"),
            0 => text.push_str("\\0"),
            0x20..=0x7e => text.push(char::from(byte)),
            _ => {
                let _ = write!(text, "\\x{byte:02x}");
            }
        }
    }
    text.push('"');
    text
}

pub(super) fn hex_string(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}
