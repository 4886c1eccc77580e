//! Which places of the server were reached, and how often.

use std::collections::BTreeMap;
use std::fmt::Write;

use serde_json::{Value, json};

use crate::marks::of_all;
use crate::sweep::Sweep;

/// What fewer failures have in common may be chance.
const SEVERAL: u64 = 3;

/// More say little.
const SUSPECTS_MAX: usize = 4;

/// How many runs reached each mark.
pub(super) type Counted = BTreeMap<String, u64>;

/// What several counts come to.
pub(super) fn sum<'a>(all: impl IntoIterator<Item = &'a Counted>) -> Counted {
    let mut sum = Counted::new();
    for (name, count) in all.into_iter().flatten() {
        *sum.entry(name.clone()).or_default() += count;
    }
    sum
}

/// Whether there is a mark that was never reached.
pub(super) fn are_missing(counted: &Counted) -> bool {
    of_all(counted).iter().any(|(_, count)| *count == 0)
}

/// A line; or a line for each mark, if they are asked for. Flawed servers have none.
pub(super) fn show(text: &mut String, counted: &Counted, are_asked_for: bool) {
    let all = of_all(counted);
    if are_asked_for {
        text.push_str("\nmarks of the server, and the runs that reached them:\n");
        let width = all.iter().map(|(mark, _)| mark.name().len()).max().unwrap_or_default();
        for (mark, count) in all {
            let never = if count == 0 { "NEVER" } else { "" };
            let (name, about) = (mark.name(), mark.about());
            let _ = writeln!(text, "  {name:<width$} {count:>6}  {never:<5}  {about}");
        }
    } else if !counted.is_empty() {
        let reached = all.iter().filter(|(_, count)| *count > 0).count();
        let _ = writeln!(text, "  {reached} of {} marks of the server reached", all.len());
    }
}

/// What all failing seeds reached, and most others did not: a way to where it is.
pub(super) fn suspects(found: &Sweep) -> Option<String> {
    let failed = found.failed.len() as u64;
    let others = found.seeds() - failed;
    let of_others = |name: &String| {
        let by_all = found.failed.values().all(|outcome| outcome.marks.contains(name));
        let count = found.marks.get(name)?.saturating_sub(failed);
        (by_all && count * 2 < others).then_some(count)
    };
    let suspects = found.marks.keys().filter_map(|name| Some((of_others(name)?, name)));
    let mut suspects: Vec<(u64, &String)> = suspects.collect();
    if failed < SEVERAL {
        return None;
    }
    suspects.sort();
    let named = suspects.iter().take(SUSPECTS_MAX).map(|(count, name)| format!("{name} ({count})"));
    let named: Vec<String> = named.collect();
    (!named.is_empty()).then(|| {
        format!(
            "all {failed} that failed reached these marks, and of {others} others so many: {}",
            named.join(", ")
        )
    })
}

/// Every mark, whether reached or not; nothing of a server that has none.
pub(super) fn as_json(counted: &Counted) -> Value {
    if counted.is_empty() {
        return json!({});
    }
    of_all(counted)
        .into_iter()
        .map(|(mark, count)| (mark.name().to_owned(), json!(count)))
        .collect()
}

/// The same again from a report; one without them is older than marks.
pub(super) fn from_json(marks: &Value) -> Counted {
    let counts = marks.as_object().into_iter().flatten();
    let counts = counts.filter_map(|(name, count)| Some((name.clone(), count.as_u64()?)));
    counts.filter(|(_, count)| *count > 0).collect()
}
