//! Numbers of lines: decimal digits and nothing else.

use super::Talk;
use super::defects::Switch;

/// What stands for a time that is long past: in 1970.
const PAST: u32 = 30 * 24 * 60 * 60 + 1;
/// The longest length: what one that announces more says is not believed.
const LENGTH_MAX: u64 = i32::MAX as u64 - 2;

impl Talk<'_> {
    /// A number of 64 bits without a sign.
    pub(super) fn number(&self, word: &[u8]) -> Option<u64> {
        let text = std::str::from_utf8(word).ok()?;
        if let Some(digits) = text.strip_prefix("0x")
            && self.wrong(Switch::NumbersMayBeHexadecimal)
        {
            return u64::from_str_radix(digits, 16).ok();
        }
        let end = text.find(|character: char| !character.is_ascii_digit());
        match end {
            Some(end) if self.wrong(Switch::NumbersEndAtJunk) => text[..end].parse().ok(),
            Some(_) => None,
            None => text.parse().ok(),
        }
    }

    /// Flags: 32 bits.
    pub(super) fn flags(&self, word: &[u8]) -> Option<u32> {
        if let Some(number) = word.strip_prefix(b"-")
            && self.wrong(Switch::NegativeFlagsWrap)
        {
            return self.number(number).map(|number| low_half(number).wrapping_neg());
        }
        let number = self.number(word)?;
        let wraps = self.wrong(Switch::FlagsWrap);
        if wraps { Some(low_half(number)) } else { u32::try_from(number).ok() }
    }

    /// The length of a data block.
    pub(super) fn length(&self, word: &[u8]) -> Option<usize> {
        if word.starts_with(b"-") && self.wrong(Switch::NegativeLengthIsZero) {
            return Some(0);
        }
        let mut number = self.number(word)?;
        if self.wrong(Switch::LengthWraps) {
            number = low_half(number).into();
        }
        let most = if self.wrong(Switch::HugeLengthIsRefused) { 1 << 20 } else { LENGTH_MAX };
        usize::try_from(number).ok().filter(|_| number <= most)
    }

    /// An exptime, as the binary protocol's field: seconds from now, a Unix time, or 0.
    pub(super) fn expiry(&self, word: &[u8]) -> Option<u32> {
        let (negative, digits) = match word.strip_prefix(b"-") {
            Some(digits) => (true, digits),
            None => (false, word),
        };
        let mut number = self.number(digits)?;
        if self.wrong(Switch::ExpiryWraps) {
            number = low_half(number).into();
        }
        if number > u64::from(i32::MAX.unsigned_abs()) {
            return None;
        }
        let past = if self.wrong(Switch::NegativeExpiryIsNever) { 0 } else { PAST };
        if number <= u64::from(PAST) / 1000 && self.wrong(Switch::ExpiryIsMilliseconds) {
            number *= 1000;
        }
        Some(if negative && number > 0 { past } else { low_half(number) })
    }
}

fn low_half(number: u64) -> u32 {
    u32::try_from(number & 0xffff_ffff).unwrap_or_default()
}
