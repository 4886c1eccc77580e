//! What a reply's field must look like.

use std::fmt;

use super::value::{Datum, EvalError, Scope, Value};
use crate::wire::shortened;

/// A pattern of a `<` line.
#[derive(Clone, Debug, PartialEq)]
pub enum Pattern {
    /// Equals; a name that is not bound yet is bound.
    Value(Value),
    /// `*`
    Any,
    /// `!$c`
    Not(Value),
    /// `3..10`, both ends included.
    Range(Value, Value),
    /// `/^\d+$/`
    Regex(String),
    /// `trim("5")`
    Trim(Value),
    /// `c$c`: what a word of a line begins with, and a pattern for the rest of it.
    Behind(String, Box<Self>),
    /// `...`: all that is left of a line.
    Rest,
    /// `a|b`
    OneOf(Vec<Self>),
}

impl Pattern {
    /// Whether `got` fits; binds the pattern's name in `scope` if it is a new one.
    pub fn matches(&self, got: &Datum, scope: &mut Scope) -> Result<bool, EvalError> {
        Ok(match self {
            Self::Any | Self::Rest => true,
            Self::Behind(before, pattern) => {
                let bytes = got.clone().into_bytes();
                match bytes.strip_prefix(before.as_bytes()) {
                    Some(rest) => pattern.matches(&Datum::Bytes(rest.to_vec()), scope)?,
                    None => false,
                }
            }
            Self::Value(Value::Var(name)) if !scope.vars.contains_key(name) => {
                scope.vars.insert(name.clone(), got.clone());
                true
            }
            Self::Value(value) => same(&value.eval(scope)?, got),
            Self::Not(value) => !same(&value.eval(scope)?, got),
            Self::Range(low, high) => {
                let (low, high) = (low.number(scope)?, high.number(scope)?);
                got.as_number().is_some_and(|number| (low..=high).contains(&number))
            }
            Self::Regex(regex) => regex::bytes::Regex::new(regex)
                .is_ok_and(|regex| regex.is_match(&got.clone().into_bytes())),
            Self::Trim(value) => {
                let wanted = value.bytes(scope)?;
                let bytes = got.clone().into_bytes();
                bytes.iter().rposition(|&byte| byte != b' ').map_or(0, |last| last + 1)
                    == wanted.len()
                    && bytes.starts_with(&wanted)
            }
            Self::OneOf(patterns) => {
                for pattern in patterns {
                    if pattern.matches(got, scope)? {
                        return Ok(true);
                    }
                }
                false
            }
        })
    }

    /// The pattern with names replaced by what they stand for, for messages.
    pub fn explained(&self, scope: &Scope) -> String {
        match self {
            Self::Value(value) | Self::Trim(value) => match value.eval(scope) {
                Ok(datum)
                    if !matches!(value, Value::Number { .. } | Value::Text(_) | Value::Word(_)) =>
                {
                    format!("{} ({self})", shortened(&datum))
                }
                Ok(datum) => shortened(&datum),
                Err(_) => self.to_string(),
            },
            Self::Not(value) => match value.eval(scope) {
                Ok(datum) => format!("anything but {}", shortened(&datum)),
                Err(_) => self.to_string(),
            },
            Self::Any => "any legal value".to_owned(),
            Self::Behind(before, pattern) => format!("{before}, then {}", pattern.explained(scope)),
            _ => self.to_string(),
        }
    }

    /// The name that this pattern can bind.
    pub fn binds(&self) -> Option<&str> {
        match self {
            Self::Value(Value::Var(name)) => Some(name),
            Self::Behind(_, pattern) => pattern.binds(),
            _ => None,
        }
    }

    /// Calls `f` with every name in the pattern.
    pub fn each_var<'a>(&'a self, f: &mut impl FnMut(&'a str)) {
        match self {
            Self::Value(value) | Self::Not(value) | Self::Trim(value) => value.each_var(f),
            Self::Range(low, high) => {
                low.each_var(f);
                high.each_var(f);
            }
            Self::Behind(_, pattern) => pattern.each_var(f),
            Self::Any | Self::Rest | Self::Regex(_) => {}
            Self::OneOf(patterns) => patterns.iter().for_each(|pattern| pattern.each_var(f)),
        }
    }
}

/// Equal as numbers where either side is one, else byte for byte.
fn same(wanted: &Datum, got: &Datum) -> bool {
    match (wanted, got) {
        (Datum::Bytes(wanted), Datum::Bytes(got)) => wanted == got,
        (Datum::Number(wanted), got) => got.as_number() == Some(*wanted),
        (wanted, Datum::Number(got)) => wanted.as_number() == Some(*got),
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Value(value) => write!(f, "{value}"),
            Self::Any => f.write_str("*"),
            Self::Rest => f.write_str("..."),
            Self::Behind(before, pattern) => write!(f, "{before}{pattern}"),
            Self::Not(value) => write!(f, "!{value}"),
            Self::Range(low, high) => write!(f, "{low}..{high}"),
            Self::Regex(regex) => write!(f, "/{}/", regex.replace('/', "\\/")),
            Self::Trim(value) => write!(f, "trim({value})"),
            Self::OneOf(patterns) => {
                for (index, pattern) in patterns.iter().enumerate() {
                    write!(f, "{}{pattern}", if index == 0 { "" } else { "|" })?;
                }
                Ok(())
            }
        }
    }
}
