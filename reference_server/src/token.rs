//! The token of those who may end sessions, from a file that nobody else can read.

use core::fmt;
use std::io;
use std::path::Path;
use std::sync::Arc;

use lockproof_rwlock::RwLock;
use subtle::ConstantTimeEq;

use crate::private;

/// Shorter ones can be guessed.
const LEN_MIN: usize = 16;

/// A token. Clones are one and the same, and can be replaced while a server asks them.
#[derive(Clone)]
pub struct Token(Arc<RwLock<String>>);

impl From<String> for Token {
    fn from(token: String) -> Self {
        Self(Arc::new(RwLock::new(token)))
    }
}

impl Token {
    /// Another one from now on.
    pub fn replace(&self, token: String) {
        self.0.write(|current| *current = token);
    }

    /// Whether that is it. How long it takes tells how long it was, and nothing else.
    pub(crate) fn is(&self, given: &[u8]) -> bool {
        self.0.read(|token| bool::from(token.as_bytes().ct_eq(given)))
    }
}

/// A token from a file: its text without the space around it.
///
/// # Errors
/// A sentence that names the file. A file that others than its owner can read or change is refused, and so is a token that is
/// short, or that a header of HTTP can't hold; no text of it is repeated.
pub fn read_token(path: &Path) -> io::Result<String> {
    let text = private::read(path)?;
    let token = text.trim();
    let problem = if token.len() < LEN_MIN {
        format!("a token has at least {LEN_MIN} characters; `openssl rand -hex 32` makes one")
    } else if !token.bytes().all(|byte| byte.is_ascii_graphic()) {
        "a token is one word of printable ASCII".to_owned()
    } else {
        return Ok(token.to_owned());
    };
    Err(private::wrong(path, &problem))
}

impl fmt::Debug for Token {
    /// Not the token: it must not get into a log.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Token").finish_non_exhaustive()
    }
}
