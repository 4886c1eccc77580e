//! Requests as a client writes them. Every one has an opaque, by which its reply is known (MCM-OPQ-01).
//!
//! A change is never quiet: an error line carries no opaque (MCM-OPQ-04), so among silent successes nobody could tell whose it is.

use bytes::{BufMut, BytesMut};

use super::key::{ENCODED_MAX, put_encoded};
use crate::decimal;
use crate::memcached::{Command, DO_NOT_CREATE, Direction, Lookup, Side, StoreMode, Value};
use crate::memcached_text::{
    KEY_MAX, Unsayable, check_command as check_text, is_plain_key, put_block, put_expiry,
    put_general, value_len,
};

/// A key as it goes on the wire is at most 250 bytes, in base64 too (MCM-KEY-02).
const BINARY_KEY_MAX: usize = KEY_MAX / 4 * 3;
const _: () = assert!(BINARY_KEY_MAX.div_ceil(3) * 4 <= ENCODED_MAX);

/// Whether a key can be sent: as it is, or in base64.
///
/// # Errors
///
/// One that needs base64, and is too long for that.
pub fn check_key(key: &[u8]) -> Result<(), Unsayable> {
    if is_plain_key(key) || (!key.is_empty() && key.len() <= BINARY_KEY_MAX) {
        return Ok(());
    }
    Err(Unsayable("the key has a space or a control byte, and is too long for base64 (186 bytes)"))
}

/// Whether [`put_command`] can say the command, with that CAS to match (0 matches nothing).
///
/// # Errors
///
/// What the protocol has no words for.
pub fn check_command(command: &Command, cas: u64) -> Result<(), Unsayable> {
    match command {
        // MCM-CAS-03: it would not be looked at.
        Command::Store { mode: StoreMode::Add, .. } if cas != 0 => {
            Err(Unsayable("an add cannot depend on a CAS"))
        }
        Command::Touch { .. } | Command::GetAndTouch { .. } | Command::Get { .. } if cas != 0 => {
            Err(Unsayable("a read cannot depend on a CAS"))
        }
        Command::Get { key }
        | Command::Store { key, .. }
        | Command::Concat { key, .. }
        | Command::Delete { key }
        | Command::Arithmetic { key, .. }
        | Command::Touch { key, .. }
        | Command::GetAndTouch { key, .. } => check_key(key),
        command => check_text(command, cas),
    }
}

/// Appends a command that [`check_command`] accepts; what is about no item goes by text. `is_quiet` withholds a miss of
/// GET and GET-AND-TOUCH (MCM-QT-01), and nothing else.
pub fn put_command(command: &Command, cas: u64, opaque: u32, is_quiet: bool, out: &mut BytesMut) {
    let mut line = Line { out };
    match command {
        Command::Get { key } => line.get(key, None, is_quiet),
        Command::GetAndTouch { key, expiry } => line.get(key, Some(*expiry), is_quiet),
        Command::Touch { key, expiry } => {
            line.begin(b"mg", key);
            line.flag(b"c");
            line.expiry(b'T', *expiry);
        }
        Command::Store { mode, key, flags, expiry, value } => {
            line.begin_store(key, value);
            match mode {
                StoreMode::Set => {}
                StoreMode::Add => line.flag(b"ME"),
                StoreMode::Replace => line.flag(b"MR"),
            }
            line.number_unless_0(b'F', (*flags).into());
            if *expiry != 0 {
                line.expiry(b'T', *expiry);
            }
            line.number_unless_0(b'C', cas);
        }
        Command::Concat { side, key, value } => {
            line.begin_store(key, value);
            line.flag(match side {
                Side::Append => b"MA",
                Side::Prepend => b"MP",
            });
            line.number_unless_0(b'C', cas);
        }
        Command::Delete { key } => {
            line.begin(b"md", key);
            line.number_unless_0(b'C', cas);
        }
        Command::Arithmetic { direction, key, delta, initial, expiry } => {
            line.begin(b"ma", key);
            line.flag(b"v");
            line.flag(b"c");
            if *direction == Direction::Decrement {
                line.flag(b"MD");
            }
            line.number(b'D', *delta);
            if *expiry != DO_NOT_CREATE {
                line.expiry(b'N', *expiry);
                line.number(b'J', *initial);
            }
            line.number_unless_0(b'C', cas);
        }
        Command::Noop => return put_nop(out),
        Command::Quit => return out.put_slice(b"mn\r\nquit\r\n"),
        command => return put_general(command, out),
    }
    line.end(opaque);
    if let Command::Store { value, .. } | Command::Concat { value, .. } = command {
        put_block(value, out);
    }
}

