//! Small histories of meta's leases, good and bad: of many that see a stale item one wins, and what follows from that.

use super::by_hand::{bad, good};
use super::server::bytes;
use super::support::{TimedOf, at};
use crate::history::items::{Action, Items, Life, Mode, Reply, Request, Win};

use Win::{Taken, Won};

type Call = TimedOf<Items>;

fn on(action: Action) -> Request {
    Request { key: b"k".to_vec(), action }
}

fn mg() -> Request {
    on(Action::Fetch { vivify: None, recache: false })
}

fn vivify() -> Request {
    on(Action::Fetch { vivify: Some(Life::Ends), recache: false })
}

fn recache() -> Request {
    on(Action::Fetch { vivify: None, recache: true })
}

fn ms(value: &str, cas: u64) -> Request {
    on(Action::Store { mode: Mode::Set, value: bytes(value), flags: 0, cas })
}

fn refill(value: &str, cas: u64) -> Request {
    on(Action::Refill { value: bytes(value), cas })
}

fn md_i(cas: u64) -> Request {
    on(Action::Invalidate { cas, life: None })
}

fn stored(cas: impl Into<Option<u64>>) -> Reply {
    Reply::Stored { cas: cas.into() }
}

fn told(value: &str, is_stale: bool, win: Win) -> Reply {
    Reply::Fetched { value: bytes(value), flags: 0, cas: None, is_stale, win }
}

fn fresh(value: &str) -> Reply {
    told(value, false, Win::None)
}

fn stale(value: &str, win: Win) -> Reply {
    told(value, true, win)
}

/// An item `a` with CAS 1 that is stale from 12 on, and these calls.
fn after_md_i(rest: &[Call]) -> Vec<Call> {
    let start = [at(1, 0, 1, ms("a", 0), stored(1)), at(1, 10, 12, md_i(0), Reply::Invalidated)];
    [&start[..], rest].concat()
}

fn md_i_holds(rest: &[Call]) {
    good(&Items, &after_md_i(rest));
}

fn md_i_breaks(rest: &[Call]) {
    bad(&Items, &after_md_i(rest));
}

#[test]
fn of_many_that_see_a_stale_item_one_wins() {
    let two = |first, second| {
        [at(2, 20, 30, mg(), stale("a", first)), at(3, 20, 30, mg(), stale("a", second))]
    };
    md_i_holds(&two(Won, Taken));
    md_i_holds(&two(Taken, Won));
    // Two winners, or none.
    md_i_breaks(&two(Won, Won));
    md_i_breaks(&two(Taken, Taken));
    md_i_breaks(&two(Win::None, Won));
    // Who comes behind a winner has lost.
    md_i_breaks(&[at(2, 20, 21, mg(), stale("a", Taken)), at(3, 30, 31, mg(), stale("a", Won))]);
}

#[test]
fn stale_value_is_told_to_be_one_and_a_fresh_one_is_not() {
    md_i_breaks(&[at(2, 20, 21, mg(), fresh("a"))]);
    md_i_breaks(&[at(2, 20, 21, mg(), told("a", false, Won))]);
    bad(&Items, &[at(1, 0, 1, ms("a", 0), stored(1)), at(2, 5, 6, mg(), stale("a", Won))]);
    // While it is marked, both may be seen, and the fresh one no more behind the stale one.
    let two =
        |first: Reply, second: Reply| [at(2, 10, 11, mg(), first), at(3, 20, 21, mg(), second)];
    let start = [at(1, 0, 1, ms("a", 0), stored(1)), at(1, 5, 50, md_i(0), Reply::Invalidated)];
    good(&Items, &[&start[..], &two(fresh("a"), stale("a", Won))].concat());
    bad(&Items, &[&start[..], &two(stale("a", Won), fresh("a"))].concat());
    // GET says nothing of it, and takes no win.
    let get = Reply::Hit { value: bytes("a"), flags: 0, cas: Some(2) };
    md_i_holds(&[at(2, 20, 21, on(Action::Get), get), at(2, 22, 23, mg(), stale("a", Won))]);
}

