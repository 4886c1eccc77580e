//! Does memory grow as long as the load goes on? The first third is left out, in which the server fills up.

use crate::faults::report::Scenario;
use crate::ratio::Spread;

use super::Sample;

/// What may come on top between the second third and the last: an allocator finds its size late.
const GROWTH_BYTES: u64 = 16 << 20;
const GROWTH_SHARE: f64 = 0.10;

/// Holds the medians of the second and the last third against each other.
pub(super) fn check(scenario: &mut Scenario, samples: &[Sample]) {
    let third = samples.len() / 3;
    let median = |part: &[Sample]| {
        #[expect(clippy::cast_precision_loss, reason = "a trend")]
        let figures = part.iter().map(|sample| sample.resident as f64);
        Spread::of(figures).median
    };
    let (Some(early), Some(late)) = (samples.get(third..2 * third), samples.get(2 * third..))
    else {
        return;
    };
    let (early, late) = (median(early), median(late));
    #[expect(clippy::cast_precision_loss, reason = "a bound")]
    let bound = early + (early * GROWTH_SHARE).max(GROWTH_BYTES as f64);
    let mebibytes = |bytes: f64| format!("{:.1} MiB", bytes / f64::from(1 << 20));
    let [early_text, late_text, bound_text] = [early, late, bound].map(mebibytes);
    let text = format!(
        "medians: {early_text} in the second third, {late_text} in the last, {bound_text} allowed"
    );
    // Of too few samples there is no median, and nothing that is not a number is below a bound.
    scenario.check("memory does not grow on and on", late <= bound, text);
}

#[cfg(test)]
mod tests {
    use super::check;
    use crate::faults::report::Scenario;
    use crate::soak::Sample;

    fn holds(resident: impl Fn(u64) -> u64) -> bool {
        let sample = |second: u32| Sample {
            at: second.into(),
            resident: resident(second.into()) << 20,
            descriptors: 10,
            operations: 0,
            deaths: 0,
        };
        let samples: Vec<_> = (0..300).map(sample).collect();
        let mut scenario = Scenario::new("soak");
        check(&mut scenario, &samples);
        scenario.holds()
    }

    #[test]
    fn filling_up_is_no_leak() {
        assert!(holds(|second| 10 + second.min(60)));
    }

    #[test]
    fn growing_on_is_one() {
        assert!(!holds(|second| 10 + second));
    }

    #[test]
    fn without_samples_nothing_is_known() {
        let mut scenario = Scenario::new("soak");
        check(&mut scenario, &[]);
        assert!(!scenario.holds());
    }
}
