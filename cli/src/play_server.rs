//! `lockproof play`: a session file as the server, to test clients.

use std::fmt::Write as _;
use std::net::SocketAddr;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use clap::{Args, ValueEnum};
use lockproof_conformance::replay::{Delivery, Options, Played};
use lockproof_conformance::report::{Evidence, Form, evidence_in_colour};
use lockproof_conformance::requirements;
use lockproof_conformance::serve_session::serve_session;
use lockproof_conformance::session::{Session, Side};
use lockproof_conformance::suite::{self, Case};
use lockproof_conformance::wire::Codec;
use tokio::net::TcpListener;

use crate::arguments::{duration, form};
use crate::exit::{CODES, Done, Problem};
use crate::{list, output};

/// Be the server of a session file, and judge the client that connects
///
/// A session whose header says `plays  server` waits for a client's requests (its A> lines) and
/// answers them (its A< lines), with every fault that it asks for: replies in pieces, late, for
/// another request, cut short. What the client must not do is reported as in `check`. What the
/// client should be asked to do, and which outcomes are right, stands in the session's `call`
/// lines, is printed before the client comes, and is for whoever drives the client to compare.
///
/// When it is ready it prints one JSON line on stdout, as `serve` does, and then a line or a report
/// for each client.
///
///   lockproof play --list
///   lockproof play memcached/client/wrong-opaque --listen 127.0.0.1:0
///   lockproof play my-case.session --listen 127.0.0.1:11211 --connections 10
#[derive(Args, Debug)]
#[command(verbatim_doc_comment, after_long_help = CODES)]
pub(crate) struct Play {
    /// A session file, or the id of a bundled client case
    #[arg(required_unless_present = "list")]
    file: Option<String>,
    /// Where the client connects (port 0: any free one)
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:0")]
    listen: SocketAddr,
    /// Print the bundled client cases instead of playing one
    #[arg(long)]
    list: bool,
    /// Play it to so many clients, one after the other; each gets it from the beginning
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..))]
    connections: u32,
    /// How replies are cut into writes, where the session does not say so itself
    #[arg(long, value_enum, default_value_t = Cuts::Whole)]
    delivery: Cuts,
    /// The longest wait for one request, once a client has connected, such as 500ms or 5s
    #[arg(long, value_name = "TIME", default_value = "5s", value_parser = duration)]
    timeout: Duration,
    /// How to print the list: text for people, or one JSON document (schema lockproof.cases/1)
    #[arg(long, default_value = Form::Human.name(), value_parser = form())]
    format: Form,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Cuts {
    /// A write per reply
    Whole,
    /// A write per byte
    Bytes,
    /// A write per field
    Fields,
}

pub(crate) fn run(play: &Play) -> Done {
    let bundled = suite::for_clients().map_err(Problem::harness)?;
    let Some(file) = play.file.as_ref().filter(|_| !play.list) else {
        return list::print(&bundled, play.format);
    };
    let case = find(file, &bundled)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.map_err(Problem::harness)?.block_on(rounds(play, &case))
}

/// A bundled case by its id, else a file.
fn find(name: &str, bundled: &[Arc<Case>]) -> Result<Arc<Case>, Problem> {
    if let Some(case) = bundled.iter().find(|case| case.id() == name) {
        return Ok(Arc::clone(case));
    }
    let text = std::fs::read_to_string(name).map_err(|error| {
        Problem::usage(format!(
            "{name}: {error}\n  `lockproof play --list` shows the bundled client cases"
        ))
    })?;
    let session =
        Session::parse(&text).map_err(|error| Problem::usage(format!("{name}: {error}")))?;
    if session.header.plays != Side::Server {
        return Err(Problem::usage(format!(
            "{name} plays the client: `lockproof replay` plays it against a server. A session that is a server has the \
             header line `plays  server`"
        )));
    }
    Ok(Arc::new(Case { session, path: name.to_owned() }))
}

async fn rounds(play: &Play, case: &Case) -> Done {
    let listener = TcpListener::bind(play.listen)
        .await
        .map_err(|error| Problem::usage(format!("cannot listen on {}: {error}", play.listen)))?;
    let address = listener.local_addr().map_err(Problem::harness)?;
    explain(case);
    let ready = serde_json::json!({ "ready": true, "listen": { case.protocol().name(): address.to_string() } });
    output::print(&ready.to_string())?;
    let delivery = match play.delivery {
        Cuts::Whole => Delivery::Whole,
        Cuts::Bytes => Delivery::Bytes,
        Cuts::Fields => Delivery::Fields,
    };
    let options = Options { delivery, timeout: play.timeout, seed: 0 };
    let mut failed = false;
    for _ in 0..play.connections {
        let played =
            serve_session(&case.session, &listener, options).await.map_err(Problem::usage)?;
        failed |= played.failure.is_some();
        output::print(&verdict(case, played))?;
    }
    Ok(ExitCode::from(u8::from(failed)))
}

/// What somebody has to make the client do.
fn explain(case: &Case) {
    let header = &case.session.header;
    anstream::eprintln!("{}: {}", case.id(), header.title.as_deref().unwrap_or_default());
    for call in &header.calls {
        anstream::eprintln!("  ask the client for: {call}");
    }
}

fn verdict(case: &Case, played: Played) -> String {
    let Some(failure) = played.failure else { return format!("pass  {}", case.id()) };
    let mut text = format!("FAIL  {}\n", case.id());
    let requirements = requirements::all();
    for id in &case.session.header.spec {
        if let Some(requirement) = requirements.get(id.as_str()) {
            let _ = writeln!(text, "  {id} {}: {}", requirement.level, requirement.text);
        }
    }
    let bundled = case.path == format!("{}.session", case.id());
    let file = format!("{}{}", if bundled { "client_sessions/" } else { "" }, case.path);
    let place = match failure.line {
        0 => format!("{file}, after the last step"),
        line => format!("{file}, line {line}"),
    };
    let codec = Codec { plays: Side::Server, ..Codec::new(case.protocol()) };
    let evidence = Evidence { failure, transcript: played.transcript, codec };
    evidence_in_colour(&mut text, &evidence, &place);
    text
}
