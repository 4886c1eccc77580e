//! `lockproof record`

use std::path::Path;
use std::process::ExitCode;

use lockproof_conformance::record::record;
use lockproof_conformance::session::Session;
use lockproof_conformance::target::Target;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};

use crate::arguments::Record;
use crate::exit::{Done, Problem};
use crate::play::targets;

pub(crate) fn run(arguments: &Record) -> Done {
    let upstreams = targets(std::slice::from_ref(&arguments.upstream))?;
    let upstream = upstreams.first().ok_or_else(|| Problem::usage("--upstream names no server"))?;
    // Found out before an hour of traffic is recorded, not after it.
    writable(&arguments.output)?;
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    let session = runtime.map_err(Problem::harness)?.block_on(recorded(arguments, upstream))?;
    std::fs::write(&arguments.output, session.to_string())
        .map_err(|error| unwritable(&arguments.output, &error))?;
    let file = arguments.output.display();
    anstream::eprintln!("{} steps in {file}; play them again with:", session.steps().len());
    anstream::eprintln!("  lockproof replay {file} '{}'", upstream.url);
    Ok(ExitCode::SUCCESS)
}

async fn recorded(arguments: &Record, upstream: &Target) -> Result<Session, Problem> {
    let listener = TcpListener::bind(arguments.listen).await.map_err(|error| {
        Problem::usage(format!("cannot listen on {}: {error}", arguments.listen))
    })?;
    let mut terminate = signal(SignalKind::terminate()).map_err(Problem::harness)?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(Problem::harness)?;
    let address = listener.local_addr().map_err(Problem::harness)?;
    let ready = serde_json::json!({ "ready": true, "listen": { upstream.protocol().name(): address.to_string() } });
    anstream::println!("{ready}");
    anstream::eprintln!(
        "recording what goes from {address} to {}; Ctrl-C ends it",
        upstream.transport
    );
    let stop = async move {
        tokio::select! {
            biased;
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    };
    record(listener, &upstream.transport, upstream.codec, stop).await.map_err(Problem::harness)
}

fn writable(path: &Path) -> Result<(), Problem> {
    let opened = std::fs::OpenOptions::new().append(true).create(true).open(path);
    opened.map(|_| ()).map_err(|error| unwritable(path, &error))
}

fn unwritable(path: &Path, error: &std::io::Error) -> Problem {
    Problem::usage(format!("cannot write {}: {error}", path.display()))
}
