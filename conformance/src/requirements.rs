//! The requirements that cases cite, read from the protocol documents.
//!
//! A requirement is one line of `docs/protocols/*.md` (here by a link, so that the crate is complete in itself): `- **MCB-CAS-13** MUST: … _From: …_`.

use std::collections::BTreeMap;

use crate::wire::Protocol;

/// What a protocol document demands.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Requirement {
    /// Whose document it stands in.
    pub protocol: Protocol,
    /// `MUST`, `SHOULD` or `MAY`.
    pub level: String,
    /// The sentence, without its origin.
    pub text: String,
}

const DOCUMENTS: [(Protocol, &str); 6] = [
    (Protocol::Memcached, include_str!("../protocols/memcached-binary.md")),
    (Protocol::Text, include_str!("../protocols/memcached-text.md")),
    (Protocol::Meta, include_str!("../protocols/memcached-meta.md")),
    (Protocol::NetMem, include_str!("../protocols/netmem.md")),
    (Protocol::Locker, include_str!("../protocols/locker.md")),
    (Protocol::Echo, include_str!("../protocols/echo.md")),
];

/// The levels of requirements, most binding first.
pub const LEVELS: [&str; 3] = ["MUST", "SHOULD", "MAY"];

/// All requirements of the documents, by id.
pub fn all() -> BTreeMap<&'static str, Requirement> {
    let lines = DOCUMENTS
        .iter()
        .flat_map(|(protocol, document)| document.lines().map(move |line| (*protocol, line)));
    lines.filter_map(|(protocol, line)| parse(protocol, line)).collect()
}

fn parse(protocol: Protocol, line: &'static str) -> Option<(&'static str, Requirement)> {
    let (id, rest) = line.strip_prefix("- **")?.split_once("** ")?;
    let (level, text) = rest.split_once(": ")?;
    let level = level.split_whitespace().find(|word| LEVELS.contains(word))?;
    let text = text.split(" _From:").next()?.trim();
    Some((id, Requirement { protocol, level: level.to_owned(), text: text.to_owned() }))
}

#[cfg(test)]
mod tests {
    use super::all;

    #[test]
    fn every_document_has_its_requirements() {
        let all = all();
        for (prefix, least) in
            [("MCB-", 190), ("MCT-", 160), ("MCM-", 100), ("NM-", 40), ("LKR-", 70), ("EC-", 9)]
        {
            let count = all.keys().filter(|id| id.starts_with(prefix)).count();
            assert!(count >= least, "{prefix}: {count} requirements, at least {least} expected");
        }
        assert_eq!(all["NM-LOCK-03"].level, "MUST");
        assert!(!all["NM-LOCK-03"].text.contains("_From"));
    }
}
