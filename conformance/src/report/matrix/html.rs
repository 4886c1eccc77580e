//! A matrix as one HTML file: the summary, and every case with a filter for each column.

use std::collections::BTreeSet;

use maud::{Markup, html};

use super::forms::Tally;
use super::{Matrix, Row};
use crate::report::Verdict;
use crate::report::html::{Facet, Page, filter, mark, nothing};
use crate::session::Level;
use crate::wire::Protocol;

impl Matrix {
    /// For browsers. All rows are there, for its filter.
    pub fn html(&self) -> String {
        let names: Vec<&str> = self.columns.iter().map(|column| column.name.as_str()).collect();
        let page = Page {
            begins: Page::CASES,
            style: "",
            script: "",
            title: format!("{} · Lockproof", names.join(", ")),
            header: html! {
                p.brand { "Lockproof conformance matrix" }
                h1 { (names.join(" · ")) }
                dl.facts { @for column in &self.columns {
                    div { dt { (column.name) } dd { (column.implementation) } dd { code { (column.target) } } }
                } }
            },
            main: html! {
                section aria-labelledby="summary" {
                    h2 id="summary" { "Summary" }
                    (self.summary_table())
                    p.note { "Passed of judged; “not asked” are cases that need something the server lacks." }
                }
                section id="cases" aria-labelledby="cases-heading" {
                    h2 id="cases-heading" { "Cases" }
                    (filter(&self.facets(), self.rows.len()))
                    (self.case_table())
                    (nothing())
                }
            },
        };
        page.into_string()
    }

    fn facets(&self) -> Vec<Facet> {
        let protocols: BTreeSet<&str> = self.rows.iter().map(Row::protocol).collect();
        let levels: BTreeSet<Level> = self.rows.iter().map(|row| row.level).collect();
        let protocols =
            Protocol::ALL.map(Protocol::name).into_iter().filter(|one| protocols.contains(one));
        let mut facets = vec![
            Facet::of_words("protocol", "Protocol", protocols),
            Facet::of_words("level", "Level", levels.into_iter().map(Level::name)),
        ];
        let columns = self.columns.iter().enumerate();
        facets.extend(columns.map(|(index, column)| {
            Facet::of_verdicts(&format!("c{index}"), &column.name, self.verdicts_of(index))
        }));
        facets
    }

    fn summary_table(&self) -> Markup {
        let tallies = |rows: &[Row]| -> Vec<Tally> {
            (0..self.columns.len()).map(|index| Tally::of(rows, index)).collect()
        };
        html! {
            div.scroll tabindex="0" role="region" aria-labelledby="summary" { table.groups {
                thead { tr {
                    th scope="col" { "Group" } th scope="col" { "Cases" }
                    @for column in &self.columns { th scope="col" { (column.name) } }
                } }
                tbody { @for (name, rows) in self.groups() { (tally_row(name, rows.len(), &tallies(rows))) } }
                tfoot { (tally_row("all", self.rows.len(), &tallies(&self.rows))) }
            } }
        }
    }

    fn case_table(&self) -> Markup {
        html! {
            div.scroll.part { table.matrix {
                caption.unseen { span.count { (self.rows.len()) } " cases" }
                thead { tr {
                    th scope="col" { "Case" } th scope="col" { "Level" }
                    @for column in &self.columns { th scope="col" { (column.name) } }
                } }
                tbody { @for row in &self.rows { (case_row(row)) } }
            } }
        }
    }
}

fn tally_row(name: &str, cases: usize, tallies: &[Tally]) -> Markup {
    html! {
        tr {
            th scope="row" { (name) }
            td { (cases) }
            @for tally in tallies {
                td data-verdict=(if tally.judged == 0 { "absent" } else if tally.passed < tally.judged { "fail" } else { "pass" }) {
                    @if tally.judged > 0 { (tally.passed) "/" (tally.judged) }
                    @if tally.unasked > 0 { " " span.none { (tally.unasked) " not asked" } }
                    @if tally.judged + tally.unasked == 0 { span.none { "·" } }
                }
            }
        }
    }
}

/// The cells' verdicts stand on the row too, under the name of the column's facet.
fn case_row(row: &Row) -> Markup {
    let names: Vec<&str> =
        row.verdicts.iter().map(|cell| cell.map_or("absent", Verdict::name)).collect();
    html! {
        tr.case data-protocol=(row.protocol()) data-level=(row.level.name()) data-columns=(names.join(" ")) {
            th scope="row" { code { (row.id) } @if let Some(title) = &row.title { span.title { (title) } } }
            td.level { (row.level.name()) }
            @for cell in &row.verdicts {
                td { @match cell {
                    Some(verdict) => { (mark(*verdict)) " " span.verdict-name aria-hidden="true" { (verdict.name()) } }
                    None => { span.none { "·" } }
                } }
            }
        }
    }
}
