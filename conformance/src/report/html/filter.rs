//! The filter above a page's cases. `page.js` works it; each `.case` says by `data-FACET` what it is.

use maud::{Markup, html};

use super::mark;
use crate::report::Verdict;

/// Something that cases differ in, and its values.
pub(in crate::report) struct Facet {
    name: String,
    legend: String,
    choices: Vec<(&'static str, Markup)>,
}

impl Facet {
    /// Values that speak for themselves.
    pub(in crate::report) fn of_words(
        name: &str,
        legend: &str,
        words: impl IntoIterator<Item = &'static str>,
    ) -> Self {
        let choices = words.into_iter().map(|word| (word, html! { (word) })).collect();
        Self { name: name.to_owned(), legend: legend.to_owned(), choices }
    }

    /// Verdicts, with their signs.
    pub(in crate::report) fn of_verdicts(
        name: &str,
        legend: &str,
        verdicts: impl IntoIterator<Item = Verdict>,
    ) -> Self {
        let label = |verdict: Verdict| {
            html! { (mark(verdict)) span aria-hidden="true" { (verdict.name()) } }
        };
        let choices = verdicts.into_iter().map(|one| (one.name(), label(one))).collect();
        Self { name: name.to_owned(), legend: legend.to_owned(), choices }
    }

    /// Any number of choices; none means all.
    fn pills(&self) -> Markup {
        html! {
            fieldset {
                legend { (self.legend) }
                @for (value, label) in &self.choices {
                    label.pill { input type="checkbox" name=(self.name) value=(value); span { (label) } }
                }
            }
        }
    }
}

/// The filter; hidden until the script is there to work it.
pub(in crate::report) fn filter(facets: &[Facet], total: usize) -> Markup {
    html! {
        form.filter role="search" aria-label="Filter the cases" hidden {
            div.search {
                label.unseen for="text" { "Words that a case has, in its name, requirements or failure" }
                input id="text" type="search" placeholder="Words: cas, MCB-GET-05, key_exists …"
                    autocomplete="off" spellcheck="false";
                output id="shown" for="text" aria-live="polite" { (total) " cases" }
            }
            @for facet in facets.iter().filter(|facet| facet.choices.len() > 1) { (facet.pills()) }
            p.keys {
                span { kbd { "/" } " search" }
                span.moves { kbd { "j" } " " kbd { "k" } " next, previous" }
                span.moves { kbd { "Enter" } " open" }
                span { kbd { "Esc" } " show all" }
            }
        }
        noscript { p.note { "The filter needs JavaScript; everything else is here." } }
    }
}

/// What stands there when the filter leaves no case.
pub(in crate::report) fn nothing() -> Markup {
    html! {
        p.nothing hidden { "No case is left. " button type="button" data-reset { "Show all" } }
    }
}
