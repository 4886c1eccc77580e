//! The loop of a NetMem server with flawed page locks.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::future::pending;
use std::rc::Rc;
use std::time::Duration;

use bytes::BytesMut;
use lockproof_protocol::netmem::{PAYLOAD_BYTES_MAX, Reply, Request, RequestDecoder};
use lockproof_reference_server::{Listener, Peer};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, sleep_until, timeout};

use super::Flaw;
use super::table::{Due, Table};
use crate::config::{ACCEPT_PAUSE, IDLE_TIMEOUT, WRITE_DEADLINE};
use crate::net::{SimListener, SimStream};

/// P11's requests wait so long for somebody to execute them.
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
    /// The bytes are no request.
    Garbled,
}

struct Server {
    flaw: Flaw,
    table: RefCell<Table>,
    mailboxes: RefCell<BTreeMap<u64, UnboundedSender<Reply>>>,
    connections: Rc<Cell<usize>>,
}

/// Serves for ever; `connections` is how many there are. Dropped, it ends them.
pub(crate) async fn serve(
    flaw: Flaw,
    listener: SimListener,
    pages: (u32, u32),
    connections: Rc<Cell<usize>>,
) {
    let table = RefCell::new(Table::new(flaw, pages.0, pages.1));
    let server = Rc::new(Server { flaw, table, mailboxes: RefCell::default(), connections });
    let mut tasks = JoinSet::new();
    for id in 1.. {
        let Ok((stream, Peer::Tcp(peer))) = listener.accept().await else {
            sleep(ACCEPT_PAUSE).await;
            continue;
        };
        let (mailbox, mail) = unbounded_channel();
        server.table.borrow_mut().open(id, peer.ip());
        server.mailboxes.borrow_mut().insert(id, mailbox);
        server.connections.set(server.connections.get() + 1);
        let (server, input) = (Rc::clone(&server), BytesMut::new());
        let connection = Connection { server, session: id, stream, input, mail };
        tasks.spawn_local(connection.run());
    }
}

impl Server {
    /// Every reply goes to its session's mailbox; one that is gone gets none.
    fn post(&self, due: Vec<Due>) {
        let mailboxes = self.mailboxes.borrow();
        for (session, reply) in due {
            if let Some(mailbox) = mailboxes.get(&session) {
                let _ = mailbox.send(reply);
            }
        }
    }

    /// Whether the pages of a session stay when it ends so.
    fn keeps(&self, ending: Ending) -> bool {
        matches!((self.flaw, ending), (Flaw::P01, Ending::Finished) | (Flaw::P02, Ending::Reset))
    }
}

struct Connection {
    server: Rc<Server>,
    session: u64,
    stream: SimStream,
    input: BytesMut,
    mail: UnboundedReceiver<Reply>,
}

impl Connection {
    async fn run(mut self) {
        let Err(ending) = self.converse().await;
        let Self { server, session, stream, mut input, mail } = self;
        drop(mail);
        if !server.keeps(ending) {
            let due = server.table.borrow_mut().end(session);
            server.post(due);
        }
        while server.flaw == Flaw::P11
            && let Ok(Some(request)) = decode(&mut input)
        {
            let due = server.table.borrow_mut().apply(session, &request);
            server.post(due);
        }
        drop(stream);
        server.connections.set(server.connections.get() - 1);
    }

    async fn converse(&mut self) -> Result<std::convert::Infallible, Ending> {
        let mut partial_since = None;
        loop {
            self.read(partial_since).await?;
            if self.server.flaw == Flaw::P11
                && let Ok(read) = timeout(QUEUED, self.read(None)).await
            {
                read?;
            }
            while let Some(request) = decode(&mut self.input)? {
                let due = self.server.table.borrow_mut().apply(self.session, &request);
                self.server.post(due);
                let reply = self.own_reply().await?;
                let mut bytes = BytesMut::new();
                reply.encode(&mut bytes);
                let sending = timeout(WRITE_DEADLINE, self.stream.write_all(&bytes));
                if !matches!(sending.await, Ok(Ok(()))) {
                    return Err(Ending::Undelivered);
                }
            }
            partial_since =
                (!self.input.is_empty()).then(|| partial_since.unwrap_or_else(Instant::now));
        }
    }

    /// The reply to the request in hand, once it is due, if the peer is there still.
    async fn own_reply(&mut self) -> Result<Reply, Ending> {
        loop {
            let read = tokio::select! {
                biased; // what is due already is sent first
                Some(reply) = self.mail.recv() => return Ok(reply),
                read = self.stream.read_buf(&mut self.input) => read,
            };
            heard(&read)?;
        }
    }

    async fn read(&mut self, partial_since: Option<Instant>) -> Result<(), Ending> {
        let flaw = self.server.flaw;
        let give_up = async {
            match partial_since {
                Some(_) if flaw == Flaw::P09 => pending().await,
                Some(since) => sleep_until(since + IDLE_TIMEOUT).await,
                None if flaw == Flaw::P03 => pending().await,
                None => sleep_until(Instant::now() + IDLE_TIMEOUT).await,
            }
        };
        let read = tokio::select! {
            biased; // what came in time counts
            read = self.stream.read_buf(&mut self.input) => read,
            () = give_up => return Err(Ending::Silent),
        };
        heard(&read)
    }
}

fn heard(read: &std::io::Result<usize>) -> Result<(), Ending> {
    match read {
        Ok(0) => Err(Ending::Finished),
        Ok(_) => Ok(()),
        Err(_) => Err(Ending::Reset),
    }
}

fn decode(input: &mut BytesMut) -> Result<Option<Request>, Ending> {
    // A new decoder each time: no payload here is so long that it would be skipped.
    RequestDecoder::new(PAYLOAD_BYTES_MAX).decode(input).map_err(|_| Ending::Garbled)
}
