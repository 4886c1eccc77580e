//! The network of the simulation that runs on this thread: machines, the ways between them, and what is under way.
//!
//! Messages arrive in the order in which they were sent, after a latency drawn from the seed, and at multiples of a tick,
//! so that time moves in few steps. A message that is lost is lost for ever, and nothing behind it arrives; only what opens
//! a connection is sent again. One that is held back arrives when it is released.

use std::cell::{Cell, RefCell};
use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap, VecDeque};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::ops::RangeInclusive;
use std::task::Waker;
use std::time::Duration;

use tokio::time::Instant;

use super::connection::{Connection, Item, SIDES};
use super::listener::Backlog;
use crate::seed::{Draw, Purpose};

/// How messages travel.
#[derive(Clone, Debug)]
pub struct Weather {
    /// What latencies are drawn from, and the order in which tasks of one instant run.
    pub seed: u64,
    /// Messages arrive at multiples of this.
    pub tick: Duration,
    /// Milliseconds that a message takes at least and at most, before it waits for the next tick.
    pub latency_ms: RangeInclusive<u64>,
}

impl Weather {
    /// A tick of 5 ms, and latencies of 1 to 20.
    pub fn new(seed: u64) -> Self {
        Self { seed, tick: Duration::from_millis(5), latency_ms: 1..=20 }
    }
}

/// Which machine.
pub(super) type HostId = usize;

/// Which connection.
pub(super) type ConnectionId = usize;

/// A machine.
#[derive(Debug)]
pub(super) struct Host {
    pub(super) name: String,
    pub(super) ip: IpAddr,
    /// A machine without power neither says nor hears anything.
    pub(super) has_power: bool,
    pub(super) listeners: BTreeMap<u16, Backlog>,
    next_port: u16,
}

/// What becomes of a message from one machine to another.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(super) enum Way {
    #[default]
    Open,
    Cut,
    Held,
}

/// Time until a lost handshake is repeated: Linux's first.
const REPEAT_AFTER: Duration = Duration::from_secs(1);

/// The first port that a system gives to a client.
const FIRST_PORT: u16 = 49_152;

/// All of it.
#[derive(Debug)]
pub(super) struct Network {
    weather: Weather,
    draw: Draw,
    pub(super) hosts: Vec<Host>,
    /// By who sends and who receives; open where nothing is written.
    ways: BTreeMap<(HostId, HostId), Way>,
    pub(super) connections: Vec<Connection>,
    /// When something arrives, and on which connection from which side. The number keeps the order of equal times.
    arrivals: BinaryHeap<Reverse<(Instant, u64, ConnectionId, usize)>>,
    next_arrival: u64,
    held: VecDeque<(ConnectionId, usize, Item)>,
    /// Whoever delivers, and until when that one sleeps.
    pub(super) deliverer: Option<(Waker, Option<Instant>)>,
}

thread_local! {
    static NETWORK: RefCell<Option<Box<Network>>> = const { RefCell::new(None) };
    static BEGAN: Cell<Option<Instant>> = const { Cell::new(None) };
    static HOST: Cell<HostId> = const { Cell::new(0) };
}

/// Virtual time since the simulation of this thread began; nothing where none runs.
pub fn sim_elapsed() -> Option<Duration> {
    BEGAN.get().map(|began| began.elapsed())
}

/// Looks at the network of this thread; nothing where no simulation runs.
pub(super) fn here<T>(look: impl FnOnce(&mut Network) -> T) -> Option<T> {
    NETWORK.with_borrow_mut(|network| network.as_deref_mut().map(look))
}

/// The machine that runs now.
pub(super) fn this_host() -> HostId {
    HOST.get()
}

/// Runs `act` as a program of that machine.
pub(super) fn on<T>(host: HostId, act: impl FnOnce() -> T) -> T {
    let before = HOST.replace(host);
    let result = act();
    HOST.set(before);
    result
}

/// While it lives, the network is that of this thread.
pub(super) struct Present<'a>(&'a mut Option<Box<Network>>);

impl<'a> Present<'a> {
    pub(super) fn new(network: &'a mut Option<Box<Network>>, began: Instant) -> Self {
        BEGAN.set(Some(began));
        NETWORK.set(network.take());
        Self(network)
    }
}

impl Drop for Present<'_> {
    fn drop(&mut self) {
        BEGAN.set(None);
        *self.0 = NETWORK.take();
    }
}

impl Network {
    pub(super) fn new(weather: Weather) -> Self {
        Self {
            draw: Draw::new(weather.seed, Purpose::Net),
            weather,
            hosts: Vec::new(),
            ways: BTreeMap::new(),
            connections: Vec::new(),
            arrivals: BinaryHeap::new(),
            next_arrival: 0,
            held: VecDeque::new(),
            deliverer: None,
        }
    }

    /// A new machine.
    pub(super) fn add_host(&mut self, name: &str) -> HostId {
        let id = self.hosts.len();
        let last = u8::try_from(id + 1).unwrap_or(u8::MAX);
        let ip = IpAddr::V4(Ipv4Addr::new(192, 168, 0, last));
        let (name, listeners) = (name.to_owned(), BTreeMap::new());
        self.hosts.push(Host { name, ip, has_power: true, listeners, next_port: FIRST_PORT });
        id
    }

    /// The machine of that name.
    pub(super) fn host(&self, name: &str) -> Option<HostId> {
        self.hosts.iter().position(|host| host.name == name)
    }

    /// An address for a new client of that machine.
    pub(super) fn client_address(&mut self, host: HostId) -> SocketAddr {
        let host = &mut self.hosts[host];
        let port = host.next_port;
        host.next_port = port.checked_add(1).unwrap_or(FIRST_PORT);
        SocketAddr::new(host.ip, port)
    }

