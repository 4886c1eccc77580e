//! [`RwLock`]: the value, and the only unsafe code of the crate.
//!
//! Leaves out how threads agree on who is in: see [`RawLock`]. What the unsafe blocks rest on is its
//! promise: between `enter_read` and `leave_read` no writer is in; between `enter_write` and
//! `leave_write` nobody else is; and who enters sees all that was done before whoever left.

#![expect(unsafe_code, reason = "a lock shares its value through an UnsafeCell, and must be Sync")]

use crate::held::Held;
use crate::primitive::UnsafeCell;
use crate::queue::Preference;
use crate::raw::RawLock;
use core::fmt;

/// Many readers or one writer of a `T`, given to a closure for as long as it runs.
///
/// The policy and what a panic does are described [at the crate](crate). Keep the closures short:
/// whoever asks meanwhile blocks its thread. The lock is not reentrant: a closure that asks for the
/// same lock again may wait for itself for ever.
pub struct RwLock<T: ?Sized> {
    raw: RawLock,
    value: UnsafeCell<T>,
}

// SAFETY: `&RwLock<T>` gives `&T` to several threads at once, which needs `T: Sync`, and `&mut T` to
// one thread after another, by which a `T` can be moved between them, which needs `T: Send`.
unsafe impl<T: ?Sized + Send + Sync> Sync for RwLock<T> {}

impl<T> RwLock<T> {
    const_constructor! {
        /// A free lock around `value`; `const`, so that it can stand in a `static`.
        pub const fn new(value: T) -> Self {
            Self::with_preference(value, Preference::PhaseFair)
        }
    }

    const_constructor! {
        /// A free lock around `value` with another policy.
        pub const fn with_preference(value: T, preference: Preference) -> Self {
            Self { raw: RawLock::new(preference), value: UnsafeCell::new(value) }
        }
    }

    /// A lock with a defect.
    #[cfg(any(lock_loom, lock_shuttle))]
    #[must_use]
    pub fn with_defect(self, defect: Option<crate::Defect>) -> Self {
        Self { raw: self.raw.with_defect(defect), value: self.value }
    }

    /// Gives the value back. Nobody else can hold the lock, since `self` is owned.
    pub fn into_inner(self) -> T {
        self.value.into_inner()
    }
}

impl<T: ?Sized> RwLock<T> {
    /// Runs `look` beside other readers, when it is this thread's turn (rules 1 to 3).
    #[inline]
    pub fn read<R>(&self, look: impl FnOnce(&T) -> R) -> R {
        self.raw.enter_read();
        self.look(look)
    }

    /// Runs `change` alone, when it is this thread's turn (rules 1 and 4).
    #[inline]
    pub fn write<R>(&self, change: impl FnOnce(&mut T) -> R) -> R {
        self.raw.enter_write();
        self.change(change)
    }

    /// Like [`read`](Self::read), but never waits: `None`, and `look` does not run, when a writer is
    /// in or waits.
    #[inline]
    pub fn try_read<R>(&self, look: impl FnOnce(&T) -> R) -> Option<R> {
        self.raw.try_enter_read().then(|| self.look(look))
    }

    /// Like [`write`](Self::write), but never waits: `None`, and `change` does not run, when anybody
    /// is in, or while a reader that has just found the lock closed turns away.
    #[inline]
    pub fn try_write<R>(&self, change: impl FnOnce(&mut T) -> R) -> Option<R> {
        self.raw.try_enter_write().then(|| self.change(change))
    }

    /// Whether a closure has panicked in [`write`](Self::write) or [`try_write`](Self::try_write):
    /// the value may be half changed. The lock works as ever.
    pub fn is_poisoned(&self) -> bool {
        self.raw.is_poisoned()
    }

    /// Forgets that a writer panicked: for whoever has looked at the value, and put it in order.
    pub fn clear_poison(&self) {
        self.raw.clear_poison();
    }

    /// The value without locking: the exclusive borrow is proof enough.
    pub fn get_mut(&mut self) -> &mut T {
        // SAFETY: `&mut self` rules out every other borrow of the lock, and so every closure that
        // is running. The answer borrows from `self`, so none can start while it lives.
        self.value.with_mut(|value| unsafe { &mut *value })
    }

