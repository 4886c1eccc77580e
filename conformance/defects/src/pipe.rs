//! A connection in memory that does what TCP does: segments arrive as they were written, a reader that stalls holds the
//! writer up, either side can be ended alone, and a reset is not an end. Left out: delay and loss.

use std::collections::VecDeque;
use std::io::{self, ErrorKind};
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// Bytes on their way in one direction; more than that waits at the writer's. Sockets hold megabytes, and sessions that
/// stall send more than those hold; here they make the server wait earlier, and so cost less.
///
/// The two differ, and are no multiples of any buffer's length, so that a server's writes are taken in part here too.
const WINDOWS: [usize; 2] = [100_000, 70_001];

/// Two ends of a new connection.
pub fn pipe() -> (End, End) {
    let [there, back] = WINDOWS.map(Way::new);
    (End { from: back.clone(), to: there.clone() }, End { from: there, to: back })
}

/// One end. Dropping it closes the connection as a socket does: with a reset if something was left unread.
#[derive(Debug)]
pub struct End {
    from: Way,
    to: Way,
}

/// One direction.
#[derive(Clone, Debug)]
struct Way(Arc<Mutex<Traffic>>);

#[derive(Debug, Default)]
struct Traffic {
    window: usize,
    /// A read takes from one of them only: where the writer ended a segment, the reader sees its end.
    segments: VecDeque<Vec<u8>>,
    /// Bytes of the first segment that were read.
    read: usize,
    on_the_way: usize,
    /// What the reader finds behind the last segment.
    ending: Option<Ending>,
    nobody_reads: bool,
    reader: Option<Waker>,
    writer: Option<Waker>,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Ending {
    Finished,
    Reset,
}

impl End {
    /// Closes the connection with a reset.
    pub fn reset(self) {
        self.to.end(Ending::Reset);
    }
}

impl Way {
    fn new(window: usize) -> Self {
        Self(Arc::new(Mutex::new(Traffic { window, ..Traffic::default() })))
    }

    fn lock(&self) -> MutexGuard<'_, Traffic> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The first ending counts, but a reset overtakes an end of stream.
    fn end(&self, ending: Ending) {
        let mut traffic = self.lock();
        if traffic.ending.is_none() || ending == Ending::Reset {
            traffic.ending = Some(ending);
        }
        wake(&mut traffic.reader);
        wake(&mut traffic.writer);
    }

    /// Nobody reads any more; whether something was left.
    fn abandon(&self) -> bool {
        let mut traffic = self.lock();
        traffic.nobody_reads = true;
        wake(&mut traffic.writer);
        traffic.on_the_way > 0
    }
}

fn wake(waker: &mut Option<Waker>) {
    if let Some(waker) = waker.take() {
        waker.wake();
    }
}

impl Traffic {
    /// Moves what fits of the first segment, if there is one.
    fn take(&mut self, buffer: &mut ReadBuf<'_>) -> bool {
        let Some(segment) = self.segments.front() else { return false };
        let left = segment.get(self.read..).unwrap_or_default();
        let count = left.len().min(buffer.remaining());
        buffer.put_slice(&left[..count]);
        self.read += count;
        self.on_the_way -= count;
        if self.read == segment.len() {
            self.segments.pop_front();
            self.read = 0;
        }
        wake(&mut self.writer);
        true
    }
}

impl Drop for End {
    fn drop(&mut self) {
        let unread = self.from.abandon();
        self.to.end(if unread { Ending::Reset } else { Ending::Finished });
    }
}

impl AsyncRead for End {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let mut traffic = self.from.lock();
        if buffer.remaining() == 0 || traffic.take(buffer) {
            return Poll::Ready(Ok(()));
        }
        match traffic.ending {
            Some(Ending::Finished) => Poll::Ready(Ok(())),
            Some(Ending::Reset) => Poll::Ready(Err(ErrorKind::ConnectionReset.into())),
            None => {
                traffic.reader = Some(cx.waker().clone());
                Poll::Pending
            }
        }
    }
}

