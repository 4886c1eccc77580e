//! What the terminal shows, and what keys do to it. Pure: no terminal, no server, no clock.

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use lockproof_reference_server::sessions::Sessions;

use super::look::Look;
use super::rows::{Row, Sort, rows};

/// Rows that `PgUp` and `PgDn` go.
const PAGE: usize = 10;

/// What a key asks of others.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Wish {
    /// Nothing.
    Nothing,
    /// To leave.
    Leave,
    /// To end that session.
    End(u64),
}

/// All that is shown.
#[derive(Debug)]
pub(super) struct Screen {
    pub(super) address: String,
    pub(super) look: Option<Look>,
    pub(super) rows: Vec<Row>,
    pub(super) sort: Sort,
    /// Where the selected row is; below `rows.len()` unless there is none.
    pub(super) selected: usize,
    pub(super) is_paused: bool,
    /// Why the server cannot be asked.
    pub(super) lost: Option<String>,
    /// Whether that session is to be ended: a question.
    pub(super) asks: Option<u64>,
    /// What came of something, until the next key.
    pub(super) said: Option<String>,
    has_token: bool,
}

impl Screen {
    pub(super) fn new(address: &str, has_token: bool) -> Self {
        Self {
            address: address.to_owned(),
            look: None,
            rows: Vec::new(),
            sort: Sort::default(),
            selected: 0,
            is_paused: false,
            lost: None,
            asks: None,
            said: None,
            has_token,
        }
    }

    /// Takes what the server said, or why it said nothing.
    pub(super) fn take(&mut self, said: Result<Sessions, String>) {
        match said {
            Err(problem) => self.lost = Some(problem),
            Ok(said) => {
                self.lost = None;
                if !self.is_paused {
                    self.look = Some(match &self.look {
                        Some(before) => before.next(said),
                        None => Look::first(said),
                    });
                    self.arrange();
                }
            }
        }
    }

    /// Says what came of something.
    pub(super) fn say(&mut self, text: String) {
        self.said = Some(text);
    }

    pub(super) fn key(&mut self, key: KeyEvent) -> Wish {
        let is_control = key.modifiers.contains(KeyModifiers::CONTROL);
        if is_control && key.code == KeyCode::Char('c') {
            return Wish::Leave;
        }
        self.said = None;
        if let Some(id) = self.asks.take() {
            let is_yes = matches!(key.code, KeyCode::Char('y' | 'Y'));
            return if is_yes { Wish::End(id) } else { Wish::Nothing };
        }
        let last = self.rows.len().saturating_sub(1);
        match key.code {
            KeyCode::Char('q') | KeyCode::Esc => return Wish::Leave,
            KeyCode::Up => self.selected = self.selected.saturating_sub(1),
            KeyCode::Down => self.selected = (self.selected + 1).min(last),
            KeyCode::PageUp => self.selected = self.selected.saturating_sub(PAGE),
            KeyCode::PageDown => self.selected = (self.selected + PAGE).min(last),
            KeyCode::Home => self.selected = 0,
            KeyCode::End => self.selected = last,
            KeyCode::Char('s') => {
                self.sort = self.sort.next();
                self.arrange();
            }
            KeyCode::Char('p') => self.is_paused = !self.is_paused,
            KeyCode::Char('e') => self.ask(),
            _ => {}
        }
        Wish::Nothing
    }

    /// Asks whether the selected session is to be ended, if it can be.
    fn ask(&mut self) {
        let Some(row) = self.rows.get(self.selected) else { return };
        if self.look.as_ref().is_none_or(|look| !look.said.can_end) {
            self.say("the server allows it only when it is started with --http-token-file".into());
        } else if !self.has_token {
            self.say("that needs the server's token: lockproof top --token-file FILE".into());
        } else {
            self.asks = Some(row.id);
        }
    }

    /// Rows of the look in their order. The selection stays with its session while that is there.
    fn arrange(&mut self) {
        let selected = self.rows.get(self.selected).map(|row| row.id);
        self.rows = self.look.as_ref().map(|look| rows(look, self.sort)).unwrap_or_default();
        let place = self.rows.iter().position(|row| Some(row.id) == selected);
        // At the top it stays at the top: that is where the worst is.
        let is_moved = self.selected > 0;
        self.selected = place.filter(|_| is_moved).unwrap_or(self.selected);
        self.selected = self.selected.min(self.rows.len().saturating_sub(1));
    }
}
