//! `lockproof check --bless FILE`: the file is made true of the run.

use std::path::Path;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use lockproof_conformance::bless::{Blessed, bless, new_file};
use lockproof_conformance::report::Report;
use lockproof_conformance::suite::Case;

use crate::exit::Problem;

/// Rewrites `file`, or writes it if there is none; says on stderr what changed.
pub(crate) fn write(file: &Path, report: &Report, all: &[Arc<Case>]) -> Result<(), Problem> {
    let name = file.display().to_string();
    let text = match std::fs::read_to_string(file) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            new_file(&report.implementation)
        }
        Err(error) => return Err(Problem::usage(format!("{name}: {error}"))),
    };
    let blessed = bless(&name, &text, report, all, &today()).map_err(Problem::harness)?;
    if blessed.text != text || !file.exists() {
        std::fs::write(file, &blessed.text)
            .map_err(|error| Problem::usage(format!("cannot write {name}: {error}")))?;
    }
    tell(&name, &blessed);
    Ok(())
}

fn tell(name: &str, blessed: &Blessed) {
    let Blessed { added, removed, narrowed, left, .. } = blessed;
    anstream::eprintln!(
        "{name}: {} added, {} removed, {} narrowed to fewer deliveries",
        added.len(),
        removed.len(),
        narrowed.len()
    );
    for (list, sign) in [(added, '+'), (removed, '-'), (narrowed, '~')] {
        for case in list {
            anstream::eprintln!("  {sign} {case}");
        }
    }
    for line in left {
        anstream::eprintln!("{line}");
    }
    if !added.is_empty() {
        anstream::eprintln!("now write the reasons of the added lines");
    }
}

/// The date in UTC, as `2026-01-31`.
fn today() -> String {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    date(now.as_secs() / (24 * 60 * 60))
}

/// The date so many days after 1970-01-01.
fn date(mut days: u64) -> String {
    let leap = |year: u64| {
        year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400))
    };
    let mut year = 1970;
    while days >= 365 + u64::from(leap(year)) {
        days -= 365 + u64::from(leap(year));
        year += 1;
    }
    let mut month = 1;
    for length in [31, 28 + u64::from(leap(year)), 31, 30, 31, 30, 31, 31, 30, 31, 30] {
        if days < length {
            break;
        }
        days -= length;
        month += 1;
    }
    format!("{year}-{month:02}-{:02}", days + 1)
}

#[cfg(test)]
mod tests {
    use super::date;

    #[test]
    fn days_are_dates() {
        let known = [
            (0, "1970-01-01"),
            (364, "1970-12-31"),
            (365, "1971-01-01"),
            (11_016, "2000-02-29"),
            (11_017, "2000-03-01"),
            (20_484, "2026-01-31"),
            (47_540, "2100-02-28"),
            (47_541, "2100-03-01"),
        ];
        for (days, wanted) in known {
            assert_eq!(date(days), wanted);
        }
    }
}
