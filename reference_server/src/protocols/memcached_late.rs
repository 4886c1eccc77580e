//! The answer to a wrong password, which waits: who guesses does so slowly, and on one's own connection alone.

use core::future::pending;
use core::time::Duration;

use bytes::BytesMut;
use tokio::time::{Instant, sleep_until};

use crate::Output;

/// One answer, while there is one.
#[derive(Debug, Default)]
pub(super) struct Late(Option<(Instant, BytesMut)>);

impl Late {
    /// That is to be said after a while.
    pub(super) fn put(&mut self, delay: Duration, reply: BytesMut) {
        self.0 = Some((Instant::now() + delay, reply));
    }

    /// Waits for the time of the answer, and gives it. Safe to drop half way.
    pub(super) async fn granted(&mut self, output: &mut Output) {
        let Some((until, _)) = &self.0 else { return pending().await };
        sleep_until(*until).await;
        if let Some((_, reply)) = self.0.take() {
            output.buffer().extend_from_slice(&reply);
        }
    }
}
