//! Requests and replies in a line.

use std::fmt;

use super::{Action, Key, Life, Reply, Request, Win};
use crate::history::brief::brief;

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "key {}", brief(&self.0))
    }
}

impl fmt::Display for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let key = brief(&self.key);
        match &self.action {
            Action::Get => write!(f, "get {key}"),
            Action::Fetch { vivify, recache } => {
                write!(f, "mg {key}{}", life_of("N", *vivify))?;
                f.write_str(if *recache { " R" } else { "" })
            }
            Action::Touch { life } => write!(f, "touch {key}{}", life_of("life", Some(*life))),
            Action::Refill { value, cas } => {
                write!(f, "ms {key} value={} C{cas} I", brief(value))
            }
            Action::Invalidate { cas, life } => {
                write!(f, "md {key} I C{cas}{}", life_of("T", *life))
            }
            Action::Store { mode, value, flags, cas } => {
                let (name, value) = (mode.name(), brief(value));
                write!(f, "{name} {key} value={value} flags={flags} cas={cas}")
            }
            Action::Delete { cas } => write!(f, "delete {key} cas={cas}"),
            Action::Count { delta, down, initial } => {
                let name = if *down { "decr" } else { "incr" };
                write!(f, "{name} {key} delta={delta}")?;
                initial.map_or(Ok(()), |initial| write!(f, " initial={initial}"))
            }
        }
    }
}

impl fmt::Display for Reply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let cas_of = |cas: &Option<u64>| cas.map_or(String::new(), |cas| format!(" cas={cas}"));
        match self {
            Self::Hit { value, flags, cas } => {
                write!(f, "{} flags={flags}{}", brief(value), cas_of(cas))
            }
            Self::Fetched { value, flags, cas, is_stale, win } => {
                let stale = if *is_stale { " X" } else { "" };
                let win = match win {
                    Win::Won => " W",
                    Win::Taken => " Z",
                    Win::None => "",
                };
                write!(f, "{} flags={flags}{}{stale}{win}", brief(value), cas_of(cas))
            }
            Self::Touched => f.write_str("touched"),
            Self::Invalidated => f.write_str("stale from now on"),
            Self::Stored { cas } => write!(f, "stored{}", cas_of(cas)),
            Self::Counted { value, cas } => write!(f, "{value}{}", cas_of(cas)),
            Self::Deleted => f.write_str("deleted"),
            Self::Missing => f.write_str("missing"),
            Self::Exists => f.write_str("exists"),
            Self::NotANumber => f.write_str("not a number"),
        }
    }
}

/// A flag that says how long something lives, where there is one.
fn life_of(flag: &str, life: Option<Life>) -> String {
    match life {
        Some(Life::Ends) => format!(" {flag}=ends"),
        Some(Life::ForEver) => format!(" {flag}=for-ever"),
        None => String::new(),
    }
}
