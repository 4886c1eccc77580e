//! A server's replies, whatever they are, never hold the player or make it panic. The first three bytes choose the case,
//! the delivery, and how the server ends; the others are what it says.

use std::sync::{Arc, LazyLock};
use std::time::Duration;

use lockproof_conformance::replay::{Delivery, Monologue, Options, World, play};
use lockproof_conformance::session::{Datum, Scope};
use lockproof_conformance::suite::{self, Case};
use lockproof_conformance::wire::{Codec, Protocol};
use tokio::runtime::{Builder, Runtime};

/// Groups that send megabytes, which only takes time.
const LARGE: [&str; 6] = ["robustness", "concurrency", "clients", "lim", "con", "limits"];

/// More than any case waits, and its time limits.
const LONGEST: Duration = Duration::from_mins(10);

static CASES: LazyLock<Vec<Arc<Case>>> = LazyLock::new(|| {
    let small = |case: &Arc<Case>| !case.id().split('/').any(|part| LARGE.contains(&part));
    suite::all().expect("the suite").into_iter().filter(small).collect()
});

static RUNTIME: LazyLock<Runtime> =
    LazyLock::new(|| Builder::new_current_thread().enable_all().build().expect("a runtime"));

/// One case against one monologue.
pub fn run(input: &[u8]) {
    let Some(([high, low, how], said)) = input.split_first_chunk::<3>() else { return };
    let index = usize::from(u16::from_be_bytes([*high, *low])) % CASES.len();
    let session = &CASES[index].session;
    let world = Monologue::new(said, how & 4 == 0);
    let mut scope = Scope { page_length: 64, ..Scope::default() };
    for name in &session.own_keys {
        scope.vars.insert(name.clone(), Datum::Bytes(b"key".to_vec()));
    }
    let numbers = ["pages", "length", "max_value", "max_body", "max_keys", "max_key"];
    for name in session.own_pages.iter().map(String::as_str).chain(numbers) {
        scope.vars.insert(name.to_owned(), Datum::Number(1));
    }
    let delivery = Delivery::ALL[usize::from(how & 3)];
    let options = Options { delivery, timeout: Duration::from_secs(5), seed: 0 };
    let codec = Codec::new(session.header.protocol());
    RUNTIME.block_on(play(session, &world, codec, scope, options));
    assert!(world.now() < LONGEST, "{} took {:?}", session.header.case, world.now());
}

/// The first three bytes of inputs for up to `count` cases of a protocol, far from each other.
pub(crate) fn cases_of(protocol: Protocol, count: usize) -> Vec<[u8; 3]> {
    let of_it = |(_, case): &(usize, &Arc<Case>)| case.protocol() == protocol;
    let indices: Vec<usize> =
        CASES.iter().enumerate().filter(of_it).map(|(index, _)| index).collect();
    let step = (indices.len() / count).max(1);
    let start = |index: &usize| [(index >> 8) as u8, *index as u8, 0];
    indices.iter().step_by(step).map(start).collect()
}
