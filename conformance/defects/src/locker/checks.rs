//! What can be refused without knowing who holds what: cmd, shape and size, in this order.

use std::collections::BTreeSet;

use super::defects::{Switch, Switches};
use super::frame::{BATCH_QUERY, GET, Outcome, QUERY, RELEASE, Request};

const KEYS_AT_MOST: usize = 1024;
const KEY_AT_MOST: usize = 1024;

/// Is it a command for one key?
pub(super) fn is_single(cmd: u8) -> bool {
    matches!(cmd, GET | RELEASE | QUERY)
}

/// The first check that fails. May shorten the list of keys.
pub(super) fn refusal(
    request: &Request,
    keys: &mut Vec<Vec<u8>>,
    switches: Switches,
) -> Option<Outcome> {
    let on = |switch| switches.on(switch);
    let known = (BATCH_QUERY..=GET).contains(&request.cmd);
    let unknown = (!known).then_some(Outcome::UnknownCommand);
    let malformed = is_malformed(request, keys, switches).then_some(Outcome::Malformed);
    let too_large = is_too_large(keys, switches).then_some(Outcome::TooLarge);
    if on(Switch::SizeBeforeShape) {
        return unknown.or(too_large).or(malformed);
    }
    if on(Switch::ShapeBeforeCommand) {
        return malformed.or(unknown).or(too_large);
    }
    if on(Switch::SizeBeforeCommand) && unknown.is_some() {
        return too_large.or(unknown);
    }
    unknown.or(malformed).or(too_large)
}

fn is_malformed(request: &Request, keys: &mut Vec<Vec<u8>>, switches: Switches) -> bool {
    let on = |switch| switches.on(switch);
    let single = is_single(request.cmd);
    let mut count = keys.len();
    if on(Switch::NumberOfDistinctKeys) {
        count = keys.iter().collect::<BTreeSet<_>>().len();
    }
    let mut number = usize::try_from(request.number).unwrap_or(0);
    if request.number == 0 && on(Switch::Number0Counts) {
        number = count;
    }
    if on(Switch::NumberMayBeLow) && (1..count).contains(&number) {
        keys.truncate(number);
        count = number;
    }
    let unchecked = on(Switch::NumberUnchecked) && !single && number > 0
        || on(Switch::SingleIgnoresNumber) && single && count == 1;
    let has_empty = keys.iter().any(Vec::is_empty) && !on(Switch::EmptyKeyAccepted);
    request.padding != [0; 3] && on(Switch::PaddingMustBeZero)
        || number == 0 && !unchecked
        || number != count && !unchecked
        || single && count > 1 && !on(Switch::SingleTakesMany)
        || !single && count == 1 && on(Switch::BatchOfOneRefused)
        || has_empty
}

fn is_too_large(keys: &[Vec<u8>], switches: Switches) -> bool {
    let on = |switch| switches.on(switch);
    let mut count = keys.len();
    if on(Switch::DistinctKeysLimited) {
        count = keys.iter().collect::<BTreeSet<_>>().len();
    }
    let many = match count {
        KEYS_AT_MOST => on(Switch::MostKeysRefused),
        _ => count > KEYS_AT_MOST && !on(Switch::ManyKeysAccepted),
    };
    many || keys.iter().any(|key| is_too_long(key, switches))
}

/// Is that key over the limit?
pub(super) fn is_too_long(key: &[u8], switches: Switches) -> bool {
    match key.len() {
        KEY_AT_MOST => switches.on(Switch::LongestKeyRefused),
        length => length > KEY_AT_MOST && !switches.on(Switch::LongKeyAccepted),
    }
}
