//! Requests as a client writes them. It leaves out what a reply means, and meta, which has a module of its own.

use bytes::{BufMut, BytesMut};
use thiserror::Error;

use super::KEY_MAX;
use crate::decimal;
use crate::memcached::{Command, DO_NOT_CREATE, Direction, Side, StoreMode, Value};

/// The latest date that lines can name, in 2038, and what every later one is sent as (MCT-NUM-06).
const EXPIRY_MAX: u32 = 0x7fff_ffff;

/// The command cannot be said in this protocol.
#[derive(Clone, Copy, Debug, Eq, Error, PartialEq)]
#[error("{0}")]
pub struct Unsayable(pub &'static str);

/// Whether a key can stand in a line as it is. Bytes from 0x80 on can (MCT-KEY-05); what separates tokens, and control bytes,
/// cannot (MCT-KEY-04).
pub fn is_plain_key(key: &[u8]) -> bool {
    !key.is_empty()
        && key.len() <= KEY_MAX
        && !key.iter().any(|byte| *byte <= b' ' || *byte == 0x7f)
}

/// Whether [`put_command`] can say the command, with that CAS to match (0 matches nothing).
///
/// # Errors
///
/// What the protocol has no words for.
pub fn check_command(command: &Command, cas: u64) -> Result<(), Unsayable> {
    let conditional = matches!(command, Command::Store { mode: StoreMode::Set, .. });
    if cas != 0 && !conditional {
        return Err(Unsayable("by text only a set can depend on a CAS"));
    }
    match command {
        Command::Arithmetic { expiry, .. } if *expiry != DO_NOT_CREATE => {
            Err(Unsayable("by text a counter cannot be created while counting; add it first"))
        }
        Command::Stat { group } => check_group(group),
        Command::SaslListMechs | Command::SaslStep { .. } | Command::Unknown => {
            Err(Unsayable("only the binary protocol has such a command"))
        }
        Command::SaslAuth { payload, .. } => plain_login(payload).map(|_| ()),
        Command::Get { key }
        | Command::Store { key, .. }
        | Command::Concat { key, .. }
        | Command::Delete { key }
        | Command::Arithmetic { key, .. }
        | Command::Touch { key, .. }
        | Command::GetAndTouch { key, .. }
            if !is_plain_key(key) =>
        {
            Err(Unsayable(
                "the key has a space or a control byte, which a line of text cannot hold",
            ))
        }
        _ => Ok(()),
    }
}

/// A group may be two words; it must not be two lines.
fn check_group(group: &[u8]) -> Result<(), Unsayable> {
    if group.iter().any(|byte| *byte < b' ') {
        return Err(Unsayable("a control byte in the name of a group of statistics"));
    }
    Ok(())
}

/// Appends a command that [`check_command`] accepts, for whose reply something is said: nothing is ever `noreply`.
/// What it does not accept adds nothing.
///
/// A [`Value`] that is not present is announced, and its block is left to the caller. NOOP is `version`, and so is the good-bye
/// before `quit`: text has nothing that does less and is answered.
pub fn put_command(command: &Command, cas: u64, out: &mut BytesMut) {
    match command {
        Command::Get { key } => put_get([&key[..]], out),
        Command::GetAndTouch { key, expiry } => {
            out.put_slice(b"gats ");
            put_expiry(*expiry, out);
            put_word(key, out);
            end(out);
        }
        Command::Store { mode, key, flags, expiry, value } => {
            let verb: &[u8] = match (mode, cas) {
                (StoreMode::Set, 0) => b"set",
                (StoreMode::Set, _) => b"cas",
                (StoreMode::Add, _) => b"add",
                (StoreMode::Replace, _) => b"replace",
            };
            put_store(verb, key, *flags, *expiry, value, cas, out);
        }
        Command::Concat { side, key, value } => {
            let verb: &[u8] = match side {
                Side::Append => b"append",
                Side::Prepend => b"prepend",
            };
            put_store(verb, key, 0, 0, value, 0, out);
        }
        Command::Delete { key } => put_line_of(b"delete", key, None, out),
        Command::Touch { key, expiry } => {
            put_line_of(b"touch", key, Some((*expiry).min(EXPIRY_MAX).into()), out);
        }
        Command::Arithmetic { direction, key, delta, .. } => {
            let verb: &[u8] = match direction {
                Direction::Increment => b"incr",
                Direction::Decrement => b"decr",
            };
            put_line_of(verb, key, Some(*delta), out);
        }
        command => put_general(command, out),
    }
}

/// Appends a command that is about no item; meta has these from text.
pub(crate) fn put_general(command: &Command, out: &mut BytesMut) {
    match command {
        Command::Flush { delay: 0 } => out.put_slice(b"flush_all\r\n"),
        Command::Flush { delay } => {
            out.put_slice(b"flush_all ");
            put_expiry(*delay, out);
            end(out);
        }
        Command::Noop | Command::Version => out.put_slice(b"version\r\n"),
        Command::Quit => out.put_slice(b"version\r\nquit\r\n"),
        Command::Stat { group } => {
            out.put_slice(b"stats");
            if !group.is_empty() {
                put_word(group, out);
            }
            end(out);
        }
        Command::SaslAuth { payload, .. } => {
            if let Ok((user, password)) = plain_login(payload) {
                put_login(user, password, out);
            }
        }
        _ => {}
    }
}

/// Appends one `gets` of some keys (MCT-GET-04).
pub fn put_get<'a>(keys: impl IntoIterator<Item = &'a [u8]>, out: &mut BytesMut) {
    out.put_slice(b"gets");
    for key in keys {
        put_word(key, out);
    }
    end(out);
}

