//! Waiting until a socket can be read or written, or time is up; and looking whether its peer is there.

use std::io;
use std::os::fd::AsFd;
use std::time::Instant;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;

use super::OnInterrupt;

/// What of `flags` the socket is ready for, errors and the peer's end included. Empty when the
/// deadline has passed first; without one it waits for ever.
pub(super) fn wait(
    socket: &impl AsFd,
    flags: PollFlags,
    deadline: Option<Instant>,
    on_interrupt: OnInterrupt,
) -> io::Result<PollFlags> {
    let mut sockets = [PollFd::new(socket, flags)];
    loop {
        let left = deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
        // More than the system can count to is as good as for ever.
        let left = left.and_then(|left| Timespec::try_from(left).ok());
        match poll(&mut sockets, left.as_ref()) {
            Err(Errno::INTR) => on_interrupt()?,
            other => break other.map(|_| sockets[0].revents()).map_err(io::Error::from),
        }
    }
}

/// The peer's end, also where bytes are still to be read before it.
#[cfg(target_os = "linux")]
const PEER_HAS_CLOSED: PollFlags = PollFlags::RDHUP;
#[cfg(not(target_os = "linux"))]
const PEER_HAS_CLOSED: PollFlags = PollFlags::HUP;

/// Whether the peer has not closed its end, as far as the system knows. Nothing is read, and nothing waited for, so
/// another thread may use the socket meanwhile.
pub(super) fn is_connected(socket: impl AsFd) -> bool {
    let mut looked = [PollFd::new(&socket, PollFlags::IN | PEER_HAS_CLOSED)];
    let at_once = Timespec { tv_sec: 0, tv_nsec: 0 };
    let end = PollFlags::ERR | PollFlags::HUP | PEER_HAS_CLOSED;
    match poll(&mut looked, Some(&at_once)) {
        Ok(_) => !looked[0].revents().intersects(end),
        Err(error) => error == Errno::INTR,
    }
}
