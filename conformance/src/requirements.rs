//! The requirements that cases cite, read from the protocol documents.
//!
//! A requirement is one line of `docs/protocols/*.md`: `- **MCB-CAS-13** MUST: … _From: …_`.

use std::collections::BTreeMap;

/// What a protocol document demands.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Requirement {
    /// `MUST`, `SHOULD` or `MAY`.
    pub level: String,
    /// The sentence, without its origin.
    pub text: String,
}

const DOCUMENTS: [&str; 4] = [
    include_str!("../../docs/protocols/memcached-binary.md"),
    include_str!("../../docs/protocols/netmem.md"),
    include_str!("../../docs/protocols/locker.md"),
    include_str!("../../docs/protocols/echo.md"),
];

/// All requirements of the four documents, by id.
pub fn all() -> BTreeMap<&'static str, Requirement> {
    DOCUMENTS.iter().flat_map(|document| document.lines()).filter_map(parse).collect()
}

fn parse(line: &'static str) -> Option<(&'static str, Requirement)> {
    let (id, rest) = line.strip_prefix("- **")?.split_once("** ")?;
    let (level, text) = rest.split_once(": ")?;
    let level = level.split_whitespace().find(|word| ["MUST", "SHOULD", "MAY"].contains(word))?;
    let text = text.split(" _From:").next()?.trim();
    Some((id, Requirement { level: level.to_owned(), text: text.to_owned() }))
}

#[cfg(test)]
mod tests {
    use super::all;

    #[test]
    fn every_document_has_its_requirements() {
        let all = all();
        for (prefix, least) in [("MCB-", 190), ("NM-", 40), ("LKR-", 70), ("EC-", 9)] {
            let count = all.keys().filter(|id| id.starts_with(prefix)).count();
            assert!(count >= least, "{prefix}: {count} requirements, at least {least} expected");
        }
        assert_eq!(all["NM-LOCK-03"].level, "MUST");
        assert!(!all["NM-LOCK-03"].text.contains("_From"));
    }
}
