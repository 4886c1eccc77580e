//! The gate before the cache: SASL PLAIN, one [`Gate`] a session.
//!
//! Left out: other mechanisms. PLAIN has one step, so a STEP never continues anything.

mod credentials;

use bytes::Bytes;
use lockproof_protocol::memcached_binary::{Command, Reply, Request, Status, Value};

pub use self::credentials::Credentials;

/// Longest mechanism name that is looked at, in bytes (MCB-SAS-09).
pub const MECHANISM_LEN_MAX: usize = 32;

/// Longest authentication payload that is looked at, in bytes (MCB-SAS-12).
pub const PAYLOAD_LEN_MAX: usize = 64 * 1024;

const PLAIN: &[u8] = b"PLAIN";

/// What becomes of a request at the gate.
#[derive(Debug)]
#[must_use]
pub enum Verdict {
    /// It is none of the gate's business: execute it.
    Pass,
    /// Answer this, and carry on.
    Reply(Reply),
    /// Answer this, whatever the opcode would suppress, and close the connection.
    ReplyAndClose(Reply),
}

/// Whether one session is authenticated.
#[derive(Debug, Default)]
pub struct Gate {
    authenticated: bool,
}

impl Gate {
    /// A session that is not authenticated.
    pub fn new() -> Self {
        Self::default()
    }

    /// Whether every request passes but those about SASL itself.
    pub fn is_open(&self, credentials: Option<&Credentials>) -> bool {
        credentials.is_none() || self.authenticated
    }

    /// Looks at one request, in the order of the session's requests (MCB-SAS-14).
    ///
    /// Without `credentials` SASL is off and everything passes; to whoever executes, its opcodes are
    /// unknown (MCB-SAS-01).
    pub fn check(&mut self, credentials: Option<&Credentials>, request: &Request) -> Verdict {
        let Some(credentials) = credentials else { return Verdict::Pass };
        match &request.command {
            // MCB-SAS-11: to ask for the names changes nothing.
            Command::SaslListMechs => Verdict::Reply(Reply::Text(Bytes::from_static(PLAIN))),
            Command::SaslAuth { mechanism, payload } => {
                self.exchange(mechanism, payload, |payload| {
                    &mechanism[..] == PLAIN && credentials.admit(payload)
                })
            }
            Command::SaslStep { mechanism, payload } => {
                self.exchange(mechanism, payload, |_| false)
            }
            // MCB-SAS-08.
            Command::Version => Verdict::Pass,
            _ if self.authenticated => Verdict::Pass,
            // MCB-SAS-07.
            _ => Verdict::ReplyAndClose(Reply::Failed { status: Status::AUTH_ERROR }),
        }
    }

    /// One AUTH or STEP. Only one that got as far as a decision changes the state, and a failed one
    /// drops an earlier success (MCB-SAS-10).
    fn exchange(
        &mut self,
        mechanism: &Bytes,
        payload: &Value,
        admits: impl FnOnce(&[u8]) -> bool,
    ) -> Verdict {
        if mechanism.len() > MECHANISM_LEN_MAX {
            return Verdict::Reply(Reply::Failed { status: Status::INVALID_ARGUMENTS });
        }
        let payload = match payload {
            Value::Present(payload) if payload.len() <= PAYLOAD_LEN_MAX => payload,
            Value::Present(_) | Value::TooLarge(_) | Value::NoMemory(_) => {
                return Verdict::Reply(Reply::FailedWith {
                    status: Status::OUT_OF_MEMORY,
                    text: "Out of memory",
                });
            }
        };
        self.authenticated = admits(payload);
        Verdict::Reply(if self.authenticated {
            Reply::Text(Bytes::from_static(b"Authenticated"))
        } else {
            Reply::Failed { status: Status::AUTH_ERROR }
        })
    }
}

#[cfg(test)]
mod tests;
