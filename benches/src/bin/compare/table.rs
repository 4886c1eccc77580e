//! The results as tables of Markdown.

use std::fmt::Write;

use lockproof_benches::ratio::Spread;

use crate::measure::Sample;
use crate::results::{Judged, Ratio, Results};

pub(crate) const HEAD: &str = "| cell | load | ratios, ours to the other's | targets | other |\n\
                               |---|---|---|---|---|";

/// A cell in a line.
pub(crate) fn row(cell: &Judged) -> String {
    let ratios: Vec<_> = cell.ratios.iter().map(ratio).collect();
    let targets: Vec<_> = cell.ratios.iter().filter_map(target).collect();
    let others = cell.samples.values().flatten().filter_map(|sample| sample.other);
    let other = Spread::of(others);
    let other = if other.median.is_nan() { String::new() } else { format!("{:.2}", other.median) };
    format!(
        "| {} | {} | {} | {} | {other} |",
        cell.name,
        cell.title,
        ratios.join("; "),
        targets.join("; ")
    )
}

fn ratio(ratio: &Ratio) -> String {
    let against = match ratio.against {
        "memcached, the better" => String::new(),
        other => format!(" (of {other})"),
    };
    format!("{} {}{against}", ratio.metric, ratio.spread)
}

fn target(ratio: &Ratio) -> Option<String> {
    let bound = ratio.bound?;
    let sign = if ratio.metric == "ops/s" { "≥" } else { "≤" };
    let verdict = if ratio.is_met? { "met" } else { "**missed**" };
    Some(format!("{} {sign} {bound:.2}: {verdict}", ratio.metric))
}

/// The figures behind the ratios: medians over the rounds.
pub(crate) fn details(results: &Results) -> String {
    let mut text = String::from(
        "| cell | server | ops/s | CPU µs/op | p50 µs | p99 µs | p99.9 µs | bytes each | after a burst |\n\
         |---|---|---|---|---|---|---|---|---|\n",
    );
    for cell in &results.cells {
        for (server, samples) in &cell.samples {
            let median = |of: fn(&Sample) -> Option<f64>, digits: usize| {
                let spread = Spread::of(samples.iter().filter_map(of));
                let is_absent = spread.median.is_nan();
                if is_absent { String::new() } else { format!("{:.digits$}", spread.median) }
            };
            let _ = writeln!(
                text,
                "| {} | {server} | {} | {} | {} | {} | {} | {} | {} |",
                cell.name,
                median(|sample| sample.throughput, 0),
                median(|sample| sample.cpu, 3),
                median(|sample| sample.p50, 0),
                median(|sample| sample.p99, 0),
                median(|sample| sample.p999, 0),
                median(|sample| sample.memory, 0),
                median(|sample| sample.memory_after, 0),
            );
        }
    }
    text
}