    /// The part of a read in which the lock is held; the caller has just entered as a reader.
    #[inline]
    fn look<R>(&self, look: impl FnOnce(&T) -> R) -> R {
        let _held = ReadHeld { raw: &self.raw, _counted: Held::new() };
        // SAFETY: this thread is in as a reader until `_held` is dropped, which comes after this
        // line, also if `look` panics. Until then no writer is in, so nobody makes a `&mut T`. The
        // reference cannot outlive the call: `look` must take one of any lifetime.
        self.value.with(|value| look(unsafe { &*value }))
    }

    /// The part of a write in which the lock is held; the caller has just entered as the writer.
    #[inline]
    fn change<R>(&self, change: impl FnOnce(&mut T) -> R) -> R {
        let mut held = WriteHeld { raw: &self.raw, panicked: true, _counted: Held::new() };
        // SAFETY: this thread is in as the writer until `held` is dropped, which comes after this
        // line, also if `change` panics. Until then nobody else is in, so this is the only reference
        // to the value. It cannot outlive the call: `change` must take one of any lifetime.
        let result = self.value.with_mut(|value| change(unsafe { &mut *value }));
        held.panicked = false;
        result
    }
}

/// Waiting in two halves, for models that must know who lined up before whom.
#[cfg(any(lock_loom, lock_shuttle))]
impl<T: ?Sized> RwLock<T> {
    /// Lines up as a reader. `None`: the lock was open, and this thread is in for ever.
    pub fn start_read(&self) -> Option<crate::Turn> {
        self.raw.start_read()
    }

    /// Lines up as a writer. `None`: the lock was free, and this thread is in for ever.
    pub fn start_write(&self) -> Option<crate::Turn> {
        self.raw.start_write()
    }

    /// Reads when it is the turn of the place that [`start_read`](Self::start_read) took.
    #[expect(clippy::needless_pass_by_value, reason = "a turn is used once")]
    pub fn finish_read<R>(&self, turn: crate::Turn, look: impl FnOnce(&T) -> R) -> R {
        self.raw.finish_read(&turn);
        self.look(look)
    }

    /// Writes when it is the turn of the place that [`start_write`](Self::start_write) took.
    #[expect(clippy::needless_pass_by_value, reason = "a turn is used once")]
    pub fn finish_write<R>(&self, turn: crate::Turn, change: impl FnOnce(&mut T) -> R) -> R {
        self.raw.finish_write(&turn);
        self.change(change)
    }
}

/// What a panic does to the lock, without the panic. Under loom all threads run on one thread of the
/// system: while one of them unwinds, the std mutexes inside loom's believe that all do.
#[cfg(any(lock_loom, lock_shuttle))]
impl<T: ?Sized> RwLock<T> {
    /// Writes, and leaves as an unwinding closure does.
    pub fn write_and_unwind(&self, change: impl FnOnce(&mut T)) {
        self.raw.enter_write();
        let _held = WriteHeld { raw: &self.raw, panicked: true, _counted: Held::new() };
        // SAFETY: as in `change`; `_held` is dropped after this line.
        self.value.with_mut(|value| change(unsafe { &mut *value }));
    }
}

/// Leaves as a reader when dropped: at the end of the closure, or as it unwinds.
struct ReadHeld<'a> {
    raw: &'a RawLock,
    _counted: Held,
}

impl Drop for ReadHeld<'_> {
    #[inline]
    fn drop(&mut self) {
        self.raw.leave_read();
    }
}

/// Leaves as the writer when dropped: at the end of the closure, or as it unwinds.
struct WriteHeld<'a> {
    raw: &'a RawLock,
    panicked: bool,
    _counted: Held,
}

impl Drop for WriteHeld<'_> {
    #[inline]
    fn drop(&mut self) {
        if self.panicked {
            self.raw.poison();
            if broken!(self.raw, PanicKeepsLock) {
                return;
            }
        }
        self.raw.leave_write();
    }
}

impl<T: Default> Default for RwLock<T> {
    fn default() -> Self {
        Self::new(T::default())
    }
}

impl<T: ?Sized> fmt::Debug for RwLock<T> {
    /// Does not look inside: printing must not wait for a lock.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RwLock").finish_non_exhaustive()
    }
}

#[cfg(all(test, not(any(lock_loom, lock_shuttle))))]
mod tests;
