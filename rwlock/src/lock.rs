//! [`RwLock`]: many readers or one writer, by closure. Leaves out everything that hands out a guard.

use core::fmt;

/// Many readers or one writer of a `T`, given to a closure for as long as it runs.
///
/// Keep the closures short: whoever asks meanwhile blocks its thread. The lock is not reentrant: a
/// closure that asks for the same lock again may wait for itself for ever.
pub struct RwLock<T: ?Sized> {
    inner: parking_lot::RwLock<T>,
}

impl<T> RwLock<T> {
    /// A free lock around `value`; `const`, so that it can stand in a `static`.
    pub const fn new(value: T) -> Self {
        Self { inner: parking_lot::RwLock::new(value) }
    }

    /// Gives the value back. Nobody else can hold the lock, since `self` is owned.
    pub fn into_inner(self) -> T {
        self.inner.into_inner()
    }
}

impl<T: ?Sized> RwLock<T> {
    /// Runs `look` beside other readers, once no writer is in or, as a rule, waiting before it.
    pub fn read<R>(&self, look: impl FnOnce(&T) -> R) -> R {
        look(&self.inner.read())
    }

    /// Runs `change` alone.
    pub fn write<R>(&self, change: impl FnOnce(&mut T) -> R) -> R {
        change(&mut self.inner.write())
    }

    /// Like [`read`](Self::read), but never waits: `None`, and `look` does not run, when a writer is in.
    pub fn try_read<R>(&self, look: impl FnOnce(&T) -> R) -> Option<R> {
        self.inner.try_read().map(|guard| look(&guard))
    }

    /// Like [`write`](Self::write), but never waits: `None`, and `change` does not run, when anybody
    /// is in.
    pub fn try_write<R>(&self, change: impl FnOnce(&mut T) -> R) -> Option<R> {
        self.inner.try_write().map(|mut guard| change(&mut guard))
    }

    /// The value without locking: the exclusive borrow is proof enough.
    pub fn get_mut(&mut self) -> &mut T {
        self.inner.get_mut()
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

#[cfg(test)]
mod tests;
