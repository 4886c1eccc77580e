//! The whole server in memory and in paused time: clients that ask, send what is no request, stop in the middle of a frame
//! and vanish. Held against a naive server, which is told the same; every reply has to be the same, byte for byte.
//!
//! After every event the server is left alone until nothing moves: that is what a pause of virtual time does. So the order
//! of all requests is known, and with it every reply. What clients see that do not wait for each other is the simulator's
//! and the histories' to judge.
//!
//! The first byte says which protocol it is, and how much a connection holds.

mod client;
mod echo;
mod locker;
mod memcached;
mod naive;
mod netmem;
mod pipe;
pub(crate) mod script;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use arbitrary::{Arbitrary, Unstructured};
use bytes::BytesMut;
use lockproof_conformance::wire::{Codec, Protocol as Name, Taken, hexdump};
use lockproof_reference_server::{ConnectionConfig, Protocol, serve};
use tokio::runtime::Builder;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

use crate::step::{Sessions, steps};
use client::Client;
use naive::{Model, Naive};
use pipe::{Door, Tasks};
use script::{Event, SENT_MAX};

/// Virtual time in which everything comes to rest: no timer of the server is as short.
const REST: Duration = Duration::from_millis(1);

/// More than a connection lingers, and than the server drains.
const AFTERWARDS: Duration = Duration::from_secs(30);

/// Bytes that a connection holds before a writer has to wait, and of replies before the server sends them.
#[derive(Clone, Copy)]
struct Capacity {
    pipe: usize,
    output: usize,
}

/// The server writes in pieces and stops in the middle of a batch; only a whole event has to fit into a pipe.
const TIGHT: Capacity = Capacity { pipe: SENT_MAX, output: 512 };

const ROOMY: Capacity = Capacity { pipe: 64 * 1024, output: 128 * 1024 };

/// A protocol as this target drives it.
trait Kind {
    /// A well-formed request, as it is drawn.
    type Ask: for<'a> Arbitrary<'a>;
    type Protocol: Protocol;
    type Naive: Naive;

    fn server(&self) -> Self::Protocol;

    fn naive(&self) -> Self::Naive;

    fn encode(ask: Self::Ask, naive: &Self::Naive) -> BytesMut;

    fn judge() -> Judge;

    /// What somebody sends who comes when all others are gone, and who must not wait.
    fn last_words() -> BytesMut {
        BytesMut::new()
    }

    /// Nobody is there, so nothing is held.
    fn assert_empty(_: &Self::Protocol) {}
}

/// Who says whether output is well formed, and what is not to be foretold of it.
struct Judge {
    /// None where anything is.
    codec: Option<Codec>,
    hide: fn(&[u8]) -> bool,
}

impl Judge {
    /// The output without what is hidden. Every frame of it is one to the judge's own decoder.
    fn plain(&self, output: &[u8]) -> Vec<u8> {
        let Some(codec) = self.codec else { return output.to_vec() };
        let (mut rest, mut shown) = (output, Vec::new());
        while !rest.is_empty() {
            let Taken::Whole(reply) = codec.take(rest) else {
                panic!("no reply of {:?}: {:?}: {rest:x?}", codec.protocol, codec.take(rest));
            };
            let (frame, behind) = rest.split_at(reply.length);
            if !(self.hide)(frame) {
                shown.extend_from_slice(frame);
            }
            rest = behind;
        }
        shown
    }
}

/// One script for one server.
pub fn run(input: &[u8]) {
    let Some((switches, script)) = input.split_first() else { return };
    let capacity = if switches & 8 == 0 { TIGHT } else { ROOMY };
    match switches % 8 {
        0 | 1 => drive(&memcached::Cache { with_sasl: false }, capacity, script),
        2 => drive(&memcached::Cache { with_sasl: true }, capacity, script),
        // Where one session sets others free, who comes first would depend on how often the server sends.
        3 | 4 => {
            let capacity = Capacity { output: ROOMY.output, ..capacity };
            drive(&netmem::Memory, capacity, script);
        }
        5 => drive(&locker::Table::<false>, capacity, script),
        6 => drive(&locker::Table::<true>, capacity, script),
        _ => drive(&echo::Mirror, capacity, script),
    }
}

/// The first byte of scripts of a protocol.
pub(crate) const fn switches(protocol: Name) -> u8 {
    match protocol {
        Name::Memcached | Name::Text | Name::Meta => 0,
        Name::NetMem => 3,
        Name::Locker => 5,
        Name::Echo => 7,
    }
}