#[test]
fn marks_last_until_a_store_and_no_longer() {
    let refilled = at(2, 30, 31, ms("b", 0), stored(5));
    md_i_holds(&[
        at(2, 20, 21, mg(), stale("a", Won)),
        refilled.clone(),
        at(3, 40, 41, mg(), fresh("b")),
    ]);
    md_i_breaks(&[refilled.clone(), at(3, 40, 41, mg(), stale("b", Won))]);
    md_i_breaks(&[refilled, at(3, 40, 41, mg(), told("b", false, Taken))]);
    // Joined is stored as well.
    let append = on(Action::Store { mode: Mode::Append, value: bytes("b"), flags: 0, cas: 0 });
    md_i_holds(&[at(2, 20, 21, append, stored(5)), at(3, 30, 31, mg(), fresh("ab"))]);
    // A count may clear them or not, and then it has.
    let count = on(Action::Count { delta: 1, down: false, initial: None });
    let counted = |rest: &[Call]| {
        let start = [
            at(1, 0, 1, ms("8", 0), stored(1)),
            at(1, 10, 12, md_i(0), Reply::Invalidated),
            at(1, 15, 16, count.clone(), Reply::Counted { value: 9, cas: Some(7) }),
        ];
        [&start[..], rest].concat()
    };
    let (cleared, kept) = (fresh("9"), stale("9", Won));
    good(&Items, &counted(&[at(2, 20, 21, mg(), cleared.clone())]));
    good(&Items, &counted(&[at(2, 20, 21, mg(), kept.clone())]));
    bad(&Items, &counted(&[at(2, 20, 21, mg(), cleared), at(2, 30, 31, mg(), kept)]));
}

#[test]
fn lost_win_comes_back_with_another_mark() {
    // The winner died: its fetch may have happened, and whoever comes later has lost, or wins.
    let dead = at(2, 20, 0, mg(), None);
    md_i_holds(&[dead.clone(), at(3, 30, 31, mg(), stale("a", Taken))]);
    md_i_holds(&[dead.clone(), at(3, 30, 31, mg(), stale("a", Won))]);
    let again = at(4, 40, 41, md_i(0), Reply::Invalidated);
    let lost = at(3, 30, 31, mg(), stale("a", Taken));
    md_i_holds(&[dead.clone(), lost.clone(), again.clone(), at(3, 50, 51, mg(), stale("a", Won))]);
    md_i_breaks(&[
        at(2, 20, 21, mg(), stale("a", Won)),
        lost,
        again,
        at(3, 50, 51, mg(), stale("a", Taken)),
    ]);
    // Without a mark nobody can have taken the win but the one who died.
    md_i_breaks(&[at(3, 30, 31, mg(), stale("a", Taken))]);
}

#[test]
fn cas_from_before_the_mark_stores_only_as_stale() {
    md_i_holds(&[at(2, 20, 21, ms("b", 1), Reply::Exists)]);
    md_i_breaks(&[at(2, 20, 21, ms("b", 1), stored(5))]);
    md_i_holds(&[at(2, 20, 21, md_i(1), Reply::Exists)]);
    md_i_breaks(&[at(2, 20, 21, md_i(1), Reply::Invalidated)]);
    let old = at(2, 20, 21, refill("b", 1), stored(5));
    md_i_holds(&[old.clone(), at(3, 30, 31, mg(), stale("b", Won))]);
    md_i_breaks(&[old, at(3, 30, 31, mg(), fresh("b"))]);
    // It is older, and so it is no reason to refuse.
    md_i_breaks(&[at(2, 20, 21, refill("b", 1), Reply::Exists)]);
}

#[test]
fn refill_is_plain_with_the_items_cas_stale_with_an_older_and_refused_with_a_newer() {
    let with = |rest: &[Call]| [&[at(1, 0, 1, ms("a", 0), stored(7))], rest].concat();
    let filled = |cas| at(2, 10, 11, refill("b", cas), stored(9));
    good(&Items, &with(&[filled(7), at(3, 20, 21, mg(), fresh("b"))]));
    bad(&Items, &with(&[filled(7), at(3, 20, 21, mg(), stale("b", Won))]));
    good(&Items, &with(&[filled(6), at(3, 20, 21, mg(), stale("b", Won))]));
    bad(&Items, &with(&[filled(8)]));
    good(&Items, &with(&[at(2, 10, 11, refill("b", 8), Reply::Exists)]));
    bad(&Items, &with(&[at(2, 10, 11, refill("b", 7), Reply::Exists)]));
    bad(&Items, &[at(2, 10, 11, refill("b", 7), stored(9))]);
    // Nobody saw what the item's was: either, until the next fetch tells.
    let unseen = |rest: &[Call]| [&[at(1, 0, 1, ms("a", 0), stored(None))], rest].concat();
    let fetched = |from, reply| at(3, from, from + 1, mg(), reply);
    good(&Items, &unseen(&[filled(6), fetched(20, fresh("b")), fetched(30, fresh("b"))]));
    good(&Items, &unseen(&[filled(6), fetched(20, stale("b", Won))]));
    bad(&Items, &unseen(&[filled(6), fetched(20, fresh("b")), fetched(30, stale("b", Won))]));
    // A win that is spent stays so.
    md_i_holds(&[
        at(2, 20, 21, mg(), stale("a", Won)),
        at(3, 30, 31, refill("b", 1), stored(9)),
        at(2, 40, 41, mg(), stale("b", Taken)),
    ]);
}

