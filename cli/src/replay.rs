//! `lockproof replay`

use std::sync::Arc;

use lockproof_conformance::session::{Level, Session, Side};
use lockproof_conformance::suite::Case;

use crate::arguments::Replay;
use crate::exit::{Done, Problem};
use crate::play::{ExpectationsChoice, Play, deliveries, targets};

pub(crate) fn run(replay: &Replay) -> Done {
    let path = replay.file.display().to_string();
    let text = std::fs::read_to_string(&replay.file)
        .map_err(|error| Problem::usage(format!("{path}: {error}")))?;
    let mut session =
        Session::parse(&text).map_err(|error| Problem::usage(format!("{path}: {error}")))?;
    if session.header.plays == Side::Server {
        return Err(Problem::usage(format!(
            "{path} plays the server: `lockproof play` plays it to a client"
        )));
    }
    // Whoever plays a file wants to know whether it passes, also if its level would never fail a suite.
    session.header.level = Level::Must;
    let targets = targets(replay.target.as_slice())?;
    let protocol = session.header.protocol();
    if let Some(other) = targets.iter().find(|target| target.protocol() != protocol) {
        let (wanted, given) = (protocol.name(), other.protocol().name());
        return Err(Problem::usage(format!(
            "{path} is a session for {wanted}; the target speaks {given}"
        )));
    }
    let play = Play {
        cases: vec![Arc::new(Case { session, path: path.clone() })],
        run: &replay.run,
        deliveries: deliveries(replay.delivery),
        jobs: 1,
        strict: true,
        // Whoever plays a file by name wants what is in it.
        allow_flush: true,
        save: None,
        expectations: ExpectationsChoice::None,
        file: Some(path),
        options: replay.run.words(),
    };
    play.against(targets)
}
