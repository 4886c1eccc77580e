//! Numbers in few characters.

use std::time::Duration;

use indicatif::DecimalBytes;

/// `0.4s`, `12s`, `3m05s`, `2h10m`, `4d02h`.
pub(super) fn time(time: Duration) -> String {
    let seconds = time.as_secs();
    match seconds {
        0..10 => format!("{}.{}s", seconds, time.subsec_millis() / 100),
        10..60 => format!("{seconds}s"),
        60..3600 => format!("{}m{:02}s", seconds / 60, seconds % 60),
        3600..86_400 => format!("{}h{:02}m", seconds / 3600, seconds / 60 % 60),
        _ => format!("{}d{:02}h", seconds / 86_400, seconds / 3600 % 24),
    }
}

/// `512 B`, `1.20 kB`.
pub(super) fn bytes(count: u64) -> String {
    DecimalBytes(count).to_string()
}

/// `1 page`, `2 pages`.
pub(super) fn count(count: u64, what: &str) -> String {
    let plural = if count == 1 { "" } else { "s" };
    format!("{count} {what}{plural}")
}

#[cfg(test)]
mod tests {
    use super::{Duration, time};

    #[test]
    fn times_are_short() {
        let of = |millis| time(Duration::from_millis(millis));
        assert_eq!([of(0), of(9_990), of(10_000), of(59_999)], ["0.0s", "9.9s", "10s", "59s"]);
        assert_eq!([of(60_000), of(3_599_000)], ["1m00s", "59m59s"]);
        assert_eq!([of(3_600_000), of(90_061_000)], ["1h00m", "1d01h"]);
    }
}
