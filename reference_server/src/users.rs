//! The users of a memcached that asks for SASL, from a file that nobody else can read.

use std::io;
use std::path::Path;
use std::sync::Arc;

use lockproof_protocol::memcached_binary::Request;
use lockproof_rwlock::RwLock;
use lockproof_state_machine::sasl::{Credentials, Gate, Verdict};

use crate::private;

/// Users and passwords. Clones are one and the same, and can be replaced while a server asks them.
#[derive(Clone, Debug)]
pub struct Users(Arc<RwLock<Credentials>>);

impl From<Credentials> for Users {
    fn from(credentials: Credentials) -> Self {
        Self(Arc::new(RwLock::new(credentials)))
    }
}

impl Users {
    /// Others from now on. Who is in already stays in.
    pub fn replace(&self, credentials: Credentials) {
        self.0.write(|current| *current = credentials);
    }

    pub(crate) fn are_done_with(&self, gate: &Gate) -> bool {
        self.0.read(|credentials| gate.is_open(Some(credentials)))
    }

    /// Whether it is one of them, for who does not speak SASL.
    pub(crate) fn admit(&self, user: &[u8], password: &[u8]) -> bool {
        self.0.read(|credentials| credentials.admit_user(user, password))
    }

    pub(crate) fn check(&self, gate: &mut Gate, request: &Request) -> Verdict {
        self.0.read(|credentials| gate.check(Some(credentials), request))
    }
}

/// Users from a file: `USER:PASSWORD` in each line, and comments after a `#` at its beginning. A password may have colons.
///
/// # Errors
/// A sentence that names the file and the line. A file that others than its owner can read or change is refused; no text of it
/// is repeated.
pub fn read_credentials(path: &Path) -> io::Result<Credentials> {
    let in_words = |problem: String| private::wrong(path, &problem);
    let text = private::read(path)?;
    let lines = text.lines().enumerate();
    let mut credentials = Credentials::new();
    for (index, line) in lines.filter(|(_, line)| !line.is_empty() && !line.starts_with('#')) {
        let user = line.split_once(':').filter(|(user, _)| !user.is_empty());
        let (user, password) =
            user.ok_or_else(|| in_words(format!("line {}: USER:PASSWORD expected", index + 1)))?;
        credentials = credentials.with(user, password);
    }
    if credentials.is_empty() {
        return Err(in_words("no user in it, so nobody could come in".to_owned()));
    }
    Ok(credentials)
}
