//! A STAT reply: packets up to the one without a name, held against a session's `stats` line as a whole.

use super::{Player, Problem};
use crate::replay::world::World;
use crate::session::{Datum, Message, Pattern};
use crate::wire::{Difference, Reply};

/// Ten times what a server with every kind of statistics tells.
const STATISTICS_MAX: usize = 4096;

impl<W: World> Player<'_, W> {
    /// A STAT reply: packets up to the one without a name.
    pub(super) async fn stats(
        &mut self,
        conn: &str,
        expected: &Message<Pattern>,
    ) -> Result<(), Problem> {
        let stat: Message<Pattern> = Message::Named {
            words: vec!["ok".to_owned(), "stat".to_owned()],
            args: Vec::new(),
            fields: ["key", "value"].map(|name| (name.to_owned(), Pattern::Any)).to_vec(),
            tag: None,
        };
        let asked = self.asked(conn, &stat)?;
        let mut found: Vec<(String, Datum)> = Vec::new();
        loop {
            let reply = self.reply(conn).await?;
            self.compare(conn, &stat, &reply, asked.as_ref())?;
            self.connection(conn)?.take(reply.length);
            let text = |name| reply_bytes(&reply, name);
            self.in_time()?;
            if found.len() == STATISTICS_MAX {
                return Err(Problem::new(format!(
                    "a STAT reply of more than {STATISTICS_MAX} packets"
                )));
            }
            if text("key").is_empty() {
                if !text("value").is_empty() {
                    return Err(Problem::new(
                        "the last packet of a STAT reply has no name, but a value",
                    ));
                }
                break;
            }
            if !text("value").iter().all(|byte| (0x20..0x7f).contains(byte)) {
                let name = String::from_utf8_lossy(&text("key")).into_owned();
                return Err(Problem::new(format!(
                    "the value of statistic {name} is not printable text"
                )));
            }
            let value = Datum::Bytes(text("value"));
            let value =
                value.as_number().filter(|_| text("value") != b"-").map_or(value, Datum::Number);
            found.push((String::from_utf8_lossy(&text("key")).into_owned(), value));
        }
        self.compare_stats(expected, &found)
    }

    /// The same in lines: `STAT NAME VALUE` up to `END`. A value may have spaces, and may be empty.
    pub(super) async fn stat_lines(
        &mut self,
        conn: &str,
        expected: &Message<Pattern>,
    ) -> Result<(), Problem> {
        let mut found: Vec<(String, Datum)> = Vec::new();
        loop {
            let reply = self.reply(conn).await?;
            self.in_time()?;
            self.connection(conn)?.take(reply.length);
            match reply.tokens.as_slice() {
                [end] if end == b"END" => break,
                [stat, name, value @ ..] if stat == b"STAT" && found.len() < STATISTICS_MAX => {
                    let value = Datum::Bytes(value.join(&b' '));
                    let value = value.as_number().map_or(value, Datum::Number);
                    found.push((String::from_utf8_lossy(name).into_owned(), value));
                }
                _ => return Err(Problem::new(format!("instead of a statistic or END: {reply}"))),
            }
        }
        self.taken(conn);
        self.compare_stats(expected, &found)
    }

    pub(super) fn compare_stats(
        &mut self,
        expected: &Message<Pattern>,
        found: &[(String, Datum)],
    ) -> Result<(), Problem> {
        let mut differences = Vec::new();
        for (name, pattern) in expected.fields() {
            let wanted = pattern.explained(&self.scope);
            let got = found.iter().find(|(other, _)| other == name).map(|(_, datum)| datum);
            let fits = match got {
                Some(datum) => pattern.matches(datum, &mut self.scope)?,
                None => false,
            };
            if !fits {
                let got = got.map_or_else(|| "no such statistic".to_owned(), ToString::to_string);
                differences.push(Difference { field: name.clone(), expected: wanted, got });
            }
        }
        if differences.is_empty() {
            return Ok(());
        }
        Err(Problem { text: format!("{} statistics came", found.len()), differences })
    }
}

fn reply_bytes(reply: &Reply, name: &str) -> Vec<u8> {
    let field = reply.fields.iter().find(|(field, _)| *field == name);
    field.map(|(_, datum)| datum.clone().into_bytes()).unwrap_or_default()
}
