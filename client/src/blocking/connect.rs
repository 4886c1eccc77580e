//! Connecting within a time, and with an ear for signals.

use std::io;
use std::net::{SocketAddr, TcpStream, ToSocketAddrs};
use std::time::{Duration, Instant};

use rustix::event::PollFlags;
use socket2::{Domain, Protocol, Socket, Type};

use super::OnInterrupt;
use super::ready::wait;

/// Connects to the first of the addresses that answers, and turns Nagle's algorithm off.
///
/// The timeout is for all of them together; looking up a name is not counted.
///
/// # Errors
///
/// `TimedOut`, what the last address said, or what `on_interrupt` said.
pub fn connect(
    addresses: impl ToSocketAddrs,
    timeout: Duration,
    on_interrupt: OnInterrupt,
) -> io::Result<TcpStream> {
    let deadline = Instant::now().checked_add(timeout);
    let mut error = io::Error::new(io::ErrorKind::NotFound, "the name has no address");
    for address in addresses.to_socket_addrs()? {
        match connect_one(address, deadline, on_interrupt) {
            Ok(stream) => return Ok(stream),
            Err(said) if said.kind() == io::ErrorKind::Interrupted => return Err(said),
            Err(said) => error = said,
        }
    }
    Err(error)
}

fn connect_one(
    address: SocketAddr,
    deadline: Option<Instant>,
    on_interrupt: OnInterrupt,
) -> io::Result<TcpStream> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    // With a connect that blocks, a signal could not be told from a failure.
    socket.set_nonblocking(true)?;
    match socket.connect(&address.into()) {
        Ok(()) => {}
        Err(error)
            if error.raw_os_error() == Some(rustix::io::Errno::INPROGRESS.raw_os_error()) =>
        {
            if wait(&socket, PollFlags::OUT, deadline, on_interrupt)?.is_empty() {
                return Err(io::ErrorKind::TimedOut.into());
            }
            if let Some(error) = socket.take_error()? {
                return Err(error);
            }
        }
        Err(error) => return Err(error),
    }
    socket.set_nonblocking(false)?;
    socket.set_tcp_nodelay(true)?;
    Ok(socket.into())
}
