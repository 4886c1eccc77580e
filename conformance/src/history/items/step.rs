//! What each request does to an item, and which outputs it can have then.

use std::sync::Arc;

use super::leases::{Mark, Marks};
use super::{Action, Item, Life, Mode, Reply, State, Win};

/// The state that follows, `None` if that output cannot be.
pub(super) fn step(state: &State, action: &Action, output: Option<&Reply>) -> Option<State> {
    match action {
        Action::Get => look(state, output),
        Action::Fetch { vivify, recache } => fetch(state, *vivify, *recache, output),
        Action::Touch { life } => touch(state, *life, output),
        Action::Store { mode: Mode::Add, value, flags, .. } => add(state, value, *flags, output),
        Action::Store { mode, value, flags, cas } => {
            let make = |old: Option<&Item>| stored(*mode, old, value, *flags);
            store(state, *cas, make, output)
        }
        Action::Refill { value, cas } => refill(state, value, *cas, output),
        Action::Invalidate { cas, life } => invalidate(state, *cas, *life, output),
        Action::Delete { cas } => delete(state, *cas, output),
        Action::Count { delta, down, initial } => count(state, (*delta, *down), *initial, output),
    }
}

fn look(state: &State, output: Option<&Reply>) -> Option<State> {
    match (&state.item, output?) {
        (None, Reply::Missing) => Some(state.clone()),
        (Some(item), Reply::Hit { value, flags, cas }) => {
            let same = item.value == *value && item.flags == *flags;
            same.then(|| seen(state, item, *cas)).flatten()
        }
        _ => None,
    }
}

/// The item's CAS is seen.
fn seen(state: &State, item: &Item, cas: Option<u64>) -> Option<State> {
    let may_be = match (item.cas, cas) {
        (Some(known), Some(cas)) => known == cas,
        (None, Some(_)) => cas != state.last,
        (_, None) => true,
    };
    let item = Item { cas: item.cas.or(cas), ..item.clone() };
    may_be.then_some(State { item: Some(item), last: cas.or(state.last) })
}

fn fetch(
    state: &State,
    vivify: Option<Life>,
    recache: bool,
    output: Option<&Reply>,
) -> Option<State> {
    let Some(item) = &state.item else { return fetch_nothing(state, vivify, output) };
    let Some(Reply::Fetched { value, flags, cas, is_stale, win }) = output else {
        // Without a reply, it did something if it may have won.
        let marks = item.marks.each(|mark| Some(mark.fetched(recache).1));
        let won = output.is_none() && marks != item.marks;
        return won.then(|| with(state, Item { marks, ..item.clone() }));
    };
    let same = item.value == *value && item.flags == *flags;
    let told = |mark: Mark| {
        let (its_win, next) = mark.fetched(recache);
        (its_win == *win && mark.is_stale == *is_stale).then_some(next)
    };
    let marks = item.marks.each(told).possible().filter(|_| same)?;
    seen(state, &Item { marks, ..item.clone() }, *cas)
}

/// N makes an empty item that is won at once (MCM-STA-01).
fn fetch_nothing(state: &State, vivify: Option<Life>, output: Option<&Reply>) -> Option<State> {
    let Some(life) = vivify else {
        return matches!(output, Some(Reply::Missing)).then(|| state.clone());
    };
    let marks = Marks::of(Mark { is_won: true, ends: life == Life::Ends, ..Mark::default() });
    let empty = Item { value: Arc::default(), flags: 0, cas: None, marks };
    match output {
        None => Some(with(state, empty)),
        Some(Reply::Fetched { value, flags: 0, cas, is_stale: false, win: Win::Won })
            if value.is_empty() =>
        {
            seen(state, &empty, *cas)
        }
        Some(_) => None,
    }
}

fn touch(state: &State, life: Life, output: Option<&Reply>) -> Option<State> {
    match (&state.item, output) {
        (None, Some(Reply::Missing)) => Some(state.clone()),
        (Some(item), Some(Reply::Touched) | None) => {
            let marks = item.marks.each(|mark| Some(Mark { ends: life == Life::Ends, ..mark }));
            Some(with(state, Item { marks, ..item.clone() }))
        }
        _ => None,
    }
}

fn add(state: &State, value: &Arc<[u8]>, flags: u32, output: Option<&Reply>) -> Option<State> {
    match (&state.item, output) {
        (Some(_), Some(Reply::Exists)) => Some(state.clone()),
        (None, Some(Reply::Stored { .. }) | None) => changed(state, fresh(value, flags), output),
        _ => None,
    }
}

fn fresh(value: &Arc<[u8]>, flags: u32) -> Item {
    let marks = Marks::of(Mark::default());
    Item { value: Arc::clone(value), flags, cas: None, marks }
}

/// What becomes of the item, and `None` if there has to be one. Whatever stores clears its marks (MCM-STA-11).
fn stored(mode: Mode, old: Option<&Item>, value: &Arc<[u8]>, flags: u32) -> Option<Item> {
    let joined = |parts: [&[u8]; 2], old: &Item| {
        let (value, marks) = (parts.concat().into(), old.marks.each(|mark| Some(cleared(mark))));
        Item { value, marks, ..old.clone() }
    };
    match (mode, old) {
        (Mode::Append, Some(old)) => Some(joined([&old.value, value], old)),
        (Mode::Prepend, Some(old)) => Some(joined([value, &old.value], old)),
        (Mode::Append | Mode::Prepend | Mode::Replace, None) => None,
        _ => Some(fresh(value, flags)),
    }
}

