//! Locks: by the server's own account, grants and frees of a key alternate; by the clients', nobody is inside where
//! another is; and what the dead held is free in time.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::with_count;
use crate::account::{Change, Event};
use crate::config::{IDLE_TIMEOUT, WRITE_DEADLINE};
use crate::plan::{Fault, Kind, Plan};
use crate::work::Ledger;

/// From the fault to when its victim's key is free: the window fills, the deadline passes, and somebody looks.
const FREE_WITHIN: Duration = Duration::from_millis(1_500).saturating_add(
    if WRITE_DEADLINE.as_millis() > IDLE_TIMEOUT.as_millis() {
        WRITE_DEADLINE
    } else {
        IDLE_TIMEOUT
    },
);

/// A server that comes back has its clients again when they have found out, by their own patience: a fault that began
/// meanwhile holds up a send only then.
const COMES_BACK_WITHIN: Duration = Duration::from_secs(5);

/// Two held one lock.
pub(super) fn doubled(ledger: &Ledger, accounts: &[Vec<Change>]) -> Option<String> {
    accounts
        .iter()
        .find_map(|changes| replay(changes).err())
        .or_else(|| with_count(&ledger.locks.doubled))
}

/// Replays the account against what may be: order is known, so one pass is enough.
fn replay(changes: &[Change]) -> Result<(), String> {
    let mut owners: BTreeMap<&[u8], u64> = BTreeMap::new();
    let mut ended = BTreeSet::new();
    for Change { at, session, event } in changes {
        let wrong = |what: &str, key: &[u8]| {
            let (at, key) = (at.as_secs_f64(), key.escape_ascii());
            Err(format!("session {session} {what} {key} at {at:.3} s, by the server's own account"))
        };
        match event {
            Event::Granted(keys) => {
                for key in keys.iter().map(Vec::as_slice).collect::<BTreeSet<_>>() {
                    if ended.contains(session) {
                        return wrong("had ended, and was granted", key);
                    }
                    if owners.insert(key, *session).is_some() {
                        return wrong("was granted, although it was held,", key);
                    }
                }
            }
            Event::Freed(keys) | Event::Ended(keys) => {
                for key in keys.iter().map(Vec::as_slice).collect::<BTreeSet<_>>() {
                    if owners.remove(key) != Some(*session) {
                        return wrong("freed, and did not own,", key);
                    }
                }
                if matches!(event, Event::Ended(_)) {
                    ended.insert(*session);
                    if let Some((key, _)) = owners.iter().find(|(_, owner)| *owner == session) {
                        return wrong("ended, and kept", key);
                    }
                }
            }
        }
    }
    Ok(())
}

/// A lock was not free in time.
pub(super) fn kept(ledger: &Ledger, plan: &Plan) -> Option<String> {
    let restarts = plan.faults.iter().any(|fault| fault.kind.restarts_the_server());
    let free_within = FREE_WITHIN + if restarts { COMES_BACK_WITHIN } else { Duration::ZERO };
    let late = |(victim, at): (&usize, &Duration)| {
        let own = |fault: &&Fault| fault.victim == *victim && !fault.kind.is_the_servers();
        let mut faults = plan.faults.iter().filter(own);
        // One that drips is alive, and may keep its key.
        let fault = faults.find(|fault| fault.until().is_none() && fault.kind != Kind::Drips)?;
        let held = at.checked_sub(fault.at() + free_within)?;
        let words = fault.kind.words();
        let since = (free_within + held).as_secs_f64();
        Some(format!("the key of victim {victim} is held {since:.2} s after this: {words}"))
    };
    let seen = ledger.locks.seen_held.iter().find_map(late);
    seen.or_else(|| with_count(&ledger.locks.kept))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::replay;
    use crate::account::{Change, Event};

    fn change(session: u64, event: Event) -> Change {
        Change { at: Duration::ZERO, session, event }
    }

    fn keys(keys: &[&str]) -> Vec<Vec<u8>> {
        keys.iter().map(|key| key.as_bytes().to_vec()).collect()
    }

    #[test]
    fn a_true_account_is_accepted() {
        let account = [
            change(1, Event::Granted(keys(&["a", "b", "a"]))),
            change(1, Event::Freed(keys(&["a"]))),
            change(2, Event::Granted(keys(&["a"]))),
            change(1, Event::Ended(keys(&["b"]))),
            change(2, Event::Ended(keys(&["a"]))),
            change(3, Event::Granted(keys(&["a", "b"]))),
        ];
        assert_eq!(replay(&account), Ok(()));
    }

    #[test]
    fn each_way_to_be_wrong_is_named() {
        let granted = || change(1, Event::Granted(keys(&["a"])));
        let wrong = |second: Change, said: &str| {
            let error = replay(&[granted(), second]).expect_err(said);
            assert!(error.contains(said), "{error}");
        };
        wrong(change(2, Event::Granted(keys(&["a"]))), "although it was held");
        wrong(change(2, Event::Freed(keys(&["a"]))), "did not own");
        wrong(change(2, Event::Ended(keys(&["a"]))), "did not own");
        wrong(change(1, Event::Ended(Vec::new())), "ended, and kept");
        let dead = [change(1, Event::Ended(Vec::new())), granted()];
        assert!(replay(&dead).expect_err("it had ended").contains("had ended"));
    }
}
