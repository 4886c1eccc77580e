//! The recordings of the original programs: imported, held against what is committed, and replayed against the reference
//! server, which must do what the documentation says wherever an original does not.
//!
//! `LOCKPROOF_BLESS=1` rewrites the committed sessions. They are the decoded transcripts: there are no other snapshots.

#[path = "recordings/original.rs"]
mod original;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::Duration;

use lockproof_conformance::record::deviations::Deviations;
use lockproof_conformance::record::import::Recording;
use lockproof_conformance::replay::{Delivery, Options, Played, TcpWorld};
use lockproof_conformance::session::{Scope, Session, Step};
use lockproof_conformance::stage::Stage;
use lockproof_conformance::target::Target;
use lockproof_conformance::wire::{Codec, Protocol};
use lockproof_reference_server::{Embedded, EmbeddedConfig, MemcachedConfig, Speaks};

const TIMEOUT: Duration = Duration::from_secs(10);

/// One recording, the path of its session, and the session that the importer makes.
struct Imported {
    recording: Recording,
    path: PathBuf,
    session: Session,
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("recordings")
}

/// Every recording, imported, in order of their names.
fn imported() -> (Vec<Imported>, Deviations) {
    let text = std::fs::read_to_string(folder().join("deviations.toml")).expect("deviations");
    let mut deviations = Deviations::parse(&text).expect("deviations");
    let mut paths: Vec<PathBuf> = ["echo", "mbserver", "memcached", "netmem"]
        .iter()
        .flat_map(|program| std::fs::read_dir(folder().join(program)).expect("a folder"))
        .map(|entry| entry.expect("an entry").path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "jsonl"))
        .collect();
    paths.sort();
    let all = paths
        .into_iter()
        .map(|path| {
            let text = std::fs::read_to_string(&path).expect("a recording");
            let program =
                path.parent().and_then(Path::file_name).expect("a folder").to_string_lossy();
            let scenario = path.file_stem().expect("a name").to_string_lossy();
            let recording = Recording::parse(&program, &scenario, &text).expect("a recording");
            let session =
                recording.session(&mut deviations).unwrap_or_else(|error| panic!("{error}"));
            Imported { recording, path: path.with_extension("session"), session }
        })
        .collect();
    (all, deviations)
}

#[test]
fn committed_sessions_are_what_the_importer_makes() {
    let (all, _) = imported();
    assert!(all.len() >= 47, "{} recordings", all.len());
    let bless = std::env::var_os("LOCKPROOF_BLESS").is_some();
    let mut stale = Vec::new();
    for Imported { path, session, .. } in &all {
        let text = session.to_string();
        assert_eq!(Session::parse(&text).expect("a session").to_string(), text, "canonical");
        if std::fs::read_to_string(path).unwrap_or_default() != text {
            stale.push(path.display().to_string());
            if bless {
                std::fs::write(path, text).expect("a writable file");
            }
        }
    }
    assert!(bless || stale.is_empty(), "run with LOCKPROOF_BLESS=1 and read the diff: {stale:#?}");
}

#[test]
fn case_ids_are_distinct_and_name_their_protocol() {
    let (all, _) = imported();
    let ids: BTreeSet<String> =
        all.iter().map(|imported| imported.session.header.case.clone()).collect();
    assert_eq!(ids.len(), all.len());
    for Imported { recording, session, .. } in &all {
        assert_eq!(session.header.protocol(), recording.protocol());
        assert!(session.header.case.contains("/recorded/"), "{}", session.header.case);
    }
}

#[test]
fn every_deviation_is_found_and_cites_requirements_that_exist() {
    let (_, deviations) = imported();
    assert_eq!(deviations.unused(), Vec::<String>::new(), "entries that fit no step");
    let documents = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/protocols");
    let text: String = std::fs::read_dir(documents)
        .expect("the protocol documents")
        .map(|entry| std::fs::read_to_string(entry.expect("an entry").path()).expect("a document"))
        .collect();
    let cited = deviations.requirements();
    assert!(!cited.is_empty());
    for (recording, id) in cited {
        assert!(
            text.contains(&format!("**{id}**")),
            "{recording} cites {id}, which no document has"
        );
    }
}

#[test]
fn the_reference_server_does_what_is_documented_in_every_recording() {
    let only = std::env::var("LOCKPROOF_RECORDING").unwrap_or_default();
    let threads = Delivery::ALL.map(|delivery| {
        let only = only.clone();
        std::thread::spawn(move || against_the_reference_server(delivery, &only))
    });
    let problems: Vec<String> =
        threads.into_iter().flat_map(|thread| thread.join().expect("no panic")).collect();
    assert!(problems.is_empty(), "{} problems:\n{}", problems.len(), problems.join("\n"));
}

