//! INCREMENT and DECREMENT, quiet and loud.

use super::super::defect::Switch;
use super::super::frame::{Reply, Request, Status};
use super::super::opcode::{Command, Verb};
use super::super::store::{Item, Marks, Store};
use super::Answer;

/// The expiry that means: do not create.
const DO_NOT_CREATE: u32 = u32::MAX;

impl Store {
    pub(super) fn count(&mut self, command: Command, request: &Request) -> Answer {
        let expiry = request.u32_at(16);
        let Some(item) = self.items.get(&request.key).cloned() else {
            return self.create_counter(command, request, expiry);
        };
        if expiry == DO_NOT_CREATE && self.wrong(Switch::AllOnesNeverCounts) {
            return Err(Status::NotFound);
        }
        self.check_cas(command, request, &item)?;
        let number = self.number(&item.value)?;
        let count = self.counted(command.verb, number, self.delta(request));
        let mut item = Item { value: self.digits(count, &item.value), ..item };
        match self.active.0 {
            Some(Switch::IncrClearsFlags) => item.flags = 0,
            Some(Switch::CountingSetsTheExpiry) => item.expires = self.deadline(expiry),
            Some(Switch::CountingClearsTheExpiry) => item.expires = None,
            _ => {}
        }
        self.make_room(command, request, item.value.len())?;
        self.statistics.count(hits_or_misses(command.verb, true));
        let cas = self.put(command, &request.key, item);
        Ok(self.counter(count, cas))
    }

    fn create_counter(&mut self, command: Command, request: &Request, expiry: u32) -> Answer {
        if !self.creates(expiry) {
            self.statistics.count(hits_or_misses(command.verb, false));
            return Err(Status::NotFound);
        }
        if self.wrong(Switch::StatCountsCreationAsMiss) {
            self.statistics.count(hits_or_misses(command.verb, false));
        }
        let initial = request.u64_at(8);
        let count = match self.active.0 {
            Some(Switch::InitialHas32Bits) => initial & 0xffff_ffff,
            Some(Switch::CreationIgnoresTheInitial) => 0,
            Some(Switch::CreationAppliesTheDelta) => {
                self.counted(command.verb, initial, self.delta(request))
            }
            _ => initial,
        };
        let raw = self.wrong(Switch::CounterIsStoredRaw);
        let value = if raw { count.to_be_bytes().to_vec() } else { count.to_string().into() };
        let ignores_expiry = self.wrong(Switch::CreationIgnoresTheExpiry);
        let expires = if ignores_expiry { None } else { self.deadline(expiry) };
        let marks = Marks::at(self.clock.unix());
        let item =
            Item { value: value.clone(), flags: 0, cas: 0, expires, lifetime: expiry, marks };
        self.make_room(command, request, value.len())?;
        let cas = self.put(command, &request.key, item);
        if self.wrong(Switch::CreationAnswersText) {
            return Ok(Reply { value, ..Reply::with_cas(cas) });
        }
        Ok(self.counter(count, cas))
    }

    fn creates(&self, expiry: u32) -> bool {
        match self.active.0 {
            Some(Switch::AllOnesCreates) => true,
            Some(Switch::NegativeDoesNotCreate) => expiry < 0x8000_0000,
            Some(Switch::CounterIsNeverCreated) => false,
            _ => expiry != DO_NOT_CREATE,
        }
    }

    fn delta(&self, request: &Request) -> u64 {
        let delta = request.u64_at(0);
        match self.active.0 {
            Some(Switch::DeltaHas32Bits) => delta & 0xffff_ffff,
            Some(Switch::DeltaIsLittleEndian) => delta.swap_bytes(),
            _ => delta,
        }
    }

    fn counted(&self, verb: Verb, number: u64, delta: u64) -> u64 {
        match verb {
            Verb::Increment if self.wrong(Switch::IncrSaturates) => number.saturating_add(delta),
            Verb::Increment => number.wrapping_add(delta),
            _ if self.wrong(Switch::DecrWraps) => number.wrapping_sub(delta),
            _ => number.saturating_sub(delta),
        }
    }

    /// The number that a value stands for: decimal digits, and nothing else.
    fn number(&self, value: &[u8]) -> Result<u64, Status> {
        let text = std::str::from_utf8(value).unwrap_or("not text");
        let lenient = match self.active.0 {
            Some(Switch::EmptyCountsAsZero) if text.trim().is_empty() => Some(0),
            Some(Switch::TextIsInvalid) => {
                return text.parse().map_err(|_| Status::Invalid);
            }
            Some(Switch::TextCountsAsZero) => Some(text.parse().unwrap_or(0)),
            Some(Switch::NegativeNumbersCount) => text.parse().ok().map(i64::cast_unsigned),
            Some(Switch::HexadecimalCounts) => {
                text.strip_prefix("0x").and_then(|digits| u64::from_str_radix(digits, 16).ok())
            }
            Some(Switch::LeadingDigitsCount) => leading_digits(text).parse().ok(),
            Some(Switch::OverflowCounts) if leading_digits(text) == text && !text.is_empty() => {
                Some(low_64_bits(text))
            }
            _ => None,
        };
        if let Some(number) = lenient {
            return Ok(number);
        }
        let all_digits = text.bytes().all(|byte| byte.is_ascii_digit());
        let number = text.parse().ok().filter(|_| all_digits).ok_or(Status::NotANumber)?;
        let negative = number >= 1 << 63 && self.wrong(Switch::CountersAreSigned);
        if negative { Err(Status::NotANumber) } else { Ok(number) }
    }

    /// What is stored for a count.
    fn digits(&self, count: u64, old: &[u8]) -> Vec<u8> {
        let mut digits = count.to_string().into_bytes();
        if self.wrong(Switch::ShrunkCounterKeepsDigits) && digits.len() < old.len() {
            digits.extend_from_slice(&old[digits.len()..]);
        }
        if self.wrong(Switch::GrownCounterIsCut) {
            digits.truncate(old.len());
        }
        digits
    }

    fn counter(&self, count: u64, cas: u64) -> Reply {
        let (bytes, text) = (count.to_be_bytes().to_vec(), count.to_string());
        let (extras, value) = match self.active.0 {
            Some(Switch::CounterIsText) => (Vec::new(), text.into()),
            Some(Switch::CounterIsLittleEndian) => (Vec::new(), count.to_le_bytes().to_vec()),
            Some(Switch::CounterHasFourBytes) if count >> 32 == 0 => {
                (Vec::new(), bytes[4..].to_vec())
            }
            Some(Switch::CounterIsInTheExtras) => (bytes, Vec::new()),
            _ => (Vec::new(), bytes),
        };
        Reply { extras, value, ..Reply::with_cas(cas) }
    }
}

fn hits_or_misses(verb: Verb, hit: bool) -> &'static str {
    match (verb, hit) {
        (Verb::Increment, true) => "incr_hits",
        (Verb::Increment, false) => "incr_misses",
        (_, true) => "decr_hits",
        (_, false) => "decr_misses",
    }
}

fn leading_digits(text: &str) -> &str {
    let end = text.find(|character: char| !character.is_ascii_digit()).unwrap_or(text.len());
    &text[..end]
}

fn low_64_bits(digits: &str) -> u64 {
    digits
        .bytes()
        .fold(0, |number, digit| number.wrapping_mul(10_u64).wrapping_add(u64::from(digit - b'0')))
}