fn drive<K: Kind>(kind: &K, capacity: Capacity, script: &[u8]) {
    let runtime = Builder::new_current_thread().enable_time().start_paused(true).build();
    runtime.expect("a runtime").block_on(async {
        let mut scene = Scene::<K>::new(kind, capacity);
        for event in steps(&mut Unstructured::new(script)) {
            scene.play(event).await;
        }
        scene.end().await;
    });
}

fn dump(bytes: &[u8]) -> String {
    hexdump(bytes, 512, "  ")
}

/// A server, its clients, and the naive server that is told the same.
struct Scene<K: Kind> {
    protocol: Arc<K::Protocol>,
    door: Door,
    tasks: Tasks,
    shutdown: CancellationToken,
    serving: JoinHandle<()>,
    begun: Instant,
    model: Model<K::Naive>,
    clients: BTreeMap<u64, Client>,
    sessions: Sessions,
}

impl<K: Kind> Scene<K> {
    fn new(kind: &K, capacity: Capacity) -> Self {
        let protocol = Arc::new(kind.server());
        let (door, knocks) = Door::new(capacity.pipe);
        let (tasks, shutdown) = (Tasks::default(), CancellationToken::new());
        // A frame may take as long as it likes; the deadlines are the simulator's.
        let config = ConnectionConfig {
            frame_deadline: None,
            output_max: capacity.output,
            ..ConnectionConfig::default()
        };
        let server = Arc::clone(&protocol);
        let serving = serve(knocks, server, config, tasks.clone(), shutdown.clone());
        Self {
            protocol,
            door,
            tasks,
            shutdown,
            serving: tokio::spawn(serving),
            begun: Instant::now(),
            model: Model::new(kind.naive()),
            clients: BTreeMap::new(),
            sessions: Sessions::new(),
        }
    }

    async fn play(&mut self, event: Event<K::Ask>) {
        match event {
            Event::Ask { client, kept, ask } => {
                let bytes = K::encode(ask, self.model.naive());
                self.send(self.sessions.of(client), &bytes, kept).await;
            }
            Event::Raw { client, kept, bytes } => {
                self.send(self.sessions.of(client), &bytes, kept).await;
            }
            Event::Wait(time) => sleep(time).await,
            Event::Close { client } => {
                let id = self.sessions.of(client);
                if let Some(client) = self.clients.get_mut(&id) {
                    client.close_sending().await;
                    self.model.end(self.begun.elapsed(), id);
                }
            }
            Event::Drop { client } => self.drop_client(client).await,
        }
        self.settle().await;
    }

    /// Sends to the server and to the naive one, from a client that may be new.
    async fn send(&mut self, id: u64, bytes: &[u8], kept: usize) {
        if !self.clients.contains_key(&id) {
            self.clients.insert(id, Client::new(self.door.connect()));
            self.model.open(id);
        }
        let client = self.clients.get_mut(&id).expect("it is there");
        let bytes = client.piece(bytes, kept);
        for piece in bytes.chunks(SENT_MAX) {
            client.send(piece).await;
            self.model.send(self.begun.elapsed(), id, piece);
            sleep(REST).await;
        }
    }

    async fn drop_client(&mut self, client: u8) {
        let id = self.sessions.end(client);
        if self.clients.remove(&id).is_some() {
            self.model.end(self.begun.elapsed(), id);
        }
        sleep(REST).await;
    }

    /// Leaves the server alone until nothing moves; then every client has what it is due.
    async fn settle(&mut self) {
        sleep(REST).await;
        let judge = K::judge();
        for (id, client) in &self.clients {
            let seen = client.take_seen();
            let (due, closed) = self.model.take(*id);
            let (sent, name) = (judge.plain(&seen.bytes), K::Protocol::NAME);
            let told = || format!("{}  expected:\n{}", dump(&sent), dump(&due));
            assert!(sent == due, "{name}: session {id} was sent:\n{}", told());
            assert_eq!(seen.closed, closed, "{name}: session {id} is closed");
        }
    }

    /// Everybody leaves. Then the server has no connection and holds nothing, and it stops when it is told to.
    async fn end(mut self) {
        for client in 0..Sessions::CLIENTS as u8 {
            self.drop_client(client).await;
        }
        sleep(AFTERWARDS).await;
        assert_eq!(self.protocol.counters().current(), 0, "connections, with nobody there");
        K::assert_empty(&self.protocol);
        let last = self.sessions.of(0);
        self.send(last, &K::last_words(), 0).await;
        self.settle().await;
        self.shutdown.cancel();
        self.serving.await.expect("it does not panic");
        self.tasks.assert_ended();
    }
}
