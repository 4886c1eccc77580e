//! `lockproof coverage`

use std::process::ExitCode;

use clap::{Args, ValueEnum};
use lockproof_conformance::coverage::Coverage as Table;

use crate::arguments::Spoken;
use crate::exit::{Done, Problem};
use crate::output;

/// Show which case tests which requirement
///
/// The requirements are those of docs/protocols. Each is shown with the cases that test it; what cannot be seen on
/// the wire is shown with the reason and the tests that hold it instead. The sums are by protocol and level. A MUST or
/// SHOULD without a test is UNCOVERED; a MAY without one is optional.
///
/// Exit codes: 0 every MUST and SHOULD is tested, 1 one is not, or a citation is wrong.
#[derive(Args, Debug)]
pub(crate) struct Coverage {
    /// Only this protocol (repeatable)
    #[arg(long, value_name = "PROTOCOL", value_enum)]
    protocol: Vec<Spoken>,
    /// Only requirements that nothing tests
    #[arg(long)]
    uncovered: bool,
    /// Text for people, one JSON document (schema lockproof.coverage/1), or Markdown tables
    #[arg(long, value_enum, default_value_t = CoverageFormat::Human)]
    format: CoverageFormat,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum CoverageFormat {
    Human,
    Json,
    Markdown,
}

pub(crate) fn run(arguments: &Coverage) -> Done {
    let protocols: Vec<_> = arguments.protocol.iter().map(|spoken| spoken.wire()).collect();
    let table = Table::of_suite().map_err(Problem::harness)?.of_protocols(&protocols);
    output::print(&match arguments.format {
        CoverageFormat::Human => table.human(arguments.uncovered),
        CoverageFormat::Json => table.json(arguments.uncovered),
        CoverageFormat::Markdown => table.markdown(arguments.uncovered),
    })?;
    Ok(ExitCode::from(u8::from(!table.is_complete())))
}
