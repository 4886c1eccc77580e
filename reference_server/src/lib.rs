//! The reference server: sockets and tasks around the pure state machines.
//!
//! [`serve()`] runs one [`Protocol`] on one [`Listener`], and is the same function on tokio's sockets
//! and under a simulator. Bytes travel like this: read what is there into a bounded buffer, execute
//! every whole frame, write once, after all locks are gone. What a command means stands in
//! `lockproof-state-machine`, what its bytes are in `lockproof-protocol`.
//!
//! [`Server`] is what the command line runs: an address per protocol. [`Embedded`] is what tests
//! run: all protocols on ephemeral loopback ports inside the process.

mod budget;
mod clock;
mod config;
mod connection;
mod counters;
mod deadline;
mod embedded;
mod input;
mod launch;
mod listener;
mod mailbox;
mod mark;
mod metrics;
mod observe;
mod operator;
mod output;
mod peer;
mod private;
pub mod protocols;
mod roster;
mod serve;
pub mod server;
mod session;
pub mod sessions;
mod spare;
mod spawn;
mod spin;
mod tls;
mod token;
mod unix;
mod users;

pub use budget::Budget;
pub use clock::Clock;
pub use config::{BUFFER_BYTES_MAX, ConnectionConfig};
pub use counters::{Counters, Ending};
pub use embedded::{Embedded, EmbeddedConfig, SASL_PASSWORD, SASL_USER};
pub use listener::{Listener, SocketOptions, TcpAcceptor, bind};
pub use mark::{MARK_TARGET, Mark};
pub use output::{Output, SHARED_BYTES_MIN};
pub use peer::{Inherited, InheritedSockets, Listen, Peer};
pub use protocols::{
    Echo, EchoMode, Locker, LockerConfig, Memcached, MemcachedConfig, NetMem, NetMemConfig, Speaks,
};
pub use roster::Roster;
pub use serve::serve;
pub use server::{Addresses, Server, ServerConfig};
pub use session::{Protocol, Session, Step};
pub use spawn::{Spawn, TokioSpawn};
pub use spin::{SPIN, Spin};
pub use tls::{HANDSHAKE_DEADLINE, Tls, TlsFiles, TlsIo, TlsListener};
pub use token::{Token, read_token};
pub use users::{Users, read_credentials};

// What the configurations are made of, so that a program needs no other crate to fill them in.
pub use lockproof_protocol::locker::{Dialect, Layout, Limits as LockerLimits, Results};
pub use lockproof_state_machine::locks::Config as LocksConfig;
pub use lockproof_state_machine::sasl::Credentials;
