//! Flags of meta commands: a letter each, some with an argument, none twice.

use super::super::meta_defects::Switch;
use super::super::{On, Talk};

/// The letters that any meta command knows.
const LETTERS: &[u8] = b"bcfhklqstuvCDFIJLMNOPRT";
/// The longest opaque.
const OPAQUE_BYTES_MAX: usize = 32;

const INVALID: &str = "CLIENT_ERROR invalid flag";
const DUPLICATE: &str = "CLIENT_ERROR duplicate flag";
const BAD_TOKEN: &str = "CLIENT_ERROR bad token in command line format";
const BAD_MODE: &str = "CLIENT_ERROR invalid mode for M token";

/// One flag.
pub(super) struct Flag {
    pub(super) letter: u8,
    pub(super) argument: Vec<u8>,
}

impl Flag {
    /// As it was sent.
    pub(super) fn word(&self) -> Vec<u8> {
        [&[self.letter], &self.argument[..]].concat()
    }
}

/// The flags of a request, in order.
pub(super) struct Flags(Vec<Flag>);

impl Flags {
    pub(super) fn has(&self, letter: u8) -> bool {
        self.argument(letter).is_some()
    }

    pub(super) fn argument(&self, letter: u8) -> Option<&[u8]> {
        let flag = self.0.iter().find(|flag| flag.letter == letter);
        flag.map(|flag| flag.argument.as_slice())
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Flag> {
        self.0.iter()
    }
}

impl Talk<'_> {
    /// Reads the flags of the command with that second letter.
    pub(super) fn meta_flags(&self, name: u8, words: &[Vec<u8>]) -> Result<Flags, &'static str> {
        let mut flags = Flags(Vec::new());
        for word in words {
            let Some((&letter, argument)) = word.split_first() else { continue };
            if !LETTERS.contains(&letter) {
                if self.wrong(Switch::UnknownFlagsAreIgnored) {
                    continue;
                }
                return Err(INVALID);
            }
            if flags.has(letter) {
                if self.takes_duplicate(argument) {
                    continue;
                }
                return Err(DUPLICATE);
            }
            let flag = Flag { letter, argument: argument.to_vec() };
            self.check(name, &flag)?;
            flags.0.push(flag);
        }
        Ok(flags)
    }

    fn takes_duplicate(&self, argument: &[u8]) -> bool {
        self.wrong(Switch::DuplicatesAreTaken)
            || !argument.is_empty() && self.wrong(Switch::DuplicateArgumentsAreTaken)
    }

    fn check(&self, name: u8, flag: &Flag) -> Result<(), &'static str> {
        let Flag { letter, argument } = flag;
        let length = argument.len();
        if matches!(letter, b'P' | b'L') && self.wrong(Switch::HintsAreRefused)
            || Self::is_foreign(name, *letter) && self.wrong(Switch::FlagsOfOthersAreRefused)
        {
            return Err(INVALID);
        }
        let right = match (letter, name) {
            (b'N' | b'R' | b'T', _) => self.expiry(argument).is_some(),
            (b'O', _) => return self.check_opaque(length),
            (b'M', b's') => return self.check_mode(argument, b"EAPRS"),
            (b'M', b'a') => return self.check_mode(argument, b"I+D-"),
            (b'F', b's') => self.client_flags(argument).is_some(),
            (b'C', _) | (b'D' | b'J', b'a') => self.number(argument).is_some(),
            _ => true,
        };
        let lenient = self.wrong(Switch::BadNumbersAreZero)
            || length == 0 && self.wrong(Switch::MissingNumbersAreZero);
        if right || lenient { Ok(()) } else { Err(BAD_TOKEN) }
    }

    fn check_opaque(&self, length: usize) -> Result<(), &'static str> {
        let most = match self.on() {
            On::Meta(Switch::OpaqueOf32IsRefused) => OPAQUE_BYTES_MAX - 1,
            On::Meta(Switch::OpaqueOf31IsRefused) => OPAQUE_BYTES_MAX - 2,
            On::Meta(Switch::OpaqueHasNoLimit) => usize::MAX,
            _ => OPAQUE_BYTES_MAX,
        };
        if length == 0 && self.wrong(Switch::BareOpaqueIsRefused) {
            return Err(BAD_TOKEN);
        }
        if length > most { Err("CLIENT_ERROR opaque token too long") } else { Ok(()) }
    }

    fn check_mode(&self, mode: &[u8], modes: &[u8]) -> Result<(), &'static str> {
        let signs = matches!(mode, b"+" | b"-") && self.wrong(Switch::SignsAreNoModes);
        let known = mode.len() == 1 && modes.contains(&mode[0]) && !signs;
        let lower = mode.len() == 1 && modes.contains(&mode[0].to_ascii_uppercase());
        let lenient = self.wrong(Switch::UnknownModesAreTheDefault)
            || lower && self.wrong(Switch::ModesIgnoreCase);
        if known || lenient { Ok(()) } else { Err(BAD_MODE) }
    }

    /// The flags of an item, in an argument.
    pub(super) fn client_flags(&self, argument: &[u8]) -> Option<u32> {
        let number = self.number(argument)?;
        let wrapped = u32::try_from(number & 0xffff_ffff).unwrap_or_default();
        if self.wrong(Switch::FlagsWrap) { Some(wrapped) } else { u32::try_from(number).ok() }
    }

    fn is_foreign(name: u8, letter: u8) -> bool {
        match name {
            b'g' => b"CFMDJI".contains(&letter),
            b's' => b"vthlfsNR".contains(&letter),
            b'd' => b"vtcs".contains(&letter),
            _ => b"sfhlIRFu".contains(&letter),
        }
    }
}
