//! The users and their passwords, and the check of a PLAIN message against them.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;
use core::fmt;
use core::hint::black_box;

/// Users and their passwords.
#[derive(Clone, Default)]
pub struct Credentials(BTreeMap<Vec<u8>, Vec<u8>>);

impl Credentials {
    /// Nobody.
    pub const fn new() -> Self {
        Self(BTreeMap::new())
    }

    /// The same with one more user, whose earlier password it replaces.
    #[must_use]
    pub fn with(mut self, user: impl Into<Vec<u8>>, password: impl Into<Vec<u8>>) -> Self {
        self.0.insert(user.into(), password.into());
        self
    }

    /// Whether there is nobody.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether a PLAIN message is right: an identity to act as, NUL, user, NUL, password
    /// (MCB-SAS-03). Nobody may act as somebody else.
    pub(super) fn admit(&self, message: &[u8]) -> bool {
        let mut parts = message.splitn(3, |byte| *byte == 0);
        let (Some(acts_as), Some(user), Some(password)) =
            (parts.next(), parts.next(), parts.next())
        else {
            return false;
        };
        self.admit_user(user, password) & (acts_as.is_empty() || acts_as == user)
    }

    /// Whether that is the user's password.
    pub fn admit_user(&self, user: &[u8], password: &[u8]) -> bool {
        let known = self.0.get(user);
        // An unknown user costs the same comparison, so that the time does not tell who exists.
        let expected: &[u8] = known.map_or(password, |known| known);
        let is_right = is_same(expected, password);
        known.is_some() & is_right
    }
}

impl fmt::Debug for Credentials {
    /// Neither users nor passwords: they must not get into a log.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credentials").field("users", &self.0.len()).finish_non_exhaustive()
    }
}

/// Compares in a time that depends on the length of `given` alone, not on where they differ.
fn is_same(expected: &[u8], given: &[u8]) -> bool {
    let padded = expected.iter().copied().chain(core::iter::repeat(0));
    let difference = given
        .iter()
        .zip(padded)
        .fold(0_u8, |difference, (given, expected)| black_box(difference | (given ^ expected)));
    (difference == 0) & (expected.len() == given.len())
}
