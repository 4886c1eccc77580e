//! Where a recorded original departs from its documentation: a list beside the recordings, by requirement id.
//!
//! Each entry names a step of a recording. In the session that step becomes `any { documented } or { recorded }`, with
//! the requirement in a comment, so that nothing the original did is dropped in silence, and nothing it did wrong is
//! asked of another server. An entry that finds no step is an error.

use serde::Deserialize;

/// All entries of a deviations file, and which of them have been used.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Deviations {
    /// Entries; the first that fits a step is applied.
    #[serde(default, rename = "deviation")]
    entries: Vec<Entry>,
    /// Texts that another server cannot repeat.
    #[serde(default, rename = "substitute")]
    substitutes: Vec<Substitute>,
}

/// One place where the original does something else than its documentation says.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    /// `FOLDER/SCENARIO`, or `FOLDER/*`.
    recording: String,
    /// The step as the session would have it, or `/regular expression/`.
    step: String,
    /// Which of several such steps, from 1; all of them if absent.
    nth: Option<usize>,
    /// How many lines from that step on.
    #[serde(default = "one")]
    lines: usize,
    /// The step stays, and the alternatives follow it.
    #[serde(default)]
    after: bool,
    /// What the original did, if that is not the lines themselves.
    recorded: Option<Vec<String>>,
    /// What the documentation asks for. `{1}` is what the expression's first group found.
    documented: Option<Vec<String>>,
    /// Or: the recorded lines without these fields.
    #[serde(default)]
    without: Vec<String>,
    /// The requirements, the most specific first.
    requirement: Vec<String>,
    /// What the original did, in words.
    original: String,
    /// What the documentation demands, in words.
    #[serde(rename = "documentation")]
    _documentation: String,
    /// Nothing after this can be compared any more.
    #[serde(default)]
    cut: bool,
    /// Steps behind the alternatives.
    #[serde(default)]
    then: Vec<String>,
    #[serde(skip)]
    found: usize,
}

/// A text that is replaced, because it belongs to the recorded server and not to the protocol.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Substitute {
    recording: String,
    from: String,
    to: String,
    /// For the reader of the session, if it is not obvious.
    why: Option<String>,
    #[serde(skip)]
    found: usize,
}

/// An entry that cannot be applied.
#[derive(Debug, thiserror::Error)]
pub enum DeviationError {
    /// The file is not as it should be.
    #[error("deviations: {0}")]
    Malformed(#[from] toml::de::Error),
    /// The expression is none.
    #[error("deviations of {recording}: `{step}` is no regular expression")]
    Expression {
        /// The recording it is about.
        recording: String,
        /// The step.
        step: String,
    },
}

/// A session's lines with alternatives in them.
#[derive(Clone, Debug, Default)]
pub(super) struct Marked {
    pub(super) steps: Vec<String>,
    /// The requirements that came up, in order.
    pub(super) spec: Vec<String>,
    /// What was replaced, in words.
    pub(super) notes: Vec<String>,
}

const fn one() -> usize {
    1
}

impl Deviations {
    /// Reads a deviations file.
    ///
    /// # Errors
    ///
    /// What is wrong with it.
    pub fn parse(text: &str) -> Result<Self, DeviationError> {
        Ok(toml::from_str(text)?)
    }

    /// Every requirement id in the file, with its recording.
    pub fn requirements(&self) -> Vec<(&str, &str)> {
        self.entries
            .iter()
            .flat_map(|entry| {
                entry.requirement.iter().map(|id| (entry.recording.as_str(), id.as_str()))
            })
            .collect()
    }

    /// Entries that no recording has needed so far, as `RECORDING: STEP`.
    pub fn unused(&self) -> Vec<String> {
        let entries = self.entries.iter().filter(|entry| entry.found == 0);
        let substitutes = self.substitutes.iter().filter(|substitute| substitute.found == 0);
        entries
            .map(|entry| format!("{}: {}", entry.recording, entry.step))
            .chain(
                substitutes
                    .map(|substitute| format!("{}: {}", substitute.recording, substitute.from)),
            )
            .collect()
    }

