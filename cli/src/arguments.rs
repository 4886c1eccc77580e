//! What can be asked for on the command line. The help texts are the manual.

#![allow(clippy::doc_markdown, reason = "these comments are printed in a terminal")]

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::builder::{PossibleValue, PossibleValuesParser, TypedValueParser};
use clap::{Args, Parser, Subcommand, ValueEnum};
use lockproof_conformance::report::Form;
use lockproof_conformance::wire;

use crate::coverage::Coverage;
use crate::exit::CODES;
use crate::matrix::MatrixArguments;
use crate::output::Output;
use crate::serve::Serve;
use crate::sim::Sim;
use crate::top::Top;

/// Conformance checks, a reference server, recording and replay for small TCP protocols
///
/// The protocols are memcached (binary), NetMem, Locker and echo. A server is named by a URL:
///
///   lockproof check memcached://127.0.0.1:11211    judge a server that you run
///   lockproof check                                judge the built-in reference server
///   lockproof serve                                run the reference server
///   lockproof top                                  watch it: who holds what, and who waits
///   lockproof record --listen 127.0.0.1:9000 --upstream memcached://127.0.0.1:11211 \
///                    --output a.session            record what clients and a server say
///   lockproof replay a.session                     play it again, and compare
///   lockproof matrix a.json b.json                 put reports of several servers side by side
///   lockproof sim                                  break clients in a simulated network
#[derive(Debug, Parser)]
#[command(
    name = "lockproof",
    version,
    propagate_version = true,
    verbatim_doc_comment,
    after_long_help = CODES,
    max_term_width = 100
)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) verb: Verb,
}

// The verbs have no comments of their own: those would take the place of their structs' texts.
#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    Check(Check),
    Serve(Box<Serve>),
    Top(Top),
    Record(Record),
    Replay(Replay),
    Coverage(Coverage),
    Matrix(MatrixArguments),
    Play(crate::play_server::Play),
    Sim(Sim),
    /// One client of `serve --echo-mode process`
    #[command(hide = true)]
    EchoChild,
    /// The runs of `sim`, one a line
    #[command(hide = true)]
    SimWorker,
}

/// Judge a server, case by case
///
/// A case is one behaviour that the protocol's document asks for; --list shows them all. Each is
/// played with its requests cut into writes in several ways (--delivery). A failure is shown with
/// its requirement, the bytes both ways, and the command that runs it again.
///
/// A server in use can be judged: nothing is flushed, keys have a prefix of their own and are
/// removed, NetMem pages are put back as they were.
///
///   memcached://HOST:PORT   ?sasl=USER:PASSWORD  ?sasl-port=N  ?max-value=N
///                           ?evicts-port=N  ?refuses-port=N (full servers, see below)
///                           (binary, text and meta: each that the server speaks)
///   netmem://HOST:PORT      ?pages=A..B (touch only these)  ?max-page=N
///   locker://HOST:PORT      ?layout=natural|packed  ?results=small|errno
///                           ?max-body=N  ?max-keys=N  ?max-key=N
///   echo://HOST:PORT
///
/// Several options are joined by &; put the URL in quotes then. ?fresh=yes says that nobody has
/// used this server before and nobody else does: some cases need that. What a full server does is
/// judged at two more, with 1 MiB of memory, which are filled and flushed: ?evicts-port leads to
/// one started as memcached -m 1 -I 512k, ?refuses-port to one with -M as well.
///
/// Examples:
///
///   lockproof check memcached://127.0.0.1:11211 --protocol text --protocol meta
///   lockproof check memcached://127.0.0.1:11211 --case 'memcached/cas/*'
///   lockproof check 'locker://127.0.0.1:10002?layout=packed&results=errno' --format json
///   lockproof check --output junit.xml --output report.html
#[derive(Args, Debug)]
#[command(verbatim_doc_comment, after_long_help = CODES)]
pub(crate) struct Check {
    /// Servers to judge, as URLs [default: the built-in reference server, every protocol]
    #[arg(value_name = "TARGET")]
    pub(crate) targets: Vec<String>,
    /// Print the selected cases instead of running them
    #[arg(long)]
    pub(crate) list: bool,
    /// Only cases of this id or glob, such as 'memcached/cas/*' (repeatable)
    #[arg(long = "case", value_name = "GLOB")]
    pub(crate) cases: Vec<String>,
    /// Only cases of this level (repeatable)
    #[arg(long = "level", value_name = "LEVEL")]
    pub(crate) levels: Vec<Level>,
    /// Only cases of this protocol (repeatable)
    #[arg(long = "protocol", value_name = "PROTOCOL")]
    pub(crate) protocols: Vec<Spoken>,
    /// A failed "should" fails the run too
    #[arg(long)]
    pub(crate) strict: bool,
    /// Also run cases that empty the whole server
    #[arg(long)]
    pub(crate) allow_flush: bool,
    /// Known deviations: a file, a bundled one by its name, or 'none' [default: the bundled one for that implementation]
    ///
    /// They are expected to fail; one that passes fails the run. Bundled: memcached-1.6.18, and,
    /// by name only, because these servers do not tell what they are, mbserver and
    /// netmem-original (the original NetMem server). A TOML file:
    ///
    ///   implementation = "memcached"
    ///   versions = ">=1.6.18, <1.6.25"
    ///   [[expect]]
    ///   case = "memcached/tch/value-is-refused"    # an id or a glob
    ///   verdict = "fail"                           # or "flaky": it may pass
    ///   reason = "TOUCH does not check for a value"
    #[arg(long, value_name = "FILE|NAME|none", verbatim_doc_comment)]
    #[expect(
        rustdoc::broken_intra_doc_links,
        reason = "the help shows TOML, in which [[…]] is a table"
    )]
    pub(crate) expectations: Option<PathBuf>,
    /// Make this expectations file true of this run (a new one, if there is none)
    ///
    /// What fails gets a line, with a reason for you to write; what passes loses its line, or
    /// those deliveries in which it passed. Comments, order, lines that say "flaky" and lines of
    /// cases that were not run stay as they are. The run is judged by the file as it was before,
    /// and the exit code is that of the run. Needs one TARGET.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["expectations", "list"], verbatim_doc_comment)]
    pub(crate) bless: Option<PathBuf>,
    /// Write the session of each failing case into this directory, to be edited and played with `lockproof replay`
    #[arg(long, value_name = "DIR")]
    pub(crate) save: Option<PathBuf>,
    /// How requests are cut into writes
    #[arg(long, value_enum, default_value_t = DeliveryChoice::All)]
    pub(crate) delivery: DeliveryChoice,
    /// Cases at work at the same time (those that only wait for an expiry do not count)
    #[arg(long, value_name = "N", default_value_t = 16, value_parser = clap::value_parser!(u16).range(1..))]
    pub(crate) jobs: u16,
    #[command(flatten)]
    pub(crate) run: Run,
}

