//! The loop of a flawed lock server: accept, read, execute, send, and what is left when a connection ends.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::future::pending;
use std::io;
use std::net::IpAddr;
use std::rc::Rc;
use std::time::Duration;

use bytes::BytesMut;
use lockproof_protocol::locker::{Dialect, Limits, Outcome, Reply, Request, RequestDecoder, parse};
use lockproof_reference_server::{Listener, Peer};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::{Mutex, MutexGuard};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, sleep_until, timeout};

use super::execute::Executor;
use super::{Flaw, Keys};
use crate::account::Account;
use crate::config::{ACCEPT_PAUSE, IDLE_TIMEOUT, WRITE_DEADLINE};
use crate::net::{SimListener, SimStream};

/// L05's requests wait so long for somebody to execute them.
const QUEUED: Duration = Duration::from_millis(30);

/// Why a connection ended.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Ending {
    /// End of stream.
    Finished,
    Reset,
    /// It said nothing for too long, or only half.
    Silent,
    /// A reply could not be sent.
    Undelivered,
    /// The server wanted it so.
    Refused,
}

struct Server {
    executor: Executor,
    /// Held for the time of a request; by L13 until its reply is sent.
    table: Mutex<()>,
    /// L14: who came from where.
    known: RefCell<BTreeMap<IpAddr, u64>>,
    connections: Rc<Cell<usize>>,
}

/// Serves for ever; `connections` is how many there are. Dropped, it ends them.
pub(crate) async fn serve(
    flaw: Flaw,
    listener: SimListener,
    account: Account,
    connections: Rc<Cell<usize>>,
) {
    let executor = Executor::new(flaw, Keys::new(Some(flaw), account));
    let (table, known) = Default::default();
    let server = Rc::new(Server { executor, table, known, connections });
    let mut tasks = JoinSet::new();
    for id in 1.. {
        let Ok((stream, Peer::Tcp(peer))) = listener.accept().await else {
            sleep(ACCEPT_PAUSE).await;
            continue;
        };
        let session = server.session(id, peer.ip());
        server.connections.set(server.connections.get() + 1);
        let connection =
            Connection { server: Rc::clone(&server), session, stream, input: BytesMut::new() };
        tasks.spawn_local(connection.run());
    }
}

impl Server {
    fn flaw(&self) -> Flaw {
        self.executor.flaw
    }

    fn session(&self, id: u64, peer: IpAddr) -> u64 {
        if self.flaw() == Flaw::L14 {
            *self.known.borrow_mut().entry(peer).or_insert(id)
        } else {
            id
        }
    }

    /// Whether the keys of a session stay when it ends so.
    fn keeps(&self, ending: Ending) -> bool {
        matches!(
            (self.flaw(), ending),
            (Flaw::L02, Ending::Finished)
                | (Flaw::L03, Ending::Reset)
                | (Flaw::L11, Ending::Undelivered)
        )
    }
}

struct Connection {
    server: Rc<Server>,
    session: u64,
    stream: SimStream,
    input: BytesMut,
}

impl Connection {
    async fn run(mut self) {
        let ending = match self.converse().await {
            Ok(()) => Ending::Refused,
            Err(ending) => ending,
        };
        let Self { server, session, stream, mut input } = self;
        if !server.keeps(ending) {
            server.executor.keys.borrow_mut().end(session);
        }
        while server.flaw() == Flaw::L05
            && let Ok(Some(request)) = decode(&mut input)
        {
            server.executor.execute(session, &request).await;
        }
        drop(stream);
        server.connections.set(server.connections.get() - 1);
    }

    async fn converse(&mut self) -> Result<(), Ending> {
        let mut partial_since = None;
        loop {
            self.read(partial_since).await?;
            if self.server.flaw() == Flaw::L05 {
                self.let_it_wait().await?;
            }
            if !self.answer_all().await? {
                return Ok(());
            }
            partial_since =
                (!self.input.is_empty()).then(|| partial_since.unwrap_or_else(Instant::now));
        }
    }