/// Appends a login: a `set` whose block is `user password` (MCT-AUT-01).
fn put_login(user: &[u8], password: &[u8], out: &mut BytesMut) {
    out.put_slice(b"set auth 0 0 ");
    decimal::put((user.len() + 1 + password.len()) as u64, out);
    end(out);
    out.put_slice(user);
    put_word(password, out);
    end(out);
}

/// User and password in what SASL PLAIN sends, if text can send them.
fn plain_login(payload: &Value) -> Result<(&[u8], &[u8]), Unsayable> {
    let Value::Present(payload) = payload else {
        return Err(Unsayable("user and password are too long"));
    };
    let mut parts = payload.splitn(3, |byte| *byte == 0);
    let (Some(_), Some(user), Some(password)) = (parts.next(), parts.next(), parts.next()) else {
        return Err(Unsayable("by text a login is a user and a password"));
    };
    if user.contains(&b' ') {
        return Err(Unsayable("a space in a user's name, where text has the password begin"));
    }
    Ok((user, password))
}

fn put_store(
    verb: &[u8],
    key: &[u8],
    flags: u32,
    expiry: u32,
    value: &Value,
    cas: u64,
    out: &mut BytesMut,
) {
    out.put_slice(verb);
    put_word(key, out);
    out.put_u8(b' ');
    decimal::put(flags.into(), out);
    out.put_u8(b' ');
    put_expiry(expiry, out);
    out.put_u8(b' ');
    decimal::put(value_len(value), out);
    if cas != 0 {
        out.put_u8(b' ');
        decimal::put(cas, out);
    }
    end(out);
    put_block(value, out);
}

fn put_line_of(verb: &[u8], key: &[u8], argument: Option<u64>, out: &mut BytesMut) {
    out.put_slice(verb);
    put_word(key, out);
    if let Some(argument) = argument {
        out.put_u8(b' ');
        decimal::put(argument, out);
    }
    end(out);
}

fn put_word(word: &[u8], out: &mut BytesMut) {
    out.put_u8(b' ');
    out.put_slice(word);
}

/// Appends an expiry, the latest that there is if it is later.
pub(crate) fn put_expiry(expiry: u32, out: &mut BytesMut) {
    decimal::put(expiry.min(EXPIRY_MAX).into(), out);
}

/// The length to announce.
pub(crate) fn value_len(value: &Value) -> u64 {
    match value {
        Value::Present(bytes) => bytes.len() as u64,
        Value::TooLarge(len) | Value::NoMemory(len) => u64::from(*len),
    }
}

/// Appends a data block, if there is one.
pub(crate) fn put_block(value: &Value, out: &mut BytesMut) {
    if let Value::Present(bytes) = value {
        out.extend_from_slice(bytes);
        end(out);
    }
}

fn end(out: &mut BytesMut) {
    out.put_slice(b"\r\n");
}
