//! Floods: many connections at once that say nothing, are never read, and end together.

use std::collections::BTreeMap;

use tokio::sync::SemaphorePermit;

use super::{Player, Problem};
use crate::replay::transcript::Direction;
use crate::replay::world::World;
use crate::session::Action;

/// The floods of a session, by name.
pub(super) struct Floods<S> {
    all: BTreeMap<String, Vec<S>>,
    turn: Option<SemaphorePermit<'static>>,
}

impl<S> Floods<S> {
    pub(super) const fn new() -> Self {
        Self { all: BTreeMap::new(), turn: None }
    }
}

impl<W: World> Player<'_, W> {
    pub(super) async fn flood(&mut self, name: &str, count: usize) -> Result<(), Problem> {
        if let (None, Some(turns)) = (&self.floods.turn, self.world.flood_turns()) {
            self.floods.turn = turns.acquire().await.ok();
        }
        for number in 1..=count {
            let stream = self.connected().await.map_err(|problem| {
                Problem::new(format!("connection {number} of {count}: {}", problem.text))
            })?;
            self.floods.all.entry(name.to_owned()).or_default().push(stream);
        }
        self.conns.transcript.note(self.world.now(), name, Direction::Sent, "flood");
        Ok(())
    }

    /// Ends a flood of that name, if there is one.
    pub(super) fn ebbs(&mut self, action: Action, name: &str) -> bool {
        let Some(streams) = self.floods.all.remove(name) else { return false };
        if action == Action::Reset {
            for stream in streams {
                self.world.reset(stream);
            }
        }
        let note = if action == Action::Reset { "reset" } else { "close" };
        self.conns.transcript.note(self.world.now(), name, Direction::Sent, note);
        if self.floods.all.is_empty() {
            self.floods.turn = None;
        }
        true
    }
}
