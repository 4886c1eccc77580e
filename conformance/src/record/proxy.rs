//! Live traffic: a proxy that writes down what it carries. It never delays or alters anything: bytes go on as they come,
//! an end of stream as a half-close, a reset as a reset.

use std::io;
use std::pin::pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

use super::event::{Ending, Event, What};
use super::{RecordError, Source, transcribe};
use crate::replay::reset;
use crate::session::Session;
use crate::transport::Transport;
use crate::wire::Codec;

/// Bytes that one recording keeps, each event counted with a little more. Traffic flows on behind it, the session
/// ends with a comment that says so.
pub const RECORDED_BYTES_MAX: usize = 16 << 20;

/// What an event costs beside its bytes.
const EVENT_COST: usize = 64;

/// The most that is read at once.
const CHUNK: usize = 64 << 10;

/// Carries connections from `listener` to `upstream` until `stop`, and makes a session of what went over them.
/// Connections that are open then are dropped.
///
/// # Errors
///
/// The listener fails. That an upstream does not answer is part of the recording, not an error.
pub async fn record(
    listener: TcpListener,
    upstream: &Transport,
    codec: Codec,
    stop: impl Future<Output = ()>,
) -> Result<Session, RecordError> {
    let unix_start = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| time.as_secs());
    let log = Log::new(RECORDED_BYTES_MAX);
    let mut carried = JoinSet::new();
    let mut stop = pin!(stop);
    let mut conn = 0;
    loop {
        tokio::select! {
            biased;
            () = &mut stop => break,
            accepted = listener.accept() => {
                let (client, _) = accepted?;
                conn += 1;
                carried.spawn(carry(client, upstream.clone(), log.for_connection(conn)));
            }
            Some(_) = carried.join_next() => {}
        }
    }
    carried.shutdown().await;
    let source = Source {
        case: format!("{}/recorded/live", codec.protocol.name()),
        title: format!("Traffic to {upstream}, as it was recorded"),
        comments: Vec::new(),
        codec,
        fresh: false,
        page_length: None,
        unix_start: Some(unix_start),
    };
    transcribe(&source, &log.events())
}

/// Carries one connection.
async fn carry(mut client: TcpStream, upstream: Transport, log: ConnectionLog) {
    log.note(What::Opened);
    let Ok(mut server) = upstream.connect().await else {
        return log.note(What::ServerEnded(Ending::Refused));
    };
    let _ = client.set_nodelay(true);
    let was_reset = {
        let (mut from_client, mut to_client) = client.split();
        let (mut from_server, mut to_server) = tokio::io::split(&mut server);
        let up = pump(&mut from_client, &mut to_server, &log, What::Sent, What::ClientEnded);
        let down = pump(&mut from_server, &mut to_client, &log, What::Received, What::ServerEnded);
        tokio::try_join!(up, down).is_err()
    };
    if was_reset {
        reset(&client);
        server.reset();
    }
}

/// Carries one direction until it ends. A reset of the sender's is the error; a receiver that takes nothing any more
/// ends this direction, and what became of it is seen in the other one.
async fn pump(
    from: &mut (impl AsyncRead + Unpin),
    to: &mut (impl AsyncWrite + Unpin),
    log: &ConnectionLog,
    bytes: fn(Vec<u8>) -> What,
    ended: fn(Ending) -> What,
) -> io::Result<()> {
    let mut chunk = vec![0; CHUNK];
    loop {
        match from.read(&mut chunk).await {
            Ok(0) => {
                log.note(ended(Ending::Fin));
                let _ = to.shutdown().await;
                return Ok(());
            }
            Ok(count) => {
                // Noted before it is passed on: what it causes must come later in the recording.
                let read = chunk.get(..count).unwrap_or_default();
                log.note(bytes(read.to_vec()));
                if to.write_all(read).await.is_err() || to.flush().await.is_err() {
                    return Ok(());
                }
            }
            Err(error) => {
                log.note(ended(Ending::Rst));
                return Err(error);
            }
        }
    }
}

/// Events of all connections, in one order.
#[derive(Clone, Debug)]
struct Log {
    began: Instant,
    kept: Arc<Mutex<Kept>>,
    limit: usize,
}

#[derive(Debug, Default)]
struct Kept {
    events: Vec<Event>,
    cost: usize,
    full: bool,
}

/// The log, for one connection.
#[derive(Debug)]
struct ConnectionLog {
    log: Log,
    conn: u64,
}

impl Log {
    fn new(limit: usize) -> Self {
        Self { began: Instant::now(), kept: Arc::default(), limit }
    }

    fn for_connection(&self, conn: u64) -> ConnectionLog {
        ConnectionLog { log: self.clone(), conn }
    }

    fn events(&self) -> Vec<Event> {
        std::mem::take(&mut self.kept.lock().unwrap_or_else(PoisonError::into_inner).events)
    }
}

impl ConnectionLog {
    fn note(&self, what: What) {
        let length = match &what {
            What::Sent(bytes) | What::Received(bytes) => bytes.len(),
            _ => 0,
        };
        let mut kept = self.log.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.full {
            return;
        }
        kept.cost += length + EVENT_COST;
        kept.full = kept.cost > self.log.limit;
        let what = if kept.full { What::Full(self.log.limit) } else { what };
        // The clock is read inside the lock, so that the order of events is the order of their times.
        let at = self.log.began.elapsed();
        kept.events.push(Event { conn: self.conn, at, what });
    }
}

#[cfg(test)]
mod tests {
    use super::{Log, What};

    #[test]
    fn a_full_log_says_so_and_keeps_no_more() {
        let log = Log::new(1000);
        let connection = log.for_connection(1);
        for _ in 0..5 {
            connection.note(What::Sent(vec![0; 400]));
        }
        let kept: Vec<What> = log.events().into_iter().map(|event| event.what).collect();
        assert_eq!(kept, [What::Sent(vec![0; 400]), What::Sent(vec![0; 400]), What::Full(1000)]);
    }
}
