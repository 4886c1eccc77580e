//! Expectations about servers that are not at hand: each line names a recording, or a documented deviation, that shows it.

use std::path::Path;

use lockproof_conformance::expectations::{Expectation, Expectations};
use lockproof_conformance::record::deviations::Deviations;
use lockproof_conformance::suite;
use lockproof_conformance::wire::Protocol;

/// File, protocol, and the document that lists what was seen of the original, by requirement.
const DERIVED: [(&str, Protocol, &str); 2] = [
    ("mbserver", Protocol::Memcached, ""),
    ("netmem-original", Protocol::NetMem, "docs/protocols/netmem.md"),
];

fn root() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn bundled(name: &str) -> Expectations {
    let all = Expectations::bundled().expect("every file parses");
    all.into_iter().find(|file| file.name == name).expect(name)
}

/// The requirements that a reason cites.
fn cited(line: &Expectation) -> Vec<&str> {
    let word = |word: &str| word.starts_with("MCB-") || word.starts_with("NM-");
    let words = line.reason.split(|c: char| !c.is_ascii_alphanumeric() && c != '-');
    words.filter(|text| word(text)).collect()
}

#[test]
fn every_line_is_about_a_case_of_the_servers_protocol() {
    let cases = suite::all().expect("every session parses");
    for (name, protocol, _) in DERIVED {
        let file = bundled(name);
        assert!(file.lines.len() > 20, "{name}: {} lines", file.lines.len());
        for line in &file.lines {
            let about = cases.iter().filter(|case| line.names(case.id()));
            let protocols: Vec<Protocol> = about.map(|case| case.protocol()).collect();
            let right = !protocols.is_empty() && protocols.iter().all(|other| *other == protocol);
            assert!(right, "{name}.toml:{}: {}", line.line, line.case);
        }
    }
}

/// These servers do not tell what they are: chosen by themselves, the files would be held against other servers.
#[test]
fn files_about_servers_that_cannot_be_told_apart_are_chosen_by_name() {
    for (name, ..) in DERIVED {
        assert_eq!(bundled(name).versions, None, "{name}");
    }
}

#[test]
fn every_line_has_a_recording_or_a_documented_deviation() {
    let text = std::fs::read_to_string(root().join("conformance/recordings/deviations.toml"));
    let deviations = Deviations::parse(&text.expect("deviations.toml")).expect("deviations");
    let recorded = deviations.requirements();
    for (name, _, document) in DERIVED {
        let documented = known_deviations(document);
        for line in &bundled(name).lines {
            let place = format!("{name}.toml:{}: {}", line.line, line.case);
            let cited = cited(line);
            assert!(!cited.is_empty(), "{place} cites no requirement");
            match &line.recording {
                Some(recording) => {
                    let file = root().join(format!("conformance/recordings/{recording}.jsonl"));
                    assert!(file.is_file(), "{place}: there is no recording {recording}");
                    let shows = |id: &&str| {
                        recorded.iter().any(|(glob, found)| {
                            found == id
                                && glob::Pattern::new(glob)
                                    .is_ok_and(|glob| glob.matches(recording))
                        })
                    };
                    assert!(
                        cited.iter().any(shows),
                        "{place}: deviations.toml has nothing about {cited:?} in {recording}"
                    );
                }
                None => assert!(
                    cited.iter().any(|id| documented.contains(*id)),
                    "{place}: no recording, and no known deviation of {cited:?} in `{document}`"
                ),
            }
        }
    }
}

/// The table of what is known of the original.
fn known_deviations(document: &str) -> String {
    if document.is_empty() {
        return String::new();
    }
    let text = std::fs::read_to_string(root().join(document)).expect(document);
    let at = text.find("## Known deviations of the original").expect("the table");
    text[at..].to_owned()
}
