//! Runs that once failed, again.

use lockproof_sim::run::Run;
use serde::Deserialize;

#[derive(Deserialize)]
struct Regressions {
    regression: Vec<Regression>,
}

#[derive(Deserialize)]
struct Regression {
    what: String,
    word: String,
    run: Run,
}

#[test]
fn every_regression_comes_to_its_word() {
    let text = include_str!("../regressions.toml");
    let Regressions { regression } = toml::from_str(text).expect("regressions.toml can be read");
    assert!(!regression.is_empty());
    for Regression { what, word, run } in regression {
        let outcome = run.outcome();
        assert_eq!(outcome.word(), word, "{what}: {outcome:#?}");
    }
}

#[test]
fn a_run_is_plain_data() {
    let run = lockproof_sim::swarm::draw(lockproof_sim::server::Server::Reference, 4);
    let text = serde_json::to_string(&run).expect("it can be written");
    let read: Run = serde_json::from_str(&text).expect("it can be read");
    assert_eq!(read, run);
}
