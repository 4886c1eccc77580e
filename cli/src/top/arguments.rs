//! What can be asked of `lockproof top`.

#![allow(clippy::doc_markdown, reason = "these comments are printed in a terminal")]

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, ValueEnum};

use crate::arguments::duration;

/// Watch a reference server: who is connected, who holds what, and who waits for it
///
/// The server tells it where it was started with --http:
///
///   lockproof serve --http 127.0.0.1:9150
///   lockproof top
///
/// First come sessions that keep others waiting, then those whose peer does not read its replies, those
/// that wait, those that hold something, and then those that move most bytes. A session of locker
/// never waits: who asks for a key that is held is refused at once.
///
///   up, down, PgUp, PgDn, Home, End    select a session
///   s                                  sort by another thing
///   p                                  pause: what is shown stays
///   e                                  end the selected session (it asks first); all it holds is freed
///   q, Esc, Ctrl-C                     leave
///
/// Ending a session needs a token, which the server and this program read from a file. Without TLS it
/// travels as it is: use it on this machine, or through a tunnel.
///
///   openssl rand -hex 32 > token; chmod 600 token
///   lockproof serve --http 127.0.0.1:9150 --http-token-file token
///   lockproof top --token-file token
///
/// Where standard output is no terminal, and with --once, one table is printed:
///
///   lockproof top --once | head
///   lockproof top 127.0.0.1:9150 --format json | jq '.sessions[] | select(.holds.waiters > 0)'
///   curl -X POST -H "Authorization: Bearer $(cat token)" http://127.0.0.1:9150/sessions/7/end
///
/// NO_COLOR is respected.
#[derive(Args, Debug)]
#[command(
    verbatim_doc_comment,
    after_long_help = "Exit codes:\n  0  it was shown\n  2  usage: an unknown option, a token that cannot be read\n  3  the server could not be reached, or does not tell of its sessions; in a terminal\n     that is shown instead, and tried again"
)]
pub(crate) struct Top {
    /// Where the server's --http is
    #[arg(value_name = "ADDRESS", default_value = "127.0.0.1:9150", value_parser = address)]
    pub(super) address: String,
    /// Time between two looks
    #[arg(long, value_name = "TIME", default_value = "1s", value_parser = duration)]
    pub(super) interval: Duration,
    /// Print one table, and leave
    #[arg(long)]
    pub(super) once: bool,
    /// How it is printed; json is what the server says (lockproof.sessions/1), once
    #[arg(long, value_name = "FORMAT", value_enum, default_value_t = Format::Human)]
    pub(super) format: Format,
    /// The server's token, for ending sessions; only the file's owner may be able to read it
    #[arg(long, value_name = "FILE")]
    pub(super) token_file: Option<PathBuf>,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
pub(super) enum Format {
    /// For people
    Human,
    /// For programs
    Json,
}

/// `HOST:PORT`, also as a URL.
fn address(text: &str) -> Result<String, String> {
    let address = text.strip_prefix("http://").unwrap_or(text).trim_end_matches('/');
    let port = address.rsplit_once(':').filter(|(host, _)| !host.is_empty());
    match port.map(|(_, port)| port.parse::<u16>()) {
        Some(Ok(_)) => Ok(address.to_owned()),
        _ => Err("an address is HOST:PORT, such as 127.0.0.1:9150 or [::1]:9150".to_owned()),
    }
}
