//! NetMem's pages are shared by everybody: cases borrow theirs, so that they can run side by side on one server.

use std::collections::BTreeSet;
use std::ops::RangeInclusive;
use std::sync::{Mutex, PoisonError};

use tokio::sync::Notify;

/// More pages than all cases at once ever borrow; a server may tell of four billion.
const PAGES_MAX: usize = 4096;

/// The pages that cases may borrow.
#[derive(Debug)]
pub(crate) struct PagePool {
    /// Pages that the server has.
    pub(crate) count: u32,
    /// Bytes of each.
    pub(crate) length: u32,
    /// Pages that may be borrowed.
    pub(crate) size: usize,
    free: Mutex<BTreeSet<u32>>,
    returned: Notify,
}

impl PagePool {
    pub(crate) fn new(count: u32, length: u32, allowed: Option<&RangeInclusive<u32>>) -> Self {
        let allowed = allowed.cloned().unwrap_or(0..=u32::MAX);
        let free: BTreeSet<u32> =
            allowed.take_while(|page| *page < count).take(PAGES_MAX).collect();
        Self { count, length, size: free.len(), free: Mutex::new(free), returned: Notify::new() }
    }

    /// Lends `count` pages, as soon as so many are free at once.
    pub(crate) async fn lend(&self, count: usize) -> Vec<u32> {
        loop {
            let returned = self.returned.notified();
            if let Some(lent) = self.take(count.min(self.size)) {
                return lent;
            }
            returned.await;
        }
    }

    /// Takes lent pages back.
    pub(crate) fn give_back(&self, pages: &[u32]) {
        self.free.lock().unwrap_or_else(PoisonError::into_inner).extend(pages);
        self.returned.notify_waiters();
    }

    /// All of them or none, so that two cases never wait for each other.
    fn take(&self, count: usize) -> Option<Vec<u32>> {
        let mut free = self.free.lock().unwrap_or_else(PoisonError::into_inner);
        if free.len() < count {
            return None;
        }
        Some((0..count).filter_map(|_| free.pop_first()).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::PagePool;

    #[test]
    fn server_with_four_billion_pages_costs_no_more_than_others() {
        assert_eq!(PagePool::new(u32::MAX, 64, None).size, super::PAGES_MAX);
        assert_eq!(PagePool::new(8, 64, Some(&(5..=u32::MAX))).size, 3);
    }

    #[tokio::test]
    async fn pages_are_lent_all_or_none_and_only_allowed_ones() {
        let pool = PagePool::new(8, 64, Some(&(2..=4)));
        let first = pool.lend(2).await;
        assert_eq!(first, [2, 3]);
        assert_eq!(pool.take(2), None, "one is left, two are wanted");
        let (second, ()) = tokio::join!(pool.lend(3), async { pool.give_back(&first) });
        assert_eq!(second, [2, 3, 4]);
    }
}
