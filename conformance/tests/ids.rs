//! Case ids are stable: none is lost, none is used again, and a new one is written down.
//!
//! `LOCKPROOF_BLESS=1 cargo test -p lockproof-conformance --test ids` adds new ids to `ids.txt`. Nothing is ever taken out
//! of it: a case that is renamed gets a line in `aliases.toml`.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use glob::Pattern;
use lockproof_conformance::aliases::Aliases;
use lockproof_conformance::expectations::Expectations;
use lockproof_conformance::replay::Delivery;
use lockproof_conformance::suite::{self, Selection};

const BLESS: &str = "LOCKPROOF_BLESS=1 cargo test -p lockproof-conformance --test ids";

fn list() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("ids.txt")
}

fn ids(text: &str) -> BTreeSet<&str> {
    text.lines().collect()
}

/// What is wrong with the ids of a suite, in a sentence each.
fn faults(ever: &BTreeSet<&str>, cases: &BTreeSet<&str>, aliases: &Aliases) -> Vec<String> {
    let mut faults: Vec<String> =
        cases.difference(ever).map(|id| format!("{id} is new; write it down: {BLESS}")).collect();
    let mut olds = BTreeSet::new();
    for alias in &aliases.lines {
        let (old, new) = (alias.old.as_str(), alias.new.as_str());
        if !olds.insert(old) {
            faults.push(format!("aliases.toml: {old} stands twice"));
        }
        if !ever.contains(old) {
            faults.push(format!("aliases.toml: {old} never was a case (ids.txt)"));
        }
        if cases.contains(old) {
            faults.push(format!("aliases.toml: {old} is in use again; find another id"));
        }
        if !cases.contains(new) {
            faults.push(format!("aliases.toml: {old} became {new}, which is no case"));
        }
    }
    let lost = ever.iter().filter(|id| !cases.contains(*id) && !olds.contains(*id));
    faults
        .extend(lost.map(|id| format!("{id} is gone; say in aliases.toml what it is called now")));
    faults
}

#[test]
fn no_id_is_lost_or_used_again() {
    let all = suite::all().expect("every session parses");
    let cases: BTreeSet<&str> = all.iter().map(|case| case.id()).collect();
    let mut text = std::fs::read_to_string(list()).unwrap_or_default();
    if std::env::var_os("LOCKPROOF_BLESS").is_some() {
        let ever: Vec<&str> = ids(&text).union(&cases).copied().collect();
        text = ever.join("\n") + "\n";
        std::fs::write(list(), &text).expect("a writable file");
    }
    let found = faults(&ids(&text), &cases, Aliases::bundled());
    assert!(found.is_empty(), "{}", found.join("\n"));
    let sorted: Vec<&str> = ids(&text).into_iter().collect();
    assert_eq!(
        text.lines().collect::<Vec<_>>(),
        sorted,
        "ids.txt is sorted, and says each id once"
    );
}

#[test]
fn every_alias_has_a_reason() {
    for alias in &Aliases::bundled().lines {
        assert!(alias.reason.len() > 20, "{}: a reason is a sentence", alias.old);
    }
}

fn table(lines: &[(&str, &str)]) -> Aliases {
    let line = |(old, new): &(&str, &str)| {
        format!("[[alias]]\nold = \"{old}\"\nnew = \"{new}\"\nreason = \"r\"\n")
    };
    Aliases::parse(&lines.iter().map(line).collect::<String>()).expect("a table")
}

#[test]
fn each_fault_is_named() {
    let found = |ever: &[&str], cases: &[&str], renamed: &[(&str, &str)]| {
        let (ever, cases) = (ever.iter().copied().collect(), cases.iter().copied().collect());
        faults(&ever, &cases, &table(renamed))
    };
    let fine: [String; 0] = [];
    assert_eq!(found(&["a", "b"], &["a", "b"], &[]), fine);
    assert_eq!(found(&["a", "b"], &["b"], &[("a", "b")]), fine);
    assert_eq!(found(&["a"], &["a", "b"], &[]), [format!("b is new; write it down: {BLESS}")]);
    assert_eq!(
        found(&["a", "b"], &["b"], &[]),
        ["a is gone; say in aliases.toml what it is called now"]
    );
    assert_eq!(
        found(&["a", "b"], &["a", "b"], &[("a", "b")]),
        ["aliases.toml: a is in use again; find another id"]
    );
    assert_eq!(
        found(&["a", "b"], &["b"], &[("a", "c")]),
        ["aliases.toml: a became c, which is no case"]
    );
    assert_eq!(
        found(&["b"], &["b"], &[("a", "b")]),
        ["aliases.toml: a never was a case (ids.txt)"]
    );
    assert_eq!(
        found(&["a", "b"], &["b"], &[("a", "b"), ("a", "b")]),
        ["aliases.toml: a stands twice"]
    );
}

#[test]
fn an_old_id_selects_the_case() {
    let all = suite::all().expect("every session parses");
    for alias in &Aliases::bundled().lines {
        let selection = Selection { cases: vec![alias.old.clone()], ..Selection::default() };
        let cases = selection.of(&all).expect("a case");
        assert_eq!(cases.iter().map(|case| case.id()).collect::<Vec<_>>(), [&alias.new]);
    }
}

#[test]
fn globs_reach_a_case_by_the_ids_that_it_had() {
    let aliases = table(&[("echo/old/a", "echo/new/b")]);
    let glob = |text: &str| Pattern::new(text).expect("a glob");
    for text in ["echo/old/a", "echo/old/*", "echo/new/b", "echo/*"] {
        assert!(aliases.matches(&glob(text), "echo/new/b"), "{text}");
        assert!(!aliases.matches(&glob(text), "netmem/other/b"), "{text}");
    }
    assert_eq!(aliases.only_by_old_id(&glob("echo/old/*")).count(), 1);
    assert_eq!(aliases.only_by_old_id(&glob("echo/*")).count(), 0);
    assert_eq!((aliases.current("echo/old/a"), aliases.current("x")), ("echo/new/b", "x"));
}

#[test]
fn expectations_reach_a_case_by_the_ids_that_it_had() {
    let all = suite::all().expect("every session parses");
    for alias in &Aliases::bundled().lines {
        let line = |id: &str| {
            format!("[[expect]]\ncase = \"{id}\"\nverdict = \"fail\"\nreason = \"known\"\n")
        };
        let file =
            Expectations::parse("a.toml", &format!("implementation = \"a\"\n{}", line(&alias.old)));
        let file = file.expect("a file");
        let case = all.iter().find(|case| case.id() == alias.new).expect("a case");
        assert!(file.about(case.id(), Delivery::Whole).is_some(), "{}", alias.old);
        assert!(file.unused(&all).is_empty());
        let both = format!("implementation = \"a\"\n{}{}", line(&alias.old), line(&alias.new));
        let error = Expectations::parse("a.toml", &both).expect_err("one case twice").to_string();
        assert!(error.starts_with("a.toml:7: ") && error.contains("line 3"), "{error}");
    }
}
