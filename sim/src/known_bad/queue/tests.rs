//! The lock's policy, and that each flaw is against it.

use std::pin::pin;
use std::rc::Rc;
use std::task::{Context, Waker};

use super::{Guard, KnownBad, Lock, Turn, Want};

fn poll(turn: &mut Turn) -> Option<Guard> {
    let mut context = Context::from_waker(Waker::noop());
    match pin!(turn).poll(&mut context) {
        std::task::Poll::Ready(guard) => Some(guard),
        std::task::Poll::Pending => None,
    }
}

/// Takes turns in order; says who is in at once.
fn turns(lock: &Rc<Lock>, wants: &[Want]) -> Vec<(Turn, Option<Guard>)> {
    wants
        .iter()
        .map(|want| {
            let mut turn = lock.turn(*want);
            let guard = poll(&mut turn);
            (turn, guard)
        })
        .collect()
}

/// Who is in now: true for each turn that has its guard.
fn inside(turns: &mut [(Turn, Option<Guard>)]) -> Vec<bool> {
    for (turn, guard) in turns.iter_mut().filter(|(turn, _)| !turn.is_taken) {
        *guard = poll(turn);
    }
    turns.iter().map(|(_, guard)| guard.is_some()).collect()
}

use Want::{Read, Write};

#[test]
fn a_waiting_writer_keeps_new_readers_out() {
    for (flaw, reader_is_in) in [(KnownBad::K00, false), (KnownBad::K11, true)] {
        let mut turns = turns(&Lock::new(flaw), &[Read, Write, Read]);
        assert_eq!(inside(&mut turns), [true, false, reader_is_in], "{flaw:?}");
    }
}

#[test]
fn a_leaving_writer_lets_all_readers_in_that_wait() {
    let after = |flaw| {
        let mut turns = turns(&Lock::new(flaw), &[Write, Read, Write, Read]);
        turns[0].1 = None;
        inside(&mut turns)
    };
    assert_eq!(after(KnownBad::K00), [false, true, false, true]);
    assert_eq!(after(KnownBad::K09), [false, true, false, false]);
    assert_eq!(after(KnownBad::K12), [false, false, true, false]);
}

#[test]
fn the_last_reader_lets_the_first_writer_in() {
    let after = |flaw| {
        let mut turns = turns(&Lock::new(flaw), &[Read, Read, Write, Write]);
        turns[0].1 = None;
        assert_eq!(inside(&mut turns), [false, true, false, false]);
        turns[1].1 = None;
        inside(&mut turns)
    };
    assert_eq!(after(KnownBad::K00), [false, false, true, false]);
    assert_eq!(after(KnownBad::K10), [false, false, false, false]);
    assert_eq!(after(KnownBad::K13), [false, false, false, true]);
}

#[test]
fn readers_behind_a_writer_that_gives_up_enter_at_once() {
    let after = |flaw| {
        let mut turns = turns(&Lock::new(flaw), &[Read, Write, Read]);
        turns.remove(1);
        inside(&mut turns)
    };
    assert_eq!(after(KnownBad::K00), [true, true]);
    assert_eq!(after(KnownBad::K07), [true, false]);
}

#[test]
fn a_turn_that_is_given_up_when_it_comes_passes_on() {
    let after = |flaw| {
        let mut turns = turns(&Lock::new(flaw), &[Write, Write, Write]);
        turns[0].1 = None;
        // The second is in, and does not know it yet.
        turns.remove(1);
        inside(&mut turns)
    };
    assert_eq!(after(KnownBad::K00), [false, true]);
    assert_eq!(after(KnownBad::K08), [false, false]);
}

#[test]
fn a_guard_that_is_lost_keeps_everybody_out() {
    let lock = Lock::new(KnownBad::K15);
    let mut turns = turns(&lock, &[Write, Read]);
    turns[0].1.take().expect("it is in").lose();
    assert_eq!(inside(&mut turns), [false, false]);
}

#[test]
fn a_second_release_lets_two_writers_in() {
    let lock = Lock::new(KnownBad::K14);
    let mut turns = turns(&lock, &[Write, Write]);
    lock.release_again();
    assert_eq!(inside(&mut turns), [true, true]);
}
