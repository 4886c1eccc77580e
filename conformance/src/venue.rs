//! A server under test, greeted and probed, with what is known of it.

use std::any::Any;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Mutex, MutexGuard, RwLock};

use crate::expectations::Expectations;
use crate::probe::{Profile, probe};
use crate::stage::{Stage, StageError};
use crate::suite::Case;
use crate::target::{SMALL, Target};

/// A started server, and what keeps it alive.
pub type Started = (Target, Box<dyn Any + Send>);

/// Starts another server like the one under test, for cases that need one to themselves.
pub trait Spare: Send + Sync {
    /// The new server; it stops when the second part is dropped.
    fn start(&self) -> Pin<Box<dyn Future<Output = std::io::Result<Started>> + Send + '_>>;
}

/// One server under test, greeted and probed.
pub struct Venue {
    pub(crate) stage: Stage,
    /// What it is and can do.
    pub profile: Profile,
    /// Its known deviations.
    pub expectations: Option<Expectations>,
    pub(crate) spare: Option<Arc<dyn Spare>>,
    /// Cases that need the server to themselves hold this for writing.
    pub(crate) alone: RwLock<()>,
    /// Turns at each of the listeners that cases fill.
    small: [Mutex<()>; SMALL.len()],
}

impl std::fmt::Debug for Venue {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Venue")
            .field("stage", &self.stage)
            .field("profile", &self.profile)
            .finish_non_exhaustive()
    }
}

impl Venue {
    /// Greets and probes a server.
    ///
    /// # Errors
    ///
    /// It is down, silent, or speaks something else.
    pub async fn new(target: Target, timeout: Duration) -> Result<Self, StageError> {
        let stage = Stage::new(target, timeout).await?;
        let profile = probe(&stage, timeout).await;
        let small = SMALL.map(|_| Mutex::new(()));
        Ok(Self { stage, profile, expectations: None, spare: None, alone: RwLock::new(()), small })
    }

    /// Cases that need a server to themselves get one from `spare`.
    #[must_use]
    pub fn with_spare(mut self, spare: Arc<dyn Spare>) -> Self {
        self.spare = Some(spare);
        self
    }

    /// The server under test.
    pub const fn target(&self) -> &Target {
        self.stage.target()
    }

    /// Waits for the case's turn at a server that it fills, unless each gets its own.
    pub(crate) async fn turn(&self, case: &Case) -> Option<MutexGuard<'_, ()>> {
        let place = SMALL.into_iter().position(|need| case.needs(need))?;
        let turns = self.small.get(place).filter(|_| self.spare.is_none())?;
        Some(turns.lock().await)
    }

    /// Why this server cannot be asked that case, if it cannot.
    pub fn lacks(&self, case: &Case, allow_flush: bool) -> Option<String> {
        self.profile.lacks(case, &self.stage, self.spare.is_some(), allow_flush)
    }
}
