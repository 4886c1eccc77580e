//! A server that knows nothing but lengths: what any server must spend on the same bytes.
//!
//! It answers every NetMem or Locker request with a reply of the right length and the right type, and keeps nothing.
//! One thread, one read, one write.

use std::io::{ErrorKind, Read, Write};
use std::net::SocketAddr;

use bytes::{Buf, BytesMut};
use lockproof_protocol::locker;
use lockproof_protocol::netmem;
use mio::net::{TcpListener, TcpStream};
use mio::{Events, Interest, Poll, Token};

/// What a [`run`] answers.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Null {
    /// NetMem with pages of that many bytes: contents for who does not know the version.
    NetMem {
        /// Bytes of a page.
        page_len: u32,
    },
    /// Locker: every lock is free.
    Locker,
}

const LISTENER: Token = Token(usize::MAX);

struct Client {
    stream: TcpStream,
    input: BytesMut,
    output: BytesMut,
}

/// Serves until it is killed; `ready` is told the address.
///
/// # Errors
/// When there is no port, or no event queue.
pub fn run(null: Null, ready: impl FnOnce(SocketAddr)) -> anyhow::Result<()> {
    let mut listener = TcpListener::bind("127.0.0.1:0".parse()?)?;
    let mut poll = Poll::new()?;
    poll.registry().register(&mut listener, LISTENER, Interest::READABLE)?;
    ready(listener.local_addr()?);
    let mut clients: Vec<Option<Client>> = Vec::new();
    let mut events = Events::with_capacity(1024);
    let mut buffer = vec![0; 64 * 1024];
    loop {
        poll.poll(&mut events, None)?;
        for event in &events {
            if event.token() == LISTENER {
                while let Ok((mut stream, _)) = listener.accept() {
                    stream.set_nodelay(true)?;
                    let interest = Interest::READABLE | Interest::WRITABLE;
                    poll.registry().register(&mut stream, Token(clients.len()), interest)?;
                    let (input, output) = (BytesMut::new(), BytesMut::new());
                    clients.push(Some(Client { stream, input, output }));
                }
                continue;
            }
            let slot = &mut clients[event.token().0];
            if slot.as_mut().is_some_and(|client| client.serve(null, &mut buffer).is_err()) {
                *slot = None;
            }
        }
    }
}

impl Client {
    fn serve(&mut self, null: Null, buffer: &mut [u8]) -> std::io::Result<()> {
        loop {
            let count = match self.stream.read(buffer) {
                Ok(0) => return Err(ErrorKind::UnexpectedEof.into()),
                Ok(count) => count,
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) => return Err(error),
            };
            self.input.extend_from_slice(&buffer[..count]);
            if count < buffer.len() {
                break;
            }
        }
        while answer(null, &mut self.input, &mut self.output) {}
        while !self.output.is_empty() {
            match self.stream.write(&self.output) {
                Ok(count) => self.output.advance(count),
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}

/// Answers one request, if it is there whole.
fn answer(null: Null, input: &mut BytesMut, output: &mut BytesMut) -> bool {
    match null {
        Null::NetMem { page_len } => {
            let Some(header) = input.first_chunk().map(netmem::Header::parse) else { return false };
            let is_write = header.kind == netmem::Kind::UNLOCK_PAGE;
            let body_len = if is_write { header.length as usize } else { 0 };
            if input.len() < netmem::HEADER_LEN + body_len {
                return false;
            }
            input.advance(netmem::HEADER_LEN + body_len);
            let length = if is_write || header.version >= 0 { 0 } else { page_len };
            netmem::Header { length, version: 1, ..header }.encode(output);
            output.resize(output.len() + length as usize, b'p');
            true
        }
        Null::Locker => {
            let header_len = locker::Layout::Natural.header_len();
            let Some(header) = input.get(..header_len) else { return false };
            let (cmd, length) = (header[0], (&header[8..]).get_u64_le());
            let whole = header_len + usize::try_from(length).unwrap_or(usize::MAX);
            if input.len() < whole {
                return false;
            }
            input.advance(whole);
            output.extend_from_slice(&[128 - cmd, 0]);
            true
        }
    }
}
