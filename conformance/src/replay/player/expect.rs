//! Expecting: wait for a reply, an end or silence, and hold it against the session.

use std::task::Poll;
use std::time::Duration;

use super::answer::pass_over_good_bye;
use super::{Player, Problem};
use crate::replay::connection::{Connection, TimedOut};
use crate::replay::world::World;
use crate::session::{Closing, Datum, Expect, Expected, Message, Pattern, Send, Side};
use crate::wire::{Asked, Difference, Protocol, Reply, Taken};

impl<W: World> Player<'_, W> {
    pub(super) async fn expect(&mut self, expect: &Expect) -> Result<(), Problem> {
        self.flush(&expect.conn).await?;
        let began = self.step_began;
        self.patience = self.options.timeout.max(expect.within.unwrap_or_default());
        match &expect.what {
            Expected::Closed(how) => self.closed(&expect.conn, *how).await?,
            Expected::Message(message) => self.message(&expect.conn, message).await?,
        }
        let took = self.world.now().checked_sub(began).unwrap();
        match expect.within {
            Some(bound) if took > bound => {
                Err(Problem::new(format!("it came after {took:?}; the session allows {bound:?}")))
            }
            _ => Ok(()),
        }
    }

    pub(super) async fn message(
        &mut self,
        conn: &str,
        expected: &Message<Pattern>,
    ) -> Result<(), Problem> {
        if let Message::Raw(bytes) = expected {
            return self.raw(conn, bytes).await;
        }
        let codec = self.codec_of(conn);
        if codec.protocol == Protocol::Echo {
            return self.echoed(conn, expected).await;
        }
        if expected.words().first().is_some_and(|word| word == "stats") {
            return if codec.protocol.has_lines() {
                self.stat_lines(conn, expected).await
            } else {
                self.stats(conn, expected).await
            };
        }
        let reply = self.reply(conn).await?;
        let asked = match self.codec.plays {
            Side::Client => self.asked(conn, expected)?,
            Side::Server => None,
        };
        self.compare(conn, expected, &reply, asked.as_ref())?;
        self.connection(conn)?.take(reply.length);
        self.note_question(conn, expected, reply)?;
        self.taken(conn);
        Ok(())
    }

    pub(super) fn compare(
        &mut self,
        conn: &str,
        expected: &Message<Pattern>,
        reply: &Reply,
        asked: Option<&Asked>,
    ) -> Result<(), Problem> {
        let differences = self.codec_of(conn).compare(expected, reply, asked, &mut self.scope)?;
        if differences.is_empty() {
            return Ok(());
        }
        Err(Problem { text: format!("it was: {reply}"), differences })
    }

    /// The request that a reply answers: the tagged one, or the oldest with that code. Quiet ones before it are done.
    pub(super) fn asked(
        &mut self,
        conn: &str,
        expected: &Message<Pattern>,
    ) -> Result<Option<Asked>, Problem> {
        let code = self.codec_of(conn).expected_code(expected);
        let waiting = &mut self.connection(conn)?.asked;
        let position = match expected.tag() {
            Some(tag) => waiting.iter().position(|asked| asked.tag.as_deref() == Some(tag)),
            None => waiting.iter().position(|asked| code.is_none_or(|code| asked.code == code)),
        };
        let Some(position) = position else { return Ok(None) };
        if let Some(skipped) = waiting.iter().take(position).find(|asked| !asked.quiet) {
            let text = format!(
                "an earlier request (code {:#04x}, opaque {:#010x}) has no reply yet",
                skipped.code, skipped.opaque
            );
            return Err(Problem::new(text));
        }
        let asked = waiting.get(position).cloned();
        waiting.drain(..=position);
        Ok(asked)
    }

    /// Waits for a whole reply, without taking it.
    pub(super) async fn reply(&mut self, conn: &str) -> Result<Reply, Problem> {
        let codec = self.codec_of(conn);
        let (peer, message) = (self.peer(), self.peers_message());
        let deadline = self.deadline();
        let name = conn.to_owned();
        let came = self
            .conns
            .until(self.world, deadline, move |_, conns| {
                let Some(connection) = conns.all.get_mut(&name) else {
                    return Poll::Ready(Err("the connection was never opened".to_owned()));
                };
                match codec.take(connection.unread()) {
                    Taken::Whole(reply) => Poll::Ready(Ok(reply)),
                    Taken::Broken(why) => Poll::Ready(Err(format!("not a {message}: {why}"))),
                    Taken::Incomplete(wanted) => {
                        connection.wanted = wanted;
                        connection.ended.map_or(Poll::Pending, |how| {
                            Poll::Ready(Err(ended(connection, peer, how)))
                        })
                    }
                }
            })
            .await;
        match came {
            Ok(Ok(reply)) => Ok(reply),
            Ok(Err(text)) => Err(Problem::new(text)),
            Err(TimedOut) => Err(Problem::new(self.nothing_came(conn))),
        }
    }

    pub(super) fn nothing_came(&self, conn: &str) -> String {
        let came = self.conns.all.get(conn).map_or(0, |connection| connection.unread().len());
        let limit = self.patience;
        if came == 0 {
            format!("nothing came within {limit:?}")
        } else {
            format!("only {came} bytes came within {limit:?}: not a whole {}", self.peers_message())
        }
    }

    pub(super) async fn raw(&mut self, conn: &str, wanted: &[u8]) -> Result<(), Problem> {
        let got = self.exactly(conn, wanted.len()).await?;
        if got != wanted {
            let different =
                got.iter().zip(wanted).position(|(got, wanted)| got != wanted).unwrap_or_default();
            let (wanted, got) = (Datum::Bytes(wanted.to_vec()), Datum::Bytes(got));
            let difference = Difference {
                field: format!("bytes from offset {different}"),
                expected: crate::wire::shortened(&wanted),
                got: crate::wire::shortened(&got),
            };
            return Err(Problem {
                text: "other bytes came".to_owned(),
                differences: vec![difference],
            });
        }
        if self.codec.plays == Side::Client {
            self.connection(conn)?.asked.pop_front();
        }
        Ok(())
    }

    pub(super) async fn echoed(
        &mut self,
        conn: &str,
        expected: &Message<Pattern>,
    ) -> Result<(), Problem> {
        match expected.args().first() {
            Some(Pattern::Value(value)) => {
                let wanted = value.bytes(&self.scope)?;
                self.raw(conn, &wanted).await
            }
            _ => Err(Problem::new("an echo is expected by its bytes")),
        }
    }

    /// Takes exactly `length` bytes.
    pub(super) async fn exactly(&mut self, conn: &str, length: usize) -> Result<Vec<u8>, Problem> {
        let deadline = self.deadline();
        let name = conn.to_owned();
        let came = self
            .conns
            .until(self.world, deadline, move |_, conns| {
                let Some(connection) = conns.all.get_mut(&name) else {
                    return Poll::Ready(Vec::new());
                };
                connection.wanted = length;
                let unread = connection.unread();
                if unread.len() >= length || connection.ended.is_some() {
                    let bytes = unread.iter().take(length).copied().collect();
                    return Poll::Ready(bytes);
                }
                Poll::Pending
            })
            .await;
        let Ok(bytes) = came else { return Err(Problem::new(self.nothing_came(conn))) };
        let peer = self.peer();
        let connection = self.connection(conn)?;
        if bytes.len() < length
            && let Some(how) = connection.ended
        {
            return Err(Problem::new(ended(connection, peer, how)));
        }
        connection.take(length);
        self.taken(conn);
        Ok(bytes)
    }

    pub(super) async fn closed(&mut self, conn: &str, wanted: Closing) -> Result<(), Problem> {
        let (codec, peer) = (self.codec_of(conn), self.peer());
        let deadline = self.deadline();
        let name = conn.to_owned();
        let how = self
            .conns
            .until(self.world, deadline, move |_, conns| {
                let Some(connection) = conns.all.get_mut(&name) else { return Poll::Ready(None) };
                pass_over_good_bye(codec, connection);
                if !connection.unread().is_empty() {
                    return Poll::Ready(None);
                }
                connection.ended.map_or(Poll::Pending, |how| Poll::Ready(Some(how)))
            })
            .await;
        match how {
            Ok(Some(how)) if wanted == Closing::Any || how == wanted => Ok(()),
            Ok(Some(Closing::Rst)) => Err(Problem::new(format!(
                "the {peer} closed with a reset, not with an end of stream"
            ))),
            Ok(Some(_)) => Err(Problem::new(format!(
                "the {peer} closed with an end of stream, not with a reset"
            ))),
            Ok(None) => Err(Problem::new(format!(
                "instead of closing the {peer} sent: {}",
                self.next_thing(conn)
            ))),
            Err(TimedOut) => {
                Err(Problem::new(format!("the {peer} did not close within {:?}", self.patience)))
            }
        }
    }

    /// The next thing in a connection's inbox, as text.
    pub(super) fn next_thing(&self, conn: &str) -> String {
        let unread = self.conns.all.get(conn).map(Connection::unread).unwrap_or_default();
        match self.codec_of(conn).take(unread) {
            Taken::Whole(reply) => reply.to_string(),
            _ => crate::wire::shortened(&Datum::Bytes(unread.to_vec())),
        }
    }

    pub(super) async fn sentinel(&mut self, conn: &str) -> Result<(), Problem> {
        let nonce = format!("{:08x}", self.opaque);
        let (request, reply) = self.codec_of(conn).sentinel(&nonce);
        let request = Send {
            side: Side::Client,
            conn: conn.to_owned(),
            message: request,
            split: None,
            more: false,
            cut: None,
            from: None,
        };
        self.send(&request).await?;
        self.message(conn, &reply).await.map_err(|problem| Problem {
            text: format!(
                "more came than the session says, or the next request was not answered: {}",
                problem.text
            ),
            differences: problem.differences,
        })
    }

    pub(super) async fn silent(&mut self, conn: &str, time: Duration) -> Result<(), Problem> {
        self.flush(conn).await?;
        let deadline = self.world.now() + time;
        let name = conn.to_owned();
        let came = self
            .conns
            .until(self.world, deadline, move |_, conns| match conns.all.get(&name) {
                Some(connection)
                    if connection.unread().is_empty() && connection.ended.is_none() =>
                {
                    Poll::Pending
                }
                _ => Poll::Ready(()),
            })
            .await;
        match came {
            Err(TimedOut) => Ok(()),
            Ok(()) if self.next_thing(conn) == "\"\"" => {
                Err(Problem::new(format!("the {} closed the connection", self.peer())))
            }
            Ok(()) => {
                Err(Problem::new(format!("the {} sent: {}", self.peer(), self.next_thing(conn))))
            }
        }
    }

    pub(super) fn taken(&mut self, conn: &str) {
        if let Some(connection) = self.conns.all.get_mut(conn) {
            connection.wanted = 0;
            if self.trying == 0 {
                connection.forget_taken();
            }
        }
    }
}

fn ended<S>(connection: &Connection<S>, peer: &str, how: Closing) -> String {
    let how = if how == Closing::Rst { "with a reset" } else { "with an end of stream" };
    match connection.unread().len() {
        0 => format!("the {peer} closed the connection {how}"),
        left => format!(
            "the {peer} closed the connection {how} in the middle of a message ({left} bytes came)"
        ),
    }
}
