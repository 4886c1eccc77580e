//! Is what all clients saw explained by some order of their calls?
//!
//! Whatever a server corrupts shows here, as long as somebody looks at it: a lost update, a value that comes back, a page
//! that two hold at once. What a client that was cut off asked for may have happened, or not.

use std::collections::BTreeMap;

use lockproof_conformance::history::items::Items;
use lockproof_conformance::history::locks::Locks;
use lockproof_conformance::history::pages::Pages;
use lockproof_conformance::history::{BUDGET, check};

use crate::config::Config;
use crate::work::Ledger;

/// What no order explains, and what could not be judged: that is no less a reason to look.
pub(super) fn problem(ledger: &Ledger, config: &Config) -> Option<String> {
    let items = check(&Items, ledger.items.history(), BUDGET);
    let pages = Pages { before: BTreeMap::new(), length: config.value_bytes };
    let pages = check(&pages, ledger.pages.history(), BUDGET);
    let locks = check(&Locks, ledger.keys.history(), BUDGET);
    items.problem().or(pages.problem()).or(locks.problem()).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use lockproof_conformance::history::{items, locks, pages};

    use super::problem;
    use crate::config::{Config, Protocol};
    use crate::work::Ledger;

    /// Two that count at once, and the counts that they see.
    fn counted(first: u64, second: u64) -> Option<String> {
        let mut ledger = Ledger::default();
        let action = items::Action::Count { delta: 1, down: false, initial: Some(1) };
        let request = items::Request { key: b"counter".to_vec(), action };
        let calls = [1, 2].map(|session| ledger.items.call(session, request.clone()));
        for (call, value) in calls.into_iter().zip([first, second]) {
            ledger.items.reply(call, items::Reply::Counted { value, cas: None });
        }
        problem(&ledger, &Config::draw(Protocol::Memcached, 1))
    }

    #[test]
    fn lost_count_is_a_problem() {
        assert_eq!(counted(2, 1), None);
        let problem = counted(1, 1).expect("one of them is lost");
        assert!(problem.starts_with("key \"counter\""), "{problem}");
    }

    /// Both counts are the first of their server; the call that was on its way when it went is neither's.
    #[test]
    fn a_server_that_begins_anew_owes_nothing() {
        let mut ledger = Ledger::default();
        let action = items::Action::Count { delta: 1, down: false, initial: Some(1) };
        let request = items::Request { key: b"counter".to_vec(), action };
        let config = Config::draw(Protocol::Memcached, 1);
        let mut count = |begins_anew: bool| {
            let late = ledger.items.call(1, request.clone());
            if begins_anew {
                ledger.begin_anew(std::time::Duration::ZERO);
            }
            let call = ledger.items.call(2, request.clone());
            ledger.items.reply(call, items::Reply::Counted { value: 1, cas: None });
            ledger.items.reply(late, items::Reply::Counted { value: 1, cas: None });
            problem(&ledger, &config)
        };
        assert_eq!(count(true), None);
        assert!(count(false).is_some());
    }

    #[test]
    fn key_that_two_hold_is_a_problem() {
        let config = Config::draw(Protocol::Locker, 1);
        let mut ledger = Ledger::default();
        for session in [1, 2] {
            let keys = BTreeSet::from([locks::Key(b"common".to_vec())]);
            let call = ledger.keys.call(session, locks::Request::Get(keys));
            ledger.keys.reply(call, locks::Outcome::Ok);
        }
        let problem = problem(&ledger, &config).expect("nobody let go");
        assert!(problem.starts_with("key \"common\""), "{problem}");
    }

    #[test]
    fn page_that_two_hold_is_a_problem() {
        let config = Config::draw(Protocol::NetMem, 1);
        let zeros = vec![0; config.value_bytes].into();
        let mut ledger = Ledger::default();
        for session in [1, 2] {
            let call = ledger.pages.call(session, pages::Request::Lock(1, 0));
            let zeros = std::sync::Arc::clone(&zeros);
            ledger.pages.reply(call, pages::Reply::Page(1, Some(zeros)));
        }
        let problem = problem(&ledger, &config).expect("nobody let go");
        assert!(problem.starts_with("page 1"), "{problem}");
    }
}
