//! The page of one run: verdict, summary, filter, and the cases by what became of them.

use std::collections::BTreeMap;

use maud::{Markup, html};

use super::case::{self, Case};
use super::{Facet, Page, filter, nothing};
use crate::report::{CaseReport, Outcome, Report, Verdict, when};
use crate::requirements;
use crate::session::Level;
use crate::wire::Protocol;

/// A part of the page: its id, its heading, what a reader should know of it.
type Part = (&'static str, &'static str, &'static str);

const FAILURES: Part = ("failures", "Failures", "What makes the run fail.");
const LENIENT: Part = (
    "lenient",
    "Failures that do not count",
    "A failed “should” counts with --strict, a failed “info” never.",
);
const KNOWN: Part =
    ("known", "Known deviations", "Expected to fail; the expectations file says why.");
const NOT_ASKED: Part =
    ("not-asked", "Not asked", "The server lacks something that these cases need.");
const PASSED: Part = ("passed", "Passed", "As the session says, in every delivery.");
const PARTS: [Part; 5] = [FAILURES, LENIENT, KNOWN, NOT_ASKED, PASSED];

impl Report {
    /// The report as one HTML file.
    pub fn html(&self) -> String {
        let page = Page {
            begins: Page::CASES,
            style: "",
            script: "",
            title: format!("{}: {} · Lockproof", self.implementation, self.verdict()),
            header: self.header(),
            main: html! {
                (self.overview())
                (self.listing())
            },
        };
        page.into_string()
    }

    fn header(&self) -> Markup {
        let class = match self.outcome() {
            Outcome::Conforms => "good",
            Outcome::Failed => "bad",
            Outcome::Inconclusive => "open",
        };
        let began = when::rfc3339(self.began);
        html! {
            p.brand { "Lockproof conformance report" }
            h1 { (self.implementation) }
            p.verdict.(class) { strong { (self.verdict()) } (self.why()) }
            dl.facts {
                div { dt { "Target" } dd { code { (self.target) } } }
                div { dt { "When" } dd { time datetime=(began) { (began.replace('T', " ").replace('Z', " UTC")) } } }
                div { dt { "Effort" } dd { (self.effort()) } }
                div { dt { "Seed" } dd { code { (self.seed) } } }
                div { dt { "Deliveries" } dd { (self.deliveries().join(", ")) } }
                div { dt { "“Should” counts" } dd { (if self.strict { "yes" } else { "no" }) } }
            }
        }
    }

    fn overview(&self) -> Markup {
        let verdicts = self.verdicts();
        html! {
            section aria-labelledby="summary" {
                h2 id="summary" { "Summary" }
                div.scroll tabindex="0" role="region" aria-labelledby="summary" { table.summary {
                    thead { tr {
                        th scope="col" { "Protocol" } th scope="col" { "Level" }
                        th scope="col" { "Cases" }
                        @for verdict in &verdicts { th scope="col" { (verdict.name()) } }
                        th.share aria-hidden="true" {}
                    } }
                    tbody { @for row in self.rows() { tr {
                        th scope="row" { (row.protocol.name()) }
                        td { (row.level.name()) }
                        td { (row.cases) }
                        @for (verdict, count) in verdicts.iter().zip(&row.counts) {
                            td data-verdict=[(*count > 0).then_some(verdict.name())] {
                                @if *count == 0 { span.none { "·" } } @else { (count) }
                            }
                        }
                        td.share aria-hidden="true" { (share(&verdicts, &row.counts)) }
                    } } }
                } }
            }
            @if !self.unused_expectations.is_empty() {
                section aria-labelledby="unused" {
                    h2 id="unused" { "Unused expectations" }
                    ul { @for line in &self.unused_expectations { li { (Self::unused_text(line)) } } }
                }
            }
        }
    }

    fn listing(&self) -> Markup {
        let requirements = requirements::all();
        let cases = self.cases_by_part();
        let total = cases.values().map(Vec::len).sum::<usize>();
        html! {
            section id="cases" aria-labelledby="cases-heading" {
                h2 id="cases-heading" { "Cases" }
                (filter(&self.facets(), total))
                @for part in PARTS {
                    @if let Some(cases) = cases.get(part.0) {
                        section.part id=(part.0) aria-labelledby=(format!("{}-heading", part.0)) {
                            h3 id=(format!("{}-heading", part.0)) { (part.1) " " span.count { (cases.len()) } }
                            p.note { (part.2) }
                            ol.cases { @for (index, lines) in cases.iter().enumerate() {
                                (Case {
                                    report: self,
                                    lines,
                                    requirements: &requirements,
                                    open: part == FAILURES && index == 0,
                                })
                            } }
                        }
                    }
                }
                (nothing())
            }
        }
    }

    fn cases_by_part(&self) -> BTreeMap<&'static str, Vec<Vec<&CaseReport>>> {
        let mut cases: BTreeMap<(&str, &str), Vec<&CaseReport>> = BTreeMap::new();
        for line in &self.cases {
            cases.entry((&line.id, &line.target)).or_default().push(line);
        }
        let mut parts: BTreeMap<&str, Vec<Vec<&CaseReport>>> = BTreeMap::new();
        for lines in cases.into_values() {
            parts.entry(self.part(&lines).0).or_default().push(lines);
        }
        parts
    }

    fn part(&self, lines: &[&CaseReport]) -> Part {
        let counts =
            |case: &&CaseReport| case.counts(self.strict) || case.verdict == Verdict::Error;
        match case::worst(lines) {
            _ if lines.iter().any(counts) => FAILURES,
            Verdict::Pass => PASSED,
            Verdict::Unsupported => NOT_ASKED,
            Verdict::ExpectedFail => KNOWN,
            _ => LENIENT,
        }
    }

    fn facets(&self) -> Vec<Facet> {
        let has = |wanted: &dyn Fn(&CaseReport) -> bool| self.cases.iter().any(wanted);
        let protocols = Protocol::ALL.into_iter().filter(|one| has(&|case| case.protocol == *one));
        let levels = Level::ALL.into_iter().filter(|one| has(&|case| case.level == *one));
        vec![
            Facet::of_words("protocol", "Protocol", protocols.map(Protocol::name)),
            Facet::of_words("level", "Level", levels.map(Level::name)),
            Facet::of_verdicts("verdict", "Verdict", self.verdicts()),
        ]
    }
}

/// A bar that shows at a glance what part of the checks came to what. Attributes and no styles: the policy allows none.
fn share(verdicts: &[Verdict], counts: &[usize]) -> Markup {
    let total: usize = counts.iter().sum();
    let ends = counts.iter().scan(0, |end, count| {
        *end += count;
        Some(*end)
    });
    html! {
        svg viewBox=(format!("0 0 {total} 1")) preserveAspectRatio="none" {
            @for ((verdict, count), end) in verdicts.iter().zip(counts).zip(ends) {
                rect data-verdict=(verdict.name()) x=(end - count) y="0" width=(count) height="1" {}
            }
        }
    }
}
