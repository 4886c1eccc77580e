//! What several targets draw from an input: clients that come and go, and pieces of bytes.

use arbitrary::{Arbitrary, Result, Unstructured};

/// Draws until the input is used up; what is left of it at the end may be short.
pub(crate) fn steps<'a, T: Arbitrary<'a>>(input: &mut Unstructured<'a>) -> impl Iterator<Item = T> {
    std::iter::from_fn(move || (!input.is_empty()).then(|| input.arbitrary().ok()).flatten())
}

/// One of these.
pub(crate) fn pick<T: Copy>(input: &mut Unstructured<'_>, choices: &[T]) -> Result<T> {
    let index = usize::from(u8::arbitrary(input)?) % choices.len();
    Ok(choices[index])
}

/// The sessions of some clients. One that ends comes back under a number that was never used.
#[derive(Debug)]
pub(crate) struct Sessions {
    current: [u64; Self::CLIENTS],
    next: u64,
}

impl Sessions {
    pub(crate) const CLIENTS: usize = 4;

    pub(crate) fn new() -> Self {
        Self { current: [1, 2, 3, 4], next: 5 }
    }

    pub(crate) fn of(&self, client: u8) -> u64 {
        self.current[usize::from(client) % Self::CLIENTS]
    }

    /// The session that ends; the client has another one from now on.
    pub(crate) fn end(&mut self, client: u8) -> u64 {
        self.next += 1;
        std::mem::replace(&mut self.current[usize::from(client) % Self::CLIENTS], self.next - 1)
    }

    pub(crate) fn all(&self) -> [u64; Self::CLIENTS] {
        self.current
    }
}
