//! The server is stopped for some seconds (SIGSTOP), then goes on.
//!
//! Some clients wait as long as it takes: all their calls are answered, and some order of them explains the replies. Others
//! do not wait: they fail in a way that they can tell, and are served again. What was acknowledged to anybody is there.

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering::Relaxed};
use std::time::{Duration, Instant};

use anyhow::Context;
use lockproof_client::Error;
use lockproof_client::memcached::Meta;

use super::judged::{SHARED, judged};
use super::process::Signal;
use super::report::Scenario;
use super::served::Served;
use super::state::memcached;
use super::{PATIENCE, Stage, eventually};

/// Clients that do not wait, and how long they do.
const HASTY: u32 = 8;
const HASTE: Duration = Duration::from_millis(300);
/// The longest pause of a judged client between two calls; and its calls, so that they last for seconds.
const PAUSE: Duration = Duration::from_millis(20);
const CALLS: u32 = 300;

pub(super) fn run(stage: &Stage, scenario: &mut Scenario) -> anyhow::Result<()> {
    let time = (stage.hold / 10).clamp(Duration::from_secs(1), Duration::from_secs(10));
    scenario.story = format!(
        "stopped (SIGSTOP) for {time:.1?} at least, with 24 clients that wait and {HASTY} that do not"
    );
    let server = Served::start(stage.setup())?;
    let [memcached, netmem, locker, _] = server.addresses();
    let hasty: Vec<Hasty> = (0..HASTY).map(Hasty::new).collect();
    let over = AtomicBool::new(false);
    let (patient, paused) = std::thread::scope(|scope| {
        for client in &hasty {
            let over = &over;
            scope.spawn(move || client.work(memcached, over));
        }
        let patient = [memcached, netmem, locker].into_iter().zip(SHARED).map(|(address, name)| {
            let seed = stage.seed;
            scope.spawn(move || judged(&format!("{name}://{address}"), seed, CALLS, PAUSE))
        });
        let patient: Vec<_> = patient.collect();
        let paused = pause(&server, &hasty, time);
        over.store(true, Relaxed);
        (patient.into_iter().map(std::thread::ScopedJoinHandle::join).collect::<Vec<_>>(), paused)
    });
    let paused = paused?;
    scenario.figure("stopped for", format!("{:.1} s", paused.as_secs_f64()));
    for (name, outcome) in SHARED.into_iter().zip(patient) {
        let outcome = outcome.map_err(|_| anyhow::anyhow!("{name}: its thread panicked")).flatten();
        let (holds, text) = match outcome {
            Ok(outcome) => {
                let problem = outcome.verdict.problem().unwrap_or("linearizable");
                let holds = outcome.verdict.is_linearizable();
                (holds, format!("{name}, {} calls: {problem}", outcome.calls))
            }
            Err(error) => (false, format!("{error:#}")),
        };
        scenario.check("who waits is answered, and an order explains it", holds, text);
    }
    judge_hasty(scenario, &server, &hasty)?;
    let status = server.stop()?;
    scenario.check("it ends when it is told to", status.success(), status.to_string());
    Ok(())
}

/// Stops the server once everybody is at work, until all hasty clients have given up once; and waits until they are served
/// again.
fn pause(server: &Served, hasty: &[Hasty], time: Duration) -> anyhow::Result<Duration> {
    let all = |is_so: &dyn Fn(&Hasty) -> bool| eventually(PATIENCE, || Ok(hasty.iter().all(is_so)));
    all(&|client| client.acknowledged.load(Relaxed) > 10)?.context("clients are not served")?;
    let begun = Instant::now();
    server.process().signal(Signal::STOP)?;
    let gave_up = all(&|client| client.failed.load(Relaxed) > 0);
    std::thread::sleep(time.saturating_sub(begun.elapsed()));
    server.process().signal(Signal::CONT)?;
    let stopped = begun.elapsed();
    gave_up?.context("clients do not notice that the server is stopped")?;
    let before: Vec<u32> = hasty.iter().map(|client| client.acknowledged.load(Relaxed)).collect();
    let is_served = |(client, before): (&Hasty, &u32)| client.acknowledged.load(Relaxed) > *before;
    eventually(PATIENCE, || Ok(hasty.iter().zip(&before).all(is_served)))?
        .context("clients are not served when the server goes on")?;
    Ok(stopped)
}

fn judge_hasty(scenario: &mut Scenario, server: &Served, hasty: &[Hasty]) -> anyhow::Result<()> {
    let mut control = memcached(server.memcached(), PATIENCE)?;
    let (mut stored, mut failed, mut lost, mut broken) = (0, 0, None, None);
    for client in hasty {
        failed += client.failed.load(Relaxed);
        for number in client.stored() {
            let key = client.key(number);
            let value = control.get(key.as_bytes())?;
            stored += 1;
            if value.as_deref() != Some(key.as_bytes()) {
                lost.get_or_insert_with(|| format!("{key} is {value:?}"));
            }
        }
        broken = broken.or_else(|| client.broken());
    }
    let text = lost.clone().unwrap_or_else(|| format!("{stored} items stored, all there"));
    scenario.check("nothing that was acknowledged is lost", lost.is_none(), text);
    let holds = broken.is_none() && failed > 0;
    let text = broken.unwrap_or_else(|| format!("{failed} timeouts or ends, nothing worse"));
    scenario.check("who does not wait fails cleanly", holds, text);
    Ok(())
}

/// A client that stores one item after the other, each under a key of its own: then there is no doubt what should be there.
struct Hasty {
    number: u32,
    acknowledged: AtomicU32,
    failed: AtomicU32,
    seen: std::sync::Mutex<Seen>,
}

#[derive(Default)]
struct Seen {
    stored: Vec<u32>,
    broken: Option<String>,
}

impl Hasty {
    fn new(number: u32) -> Self {
        let (acknowledged, failed) = (AtomicU32::new(0), AtomicU32::new(0));
        Self { number, acknowledged, failed, seen: std::sync::Mutex::default() }
    }

    fn key(&self, item: u32) -> String {
        format!("hasty {} {item}", self.number)
    }

    fn stored(&self) -> Vec<u32> {
        self.lock().stored.clone()
    }

    fn broken(&self) -> Option<String> {
        self.lock().broken.clone()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    fn work(&self, address: std::net::SocketAddr, over: &AtomicBool) {
        let mut connection = None;
        for item in 0.. {
            if over.load(Relaxed) {
                return;
            }
            let Some(client) = &mut connection else {
                connection = memcached(address, HASTE).ok();
                continue;
            };
            let key = self.key(item);
            match client.set(key.as_bytes(), key.as_bytes(), Meta::default()) {
                Ok(_) => {
                    self.lock().stored.push(item);
                    self.acknowledged.fetch_add(1, Relaxed);
                }
                Err(Error::Timeout { .. } | Error::Transport { .. }) => {
                    self.failed.fetch_add(1, Relaxed);
                    connection = None;
                }
                Err(error) => {
                    self.lock().broken = Some(error.to_string());
                    return;
                }
            }
            std::thread::sleep(Duration::from_millis(2));
        }
    }
}
