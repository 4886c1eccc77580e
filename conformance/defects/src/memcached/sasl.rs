//! Authentication: SASL with the mechanism PLAIN, on servers that are set up so. A connection that has not
//! authenticated may ask for the version and try to; everything else is refused, and ends it.

use std::io;

use super::connection::{Connection, Next};
use super::defect::Switch;
use super::frame::{Header, Reply, Request, Status};
use crate::Setup;

const LIST: u8 = 0x20;
const AUTH: u8 = 0x21;
const STEP: u8 = 0x22;
const VERSION: u8 = 0x0b;
const NOOP: u8 = 0x0a;
/// GET, GETQ, GETK and GETKQ.
const READS: [u8; 4] = [0x00, 0x09, 0x0c, 0x0d];

const USER: &[u8] = b"user";
const PASSWORD: &[u8] = b"password";
/// The longest payload.
const PAYLOAD_BYTES_MAX: usize = 1 << 16;
/// As long as a password may be, with a defect.
const SHORT_PAYLOAD_BYTES_MAX: usize = 1 << 10;

/// What a connection has achieved.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Session {
    authenticated: bool,
}

impl Connection {
    /// Answers what concerns authentication; nothing where the request is none of its business.
    pub(super) async fn authenticate(&mut self, header: Header) -> io::Result<Option<Next>> {
        let is_short = header.body < header.extras + header.key;
        if self.server.setup != Setup::Sasl || is_short {
            return Ok(None);
        }
        match header.opcode {
            LIST | AUTH | STEP if !self.takes(&header) => {
                if self.wrong(Switch::SaslMalformedGoesOn) {
                    return self.skip_and_refuse(header, Status::Invalid).await.map(Some);
                }
                self.fatal(header, Status::Invalid).await.map(Some)
            }
            LIST => self.list(header).await.map(Some),
            AUTH | STEP => self.attempt(header).await.map(Some),
            _ if self.is_open_to(header.opcode) => Ok(None),
            _ => self.turn_away(header).await.map(Some),
        }
    }

    fn takes(&self, header: &Header) -> bool {
        match header.opcode {
            _ if header.extras > 0 => self.wrong(Switch::SaslTakesExtras),
            LIST => header.body == 0 || self.wrong(Switch::SaslListTakesAKey),
            _ => header.key > 0 || self.wrong(Switch::SaslTakesNoMechanism),
        }
    }

    fn is_open_to(&self, opcode: u8) -> bool {
        let authenticated = match self.server.active.0 {
            Some(Switch::SaslIsOptional) => true,
            Some(Switch::OneAuthenticatesForAll) => self.server.somebody_is_in.get(),
            _ => self.session.authenticated,
        };
        authenticated
            || opcode == VERSION && !self.wrong(Switch::SaslHidesTheVersion)
            || opcode == NOOP && self.wrong(Switch::StrangersMayNoop)
            || READS.contains(&opcode) && self.wrong(Switch::StrangersMayRead)
    }

    /// A stranger is told so, and leaves.
    async fn turn_away(&mut self, header: Header) -> io::Result<Next> {
        match self.server.active.0 {
            Some(Switch::StrangersStay) => self.skip_and_refuse(header, Status::Auth).await,
            Some(Switch::StrangersHearNothing) => Ok(Next::Close),
            Some(Switch::StrangersAreUnknown) => self.fatal(header, Status::Unknown).await,
            Some(Switch::StrangersHaveOpaqueZero) => {
                self.fatal(Header { opaque: 0, ..header }, Status::Auth).await
            }
            Some(Switch::StrangersAreObeyed) => {
                if let Some(command) = super::opcode::command(header.opcode)
                    && self.socket.wait_for(header.body).await?
                {
                    let request = Request::new(header, self.socket.take(header.body));
                    self.server.store.borrow_mut().answer(command, &request);
                }
                self.fatal(header, Status::Auth).await
            }
            _ => self.fatal(header, Status::Auth).await,
        }
    }

    async fn list(&mut self, header: Header) -> io::Result<Next> {
        if !self.socket.skip(header.body).await? {
            return Ok(Next::Close);
        }
        let mechanisms = match self.server.active.0 {
            Some(Switch::MechanismsAreInCommas) => "EXTERNAL,PLAIN",
            Some(Switch::MechanismsEndWithASpace) => "PLAIN ",
            Some(Switch::MechanismsForgetPlain) => "EXTERNAL",
            _ => "PLAIN",
        };
        if self.wrong(Switch::ListLogsOut) {
            self.session.authenticated = false;
        }
        self.say(&header, mechanisms).await
    }

