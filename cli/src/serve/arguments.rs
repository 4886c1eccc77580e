//! What can be asked of `lockproof serve`.

#![allow(clippy::doc_markdown, reason = "these comments are printed in a terminal")]

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, ValueEnum};
use lockproof_reference_server::Listen;

use crate::arguments::{EchoMode, Layout, Protocol, Results, duration, size};
use crate::exit::CODES;

const GATE: &str = "Who gets in";
const LIMITS: &str = "Limits";

/// Run the reference server
///
/// When its ports are open it prints one JSON line on stdout; the log goes to stderr:
///
///   {"ready":true,"listen":{"memcached":"127.0.0.1:11211","netmem":"127.0.0.1:10001",...}}
///
/// SIGTERM or Ctrl-C: it stops accepting, lets connections finish (5 seconds at most), and exits
/// with 0. A second signal ends it at once. SIGHUP: it reads certificates, users and the token
/// again, for connections that come from then on; if a file is wrong, it says so and all stays as it
/// was.
///
/// -m, -I, -c, -t and -B mean what they mean to memcached.
///
///   lockproof serve --only memcached --memcached 127.0.0.1:0
///   lockproof serve --only netmem,locker --pages 64
///   lockproof serve --only memcached --memcached unix:///run/lockproof.sock --unix-mode 660
///   lockproof serve --tls-cert server.pem --tls-key server.key --sasl-file users.txt
///   lockproof serve --http 127.0.0.1:9150 --log-format json       (and then: lockproof top)
#[derive(Args, Debug)]
#[command(verbatim_doc_comment, after_long_help = CODES)]
pub(crate) struct Serve {
    /// Only these protocols, separated by commas [default: all four]
    #[arg(long, value_name = "PROTOCOL", value_delimiter = ',')]
    pub(crate) only: Vec<Protocol>,
    /// Where memcached listens: an address (port 0 takes a free one, and the ready line tells which), or unix:///PATH
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:11211", value_parser = listen)]
    pub(crate) memcached: Listen,
    /// Where NetMem listens
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:10001", value_parser = listen)]
    pub(crate) netmem: Listen,
    /// Where Locker listens
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:10002", value_parser = listen)]
    pub(crate) locker: Listen,
    /// Where echo listens
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:9999", value_parser = listen)]
    pub(crate) echo: Listen,
    /// Addresses of other machines are meant: no warning about them
    #[arg(long, help_heading = GATE)]
    pub(crate) listen_public: bool,
    /// Certificate of the server, and those between it and its root (PEM); every TCP connection then begins with TLS
    #[arg(long, value_name = "FILE", requires = "tls_key", help_heading = GATE)]
    pub(crate) tls_cert: Option<PathBuf>,
    /// Key of that certificate (PEM)
    #[arg(long, value_name = "FILE", requires = "tls_cert", help_heading = GATE)]
    pub(crate) tls_key: Option<PathBuf>,
    /// Roots of the clients' certificates (PEM): nobody comes in without one
    #[arg(long, value_name = "FILE", requires = "tls_cert", help_heading = GATE)]
    pub(crate) tls_client_ca: Option<PathBuf>,
    /// memcached: SASL PLAIN users, as USER:PASSWORD lines; only the file's owner may be able to read it
    #[arg(long, value_name = "FILE", help_heading = GATE)]
    pub(crate) sasl_file: Option<PathBuf>,
    /// memcached: how long the answer to a wrong password waits
    #[arg(long, value_name = "TIME", default_value = "1s", value_parser = duration, help_heading = GATE)]
    pub(crate) auth_delay: Duration,
    /// --http: who sends the token in this file may end sessions; only the file's owner may be able to read it
    #[arg(long, value_name = "FILE", requires = "http", help_heading = GATE)]
    pub(crate) http_token_file: Option<PathBuf>,
    /// Permissions of Unix sockets, in octal
    #[arg(long, value_name = "MODE", default_value = "600", value_parser = mode, help_heading = GATE)]
    pub(crate) unix_mode: u32,
    /// memcached: item memory in megabytes; the least used items go when it is full
    #[arg(short = 'm', long, value_name = "MB", default_value_t = 64, value_parser = clap::value_parser!(u32).range(1..), help_heading = LIMITS)]
    pub(crate) memory_limit: u32,
    /// memcached: longest item, key and header included, in bytes or with k or m behind it
    #[arg(short = 'I', long, value_name = "SIZE", default_value = "1m", value_parser = size, help_heading = LIMITS)]
    pub(crate) max_item_size: usize,
    /// Connections of each protocol at once; one more is accepted and closed
    #[arg(short = 'c', long, value_name = "N", default_value_t = 10_000, value_parser = clap::value_parser!(u32).range(1..), help_heading = LIMITS)]
    pub(crate) conn_limit: u32,
    /// Worker threads [default: processors less one, at least 1]
    #[arg(short = 't', long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub(crate) threads: Option<u16>,
    /// Look for the next request for 50 µs after each, before sleeping (best with -t 1)
    ///
    /// Clearly increases what a single client gets that waits for each reply, on a machine that is otherwise idle. It
    /// costs up to 50 µs of processor time for a request that no other follows; after a few such in a row only one of 64 is.
    #[arg(long)]
    pub(crate) spin: bool,
    /// memcached: which of its protocols a connection may speak
    #[arg(short = 'B', long = "protocol", value_name = "PROTOCOL", value_enum, default_value_t = Speaks::Auto)]
    pub(crate) speaks: Speaks,
    /// NetMem: number of pages
    #[arg(long, value_name = "N", default_value_t = 16, value_parser = clap::value_parser!(u32).range(1..=1_048_576), help_heading = LIMITS)]
    pub(crate) pages: u32,
    /// NetMem: bytes per page
    #[arg(long, value_name = "N", default_value_t = 4096, value_parser = clap::value_parser!(u32).range(1..=16_777_216), help_heading = LIMITS)]
    pub(crate) page_length: u32,
    /// NetMem: sessions that may wait for one page; one more is closed, for no reply says "not now"
    #[arg(long, value_name = "N", default_value_t = 10_000, help_heading = LIMITS)]
    pub(crate) max_waiters: usize,
    /// Locker: layout of the request header
    #[arg(long, value_name = "LAYOUT", value_enum, default_value_t = Layout::Natural)]
    pub(crate) locker_layout: Layout,
    /// Locker: numbers of the outcomes
    #[arg(long, value_name = "RESULTS", value_enum, default_value_t = Results::Small)]
    pub(crate) locker_results: Results,
    /// Echo: what serves a client
    #[arg(long, value_name = "MODE", value_enum, default_value_t = EchoMode::Task)]
    pub(crate) echo_mode: EchoMode,
    /// Locker: keys held at the same time, over all sessions; each costs its own bytes and about 200 more
    #[arg(long, value_name = "N", default_value_t = 1_000_000, help_heading = LIMITS)]
    pub(crate) max_locks: usize,
    /// Locker: keys that one session may hold at the same time
    #[arg(long, value_name = "N", default_value_t = 65_536, help_heading = LIMITS)]
    pub(crate) max_locks_per_session: usize,
    /// Locker: bytes of a key
    #[arg(long, value_name = "N", default_value_t = 1024, help_heading = LIMITS)]
    pub(crate) max_key_length: usize,
    /// Locker: keys of a request
    #[arg(long, value_name = "N", default_value_t = 1024, help_heading = LIMITS)]
    pub(crate) max_keys_per_request: usize,
    /// Locker: a request's keys and the separators between them; a longer one is answered, and its connection closed
    #[arg(long, value_name = "SIZE", default_value = "1m", value_parser = size, help_heading = LIMITS)]
    pub(crate) max_request_size: usize,
    /// Memory of all connections together: requests that are not whole yet, and replies that nobody takes [default: 512m,
    /// or four times the longest item]
    ///
    /// When it is taken, a request that needs more is answered "out of memory" (memcached 0x0082, locker "too
    /// large"; NetMem closes), and a peer that does not take its replies is closed. 4 KiB of each direction of a connection are
    /// free. So the server needs at most: the item memory, all pages, the locks, this, and some 16 KiB for each
    /// connection; with TLS up to 64 KiB more.
    #[arg(long, value_name = "SIZE", value_parser = size, help_heading = LIMITS)]
    pub(crate) buffer_memory: Option<usize>,
    /// Replies of a connection that wait to be sent: nothing more is executed for it meanwhile. It can
    /// be passed by one reply
    #[arg(long, value_name = "SIZE", default_value = "128k", value_parser = size, help_heading = LIMITS)]
    pub(crate) output_limit: usize,
    /// Requests of a connection that are read ahead while it waits for a lock
    #[arg(long, value_name = "SIZE", default_value = "1m", value_parser = size, help_heading = LIMITS)]
    pub(crate) read_ahead: usize,
    /// A peer that does not take its replies in this time is closed, and what it held is freed
    #[arg(long, value_name = "TIME", default_value = "10s", value_parser = duration, help_heading = LIMITS)]
    pub(crate) write_deadline: Duration,
    /// A frame that has begun must be whole in this time [default: 60s, locker 10s]
    #[arg(long, value_name = "TIME", value_parser = duration, help_heading = LIMITS)]
    pub(crate) frame_deadline: Option<Duration>,
    /// A connection without a byte for this time is closed [default: never]
    #[arg(long, value_name = "TIME", value_parser = duration, help_heading = LIMITS)]
    pub(crate) idle_timeout: Option<Duration>,
    /// Tell /metrics (Prometheus), /sessions (who is there), /healthz and /readyz there, by HTTP; port 0 takes a free port
    #[arg(long, value_name = "ADDR")]
    pub(crate) http: Option<SocketAddr>,
    /// What is logged (stderr); RUST_LOG has the last word
    #[arg(long, value_name = "LEVEL", value_enum, default_value_t = LogLevel::Info)]
    pub(crate) log: LogLevel,
    /// How a line of the log is written
    #[arg(long, value_name = "FORMAT", value_enum, default_value_t = LogFormat::Text)]
    pub(crate) log_format: LogFormat,
    /// The same as --log debug; twice, --log trace
    #[arg(short, long, action = clap::ArgAction::Count, conflicts_with = "log")]
    pub(crate) verbose: u8,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum Speaks {
    /// What its first byte says: binary, or text and meta
    Auto,
    /// The binary protocol only
    Binary,
    /// Text and meta only
    Ascii,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum LogLevel {
    Error,
    Warn,
    Info,
    Debug,
    Trace,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum LogFormat {
    /// For people
    Text,
    /// An object a line: `span` says which session it is about
    Json,
}

fn listen(text: &str) -> Result<Listen, String> {
    if let Some(path) = text.strip_prefix("unix:") {
        let path = path.strip_prefix("//").unwrap_or(path);
        return if path.starts_with('/') {
            Ok(Listen::Unix(path.into()))
        } else {
            Err("the path of a Unix socket is absolute: unix:///run/lockproof.sock".to_owned())
        };
    }
    let wrong = |_| "an address is HOST:PORT with numbers, such as 127.0.0.1:11211 or [::1]:11211, or unix:///PATH";
    Ok(Listen::Tcp(text.parse().map_err(wrong)?))
}

fn mode(text: &str) -> Result<u32, String> {
    let mode = u32::from_str_radix(text, 8).ok().filter(|mode| *mode <= 0o777);
    mode.ok_or_else(|| "a mode is three octal digits, such as 600 or 660".to_owned())
}
