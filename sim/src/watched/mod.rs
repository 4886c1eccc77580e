//! Runs in processes of their own: a server can hang the simulator itself, and then somebody outside must see it.
//!
//! A [`Program`] starts a process that calls [`serve`]; a [`Judge`] has runs judged by one such process after another,
//! and [`sweep`](fn@sweep) has a range of seeds run by as many judges as there are jobs.

mod judge;
mod worker;

use std::ffi::OsString;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::Duration;

use crate::run::Run;
use crate::server::Server;
use crate::subject::Subject;
use crate::sweep::{self, Order, Swept};

pub use judge::Judge;
pub use worker::{Answer, serve};

/// A command whose process calls [`serve`].
#[derive(Clone, Debug)]
pub struct Program {
    /// The file.
    pub path: OsString,
    /// Its arguments.
    pub arguments: Vec<OsString>,
}

impl Program {
    fn command(&self) -> Command {
        let mut command = Command::new(&self.path);
        command.args(&self.arguments);
        command
    }
}

/// Ends a sweep from outside, the runs that are on their way included. Clones are one and the same.
#[derive(Clone, Debug, Default)]
pub struct Halt(Arc<AtomicBool>);

impl Halt {
    /// From now on nothing is begun, and what runs is killed. What comes back is worth nothing.
    pub fn call(&self) {
        self.0.store(true, Relaxed);
    }

    /// Whether somebody called.
    pub fn is_called(&self) -> bool {
        self.0.load(Relaxed)
    }
}

/// How runs are watched.
#[derive(Clone, Debug)]
pub struct Watch {
    /// Runs them.
    pub program: Program,
    /// What each may take of real time before it counts as hung.
    pub patience: Duration,
    /// Ends them all.
    pub halt: Halt,
}

/// Runs what is ordered, each job in a process of its own; after each run, `tell` hears how far it is, and which subject's
/// seed that was.
///
/// # Panics
///
/// If no process can be started.
pub fn sweep(
    order: &Order,
    server: Server,
    subjects: &[Subject],
    watch: &Watch,
    tell: impl Fn(&Swept, usize, u64) + Sync,
) -> Swept {
    let make = |subject: usize, seed| subjects[subject].with(server, seed);
    let judge = || {
        let mut judge = Judge::new(watch.clone());
        move |run: &Run| judge.outcome(run)
    };
    sweep::sweep(order, make, judge, tell)
}
