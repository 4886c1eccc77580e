//! Recordings of the original programs: JSON lines, a header and then one event a line.
//!
//! ```text
//! {"protocol": "netmem", "server": "…", "client": "…", "scenario": "clone", "title": "…", "pages": 4, "page_length": 16}
//! {"conn": 1, "t": 0.016, "dir": "c2s", "hex": "0100…"}
//! {"conn": 1, "t": 0.020, "dir": "close", "by": "c", "how": "fin"}
//! ```
//!
//! An event whose `hex` is cut carries `len` and `sha256` of all its bytes. If those turn out to be the start that is
//! there, continued by its own last bytes over and over, they are rebuilt; else the comparison ends there.

use std::time::Duration;

use serde::Deserialize;

use super::RecordError;
use super::deviations::{DeviationError, Deviations};
use super::digest::sha256;
use super::draft;
use super::event::{Ending, Event, What};
use super::transcribe::{Script, Source};
use crate::session::Session;
use crate::wire::{Codec, Protocol};

/// The longest unit that a cut event may go on with.
const UNIT_MAX: usize = 64;

/// No recording has longer events.
const EVENT_MAX: usize = 64 << 20;

/// A recording, read.
#[derive(Clone, Debug)]
pub struct Recording {
    /// `FOLDER/SCENARIO`, as deviations name it.
    pub name: String,
    /// The first line.
    pub header: Header,
    /// What happened.
    pub events: Vec<Event>,
    protocol: Protocol,
}

/// The first line of a recording. Fields that nothing here needs are skipped.
#[derive(Clone, Debug, Deserialize)]
pub struct Header {
    /// The protocol, in words.
    pub protocol: String,
    /// The server that was recorded.
    pub server: String,
    /// Its clients.
    pub client: String,
    /// The file's name without its ending.
    pub scenario: String,
    /// What it shows.
    pub title: String,
    /// What had become of the server at the end.
    #[serde(default)]
    pub server_after: String,
    /// NetMem: number of pages.
    pub pages: Option<u32>,
    /// NetMem: bytes of a page.
    pub page_length: Option<u32>,
}

#[derive(Deserialize)]
struct Row {
    conn: u64,
    t: f64,
    dir: String,
    #[serde(default)]
    hex: String,
    len: Option<usize>,
    sha256: Option<String>,
    by: Option<String>,
    how: Option<String>,
}

/// Why a recording cannot be read, or made a session of.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// A line is not what it should be.
    #[error("{recording}.jsonl, line {line}: {problem}")]
    Line {
        /// `FOLDER/SCENARIO`
        recording: String,
        /// 1-based.
        line: usize,
        /// What is wrong.
        problem: String,
    },
    /// No session came out.
    #[error("{0}: {1}")]
    Record(String, RecordError),
    /// A deviation cannot be applied.
    #[error(transparent)]
    Deviation(#[from] DeviationError),
}

impl Recording {
    /// Reads a recording. `folder` is the program's: netmem, memcached, mbserver, echo.
    ///
    /// # Errors
    ///
    /// The first line that is not what it should be.
    pub fn parse(folder: &str, scenario: &str, text: &str) -> Result<Self, ImportError> {
        let name = format!("{folder}/{scenario}");
        let fail = |line: usize, problem: String| ImportError::Line {
            recording: name.clone(),
            line: line + 1,
            problem,
        };
        let mut lines = text.lines().enumerate();
        let (_, first) = lines.next().ok_or_else(|| fail(0, "an empty file".to_owned()))?;
        let header: Header =
            serde_json::from_str(first).map_err(|error| fail(0, error.to_string()))?;
        let protocol = Protocol::SERVERS
            .into_iter()
            .find(|protocol| header.protocol.starts_with(protocol.name()))
            .ok_or_else(|| fail(0, format!("`{}` is no protocol of ours", header.protocol)))?;
        let mut events = Vec::new();
        for (index, line) in lines {
            let row: Row =
                serde_json::from_str(line).map_err(|error| fail(index, error.to_string()))?;
            events.push(event(&row).map_err(|problem| fail(index, problem))?);
        }
        Ok(Self { name, header, events, protocol })
    }

    /// The protocol.
    pub const fn protocol(&self) -> Protocol {
        self.protocol
    }

