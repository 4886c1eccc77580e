//! A simulation: machines with a program each, in one thread and in virtual time, which jumps from one event to the next.

use std::cell::{Cell, RefCell};
use std::fmt;
use std::net::{IpAddr, Ipv4Addr};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::runtime::{Builder, RngSeed, Runtime, UnhandledPanic};
use tokio::sync::Notify;
use tokio::task::LocalSet;
use tokio::time::{Instant, Sleep, sleep_until, timeout};

use super::network::{HostId, Network, Present, Way, Weather, here, on};

/// What a program ends with.
pub type Ended = Result<(), Box<dyn std::error::Error>>;

type Program = Box<dyn Fn() -> Pin<Box<dyn Future<Output = Ended>>>>;

/// Virtual time that [`Sim::run`] gives to its clients.
const LIMIT: Duration = Duration::from_hours(2);

/// A program that was started.
#[derive(Default)]
struct Process {
    /// Until it ends or is killed.
    tasks: RefCell<Option<LocalSet>>,
    /// Its main task has returned.
    has_returned: Cell<bool>,
}

/// What programs have come to.
#[derive(Debug, Default)]
struct Endings {
    /// Clients that are still at work.
    clients: usize,
    /// The first error.
    failure: Option<String>,
}

/// Machines, and the network between them.
pub struct Sim {
    runtime: Runtime,
    root: LocalSet,
    began: Instant,
    network: Option<Box<Network>>,
    /// By machine; a client's program cannot be started anew.
    programs: Vec<Option<Program>>,
    processes: Vec<Rc<Process>>,
    endings: Rc<RefCell<Endings>>,
    /// A program has ended.
    ended: Rc<Notify>,
}

impl fmt::Debug for Sim {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sim").field("network", &self.network).finish_non_exhaustive()
    }
}

impl Sim {
    /// Nothing but a network.
    ///
    /// # Panics
    ///
    /// The system has no memory for a runtime; it needs nothing else.
    pub fn new(weather: Weather) -> Self {
        let runtime = Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .rng_seed(RngSeed::from_bytes(&weather.seed.to_be_bytes()))
            .unhandled_panic(UnhandledPanic::ShutdownRuntime)
            .build()
            .expect("a runtime without sockets takes nothing of the system");
        let began = {
            let _inside = runtime.enter();
            Instant::now()
        };
        let root = tasks();
        root.spawn_local(Delivery { sleep: None });
        Self {
            runtime,
            root,
            began,
            network: Some(Box::new(Network::new(weather))),
            programs: Vec::new(),
            processes: Vec::new(),
            endings: Rc::default(),
            ended: Rc::default(),
        }
    }