/// Appends `mg` with all that meta has for it. Value, flags and CAS are asked for.
pub fn put_lookup(key: &[u8], lookup: &Lookup, opaque: u32, out: &mut BytesMut) {
    let mut line = Line { out };
    line.get_flags(key);
    // Whether the recache is before or after the touch is told by the order (MCM-STA-08).
    let recache = lookup.recache.map(|recache| (recache.after_touch, recache.below));
    if let Some((false, below)) = recache {
        line.expiry(b'R', below);
    }
    if let Some(touch) = lookup.touch {
        line.expiry(b'T', touch);
    }
    if let Some((true, below)) = recache {
        line.expiry(b'R', below);
    }
    // Behind the touch, whose expiry would else be the new item's (MCM-GET-12).
    if let Some(vivify) = lookup.vivify {
        line.expiry(b'N', vivify);
    }
    if lookup.is_peek {
        line.flag(b"u");
    }
    line.end(opaque);
}

/// Appends `md` that marks the item as stale instead (MCM-STA-09), if it still has that CAS (0 for any); `expiry` is its new one.
pub fn put_invalidate(key: &[u8], cas: u64, expiry: Option<u32>, opaque: u32, out: &mut BytesMut) {
    let mut line = Line { out };
    line.begin(b"md", key);
    line.flag(b"I");
    if let Some(expiry) = expiry {
        line.expiry(b'T', expiry);
    }
    line.number_unless_0(b'C', cas);
    line.end(opaque);
}

/// Appends `mn` (MCM-NOP-01).
pub fn put_nop(out: &mut BytesMut) {
    out.put_slice(b"mn\r\n");
}

/// Appends `mn` in as many bytes as a header of the binary protocol has, so that a server that waits for one sees that this is
/// none, and closes (MCT-CON-08). To others the spaces mean nothing (MCT-LIN-03).
pub fn put_probe(out: &mut BytesMut) {
    out.put_slice(b"mn                      \r\n");
}

/// A line that is being written.
struct Line<'a> {
    out: &'a mut BytesMut,
}

impl Line<'_> {
    fn get(&mut self, key: &[u8], touch: Option<u32>, is_quiet: bool) {
        self.get_flags(key);
        if let Some(expiry) = touch {
            self.expiry(b'T', expiry);
        }
        if is_quiet {
            self.flag(b"q");
        }
    }

    fn get_flags(&mut self, key: &[u8]) {
        self.begin(b"mg", key);
        for flag in [b"v", b"c", b"f"] {
            self.flag(flag);
        }
    }

    fn begin_store(&mut self, key: &[u8], value: &Value) {
        self.word(b"ms", key, Some(value_len(value)));
        self.flag(b"c");
    }

    fn begin(&mut self, verb: &[u8], key: &[u8]) {
        self.word(verb, key, None);
    }

    /// Verb, key, and between it and the flags a length.
    fn word(&mut self, verb: &[u8], key: &[u8], len: Option<u64>) {
        self.out.put_slice(verb);
        self.out.put_u8(b' ');
        let is_plain = is_plain_key(key);
        if is_plain {
            self.out.put_slice(key);
        } else {
            put_encoded(key, self.out);
        }
        if let Some(len) = len {
            self.out.put_u8(b' ');
            decimal::put(len, self.out);
        }
        if !is_plain {
            self.flag(b"b");
        }
    }

    fn flag(&mut self, flag: &[u8]) {
        self.out.put_u8(b' ');
        self.out.put_slice(flag);
    }

    fn number(&mut self, letter: u8, number: u64) {
        self.flag(&[letter]);
        decimal::put(number, self.out);
    }

    fn number_unless_0(&mut self, letter: u8, number: u64) {
        if number != 0 {
            self.number(letter, number);
        }
    }

    fn expiry(&mut self, letter: u8, expiry: u32) {
        self.flag(&[letter]);
        put_expiry(expiry, self.out);
    }

    fn end(&mut self, opaque: u32) {
        self.number(b'O', opaque.into());
        self.out.put_slice(b"\r\n");
    }
}
