//! Connecting within a time, and with an ear for signals: TCP, TLS on top of it, or a Unix socket.

use std::io;
use std::net::{SocketAddr, TcpStream, ToSocketAddrs};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::{Duration, Instant};

use rustix::event::PollFlags;
use socket2::{Domain, Protocol, SockAddr, Socket, Type};

use super::ready::wait;
use super::{OnInterrupt, Stream};
use crate::{Address, Endpoint};

/// Opens a connection to a server; a TLS handshake is part of it. The timeout is for all of it, but for looking up a name.
///
/// # Errors
///
/// As [`connect`], or a sentence about what is wrong with TLS.
pub fn open(
    endpoint: &Endpoint,
    timeout: Duration,
    on_interrupt: OnInterrupt,
) -> io::Result<Stream> {
    let deadline = Instant::now().checked_add(timeout);
    let tcp = match &endpoint.address {
        Address::Unix(path) => return Ok(connect_unix(path, deadline, on_interrupt)?.into()),
        Address::Tcp { host, port } => connect_tcp((host.as_str(), *port), deadline, on_interrupt)?,
    };
    #[cfg(feature = "tls")]
    if let Some(tls) = &endpoint.tls {
        let socket = tcp.into();
        let session = super::session::Session::open(&socket, tls, deadline, on_interrupt)?;
        return Ok(Stream::secured(socket, session));
    }
    Ok(tcp.into())
}

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
    connect_tcp(addresses, Instant::now().checked_add(timeout), on_interrupt)
}

fn connect_tcp(
    addresses: impl ToSocketAddrs,
    deadline: Option<Instant>,
    on_interrupt: OnInterrupt,
) -> io::Result<TcpStream> {
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

fn connect_unix(
    path: &Path,
    deadline: Option<Instant>,
    on_interrupt: OnInterrupt,
) -> io::Result<UnixStream> {
    let address = SockAddr::unix(path)?;
    // Where the queue at the server is full, only a connect that blocks waits for a place in it.
    let socket = Socket::new(Domain::UNIX, Type::STREAM, None)?;
    loop {
        let left = deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
        // To the system, zero means "for ever".
        socket.set_write_timeout(left.map(|left| left.max(Duration::from_micros(1))))?;
        match socket.connect(&address) {
            Ok(()) => return Ok(socket.into()),
            Err(error) => match error.kind() {
                io::ErrorKind::Interrupted => on_interrupt()?,
                io::ErrorKind::WouldBlock => return Err(io::ErrorKind::TimedOut.into()),
                _ => return Err(error),
            },
        }
    }
}
