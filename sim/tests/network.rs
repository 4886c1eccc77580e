//! What the simulated network has of a real one, besides windows (`stream.rs`): handshakes, deaths, reboots, cuts.

use std::cell::{Cell, RefCell};
use std::io::ErrorKind;
use std::rc::Rc;
use std::time::Duration;

use lockproof_reference_server::Listener;
use lockproof_sim::net::{Ended, Sim, SimListener, SimStream, Weather, Wire, sim_elapsed};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::sleep;

const PORT: u16 = 1000;

fn seconds(count: f64) -> Duration {
    Duration::from_secs_f64(count)
}

fn network() -> Sim {
    let tick = Duration::from_millis(1);
    Sim::new(Weather { tick, latency_ms: 1..=1, ..Weather::new(1) })
}

/// A server that takes connections and leaves them alone.
async fn accept_for_ever() -> Ended {
    let listener = SimListener::bind(PORT, Wire::default())?;
    let mut kept = Vec::new();
    loop {
        kept.push(listener.accept().await?);
    }
}

async fn connect() -> std::io::Result<SimStream> {
    SimStream::connect("server", PORT, &Wire::default()).await
}

fn now() -> Duration {
    sim_elapsed().expect("a simulation runs")
}

/// Where a program writes down what it saw, and when.
type Notes<T> = Rc<RefCell<Option<(T, Duration)>>>;

fn note<T>(notes: &Notes<T>, what: T) {
    notes.replace(Some((what, now())));
}

#[test]
fn a_port_that_nobody_listens_on_refuses() {
    let mut sim = network();
    sim.host("server", || async { std::future::pending().await });
    sim.client("client", async {
        let refused = connect().await.expect_err("nobody listens");
        assert_eq!(refused.kind(), ErrorKind::ConnectionRefused);
        Ok(())
    });
    sim.run().unwrap();
}

#[test]
fn a_knock_is_repeated_until_the_server_has_power() {
    let mut sim = network();
    sim.host("server", accept_for_ever);
    sim.power_off("server");
    let open = Notes::default();
    let notes = Rc::clone(&open);
    sim.client("client", async move {
        note(&notes, connect().await.is_ok());
        Ok(())
    });
    sim.run_to(seconds(2.5)).unwrap();
    assert!(open.borrow().is_none());
    sim.boot("server");
    sim.run().unwrap();
    let (is_open, at) = open.take().unwrap();
    assert!(is_open && (seconds(2.5)..seconds(3.6)).contains(&at), "{at:?}");
}

#[test]
fn a_killed_server_refuses_and_one_without_power_says_nothing() {
    for (dies, ends) in [(Sim::kill as fn(&mut Sim, &str), true), (Sim::power_off, false)] {
        let mut sim = network();
        sim.host("server", accept_for_ever);
        let seen = Notes::default();
        let notes = Rc::clone(&seen);
        sim.host("client", move || {
            let notes = Rc::clone(&notes);
            async move {
                let mut stream = connect().await?;
                note(&notes, stream.read_u8().await.map_err(|error| error.kind()));
                std::future::pending().await
            }
        });
        sim.run_to(seconds(1.0)).unwrap();
        dies(&mut sim, "server");
        sim.run_to(seconds(30.0)).unwrap();
        let seen = seen.take().map(|(read, _)| read);
        assert_eq!(seen, ends.then_some(Err(ErrorKind::UnexpectedEof)));
    }
}

/// A client that writes, or only reads, over a reboot of its server; how its wait ended.
fn over_a_reboot(writes: bool) -> Option<(ErrorKind, Duration)> {
    let mut sim = network();
    sim.host("server", accept_for_ever);
    let ended = Notes::default();
    let notes = Rc::clone(&ended);
    sim.host("client", move || {
        let notes = Rc::clone(&notes);
        async move {
            let mut stream = connect().await?;
            sleep(seconds(2.0)).await;
            if writes {
                stream.write_all(b"is anybody there?").await?;
            }
            if let Err(error) = stream.read_u8().await {
                note(&notes, error.kind());
            }
            std::future::pending().await
        }
    });
    sim.run_to(seconds(1.0)).unwrap();
    sim.power_off("server");
    sim.run_to(seconds(5.0)).unwrap();
    sim.boot("server");
    sim.run_to(seconds(60.0)).unwrap();
    ended.take()
}

#[test]
fn a_machine_that_is_back_resets_who_sends_again() {
    let (kind, at) = over_a_reboot(true).expect("it finds out");
    assert_eq!(kind, ErrorKind::ConnectionReset);
    assert!((seconds(5.0)..seconds(6.5)).contains(&at), "{at:?}");
    assert_eq!(over_a_reboot(false), None, "who sends nothing does not find out");
}

