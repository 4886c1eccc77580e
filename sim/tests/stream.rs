//! Does a write wait for a reader that does not read, and what wakes it? As the kernel has it, row by row.

use std::cell::RefCell;
use std::io;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use lockproof_reference_server::Listener;
use lockproof_sim::net::{
    End, Ended, Meter, Sim, SimListener, SimStream, Weather, Wire, sim_elapsed,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::watch;

const PORT: u16 = 1000;
const SEGMENTS: usize = 4;
const SEGMENT_BYTES: usize = 1024;

/// When the event happens; the writer waits since long before.
const EVENT: Duration = Duration::from_secs(5);

/// How long its consequences are watched.
const AFTER: Duration = Duration::from_secs(20);

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Order {
    /// Reads from the start.
    Read,
    /// Keeps the stream and reads nothing.
    Wait,
    /// Closes its sending side and reads nothing.
    HalfClose,
    /// The process ends, its kernel lives.
    Die,
}

/// What became of the writer.
#[derive(Debug, Default)]
struct Writer {
    bytes: usize,
    error: Option<(io::ErrorKind, Duration)>,
}

struct Probe {
    sim: Sim,
    order: watch::Sender<Order>,
    writer: Rc<RefCell<Writer>>,
    meter: Arc<Meter>,
}

/// A server that writes without end, and a reader that does as it is told.
fn probe(first: Order) -> Probe {
    let tick = Duration::from_millis(1);
    let mut sim = Sim::new(Weather { tick, latency_ms: 1..=1, ..Weather::new(1) });
    let (order, orders) = watch::channel(first);
    let writer = Rc::new(RefCell::new(Writer::default()));
    let meter = Arc::new(Meter::default());
    let meter_there = Some(Arc::clone(&meter));
    let wire = Wire { meter: meter_there, ..Wire::of_segments(SEGMENT_BYTES, SEGMENTS) };
    let notes = Rc::clone(&writer);
    sim.host("server", move || write_without_end(wire.clone(), Rc::clone(&notes)));
    sim.host("reader", move || {
        let orders = orders.clone();
        async move {
            read_as_told(orders).await?;
            std::future::pending().await
        }
    });
    Probe { sim, order, writer, meter }
}

async fn write_without_end(wire: Wire, notes: Rc<RefCell<Writer>>) -> Ended {
    let listener = SimListener::bind(PORT, wire)?;
    let (mut stream, _) = listener.accept().await?;
    // More than a segment, so that cutting is seen too.
    let chunk = [7; 3 * SEGMENT_BYTES / 2];
    loop {
        match stream.write(&chunk).await {
            Ok(count) => notes.borrow_mut().bytes += count,
            Err(error) => {
                let at = sim_elapsed().unwrap_or_default();
                notes.borrow_mut().error = Some((error.kind(), at));
                std::future::pending::<()>().await;
            }
        }
    }
}

async fn read_as_told(mut orders: watch::Receiver<Order>) -> io::Result<()> {
    let mut stream = SimStream::connect("server", PORT, &Wire::default()).await?;
    let mut buf = [0; 700];
    loop {
        let order = *orders.borrow_and_update();
        match order {
            Order::Read => {
                let _ = stream.read(&mut buf).await?;
                // One reader that is slower than the writer, so that the writer has to wait.
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
            Order::Wait => {}
            Order::HalfClose => stream.shutdown().await?,
            Order::Die => return Ok(()),
        }
        if order != Order::Read && orders.changed().await.is_err() {
            return Ok(());
        }
    }
}

impl Probe {
    fn run_to(&mut self, until: Duration) {
        self.sim.run_to(until).expect("nobody fails");
    }

    /// Runs to the event, with the writer waiting.
    fn run_to_event(&mut self) {
        self.run_to(EVENT);
        let writer = self.writer.borrow();
        assert_eq!(writer.bytes, SEGMENTS * SEGMENT_BYTES, "the window, to the byte");
        assert!(writer.error.is_none());
        let blocks = self.meter.blocks();
        assert_eq!(blocks.len(), 1);
        assert_eq!(blocks[0].until, None, "it waits");
    }

    fn run_on(&mut self) {
        self.run_to(EVENT + AFTER);
    }

    fn is_stuck(&self) -> bool {
        let writer = self.writer.borrow();
        writer.bytes == SEGMENTS * SEGMENT_BYTES
            && writer.error.is_none()
            && self.meter.blocks().iter().any(|block| block.until.is_none())
    }

    /// When the write failed, after the event.
    fn reset_after(&self) -> Duration {
        let (kind, at) = self.writer.borrow().error.expect("the write failed");
        assert_eq!(kind, io::ErrorKind::ConnectionReset);
        assert_eq!(self.meter.ends().last().map(|end| end.1), Some(End::Reset));
        at.checked_sub(EVENT).expect("it came after the event")
    }
}

#[test]
fn a_reader_that_reads_gets_everything() {
    let mut probe = probe(Order::Read);
    probe.run_on();
    assert!(probe.writer.borrow().bytes > 1_000_000, "{}", probe.writer.borrow().bytes);
}

#[test]
fn reading_again_lets_the_write_go_on() {
    let mut probe = probe(Order::Wait);
    probe.run_to_event();
    probe.order.send_replace(Order::Read);
    probe.run_on();
    assert!(probe.writer.borrow().bytes > 1_000_000, "{}", probe.writer.borrow().bytes);
}

#[test]
fn a_killed_process_resets_the_write() {
    let mut probe = probe(Order::Wait);
    probe.run_to_event();
    probe.order.send_replace(Order::Die);
    probe.run_on();
    assert!(probe.reset_after() <= Duration::from_millis(10));
}

#[test]
fn a_crash_with_unread_data_resets_the_write() {
    let mut probe = probe(Order::Wait);
    probe.run_to_event();
    probe.sim.kill("reader");
    probe.run_on();
    assert!(probe.reset_after() <= Duration::from_millis(10));
}

#[test]
fn a_half_close_leaves_the_write_waiting() {
    let mut probe = probe(Order::Wait);
    probe.run_to_event();
    probe.order.send_replace(Order::HalfClose);
    probe.run_on();
    assert!(probe.is_stuck());
    assert_eq!(probe.meter.ends().len(), 1, "but its end of stream was seen");
    assert_eq!(probe.meter.ends()[0].1, End::Finished);
}

#[test]
fn a_dead_machine_leaves_the_write_waiting() {
    let mut probe = probe(Order::Wait);
    probe.run_to_event();
    probe.sim.power_off("reader");
    probe.run_on();
    assert!(probe.is_stuck());
    assert_eq!(probe.meter.ends(), []);
}

#[test]
fn a_cut_leaves_the_write_waiting() {
    let mut probe = probe(Order::Read);
    probe.run_to(EVENT);
    probe.sim.cut("server", "reader");
    probe.run_to(EVENT + Duration::from_secs(1));
    let before = probe.writer.borrow().bytes;
    probe.run_on();
    assert_eq!(probe.writer.borrow().bytes, before);
    assert!(probe.meter.blocks().iter().any(|block| block.until.is_none()));
}

#[test]
fn a_cut_that_heals_lets_the_write_go_on() {
    let mut probe = probe(Order::Read);
    probe.run_to(EVENT);
    probe.sim.hold("server", "reader");
    probe.run_to(EVENT + Duration::from_secs(1));
    let before = probe.writer.borrow().bytes;
    probe.run_to(EVENT + Duration::from_secs(2));
    assert_eq!(probe.writer.borrow().bytes, before, "nothing moves while it is held");
    probe.sim.release("server", "reader");
    probe.run_on();
    assert!(probe.writer.borrow().bytes > before + 1_000_000);
}

#[test]
fn equal_runs_have_equal_hashes() {
    let hash = || {
        let mut probe = probe(Order::Read);
        probe.run_on();
        probe.meter.hash()
    };
    assert_eq!(hash(), hash());
}