    async fn read(&mut self, partial_since: Option<Instant>) -> Result<(), Ending> {
        let flaw = self.server.flaw();
        let give_up = async {
            match partial_since {
                Some(_) if flaw == Flaw::L12 => pending().await,
                Some(since) => sleep_until(since + IDLE_TIMEOUT).await,
                None if flaw == Flaw::L15 => pending().await,
                None => sleep_until(Instant::now() + IDLE_TIMEOUT).await,
            }
        };
        let read = tokio::select! {
            biased; // what came in time counts
            read = self.stream.read_buf(&mut self.input) => read,
            () = give_up => return Err(Ending::Silent),
        };
        match read {
            Ok(0) => Err(Ending::Finished),
            Ok(_) => Ok(()),
            Err(_) => Err(Ending::Reset),
        }
    }

    /// L05: what came waits for its turn, and the connection is looked after meanwhile.
    async fn let_it_wait(&mut self) -> Result<(), Ending> {
        match timeout(QUEUED, self.read(None)).await {
            Ok(read) => read,
            Err(_) => Ok(()),
        }
    }

    /// Answers every whole request; false when the server closes.
    async fn answer_all(&mut self) -> Result<bool, Ending> {
        let server = Rc::clone(&self.server);
        loop {
            let (cmd, outcome, table) = match decode(&mut self.input) {
                Ok(None) => return Ok(true),
                Ok(Some(request)) => {
                    let held = server.hold_table().await;
                    let outcome = server.executor.execute(self.session, &request).await;
                    (request.cmd(), outcome, held)
                }
                Err((cmd, Outcome::TooLarge)) => {
                    if server.flaw() == Flaw::L18 {
                        return Ok(true);
                    }
                    self.send(cmd, Outcome::TooLarge).await.map_err(|_| Ending::Undelivered)?;
                    return Ok(false);
                }
                Err((cmd, outcome)) => {
                    if server.flaw() == Flaw::L17 {
                        self.input.clear();
                    }
                    (cmd, outcome, None)
                }
            };
            self.send(cmd, outcome).await.map_err(|error| match error.kind() {
                io::ErrorKind::ConnectionReset if server.flaw() != Flaw::L11 => Ending::Reset,
                _ => Ending::Undelivered,
            })?;
            drop(table);
            let empty_handed = outcome == Outcome::Ok
                && (124..=125).contains(&cmd)
                && !server.executor.keys.borrow().holds(self.session);
            if server.flaw() == Flaw::L16 && empty_handed {
                return Ok(false);
            }
        }
    }

    async fn send(&mut self, cmd: u8, outcome: Outcome) -> io::Result<()> {
        let mut reply = BytesMut::new();
        Reply::to(cmd, outcome).encode(Dialect::default(), &mut reply);
        let sending = self.stream.write_all(&reply);
        if self.server.flaw() == Flaw::L13 {
            return sending.await;
        }
        timeout(WRITE_DEADLINE, sending).await?
    }
}

impl Server {
    /// The table's lock, where it is held over a send.
    async fn hold_table(&self) -> Option<MutexGuard<'_, ()>> {
        if self.flaw() == Flaw::L13 { Some(self.table.lock().await) } else { None }
    }
}

/// The next request, or the command and the answer of one that is wrong.
fn decode(input: &mut BytesMut) -> Result<Option<Request>, (u8, Outcome)> {
    let limits = Limits::default();
    let frame = RequestDecoder::new(Dialect::default(), limits)
        .decode(input)
        .map_err(|error| (error.cmd, Outcome::TooLarge))?;
    let Some(frame) = frame else { return Ok(None) };
    let cmd = frame.cmd;
    match parse(frame, &limits) {
        // One that is too large in itself, and whole, ends nothing; nobody here sends one.
        Err(Outcome::TooLarge) => Err((cmd, Outcome::NoResources)),
        Err(outcome) => Err((cmd, outcome)),
        Ok(request) => Ok(Some(request)),
    }
}
