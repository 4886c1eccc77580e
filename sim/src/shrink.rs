//! Makes a failing plan small: faults are left out, halves first, as long as the worst violation stays of its kind.

use crate::check::Kind;
use crate::plan::Plan;
use crate::run::Run;

/// A plan that cannot lose a fault any more, and how many runs that took.
#[derive(Clone, Debug)]
pub struct Shrunk {
    /// The run with the small plan.
    pub run: Run,
    /// Runs that were tried.
    pub tries: usize,
}

/// Shrinks the plan of a run that fails; one that does not fail comes back as it is.
pub fn shrink(run: &Run) -> Shrunk {
    match worst(run) {
        Some(kind) => shrink_by(run, kind, worst),
        None => Shrunk { run: run.clone(), tries: 0 },
    }
}

/// Shrinks the plan of a run whose worst violation is of that kind; `worst` says what a smaller one comes to.
pub fn shrink_by(run: &Run, kind: Kind, mut worst: impl FnMut(&Run) -> Option<Kind>) -> Shrunk {
    let mut shrunk = Shrunk { run: run.clone(), tries: 0 };
    let mut size = run.plan.faults.len().div_ceil(2);
    while size > 0 {
        while shrunk.leave_out(size, kind, &mut worst) {}
        size /= 2;
    }
    shrunk
}

impl Shrunk {
    /// Leaves `size` faults in a row out, if it fails as before then.
    fn leave_out(
        &mut self,
        size: usize,
        kind: Kind,
        worst: &mut impl FnMut(&Run) -> Option<Kind>,
    ) -> bool {
        let faults = &self.run.plan.faults;
        for start in (0..faults.len()).step_by(size) {
            let end = (start + size).min(faults.len());
            let rest = [&faults[..start], &faults[end..]].concat();
            let smaller = Run { plan: Plan::new(rest), ..self.run.clone() };
            self.tries += 1;
            if worst(&smaller) == Some(kind) {
                self.run = smaller;
                return true;
            }
        }
        false
    }
}

fn worst(run: &Run) -> Option<Kind> {
    run.outcome().violations.first().map(|violation| violation.kind)
}
