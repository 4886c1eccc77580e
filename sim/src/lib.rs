//! The real server and clients in a simulated network and in virtual time, everything derived from a seed.
//!
//! A [`Run`](run::Run) is a server, a crowd of healthy clients, and victims to which a [`Plan`](plan::Plan) of faults
//! happens; its [`Outcome`](run::Outcome) is what did not hold. [`scenario`] has runs with a name, [`swarm`] draws them
//! from seeds, [`shrink`] makes a failing plan small. [`hazards`] are scenes of what lock services get wrong.
//! [`known_bad`] has servers that must be caught: a scenario that catches none of them proves nothing, and [`catch`] says
//! how many random runs each takes. [`conformance`] plays the judge's sessions in virtual time.
//!
//! [`marks`] says which places of the server were reached. [`record`] notes what happened for people to look at, [`story`] says it in a sentence,
//! [`timeline`] draws it.
//!
//! [`sweep`] runs a range of seeds, in processes that are [`watched`]; a [`report`] says what that came to, and of what build
//! ([`provenance`]).
//!
//! Below that: [`net`] has machines, and sockets that behave like a kernel's, and lets the production
//! [`serve`](lockproof_reference_server::serve) run here without knowing it; [`host`] has the deaths; [`seed`] and
//! [`trace`] are what makes a run repeatable, and shows that it is.

#[cfg(not(tokio_unstable))]
compile_error!(
    "the simulator needs `--cfg tokio_unstable` (set in .cargo/config.toml): without it tokio's scheduler cannot be \
     seeded, one seed gives different traces, and a panic in a task goes unnoticed. An exported RUSTFLAGS replaces \
     the setting: unset it."
);

mod account;
pub mod catch;
pub mod check;
pub mod config;
pub mod conformance;
pub mod hazards;
pub mod holder;
pub mod host;
pub mod known_bad;
pub mod marks;
pub mod matrix;
pub mod net;
mod outage;
mod panics;
pub mod plan;
pub mod provenance;
pub mod record;
pub mod report;
pub mod run;
pub mod scenario;
pub mod seed;
pub mod server;
pub mod shrink;
pub mod story;
pub mod subject;
pub mod swarm;
pub mod sweep;
pub mod timeline;
pub mod trace;
pub mod watched;
mod work;
