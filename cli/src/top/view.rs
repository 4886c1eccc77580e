//! Draws the screen: a function of what it is and of how much room there is.

use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::{Color, Modifier, Style};
use ratatui::text::{Line, Span};
use ratatui::widgets::{Paragraph, Row as Cells, Table, TableState};

use super::rows::{HEAD, Mood, Row, widths};
use super::screen::Screen;
use super::summary::summary;
use super::words::time;

/// Columns that are always there.
const COLUMNS_MIN: usize = 4;

const KEYS: &str = "up/down select   s sort   p pause   e end session   q leave";

/// Draws all of it; without colors where they are not wanted.
pub(super) fn draw(frame: &mut Frame<'_>, screen: &Screen, colors: bool) {
    let head = header(screen, colors);
    let lines = u16::try_from(head.len()).unwrap_or(u16::MAX);
    let parts = [
        Constraint::Length(lines),
        Constraint::Length(1),
        Constraint::Min(0),
        Constraint::Length(1),
    ];
    let [above, _, table, below] = Layout::vertical(parts).areas(frame.area());
    frame.render_widget(Paragraph::new(head), above);
    draw_table(frame, table, screen, colors);
    frame.render_widget(footer(screen, colors), below);
}

fn header(screen: &Screen, colors: bool) -> Vec<Line<'_>> {
    let mut first =
        vec![Span::styled("lockproof top  ", Modifier::BOLD), Span::raw(&screen.address)];
    if let Some(look) = &screen.look {
        first.push(Span::raw(format!(", up {}", time(look.said.uptime_seconds))));
    }
    if screen.is_paused {
        first.push(Span::styled("  paused", painted(colors, Color::Yellow)));
    }
    let mut lines = vec![Line::from(first)];
    if let Some(problem) = &screen.lost {
        let style = painted(colors, Color::Red);
        lines.push(Line::styled(format!("no connection: {problem}; trying again"), style));
    }
    if let Some(look) = &screen.look {
        let line =
            |(name, words)| Line::from(vec![Span::raw(format!("{name:12} ")), Span::raw(words)]);
        lines.extend(summary(look).into_iter().map(line));
    }
    lines
}

fn draw_table(frame: &mut Frame<'_>, area: Rect, screen: &Screen, colors: bool) {
    let Some(look) = &screen.look else { return };
    let [title, area] = Layout::vertical([Constraint::Length(1), Constraint::Min(0)]).areas(area);
    let more = match look.said.sessions_left_out {
        0 => String::new(),
        more => format!(", and {more} more that are not shown"),
    };
    let text = format!("{} sessions, {}{more}", screen.rows.len(), screen.sort.name());
    frame.render_widget(Paragraph::new(text), title);
    let columns = columns(&screen.rows, area.width);
    let cells = |row: &Row| {
        let cells: Vec<String> = row.cells.iter().take(columns.len()).cloned().collect();
        Cells::new(cells).style(mood(row.mood, colors))
    };
    let head = Cells::new(HEAD.into_iter().take(columns.len()));
    let table = Table::new(screen.rows.iter().map(cells), columns.iter().copied())
        .header(head.style(Style::new().add_modifier(Modifier::UNDERLINED)))
        .column_spacing(2)
        .row_highlight_style(Style::new().add_modifier(Modifier::REVERSED));
    let selected = (!screen.rows.is_empty()).then_some(screen.selected);
    frame.render_stateful_widget(table, area, &mut TableState::new().with_selected(selected));
}

/// As many columns as there is room for, each as wide as what stands in it.
fn columns(rows: &[Row], width: u16) -> Vec<Constraint> {
    let mut used = 0;
    let mut columns = Vec::new();
    for needed in widths(rows) {
        let needed = u16::try_from(needed).unwrap_or(u16::MAX);
        used = needed.saturating_add(2).saturating_add(used);
        if columns.len() >= COLUMNS_MIN && used.saturating_sub(2) > width {
            break;
        }
        columns.push(Constraint::Length(needed));
    }
    columns
}

fn footer(screen: &Screen, colors: bool) -> Line<'_> {
    match (&screen.asks, &screen.said) {
        (Some(id), _) => {
            let text = format!("End session {id}? What it holds is freed. y/n");
            Line::styled(text, painted(colors, Color::Red))
        }
        (None, Some(said)) => Line::styled(said, painted(colors, Color::Yellow)),
        (None, None) => Line::raw(KEYS),
    }
}

fn mood(mood: Mood, colors: bool) -> Style {
    match mood {
        Mood::Calm => Style::new(),
        Mood::Slow => painted(colors, Color::Yellow),
        Mood::Blocks => painted(colors, Color::Red),
    }
}

/// What is to be seen first: bold, and of that color where there are any.
fn painted(colors: bool, color: Color) -> Style {
    let style = Style::new().add_modifier(Modifier::BOLD);
    if colors { style.fg(color) } else { style }
}
