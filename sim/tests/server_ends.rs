//! What ends on the server's side: a connection's task that is cancelled between any two of its steps, and the server
//! itself. No script of clients can bring these about.

use std::cell::{Cell, RefCell};
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::task::{Context, Poll};
use std::time::Duration;

use lockproof_client::locker::{Client, Outcome};
use lockproof_reference_server::{ConnectionConfig, Locker, LockerConfig, Spawn, serve};
use lockproof_sim::net::{LocalSpawn, Sim, SimListener, SimStream, Weather, Wire};
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

const SERVER: &str = "server";
const PORT: u16 = 1000;
const PATIENCE: Duration = Duration::from_secs(30);

fn simulation(seed: u64) -> Sim {
    Sim::new(Weather { latency_ms: 1..=10, ..Weather::new(seed) })
}

async fn client() -> Result<Client<SimStream>, std::io::Error> {
    let stream = SimStream::connect(SERVER, PORT, &Wire::default()).await?;
    Ok(Client::new(stream, PATIENCE))
}

/// The first task ends at its poll of that number, as one that is aborted does; the others run.
#[derive(Clone, Debug)]
struct Cancelling {
    at: usize,
    spawned: Arc<AtomicUsize>,
}

impl Spawn for Cancelling {
    fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        let left = if self.spawned.fetch_add(1, Relaxed) == 0 { self.at } else { usize::MAX };
        tokio::task::spawn_local(Cancelled { task: Some(Box::pin(task)), left });
    }
}

struct Cancelled<F> {
    task: Option<Pin<Box<F>>>,
    left: usize,
}

impl<F: Future<Output = ()>> Future for Cancelled<F> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        if self.left == 0 {
            self.task = None;
        }
        self.left = self.left.saturating_sub(1);
        self.task.as_mut().map_or(Poll::Ready(()), |task| task.as_mut().poll(context))
    }
}

/// LKR-506: wherever its task is cancelled, a session's keys are free, and the table serves on.
#[test]
fn a_cancelled_session_leaves_nothing_wherever_it_was() {
    let (mut cancelled_late, mut cancelled_early) = (0, 0);
    for at in 0..40 {
        let table = Rc::new(RefCell::new(None));
        let running = Rc::clone(&table);
        let mut sim = simulation(7);
        sim.host(SERVER, move || {
            let spawn = Cancelling { at, spawned: Arc::default() };
            let running = Rc::clone(&running);
            async move {
                let listener = SimListener::bind(PORT, Wire::default())?;
                let locker = Arc::new(Locker::new(LockerConfig::default()));
                running.replace(Some(Arc::clone(&locker)));
                let (config, stop) = (ConnectionConfig::default(), CancellationToken::new());
                serve(listener, locker, config, spawn, stop).await;
                Ok(())
            }
        });
        let granted = Rc::new(Cell::new(0));
        let counted = Rc::clone(&granted);
        sim.client("cancelled", async move {
            let mut client = client().await?;
            // Until it is cut off, which is an error at any of these.
            for number in 0..20 {
                let keys: [&[u8]; 2] = [b"k", format!("k{number}").into_bytes().leak()];
                if client.get_batch(&keys).await.is_err() {
                    break;
                }
                counted.set(counted.get() + 1);
                if client.release_batch(&keys).await.is_err() {
                    break;
                }
            }
            client.close();
            Ok(())
        });
        sim.client("other", async {
            sleep(Duration::from_secs(2)).await;
            let mut client = client().await?;
            assert_eq!(client.get(b"k").await?, Outcome::Ok, "nobody else lives");
            assert_eq!(client.release(b"k").await?, Outcome::Ok);
            Ok(())
        });
        sim.run().expect("the other is served");
        let table = table.take().expect("the server ran");
        assert_eq!(table.dump(), [], "cancelled at poll {at}");
        assert_eq!(table.lock_counters().held, 0, "cancelled at poll {at}");
        if granted.get() == 0 { cancelled_early += 1 } else { cancelled_late += 1 }
    }
    assert!(cancelled_early > 0 && cancelled_late > 20, "{cancelled_early}, {cancelled_late}");
}

/// LKR-411: a server that comes back has an empty table; a holder that has not noticed yet acts beside the new one, and
/// its next request shows it that its lock is gone.
#[test]
fn a_restarted_server_forgets_and_old_holders_find_out() {
    for seed in 0..10 {
        let mut sim = simulation(seed);
        sim.host(SERVER, || async {
            let listener = SimListener::bind(PORT, Wire::default())?;
            let locker = Arc::new(Locker::new(LockerConfig::default()));
            let (config, stop) = (ConnectionConfig::default(), CancellationToken::new());
            serve(listener, locker, config, LocalSpawn, stop).await;
            Ok(())
        });
        let inside = Rc::new(Cell::new(0));
        let (old, new) = (Rc::clone(&inside), Rc::clone(&inside));
        sim.client("old", async move {
            let mut client = client().await?;
            assert_eq!(client.get(b"k").await?, Outcome::Ok);
            old.set(old.get() + 1);
            sleep(Duration::from_secs(4)).await;
            assert_eq!(old.get(), 2, "the overlap that the documents warn of");
            client.query(b"k").await.expect_err("its session ended with the old server");
            assert!(client.is_lost() && client.held().count() == 0);
            Ok(())
        });
        sim.client("new", async move {
            sleep(Duration::from_secs(3)).await;
            let mut client = client().await?;
            assert_eq!(client.get(b"k").await?, Outcome::Ok, "the table is empty");
            new.set(new.get() + 1);
            sleep(Duration::from_secs(3)).await;
            assert_eq!(client.release(b"k").await?, Outcome::Ok);
            Ok(())
        });
        sim.run_to(Duration::from_secs(2)).expect("the old holder gets its key");
        sim.kill(SERVER);
        sim.boot(SERVER);
        sim.run().unwrap_or_else(|error| panic!("seed {seed}: {error}"));
    }
}
