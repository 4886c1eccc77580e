//! What makes two runs of one seed differ: the wall clock, and the order of a hash map.

use std::cell::RefCell;
#[expect(clippy::disallowed_types, reason = "its order is the flaw")]
use std::collections::HashMap;
use std::rc::Rc;
use std::time::Duration;

use lockproof_state_machine::SessionId;
use tokio::sync::oneshot;
use tokio::time::sleep;

/// A pause of no, one, two or three milliseconds, as the machine's clock has it (K25).
pub(super) async fn pause_by_the_wall_clock(start: std::time::Instant) {
    let millis = start.elapsed().as_micros() % 4;
    sleep(Duration::from_millis(u64::try_from(millis).unwrap_or_default())).await;
}

/// Replies of one millisecond leave together (K26).
#[derive(Debug, Default)]
pub(super) struct Departures {
    #[expect(clippy::disallowed_types, reason = "its order is the flaw")]
    waiting: RefCell<HashMap<SessionId, oneshot::Sender<()>>>,
}

impl Departures {
    /// Waits for the next departure.
    pub(super) async fn next(self: &Rc<Self>, session: SessionId) {
        let (go, gone) = oneshot::channel();
        let is_first = self.waiting.borrow().is_empty();
        self.waiting.borrow_mut().insert(session, go);
        if is_first {
            let departures = Rc::clone(self);
            tokio::task::spawn_local(async move {
                sleep(Duration::from_millis(1)).await;
                for (_, go) in departures.waiting.borrow_mut().drain() {
                    // One that ended meanwhile sends nothing.
                    let _ = go.send(());
                }
            });
        }
        let _ = gone.await;
    }
}