    /// The session, with deviations of the original marked.
    ///
    /// # Errors
    ///
    /// A deviation that does not fit, or a session that does not parse.
    pub fn session(&self, deviations: &mut Deviations) -> Result<Session, ImportError> {
        let source = self.source();
        let mut script = Script::of(&source, &self.events);
        let marked = deviations.mark(&self.name, std::mem::take(&mut script.steps))?;
        let mut lines = script.comments();
        lines.extend(marked.notes.iter().map(|note| format!("# {note}")));
        lines.push(String::new());
        lines.extend(marked.steps);
        draft::session(&script.header(&marked.spec), &lines)
            .map_err(|error| ImportError::Record(self.name.clone(), error))
    }

    fn source(&self) -> Source {
        let (folder, scenario) = self.name.split_once('/').unwrap_or_default();
        let scenario = scenario.replace('_', "-");
        let protocol = self.protocol.name();
        let scenario = if folder == protocol { scenario } else { format!("{folder}-{scenario}") };
        Source {
            case: format!("{protocol}/recorded/{scenario}"),
            title: self.header.title.split_whitespace().collect::<Vec<_>>().join(" "),
            comments: vec![
                format!("Server: {}", self.header.server),
                format!("Client: {}", self.header.client),
            ],
            codec: Codec::new(self.protocol),
            fresh: true,
            page_length: self.header.page_length.map(|length| length as usize),
            unix_start: None,
        }
    }
}

fn event(row: &Row) -> Result<Event, String> {
    let what = match row.dir.as_str() {
        "open" => What::Opened,
        "c2s" => bytes_of(row)?.map_or_else(|length| What::LostSent(length as u64), What::Sent),
        "s2c" => {
            bytes_of(row)?.map_or_else(|length| What::LostReceived(length as u64), What::Received)
        }
        "close" => {
            let ending = match row.how.as_deref() {
                Some("fin") => Ending::Fin,
                Some("rst") => Ending::Rst,
                Some("refused") => Ending::Refused,
                _ => return Err("a close is by fin, rst or refused".to_owned()),
            };
            match row.by.as_deref() {
                Some("c") => What::ClientEnded(ending),
                Some("s") => What::ServerEnded(ending),
                _ => return Err("a close is by c or s".to_owned()),
            }
        }
        other => return Err(format!("`{other}` is no direction: open, c2s, s2c and close are")),
    };
    let at = Duration::try_from_secs_f64(row.t).map_err(|error| error.to_string())?;
    Ok(Event { conn: row.conn, at, what })
}

/// The bytes of an event, or how many were there.
fn bytes_of(row: &Row) -> Result<Result<Vec<u8>, usize>, String> {
    let digits: Option<Vec<u32>> = row.hex.chars().map(|c| c.to_digit(16)).collect();
    let digits = digits.filter(|digits| digits.len().is_multiple_of(2)).ok_or("not hexadecimal")?;
    let bytes: Vec<u8> = digits
        .chunks(2)
        .map(|pair| {
            u8::try_from(pair.iter().fold(0, |sum, digit| sum * 16 + digit)).unwrap_or_default()
        })
        .collect();
    match (row.len, &row.sha256) {
        (Some(length), Some(digest)) if length <= EVENT_MAX => {
            Ok(rebuilt(&bytes, length, digest).ok_or(length))
        }
        (None, None) => Ok(Ok(bytes)),
        _ => Err("a cut event has both `len` and `sha256`".to_owned()),
    }
}

/// The start, continued by its last bytes over and over, if that has the digest.
fn rebuilt(start: &[u8], length: usize, digest: &str) -> Option<Vec<u8>> {
    let units = (1..=UNIT_MAX).filter(|unit| {
        let tail = start.len().checked_sub(2 * unit).and_then(|from| start.get(from..));
        tail.is_some_and(|tail| tail.split_at(*unit).0 == tail.split_at(*unit).1)
    });
    units
        .map(|unit| {
            let mut bytes = start.to_vec();
            while bytes.len() < length {
                let next = bytes.get(bytes.len() - unit).copied().unwrap_or_default();
                bytes.push(next);
            }
            bytes.truncate(length);
            bytes
        })
        .take(4)
        .find(|bytes| sha256(bytes) == digest)
}
