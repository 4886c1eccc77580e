//! Where atomics, mutexes and cells come from: std, or the checker that this build is for.
//!
//! Leaves out threads: the lock starts none.

#[cfg(lock_loom)]
pub(crate) use loom::{
    cell::UnsafeCell,
    sync::{
        Condvar, Mutex, MutexGuard,
        atomic::{AtomicBool, AtomicUsize},
    },
};
#[cfg(lock_shuttle)]
pub(crate) use shuttle::sync::{
    Condvar, Mutex, MutexGuard,
    atomic::{AtomicBool, AtomicUsize},
};
#[cfg(not(any(lock_loom, lock_shuttle)))]
pub(crate) use std::sync::{
    Condvar, Mutex, MutexGuard,
    atomic::{AtomicBool, AtomicUsize},
};
pub(crate) use std::sync::{PoisonError, atomic::Ordering};

/// std's cell behind the calls of loom's, which follows each access from its begin to its end.
#[cfg(not(lock_loom))]
#[derive(Debug)]
pub(crate) struct UnsafeCell<T: ?Sized>(std::cell::UnsafeCell<T>);

#[cfg(not(lock_loom))]
impl<T> UnsafeCell<T> {
    pub(crate) const fn new(value: T) -> Self {
        Self(std::cell::UnsafeCell::new(value))
    }

    pub(crate) fn into_inner(self) -> T {
        self.0.into_inner()
    }
}

#[cfg(not(lock_loom))]
impl<T: ?Sized> UnsafeCell<T> {
    #[inline]
    pub(crate) fn with<R>(&self, access: impl FnOnce(*const T) -> R) -> R {
        access(self.0.get())
    }

    #[inline]
    pub(crate) fn with_mut<R>(&self, access: impl FnOnce(*mut T) -> R) -> R {
        access(self.0.get())
    }
}

/// A `const fn`, but a plain one under the checkers: their atomics register themselves when made.
macro_rules! const_constructor {
    ($(#[$meta:meta])* $visibility:vis const fn $($rest:tt)*) => {
        $(#[$meta])*
        #[cfg(not(any(lock_loom, lock_shuttle)))]
        $visibility const fn $($rest)*

        $(#[$meta])*
        #[cfg(any(lock_loom, lock_shuttle))]
        $visibility fn $($rest)*
    };
}

/// Whether the lock under test has this defect; in every other build, no.
#[cfg(any(lock_loom, lock_shuttle))]
macro_rules! broken {
    ($lock:expr, $defect:ident) => {
        $lock.defect == Some(crate::defect::Defect::$defect)
    };
}
#[cfg(not(any(lock_loom, lock_shuttle)))]
macro_rules! broken {
    ($lock:expr, $defect:ident) => {{
        let _ = &$lock;
        false
    }};
}

/// The memory order, or Relaxed if the lock has this defect.
macro_rules! order {
    ($lock:expr, $order:ident, $defect:ident) => {
        if broken!($lock, $defect) { Ordering::Relaxed } else { Ordering::$order }
    };
}
