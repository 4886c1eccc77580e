//! What victims do on connections of their own, when they are told to: floods, storms, streams, and clients that ask and
//! are gone.

use std::io;
use std::time::Duration;

use bytes::BytesMut;
use futures_util::future::join_all;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::watch;
use tokio::time::{interval, sleep, timeout};

use super::expected::{Conversation, forbidden, half_a_request};
use super::{Setting, lines, memcached, netmem, now, requests};
use crate::config::Protocol;
use crate::host::Manner;
use crate::net::SimStream;
use crate::plan::Kind;
use crate::seed::Draw;

/// A flood ends here, if nobody stops it before.
const FLOOD_BYTES: usize = 1024 * 1024;
/// Requests of a flood that are written at once.
const FLOOD_BATCH: usize = 32;
/// Requests for the big value that nobody reads: more than a window.
const PIPELINED: usize = 8;
/// Requests behind one that waits: more than is read ahead.
const TALKS: usize = 20;
/// Connections at once, of victims that open many.
const LANES: u64 = 10;
/// How many one after the other, silent ones and those that ask.
const SILENT_EACH: usize = 10;
const STORM_EACH: usize = 20;
/// Time between a connection and its first request.
const BEFORE_ASKING: Duration = Duration::from_millis(100);
/// Connections at once, of victims that come and go.
const GUESTS: u64 = 3;
/// Time between two bytes, and before the first.
const BYTE_EVERY: Duration = Duration::from_millis(300);
const FIRST_BYTE_AFTER: Duration = Duration::from_secs(2);
/// Time between two requests of a stream.
const REQUEST_EVERY: Duration = Duration::from_millis(5);
/// Time that a client gives an answer that it is curious about.
const CURIOSITY: Duration = Duration::from_millis(500);
/// Lanes draw numbers of their own.
const FIRST_LANE: usize = 1_000;

/// Acts until told otherwise; what is not a habit is done once.
pub(super) async fn act(
    setting: &Setting,
    index: usize,
    kind: Kind,
    manners: &mut watch::Receiver<Manner>,
) {
    let actor = Actor { setting, index };
    tokio::select! {
        biased; // told otherwise, it stops
        _ = manners.changed() => {}
        () = actor.perform(kind) => {}
    }
}

#[derive(Clone, Copy, Debug)]
struct Actor<'a> {
    setting: &'a Setting,
    index: usize,
}

