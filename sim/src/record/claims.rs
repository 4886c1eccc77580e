//! Who had which lock, as the bytes say, whatever the server is: a lock is asked for when its request arrives, had when its
//! reply leaves, and given back when the release arrives or the server ends the connection.
//!
//! Only locks that several clients name are told of.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use super::{Claim, Transfer};

/// What happens on one connection, and what its messages are.
#[derive(Debug)]
pub(super) struct Talk<'a> {
    pub(super) transfers: Vec<(&'a Transfer, Vec<String>)>,
    /// When the server ended it.
    pub(super) ended: Option<u64>,
}

/// The claims of all connections.
pub(super) fn of(talks: &[Talk<'_>]) -> Vec<Claim> {
    let mut named: BTreeMap<String, BTreeSet<&str>> = BTreeMap::new();
    let mut claims = Vec::new();
    for talk in talks {
        let mut reader = Reader::default();
        for (at, who, to_server, message) in talk.messages() {
            if to_server {
                let request = Request::of(message);
                for lock in &request.locks {
                    named.entry(lock.clone()).or_default().insert(who);
                }
                reader.asked(request, who, at);
            } else {
                reader.answered(message, at);
            }
        }
        claims.extend(reader.end(talk.ended));
    }
    claims.retain(|claim| named.get(&claim.lock).is_some_and(|who| who.len() > 1));
    claims.sort_by_key(|claim| claim.since);
    claims
}

impl Talk<'_> {
    /// In order of the server's time: a request counts when it has arrived, a reply when it leaves.
    fn messages(&self) -> Vec<(u64, &str, bool, &str)> {
        let mut all = Vec::new();
        for (transfer, messages) in &self.transfers {
            let to_server = transfer.to_server;
            let at = if to_server { transfer.until } else { Some(transfer.since) };
            let Some(at) = at else { continue };
            all.extend(messages.iter().map(|text| (at, &*transfer.who, to_server, &**text)));
        }
        all.sort_by_key(|(at, ..)| *at);
        all
    }
}

/// What a request does to locks.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Verb {
    /// NetMem: is answered when the page is free.
    Lock,
    Unlock,
    /// Locker: is answered at once.
    Get,
    Release,
    Other,
}

#[derive(Debug)]
struct Request {
    verb: Verb,
    locks: Vec<String>,
}

impl Request {
    /// Of a message as sessions write it.
    fn of(message: &str) -> Self {
        let mut words = message.split_whitespace();
        let verb = words.next().unwrap_or_default();
        let page = |words: &mut dyn Iterator<Item = &str>| {
            let number = words.next().and_then(|word| word.strip_prefix("page="));
            number.map(|number| format!("page {number}")).into_iter().collect()
        };
        let keys = |words: &mut dyn Iterator<Item = &str>| {
            words.map(|key| format!("key {}", key.trim_matches('"'))).collect()
        };
        let (verb, locks) = match verb {
            "lock" => (Verb::Lock, page(&mut words)),
            "unlock" => (Verb::Unlock, page(&mut words)),
            "get" | "batch_get" => (Verb::Get, keys(&mut words)),
            "release" | "batch_release" => (Verb::Release, keys(&mut words)),
            "query" | "batch_query" => (Verb::Other, keys(&mut words)),
            _ => (Verb::Other, Vec::new()),
        };
        Self { verb, locks }
    }
}

/// Reads one connection.
#[derive(Debug, Default)]
struct Reader {
    claims: Vec<Claim>,
    /// Requests without a reply, and their claims.
    open: VecDeque<(Verb, Vec<String>, Vec<usize>, u64)>,
    /// What is had, by the claim's place.
    had: BTreeMap<String, usize>,
}

impl Reader {
    fn asked(&mut self, Request { verb, locks }: Request, who: &str, at: u64) {
        let mut claims = Vec::new();
        if matches!(verb, Verb::Lock | Verb::Get) {
            let how = if verb == Verb::Lock { "lock" } else { "get" }.to_owned();
            for lock in &locks {
                claims.push(self.claims.len());
                let (lock, how, who) = (lock.clone(), how.clone(), who.to_owned());
                self.claims.push(Claim { lock, how, who, since: at, granted: None, until: None });
            }
        }
        if verb == Verb::Unlock {
            self.give_back(&locks, at);
        }
        self.open.push_back((verb, locks, claims, at));
    }