/// What `check` and `replay` share.
#[derive(Args, Debug)]
pub(crate) struct Run {
    /// Keys and opaques are derived from it, so that a run can be repeated [default: random, and
    /// printed]
    #[arg(long, value_name = "N")]
    pub(crate) seed: Option<u64>,
    /// The longest wait for one reply, such as 500ms or 5s
    #[arg(long, value_name = "TIME", default_value = "5s", value_parser = duration)]
    pub(crate) timeout: Duration,
    /// What is not played by then is not played at all, and the run is inconclusive
    #[arg(long, value_name = "TIME", default_value = "15m", value_parser = duration)]
    pub(crate) max_time: Duration,
    /// What goes to standard output
    #[arg(long, default_value = Form::Human.name(), value_parser = form())]
    pub(crate) format: Form,
    /// Also write the report into this file (repeatable)
    ///
    /// The name's ending says in which form: .json, .xml (JUnit), .tap, .md, .html or .txt. FORMAT=FILE
    /// takes any name.
    #[arg(long = "output", value_name = "FILE|FORMAT=FILE")]
    pub(crate) outputs: Vec<Output>,
}

impl Run {
    /// What a run under another timeout needs to be repeated.
    pub(crate) fn words(&self) -> Vec<String> {
        if self.timeout == TIMEOUT {
            return Vec::new();
        }
        vec!["--timeout".to_owned(), format!("{}ms", self.timeout.as_millis())]
    }
}

/// What a case is said in.
#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
pub(crate) enum Spoken {
    /// memcached's binary protocol (also: binary)
    #[value(alias = "binary")]
    Memcached,
    /// memcached's classic text protocol
    Text,
    /// memcached's meta commands
    Meta,
    /// NetMem
    Netmem,
    /// locker
    Locker,
    /// echo
    Echo,
}

impl Spoken {
    /// As the judge names it.
    pub(crate) const fn wire(self) -> wire::Protocol {
        match self {
            Self::Memcached => wire::Protocol::Memcached,
            Self::Text => wire::Protocol::Text,
            Self::Meta => wire::Protocol::Meta,
            Self::Netmem => wire::Protocol::NetMem,
            Self::Locker => wire::Protocol::Locker,
            Self::Echo => wire::Protocol::Echo,
        }
    }
}

