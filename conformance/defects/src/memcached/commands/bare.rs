//! FLUSH, NOOP, VERSION and QUIT: commands without a key.

use std::time::Duration;

use super::super::defect::Switch;
use super::super::frame::{Reply, Request};
use super::super::opcode::{Command, Verb};
use super::super::store::Store;

/// What VERSION answers.
pub(in super::super) const VERSION: &str = "1.0.0";

impl Store {
    pub(super) fn flush(&mut self, command: Command, request: &Request) -> Reply {
        if !(command.quiet && self.wrong(Switch::StatCountsNoFlushq)) {
            self.statistics.count("cmd_flush");
        }
        let delay = request.u32_at(0);
        let nothing = match self.active.0 {
            Some(Switch::FlushDoesNothing) => !command.quiet,
            Some(Switch::FlushqDoesNothing) => command.quiet,
            Some(Switch::DelayedFlushNeverComes) => delay != 0,
            _ => false,
        };
        let now = self.clock.unix();
        let due = if delay == 0 { now } else { self.flush_time(delay) };
        if nothing {
        } else if due <= now || self.wrong(Switch::DelayedFlushIsAtOnce) {
            self.flush_now();
        } else {
            self.flush_at(due);
        }
        Reply::default()
    }

    /// A delay of up to 30 days is seconds from now, a longer one a Unix time.
    fn flush_time(&self, delay: u32) -> Duration {
        let delay_seconds = Duration::from_secs(delay.into());
        if delay <= 30 * 24 * 60 * 60 { self.clock.unix() + delay_seconds } else { delay_seconds }
    }

    pub(super) fn bare(&mut self, verb: Verb) -> Reply {
        let value = if verb == Verb::Version { self.version() } else { String::new() };
        let shows_cas = verb != Verb::Quit && self.wrong(Switch::NoopAnswersACas);
        let cas = if shows_cas { self.last_cas + 1 } else { 0 };
        Reply { value: value.into(), ..Reply::with_cas(cas) }
    }

    fn version(&self) -> String {
        match self.active.0 {
            Some(Switch::VersionHasATerminator) => format!("{VERSION}\0"),
            Some(Switch::VersionIsWords) => format!("defects {VERSION}"),
            Some(Switch::VersionBeginsWithZero) => "0.9.1".to_owned(),
            _ => VERSION.to_owned(),
        }
    }
}
