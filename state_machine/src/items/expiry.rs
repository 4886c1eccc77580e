//! What an expiry or a delay on the wire means as a point in the server's time.

use crate::Now;

/// The largest expiry that is a number of seconds from now: 30 days (MCB-EXP-02, MCB-EXP-03).
pub const RELATIVE_MAX: u32 = 60 * 60 * 24 * 30;

/// A point in the server's time, in nanoseconds since its start; 584 years reach further than the
/// last date of 32 bits.
#[derive(Debug, Copy, Clone, Eq, PartialEq)]
pub(super) struct Deadline(u64);

impl Deadline {
    /// Never reached.
    pub(super) const NEVER: Self = Self(u64::MAX);
    /// Reached since before the start.
    const PAST: Self = Self(0);

    /// An expiry as SET and TOUCH carry it: 0 never, up to [`RELATIVE_MAX`] seconds from now, else
    /// a date in Unix seconds. Unsigned, so 0xffffffff is a date like any other (MCB-EXP-06).
    pub(super) fn of_expiry(expiry: u32, now: Now, unix_start: u64) -> Self {
        if expiry == 0 { Self::NEVER } else { Self::ahead(expiry, now, unix_start) }
    }

    /// A delay as FLUSH carries it: the same, but 0 is at once (MCB-FLU-01, MCB-FLU-09).
    pub(super) fn of_delay(delay: u32, now: Now, unix_start: u64) -> Self {
        if delay == 0 { Self::PAST } else { Self::ahead(delay, now, unix_start) }
    }

    pub(super) const fn to_bytes(self) -> [u8; 8] {
        self.0.to_ne_bytes()
    }

    pub(super) const fn from_bytes(bytes: [u8; 8]) -> Self {
        Self(u64::from_ne_bytes(bytes))
    }

    pub(super) fn is_over(self, now: Now) -> bool {
        self != Self::NEVER && nanos(now) >= self.0
    }

    /// The seconds that are left, a begun one counted as one; `None` if it is never reached (MCM-GET-06).
    pub(super) fn seconds_left(self, now: Now) -> Option<u64> {
        let left = self.0.saturating_sub(nanos(now)).div_ceil(1_000_000_000);
        (self != Self::NEVER).then_some(left)
    }

    fn ahead(seconds: u32, now: Now, unix_start: u64) -> Self {
        if seconds <= RELATIVE_MAX {
            return Self(nanos(now.saturating_add(Now::from_secs(seconds.into()))));
        }
        // At or before the start comes out as 0: over from the beginning (MCB-EXP-05).
        Self(nanos(Now::from_secs(u64::from(seconds).saturating_sub(unix_start))))
    }
}

/// Far from [`Deadline::NEVER`] for every date of 32 bits.
fn nanos(time: Now) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::{Deadline, Now, RELATIVE_MAX};

    const START: u64 = 1_700_000_000;

    /// The last second at which something set at 100 s is still there, by probing.
    fn life_of(expiry: u32) -> Option<(Now, Now)> {
        let deadline = Deadline::of_expiry(expiry, Now::from_secs(100), START);
        let end = Now::from_nanos(deadline.0);
        (deadline != Deadline::NEVER).then(|| (end.saturating_sub(Now::from_nanos(1)), end))
    }

    #[test]
    fn expiry_is_exact_to_the_nanosecond() {
        let rows = [
            (1, Some(101)),
            (60, Some(160)),
            (RELATIVE_MAX, Some(100 + 2_592_000)),
            (RELATIVE_MAX + 1, Some(0)),
            (1_700_000_000, Some(0)),
            (1_700_000_001, Some(1)),
            (1_700_000_103, Some(103)),
            (0x8000_0000, Some(0x8000_0000 - START)),
            (0xffff_fffe, Some(0xffff_fffe - START)),
            (0xffff_ffff, Some(0xffff_ffff - START)),
            (0, None),
        ];
        for (expiry, seconds) in rows {
            let Some(seconds) = seconds else {
                assert!(life_of(expiry).is_none(), "{expiry}");
                continue;
            };
            let deadline = Deadline::of_expiry(expiry, Now::from_secs(100), START);
            let (before, at) = life_of(expiry).expect("it ends");
            assert_eq!(at, Now::from_secs(seconds), "{expiry}");
            assert!(deadline.is_over(at), "{expiry}");
            assert_eq!(deadline.is_over(before), seconds == 0, "{expiry}");
        }
    }

    #[test]
    fn never_outlives_the_largest_time() {
        assert!(!Deadline::of_expiry(0, Now::ZERO, START).is_over(Now::MAX));
        assert!(Deadline::of_expiry(u32::MAX, Now::ZERO, 0).is_over(Now::MAX));
    }

    #[test]
    fn begun_second_is_left() {
        let left =
            |expiry, now| Deadline::of_expiry(expiry, Now::from_secs(1), START).seconds_left(now);
        assert_eq!(left(0, Now::from_secs(1)), None);
        assert_eq!(left(30, Now::from_secs(1)), Some(30));
        assert_eq!(left(30, Now::from_millis(1_001)), Some(30));
        assert_eq!(left(30, Now::from_millis(2_001)), Some(29));
        assert_eq!(left(30, Now::from_secs(40)), Some(0));
    }

    #[test]
    fn fraction_of_a_second_counts() {
        let deadline = Deadline::of_expiry(2, Now::from_millis(1_500), START);
        assert!(!deadline.is_over(Now::from_millis(3_499)));
        assert!(deadline.is_over(Now::from_millis(3_500)));
    }

    #[test]
    fn delay_of_zero_is_at_once() {
        assert!(Deadline::of_delay(0, Now::from_secs(5), START).is_over(Now::ZERO));
        assert!(!Deadline::of_delay(1, Now::from_secs(5), START).is_over(Now::from_secs(5)));
        assert!(Deadline::of_delay(1, Now::from_secs(5), START).is_over(Now::from_secs(6)));
    }
}