/// The life is kept, and nothing else.
fn cleared(mark: Mark) -> Mark {
    Mark { ends: mark.ends, ..Mark::default() }
}

fn store(
    state: &State,
    token: u64,
    make: impl Fn(Option<&Item>) -> Option<Item>,
    output: Option<&Reply>,
) -> Option<State> {
    let item = state.item.as_ref();
    let new = make(item).filter(|_| item.is_some() || token == 0);
    match (new, output) {
        (None, Some(Reply::Missing)) => Some(state.clone()),
        (Some(_), Some(Reply::Exists)) => refused(state, token),
        (Some(new), Some(Reply::Stored { .. }) | None) => {
            changed(&fitting(state, token)?, new, output)
        }
        _ => None,
    }
}

/// Of an older CAS the value is stale, and life and win are what they were (MCM-STA-13).
fn refill(state: &State, value: &Arc<[u8]>, token: u64, output: Option<&Reply>) -> Option<State> {
    let Some(item) = &state.item else {
        return matches!(output, Some(Reply::Missing)).then(|| state.clone());
    };
    // A CAS that nobody has seen is newer than the last one that somebody has.
    let is_old = state.last.is_some_and(|last| token <= last) && item.cas != Some(token);
    let may_be_equal = token != 0 && !is_old && item.cas.is_none_or(|cas| cas == token);
    let may_be_older = token != 0 && (is_old || item.cas.is_none());
    let may_be_newer = token == 0 || !is_old && item.cas != Some(token);
    let never = item.marks.each(|_| None);
    let plain = if may_be_equal { Marks::of(Mark::default()) } else { never };
    let aged = |mark| may_be_older.then_some(Mark { is_stale: true, ..mark });
    match output {
        Some(Reply::Exists) => may_be_newer.then(|| state.clone()),
        Some(Reply::Stored { .. }) | None => {
            let marks = plain.or(item.marks.each(aged)).possible()?;
            changed(state, Item { marks, ..fresh(value, 0) }, output)
        }
        Some(_) => None,
    }
}

/// It stays, is stale, and nobody has won; its CAS is another (MCM-STA-09, MCM-STA-11).
fn invalidate(
    state: &State,
    token: u64,
    life: Option<Life>,
    output: Option<&Reply>,
) -> Option<State> {
    match (&state.item, output) {
        (None, Some(Reply::Missing)) => Some(state.clone()),
        (Some(_), Some(Reply::Exists)) => refused(state, token),
        (Some(item), Some(Reply::Invalidated) | None) => {
            let ends = |mark: Mark| life.map_or(mark.ends, |life| life == Life::Ends);
            let marked = |mark| Some(Mark { is_stale: true, is_won: false, ends: ends(mark) });
            let item = Item { cas: None, marks: item.marks.each(marked), ..item.clone() };
            Some(with(&fitting(state, token)?, item))
        }
        _ => None,
    }
}

fn delete(state: &State, token: u64, output: Option<&Reply>) -> Option<State> {
    match (&state.item, output) {
        (None, Some(Reply::Missing)) => Some(state.clone()),
        (Some(_), Some(Reply::Exists)) => refused(state, token),
        (Some(_), Some(Reply::Deleted) | None) => {
            Some(State { item: None, ..fitting(state, token)? })
        }
        _ => None,
    }
}

fn count(
    state: &State,
    (delta, down): (u64, bool),
    initial: Option<u64>,
    output: Option<&Reply>,
) -> Option<State> {
    let item = state.item.as_ref();
    let counted = match item.map(|item| number(&item.value)) {
        Some(Some(number)) if down => number.saturating_sub(delta),
        Some(Some(number)) => number.wrapping_add(delta),
        Some(None) => {
            return matches!(output, Some(Reply::NotANumber)).then(|| state.clone());
        }
        None => match initial {
            Some(initial) => initial,
            None => return matches!(output, Some(Reply::Missing)).then(|| state.clone()),
        },
    };
    let value: Arc<[u8]> = counted.to_string().into_bytes().into();
    // Its marks may stay, or go as with any store (MCM-STA-12).
    let new = item.map_or_else(
        || fresh(&value, 0),
        |item| {
            let marks = item.marks.or(item.marks.each(|mark| Some(cleared(mark))));
            Item { marks, ..fresh(&value, item.flags) }
        },
    );
    match output {
        Some(Reply::Counted { value, .. }) if *value != counted => None,
        Some(Reply::Counted { .. }) | None => changed(state, new, output),
        _ => None,
    }
}

fn number(value: &[u8]) -> Option<u64> {
    let digits = value.iter().all(u8::is_ascii_digit);
    std::str::from_utf8(value).ok().filter(|_| digits)?.parse().ok()
}

/// A change gives the item another CAS (MCB-CAS-03).
fn changed(state: &State, new: Item, output: Option<&Reply>) -> Option<State> {
    let cas = match output {
        Some(Reply::Stored { cas } | Reply::Counted { cas, .. }) => *cas,
        _ => None,
    };
    seen(state, &Item { cas: None, ..new }, cas)
}

fn with(state: &State, item: Item) -> State {
    State { item: Some(item), ..*state }
}

/// 0x0002: the item has another CAS than that (MCB-CAS-04).
fn refused(state: &State, token: u64) -> Option<State> {
    let has = state.item.as_ref()?.cas == Some(token);
    (token != 0 && !has).then(|| state.clone())
}

/// The item has that CAS: from here on it has been seen.
fn fitting(state: &State, token: u64) -> Option<State> {
    if token == 0 {
        return Some(state.clone());
    }
    seen(state, state.item.as_ref()?, Some(token))
}
