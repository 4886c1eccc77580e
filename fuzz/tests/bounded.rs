//! The fuzz targets without a fuzzer, on stable and in a bounded time: every committed seed, then inputs that are drawn from
//! a seed. A failure says how it is had again.
//!
//! `LOCKPROOF_FUZZ_SEED=N` draws others, `LOCKPROOF_FUZZ_INPUTS=N` more of them.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use lockproof_fuzz::TARGETS;

/// Every run is the same unless another seed is asked for.
const SEED: u64 = 2_427_020_717;

/// Drawn for each target. A case of the suite and a whole server take longer than a decoder.
fn inputs_of(target: &str) -> u64 {
    match target {
        "hostile_server" | "server" => 2_000,
        "session_parse" => 5_000,
        _ => 20_000,
    }
}

/// Inputs take milliseconds; on a machine that is busy with other things perhaps seconds.
const PATIENCE: Duration = Duration::from_mins(3);

/// As the fuzzer does by default.
const LENGTH_MAX: usize = 2048;

fn number(name: &str) -> Option<u64> {
    let text = env::var(name).ok()?;
    Some(
        text.parse()
            .unwrap_or_else(|_| panic!("{name}={text} is no number: decimal digits, please")),
    )
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus")
}

fn corpus(target: &str) -> Vec<(PathBuf, Vec<u8>)> {
    let entries = fs::read_dir(folder().join(target)).expect("a folder of seeds: ci/fuzz --seeds");
    let mut paths: Vec<_> = entries.map(|entry| entry.expect("an entry").path()).collect();
    paths.sort();
    paths.into_iter().map(|path| (path.clone(), fs::read(path).expect("a seed"))).collect()
}

/// `SplitMix64`: enough to draw with.
struct Draw(u64);

impl Draw {
    fn number(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, end: usize) -> usize {
        usize::try_from(self.number() % end.max(1) as u64).expect("it is below")
    }

    fn bytes(&mut self, length: usize) -> Vec<u8> {
        (0..length).map(|_| self.number().to_le_bytes()[0]).collect()
    }

    /// Random bytes, or a seed that was changed a little: bytes, a piece of another one, an end.
    fn input(&mut self, seeds: &[(PathBuf, Vec<u8>)]) -> Vec<u8> {
        let length = self.below(256);
        let Some((_, seed)) = seeds.get(self.below(seeds.len() * 5 / 4)) else {
            return self.bytes(length);
        };
        let mut input = seed.clone();
        for _ in 0..=self.below(4) {
            let at = self.below(input.len() + 1);
            let length = self.below(16);
            let to = (at + self.below(8)).min(input.len());
            let piece = match self.below(3) {
                0 => self.bytes(length),
                1 => Vec::new(),
                _ => {
                    let (_, other) = &seeds[self.below(seeds.len())];
                    let from = self.below(other.len());
                    other[from..(from + length * 4).min(other.len())].to_vec()
                }
            };
            input.splice(at..to, piece);
        }
        input.truncate(LENGTH_MAX);
        input
    }
}

/// Says what was being done when a target panicked, and keeps the input for the fuzzer to make smaller.
struct Doing<'a> {
    target: &'a str,
    what: String,
    again: String,
    input: &'a [u8],
}

impl Drop for Doing<'_> {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            return;
        }
        let Self { target, what, again, input } = &*self;
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("artifacts").join(target);
        let file = folder.join("bounded");
        let kept = fs::create_dir_all(&folder).and_then(|()| fs::write(&file, input));
        eprintln!("{target}: {what}\n  again:  {again}");
        if kept.is_ok() {
            eprintln!(
                "  input:  {}\n  again:  ci/fuzz --replay {target} fuzz/artifacts/{target}/bounded",
                file.display()
            );
        }
    }
}

/// The input that is being run, and since when. One that hangs would hang everybody who waits for the tests.
#[derive(Default)]
struct Watch(Arc<Mutex<Option<(Instant, String)>>>);

impl Watch {
    /// Ends the process when one input takes too long.
    fn start() -> Self {
        let watch = Self::default();
        let seen = Arc::downgrade(&watch.0);
        std::thread::spawn(move || {
            while let Some(seen) = seen.upgrade() {
                if let Some((since, what)) = &*seen.lock().unwrap_or_else(PoisonError::into_inner)
                    && since.elapsed() > PATIENCE
                {
                    eprintln!("it does not end within {} s: {what}", PATIENCE.as_secs());
                    std::process::exit(1);
                }
                drop(seen);
                std::thread::sleep(Duration::from_secs(1));
            }
        });
        watch
    }

    fn run(&self, run: fn(&[u8]), input: &[u8], what: &str) {
        let set = |what| *self.0.lock().unwrap_or_else(PoisonError::into_inner) = what;
        set(Some((Instant::now(), what.to_owned())));
        run(input);
        set(None);
    }
}

fn bounded(target: &str) {
    let (_, run) = TARGETS.into_iter().find(|(name, _)| *name == target).expect("a target");
    let seeds = corpus(target);
    assert!(!seeds.is_empty(), "{target} has no seeds: ci/fuzz --seeds");
    let seed = number("LOCKPROOF_FUZZ_SEED").unwrap_or(SEED);
    let inputs = number("LOCKPROOF_FUZZ_INPUTS").unwrap_or_else(|| inputs_of(target));
    println!("{target}: {} seeds, then {inputs} inputs from seed {seed}", seeds.len());
    let test = format!("cargo test --manifest-path fuzz/Cargo.toml --no-default-features {target}");
    let watch = Watch::start();
    for (path, input) in &seeds {
        let (what, again) = (path.display().to_string(), test.clone());
        let doing = Doing { target, what, again, input };
        watch.run(run, input, &format!("{target}: {}\n  again:  {}", doing.what, doing.again));
    }
    let mut draw = Draw(seed);
    for index in 0..inputs {
        let input = draw.input(&seeds);
        let again =
            format!("LOCKPROOF_FUZZ_SEED={seed} LOCKPROOF_FUZZ_INPUTS={} {test}", index + 1);
        let doing =
            Doing { target, what: format!("input {index} of seed {seed}"), again, input: &input };
        watch.run(run, &input, &format!("{target}: {}\n  again:  {}", doing.what, doing.again));
    }
}

macro_rules! targets {
    ($($name:ident)+) => {
        $(#[test] fn $name() { bounded(stringify!($name)); })+

        /// A target that is forgotten here, in `Cargo.toml` or below `corpus/` would not be run.
        #[test]
        fn every_target_is_run() {
            let here = [$(stringify!($name)),+];
            assert_eq!(TARGETS.map(|(name, _)| name), here);
            let manifest = include_str!("../Cargo.toml").split("[[bin]]").skip(1);
            let name = |bin: &'static str| bin.split('"').nth(1).expect("a name");
            assert_eq!(manifest.map(name).collect::<Vec<_>>(), here);
            let entries = fs::read_dir(folder()).expect("seeds").map(|entry| entry.expect("an entry"));
            let mut folders: Vec<_> = entries.map(|entry| entry.file_name()).collect();
            folders.sort();
            assert_eq!(folders, here);
        }
    };
}

targets! { gate hostile_server items locks pages protocol_decode server session_parse wire_decode }
