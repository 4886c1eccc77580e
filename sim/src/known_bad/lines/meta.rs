//! Meta commands.

use bytes::Bytes;
use lockproof_state_machine::Now;

use super::Flaw;
use super::request::Request;
use super::table::{Item, Lines};

/// What came of a fetch, and the item as it is marked from then on.
struct Fetched {
    item: Item,
    /// The letters behind all flags.
    told: &'static str,
    /// Whether anything has changed.
    is_marked: bool,
}

/// `mg` that changes nothing; none if it would.
pub(super) fn look(table: &Lines, now: Now, request: &Request) -> Option<Vec<u8>> {
    match table.find(now, request.key()) {
        None if request.flag('N').is_some() => None,
        None => Some(miss(request)),
        Some(item) => {
            let Fetched { item, told, is_marked } = fetched(table, now, request, item.clone());
            (!is_marked).then(|| found(request, &item, told))
        }
    }
}

/// `mg`.
pub(super) fn fetch(table: &mut Lines, now: Now, request: &Request) -> Vec<u8> {
    let key = request.key();
    if let Some(item) = table.find(now, key) {
        let Fetched { item, told, is_marked } = fetched(table, now, request, item.clone());
        if is_marked {
            table.mark(key, item.clone());
        }
        return found(request, &item, told);
    }
    let Some(seconds) = request.flag_number('N') else { return miss(request) };
    let until = if table.has(Flaw::M07) { None } else { Lines::until(now, seconds) };
    let empty = Item { is_won: true, until, ..Item::default() };
    let cas = table.put(key, empty.clone());
    found(request, &Item { cas, ..empty }, if table.has(Flaw::M08) { " Z" } else { " W" })
}

fn fetched(table: &Lines, now: Now, request: &Request, item: Item) -> Fetched {
    let below = request.flag_number('R').unwrap_or_default();
    let is_due = item.until.is_some_and(|until| until.saturating_sub(now).as_secs() < below);
    let wins = (item.is_stale || is_due) && (!item.is_won || item.is_stale && table.has(Flaw::M01));
    let told = match (item.is_stale && !table.has(Flaw::M04), wins, item.is_won) {
        (true, true, _) => " X W",
        (true, false, _) => " Z X",
        (false, true, _) => " W",
        (false, false, true) => " Z",
        (false, false, false) => "",
    };
    let is_marked = wins && !item.is_won;
    Fetched { item: Item { is_won: item.is_won || wins, ..item }, told, is_marked }
}

fn miss(request: &Request) -> Vec<u8> {
    if request.flag('q').is_some() { Vec::new() } else { line("EN", request, None, "") }
}

fn found(request: &Request, item: &Item, told: &str) -> Vec<u8> {
    if request.flag('v').is_none() {
        return line("HD", request, Some(item), told);
    }
    let code = format!("VA {}", item.value.len());
    [&line(&code, request, Some(item), told)[..], &item.value, b"\r\n"].concat()
}

/// A code, and the flags that can be told.
fn line(code: &str, request: &Request, item: Option<&Item>, told: &str) -> Vec<u8> {
    let told_of = |flag: &str| match (flag.chars().next()?, item) {
        ('O', _) => Some(format!(" {flag}")),
        ('k', _) => Some(format!(" k{}", request.key())),
        ('c', Some(item)) => Some(format!(" c{}", item.cas)),
        ('f', Some(item)) => Some(format!(" f{}", item.flags)),
        _ => None,
    };
    let flags: String = request.flags().filter_map(told_of).collect();
    format!("{code}{flags}{told}\r\n").into_bytes()
}

/// `ms`, `md` and `ma`: what is said, and whether it is a success.
pub(super) fn change(table: &mut Lines, now: Now, request: &Request) -> (Vec<u8>, bool) {
    let old = table.find(now, request.key()).cloned();
    let done = match request.name() {
        "ms" => store(table, now, request, old),
        "md" => delete(table, now, request, old),
        _ => return count(table, now, request, old),
    };
    match done {
        Ok(item) => (line("HD", request, Some(&item), ""), true),
        Err(code) => (line(code, request, None, ""), false),
    }
}

fn store(
    table: &mut Lines,
    now: Now,
    request: &Request,
    old: Option<Item>,
) -> Result<Item, &'static str> {
    let value = request.block.clone().unwrap_or_default();
    let until = Lines::until(now, request.flag_number('T').unwrap_or_default());
    let stays = table.has(Flaw::M02) && old.as_ref().is_some_and(|old| old.is_stale);
    let fresh = Item { value, until, is_stale: stays, is_won: stays, ..Item::default() };
    let item = match (request.flag_number('C'), old) {
        (Some(_), None) => return Err("NF"),
        (Some(token), Some(old)) if !table.fits(&old, token) => {
            if request.flag('I').is_none() || token > old.cas {
                return Err("EX");
            }
            Item { value: fresh.value, is_stale: true, ..old }
        }
        _ => fresh,
    };
    let cas = table.put(request.key(), item.clone());
    Ok(Item { cas, ..item })
}

fn delete(
    table: &mut Lines,
    now: Now,
    request: &Request,
    old: Option<Item>,
) -> Result<Item, &'static str> {
    let Some(old) = old else { return Err("NF") };
    if request.flag_number('C').is_some_and(|token| !table.fits(&old, token)) {
        return Err("EX");
    }
    if request.flag('I').is_none() {
        table.remove(request.key());
        return Ok(old);
    }
    let until = request.flag_number('T').map_or(old.until, |seconds| Lines::until(now, seconds));
    let is_won = old.is_won && table.has(Flaw::M05);
    let item = Item { until, is_stale: true, is_won, ..old };
    table.put(request.key(), item.clone());
    Ok(item)
}

fn count(table: &mut Lines, now: Now, request: &Request, old: Option<Item>) -> (Vec<u8>, bool) {
    let number = match &old {
        Some(item) => Lines::counted(item, request.flag_number('D').unwrap_or(1)),
        None if request.flag('N').is_some() => request.flag_number('J').or(Some(0)),
        None => return (line("NF", request, None, ""), false),
    };
    let Some(number) = number else {
        let refused = b"CLIENT_ERROR cannot increment or decrement non-numeric value\r\n";
        return (refused.to_vec(), false);
    };
    let until = Lines::until(now, request.flag_number('N').unwrap_or_default());
    let old = old.unwrap_or(Item { until, ..Item::default() });
    let item = Item { value: Bytes::from(number.to_string()), ..old };
    let cas = table.put(request.key(), item.clone());
    (found(request, &Item { cas, ..item }, ""), true)
}
