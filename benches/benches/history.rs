//! How fast a history is judged: `history/what/calls`, of eight clients that share items.
//!
//! A good history is made by a small server, one call at a time, whose replies come late; a bad one has a wrong reply at
//! nine tenths of it; from a lossy one the replies of a hundred clients that died are missing. Left out: making it.

use std::collections::BTreeMap;
use std::time::Duration;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use lockproof_conformance::history::items::{Action, Items, Mode, Reply, Request};
use lockproof_conformance::history::{BUDGET, History, Verdict, check};

const CLIENTS: usize = 8;

type Calls = History<Request, Reply>;

/// `SplitMix64`.
struct Draw(u64);

impl Draw {
    fn below(&mut self, count: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((mixed ^ (mixed >> 31)) % count as u64).unwrap_or_default()
    }
}

/// A call on its way: whether it has happened yet, and what came of it.
struct Pending {
    call: usize,
    request: Request,
    reply: Option<Reply>,
}

/// So many calls of clients, on so many keys. One call in `deaths` never ends; 0 for none.
fn history(calls: usize, keys: usize, deaths: usize) -> Calls {
    let (mut history, mut draw) = (Calls::default(), Draw(1));
    let mut items: BTreeMap<Vec<u8>, (Vec<u8>, u64)> = BTreeMap::new();
    let mut clients: Vec<(u64, Option<Pending>)> =
        (0..CLIENTS as u64).map(|session| (session, None)).collect();
    let (mut sessions, mut cas) = (CLIENTS as u64, 0);
    while history.operations().len() < calls {
        let (session, pending) = &mut clients[draw.below(CLIENTS)];
        let Some(mut on_its_way) = pending.take() else {
            let request = request(&mut draw, keys);
            let call = history.call(*session, request.clone(), Duration::ZERO);
            *pending = Some(Pending { call, request, reply: None });
            continue;
        };
        if let Some(reply) = on_its_way.reply {
            if deaths > 0 && draw.below(deaths) == 0 {
                sessions += 1;
                *session = sessions;
            } else {
                history.reply(on_its_way.call, reply, Duration::ZERO);
            }
            continue;
        }
        cas += 1;
        on_its_way.reply = Some(execute(&mut items, &on_its_way.request, cas));
        *pending = Some(on_its_way);
    }
    history
}

fn request(draw: &mut Draw, keys: usize) -> Request {
    let key = draw.below(keys).to_string().into_bytes();
    let value = draw.below(1_000).to_string().into_bytes().into();
    let action = match draw.below(4) {
        0 | 1 => Action::Get,
        2 => Action::Store { mode: Mode::Set, value, flags: 0, cas: 0 },
        _ => Action::Delete { cas: 0 },
    };
    Request { key, action }
}

fn execute(
    items: &mut BTreeMap<Vec<u8>, (Vec<u8>, u64)>,
    Request { key, action }: &Request,
    cas: u64,
) -> Reply {
    match (action, items.get(key)) {
        (Action::Store { value, .. }, _) => {
            items.insert(key.clone(), (value.to_vec(), cas));
            Reply::Stored { cas: Some(cas) }
        }
        (_, None) => Reply::Missing,
        (Action::Get, Some((value, cas))) => {
            Reply::Hit { value: value.as_slice().into(), flags: 0, cas: Some(*cas) }
        }
        _ => {
            items.remove(key);
            Reply::Deleted
        }
    }
}

/// The same, with a value that nobody stored at nine tenths of it.
fn bent(good: &Calls) -> Calls {
    let mut bent = good.clone();
    let hit = |reply: &Option<(Reply, Duration)>| matches!(reply, Some((Reply::Hit { .. }, _)));
    let late = good.operations().len() / 10 * 9;
    let call = (late..good.operations().len())
        .find(|call| hit(&good.operations()[*call].reply))
        .expect("a hit among the last");
    bent.amend(call, Reply::Hit { value: b"of nobody".as_slice().into(), flags: 0, cas: None });
    bent
}

fn judged(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("history");
    group.sample_size(10);
    group.warm_up_time(Duration::from_millis(500)).measurement_time(Duration::from_secs(2));
    for (calls, keys) in [(10_000, 16), (100_000, 16), (10_000, 1)] {
        let good = history(calls, keys, 0);
        let lossy = history(calls, keys, calls / 100);
        let bad = bent(&good);
        let size = format!("{calls}/{keys}keys");
        group.throughput(Throughput::Elements(calls as u64));
        // That thousands of calls on one key have no order takes more than the budget.
        let kinds = if keys > 1 { 3 } else { 2 };
        for (name, calls) in
            [("good", &good), ("lossy", &lossy), ("bad", &bad)].into_iter().take(kinds)
        {
            group.bench_function(BenchmarkId::new(name, &size), |bencher| {
                bencher.iter(|| {
                    let verdict = check(&Items, calls, BUDGET);
                    assert_eq!(verdict.is_linearizable(), name != "bad");
                    assert!(!matches!(verdict, Verdict::Unknown(_)), "the budget was spent");
                });
            });
        }
    }
    group.finish();
}

criterion_group!(benches, judged);
criterion_main!(benches);
