//! A proxy in front of a good server that turns against some of its clients: long enough on its good behaviour to be
//! greeted and probed, and from then on only now and then.

use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

/// What a connection meets; the number counts those that are treated badly.
pub(crate) type Treatment = fn(client: TcpStream, upstream: SocketAddr, number: usize);

/// More connections than a greeting and a probe need.
const HONEST: usize = 64;

/// After them, one in so many is treated well.
const ONE_IN: usize = 3;

/// Listens on a port of its own until the test program ends.
pub(crate) fn start(upstream: SocketAddr, treatment: Treatment) -> SocketAddr {
    static BAD: AtomicUsize = AtomicUsize::new(0);
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for (number, client) in listener.incoming().flatten().enumerate() {
            if number < HONEST || number % ONE_IN == 0 {
                thread::spawn(move || carry(client, upstream));
            } else {
                let bad = BAD.fetch_add(1, Ordering::Relaxed);
                thread::spawn(move || treatment(client, upstream, bad));
            }
        }
    });
    address
}

fn carry(mut client: TcpStream, upstream: SocketAddr) {
    let Ok(mut server) = TcpStream::connect(upstream) else { return };
    requests(&client, &server);
    let _ = std::io::copy(&mut server, &mut client);
    let _ = client.shutdown(Shutdown::Both);
    let _ = server.shutdown(Shutdown::Both);
}

/// Carries requests in a thread of their own.
pub(crate) fn requests(client: &TcpStream, server: &TcpStream) {
    let (mut client, mut server) = (client.try_clone().unwrap(), server.try_clone().unwrap());
    thread::spawn(move || {
        let _ = std::io::copy(&mut client, &mut server);
        let _ = server.shutdown(Shutdown::Write);
    });
}
