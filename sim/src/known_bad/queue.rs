//! The flawed servers' lock: async, writers preferred, readers that waited while a writer was in enter before the next
//! writer. Right until a flaw that concerns it is switched on.
//!
//! While nobody is in it, nobody waits; whoever leaves hands it over. It guards nothing by itself: who is in it may use
//! the table, and a flaw here does not make the program unsound.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use tokio::sync::oneshot;

use super::KnownBad;

/// What somebody wants in the lock.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Want {
    Read,
    Write,
}

impl Want {
    /// In recordings.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Write => "write",
        }
    }
}

/// The lock.
#[derive(Debug)]
pub(super) struct Lock {
    flaw: KnownBad,
    state: RefCell<State>,
}

#[derive(Debug, Default)]
struct State {
    readers: usize,
    is_written: bool,
    writers_waiting: usize,
    queue: VecDeque<Waiter>,
    next_ticket: u64,
}

#[derive(Debug)]
struct Waiter {
    ticket: u64,
    want: Want,
    tell: oneshot::Sender<()>,
}

/// Somebody is in the lock, until this is dropped.
#[derive(Debug)]
pub(super) struct Guard {
    lock: Rc<Lock>,
    want: Want,
}

/// A place in the queue: a future that ends when its turn has come. Dropped before, it is given up.
#[derive(Debug)]
pub(super) struct Turn {
    lock: Rc<Lock>,
    want: Want,
    ticket: u64,
    told: oneshot::Receiver<()>,
    is_taken: bool,
}

impl Lock {
    pub(super) fn new(flaw: KnownBad) -> Rc<Self> {
        Rc::new(Self { flaw, state: RefCell::default() })
    }

    /// A place in the queue, or the lock at once.
    pub(super) fn turn(self: &Rc<Self>, want: Want) -> Turn {
        let (tell, told) = oneshot::channel();
        let ticket = self.state.borrow_mut().arrive(self.flaw, want, tell);
        Turn { lock: Rc::clone(self), want, ticket, told, is_taken: false }
    }

    /// K14: whoever is in the lock loses it.
    pub(super) fn release_again(&self) {
        let is_written = self.state.borrow().is_written;
        self.leave(if is_written { Want::Write } else { Want::Read });
    }

    fn leave(&self, want: Want) {
        self.state.borrow_mut().leave(self.flaw, want);
    }
}

impl Guard {
    /// K15: nobody else gets in any more.
    pub(super) fn lose(self) {
        std::mem::forget(self);
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        self.lock.leave(self.want);
    }
}

impl Future for Turn {
    type Output = Guard;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Guard> {
        // The sender is in the queue as long as this is alive.
        if Pin::new(&mut self.told).poll(context).is_pending() {
            return Poll::Pending;
        }
        self.is_taken = true;
        Poll::Ready(Guard { lock: Rc::clone(&self.lock), want: self.want })
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        if self.is_taken {
            return;
        }
        let flaw = self.lock.flaw;
        if self.told.try_recv().is_err() {
            self.lock.state.borrow_mut().give_up(flaw, self.ticket);
        } else if flaw != KnownBad::K08 {
            self.lock.leave(self.want);
        }
    }
}

impl State {
    fn arrive(&mut self, flaw: KnownBad, want: Want, tell: oneshot::Sender<()>) -> u64 {
        let ticket = self.next_ticket;
        self.next_ticket += 1;
        let is_blocked = self.writers_waiting > 0;
        let may_enter = match want {
            Want::Read => !self.is_written && (!is_blocked || flaw == KnownBad::K11),
            Want::Write => !self.is_written && !is_blocked && self.readers == 0,
        };
        let waiter = Waiter { ticket, want, tell };
        if may_enter {
            self.enter(waiter);
            return ticket;
        }
        self.writers_waiting += usize::from(want == Want::Write);
        if flaw == KnownBad::K13 && want == Want::Write {
            self.queue.push_front(waiter);
        } else {
            self.queue.push_back(waiter);
        }
        ticket
    }

    fn enter(&mut self, Waiter { want, tell, .. }: Waiter) {
        match want {
            Want::Read => self.readers += 1,
            Want::Write => self.is_written = true,
        }
        // A waiter that is gone is in the queue under K08 only, and then the lock is lost.
        let _ = tell.send(());
    }

    fn leave(&mut self, flaw: KnownBad, want: Want) {
        if want == Want::Read {
            // K14 may have taken this reader's place away.
            self.readers = self.readers.saturating_sub(1);
            if self.readers == 0 && !self.is_written && flaw != KnownBad::K10 {
                self.admit_writer();
            }
            return;
        }
        self.is_written = false;
        if flaw == KnownBad::K12 && self.admit_writer() {
            return;
        }
        self.admit_readers(if flaw == KnownBad::K09 { 1 } else { usize::MAX });
        if self.readers == 0 {
            self.admit_writer();
        }
    }

    /// A waiter goes; those behind a writer that is gone need not wait for it.
    fn give_up(&mut self, flaw: KnownBad, ticket: u64) {
        let Some(at) = self.queue.iter().position(|waiter| waiter.ticket == ticket) else { return };
        if flaw == KnownBad::K08 {
            return;
        }
        let was_writer = self.queue.remove(at).is_some_and(|waiter| waiter.want == Want::Write);
        if !was_writer || flaw == KnownBad::K07 {
            return;
        }
        self.writers_waiting -= 1;
        if self.writers_waiting == 0 && !self.is_written {
            self.admit_readers(usize::MAX);
        }
    }

    fn admit_readers(&mut self, most: usize) {
        let (mut readers, writers): (VecDeque<Waiter>, VecDeque<Waiter>) =
            self.queue.drain(..).partition(|waiter| waiter.want == Want::Read);
        let late = readers.split_off(readers.len().min(most));
        self.queue = writers.into_iter().chain(late).collect();
        for reader in readers {
            self.enter(reader);
        }
    }

    fn admit_writer(&mut self) -> bool {
        let first = self.queue.iter().position(|waiter| waiter.want == Want::Write);
        let Some(writer) = first.and_then(|at| self.queue.remove(at)) else { return false };
        self.writers_waiting -= 1;
        self.enter(writer);
        true
    }
}

#[cfg(test)]
mod tests;
