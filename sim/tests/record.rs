//! Recordings: what they hold, and that a run does not notice them.

use lockproof_reference_server::Mark;
use lockproof_sim::known_bad::{KnownBad, pages};
use lockproof_sim::record::{Recording, Wrong};
use lockproof_sim::run::{Clock, Outcome, Run};
use lockproof_sim::scenario::Scenario;
use lockproof_sim::server::Server;
use lockproof_sim::story;
use lockproof_sim::swarm::draw;

fn run(scenario: &str, server: Server) -> Run {
    Scenario::from_name(scenario).unwrap_or_else(|| panic!("no {scenario}")).with(server, 3)
}

fn recorded(scenario: &str, server: Server) -> (Outcome, Recording) {
    run(scenario, server).recorded(&Clock::default())
}

const K01: Server = Server::KnownBad(KnownBad::K01);

#[test]
fn a_run_does_not_notice_its_recording() {
    for (scenario, server) in [
        ("memcached/client-drips", Server::Reference),
        ("netmem/many-clients-die", Server::Reference),
        ("memcached/client-stops-reading", K01),
    ] {
        let run = run(scenario, server);
        assert_eq!(run.outcome().hash, run.recorded(&Clock::default()).0.hash, "{scenario}");
    }
}

/// What is sent comes later, and is whole messages again.
#[test]
fn transfers_arrive_and_are_named() {
    let (outcome, recording) = recorded("memcached/calm", Server::Reference);
    let healthy = || recording.transfers.iter().filter(|one| one.who.starts_with("client"));
    assert!(recording.operations.len() as u64 >= outcome.operations, "{outcome:?}");
    assert!(healthy().count() as u64 > 2 * outcome.operations - 100, "{outcome:?}");
    for transfer in healthy() {
        assert!(transfer.until.is_some_and(|until| until > transfer.since), "{transfer:?}");
        assert!(!transfer.bytes.is_empty(), "{transfer:?}");
    }
    let says = |to_server, text: &str| {
        healthy().any(|one| {
            one.to_server == to_server && one.messages.iter().any(|it| it.starts_with(text))
        })
    };
    assert!(says(true, "get key=") && says(false, "ok get"), "{:#?}", healthy().nth(9));
    let parts = recording.transfers.iter().filter(|one| one.who == "victim-0" && !one.to_server);
    assert!(
        parts.flat_map(|one| &one.messages).any(|it| it.starts_with("ok get")),
        "a big reply in many parts"
    );
}

/// The cause stands in the recording: who held the lock, and whose send had no room.
#[test]
fn who_waits_for_whom_is_seen() {
    let (_, recording) = recorded("memcached/client-stops-reading", K01);
    let stuck: Vec<_> =
        recording.operations.iter().filter(|one| one.fault == Some(Wrong::NeverEnded)).collect();
    assert!(!stuck.is_empty());
    let long = |since: u64, until: Option<u64>| until.unwrap_or(recording.end) - since > 5_000_000;
    let held = recording.claims.iter().find(|one| {
        one.who == "victim-0" && one.granted.is_some_and(|granted| long(granted, one.until))
    });
    assert!(held.is_some(), "{:#?}", recording.claims);
    assert!(recording.waits.iter().any(|one| one.who == "victim-0" && long(one.since, one.until)));
    assert!(
        recording.claims.iter().any(|one| one.granted.is_none() && one.who.starts_with("client"))
    );
}

#[test]
fn page_locks_are_seen() {
    let (_, recording) = recorded("netmem/calm", Server::Reference);
    let mut held: Vec<(u64, u64)> = recording
        .claims
        .iter()
        .filter(|one| one.lock == "page 1")
        .filter_map(|one| one.granted.zip(one.until))
        .collect();
    assert!(held.len() > 5, "{:#?}", recording.claims);
    held.sort_unstable();
    // What the next one is granted, the one before has asked to be unlocked; its own news come later.
    assert!(held.iter().all(|(granted, until)| granted < until), "{held:?}");
}

#[test]
fn a_sentence_says_who_waited_for_whom() {
    let told = |scenario, flaw| {
        let run = run(scenario, Server::KnownBad(flaw));
        let (outcome, recording) = run.recorded(&Clock::default());
        story::tell(&outcome, &recording, &run.plan).expect("it fails")
    };
    let story = told("memcached/client-drips", KnownBad::K04);
    assert!(
        story.starts_with("client ") && story.contains(" in vain: the table was locked (read)"),
        "{story}"
    );
    assert!(story.contains("for victim-0 (it reads drop by drop since 3."), "{story}");
    let story = told("netmem/client-stops-reading", KnownBad::K05);
    assert!(
        story
            .ends_with("left of clients that are gone, after victim-0 at 3.17 s: it stops reading"),
        "{story}"
    );
}

#[test]
fn nothing_is_told_where_all_is_well() {
    let run = run("netmem/calm", Server::Reference);
    let (outcome, recording) = run.recorded(&Clock::default());
    assert_eq!(story::tell(&outcome, &recording, &run.plan), None);
}

/// A lock that went to somebody who is gone: the sentence says that nobody has it, who gave it back, and who went away.
#[test]
fn a_sentence_says_who_was_granted_in_vain() {
    let flaw = Server::KnownBad(KnownBad::Pages(pages::Flaw::P05));
    let tells = |seed: u64| {
        let run = draw(flaw, seed);
        let (outcome, recording) = run.recorded(&Clock::default());
        story::tell(&outcome, &recording, &run.plan)
    };
    let mut stories = (0..60).filter_map(tells);
    let story = stories.find(|story| story.contains(": nobody had page 1 since"));
    let story = story.expect("some waiter is gone");
    assert!(
        story.contains(" had waited for it since ") && story.contains(" its connection ended at "),
        "{story}"
    );
}

/// Where the server has been stands in the recording, with the time.
#[test]
fn places_of_the_server_are_seen() {
    let (outcome, recording) = recorded("memcached/client-stops-reading", Server::Reference);
    let at = recording.places.iter().find(|place| place.what == Mark::WriteDeadline.name());
    assert!(at.is_some_and(|place| place.at > 5_000_000), "{outcome:?}");
}
