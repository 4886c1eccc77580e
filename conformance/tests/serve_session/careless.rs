//! A small memcached client that can be told to be careless, one habit at a time.

use std::io;

use lockproof_conformance::session::escape;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// What a careful client does.
#[derive(Clone, Copy, Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each is a habit of its own")]
pub(crate) struct Habits {
    pub(crate) checks_magic: bool,
    pub(crate) checks_opcode: bool,
    pub(crate) checks_opaque: bool,
    pub(crate) checks_extras: bool,
    /// A body is at least as long as extras and key.
    pub(crate) checks_lengths: bool,
    /// An end of stream inside a reply is an error.
    pub(crate) notices_the_end: bool,
    pub(crate) tells_errors_from_misses: bool,
    /// A reply may take several reads.
    pub(crate) reads_on: bool,
    /// A value does not end at a NUL.
    pub(crate) takes_any_byte: bool,
    /// A connection in doubt is closed.
    pub(crate) closes_in_doubt: bool,
}

/// All of them.
pub(crate) const CAREFUL: Habits = Habits {
    checks_magic: true,
    checks_opcode: true,
    checks_opaque: true,
    checks_extras: true,
    checks_lengths: true,
    notices_the_end: true,
    tells_errors_from_misses: true,
    reads_on: true,
    takes_any_byte: true,
    closes_in_doubt: true,
};

/// No value is longer, for this client.
const BODY_MAX: usize = 1 << 20;

const OPAQUE: [u8; 4] = *b"self";

pub(crate) struct Client {
    stream: TcpStream,
    habits: Habits,
    in_doubt: bool,
}

impl Client {
    pub(crate) fn new(stream: TcpStream, habits: Habits) -> Self {
        Self { stream, habits, in_doubt: false }
    }

    /// The outcome, in the words of `call` lines.
    pub(crate) async fn get(&mut self, key: &[u8]) -> String {
        match self.ask(key).await {
            Ok(outcome) => outcome,
            Err(kind) => {
                self.in_doubt = kind != "refused";
                format!("error {kind}")
            }
        }
    }

    /// Closes; who does not close in doubt asks again on the same connection.
    pub(crate) async fn leave(mut self) {
        if self.in_doubt && !self.habits.closes_in_doubt {
            let _ = self.stream.write_all(&request(b"again")).await;
        }
    }

    async fn ask(&mut self, key: &[u8]) -> Result<String, &'static str> {
        self.stream.write_all(&request(key)).await.map_err(|_| "closed")?;
        let header: [u8; 24] = self.read(24).await?.try_into().map_err(|_| "closed")?;
        let status = u16::from_be_bytes([header[6], header[7]]);
        let keys = usize::from(u16::from_be_bytes([header[2], header[3]]));
        let extras = usize::from(header[4]);
        let length = u32::from_be_bytes([header[8], header[9], header[10], header[11]]) as usize;
        let habits = self.habits;
        let sound = (!habits.checks_magic || header[0] == 0x81)
            && (!habits.checks_opcode || header[1] == 0)
            && (!habits.checks_opaque || header[12..16] == OPAQUE)
            && (!habits.checks_extras || status != 0 || extras == 4)
            && (!habits.checks_lengths || length >= extras + keys)
            && length <= BODY_MAX;
        if !sound {
            return Err("broken");
        }
        let body = self.read(length).await?;
        match status {
            0 => {
                let value = body.get(4 + keys..).unwrap_or_default();
                let end =
                    value.iter().position(|byte| *byte == 0).filter(|_| !habits.takes_any_byte);
                Ok(escape(&value[..end.unwrap_or(value.len())]))
            }
            1 => Ok("miss".to_owned()),
            _ if !habits.tells_errors_from_misses => Ok("miss".to_owned()),
            _ => Err("refused"),
        }
    }

    /// So many bytes, or as many as a careless client is content with.
    async fn read(&mut self, length: usize) -> Result<Vec<u8>, &'static str> {
        let mut bytes = vec![0; length];
        let mut came = 0;
        while came < length {
            match self.stream.read(&mut bytes[came..]).await {
                Ok(0) if self.habits.notices_the_end => return Err("closed"),
                Ok(0) => break,
                Ok(count) => came += count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(_) => return Err("closed"),
            }
            if !self.habits.reads_on {
                break;
            }
        }
        bytes.truncate(came);
        Ok(bytes)
    }
}

/// GET.
fn request(key: &[u8]) -> Vec<u8> {
    let length = u8::try_from(key.len()).expect("a short key");
    let mut bytes = vec![0x80, 0, 0, length, 0, 0, 0, 0, 0, 0, 0, length];
    bytes.extend(OPAQUE);
    bytes.extend([0; 8]);
    bytes.extend(key);
    bytes
}
