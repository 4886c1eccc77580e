//! NM-CLI-02: with clones in use from many threads, or in any order of events, no reader gets one
//! page's version with another's data, nor a page older than what it must have seen.
//!
//! The server is a model of a few lines; what real servers do wrong is in `netmem`.

mod peer;

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex};

use bytes::BytesMut;
use lockproof_client::Conversation;
use lockproof_client::netmem::{Answer, Client, Core, Page, PageCache};
use peer::{PATIENCE, netmem};
use proptest::prelude::*;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};
use tokio::sync::OwnedMutexGuard;

const PAGES: u32 = 2;
const PAGE_BYTES: i32 = 8;

/// Every state that each page has had, in order. Data is never repeated, versions may be.
struct World {
    states: Vec<Vec<(i32, Vec<u8>)>>,
}

impl World {
    fn new() -> Self {
        Self { states: (0..PAGES).map(|_| vec![(1, vec![0; 8])]).collect() }
    }

    fn page(&mut self, page: u32) -> &mut Vec<(i32, Vec<u8>)> {
        &mut self.states[page as usize]
    }

    /// The index of the state that the page is in now.
    fn now(&mut self, page: u32) -> usize {
        self.page(page).len() - 1
    }

    /// Executes a request without its locks; `None` for LOCK's and UNLOCK's part of it.
    fn execute(&mut self, kind: u8, page: u32, version: i32, data: &[u8]) -> Vec<u8> {
        let states = self.page(page);
        let (current, bytes) = states[states.len() - 1].clone();
        match kind {
            2 | 3 if version == current => netmem(kind, page, current, b""),
            2 | 3 => netmem(kind, page, current, &bytes),
            _ => {
                let next = if kind == 4 || version < 0 { current + 1 } else { version };
                states.push((next, data.to_vec()));
                netmem(kind, page, next, b"")
            }
        }
    }

    /// Which of the page's states that was.
    fn index_of(&mut self, page: u32, found: &Page) -> usize {
        let states = self.page(page);
        let index = states.iter().position(|(_, data)| data[..] == found.data[..]);
        let index = index.expect("data that the page has had");
        assert_eq!(states[index].0, found.version, "version and data belong together");
        index
    }
}

/// One request: type, page, version, data.
fn parse(bytes: &[u8]) -> Option<(u8, u32, i32, Vec<u8>)> {
    let header: &[u8; 13] = bytes.first_chunk()?;
    let field = |at: usize| u32::from_be_bytes([0, 1, 2, 3].map(|n| header[at + n]));
    let payload = if matches!(header[0], 4 | 5) { field(5) as usize } else { 0 };
    let data = bytes.get(13..13 + payload)?.to_vec();
    Some((header[0], field(1), field(9).cast_signed(), data))
}

mod threads {
    //! Real threads, one client on each; what each must at least see is kept beside the world.

    use super::*;

    const THREADS: u64 = 6;
    const OPERATIONS: u32 = 400;

    struct Shared {
        world: Mutex<World>,
        /// For each page, the latest state that a finished operation has seen or made.
        floor: Mutex<[usize; PAGES as usize]>,
        locks: [Arc<tokio::sync::Mutex<()>>; PAGES as usize],
        /// Versions that nobody else uses, far enough apart to be counted up from.
        versions: Mutex<i32>,
    }

    /// Serves one connection.
    async fn serve(mut stream: DuplexStream, shared: Arc<Shared>) {
        let mut input = BytesMut::new();
        let mut held: BTreeMap<u32, OwnedMutexGuard<()>> = BTreeMap::new();
        loop {
            while let Some((kind, page, version, data)) = parse(&input) {
                let _ = input.split_to(13 + data.len());
                let reply = match kind {
                    0 => netmem(0, 0, 0x0002_0002, b""),
                    1 => netmem(1, PAGES, PAGE_BYTES, b""),
                    _ => {
                        let lock = Arc::clone(&shared.locks[page as usize]);
                        let passing = match kind {
                            3 => {
                                held.insert(page, lock.lock_owned().await);
                                None
                            }
                            5 => Some(lock.lock_owned().await),
                            _ => None,
                        };
                        let mut world = shared.world.lock().unwrap();
                        let reply = world.execute(kind, page, version, &data);
                        drop((world, passing));
                        if kind == 4 {
                            assert!(held.remove(&page).is_some(), "an unlock of a held page");
                        }
                        reply
                    }
                };
                if stream.write_all(&reply).await.is_err() {
                    return;
                }
            }
            if matches!(stream.read_buf(&mut input).await, Ok(0) | Err(_)) {
                return;
            }
        }
    }

