//! The server as a whole, in lines of a name and some words.

use super::look::Look;
use super::words::{bytes, count};

/// Lines, each with its name.
pub(super) fn summary(look: &Look) -> Vec<(&'static str, String)> {
    let mut lines = vec![
        ("connections", connections(look)),
        ("traffic", traffic(look)),
        ("locks", locks(look)),
    ];
    if let Some(cache) = &look.said.totals.memcached {
        let hits = cache.hit_ratio.map_or("no look-ups yet".to_owned(), |it| {
            format!("{:.1} % of look-ups hit", it * 100.0)
        });
        let (items, used, all) =
            (count(cache.items, "item"), bytes(cache.bytes), bytes(cache.bytes_max));
        lines.push(("memcached", format!("{hits}; {items}, {used} of {all}")));
    }
    lines
}

fn connections(look: &Look) -> String {
    let totals = &look.said.totals;
    let sum: u64 = totals.connections.values().sum();
    let each = totals.connections.iter().map(|(name, count)| format!("{name} {count}"));
    let each = each.collect::<Vec<_>>().join(", ");
    let slow = match totals.slow_readers {
        0 => String::new(),
        1 => "; 1 does not read".to_owned(),
        slow => format!("; {slow} do not read"),
    };
    format!("{sum} ({each}){slow}")
}

fn traffic(look: &Look) -> String {
    let totals = &look.said.totals;
    let (came, went) = (bytes(totals.bytes_in), bytes(totals.bytes_out));
    match look.pace {
        None => format!("{came} in, {went} out"),
        Some(pace) => {
            let (now_in, now_out) = (bytes(pace.bytes_in), bytes(pace.bytes_out));
            format!("{now_in}/s in, {now_out}/s out ({came} and {went} altogether)")
        }
    }
}

fn locks(look: &Look) -> String {
    let totals = &look.said.totals;
    let keys = totals
        .locker
        .as_ref()
        .map(|it| format!("{} held by {}", count(it.keys_held, "key"), it.holders));
    let pages = totals.netmem.as_ref().map(|it| {
        let pages = format!("{} held by {}", count(it.pages_held, "page"), it.holders);
        match it.waiters {
            0 => pages,
            waiters => format!("{pages}, {} waited for by {waiters}", it.pages_waited_for),
        }
    });
    let all: Vec<String> = keys.into_iter().chain(pages).collect();
    if all.is_empty() { "none are served".to_owned() } else { all.join("; ") }
}