    /// Marks the deviations of one recording.
    pub(super) fn mark(
        &mut self,
        recording: &str,
        steps: Vec<String>,
    ) -> Result<Marked, DeviationError> {
        let mut marked = Marked::default();
        let steps = self.substituted(recording, steps, &mut marked);
        let mut counts = vec![0; self.entries.len()];
        let mut rest = steps.as_slice();
        while let Some((step, after)) = rest.split_first() {
            let Some(index) = self.entry_for(recording, step, &mut counts)? else {
                marked.steps.push(step.clone());
                rest = after;
                continue;
            };
            let entry = &mut self.entries[index];
            entry.found += 1;
            let (own, later) = rest.split_at(entry.lines.clamp(1, rest.len()));
            entry.write(own, &mut marked);
            rest = later;
            if entry.cut {
                if !rest.is_empty() {
                    marked.steps.push(format!(
                        "# The recording has {} more steps, which depend on that.",
                        rest.len()
                    ));
                }
                break;
            }
        }
        Ok(marked)
    }

    fn substituted(
        &mut self,
        recording: &str,
        mut steps: Vec<String>,
        marked: &mut Marked,
    ) -> Vec<String> {
        for substitute in self.substitutes.iter_mut().filter(|entry| entry.recording == recording) {
            for step in &mut steps {
                if step.contains(&substitute.from) {
                    *step = step.replace(&substitute.from, &substitute.to);
                    substitute.found += 1;
                }
            }
            marked.notes.extend(substitute.why.clone());
        }
        steps
    }

    /// The entry that a step falls under. `counts` are the steps that each entry has fitted so far.
    fn entry_for(
        &self,
        recording: &str,
        step: &str,
        counts: &mut [usize],
    ) -> Result<Option<usize>, DeviationError> {
        let mut chosen = None;
        for (index, (entry, count)) in self.entries.iter().zip(counts).enumerate() {
            if !entry.is_about(recording) || !entry.fits(step)? {
                continue;
            }
            *count += 1;
            if chosen.is_none() && entry.nth.is_none_or(|nth| nth == *count) {
                chosen = Some(index);
            }
        }
        Ok(chosen)
    }
}

impl Entry {
    fn is_about(&self, recording: &str) -> bool {
        match self.recording.strip_suffix("/*") {
            Some(folder) => recording.split('/').next() == Some(folder),
            None => self.recording == recording,
        }
    }

    fn fits(&self, step: &str) -> Result<bool, DeviationError> {
        let Some(expression) = self.step.strip_prefix('/').and_then(|rest| rest.strip_suffix('/'))
        else {
            return Ok(self.step == step);
        };
        let expression = regex::Regex::new(expression).map_err(|_| DeviationError::Expression {
            recording: self.recording.clone(),
            step: self.step.clone(),
        })?;
        let lacks = |field: &String| !step.split(' ').any(|word| word == field);
        Ok(expression.is_match(step)
            && (self.without.is_empty() || !self.without.iter().all(lacks)))
    }

    fn expression(&self) -> Option<&str> {
        self.step.strip_prefix('/')?.strip_suffix('/')
    }

    /// What the expression's first group finds in a step.
    fn group(&self, step: &str) -> Option<String> {
        let captures = regex::Regex::new(self.expression()?).ok()?.captures(step)?;
        captures.get(1).map(|group| group.as_str().to_owned())
    }

    /// Writes the alternatives for the lines that the entry covers.
    fn write(&self, own: &[String], marked: &mut Marked) {
        let (kept, covered) = if self.after { own.split_at(1) } else { own.split_at(0) };
        marked.steps.extend_from_slice(kept);
        let recorded = self.recorded.clone().unwrap_or_else(|| covered.to_vec());
        let group = own.first().and_then(|step| self.group(step)).unwrap_or_default();
        let documented = match &self.documented {
            Some(lines) => lines.iter().map(|line| line.replace("{1}", &group)).collect(),
            None => self.stripped(&recorded),
        };
        let comment = format!("# {}: {}", self.requirement.join(" "), self.original);
        if documented.is_empty() || recorded.is_empty() {
            marked.steps.push(comment);
            marked.steps.extend(documented);
        } else {
            marked.steps.push("any {".to_owned());
            marked.steps.extend(documented);
            marked.steps.push("} or {".to_owned());
            marked.steps.extend(recorded);
            marked.steps.push(format!("}}  {comment}"));
        }
        marked.steps.extend(self.then.iter().cloned());
        for id in &self.requirement {
            if !marked.spec.contains(id) {
                marked.spec.push(id.clone());
            }
        }
    }

    /// The lines without the fields that the documentation would not have there.
    fn stripped(&self, lines: &[String]) -> Vec<String> {
        if self.without.is_empty() {
            return Vec::new();
        }
        let kept = |word: &&str| !self.without.iter().any(|field| field == word);
        lines
            .iter()
            .map(|line| line.split(' ').filter(kept).collect::<Vec<_>>().join(" "))
            .collect()
    }
}