    /// A machine whose program can be started again. Its end is nothing that [`run`](Self::run) waits for.
    pub fn host<P: Future<Output = Ended> + 'static>(
        &mut self,
        name: impl AsRef<str>,
        program: impl Fn() -> P + 'static,
    ) {
        let id = self.add(name.as_ref());
        self.programs[id] = Some(Box::new(move || Box::pin(program())));
        self.start(id);
    }

    /// A machine with a program that [`run`](Self::run) waits for.
    pub fn client(
        &mut self,
        name: impl AsRef<str>,
        program: impl Future<Output = Ended> + 'static,
    ) {
        let id = self.add(name.as_ref());
        self.endings.borrow_mut().clients += 1;
        let endings = Rc::clone(&self.endings);
        let program = async move {
            let result = program.await;
            endings.borrow_mut().clients -= 1;
            result
        };
        self.launch(id, Box::pin(program));
    }

    fn add(&mut self, name: &str) -> HostId {
        self.programs.push(None);
        self.processes.push(Rc::default());
        self.inside(|network| network.add_host(name))
    }

    /// Starts a machine's program from its beginning.
    fn start(&mut self, id: HostId) {
        if let Some(program) = &self.programs[id] {
            let program = on(id, program);
            self.launch(id, program);
        }
    }

    fn launch(&mut self, id: HostId, program: Pin<Box<dyn Future<Output = Ended>>>) {
        let local = tasks();
        let (endings, ended) = (Rc::clone(&self.endings), Rc::clone(&self.ended));
        let process = Rc::<Process>::default();
        let own = Rc::clone(&process);
        local.spawn_local(async move {
            if let Err(error) = program.await {
                endings.borrow_mut().failure.get_or_insert_with(|| error.to_string());
            }
            ended.notify_one();
            own.has_returned.set(true);
        });
        process.tasks.replace(Some(local));
        self.root.spawn_local(Running { id, process: Rc::clone(&process) });
        self.processes[id] = process;
    }

    /// Virtual time since the start.
    pub fn elapsed(&self) -> Duration {
        let _inside = self.runtime.enter();
        self.began.elapsed()
    }

    /// Runs up to that time.
    ///
    /// # Errors
    ///
    /// A program ended with one.
    ///
    /// # Panics
    ///
    /// A program panicked.
    pub fn run_to(&mut self, until: Duration) -> Ended {
        let until = self.began + until;
        self.play(async move |_| {
            sleep_until(until).await;
        });
        self.failure()
    }

    /// Runs until all clients have come to their end.
    ///
    /// # Errors
    ///
    /// A program ended with one, or two virtual hours were not enough.
    ///
    /// # Panics
    ///
    /// A program panicked.
    pub fn run(&mut self) -> Ended {
        let endings = Rc::clone(&self.endings);
        let done = move || {
            let endings = endings.borrow();
            endings.clients == 0 || endings.failure.is_some()
        };
        let is_done = done.clone();
        self.play(async move |ended| {
            let wait = async {
                while !is_done() {
                    ended.notified().await;
                }
            };
            let _ = timeout(LIMIT, wait).await;
        });
        self.failure()?;
        if done() { Ok(()) } else { Err("clients have come to no end".into()) }
    }

    fn play(&mut self, until: impl AsyncFnOnce(Rc<Notify>)) {
        let _present = Present::new(&mut self.network, self.began);
        self.runtime.block_on(self.root.run_until(until(Rc::clone(&self.ended))));
    }

    fn failure(&self) -> Ended {
        match &self.endings.borrow().failure {
            Some(failure) => Err(failure.clone().into()),
            None => Ok(()),
        }
    }

    /// Changes something between two moments.
    fn inside<T: Default>(&mut self, act: impl FnOnce(&mut Network) -> T) -> T {
        let _inside = self.runtime.enter();
        let _present = Present::new(&mut self.network, self.began);
        here(act).unwrap_or_default()
    }

    fn id(&self, name: &str) -> HostId {
        let found = self.network.as_ref().and_then(|network| network.host(name));
        found.unwrap_or_else(|| panic!("no machine is named `{name}`"))
    }

    /// The address of a machine.
    ///
    /// # Panics
    ///
    /// There is no machine of that name; so for all that follow.
    pub fn address(&self, name: &str) -> IpAddr {
        let id = self.id(name);
        let host = self.network.as_ref().map(|network| network.hosts[id].ip);
        host.unwrap_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED))
    }

    /// Its process dies. Its kernel lives on: it ends the connections, and refuses new ones.
    pub fn kill(&mut self, name: &str) {
        let id = self.id(name);
        let process = self.processes[id].tasks.take();
        let _inside = self.runtime.enter();
        let _present = Present::new(&mut self.network, self.began);
        on(id, || drop(process));
    }

    /// It loses its power: nobody hears of that.
    pub fn power_off(&mut self, name: &str) {
        let id = self.id(name);
        self.inside(|network| network.hosts[id].has_power = false);
        self.kill(name);
    }

    /// Its program starts anew, with its power back.
    pub fn boot(&mut self, name: &str) {
        let id = self.id(name);
        self.inside(|network| network.power_on(id));
        self.start(id);
    }

    /// Messages between the two are lost, both ways.
    pub fn cut(&mut self, one: &str, other: &str) {
        self.cut_one_way(one, other);
        self.cut_one_way(other, one);
    }

    /// Messages from the one to the other are lost.
    pub fn cut_one_way(&mut self, from: &str, to: &str) {
        self.set_way(from, to, Way::Cut);
    }

    /// Messages between the two arrive again. What was lost stays lost, and so do connections that lost something.
    pub fn repair(&mut self, one: &str, other: &str) {
        self.set_way(one, other, Way::Open);
        self.set_way(other, one, Way::Open);
    }

    /// Messages between the two are held back.
    pub fn hold(&mut self, one: &str, other: &str) {
        self.set_way(one, other, Way::Held);
        self.set_way(other, one, Way::Held);
    }

    /// Messages between the two that were held back are under way.
    pub fn release(&mut self, one: &str, other: &str) {
        self.repair(one, other);
        self.inside(Network::release);
    }

    fn set_way(&mut self, from: &str, to: &str, way: Way) {
        let (from, to) = (self.id(from), self.id(to));
        self.inside(|network| network.set_way(from, to, way));
    }
}

impl Drop for Sim {
    /// Programs end in the order of their machines.
    fn drop(&mut self) {
        let _inside = self.runtime.enter();
        for process in &self.processes {
            drop(process.tasks.take());
        }
    }
}

/// A panic in any task ends the simulation.
fn tasks() -> LocalSet {
    let mut local = LocalSet::new();
    local.unhandled_panic(UnhandledPanic::ShutdownRuntime);
    local
}

/// A process, on its machine. What its main task leaves behind ends with it.
struct Running {
    id: HostId,
    process: Rc<Process>,
}

impl Future for Running {
    type Output = ();

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        on(self.id, || {
            let mut tasks = self.process.tasks.borrow_mut();
            let Some(local) = tasks.as_mut() else { return Poll::Ready(()) };
            let polled = Pin::new(local).poll(context);
            if polled.is_pending() && !self.process.has_returned.get() {
                return Poll::Pending;
            }
            drop(tasks.take());
            Poll::Ready(())
        })
    }
}

/// Delivers what is due, and sleeps until the next.
struct Delivery {
    sleep: Option<Pin<Box<Sleep>>>,
}

impl Future for Delivery {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        loop {
            let next = here(|network| {
                let next = network.deliver(Instant::now());
                network.deliverer = Some((context.waker().clone(), next));
                next
            });
            let Some(next) = next.flatten() else { return Poll::Pending };
            let sleep = self.sleep.get_or_insert_with(|| Box::pin(sleep_until(next)));
            if sleep.deadline() != next {
                sleep.as_mut().reset(next);
            }
            if sleep.as_mut().poll(context).is_pending() {
                return Poll::Pending;
            }
        }
    }
}
