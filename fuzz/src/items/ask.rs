//! Requests about items as they are drawn: few keys, so that they meet; values and times from the borders of every rule.

use arbitrary::{Arbitrary, Result, Unstructured};
use bytes::Bytes;
use lockproof_protocol::memcached_binary::{
    Command, Direction, Opcode, Request, Side, StoreMode, Value,
};
use lockproof_state_machine::items::SHARED_LEN_MIN;

/// Unix time at the start.
pub(crate) const UNIX_START: u64 = 1_700_000_000;
const START: u32 = 1_700_000_000;

/// The last one is as long as a key can be.
pub(crate) const KEYS: [&[u8]; 5] = [b"a", b"b", b"A", b"k\0", &[b'k'; 250]];

const TEXTS: [&str; 16] = [
    "",
    "0",
    "9",
    "10",
    "99 ",
    "100",
    " 7",
    "+3",
    "-0",
    "-1",
    "1x",
    "5 x",
    "x",
    "007",
    "18446744073709551615",
    "18446744073709551616",
];

const SECONDS: [u32; 12] =
    [0, 0, 1, 2, 4, 2_592_000, 2_592_001, START - 1, START, START + 1, u32::MAX - 1, u32::MAX];

/// Which CAS a request carries, told without knowing the number.
#[derive(Arbitrary, Clone, Copy, Debug)]
pub(crate) enum Cas {
    Zero,
    Current,
    Other(u8),
}

impl Cas {
    /// The number, where the item has that one.
    pub(crate) fn of(self, current: Option<u64>) -> u64 {
        match self {
            Self::Zero => 0,
            Self::Current => current.unwrap_or(77),
            Self::Other(number) => number.into(),
        }
    }
}

/// A request, but for its CAS.
#[derive(Debug)]
pub(crate) struct Ask {
    pub(crate) opcode: Opcode,
    pub(crate) cas: Cas,
    pub(crate) command: Command,
}

impl Ask {
    pub(crate) fn request(self, current: impl Fn(&[u8]) -> Option<u64>) -> Request {
        let Self { opcode, cas, command } = self;
        let mut request = Request { opcode, opaque: 0x0102_0304, cas: 0, command };
        request.cas = cas.of(request.key().and_then(|key| current(key)));
        request
    }
}

impl<'a> Arbitrary<'a> for Ask {
    fn arbitrary(input: &mut Unstructured<'a>) -> Result<Self> {
        // The high bit asks for the quiet form, where there is one.
        let choice = u8::arbitrary(input)?;
        let opcode = LOUD[usize::from(choice & 0x7f) % LOUD.len()];
        let cas = Cas::arbitrary(input)?;
        let command = command(opcode, input)?;
        let quiet = Opcode::ALL.iter().find(|quiet| quiet.is_quiet() && quiet.loud() == opcode);
        let opcode = quiet.copied().filter(|_| choice & 0x80 != 0).unwrap_or(opcode);
        Ok(Self { opcode, cas, command })
    }
}

const LOUD: [Opcode; 17] = [
    Opcode::GET,
    Opcode::GETK,
    Opcode::SET,
    Opcode::SET,
    Opcode::ADD,
    Opcode::REPLACE,
    Opcode::APPEND,
    Opcode::PREPEND,
    Opcode::DELETE,
    Opcode::INCREMENT,
    Opcode::DECREMENT,
    Opcode::TOUCH,
    Opcode::GAT,
    Opcode::GATK,
    Opcode::FLUSH,
    Opcode::NOOP,
    Opcode::VERSION,
];

fn command(opcode: Opcode, input: &mut Unstructured<'_>) -> Result<Command> {
    let key = match opcode {
        Opcode::FLUSH => return Ok(Command::Flush { delay: seconds(input)? }),
        Opcode::NOOP => return Ok(Command::Noop),
        Opcode::VERSION => return Ok(Command::Version),
        _ => Bytes::from_static(KEYS[usize::from(u8::arbitrary(input)?) % KEYS.len()]),
    };
    let mut store = |mode, key| {
        let flags = [0, 7, u32::MAX][usize::from(u8::arbitrary(input)? % 3)];
        let expiry = seconds(input)?;
        Ok(Command::Store { mode, key, flags, expiry, value: value(input)? })
    };
    Ok(match opcode {
        Opcode::SET => store(StoreMode::Set, key)?,
        Opcode::ADD => store(StoreMode::Add, key)?,
        Opcode::REPLACE => store(StoreMode::Replace, key)?,
        Opcode::APPEND => Command::Concat { side: Side::Append, key, value: value(input)? },
        Opcode::PREPEND => Command::Concat { side: Side::Prepend, key, value: value(input)? },
        Opcode::DELETE => Command::Delete { key },
        Opcode::INCREMENT => count(Direction::Increment, key, input)?,
        Opcode::DECREMENT => count(Direction::Decrement, key, input)?,
        Opcode::TOUCH => Command::Touch { key, expiry: seconds(input)? },
        Opcode::GAT | Opcode::GATK => Command::GetAndTouch { key, expiry: seconds(input)? },
        _ => Command::Get { key },
    })
}

fn count(direction: Direction, key: Bytes, input: &mut Unstructured<'_>) -> Result<Command> {
    let mut number = || {
        let choice = u8::arbitrary(input)?;
        Ok([choice.into(), 1 << 63, u64::MAX][usize::from(choice) % 3])
    };
    let (delta, initial) = (number()?, number()?);
    Ok(Command::Arithmetic { direction, key, delta, initial, expiry: seconds(input)? })
}

fn seconds(input: &mut Unstructured<'_>) -> Result<u32> {
    Ok(SECONDS[usize::from(u8::arbitrary(input)?) % SECONDS.len()])
}

/// Up to 63 bytes as they come, a text that may be a number, or so many times 8 bytes. And one that replies share instead of
/// copying it, and two that were skipped.
fn value(input: &mut Unstructured<'_>) -> Result<Value> {
    let choice = u8::arbitrary(input)?;
    let rest = usize::from(choice & 0x3f);
    Ok(match (choice >> 6, rest) {
        (0, _) => Value::Present(Bytes::copy_from_slice(input.bytes(rest)?)),
        (1, 0x3f) => Value::TooLarge(1 << 21),
        (1, 0x3d) => Value::NoMemory(1 << 10),
        (1, 0x3e) => Value::Present(Bytes::from(vec![b'v'; SHARED_LEN_MIN + 1])),
        (1, _) => Value::Present(Bytes::from(vec![b'v'; rest * 8])),
        _ => Value::Present(Bytes::from_static(TEXTS[rest % TEXTS.len()].as_bytes())),
    })
}