    fn connect(shared: &Arc<Shared>) -> DuplexStream {
        let (client, server) = tokio::io::duplex(64);
        tokio::spawn(serve(server, Arc::clone(shared)));
        client
    }

    /// Holds a page against what must have been seen before it was asked for.
    fn check(shared: &Shared, page: u32, floor: usize, found: &Page) {
        let index = shared.world.lock().unwrap().index_of(page, found);
        assert!(index >= floor, "page {page}: state {index} after {floor} was seen");
        raise(shared, page, index);
    }

    fn raise(shared: &Shared, page: u32, index: usize) {
        let floors = &mut *shared.floor.lock().unwrap();
        let floor = &mut floors[page as usize];
        *floor = index.max(*floor);
    }

    async fn work(mut client: Client<DuplexStream>, shared: Arc<Shared>, thread: u64) {
        let mut random = thread + 1;
        for operation in 0..OPERATIONS {
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            let (page, choice) = ((random >> 40) as u32 % PAGES, (random >> 50) % 8);
            let stamp = ((thread << 32) | (u64::from(operation) + 1)).to_be_bytes();
            let floor = shared.floor.lock().unwrap()[page as usize];
            let version = match choice {
                0 => {
                    let found = client.lock(page).await.unwrap();
                    check(&shared, page, floor, &found);
                    let now = shared.world.lock().unwrap().page(page).last().unwrap().clone();
                    assert_eq!((found.version, &found.data[..]), (now.0, &now.1[..]), "held");
                    client.unlock(page, &stamp).await.unwrap()
                }
                1 => client.update(page, &stamp, None).await.unwrap(),
                2 => {
                    let version = {
                        let mut versions = shared.versions.lock().unwrap();
                        *versions += 100_000;
                        *versions
                    };
                    client.update(page, &stamp, Some(version)).await.unwrap()
                }
                _ => {
                    let found = client.read(page).await.unwrap();
                    check(&shared, page, floor, &found);
                    continue;
                }
            };
            let written = Page { version, data: stamp.to_vec().into() };
            check(&shared, page, floor, &written);
        }
    }

    fn runtime() -> tokio::runtime::Runtime {
        tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap()
    }

    #[test]
    fn version_and_data_belong_together_on_many_threads() {
        let shared = Arc::new(Shared {
            world: Mutex::new(World::new()),
            floor: Mutex::default(),
            locks: Default::default(),
            versions: Mutex::new(0),
        });
        let home = runtime();
        let first = home.block_on(async {
            let stream = connect(&shared);
            Arc::new(Client::connect(stream, PATIENCE).await.unwrap())
        });
        let threads: Vec<_> = (0..THREADS)
            .map(|thread| {
                let (first, shared) = (Arc::clone(&first), Arc::clone(&shared));
                std::thread::spawn(move || {
                    runtime().block_on(async {
                        let clone = first.clone_with(connect(&shared)).await.unwrap();
                        work(clone, shared, thread).await;
                    });
                })
            })
            .collect();
        for thread in threads {
            thread.join().expect("no thread saw a wrong page");
        }
        let states: usize = shared.world.lock().unwrap().states.iter().map(Vec::len).sum();
        assert!(states > 100, "only {states} states: the threads wrote next to nothing");
        let cached = (0..PAGES).filter(|page| first.cache().peek(*page).is_some()).count();
        assert!(cached > 0, "a cache that keeps nothing is right, and no use");
    }
}

mod orders {
    //! Every order of submitting, serving and delivering, with versions that are used again.

    use super::*;

    #[derive(Clone, Copy, Debug)]
    enum Event {
        Read {
            client: usize,
        },
        Update {
            client: usize,
            version: Option<i32>,
        },
        /// The server executes the client's next request.
        Serve {
            client: usize,
        },
        /// The client receives its next reply.
        Deliver {
            client: usize,
        },
    }

