//! Sessions as rows of words, in an order: the same for the terminal and for paper.

use std::cmp::Reverse;

use lockproof_reference_server::sessions::{Held, Holds, Session, Unsent, Waits, What};

use super::look::Look;
use super::words::{bytes, time};

/// What stands above the columns. The first ones matter most: a narrow terminal shows only them.
pub(super) const HEAD: [&str; 9] =
    ["ID", "PROTOCOL", "PEER", "HOLDS", "WAITS FOR", "UNREAD", "IN", "OUT", "AGE"];

/// How bad it is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Mood {
    /// Nobody suffers.
    Calm,
    /// Its peer does not read.
    Slow,
    /// Others wait for what it holds.
    Blocks,
}

/// One session.
#[derive(Clone, Debug)]
pub(super) struct Row {
    pub(super) id: u64,
    pub(super) mood: Mood,
    pub(super) cells: [String; HEAD.len()],
}

/// What comes first.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(super) enum Sort {
    /// Who harms others most.
    #[default]
    Urgency,
    /// Who moves most bytes.
    Traffic,
    /// Who has been there longest.
    Age,
}

impl Sort {
    pub(super) fn next(self) -> Self {
        match self {
            Self::Urgency => Self::Traffic,
            Self::Traffic => Self::Age,
            Self::Age => Self::Urgency,
        }
    }

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Urgency => "most urgent first",
            Self::Traffic => "most traffic first",
            Self::Age => "oldest first",
        }
    }
}

/// All sessions of a look.
pub(super) fn rows(look: &Look, sort: Sort) -> Vec<Row> {
    let mut all: Vec<&Session> = look.said.sessions.iter().collect();
    match sort {
        Sort::Urgency => all.sort_by_cached_key(|it| Reverse(it.urgency())),
        Sort::Traffic => all.sort_by_key(|it| {
            let bytes = it.bytes_in.saturating_add(it.bytes_out);
            Reverse((look.pace_of(it).map(super::look::Pace::sum), bytes))
        }),
        Sort::Age => all.sort_by_key(|it| it.id),
    }
    all.into_iter().map(|session| row(look, session)).collect()
}

/// The characters that each column needs.
pub(super) fn widths(rows: &[Row]) -> [usize; HEAD.len()] {
    let mut widths = HEAD.map(str::len);
    for row in rows {
        for (width, cell) in widths.iter_mut().zip(&row.cells) {
            *width = (*width).max(cell.chars().count());
        }
    }
    widths
}

fn row(look: &Look, session: &Session) -> Row {
    let blocks = session.holds.as_ref().is_some_and(|holds| holds.waiters > 0);
    let mood = match &session.unsent {
        _ if blocks => Mood::Blocks,
        Some(_) => Mood::Slow,
        None => Mood::Calm,
    };
    // A speed where one is known, and until then what it was altogether.
    let pace = look.pace_of(session);
    let speed = |speed: Option<u64>, all| match speed {
        Some(speed) => format!("{}/s", bytes(speed)),
        None => bytes(all),
    };
    let cells = [
        session.id.to_string(),
        session.protocol.to_string(),
        session.peer.clone(),
        session.holds.as_ref().map(holds).unwrap_or_default(),
        session.waits.as_ref().map(waits).unwrap_or_default(),
        session.unsent.as_ref().map(unread).unwrap_or_default(),
        speed(pace.map(|it| it.bytes_in), session.bytes_in),
        speed(pace.map(|it| it.bytes_out), session.bytes_out),
        time(session.age_seconds),
    ];
    Row { id: session.id, mood, cells: cells.map(tame) }
}

/// A server that means harm could paint our terminal otherwise.
fn tame(text: String) -> String {
    if text.contains(char::is_control) { text.escape_debug().to_string() } else { text }
}

fn what(what: &What) -> String {
    match what {
        What::Key(key) => format!("key {key}"),
        What::Page(page) => format!("page {page}"),
    }
}

/// `page 3 and 2 more, 12s; 2 wait, 10s`
fn holds(holds: &Holds) -> String {
    let some = holds.some.first().map_or_else(String::new, |Held { what: it, .. }| what(it));
    let more = match holds.count.saturating_sub(1) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    let waiters = match holds.waiters {
        0 => String::new(),
        1 => format!("; 1 waits, {}", time(holds.waited_seconds)),
        many => format!("; {many} wait, {}", time(holds.waited_seconds)),
    };
    format!("{some}{more}, {}{waiters}", time(holds.seconds))
}

fn waits(waits: &Waits) -> String {
    let by = waits.held_by.map_or_else(String::new, |id| format!(", held by {id}"));
    format!("{}, {}{by}", what(&waits.what), time(waits.seconds))
}

fn unread(unsent: &Unsent) -> String {
    format!("{}, {}", bytes(unsent.bytes), time(unsent.seconds))
}
