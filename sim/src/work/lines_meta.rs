//! What a meta client says: leases above all. It may vanish with a win that it was given, when it connects anew.

use lockproof_client::Error;
use lockproof_conformance::history::items::{Action, Life, Mode, Reply, Win};
use lockproof_conformance::wire::Reply as Line;

use super::line_stream::{block, misfit, word};
use super::lines::{Worker, one_more, store};
use super::memcached::shared;

/// Longer than any run, and far below [`RECACHE`].
const LIFE: &str = "10000";

/// Far above every life.
const RECACHE: &str = "100000";

impl Worker {
    pub(super) async fn write_meta(&mut self, number: u64) -> Result<(), Error> {
        let (key, value) = (shared(number), (number % 100_000).to_string());
        let key = self.won.take().unwrap_or(key);
        let length = value.len();
        let known = self.seen.get(&key).copied().unwrap_or_default();
        let block = format!("\r\n{value}\r\n");
        match (number >> 32) % 12 {
            0 | 1 if known > 0 => {
                let lines = format!("ms {key} {length} c C{known}{block}");
                self.ask(&key, store(Mode::Set, &value, known), &lines, done).await?;
            }
            2..=4 if known > 0 => {
                let action = Action::Refill { value: value.as_bytes().into(), cas: known };
                let lines = format!("ms {key} {length} c C{known} I{block}");
                self.ask(&key, action, &lines, done).await?;
            }
            5..=7 => {
                let action = Action::Invalidate { cas: 0, life: Some(Life::Ends) };
                let lines = format!("md {key} I T{LIFE}\r\n");
                self.ask(&key, action, &lines, |line| match line.to_string().as_str() {
                    "HD" => Some(Reply::Invalidated),
                    _ => done(line),
                })
                .await?;
            }
            8 => {
                let lines = format!("md {key}\r\n");
                self.ask(&key, Action::Delete { cas: 0 }, &lines, |line| {
                    match line.to_string().as_str() {
                        "HD" => Some(Reply::Deleted),
                        _ => done(line),
                    }
                })
                .await?;
            }
            9 => self.write_quietly(number, &value).await?,
            10 => {
                // Without a flag there is nothing to tell but that it is done.
                let lines = format!("ms {key} {length}{block}");
                self.ask(&key, store(Mode::Set, &value, 0), &lines, done).await?;
            }
            _ => {
                let lines = format!("ms {key} {length} c{block}");
                self.ask(&key, store(Mode::Set, &value, 0), &lines, done).await?;
            }
        }
        Ok(())
    }

    /// A quiet batch, which says what it failed with before the fence, and nothing else (MCM-QT-02, MCM-NOP-01).
    async fn write_quietly(&mut self, number: u64, value: &str) -> Result<(), Error> {
        let keys = [shared(number), shared(number + 1)];
        let (length, mut lines, mut calls) = (value.len(), String::new(), Vec::new());
        for key in &keys {
            lines.extend([format!("ms {key} {length} q\r\n{value}\r\n")]);
            calls.push(self.call(key, store(Mode::Set, value, 0)));
        }
        lines += "md nobodys q Oa\r\nmg nobodys q v\r\nmn\r\n";
        self.stream.say(lines.as_bytes()).await?;
        for expected in ["NF Oa", "MN"] {
            let reply = self.stream.reply().await?;
            if reply.to_string() != expected {
                return Err(misfit(lines.trim(), &reply));
            }
        }
        for (key, call) in keys.iter().zip(calls) {
            self.end(key, call, Reply::Stored { cas: None });
        }
        Ok(())
    }

    pub(super) async fn read_meta(&mut self, turn: u64) -> Result<(), Error> {
        let key = shared(turn);
        let (vivify, recache) = (turn.is_multiple_of(2), turn.is_multiple_of(5));
        let flag = |wanted: bool, letter: &str, seconds: &str| {
            if wanted { format!(" {letter}{seconds}") } else { String::new() }
        };
        let (makes, renews) = (flag(vivify, "N", LIFE), flag(recache, "R", RECACHE));
        let line = format!("mg {key} v f c{makes}{renews}\r\n");
        let action = Action::Fetch { vivify: vivify.then_some(Life::Ends), recache };
        let reply = self.ask(&key, action, &line, fetched).await?;
        if matches!(reply, Reply::Fetched { win: Win::Won, .. }) {
            self.won = Some(key);
        }
        Ok(())
    }

    pub(super) async fn count_meta(&mut self) -> Result<(), Error> {
        let (key, action) = one_more(true);
        let number = |line: &Line| {
            let value = std::str::from_utf8(&block(line)).ok()?.parse().ok()?;
            (word(line, 0) == "VA").then_some(Reply::Counted { value, cas: None })
        };
        self.ask(key, action, &format!("ma {key} v N0 J1\r\n"), number).await.map(drop)
    }
}

/// The number behind a letter.
fn number(line: &Line, letter: char) -> Option<u64> {
    let mut words = (1..line.tokens.len()).map(|place| word(line, place));
    words.find_map(|word| word.strip_prefix(letter))?.parse().ok()
}

fn done(line: &Line) -> Option<Reply> {
    match word(line, 0) {
        "HD" => Some(Reply::Stored { cas: number(line, 'c') }),
        "EX" => Some(Reply::Exists),
        "NF" => Some(Reply::Missing),
        _ => None,
    }
}

fn fetched(line: &Line) -> Option<Reply> {
    let has = |letter: &str| (2..line.tokens.len()).any(|place| word(line, place) == letter);
    let win = match (has("W"), has("Z")) {
        (true, false) => Win::Won,
        (false, true) => Win::Taken,
        (false, false) => Win::None,
        (true, true) => return None,
    };
    match word(line, 0) {
        "EN" => Some(Reply::Missing),
        "VA" => Some(Reply::Fetched {
            value: block(line).into(),
            flags: number(line, 'f')?.try_into().ok()?,
            cas: Some(number(line, 'c')?),
            is_stale: has("X"),
            win,
        }),
        _ => None,
    }
}