    /// AUTH and STEP. A failed attempt logs out, and may be followed by another.
    async fn attempt(&mut self, header: Header) -> io::Result<Next> {
        let payload = header.value();
        let short = self.wrong(Switch::LongPasswordsCloseTheConnection);
        if short && payload > SHORT_PAYLOAD_BYTES_MAX {
            return Ok(Next::Close);
        }
        if payload > PAYLOAD_BYTES_MAX {
            return match self.server.active.0 {
                Some(Switch::LargePayloadCloses) => self.fatal(header, Status::OutOfMemory).await,
                Some(Switch::LargePayloadIsTooLarge) => {
                    self.skip_and_refuse(header, Status::TooLarge).await
                }
                _ => self.skip_and_refuse(header, Status::OutOfMemory).await,
            };
        }
        if !self.socket.wait_for(header.body).await? {
            return Ok(Next::Close);
        }
        let request = Request::new(header, self.socket.take(header.body));
        self.server.store.borrow_mut().statistics.count("auth_cmds");
        if self.accepts(&request) {
            self.session.authenticated = true;
            self.server.somebody_is_in.set(true);
            if self.wrong(Switch::SuccessForgetsWhatFollows) {
                self.socket.input.clear();
            }
            return self.say(&header, "Authenticated").await;
        }
        self.fail(header).await
    }

    async fn fail(&mut self, header: Header) -> io::Result<Next> {
        self.server.store.borrow_mut().statistics.count("auth_errors");
        self.session.authenticated = match self.server.active.0 {
            Some(Switch::FailedAttemptOpensTheDoor) => true,
            Some(Switch::FailedAttemptChangesNothing) => self.session.authenticated,
            _ => false,
        };
        match self.server.active.0 {
            Some(Switch::FailedAttemptCloses) => self.fatal(header, Status::Auth).await,
            Some(Switch::FailedStepCloses) if header.opcode == STEP => {
                self.fatal(header, Status::Auth).await
            }
            Some(Switch::FailedAttemptIsInvalid) => self.error(&header, Status::Invalid).await,
            Some(Switch::FailedAttemptIsASuccess) => self.say(&header, "").await,
            Some(Switch::FailedAttemptHasOpaqueZero) => {
                self.error(&Header { opaque: 0, ..header }, Status::Auth).await
            }
            _ => self.error(&header, Status::Auth).await,
        }
    }

    /// Whether the payload is that of the one user there is: who it acts as, user and password, NUL between.
    fn accepts(&self, request: &Request) -> bool {
        let step = request.header.opcode == STEP && !self.wrong(Switch::StepAuthenticates);
        let mechanism = request.key == b"PLAIN" || self.wrong(Switch::AnyMechanismIsPlain);
        if step || !mechanism {
            return false;
        }
        let mut parts = request.value.splitn(3, |&byte| byte == 0);
        let (Some(acts_as), Some(user), Some(password)) =
            (parts.next(), parts.next(), parts.next())
        else {
            return self.wrong(Switch::MalformedCredentialsPass);
        };
        let itself = acts_as.is_empty() || acts_as == user;
        (itself || self.wrong(Switch::AnybodyActsAsAnybody))
            && (user == USER || self.wrong(Switch::AnyUserHasThePassword))
            && self.is_password(password)
    }

    fn is_password(&self, password: &[u8]) -> bool {
        match self.server.active.0 {
            Some(Switch::AnyPasswordWillDo) => true,
            Some(Switch::PasswordsMayBeLonger) => password.starts_with(PASSWORD),
            Some(Switch::PasswordsMayBeShorter) => {
                !password.is_empty() && PASSWORD.starts_with(password)
            }
            Some(Switch::NoPasswordWillDo) => password.is_empty() || password == PASSWORD,
            Some(Switch::PasswordsIgnoreCase) => password.eq_ignore_ascii_case(PASSWORD),
            Some(Switch::PasswordsEndAtNul) => {
                password.split(|&byte| byte == 0).next() == Some(PASSWORD)
            }
            Some(Switch::PasswordsAreComparedByXor) => {
                let differences = password.iter().zip(PASSWORD).map(|(one, other)| one ^ other);
                password.len() == PASSWORD.len() && differences.fold(0, |all, one| all ^ one) == 0
            }
            _ => password == PASSWORD,
        }
    }

    async fn skip_and_refuse(&mut self, header: Header, status: Status) -> io::Result<Next> {
        if !self.socket.skip(header.body).await? {
            return Ok(Next::Close);
        }
        self.error(&header, status).await
    }

    async fn error(&mut self, header: &Header, status: Status) -> io::Result<Next> {
        self.reply_error(header, status).await?;
        Ok(Next::Frame)
    }

    async fn say(&mut self, header: &Header, text: &str) -> io::Result<Next> {
        let bytes = self.encode(header, &Reply { value: text.into(), ..Reply::default() });
        self.socket.queue(&bytes).await?;
        Ok(Next::Frame)
    }
}