#[test]
fn bytes_for_a_closed_socket_are_answered_with_a_reset() {
    let mut sim = network();
    sim.host("server", || async {
        let listener = SimListener::bind(PORT, Wire::default())?;
        drop(listener.accept().await?);
        std::future::pending().await
    });
    sim.client("client", async {
        let mut stream = connect().await?;
        sleep(seconds(1.0)).await;
        assert_eq!(stream.read(&mut [0; 8]).await?, 0, "a closed socket ends its stream");
        stream.write_all(b"too late").await?;
        sleep(seconds(1.0)).await;
        let error = stream.write_all(b"again").await.expect_err("it was reset");
        assert_eq!(error.kind(), ErrorKind::ConnectionReset);
        Ok(())
    });
    sim.run().unwrap();
}

#[test]
fn what_came_before_a_reset_can_still_be_read() {
    let mut sim = network();
    sim.host("server", || async {
        let listener = SimListener::bind(PORT, Wire::default())?;
        let (mut stream, _) = listener.accept().await?;
        stream.write_all(b"last words").await?;
        sleep(seconds(1.0)).await;
        // What the client has sent is unread.
        drop(stream);
        std::future::pending().await
    });
    sim.client("client", async {
        let mut stream = connect().await?;
        stream.write_all(b"unread").await?;
        sleep(seconds(2.0)).await;
        let mut words = Vec::new();
        let error = stream.read_to_end(&mut words).await.expect_err("then it is reset");
        assert_eq!(
            (words.as_slice(), error.kind()),
            (&b"last words"[..], ErrorKind::ConnectionReset)
        );
        Ok(())
    });
    sim.run().unwrap();
}

/// How many bytes a writer gets rid of whose reader takes one byte each second for a minute.
fn written_to_a_dripping_reader(prepare: fn(&mut Sim)) -> usize {
    let mut sim = network();
    let count = Rc::new(Cell::new(0));
    let written = Rc::clone(&count);
    sim.host("server", move || {
        let written = Rc::clone(&written);
        async move {
            let listener = SimListener::bind(PORT, Wire::of_segments(10, 4))?;
            let (mut stream, _) = listener.accept().await?;
            loop {
                written.set(written.get() + stream.write(&[7; 100]).await?);
            }
        }
    });
    sim.host("reader", || async {
        let mut stream = connect().await?;
        loop {
            stream.read_u8().await?;
            sleep(seconds(1.0)).await;
        }
    });
    sim.run_to(seconds(1.5)).unwrap();
    prepare(&mut sim);
    sim.run_to(seconds(61.5)).unwrap();
    count.get()
}

#[test]
fn room_is_announced_a_segment_at_a_time() {
    // Two bytes before, sixty after: six segments of ten.
    assert_eq!(written_to_a_dripping_reader(|_| ()), 40 + 60);
}

#[test]
fn room_that_cannot_be_announced_is_none() {
    let cut = |sim: &mut Sim| sim.cut_one_way("reader", "server");
    assert_eq!(written_to_a_dripping_reader(cut), 40);
}

#[test]
fn connections_beyond_the_backlog_wait() {
    let mut sim = network();
    sim.host("server", || async {
        let listener = SimListener::bind(PORT, Wire::default())?;
        sleep(seconds(5.0)).await;
        let mut kept = Vec::new();
        loop {
            kept.push(listener.accept().await?);
        }
    });
    let times = Rc::new(RefCell::new(Vec::new()));
    for number in 0..40 {
        let times = Rc::clone(&times);
        sim.client(format!("client-{number}"), async move {
            let stream = connect().await?;
            times.borrow_mut().push(now());
            drop(stream);
            Ok(())
        });
    }
    sim.run().unwrap();
    let at_once = times.borrow().iter().filter(|at| **at < seconds(1.0)).count();
    let later = times.borrow().iter().filter(|at| **at > seconds(5.0)).count();
    assert_eq!((at_once, later), (24, 16));
}

#[test]
fn tasks_end_with_their_program_and_start_anew_with_it() {
    let mut sim = network();
    let (starts, ticks) = (Rc::new(Cell::new(0)), Rc::new(Cell::new(0)));
    let (started, ticked) = (Rc::clone(&starts), Rc::clone(&ticks));
    sim.host("machine", move || {
        let (started, ticked) = (Rc::clone(&started), Rc::clone(&ticked));
        async move {
            started.set(started.get() + 1);
            tokio::task::spawn_local(async move {
                loop {
                    ticked.set(ticked.get() + 1);
                    sleep(seconds(1.0)).await;
                }
            });
            sleep(seconds(3.5)).await;
            Ok(())
        }
    });
    sim.run_to(seconds(10.0)).unwrap();
    assert_eq!((starts.get(), ticks.get()), (1, 4));
    sim.boot("machine");
    sim.run_to(seconds(20.0)).unwrap();
    assert_eq!((starts.get(), ticks.get()), (2, 8));
}

#[test]
fn a_program_that_fails_ends_the_run() {
    let mut sim = network();
    sim.host("machine", || async { Err("out of paper".into()) });
    let error = sim.run_to(seconds(1.0)).expect_err("it failed");
    assert_eq!(error.to_string(), "out of paper");
}