    fn answered(&mut self, reply: &str, at: u64) {
        let Some((verb, locks, claims, asked)) = self.open.pop_front() else { return };
        let is_ok = reply.starts_with("ok ") || reply.starts_with("lock ");
        match verb {
            Verb::Release if is_ok => self.give_back(&locks, asked),
            Verb::Lock | Verb::Get => {
                for (lock, claim) in locks.into_iter().zip(claims) {
                    let Some(found) = self.claims.get_mut(claim) else { continue };
                    if is_ok {
                        // A key is had from the moment of the request, however late its reply leaves.
                        found.granted = Some(if verb == Verb::Get { asked } else { at });
                        self.had.insert(lock, claim);
                    } else {
                        found.until = Some(at);
                    }
                }
            }
            _ => {}
        }
    }

    fn give_back(&mut self, locks: &[String], at: u64) {
        for lock in locks {
            let claim = self.had.remove(lock).and_then(|claim| self.claims.get_mut(claim));
            if let Some(claim) = claim {
                claim.until = Some(at);
            }
        }
    }

    /// What is open and had ends with the connection. A refusal is no claim, it was answered at once.
    fn end(mut self, ended: Option<u64>) -> Vec<Claim> {
        self.claims.retain(|claim| claim.granted.is_some() || claim.until.is_none());
        for claim in &mut self.claims {
            claim.until = claim.until.or(ended);
        }
        self.claims
    }
}

#[cfg(test)]
mod tests {
    use super::{Talk, of};
    use crate::record::Transfer;

    fn transfer(who: &str, to_server: bool, since: u64, until: Option<u64>) -> Transfer {
        let (connection, length, bytes, messages) = (0, 1, String::new(), Vec::new());
        let who = who.to_owned();
        Transfer { who, connection, to_server, since, until, length, bytes, messages }
    }

    /// One has the page, one waits for it and is gone, one waits to the end.
    #[test]
    fn holders_and_waiters_are_told_apart() {
        let asks = ["a", "b", "c"].map(|who| transfer(who, true, 10, Some(20)));
        let granted = transfer("a", false, 30, Some(40));
        let lock = || vec!["lock page=1 version=-1".to_owned()];
        let [a, b, c] = &asks;
        let talk = |transfers, ended| Talk { transfers, ended };
        let claims = of(&[
            talk(vec![(a, lock()), (&granted, lock())], Some(90)),
            talk(vec![(b, lock())], Some(50)),
            talk(vec![(c, lock())], None),
        ]);
        let seen: Vec<_> = claims.iter().map(|one| (&*one.who, one.granted, one.until)).collect();
        assert_eq!(seen, [("a", Some(30), Some(90)), ("b", None, Some(50)), ("c", None, None)]);
    }

    /// A key that nobody else names is nobody's business, and one that is refused was never had.
    #[test]
    fn keys_of_several_are_told() {
        let asks = transfer("a", true, 10, Some(20));
        let answers = transfer("a", false, 30, Some(40));
        let other = transfer("b", true, 10, Some(20));
        let refusal = transfer("b", false, 30, Some(40));
        let words = |texts: &[&str]| texts.iter().map(ToString::to_string).collect::<Vec<_>>();
        let claims = of(&[
            Talk {
                transfers: vec![
                    (&asks, words(&["get x", "get own", "release x"])),
                    (&answers, words(&["ok get", "ok get", "ok release"])),
                ],
                ended: None,
            },
            Talk {
                transfers: vec![(&other, words(&["get x"])), (&refusal, words(&["busy get"]))],
                ended: None,
            },
        ]);
        let [claim] = &claims[..] else { panic!("{claims:?}") };
        assert_eq!((&*claim.lock, claim.granted, claim.until), ("key x", Some(20), Some(20)));
    }
}
