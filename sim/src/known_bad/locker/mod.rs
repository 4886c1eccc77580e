//! Lock servers that are wrong on purpose.
//!
//! Table and loop are their own; only the codec is the protocol's. The flawed servers that all protocols have use the
//! same table by its `Meaning`.

mod connection;
mod execute;
mod meaning;
mod table;

pub(crate) use connection::serve;
pub(crate) use table::Keys;

/// A lock server's flaw.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
#[allow(missing_docs, reason = "`about` says it, for people and for the list")]
pub enum Flaw {
    L01,
    L02,
    L03,
    L04,
    L05,
    L06,
    L07,
    L08,
    L09,
    L10,
    L11,
    L12,
    L13,
    L14,
    L15,
    L16,
    L17,
    L18,
    L19,
    L20,
    L21,
    L22,
    L23,
}

/// Name and sentence of each.
const FLAWS: [(Flaw, &str, &str); 23] = [
    (Flaw::L01, "L01", "looks whether a key is free, and grants it later without another look"),
    (Flaw::L02, "L02", "keeps the keys of a session whose stream ended"),
    (Flaw::L03, "L03", "keeps the keys of a session that was reset"),
    (Flaw::L04, "L04", "frees at its end whatever a session ever had, whoever has it now"),
    (Flaw::L05, "L05", "executes what a session had sent after its keys were freed"),
    (Flaw::L06, "L06", "lets anybody release a key"),
    (Flaw::L07, "L07", "answers a release and does nothing"),
    (Flaw::L08, "L08", "keeps the part of a refused batch that came before the key in the way"),
    (Flaw::L09, "L09", "locks the shards of a batch one after another, in the order of its keys"),
    (Flaw::L10, "L10", "grants a batch key by key, and takes it back when one is not free"),
    (Flaw::L11, "L11", "keeps the keys of a session that its replies could not be delivered to"),
    (Flaw::L12, "L12", "has no deadline for the rest of a frame"),
    (Flaw::L13, "L13", "sends while it holds the table's lock"),
    (Flaw::L14, "L14", "takes a client for the session that came from its address before"),
    (Flaw::L15, "L15", "waits for ever for a peer that vanished"),
    (Flaw::L16, "L16", "closes a connection that holds nothing any more"),
    (Flaw::L17, "L17", "throws away what came with a malformed request"),
    (Flaw::L18, "L18", "waits for a body of any length"),
    (Flaw::L19, "L19", "cuts keys at each character of the separator"),
    (Flaw::L20, "L20", "grants a key again to the session that has it"),
    (Flaw::L21, "L21", "remembers who was refused, and grants later to whoever that was"),
    (Flaw::L22, "L22", "lets queries pass whoever waits to change something"),
    (Flaw::L23, "L23", "refuses a batch release and frees a part of it"),
];

impl Flaw {
    /// All of them.
    pub const ALL: [Self; FLAWS.len()] = {
        let mut all = [Self::L01; FLAWS.len()];
        let mut index = 0;
        while index < FLAWS.len() {
            all[index] = FLAWS[index].0;
            index += 1;
        }
        all
    };

    /// Its number in the list of flaws.
    pub const fn name(self) -> &'static str {
        FLAWS[self as usize].1
    }

    /// What it does, in a sentence.
    pub const fn about(self) -> &'static str {
        FLAWS[self as usize].2
    }
}

#[cfg(test)]
mod tests {
    use super::FLAWS;

    #[test]
    fn each_flaw_stands_in_its_place() {
        for (index, (flaw, name, _)) in FLAWS.into_iter().enumerate() {
            assert_eq!((flaw as usize, format!("{flaw:?}")), (index, name.to_owned()));
        }
    }
}
