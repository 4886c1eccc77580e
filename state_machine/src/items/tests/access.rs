//! When an item was read, and who is told to store it anew: what readers do side by side.

use lockproof_protocol::memcached::Lookup;

use super::{at, set};
use crate::items::{Config, Items, NeedsWrite};

fn idle(items: &Items, seconds: u64) -> u64 {
    items.peek(at(seconds), b"k").unwrap().idle
}

/// MCM-GET-08: nobody pays for the times of items before somebody asks for them.
#[test]
fn access_times_are_kept_from_when_they_are_wanted() {
    let mut items = Items::new(Config::default());
    items.apply(at(1), &set("k", "v"));
    assert_eq!(idle(&items, 5), 0);
    items.keep_access_times(at(5));
    assert_eq!(idle(&items, 8), 3);
    items.keep_access_times(at(8));
    assert_eq!(idle(&items, 8), 3, "it is not begun again");
    items.look(at(9), b"k");
    assert_eq!(idle(&items, 11), 2);
    items.fetch(at(11), b"k", &Lookup { is_peek: true, ..Lookup::default() }).unwrap();
    assert_eq!(idle(&items, 12), 3);
    items.apply(at(13), &set("other", "v"));
    items.apply(at(13), &set("k", "v"));
    assert_eq!(idle(&items, 14), 1);
}

/// MCM-GET-07
#[test]
fn what_was_read_is_known_whoever_read_it() {
    let mut items = Items::new(Config::default());
    let was_read = |items: &Items| items.peek(at(0), b"k").unwrap().was_read;
    items.apply(at(0), &set("k", "v"));
    assert!(!was_read(&items));
    items.get(at(0), b"k");
    assert!(was_read(&items));
    items.apply(at(0), &set("k", "v"));
    assert!(!was_read(&items));
}

/// MCM-STA-03: a look that could win is never shared.
#[test]
fn look_that_may_win_needs_the_item_alone() {
    let mut items = Items::new(Config::default());
    let vivifies = Lookup { vivify: Some(30), ..Lookup::default() };
    assert_eq!(items.fetch(at(0), b"k", &vivifies).err(), Some(NeedsWrite));
    assert!(items.fetch_mut(at(0), b"k", &vivifies).unwrap().unwrap().is_won);
    let second = items.fetch_mut(at(0), b"k", &vivifies).unwrap().unwrap();
    assert!(second.is_taken && !second.is_won);
    assert!(items.fetch(at(0), b"k", &Lookup::default()).unwrap().unwrap().is_taken);
}
