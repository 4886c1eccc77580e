//! Waiting until a socket can be read or written, or time is up; and looking whether its peer is there.

use std::io;
use std::os::fd::AsFd;
use std::time::Instant;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::net::{RecvFlags, recv};

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

/// Whether the peer has not closed its end, as far as the system knows. Nothing is read, and nothing waited for, so
/// another thread may use the socket meanwhile.
pub fn is_connected(socket: impl AsFd) -> bool {
    let looked = recv(socket, &mut [0u8; 1], RecvFlags::PEEK | RecvFlags::DONTWAIT);
    match looked {
        Ok((length, _)) => length > 0,
        Err(error) => matches!(error, Errno::AGAIN | Errno::INTR),
    }
}
