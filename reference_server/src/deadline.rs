//! When a connection that says nothing is given up.

use tokio::time::{Instant, sleep_until};

use crate::{ConnectionConfig, Ending, Mark};

/// Remembers since when the peer owes the rest of a frame.
#[derive(Debug)]
pub(crate) struct Patience {
    frames_seen: u64,
    mid_frame_since: Option<Instant>,
}

/// When to give up, and what to call it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct GiveUp {
    at: Option<Instant>,
    ending: Ending,
}

impl Patience {
    pub(crate) fn new() -> Self {
        Self { frames_seen: 0, mid_frame_since: None }
    }

    /// Notes where the input stands after `frames` whole frames: the clock of a partial frame
    /// starts at its own first bytes, and goes on while more of the same frame drips in.
    pub(crate) fn note(&mut self, frames: u64, is_mid_frame: bool) {
        if !is_mid_frame {
            self.mid_frame_since = None;
        } else if self.mid_frame_since.is_none() || frames != self.frames_seen {
            self.mid_frame_since = Some(Instant::now());
        }
        self.frames_seen = frames;
    }

    /// The deadline of the read that comes next.
    pub(crate) fn next(&self, config: &ConnectionConfig) -> GiveUp {
        if let (Some(since), Some(limit)) = (self.mid_frame_since, config.frame_deadline) {
            return GiveUp { at: Some(since + limit), ending: Ending::FrameDeadline };
        }
        let at = config.idle_timeout.map(|limit| Instant::now() + limit);
        GiveUp { at, ending: Ending::Idle }
    }
}

impl GiveUp {
    /// Returns when it is time to give up; never, when there is no deadline.
    pub(crate) async fn reached(self) -> Ending {
        match self.at {
            Some(at) => sleep_until(at).await,
            None => core::future::pending().await,
        }
        match self.ending {
            Ending::FrameDeadline => Mark::FrameDeadline.hit(),
            _ => Mark::Idle.hit(),
        }
        self.ending
    }
}