impl AsyncWrite for End {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        if self.from.lock().ending == Some(Ending::Reset) {
            return Poll::Ready(Err(ErrorKind::ConnectionReset.into()));
        }
        let mut traffic = self.to.lock();
        if traffic.nobody_reads || traffic.ending.is_some() {
            return Poll::Ready(Err(ErrorKind::BrokenPipe.into()));
        }
        let count = bytes.len().min(traffic.window - traffic.on_the_way);
        if count == 0 && !bytes.is_empty() {
            traffic.writer = Some(cx.waker().clone());
            return Poll::Pending;
        }
        if count > 0 {
            traffic.segments.push_back(bytes[..count].to_vec());
            traffic.on_the_way += count;
            wake(&mut traffic.reader);
        }
        Poll::Ready(Ok(count))
    }

    fn poll_flush(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.to.end(Ending::Finished);
        Poll::Ready(Ok(()))
    }
}

#[cfg(test)]
mod tests {
    use std::io::ErrorKind;
    use std::time::Duration;

    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::time::timeout;

    use super::{End, WINDOWS, pipe};

    const SOON: Duration = Duration::from_secs(1);

    async fn read(end: &mut End) -> Result<Vec<u8>, ErrorKind> {
        let mut buffer = [0; 100];
        let read = end.read(&mut buffer).await;
        read.map(|count| buffer[..count].to_vec()).map_err(|error| error.kind())
    }

    #[tokio::test]
    async fn segments_arrive_as_they_were_written() {
        let (mut ours, mut theirs) = pipe();
        ours.write_all(b"ab").await.unwrap();
        ours.write_all(b"c").await.unwrap();
        assert_eq!(read(&mut theirs).await.unwrap(), b"ab");
        assert_eq!(read(&mut theirs).await.unwrap(), b"c");
    }

    #[tokio::test(start_paused = true)]
    async fn a_reader_that_stalls_holds_the_writer_up() {
        let (mut ours, mut theirs) = pipe();
        ours.write_all(&vec![0; WINDOWS[0]]).await.unwrap();
        timeout(SOON, ours.write_all(b"x")).await.expect_err("the window is full");
        read(&mut theirs).await.unwrap();
        timeout(SOON, ours.write_all(b"x")).await.expect("there is room").unwrap();
    }

    #[tokio::test(start_paused = true)]
    async fn one_side_is_ended_alone() {
        let (mut ours, mut theirs) = pipe();
        ours.write_all(b"last").await.unwrap();
        ours.shutdown().await.unwrap();
        assert_eq!(read(&mut theirs).await.unwrap(), b"last");
        assert_eq!(read(&mut theirs).await.unwrap(), b"", "end of stream");
        theirs.write_all(b"reply").await.unwrap();
        assert_eq!(read(&mut ours).await.unwrap(), b"reply");
        timeout(SOON, read(&mut ours)).await.expect_err("the other side is open");
    }

    #[tokio::test]
    async fn a_reset_comes_behind_what_was_sent_and_is_no_end_of_stream() {
        let (mut ours, mut theirs) = pipe();
        ours.write_all(b"last").await.unwrap();
        ours.reset();
        assert_eq!(read(&mut theirs).await.unwrap(), b"last");
        assert_eq!(read(&mut theirs).await, Err(ErrorKind::ConnectionReset));
        let refused = theirs.write_all(b"x").await.unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::ConnectionReset);
    }

    #[tokio::test]
    async fn closing_is_an_end_of_stream_unless_something_was_left_unread() {
        let (ours, mut theirs) = pipe();
        drop(ours);
        assert_eq!(read(&mut theirs).await.unwrap(), b"");
        assert_eq!(theirs.write_all(b"x").await.unwrap_err().kind(), ErrorKind::BrokenPipe);
        let (ours, mut theirs) = pipe();
        theirs.write_all(b"unread").await.unwrap();
        drop(ours);
        assert_eq!(read(&mut theirs).await, Err(ErrorKind::ConnectionReset));
    }

    #[tokio::test(start_paused = true)]
    async fn a_writer_that_waits_hears_that_its_reader_is_gone() {
        let (mut ours, theirs) = pipe();
        ours.write_all(&vec![0; WINDOWS[0]]).await.unwrap();
        let (wrote, ()) = tokio::join!(ours.write_all(b"x"), async { drop(theirs) });
        assert_eq!(wrote.unwrap_err().kind(), ErrorKind::ConnectionReset);
    }
}
