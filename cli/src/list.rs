//! `lockproof check --list`

use std::fmt::Write;
use std::process::ExitCode;
use std::sync::Arc;

use lockproof_conformance::report::Form;
use lockproof_conformance::session::Call;
use lockproof_conformance::suite::Case;

use crate::exit::{Done, Problem};
use crate::output;

pub(crate) fn print(cases: &[Arc<Case>], format: Form) -> Done {
    output::print(&match format {
        Form::Human => human(cases),
        Form::Json => json(cases),
        _ => return Err(Problem::usage("a list has --format human or json")),
    })?;
    Ok(ExitCode::SUCCESS)
}

fn human(cases: &[Arc<Case>]) -> String {
    let mut text = String::new();
    let width = cases.iter().map(|case| case.id().len()).max().unwrap_or_default();
    for case in cases {
        let title = case.session.header.title.as_deref().unwrap_or_default();
        let (id, level) = (case.id(), case.level().name());
        let _ = writeln!(text, "{id:<width$}  {level:<8}  {title}");
    }
    text
}

/// Arguments are bytes, in hexadecimal.
fn call(call: &Call) -> serde_json::Value {
    let hex = |bytes: &Vec<u8>| -> String {
        bytes.iter().fold(String::new(), |hex, byte| format!("{hex}{byte:02x}"))
    };
    let arguments: Vec<String> = call.arguments.iter().map(hex).collect();
    serde_json::json!({ "name": call.name, "arguments": arguments, "right": call.right })
}

fn json(cases: &[Arc<Case>]) -> String {
    let cases: Vec<_> = cases
        .iter()
        .map(|case| {
            let header = &case.session.header;
            let mut line = serde_json::json!({
                "id": case.id(),
                "protocol": case.protocol().name(),
                "level": case.level().name(),
                "title": header.title,
                "spec": header.spec,
                "needs": header.needs,
            });
            if !header.calls.is_empty() {
                line["calls"] = header.calls.iter().map(call).collect();
            }
            line
        })
        .collect();
    let document = serde_json::json!({ "schema": "lockproof.cases/1", "cases": cases });
    format!("{document:#}")
}