impl Actor<'_> {
    async fn perform(self, kind: Kind) {
        let config = &self.setting.config;
        let performed = match kind {
            Kind::TearsHeader => self.say(&requests::torn_header(config), true).await,
            Kind::HoldsTheLock => self.say(&requests::lock(config), false).await,
            Kind::Pipelines => self.say(&self.pipeline(), false).await,
            Kind::Floods => self.flood(&self.big_requests(), &requests::read(config)).await,
            Kind::FloodsWrites => self.flood(&[], &requests::write(config)).await,
            Kind::SendsSlowly => self.send_slowly().await,
            Kind::TalksNonsense => self.talk_nonsense().await,
            Kind::Raves => self.rave().await,
            Kind::TalksWhileWaiting => self.talk_while_waiting().await,
            Kind::StreamsReads => self.stream(&requests::read(config)).await,
            Kind::StreamsWrites => self.stream(&requests::write(config)).await,
            Kind::Counts => self.count_on().await,
            Kind::ConnectsInSilence => {
                self.lanes(LANES, |lane| self.connect_in_silence(lane)).await
            }
            Kind::Storms => self.lanes(LANES, |lane| self.storm(lane)).await,
            _ => self.lanes(GUESTS, |lane| self.come_and_go(kind, lane)).await,
        };
        // A connection that the server ends is what most of this is for.
        drop(performed);
    }

    fn obeyed(self) {
        self.setting.ledger.borrow_mut().obeyed.insert(self.index, now());
    }

    /// Says something on a new connection, and keeps it.
    async fn say(self, bytes: &[u8], and_ends: bool) -> io::Result<()> {
        let mut stream = self.setting.connect().await?;
        stream.write_all(bytes).await?;
        if and_ends {
            stream.shutdown().await?;
        }
        self.obeyed();
        std::future::pending().await
    }

    fn big_requests(self) -> BytesMut {
        let mut out = BytesMut::new();
        let mut talk = Conversation::new(&self.setting.config);
        (0..PIPELINED).for_each(|_| talk.ask(&mut out));
        out
    }

    fn pipeline(self) -> BytesMut {
        let mut out = self.big_requests();
        out.extend_from_slice(&forbidden(&self.setting.config));
        out
    }

    async fn flood(self, first: &[u8], request: &[u8]) -> io::Result<()> {
        let mut stream = self.setting.connect().await?;
        stream.write_all(first).await?;
        let batch = request.repeat(FLOOD_BATCH);
        for _ in 0..FLOOD_BYTES.div_ceil(batch.len()) {
            stream.write_all(&batch).await?;
        }
        std::future::pending().await
    }

    /// What is asked before the nonsense is answered, and then the connection ends.
    async fn talk_nonsense(self) -> io::Result<()> {
        let config = &self.setting.config;
        let mut stream = self.setting.connect().await?;
        let request = requests::read(config);
        stream.write_all(&[&request[..], requests::nonsense(config)].concat()).await?;
        self.obeyed();
        let mut replies = BytesMut::new();
        while stream.read_buf(&mut replies).await? > 0 {}
        if replies.is_empty() && !self.setting.outages.may_leave_unanswered(now()) {
            let text = format!(
                "victim {}: what it asked before its nonsense was not answered",
                self.index
            );
            self.setting.ledger.borrow_mut().torn.push(text);
        }
        std::future::pending().await
    }

    async fn rave(self) -> io::Result<()> {
        let config = &self.setting.config;
        let request = requests::read(config);
        self.obeyed();
        self.flood(&request, requests::nonsense(config)).await
    }

    /// One connection has a lock. A second waits for it and sends more than is read ahead; a third waits too, and is gone
    /// with a reply unread, so that its kernel resets it.
    async fn talk_while_waiting(self) -> io::Result<()> {
        let config = &self.setting.config;
        let lock = requests::scratch_lock(config);
        let mut holder = self.setting.connect().await?;
        holder.write_all(&lock).await?;
        holder.read_u8().await?;
        let mut waiter = self.setting.connect().await?;
        waiter.write_all(&lock).await?;
        self.obeyed();
        let mut leaver = self.setting.connect().await?;
        leaver.write_all(&[&requests::read(config)[..], &lock].concat()).await?;
        sleep(BEFORE_ASKING).await;
        drop(leaver);
        waiter.write_all(&requests::long_write(config).repeat(TALKS)).await?;
        std::future::pending().await
    }

    async fn send_slowly(self) -> io::Result<()> {
        let mut stream = self.setting.connect().await?;
        sleep(FIRST_BYTE_AFTER).await;
        for byte in half_a_request(&self.setting.config) {
            stream.write_u8(byte).await?;
            self.obeyed();
            sleep(BYTE_EVERY).await;
        }
        Ok(())
    }

    async fn stream(self, request: &[u8]) -> io::Result<()> {
        let mut stream = self.setting.connect().await?;
        let (mut replies, mut pace) = (BytesMut::new(), interval(REQUEST_EVERY));
        loop {
            let read = tokio::select! {
                biased; // replies first, so that they never wait
                read = stream.read_buf(&mut replies) => read?,
                _ = pace.tick() => {
                    stream.write_all(request).await?;
                    continue;
                }
            };
            if read == 0 {
                return Ok(());
            }
            replies.clear();
            self.obeyed();
        }
    }

    async fn count_on(self) -> io::Result<()> {
        self.obeyed();
        let counted = match self.setting.config.protocol {
            Protocol::Memcached => memcached::count_on::<memcached::Worker>(self.setting).await,
            Protocol::Text | Protocol::Meta => {
                memcached::count_on::<lines::Worker>(self.setting).await
            }
            Protocol::NetMem => netmem::count_on(self.setting).await,
            // Nothing there counts.
            Protocol::Locker => std::future::pending().await,
        };
        counted.map_err(io::Error::other)
    }

    /// So many at once, each with numbers of its own.
    async fn lanes<F>(self, count: u64, lane: impl Fn(Draw) -> F) -> io::Result<()>
    where
        F: Future<Output = io::Result<()>>,
    {
        let lanes = (0..usize::try_from(count).unwrap_or_default()).map(|number| {
            let client = FIRST_LANE * (self.index + 1) + number;
            lane(Draw::of_client(self.setting.seed, client))
        });
        // One that fails leaves the others alone.
        join_all(lanes).await.into_iter().collect()
    }

    async fn connect_in_silence(self, _: Draw) -> io::Result<()> {
        let mut silent: Vec<SimStream> = Vec::new();
        for _ in 0..SILENT_EACH {
            silent.push(self.setting.connect().await?);
            self.obeyed();
        }
        std::future::pending().await
    }

    async fn storm(self, _: Draw) -> io::Result<()> {
        for _ in 0..STORM_EACH {
            let mut stream = self.setting.connect().await?;
            sleep(BEFORE_ASKING).await;
            stream.write_all(&requests::read(&self.setting.config)).await?;
            stream.read_u8().await?;
            self.obeyed();
        }
        Ok(())
    }

    async fn come_and_go(self, kind: Kind, mut draw: Draw) -> io::Result<()> {
        loop {
            // What the server thinks of it does not matter; it comes again.
            let _ = self.visit(kind, &mut draw).await;
            sleep(Duration::from_millis(draw.within(5..=40))).await;
        }
    }

    async fn visit(self, kind: Kind, draw: &mut Draw) -> io::Result<()> {
        let config = &self.setting.config;
        let mut stream = self.setting.connect().await?;
        let request = match kind {
            Kind::ReadersComeAndGo => requests::read(config),
            Kind::WritersComeAndGo if draw.one_in(3) => requests::lock(config),
            Kind::WritersComeAndGo => requests::write(config),
            Kind::GivesUp => {
                memcached::begin_to_count(self.setting);
                requests::count(config)
            }
            _ => requests::absurd(config),
        };
        stream.write_all(&request).await?;
        self.obeyed();
        if kind == Kind::AsksTheImpossible {
            timeout(CURIOSITY, stream.read_u8()).await??;
        } else {
            sleep(Duration::from_millis(draw.within(0..=60))).await;
        }
        Ok(())
    }
}
