//! What is different when a session plays the server: requests are remembered, replies repeat them, and at the end the
//! client is the one to leave.

use std::task::Poll;

use super::{Failure, Player, Problem, fail};
use crate::replay::connection::Connection;
use crate::replay::transcript::Direction;
use crate::replay::world::World;
use crate::session::{Message, Pattern, Send, Side, Value};
use crate::wire::{Asked, Codec, Outgoing, Protocol, Reply, Taken};

/// memcached's words for good-bye.
const QUIT: [u8; 2] = [0x07, 0x17];

impl<W: World> Player<'_, W> {
    /// The program under test, for messages.
    pub(super) fn peer(&self) -> &'static str {
        self.codec.plays.other().name()
    }

    /// What the program under test sends, for messages.
    pub(super) fn peers_message(&self) -> &'static str {
        match self.peer() {
            "client" => "request",
            _ => "reply",
        }
    }

    /// Remembers a request until it is answered. A reply asks for nothing.
    pub(super) fn note_question(
        &mut self,
        conn: &str,
        expected: &Message<Pattern>,
        question: Reply,
    ) -> Result<(), Problem> {
        if let Some(asked) = question.asked {
            let tag = expected.tag().map(str::to_owned);
            self.connection(conn)?.asked.push_back(Asked { tag, ..asked });
        }
        Ok(())
    }

    /// Encodes a reply. One with an `opaque=` of its own answers nobody.
    pub(super) fn answer(&mut self, send: &Send) -> Result<Outgoing, Problem> {
        let code = self.codec.answered_code(&send.message);
        let waiting = &mut self.connection(&send.conn)?.asked;
        let position = match send.message.tag() {
            Some(tag) => waiting.iter().position(|asked| asked.tag.as_deref() == Some(tag)),
            None => waiting.iter().position(|asked| code.is_none_or(|code| asked.code == code)),
        };
        let strays = send.message.field("opaque").is_some();
        let asked = position.and_then(|at| waiting.get(at)).cloned();
        if asked.is_none() && !strays && self.repeats(&send.message) {
            return Err(Problem::new(
                "no request of this connection waits for that reply: a memcached reply to nobody needs `opaque=`, others \
                 the name of a request",
            ));
        }
        let mut outgoing = self.codec.answer(&send.message, &self.scope, asked.as_ref())?;
        if let (Some(at), false, None) = (position, strays, &outgoing.asked) {
            self.connection(&send.conn)?.asked.remove(at);
        }
        outgoing.bytes.truncate(send.cut.unwrap_or(usize::MAX));
        Ok(outgoing)
    }

    /// Whether a reply cannot be built without the request that it answers.
    fn repeats(&self, message: &Message<Value>) -> bool {
        match (self.codec.protocol, message) {
            (_, Message::Raw(_) | Message::Line(_))
            | (Protocol::Echo | Protocol::NetMem | Protocol::Text | Protocol::Meta, _) => false,
            (Protocol::Memcached, _) => true,
            (Protocol::Locker, message) => message.words().len() < 2,
        }
    }

    /// After the last step the server ends its side, and the client leaves, with no more than a good-bye. One that stays
    /// until the time limit may: it is in no doubt about this connection.
    pub(super) async fn clients_leave(&mut self) -> Result<(), Failure> {
        let names: Vec<String> = self.conns.all.keys().cloned().collect();
        for name in names {
            let open =
                self.conns.all.get(&name).is_some_and(|connection| connection.stream.is_some());
            if open {
                let left = self.client_leaves(&name).await;
                left.map_err(|problem| fail(0, format!("{name}> closed"), problem))?;
            }
        }
        Ok(())
    }

    async fn client_leaves(&mut self, name: &str) -> Result<(), Problem> {
        self.flush(name).await?;
        self.written(name).await?;
        let connection = self.connection(name)?;
        if !connection.finished {
            connection.finished = true;
            let _ = std::future::poll_fn(|cx| connection.poll_finish(cx)).await;
            self.conns.transcript.note(self.world.now(), name, Direction::Sent, "end of stream");
        }
        let deadline = self.deadline();
        let _ = self
            .conns
            .until(self.world, deadline, |_, conns| match conns.all.get(name) {
                Some(connection) if connection.ended.is_none() => Poll::Pending,
                _ => Poll::Ready(()),
            })
            .await;
        let codec = self.codec;
        let connection = self.connection(name)?;
        pass_over_good_bye(codec, connection);
        if connection.unread().is_empty() {
            return Ok(());
        }
        Err(Problem::new(format!("the client also sent: {}", self.next_thing(name))))
    }
}

/// A client that leaves may say so: that is no request to judge.
pub(super) fn pass_over_good_bye<S>(codec: Codec, connection: &mut Connection<S>) {
    if codec.plays == Side::Client || codec.protocol != Protocol::Memcached {
        return;
    }
    while let Taken::Whole(request) = codec.take(connection.unread()) {
        if !QUIT.contains(&request.code) {
            return;
        }
        connection.take(request.length);
    }
}
