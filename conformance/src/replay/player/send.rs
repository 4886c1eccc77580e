//! Sending: encode, register what the reply must repeat, cut into writes.

use std::task::Poll;
use std::time::Duration;

use super::{Player, Problem};
use crate::replay::clock::Clock;
use crate::replay::connection::{Connection, Connections, TimedOut};
use crate::replay::transcript::Direction;
use crate::replay::world::World;
use crate::session::{Send, Side, Split};
use crate::wire::{Outgoing, Protocol, own_keys};

/// The pause between the segments of a `split`, so that they do not meet again in a buffer.
const SPLIT_PAUSE: Duration = Duration::from_millis(2);

/// So many bytes of a reply that is `split each` come one by one for certain.
const SINGLE_BYTES: usize = 48;

/// Rounds of a `repeat` whose requests are cut; thousands of equal ones in a write per byte show nothing more.
const CUT_ROUNDS: u64 = 50;

/// Opaques advance by this odd step, so that all of a session's differ and look like nothing.
const OPAQUE_STEP: u32 = 0x9e37_79b1;

impl<W: World> Player<'_, W> {
    /// Encodes a request and registers what its reply must repeat; or a reply, which repeats it.
    pub(super) fn encode(&mut self, send: &Send) -> Result<Outgoing, Problem> {
        self.scope.unix_now = self.world.clock().unix_now();
        if self.codec.plays == Side::Server {
            return self.answer(send);
        }
        self.opaque = self.opaque.wrapping_add(OPAQUE_STEP);
        let codec = self.codec_of(&send.conn);
        let mut outgoing = codec.encode(&send.message, &self.scope, self.opaque)?;
        if codec.protocol.has_lines() {
            self.keys.extend(own_keys(&outgoing.bytes).map(<[u8]>::to_vec));
        }
        if let Some(length) = send.cut {
            outgoing.bytes.truncate(length);
        }
        if let Some(length) = send.from {
            outgoing.leave_out(length);
        }
        if send.cut.is_some() {
            // No reply is due before the rest has been sent.
        } else if let Some(asked) = outgoing.asked.clone() {
            if codec.protocol == Protocol::Memcached && !asked.key.is_empty() {
                self.keys.insert(asked.key.clone());
            }
            self.connection(&send.conn)?.asked.push_back(asked);
        }
        Ok(outgoing)
    }

    pub(super) fn hold(&mut self, send: &Send) -> Result<(), Problem> {
        let outgoing = self.encode(send)?;
        self.connection(&send.conn)?.held.extend(outgoing.bytes);
        Ok(())
    }

    pub(super) async fn send(&mut self, send: &Send) -> Result<(), Problem> {
        if send.more {
            return self.hold(send);
        }
        let mut outgoing = self.encode(send)?;
        let mut bytes = std::mem::take(&mut self.connection(&send.conn)?.held);
        let held = bytes.len();
        // What goes out with company keeps only the borders that the session asks for.
        let alone = held == 0 && self.round < CUT_ROUNDS;
        let cuts = alone || send.split.is_some();
        let borders = if cuts {
            self.options.delivery.borders(&outgoing, send.split.as_ref())
        } else {
            Vec::new()
        };
        bytes.append(&mut outgoing.bytes);
        let mut start = 0;
        for end in borders.into_iter().map(|border| held + border) {
            self.write(&send.conn, bytes[start..end].to_vec()).await?;
            start = end;
            if self.pauses_at(end, send.split.as_ref()) {
                self.pass(SPLIT_PAUSE).await;
            }
        }
        self.write(&send.conn, if start == 0 { bytes } else { bytes.split_off(start) }).await
    }

    /// Whether the next segment has to wait. To a server a write per byte is as many segments as there will be; pauses
    /// between all of them only take time. A client gets them one by one, as far as the first fields go.
    fn pauses_at(&self, end: usize, split: Option<&Split>) -> bool {
        match split {
            Some(Split::Sizes(_)) => true,
            Some(Split::Each) => self.codec.plays == Side::Server && end <= SINGLE_BYTES,
            None => false,
        }
    }

    /// Sends what waits for company.
    pub(super) async fn flush(&mut self, conn: &str) -> Result<(), Problem> {
        let held = std::mem::take(&mut self.connection(conn)?.held);
        if held.is_empty() { Ok(()) } else { self.write(conn, held).await }
    }

    /// Sends bytes and waits until the server took them; on a stalled connection it may take its time.
    pub(super) async fn write(&mut self, conn: &str, bytes: Vec<u8>) -> Result<(), Problem> {
        self.conns.transcript.bytes(self.world.now(), conn, Direction::Sent, &bytes);
        let connection = self.connection(conn)?;
        connection.post(bytes);
        if connection.stalled { Ok(()) } else { self.written(conn).await }
    }

    pub(super) async fn written(&mut self, conn: &str) -> Result<(), Problem> {
        let deadline = self.deadline();
        let left =
            |conns: &Connections<W::Stream>| conns.all.get(conn).map_or(0, Connection::unwritten);
        let sent = self
            .conns
            .until(self.world, deadline, |_, conns| {
                if left(conns) == 0 { Poll::Ready(()) } else { Poll::Pending }
            })
            .await;
        sent.map_err(|TimedOut| {
            let limit = self.patience;
            Problem::new(format!(
                "the {} did not take the last {} bytes within {limit:?}",
                self.peer(),
                left(&self.conns)
            ))
        })
    }
}
