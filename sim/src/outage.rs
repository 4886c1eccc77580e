//! What happens to the server itself: its process dies, its machine loses its power, it is asked to stop.
//!
//! What it knew is gone then, and healthy clients may meet errors for some time: [`Outages`] says when.

use std::time::Duration;

use crate::net::Sim;
use crate::plan::{Kind, Plan};
use crate::server::{Gauges, HOST};

/// A client gives an operation up after so long, where the server may vanish without a word.
pub(crate) const PATIENCE: Duration = Duration::from_secs(4);

/// After an outage a client has given up what hangs, and is served again.
const RECOVERED: Duration = Duration::from_secs(5);

/// When the server is not there.
#[derive(Clone, Debug, Default)]
pub(crate) struct Outages {
    spans: Vec<(Duration, Duration)>,
    /// When it is asked to stop.
    pub(crate) stops_at: Option<Duration>,
    /// Whether it cannot take new connections for some time.
    pub(crate) runs_out: bool,
}

impl Outages {
    pub(crate) fn of(plan: &Plan) -> Self {
        let spans = plan.faults.iter().filter(|fault| fault.kind.restarts_the_server());
        let spans =
            spans.map(|fault| (fault.at(), fault.until().unwrap_or(fault.at()) + RECOVERED));
        let stop = plan.faults.iter().find(|fault| fault.kind == Kind::ServerStops);
        let runs_out = plan.faults.iter().any(|fault| fault.kind == Kind::ServerRunsOut);
        Self { spans: spans.collect(), stops_at: stop.map(crate::plan::Fault::at), runs_out }
    }

    /// Whether an operation that fails at this time is no fault of the server's.
    pub(crate) fn excuse(&self, at: Duration) -> bool {
        self.spans.iter().any(|(since, until)| (*since..*until).contains(&at))
    }

    /// Whether the server may end a connection now that it has not answered on.
    pub(crate) fn may_leave_unanswered(&self, at: Duration) -> bool {
        self.excuse(at) || self.stops_at.is_some_and(|stop| at >= stop)
    }

    /// Whether the server was down at any time between.
    pub(crate) fn overlap(&self, began: Duration, ended: Duration) -> bool {
        self.spans
            .iter()
            .any(|(since, until)| began < until.saturating_sub(RECOVERED) && *since <= ended)
    }

    /// How long a healthy client waits, if it gives up at all.
    pub(crate) fn patience(&self) -> Option<Duration> {
        (!self.spans.is_empty()).then_some(PATIENCE)
    }
}

/// Lets it happen.
pub(crate) fn strike(sim: &mut Sim, gauges: &Gauges, kind: Kind) {
    match kind {
        Kind::ServerStops => gauges.stop.cancel(),
        Kind::ServerRunsOut => gauges.meter.exhaust(true),
        Kind::ServerRestarts => sim.kill(HOST),
        Kind::ServerLosesPower => sim.power_off(HOST),
        _ => {}
    }
}

/// Ends an outage.
pub(crate) fn heal(sim: &mut Sim, gauges: &Gauges, kind: Kind) {
    if kind == Kind::ServerRunsOut {
        gauges.meter.exhaust(false);
    }
    if kind.restarts_the_server() {
        sim.boot(HOST);
    }
}