/// Plays every recording's session, cut into segments in one way; what went wrong.
fn against_the_reference_server(delivery: Delivery, only: &str) -> Vec<String> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .expect("a runtime");
    let (all, _) = imported();
    all.iter()
        .filter(|imported| imported.recording.name.contains(only))
        .filter_map(|imported| {
            let played = runtime.block_on(replay(imported, delivery));
            let complaint = complaint(imported, &played)?;
            Some(format!("[{}] {complaint}", delivery.name()))
        })
        .collect()
}

/// The other half of each alternative: what is written down as recorded is what the original did.
#[test]
fn every_session_accepts_its_own_recording() {
    let only = std::env::var("LOCKPROOF_RECORDING").unwrap_or_default();
    let (all, _) = imported();
    let threads: Vec<_> = all
        .into_iter()
        .filter(|imported| imported.recording.name.contains(&only))
        // Its session has another user and password than the recording.
        .filter(|imported| imported.recording.name != "memcached/sasl_plain")
        .map(|imported| std::thread::spawn(move || against_its_recording(&imported)))
        .collect();
    let problems: Vec<String> =
        threads.into_iter().filter_map(|thread| thread.join().expect("no panic")).collect();
    assert!(problems.is_empty(), "{} recordings:\n{}", problems.len(), problems.join("\n"));
}

/// Plays a session against the bytes that it was made from; what went wrong, if anything.
fn against_its_recording(imported: &Imported) -> Option<String> {
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let Imported { recording, session, .. } = imported;
    let page_length = recording.header.page_length.unwrap_or(0) as usize;
    let played = runtime.block_on(async {
        let address = original::start(recording.events.clone(), recording.protocol()).await;
        let scope = Scope { page_length, ..Scope::default() };
        let codec = Codec::new(recording.protocol());
        let options =
            Options { delivery: Delivery::Whole, timeout: Duration::from_secs(2), seed: 1 };
        lockproof_conformance::replay::play(session, &TcpWorld::new(address), codec, scope, options)
            .await
    });
    // After the last step (line 0) the player asks what nobody asked then.
    let failure = played.failure.as_ref().filter(|failure| failure.line > 0);
    if let Some(failure) = failure {
        return Some(format!(
            "{}:{}: {}\n    {}",
            recording.name, failure.line, failure.step, failure.problem
        ));
    }
    let departs = session.steps().iter().any(|step| matches!(step, Step::Any { .. }));
    (departs && played.lenient.is_empty())
        .then(|| format!("{}: took the documented alternative everywhere", recording.name))
}

/// Plays a recording's session against a reference server of its own.
async fn replay(imported: &Imported, delivery: Delivery) -> Played {
    let header = &imported.recording.header;
    let config = EmbeddedConfig {
        // The originals speak no other one: lines are what they close upon.
        memcached: MemcachedConfig {
            speaks: Speaks::Binary,
            ..EmbeddedConfig::default().memcached
        },
        pages: header.pages.unwrap_or(4),
        page_len: header.page_length.unwrap_or(16),
        ..EmbeddedConfig::default()
    };
    let server = Embedded::start(config).await.expect("ports");
    let played = play(&server, &imported.session, delivery).await;
    server.stop().await;
    played
}

async fn play(server: &Embedded, session: &Session, delivery: Delivery) -> Played {
    let url = match session.header.protocol() {
        Protocol::Memcached | Protocol::Text | Protocol::Meta => {
            let sasl = server.memcached_sasl().port();
            format!(
                "memcached://{}?sasl=user:password&sasl-port={sasl}&fresh=yes",
                server.memcached()
            )
        }
        Protocol::NetMem => format!("netmem://{}?fresh=yes", server.netmem()),
        Protocol::Locker => format!("locker://{}", server.locker()),
        Protocol::Echo => format!("echo://{}", server.echo()),
    };
    let target = Target::parse(&url).expect("a target");
    let stage = Stage::new(target, TIMEOUT).await.expect("a server");
    let options = Options { delivery, timeout: TIMEOUT, seed: 1 };
    stage.play(session, options).await
}

/// What went wrong with a recording, if anything.
fn complaint(imported: &Imported, played: &Played) -> Option<String> {
    let name = &imported.recording.name;
    if let Some(failure) = &played.failure {
        let differences: Vec<String> =
            failure.differences.iter().map(ToString::to_string).collect();
        let (line, step, problem) = (failure.line, &failure.step, &failure.problem);
        return Some(format!(
            "{name}:{line}: {step}\n    {problem}\n    {}",
            differences.join("\n    ")
        ));
    }
    // The first alternative is the documented one: the reference server takes it everywhere.
    (!played.lenient.is_empty())
        .then(|| format!("{name}: took what only the original does: {:?}", played.lenient))
}
