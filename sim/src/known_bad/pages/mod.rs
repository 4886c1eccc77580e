//! NetMem servers whose page locks are wrong on purpose. Table and loop are their own; only the codec is the protocol's.

mod connection;
mod table;

pub(crate) use connection::serve;

/// A flaw of page locks.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
#[allow(missing_docs, reason = "`about` says it, for people and for the list")]
pub enum Flaw {
    P01,
    P02,
    P03,
    P04,
    P05,
    P06,
    P07,
    P08,
    P09,
    P10,
    P11,
}

/// Name and sentence of each.
const FLAWS: [(Flaw, &str, &str); 11] = [
    (Flaw::P01, "P01", "keeps the pages of a session whose stream ended"),
    (Flaw::P02, "P02", "keeps the pages of a session that was reset"),
    (Flaw::P03, "P03", "waits for ever for a holder that vanished"),
    (Flaw::P04, "P04", "frees at its end the pages that a session ever had, whoever has them now"),
    (Flaw::P05, "P05", "grants a page to a waiter that is gone"),
    (Flaw::P06, "P06", "lets anybody unlock a page"),
    (Flaw::P07, "P07", "answers an unlock and keeps the lock"),
    (Flaw::P08, "P08", "grants a page to all who wait for it"),
    (Flaw::P09, "P09", "has no deadline for the rest of a frame"),
    (Flaw::P10, "P10", "takes a client for the session that came from its address before"),
    (Flaw::P11, "P11", "executes what a session had sent after its pages were freed"),
];

impl Flaw {
    /// All of them.
    pub const ALL: [Self; FLAWS.len()] = {
        let mut all = [Self::P01; FLAWS.len()];
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
