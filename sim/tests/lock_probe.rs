//! Nothing is sent from inside of the production lock: sockets look whether their thread is in one. The server's sessions
//! see no socket, and no closure under the lock can await; this is for whoever finds another way.

use std::cell::RefCell;
use std::net::IpAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use lockproof_reference_server::Listener;
use lockproof_rwlock::RwLock;
use lockproof_sim::check::{Kind, Violation};
use lockproof_sim::net::{Meter, Sim, SimListener, SimStream, Weather, Wire};
use lockproof_sim::scenario::Scenario;
use lockproof_sim::server::Server;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

const PORT: u16 = 1000;

/// One reply of a server with a table behind the production lock, and what the probe saw.
fn probed(
    answer: impl AsyncFn(&RwLock<Vec<u8>>, &mut SimStream) + 'static,
) -> Option<(IpAddr, Duration)> {
    let meter = Arc::new(Meter::default());
    let wire = Wire { meter: Some(Arc::clone(&meter)), ..Wire::default() };
    let answer = Rc::new(answer);
    let mut sim = Sim::new(Weather::new(1));
    sim.host("server", move || {
        let (wire, answer) = (wire.clone(), Rc::clone(&answer));
        async move {
            let listener = SimListener::bind(PORT, wire)?;
            let table = RwLock::new(b"what is kept".to_vec());
            let (mut stream, _) = listener.accept().await?;
            answer(&table, &mut stream).await;
            std::future::pending().await
        }
    });
    let read = Rc::new(RefCell::new(Vec::new()));
    let got = Rc::clone(&read);
    sim.client("client", async move {
        let mut stream = SimStream::connect("server", PORT, &Wire::default()).await?;
        let mut bytes = vec![0; 12];
        stream.read_exact(&mut bytes).await?;
        got.replace(bytes);
        Ok(())
    });
    sim.run().unwrap();
    assert_eq!(*read.borrow(), b"what is kept");
    meter.under_lock()
}

#[test]
fn a_send_inside_of_the_lock_is_seen() {
    let seen = probed(async |table, stream| {
        // Without an await, so that it compiles.
        let sent = table.read(|bytes| stream.write_all(bytes).now_or_never());
        assert!(sent.is_some(), "there is room");
    });
    assert!(seen.is_some());
}

#[test]
fn a_read_inside_of_the_lock_is_seen() {
    let seen = probed(async |table, stream| {
        let mut nothing = [0; 1];
        let read = table.write(|_| stream.read(&mut nothing).now_or_never());
        assert!(read.is_none(), "nothing comes");
        stream.write_all(b"what is kept").await.unwrap();
    });
    assert!(seen.is_some());
}

#[test]
fn a_send_of_a_copy_is_right() {
    let seen = probed(async |table, stream| {
        let copy = table.read(Vec::clone);
        stream.write_all(&copy).await.unwrap();
    });
    assert_eq!(seen, None);
}

/// The probe looks on in every scenario of the production server; these are the ones in which it sends most.
#[test]
fn production_server_sends_nothing_inside_of_its_lock() {
    for name in ["memcached/client-drips", "netmem/client-drips", "locker/client-drips"] {
        let outcome = Scenario::from_name(name).unwrap().run(Server::Reference, 1);
        assert!(outcome.operations > 0);
        let is_it = |violation: &Violation| violation.kind == Kind::UnderLock;
        assert!(!outcome.violations.iter().any(is_it), "{name}");
    }
}
