//! Whether a server under test is still there. A run against one that has died would otherwise be thousands of time limits
//! long, and bury the case that it died of.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use crate::stage::Stage;
use crate::target::Target;

/// The first failure after a success is reason to ask, and so are so many in a row.
const SUSPICIOUS: usize = 8;

/// Watches one server.
#[derive(Debug, Default)]
pub(crate) struct Watch {
    failed_in_a_row: AtomicUsize,
    gone: OnceLock<String>,
}

impl Watch {
    /// Why nothing more is asked of the server, if it is gone.
    pub(crate) fn gone(&self) -> Option<&str> {
        self.gone.get().map(String::as_str)
    }

    /// Hears how a case ended, and after a failure may greet the server again. Whoever finds it gone says which case that
    /// was: of a run that plays one case at a time, most likely the one that the server died of.
    pub(crate) async fn heed(&self, failed: bool, case: &str, target: &Target, timeout: Duration) {
        if !failed {
            self.failed_in_a_row.store(0, Ordering::Relaxed);
            return;
        }
        let row = self.failed_in_a_row.fetch_add(1, Ordering::Relaxed) + 1;
        if !(row == 1 || row.is_multiple_of(SUSPICIOUS)) || self.gone().is_some() {
            return;
        }
        if let Err(error) = Stage::new(target.clone(), timeout).await {
            let _ = self.gone.set(format!(
                "the server is gone: {error}; {case} found out (with --jobs 1: what it died of)"
            ));
        }
    }
}
