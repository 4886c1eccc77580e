//! Our read/write lock against std's, `parking_lot`'s and tokio's, in paired rounds:
//! `cargo run --release --example rwlock_paired [ROUNDS] [MILLISECONDS]`.
//!
//! In a round each lock runs for the same time, one after the other, in the opposite order every
//! other round. A ratio is taken within its round, so that what else the machine does falls on both
//! sides of it; the table shows the median of the ratios, and the smallest and the largest. Left out:
//! waiting readers (`examples/starvation.rs`).

use std::process::ExitCode;
use std::sync::Barrier;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::thread;
use std::time::{Duration, Instant};

#[path = "../common/contenders.rs"]
mod contenders;
#[path = "../common/mix.rs"]
mod mix;
#[path = "../common/waits.rs"]
mod waits;
use contenders::{ABOUT_50_NS, Contender, Tally};
use lockproof_benches::machine::{self, Meter};
use mix::{Mix, operate};
use waits::{hold, microseconds, quantile};

/// Names of the locks; the ratios are to the second.
const LOCKS: [&str; 4] = ["ours", "std", "parking_lot", "tokio"];
const BASE: usize = 1;

/// Operations between two looks at the clock's flag.
const STRIDE: u32 = 64;

/// How long a reader stays in while a writer's wait is measured, and what passes between two writes.
const READ_HOLD: Duration = Duration::from_micros(20);
const WRITE_PAUSE: Duration = Duration::from_micros(500);

/// Begins on a cache line of its own: where on the stack a lock happens to lie must not decide how many
/// lines it touches.
#[repr(align(128))]
struct Aligned<L>(L);

/// Runs `$run` with a new lock of the given number.
macro_rules! with_lock {
    ($number:expr, $run:expr) => {
        match $number {
            0 => $run(&Aligned(lockproof_rwlock::RwLock::new(Tally::new())).0),
            1 => $run(&Aligned(std::sync::RwLock::new(Tally::new())).0),
            2 => $run(&Aligned(parking_lot::RwLock::new(Tally::new())).0),
            _ => $run(&Aligned(tokio::sync::RwLock::new(Tally::new())).0),
        }
    };
}

/// What is measured in one row.
struct Cell {
    name: &'static str,
    unit: &'static str,
    /// Measures one lock for that long.
    measure: fn(usize, Duration) -> f64,
}

/// A row of `$threads` that look or change for `$rounds`, with `$writes` of 1024 operations.
macro_rules! speed {
    ($name:expr, $threads:expr, $writes:expr, $rounds:expr) => {
        Cell {
            name: $name,
            unit: "Mop/s",
            measure: |number, time| {
                with_lock!(number, |lock: &_| speed::<$rounds>(lock, $threads, $writes, time))
            },
        }
    };
}

const CELLS: [Cell; 14] = [
    speed!("1 thread, read, empty", 1, 0, 0),
    speed!("1 thread, write, empty", 1, 1024, 0),
    speed!("1 thread, read, 50 ns", 1, 0, ABOUT_50_NS),
    speed!("1 thread, write, 50 ns", 1, 1024, ABOUT_50_NS),
    speed!("2 threads, 100/0, 50 ns", 2, 0, ABOUT_50_NS),
    speed!("2 threads, 99/1, 50 ns", 2, 10, ABOUT_50_NS),
    speed!("2 threads, 90/10, 50 ns", 2, 102, ABOUT_50_NS),
    speed!("2 threads, 50/50, 50 ns", 2, 512, ABOUT_50_NS),
    speed!("2 threads, 100/0, empty", 2, 0, 0),
    speed!("2 threads, 99/1, empty", 2, 10, 0),
    speed!("2 threads, 90/10, empty", 2, 102, 0),
    speed!("2 threads, 50/50, empty", 2, 512, 0),
    Cell {
        name: "writer's p99 wait, 2 readers of 20 us",
        unit: "us",
        measure: |number, time| with_lock!(number, |lock: &_| writer_wait(lock, 5 * time, 990)),
    },
    Cell {
        name: "writer's p50 wait, 2 readers of 20 us",
        unit: "us",
        measure: |number, time| with_lock!(number, |lock: &_| writer_wait(lock, time, 500)),
    },
];

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1).map(|argument| argument.parse::<u64>());
    let (Ok(rounds), Ok(milliseconds)) =
        (arguments.next().unwrap_or(Ok(11)), arguments.next().unwrap_or(Ok(200)))
    else {
        eprintln!("usage: rwlock_paired [ROUNDS] [MILLISECONDS]");
        return ExitCode::FAILURE;
    };
    let time = Duration::from_millis(milliseconds.max(1));
    println!("{}", machine::description());
    println!("{rounds} rounds of {milliseconds} ms for each lock; x is the median of the ratios");
    println!("to std in the same round, [smallest-largest]; for waits, less is better.\n");
    println!("| cell | std | ours | parking_lot | tokio | own CPUs | other |");
    println!("|---|---|---|---|---|---|---|");
    for cell in CELLS {
        println!("{}", row(&cell, rounds.max(1), time));
    }
    println!("\n{}", machine::description());
    ExitCode::SUCCESS
}

