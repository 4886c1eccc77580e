//! Is what all clients saw explained by some order of their calls?
//!
//! Whatever a server corrupts shows here, as long as somebody looks at it: a lost update, a value that comes back, a page
//! that two hold at once. What a client that was cut off asked for may have happened, or not.

use std::collections::BTreeMap;

use lockproof_conformance::history::items::Items;
use lockproof_conformance::history::pages::Pages;
use lockproof_conformance::history::{BUDGET, check};

use crate::config::Config;
use crate::work::Ledger;

/// What no order explains, and what could not be judged: that is no less a reason to look.
pub(super) fn problem(ledger: &Ledger, config: &Config) -> Option<String> {
    let items = check(&Items, &ledger.items, BUDGET);
    let pages = Pages { before: BTreeMap::new(), length: config.value_bytes };
    let pages = check(&pages, &ledger.pages, BUDGET);
    items.problem().or(pages.problem()).map(str::to_owned)
}
