//! The table on paper.

use std::fmt::Write;

use super::look::Look;
use super::rows::{HEAD, Sort, rows, widths};
use super::summary::summary;
use super::words::time;

/// All of it, whatever the width.
pub(super) fn text(address: &str, look: &Look) -> String {
    let mut text = format!("{:12} {address}, up {}\n", "server", time(look.said.uptime_seconds));
    for (name, words) in summary(look) {
        let _ = writeln!(text, "{name:12} {words}");
    }
    let rows = rows(look, Sort::Urgency);
    if rows.is_empty() {
        return text + "\nNobody is connected.\n";
    }
    let widths = widths(&rows);
    let cells = rows.iter().map(|row| row.cells.each_ref().map(String::as_str));
    text.push('\n');
    for line in core::iter::once(HEAD).chain(cells) {
        let cells = line.iter().zip(widths).map(|(cell, width)| format!("{cell:width$}  "));
        text += cells.collect::<String>().trim_end();
        text.push('\n');
    }
    match look.said.sessions_left_out {
        0 => text,
        more => text + &format!("and {more} more\n"),
    }
}
