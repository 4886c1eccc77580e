//! Servers with one read/write lock around all their state, and a thread for each connection.

pub(crate) mod memcached;
pub(crate) mod netmem;

use std::io::{self, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, PoisonError, RwLock};
use std::thread;

/// Whether a reply is sent while the lock is held.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Sends {
    Inside,
    Outside,
}

/// All of a server's state, and the place where it goes wrong.
pub(crate) struct Shared<T> {
    state: RwLock<T>,
    sends: Sends,
}

impl<T> Shared<T> {
    /// Answers from the state.
    pub(crate) fn read(
        &self,
        to: &mut TcpStream,
        answer: impl FnOnce(&T) -> Vec<u8>,
    ) -> io::Result<()> {
        let state = self.state.read().unwrap_or_else(PoisonError::into_inner);
        let reply = answer(&state);
        let _held = (self.sends == Sends::Inside).then_some(state);
        to.write_all(&reply)
    }

    /// Changes the state and answers.
    pub(crate) fn write(
        &self,
        to: &mut TcpStream,
        answer: impl FnOnce(&mut T) -> Vec<u8>,
    ) -> io::Result<()> {
        let mut state = self.state.write().unwrap_or_else(PoisonError::into_inner);
        let reply = answer(&mut state);
        let _held = (self.sends == Sends::Inside).then_some(state);
        to.write_all(&reply)
    }
}

/// Starts a server that ends with the test program.
pub(crate) fn start<T: Default + Send + Sync + 'static>(
    sends: Sends,
    serve: fn(&Shared<T>, TcpStream) -> io::Result<()>,
) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address");
    let shared = Arc::new(Shared { state: RwLock::default(), sends });
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let shared = Arc::clone(&shared);
            thread::spawn(move || serve(&shared, stream));
        }
    });
    address
}
