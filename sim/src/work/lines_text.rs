//! What a text client says.

use lockproof_client::Error;
use lockproof_conformance::history::items::{Action, Life, Mode, Reply};
use lockproof_conformance::wire::Reply as Line;

use super::line_stream::{block, misfit, word};
use super::lines::{Worker, one_more, store};
use super::memcached::{COUNTER_KEY, SHARED, shared};

impl Worker {
    pub(super) async fn write_text(&mut self, number: u64) -> Result<(), Error> {
        let (key, value) = (shared(number), (number % 100_000).to_string());
        let length = value.len();
        let known = self.seen.get(&key).copied();
        match (number >> 32) % 8 {
            0 | 1 if known.is_some() => {
                let token = known.unwrap_or_default();
                let lines = format!("cas {key} 0 0 {length} {token}\r\n{value}\r\n");
                self.ask(&key, store(Mode::Set, &value, token), &lines, done).await?;
            }
            2 => {
                self.ask(&key, Action::Delete { cas: 0 }, &format!("delete {key}\r\n"), done)
                    .await?;
            }
            3 => {
                let life = Life::ForEver;
                self.ask(&key, Action::Touch { life }, &format!("touch {key} 0\r\n"), done).await?;
            }
            4 | 5 => self.write_silently(number, &value).await?,
            _ => {
                let lines = format!("set {key} 0 0 {length}\r\n{value}\r\n");
                self.ask(&key, store(Mode::Set, &value, 0), &lines, done).await?;
            }
        }
        Ok(())
    }

    /// Two stores that nobody answers, and a read behind them in the same write (MCT-NRP-01).
    async fn write_silently(&mut self, number: u64, value: &str) -> Result<(), Error> {
        let keys = [shared(number), shared(number + 1)];
        let mut lines = String::new();
        let mut calls = Vec::new();
        for key in &keys {
            let length = value.len();
            lines.extend([format!("set {key} 0 0 {length} noreply\r\n{value}\r\n")]);
            calls.push(self.call(key, store(Mode::Set, value, 0)));
        }
        lines.extend([format!("gets {}\r\n", keys[0])]);
        let get = self.call(&keys[0], Action::Get);
        self.stream.say(lines.as_bytes()).await?;
        let hits = self.values(&keys[..1], &lines).await?;
        for (key, call) in keys.iter().zip(calls) {
            self.end(key, call, Reply::Stored { cas: None });
        }
        for hit in hits {
            self.end(&keys[0], get, hit);
        }
        Ok(())
    }

    /// One item, or all of them.
    pub(super) async fn read_text(&mut self, turn: u64) -> Result<(), Error> {
        let count = if turn.is_multiple_of(2) { SHARED } else { 1 };
        let keys: Vec<String> = (turn..turn + count).map(shared).collect();
        let calls: Vec<_> = keys.iter().map(|key| self.call(key, Action::Get)).collect();
        let line = format!("gets {}\r\n", keys.join(" "));
        self.stream.say(line.as_bytes()).await?;
        let values = self.values(&keys, &line).await?;
        for ((key, call), value) in keys.iter().zip(calls).zip(values) {
            self.end(key, call, value);
        }
        Ok(())
    }

    /// What a get of these keys is answered with: what is there, in the order of the keys (MCT-GET-05), and END.
    async fn values(&mut self, keys: &[String], asked: &str) -> Result<Vec<Reply>, Error> {
        let mut values = vec![Reply::Missing; keys.len()];
        let mut next = 0;
        loop {
            let line = self.stream.reply().await?;
            if line.to_string() == "END" {
                return Ok(values);
            }
            let place = keys.iter().skip(next).position(|key| key == word(&line, 1));
            let hit = place.and_then(|place| Some((next + place, hit(&line)?)));
            let (place, hit) = hit.ok_or_else(|| misfit(asked.trim(), &line))?;
            values[place] = hit;
            next = place + 1;
        }
    }

    /// Text counts only what is there: who finds nothing begins with 1 the next time.
    pub(super) async fn count_text(&mut self) -> Result<(), Error> {
        if std::mem::take(&mut self.begins) {
            let lines = format!("add {COUNTER_KEY} 0 0 1\r\n1\r\n");
            self.ask(COUNTER_KEY, store(Mode::Add, "1", 0), &lines, done).await?;
            return Ok(());
        }
        let (key, action) = one_more(false);
        let reply = self.ask(key, action, &format!("incr {key} 1\r\n"), counted).await?;
        self.begins = reply == Reply::Missing;
        Ok(())
    }
}

fn hit(line: &Line) -> Option<Reply> {
    let cas = Some(word(line, 4).parse().ok()?);
    let flags = word(line, 2).parse().ok()?;
    (word(line, 0) == "VALUE").then(|| Reply::Hit { value: block(line).into(), flags, cas })
}

fn done(line: &Line) -> Option<Reply> {
    match line.to_string().as_str() {
        "STORED" => Some(Reply::Stored { cas: None }),
        // Of ADD, and of CAS.
        "NOT_STORED" | "EXISTS" => Some(Reply::Exists),
        "NOT_FOUND" => Some(Reply::Missing),
        "DELETED" => Some(Reply::Deleted),
        "TOUCHED" => Some(Reply::Touched),
        _ => None,
    }
}

fn counted(line: &Line) -> Option<Reply> {
    match line.to_string().as_str() {
        "NOT_FOUND" => Some(Reply::Missing),
        number => Some(Reply::Counted { value: number.parse().ok()?, cas: None }),
    }
}