/// Measures a cell and puts it in a line of the table.
fn row(cell: &Cell, rounds: u64, time: Duration) -> String {
    let meter = Meter::start();
    let taken: Vec<_> = (0..rounds).map(|round| one_round(cell, round, time)).collect();
    let (own, other) = meter.busy();
    let base = median(taken.iter().map(|round| round[BASE]).collect());
    let ratio = |lock: usize| {
        let mut ratios: Vec<_> = taken.iter().map(|round| round[lock] / round[BASE]).collect();
        ratios.sort_by(f64::total_cmp);
        let (least, most) = (ratios[0], ratios[ratios.len() - 1]);
        format!("{:.2}x [{least:.2}-{most:.2}]", median(ratios))
    };
    let (ours, parking_lot, tokio) = (ratio(0), ratio(2), ratio(3));
    let (name, unit) = (cell.name, cell.unit);
    format!(
        "| {name} | {base:.1} {unit} | {ours} | {parking_lot} | {tokio} | {own:.2} | {other:.2} |"
    )
}

/// Each lock once, in the order of [`LOCKS`] or the opposite one.
fn one_round(cell: &Cell, round: u64, time: Duration) -> [f64; LOCKS.len()] {
    let mut results = [0.0; LOCKS.len()];
    for turn in 0..LOCKS.len() {
        let lock = if round.is_multiple_of(2) { turn } else { LOCKS.len() - 1 - turn };
        results[lock] = (cell.measure)(lock, time);
        assert!(results[lock] > 0.0, "{} did nothing", LOCKS[lock]);
    }
    results
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    f64::midpoint(values[(values.len() - 1) / 2], values[values.len() / 2])
}

/// Millions of operations in a second, by all threads together.
fn speed<const ROUNDS: u32>(
    lock: &impl Contender<Tally<ROUNDS>>,
    threads: u32,
    writes_of_1024: u64,
    time: Duration,
) -> f64 {
    let (ready, stop) = (Barrier::new(1 + threads as usize), AtomicBool::new(false));
    let run = |thread: u32| {
        let mut mix = Mix::new(u64::from(thread), writes_of_1024);
        let (mut strides, mut written) = (0_u32, 0);
        ready.wait();
        while !stop.load(Relaxed) {
            written += (0..STRIDE).map(|_| u64::from(operate(lock, &mut mix))).sum::<u64>();
            strides += 1;
        }
        (strides, written)
    };
    let (run, ready) = (&run, &ready);
    let (ran, elapsed) = thread::scope(|scope| {
        let runs: Vec<_> = (0..threads).map(|thread| scope.spawn(move || run(thread))).collect();
        ready.wait();
        let started = Instant::now();
        thread::sleep(time);
        stop.store(true, Relaxed);
        let elapsed = started.elapsed();
        let ran: Vec<(u32, u64)> =
            runs.into_iter().map(|run| run.join().expect("a torn read")).collect();
        (ran, elapsed)
    });
    let written: u64 = ran.iter().map(|(_, written)| written).sum();
    assert_eq!(lock.with_read(Tally::checked), written, "a lost write");
    let done: f64 = ran.iter().map(|(strides, _)| f64::from(*strides) * f64::from(STRIDE)).sum();
    done / elapsed.as_secs_f64() / 1e6
}

/// Microseconds that a writer waits among two readers who come again at once, at that quantile.
fn writer_wait(lock: &impl Contender<Tally<0>>, time: Duration, per_mille: usize) -> f64 {
    let stop = AtomicBool::new(false);
    let read = || {
        while !stop.load(Relaxed) {
            lock.with_read(|tally| {
                hold(READ_HOLD);
                tally.checked()
            });
        }
    };
    let mut waits = Vec::new();
    thread::scope(|scope| {
        scope.spawn(read);
        scope.spawn(read);
        let started = Instant::now();
        while started.elapsed() < time {
            thread::sleep(WRITE_PAUSE);
            let asked = Instant::now();
            let entered = lock.with_write(|tally| {
                tally.add_one();
                Instant::now()
            });
            waits.push(entered - asked);
        }
        stop.store(true, Relaxed);
    });
    assert_eq!(lock.with_read(Tally::checked), waits.len() as u64, "a lost write");
    waits.sort();
    microseconds(quantile(&waits, per_mille))
}
