//! What an actor says to a memcached in lines, and holds against what it hears.

use bytes::{Buf, BytesMut};
use tokio::io::AsyncWriteExt;
use tokio::time::sleep;

use super::{Actor, Stop, TRY_EVERY, now};
use crate::hazards::Step;

impl Actor<'_> {
    /// The steps that only lines know.
    pub(super) async fn at_lines(&mut self, step: Step) -> Result<(), Stop> {
        match step {
            Step::Line(asked, expected) => {
                let heard = self.hear(asked, expected.matches('|').count()).await?;
                if heard != expected {
                    return Err(Stop::Wrong(format!(
                        "`{asked}` is answered with `{heard}` and not with `{expected}`"
                    )));
                }
                Ok(())
            }
            Step::Learn(asked) => {
                let heard = self.hear(asked, 1).await?;
                let mut words = heard.trim_end_matches('|').split(' ').skip(1);
                let Some(cas) = words.find_map(|word| word.strip_prefix('c')) else {
                    return Err(Stop::Wrong(format!("`{heard}` tells no CAS")));
                };
                cas.clone_into(&mut self.cas);
                Ok(())
            }
            Step::Becomes(asked, expected, from, by) => {
                self.becomes(asked, expected, (from, by)).await
            }
            _ => Err(Stop::Wrong(format!("{step:?} is nothing to say in lines"))),
        }
    }

    /// What is answered, in so many lines; and nothing may come behind them at once.
    async fn hear(&mut self, asked: &str, lines: usize) -> Result<String, Stop> {
        let said = asked.replace("$c", &self.cas).replace('|', "\r\n");
        self.stream()?.write_all(said.as_bytes()).await?;
        let within = self.setting.config.bound();
        let mut heard = self.next(within, |input| Ok(take(input, lines))).await?;
        if !self.input.is_empty() {
            heard.push_str(&String::from_utf8_lossy(&self.input.split()).replace("\r\n", "|"));
        }
        Ok(heard)
    }

    async fn becomes(
        &mut self,
        asked: &'static str,
        expected: &str,
        (from, by): (u64, u64),
    ) -> Result<(), Stop> {
        loop {
            let heard = self.hear(asked, expected.matches('|').count()).await?;
            let at = now();
            if heard == expected && at < self.time(from) {
                return Err(Stop::Wrong(format!("`{asked}` is answered with `{heard}` too early")));
            }
            if heard == expected {
                return Ok(());
            }
            if at > self.time(by) {
                return Err(Stop::Wrong(format!("`{asked}` is still answered with `{heard}`")));
            }
            sleep(TRY_EVERY).await;
        }
    }
}

/// So many lines off the input, once they are there.
fn take(input: &mut BytesMut, lines: usize) -> Option<String> {
    let ends = input.iter().enumerate().filter(|(_, byte)| **byte == b'\n');
    let end = ends.map(|(place, _)| place + 1).nth(lines.checked_sub(1)?)?;
    let text = String::from_utf8_lossy(input.get(..end)?).replace("\r\n", "|");
    input.advance(end);
    Some(text)
}