    const CLIENTS: usize = 3;

    fn event() -> impl Strategy<Value = Event> {
        let client = 0..CLIENTS;
        prop_oneof![
            2 => client.clone().prop_map(|client| Event::Read { client }),
            1 => (client.clone(), prop::option::of(1..4)).prop_map(|(client, version)| {
                Event::Update { client, version }
            }),
            4 => client.clone().prop_map(|client| Event::Serve { client }),
            4 => client.prop_map(|client| Event::Deliver { client }),
        ]
    }

    struct Connection {
        core: Core,
        requests: BytesMut,
        replies: VecDeque<Vec<u8>>,
        /// For each pending request: the earliest state that may answer it, and what it writes.
        asked: VecDeque<(usize, Option<Vec<u8>>)>,
    }

    struct Run {
        world: World,
        connections: Vec<Connection>,
        stamp: u64,
        from_cache: usize,
    }

    impl Run {
        fn new() -> Self {
            let cache = Arc::new(PageCache::new(PAGES, PAGE_BYTES.cast_unsigned()));
            let connection = || Connection {
                core: Core::new(Arc::clone(&cache)),
                requests: BytesMut::new(),
                replies: VecDeque::new(),
                asked: VecDeque::new(),
            };
            let connections = (0..CLIENTS).map(|_| connection()).collect();
            Self { world: World::new(), connections, stamp: 0, from_cache: 0 }
        }

        fn step(&mut self, event: Event) {
            match event {
                Event::Read { client } => self.read(client),
                Event::Update { client, version } => self.update(client, version),
                Event::Serve { client } => self.serve(client),
                Event::Deliver { client } => self.deliver(client),
            }
        }

        fn read(&mut self, client: usize) {
            self.connections[client].core.read(0);
            self.send(client, None);
        }

        fn update(&mut self, client: usize, version: Option<i32>) {
            self.stamp += 1;
            let data = self.stamp.to_be_bytes().to_vec();
            let core = &mut self.connections[client].core;
            core.update(0, data.clone().into(), version).unwrap();
            self.send(client, Some(data));
        }

        fn send(&mut self, client: usize, written: Option<Vec<u8>>) {
            let now = self.world.now(0);
            let connection = &mut self.connections[client];
            connection.asked.push_back((now, written));
            connection.requests.unsplit(connection.core.take_output());
        }

        fn serve(&mut self, client: usize) {
            let connection = &mut self.connections[client];
            if let Some((kind, page, version, data)) = parse(&connection.requests) {
                let _ = connection.requests.split_to(13 + data.len());
                let reply = self.world.execute(kind, page, version, &data);
                connection.replies.push_back(reply);
            }
        }

        fn deliver(&mut self, client: usize) {
            let connection = &mut self.connections[client];
            let Some(reply) = connection.replies.pop_front() else { return };
            let answer = connection.core.receive(&mut BytesMut::from(&reply[..])).unwrap();
            let (earliest, written) = connection.asked.pop_front().unwrap();
            let found = match (answer.unwrap(), written) {
                (Answer::Page(page), None) => page,
                (Answer::Written { version }, Some(data)) => Page { version, data: data.into() },
                (answer, _) => panic!("{answer:?}"),
            };
            self.from_cache += usize::from(reply[0] == 2 && reply.len() == 13);
            let index = self.world.index_of(0, &found);
            assert!(index >= earliest, "state {index}, when {earliest} was current already");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 2000, ..ProptestConfig::default() })]

        #[test]
        fn a_read_returns_a_state_between_its_sending_and_its_answer(
            events in prop::collection::vec(event(), 1..60),
        ) {
            let mut run = Run::new();
            for event in events {
                run.step(event);
            }
        }
    }

    #[test]
    fn some_of_those_reads_are_served_from_the_cache() {
        let mut run = Run::new();
        for client in [0, 1, 2] {
            run.step(Event::Read { client });
            run.step(Event::Serve { client });
            run.step(Event::Deliver { client });
        }
        assert_eq!(run.from_cache, 2);
    }
}
