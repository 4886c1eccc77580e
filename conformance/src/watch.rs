//! Whether a server under test is still there. A run against one that has died would otherwise be thousands of time limits
//! long, and bury the case that it died of.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use crate::stage::Stage;
use crate::target::Target;

/// So many failures in a row are reason to ask.
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

    /// Hears how a case ended, and after several failures in a row greets the server again.
    pub(crate) async fn heed(&self, failed: bool, target: &Target, timeout: Duration) {
        if !failed {
            self.failed_in_a_row.store(0, Ordering::Relaxed);
            return;
        }
        let row = self.failed_in_a_row.fetch_add(1, Ordering::Relaxed) + 1;
        if !row.is_multiple_of(SUSPICIOUS) || self.gone().is_some() {
            return;
        }
        if let Err(error) = Stage::new(target.clone(), timeout).await {
            let _ = self.gone.set(format!("the server is gone: {error}"));
        }
    }
}
