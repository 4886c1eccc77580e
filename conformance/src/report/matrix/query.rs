//! What can be asked of a matrix: `memcached=pass reference!=pass`.

use crate::report::Verdict;

/// Names of columns that stand for several.
pub(super) const RESERVED: [&str; 3] = ["all", "any", "differ"];

/// Terms that a row must fit, all of them.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Query(Vec<Term>);

#[derive(Clone, Debug, Eq, PartialEq)]
enum Term {
    /// Columns that have the case disagree.
    Differ,
    Is {
        columns: Columns,
        not: bool,
        wanted: Vec<Wanted>,
    },
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Columns {
    One(usize),
    All,
    Any,
}

/// What a cell may be.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Wanted {
    /// `pass`: expected or not.
    Pass,
    /// `fail`: expected or not.
    Fail,
    Just(Verdict),
    /// The report does not have the case.
    Absent,
}

impl Query {
    /// Reads a query about these columns.
    pub(super) fn parse(text: &str, names: &[&str]) -> Result<Self, String> {
        let terms: Result<Vec<Term>, String> =
            text.split_whitespace().map(|word| term(word, names)).collect();
        let terms = terms.map_err(|what| format!("query `{text}`: {what}"))?;
        if terms.is_empty() {
            return Err("an empty query; write for example 'a=pass b=fail'".to_owned());
        }
        Ok(Self(terms))
    }

    pub(super) fn fits(&self, verdicts: &[Option<Verdict>]) -> bool {
        self.0.iter().all(|term| term.fits(verdicts))
    }
}

impl Term {
    fn fits(&self, verdicts: &[Option<Verdict>]) -> bool {
        let Self::Is { columns, not, wanted } = self else {
            let mut there = verdicts.iter().flatten().map(|verdict| outcome(*verdict));
            let first = there.next();
            return there.any(|other| Some(other) != first);
        };
        let fits = |cell: &Option<Verdict>| wanted.iter().any(|one| one.is(*cell)) != *not;
        match columns {
            Columns::One(index) => verdicts.get(*index).is_some_and(fits),
            Columns::All => verdicts.iter().all(fits),
            Columns::Any => verdicts.iter().any(fits),
        }
    }
}

/// What the server did, whether it was expected or not.
const fn outcome(verdict: Verdict) -> Verdict {
    match verdict {
        Verdict::UnexpectedPass => Verdict::Pass,
        Verdict::ExpectedFail => Verdict::Fail,
        verdict => verdict,
    }
}

impl Wanted {
    fn is(self, cell: Option<Verdict>) -> bool {
        match self {
            Self::Pass => cell.map(outcome) == Some(Verdict::Pass),
            Self::Fail => cell.map(outcome) == Some(Verdict::Fail),
            Self::Just(verdict) => cell == Some(verdict),
            Self::Absent => cell.is_none(),
        }
    }

    fn parse(word: &str) -> Result<Self, String> {
        match (word, Verdict::from_name(word)) {
            ("pass", _) => Ok(Self::Pass),
            ("fail", _) => Ok(Self::Fail),
            ("absent", _) => Ok(Self::Absent),
            (_, Some(verdict)) => Ok(Self::Just(verdict)),
            (_, None) => {
                let known: Vec<&str> = Verdict::ALL.into_iter().map(Verdict::name).collect();
                Err(format!("`{word}` is no verdict; {} and absent are", known.join(", ")))
            }
        }
    }
}

fn term(word: &str, names: &[&str]) -> Result<Term, String> {
    if word == "differ" {
        return Ok(Term::Differ);
    }
    let (left, right) = word.split_once('=').ok_or_else(|| {
        format!("`{word}` is no term; write COLUMN=VERDICT, COLUMN!=VERDICT or differ")
    })?;
    let (name, not) = left.strip_suffix('!').map_or((left, false), |name| (name, true));
    let columns = match name {
        "all" => Columns::All,
        "any" => Columns::Any,
        _ => names.iter().position(|other| *other == name).map(Columns::One).ok_or_else(|| {
            format!("no column is named `{name}`; {}, all and any are there", names.join(", "))
        })?,
    };
    let wanted: Result<Vec<Wanted>, String> = right.split('|').map(Wanted::parse).collect();
    Ok(Term::Is { columns, not, wanted: wanted? })
}