    pub(super) fn way(&self, from: HostId, to: HostId) -> Way {
        self.ways.get(&(from, to)).copied().unwrap_or_default()
    }

    /// From now on, messages between these fare so.
    pub(super) fn set_way(&mut self, from: HostId, to: HostId, way: Way) {
        self.ways.insert((from, to), way);
    }

    /// What was held back between open ways is under way now.
    pub(super) fn release(&mut self) {
        for (connection, side, item) in std::mem::take(&mut self.held) {
            self.send(connection, side, item);
        }
    }

    /// Sends from that side of a connection to the other.
    pub(super) fn send(&mut self, id: ConnectionId, side: usize, item: Item) {
        let connection = &mut self.connections[id];
        let (from, to) = (connection.ends[side].host, connection.ends[1 - side].host);
        if !self.hosts[from].has_power {
            return;
        }
        match self.way(from, to) {
            Way::Open => {}
            Way::Held => {
                self.held.push_back((id, side, item));
                return;
            }
            // It is looked at where it arrives: see `is_lost`.
            Way::Cut if item.is_of_the_handshake() => {}
            Way::Cut => {
                self.connections[id].pipes[side].is_broken = true;
                return;
            }
        }
        let latency = self.draw.within(self.weather.latency_ms.clone());
        let at = self.next_tick(Instant::now() + Duration::from_millis(latency));
        let pipe = &mut self.connections[id].pipes[side];
        let at = pipe.last_arrival.map_or(at, |last| last.max(at));
        let is_new = pipe.last_arrival != Some(at) || pipe.under_way.is_empty();
        pipe.last_arrival = Some(at);
        pipe.put(at, item);
        if is_new {
            self.announce(at, id, side);
        }
    }

    fn next_tick(&self, at: Instant) -> Instant {
        let Some(began) = BEGAN.get() else { return at };
        let tick = self.weather.tick.as_micros().max(1);
        let ticks = (at - began).as_micros().div_ceil(tick);
        began + Duration::from_micros(u64::try_from(ticks * tick).unwrap_or(u64::MAX))
    }

    /// Something arrives then.
    pub(super) fn announce(&mut self, at: Instant, id: ConnectionId, side: usize) {
        self.arrivals.push(Reverse((at, self.next_arrival, id, side)));
        self.next_arrival += 1;
        if let Some((waker, until)) = &self.deliverer
            && until.is_none_or(|until| at < until)
        {
            waker.wake_by_ref();
        }
    }

    /// Delivers all that is due; says when the next is.
    pub(super) fn deliver(&mut self, now: Instant) -> Option<Instant> {
        while let Some(Reverse((at, _, id, side))) = self.arrivals.peek().copied() {
            if at > now {
                return Some(at);
            }
            self.arrivals.pop();
            while let Some(item) = self.connections[id].pipes[side].take_due(now) {
                self.arrive(id, side, item);
            }
        }
        None
    }

    fn arrive(&mut self, id: ConnectionId, side: usize, item: Item) {
        if self.connections[id].pipes[side].is_broken {
            return;
        }
        if self.is_lost(id, side, item) {
            if item.is_of_the_handshake() {
                self.repeat(id, side, item);
            } else {
                self.connections[id].pipes[side].is_broken = true;
            }
            return;
        }
        if item == Item::Knock {
            self.knock(id);
        } else if self.connections[id].receive(1 - side, item) {
            self.send(id, 1 - side, Item::Reset);
        }
    }

    /// A machine has its power back, and knows of no connection. A peer that has sent it something sends that again, and
    /// is reset; one that has not does not find out.
    pub(super) fn power_on(&mut self, host: HostId) {
        self.hosts[host].has_power = true;
        for id in 0..self.connections.len() {
            for side in SIDES {
                let connection = &mut self.connections[id];
                let is_own = connection.ends[side].host == host;
                if is_own && connection.is_waiting(1 - side) {
                    connection.pipes[side].is_broken = false;
                    self.repeat_as(id, side, Item::Reset);
                }
            }
        }
    }

    fn is_lost(&self, id: ConnectionId, side: usize, item: Item) -> bool {
        let ends = &self.connections[id].ends;
        let (from, to) = (ends[side].host, ends[1 - side].host);
        let is_cut = item.is_of_the_handshake() && self.way(from, to) == Way::Cut;
        is_cut || !self.hosts[to].has_power
    }

    /// The one thing that is sent again, as a kernel does it: what opens a connection, as long as both sides want it.
    fn repeat(&mut self, id: ConnectionId, side: usize, item: Item) {
        let end = &self.connections[id].ends[side];
        if self.hosts[end.host].has_power && !end.is_closed() {
            self.repeat_as(id, side, item);
        }
    }

    fn repeat_as(&mut self, id: ConnectionId, side: usize, item: Item) {
        let at = self.next_tick(Instant::now() + REPEAT_AFTER);
        self.connections[id].pipes[side].put(at, item);
        self.announce(at, id, side);
    }

    /// A client wants to connect.
    fn knock(&mut self, id: ConnectionId) {
        let [client, server] = SIDES;
        let end = &mut self.connections[id].ends[server];
        let backlog = self.hosts[end.host].listeners.get_mut(&end.address.port());
        match backlog {
            None => self.send(id, server, Item::Refusal),
            Some(backlog) if backlog.is_full() => {
                self.repeat(id, client, Item::Knock);
            }
            Some(backlog) => {
                end.meter.clone_from(&backlog.meter);
                backlog.put(id);
                self.send(id, server, Item::Welcome);
            }
        }
    }
}
