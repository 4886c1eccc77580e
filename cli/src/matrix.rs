//! `lockproof matrix`

#![allow(clippy::doc_markdown, reason = "these comments are printed in a terminal")]

use std::path::Path;
use std::process::ExitCode;

use clap::{Args, ValueEnum};
use lockproof_conformance::report::matrix::{Matrix, Rows};

use crate::exit::{Done, Problem};
use crate::output;

/// Put reports side by side: which server does what
///
/// A column is a JSON report of `lockproof check`, named after its file or by NAME=FILE; a row is a
/// case, with the worst verdict of its deliveries. First comes the summary by group, then every case
/// that fails somewhere. A file may hold several reports, with names of their own (python -m
/// lockproof.sweep --targets).
///
/// --where chooses cases by what the columns say of them:
///
///   COLUMN=VERDICT    COLUMN!=VERDICT    COLUMN=VERDICT|VERDICT    differ
///
/// Terms side by side must all hold; of several --where one must. COLUMN may be `all` or `any`;
/// VERDICT is pass, fail, unsupported, blocked, error or absent (not in that report). pass and fail
/// say what the server did; expected-fail and unexpected-pass, what was expected of it. `differ`:
/// two columns that have the case disagree.
///
/// Examples:
///
///   lockproof check memcached://127.0.0.1:11211 --output memcached.json
///   lockproof check --output reference.json
///   lockproof matrix memcached.json reference.json
///   lockproof matrix memcached.json reference.json --where 'memcached=fail reference=pass'
///   lockproof matrix old=a.json new=b.json --where 'old=pass new!=pass' --format json
#[derive(Args, Debug)]
#[command(
    name = "matrix",
    verbatim_doc_comment,
    after_long_help = "Exit codes:\n  0  the matrix was printed\n  2  usage: no report, another schema, a column twice, a query that cannot be read"
)]
pub(crate) struct MatrixArguments {
    /// Reports, as JSON
    #[arg(value_name = "FILE|NAME=FILE", required = true)]
    reports: Vec<String>,
    /// Only cases that fit this query (repeatable: one of them)
    #[arg(long = "where", value_name = "QUERY")]
    queries: Vec<String>,
    /// Only cases of this id or glob (repeatable)
    #[arg(long = "case", value_name = "GLOB")]
    cases: Vec<String>,
    /// Only the summary by group
    #[arg(long, conflicts_with = "all")]
    summary: bool,
    /// Also list cases that fail nowhere
    #[arg(long)]
    all: bool,
    /// What goes to standard output; json and html hold every case that was asked for
    #[arg(long, value_enum, default_value_t = MatrixFormat::Human)]
    format: MatrixFormat,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum MatrixFormat {
    /// Text for people
    Human,
    /// One JSON document (schema lockproof.matrix/1)
    Json,
    /// Tables, for forges
    Markdown,
    /// One page for browsers
    Html,
}

pub(crate) fn run(arguments: &MatrixArguments) -> Done {
    let reports: Result<Vec<_>, Problem> =
        arguments.reports.iter().map(|argument| report(argument)).collect();
    let matrix = Matrix::of(&reports?)
        .and_then(|matrix| matrix.of_cases(&arguments.cases))
        .and_then(|matrix| matrix.only(&arguments.queries))
        .map_err(Problem::usage)?;
    let rows = match (arguments.summary, arguments.all) {
        (true, _) => Rows::None,
        (false, true) => Rows::All,
        (false, false) => Rows::Telling,
    };
    output::print(&match arguments.format {
        MatrixFormat::Human => matrix.human(rows),
        MatrixFormat::Json => matrix.json(),
        MatrixFormat::Markdown => matrix.markdown(rows),
        MatrixFormat::Html => matrix.html(),
    })?;
    Ok(ExitCode::SUCCESS)
}

/// The column's name, and what is in its file.
fn report(argument: &str) -> Result<(String, String), Problem> {
    // `a/b=c.json` is a path.
    let named = argument.split_once('=').filter(|(name, _)| !name.contains('/'));
    let stem =
        || Path::new(argument).file_stem().unwrap_or_default().to_string_lossy().into_owned();
    let (name, path) =
        named.map_or_else(|| (stem(), argument), |(name, path)| (name.to_owned(), path));
    let text = std::fs::read_to_string(path)
        .map_err(|error| Problem::usage(format!("{path}: {error}")))?;
    Ok((name, text))
}
