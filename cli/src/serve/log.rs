//! The log of `lockproof serve`: on stderr, for people or for programs.

use std::io::IsTerminal;

use tracing_subscriber::EnvFilter;

use super::Serve;
use super::arguments::{LogFormat, LogLevel};

/// Begins it.
pub(super) fn start(serve: &Serve) {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(level(serve)));
    let log = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        // A disk that is full, or a pipe that nobody reads: to say so there as well would end the server.
        .log_internal_errors(false);
    match serve.log_format {
        LogFormat::Text => {
            let styled = std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none();
            log.with_ansi(styled).init();
        }
        // A session's span is one, so a list of them would say the same again.
        LogFormat::Json => log.json().flatten_event(true).with_span_list(false).init(),
    }
}

fn level(serve: &Serve) -> &'static str {
    match (serve.verbose, serve.log) {
        (2.., _) | (_, LogLevel::Trace) => "trace",
        (1, _) | (_, LogLevel::Debug) => "debug",
        (0, LogLevel::Info) => "info",
        (0, LogLevel::Warn) => "warn",
        (0, LogLevel::Error) => "error",
    }
}