/// The default of `--timeout`.
const TIMEOUT: Duration = Duration::from_secs(5);

/// Write a session file from live traffic: a proxy between clients and a server.
///
/// Point clients at the listening address. Ctrl-C or SIGTERM ends the recording and writes the file; play it again with
/// `lockproof replay`. When it is ready it prints one JSON line on stdout, as `serve` does. Bytes are never delayed or
/// altered on their way.
#[derive(Args, Debug)]
#[command(after_long_help = CODES)]
pub(crate) struct Record {
    /// Where clients connect (port 0: any free one)
    #[arg(long, value_name = "ADDR")]
    pub(crate) listen: SocketAddr,
    /// The server, as a target URL
    #[arg(long, value_name = "URL")]
    pub(crate) upstream: String,
    /// The session file to write
    #[arg(long, value_name = "FILE")]
    pub(crate) output: PathBuf,
}

/// Play a session file against a server, and compare its replies
///
/// A session file holds what clients send and what must come back, as plain text: `record` writes
/// one, and docs/session-format.md describes the form.
///
///   lockproof replay a.session memcached://127.0.0.1:11211
///   lockproof replay a.session --delivery all
#[derive(Args, Debug)]
#[command(verbatim_doc_comment, after_long_help = CODES)]
pub(crate) struct Replay {
    /// The session file
    pub(crate) file: PathBuf,
    /// The server, as a URL (`lockproof check --help` lists the options) [default: the built-in
    /// reference server]
    pub(crate) target: Option<String>,
    /// How requests are cut into writes
    #[arg(long, value_enum, default_value_t = DeliveryChoice::Whole)]
    pub(crate) delivery: DeliveryChoice,
    #[command(flatten)]
    pub(crate) run: Run,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
pub(crate) enum Protocol {
    Memcached,
    Netmem,
    Locker,
    Echo,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum Level {
    /// Required: a failure fails the run
    Must,
    /// Recommended: a failure fails the run with --strict
    Should,
    /// Not written down, but programs rely on it: a failure fails the run
    DeFacto,
    /// Worth knowing: never fails the run
    Info,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum DeliveryChoice {
    /// A write per request
    Whole,
    /// A write per byte
    Bytes,
    /// A write per field
    Fields,
    /// Neighbouring requests in one write
    Coalesced,
    /// All of them, one after the other
    All,
}

/// The forms of a report as values of an option, each with its help.
pub(crate) fn form() -> impl TypedValueParser<Value = Form> {
    let value = |form: Form| PossibleValue::new(form.name()).help(form.about());
    PossibleValuesParser::new(Form::ALL.map(value))
        .try_map(|name| Form::from_name(&name).ok_or("no form of a report"))
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum Layout {
    /// 16 bytes
    Natural,
    /// 13 bytes
    Packed,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum Results {
    /// 0 to 7
    Small,
    /// Linux errno values
    Errno,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum EchoMode {
    /// A task of the server
    Task,
    /// A process for each client
    Process,
}

/// `200ms`, `5s`, `1.5s`, `2m`.
pub(crate) fn duration(text: &str) -> Result<Duration, String> {
    let unit = text.find(|c: char| c.is_ascii_alphabetic()).unwrap_or(text.len());
    let (number, unit) = text.split_at(unit);
    let scale = match unit {
        "ms" => 0.001,
        "s" | "" => 1.0,
        "m" => 60.0,
        _ => {
            return Err(
                "a time is a number with ms, s or m behind it, such as 500ms or 5s".to_owned()
            );
        }
    };
    let number: f64 = number.parse().map_err(|_| format!("`{number}` is not a number"))?;
    Duration::try_from_secs_f64(number * scale)
        .ok()
        .filter(|time| !time.is_zero())
        .ok_or_else(|| "a time must be above 0".to_owned())
}

/// `1048576`, `512k`, `1m`: memcached's spelling and its bounds, 1k to 1024m.
pub(crate) fn size(text: &str) -> Result<usize, String> {
    let lower = text.to_ascii_lowercase();
    let (number, scale) = match (lower.strip_suffix('k'), lower.strip_suffix('m')) {
        (Some(number), _) => (number, 1 << 10),
        (_, Some(number)) => (number, 1 << 20),
        _ => (lower.as_str(), 1),
    };
    let number: usize =
        number.parse().map_err(|_| "a size is a number, with k or m behind it".to_owned())?;
    let bytes = number.checked_mul(scale).filter(|bytes| (1 << 10..=1 << 30).contains(bytes));
    bytes.ok_or_else(|| "a size from 1k to 1024m".to_owned())
}
