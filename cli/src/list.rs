//! `lockproof check --list`

use std::process::ExitCode;
use std::sync::Arc;

use lockproof_conformance::suite::Case;

use crate::arguments::Format;

pub(crate) fn print(cases: &[Arc<Case>], format: Format) -> ExitCode {
    match format {
        Format::Human => human(cases),
        Format::Json => json(cases),
    }
    ExitCode::SUCCESS
}

fn human(cases: &[Arc<Case>]) {
    let width = cases.iter().map(|case| case.id().len()).max().unwrap_or_default();
    for case in cases {
        let title = case.session.header.title.as_deref().unwrap_or_default();
        anstream::println!("{:<width$}  {:<8}  {title}", case.id(), case.level().name());
    }
    anstream::eprintln!("{} cases", cases.len());
}

fn json(cases: &[Arc<Case>]) {
    let cases: Vec<_> = cases
        .iter()
        .map(|case| {
            let header = &case.session.header;
            serde_json::json!({
                "id": case.id(),
                "protocol": case.protocol().name(),
                "level": case.level().name(),
                "title": header.title,
                "spec": header.spec,
                "needs": header.needs,
            })
        })
        .collect();
    let document = serde_json::json!({ "schema": "lockproof.cases/1", "cases": cases });
    anstream::println!("{document:#}");
}
