//! The flags of a request, checked and read; what they mean together stands in `command`.

use super::{FLAGS_MAX, OPAQUE_MAX};
use crate::decimal;
use crate::memcached_text::{Refusal, Tokens};

/// What the flags say. Arguments of flags that a command has not are checked all the same (MCM-GEN-06).
#[derive(Debug, Default)]
pub(super) struct Flags {
    /// The letters that are there, a bit each.
    letters: u64,
    /// `N`
    pub(super) vivify: Option<u32>,
    /// `R`
    pub(super) recache: Option<u32>,
    /// `T`
    pub(super) expiry: Option<u32>,
    /// `T` stands before `R`.
    pub(super) expiry_first: bool,
    /// `N` stands before `T`.
    pub(super) vivify_first: bool,
    /// `C`
    pub(super) cas: Option<u64>,
    /// `F`
    pub(super) client: Option<u32>,
    /// `M`
    pub(super) mode: Option<u8>,
    /// `J`
    pub(super) initial: Option<u64>,
    /// `D`
    pub(super) delta: Option<u64>,
}

/// The flags whose letters mean something to some command (MCM-GEN-05).
const KNOWN: &[u8] = b"bcfhklqstuvCDFIJLMNOPRT";

impl Flags {
    /// Reads the flags, each once (MCM-GEN-04).
    ///
    /// # Errors
    ///
    /// What `mg` and `ms` say to the first that is wrong; `md` and `ma` have other words.
    pub(super) fn read(flags: &[u8], count_max: usize, too_many: Refusal) -> Result<Self, Refusal> {
        if Tokens::new(flags).take(FLAGS_MAX + 1).count() > count_max {
            return Err(too_many);
        }
        let mut read = Self::default();
        for token in Tokens::new(flags) {
            let Some((letter, argument)) = token.split_first() else { continue };
            read.add(*letter, argument)?;
        }
        Ok(read)
    }

    pub(super) fn has(&self, letter: u8) -> bool {
        self.letters & bit(letter) != 0
    }

    fn add(&mut self, letter: u8, argument: &[u8]) -> Result<(), Refusal> {
        if letter >= 0x7f || self.has(letter) {
            return Err(Refusal::DUPLICATE_FLAG); // MCM-GEN-16 too
        }
        if !KNOWN.contains(&letter) {
            return Err(Refusal::FLAG);
        }
        self.letters |= bit(letter);
        match letter {
            b'N' => self.vivify = Some(decimal::expiry(argument).ok_or(Refusal::TOKEN)?),
            b'T' => {
                self.expiry = Some(decimal::expiry(argument).ok_or(Refusal::TOKEN)?);
                self.expiry_first = self.recache.is_none();
                self.vivify_first = self.vivify.is_some();
            }
            b'R' => self.recache = Some(decimal::expiry(argument).ok_or(Refusal::TOKEN)?),
            b'C' => self.cas = Some(decimal::unsigned(argument).ok_or(Refusal::TOKEN)?),
            b'F' => self.client = Some(decimal::flags(argument).ok_or(Refusal::FORMAT)?),
            b'J' => {
                self.initial = Some(decimal::unsigned(argument).ok_or(Refusal::INITIAL_FLAG)?);
            }
            b'D' => self.delta = Some(decimal::unsigned(argument).ok_or(Refusal::DELTA_FLAG)?),
            b'M' => match *argument {
                [mode] => self.mode = Some(mode),
                _ => return Err(Refusal::MODE_LENGTH),
            },
            b'O' if argument.len() > OPAQUE_MAX => return Err(Refusal::OPAQUE),
            _ => {}
        }
        Ok(())
    }
}

/// Letters from `A` to `z` have a bit each; all known ones are among them.
fn bit(letter: u8) -> u64 {
    letter.checked_sub(b'A').and_then(|at| 1_u64.checked_shl(at.into())).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::{Flags, Refusal};

    fn read(flags: &str) -> Result<Flags, Refusal> {
        Flags::read(flags.as_bytes(), 17, Refusal::TOO_MANY)
    }

    #[test]
    fn flags_are_read_once_each() {
        let flags = read(" v  T30 R5 C7 N0 F9 MS J1 D2 Oabc kfoo P L ").unwrap();
        assert!([b'v', b'k', b'O', b'P', b'L'].into_iter().all(|letter| flags.has(letter)));
        assert!(!flags.has(b'q') && flags.expiry_first);
        assert_eq!((flags.expiry, flags.recache, flags.vivify), (Some(30), Some(5), Some(0)));
        assert_eq!((flags.cas, flags.client, flags.mode), (Some(7), Some(9), Some(b'S')));
        assert_eq!((flags.initial, flags.delta), (Some(1), Some(2)));
        assert!(!read("R5 T30").unwrap().expiry_first);
    }

    #[test]
    fn wrong_flags_are_named() {
        let long = ["O", &"x".repeat(33)].concat();
        let many = "a ".repeat(18);
        let rows = [
            ("v v", Refusal::DUPLICATE_FLAG),
            ("O1 O2", Refusal::DUPLICATE_FLAG),
            ("\u{7f}", Refusal::DUPLICATE_FLAG),
            ("S", Refusal::FLAG),
            ("W", Refusal::FLAG),
            ("1", Refusal::FLAG),
            ("T", Refusal::TOKEN),
            ("Nx", Refusal::TOKEN),
            ("R1.5", Refusal::TOKEN),
            ("C-1", Refusal::TOKEN),
            ("F-1", Refusal::FORMAT),
            ("M", Refusal::MODE_LENGTH),
            ("Mab", Refusal::MODE_LENGTH),
            ("Jx", Refusal::INITIAL_FLAG),
            ("D", Refusal::DELTA_FLAG),
            (&long, Refusal::OPAQUE),
            (&many, Refusal::TOO_MANY),
        ];
        for (flags, refusal) in rows {
            assert_eq!(read(flags).err(), Some(refusal), "{flags}");
        }
    }
}