#[test]
fn of_many_that_vivify_one_wins_until_the_item_is_stored() {
    let empty = |win| told("", false, win);
    let two =
        |first, second| [at(1, 0, 9, vivify(), empty(first)), at(2, 0, 9, vivify(), empty(second))];
    good(&Items, &two(Won, Taken));
    bad(&Items, &two(Won, Won));
    bad(&Items, &two(Taken, Taken));
    bad(&Items, &[at(1, 0, 1, vivify(), Reply::Missing)]);
    let with = |rest: &[Call]| [&two(Won, Taken)[..], rest].concat();
    good(&Items, &with(&[at(3, 20, 21, mg(), empty(Taken))]));
    bad(&Items, &with(&[at(3, 20, 21, mg(), empty(Win::None))]));
    bad(&Items, &with(&[at(3, 20, 21, mg(), Reply::Missing)]));
    let filled = at(1, 20, 21, ms("a", 0), stored(5));
    good(&Items, &with(&[filled.clone(), at(3, 30, 31, vivify(), fresh("a"))]));
    bad(&Items, &with(&[filled, at(3, 30, 31, vivify(), empty(Taken))]));
    // The stub is an item: it is no number, and ADD finds it.
    let add = on(Action::Store { mode: Mode::Add, value: bytes("a"), flags: 0, cas: 0 });
    good(&Items, &with(&[at(3, 20, 21, add.clone(), Reply::Exists)]));
    bad(&Items, &with(&[at(3, 20, 21, add, stored(9))]));
}

#[test]
fn recache_wins_of_items_that_end() {
    let touch = |life| at(1, 5, 6, on(Action::Touch { life }), Reply::Touched);
    let with = |life, rest: &[Call]| {
        [&[at(1, 0, 1, ms("a", 0), stored(1)), touch(life)][..], rest].concat()
    };
    let first = |win| at(2, 10, 11, recache(), told("a", false, win));
    good(&Items, &with(Life::Ends, &[first(Won), at(3, 20, 21, mg(), told("a", false, Taken))]));
    bad(&Items, &with(Life::Ends, &[first(Win::None)]));
    bad(&Items, &with(Life::Ends, &[first(Won), at(3, 20, 21, recache(), told("a", false, Won))]));
    good(&Items, &with(Life::ForEver, &[first(Win::None)]));
    bad(&Items, &with(Life::ForEver, &[first(Won)]));
    // Nobody asked for it.
    good(&Items, &with(Life::Ends, &[at(3, 20, 21, mg(), fresh("a"))]));
}

/// Text tells no CAS with a store; that it is another one is known all the same (MCT-CAS-01, MCT-CAS-06).
#[test]
fn cas_that_was_used_up_fits_no_more() {
    let seen = Reply::Hit { value: bytes("a"), flags: 0, cas: Some(5) };
    let with = |rest: &[Call]| {
        let start =
            [at(1, 0, 1, ms("a", 0), stored(None)), at(1, 5, 6, on(Action::Get), seen.clone())];
        [&start[..], rest].concat()
    };
    let both = |second| {
        with(&[at(2, 10, 20, ms("b", 5), stored(None)), at(3, 10, 20, ms("c", 5), second)])
    };
    good(&Items, &both(Reply::Exists));
    bad(&Items, &both(stored(None)));
    let again = |second| {
        let deleted = at(2, 10, 11, on(Action::Delete { cas: 0 }), Reply::Deleted);
        with(&[deleted, at(2, 20, 21, ms("b", 0), stored(None)), at(3, 30, 31, ms("c", 5), second)])
    };
    good(&Items, &again(Reply::Exists));
    bad(&Items, &again(stored(None)));
}
