//! The report as `JUnit` XML, for CI servers: a suite for each group of cases, a test for each case in each delivery.
//!
//! A test fails if and only if the exit code counts it. What fails and does not count (a known deviation, a `should` in a
//! lenient run) is skipped, with the reason and the whole failure in its output.

use std::borrow::Cow;
use std::io;

use quick_xml::Writer;
use quick_xml::events::{BytesDecl, BytesText, Event};

use super::failure::Ink;
use super::{CaseReport, Report, Verdict, when};
use crate::requirements;

type Xml = Writer<Vec<u8>>;

/// How a check shows up: CI servers know these four.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Kind {
    Passed,
    Failed,
    Errored,
    Skipped,
}

impl Report {
    /// The report as `JUnit` XML.
    pub fn junit(&self) -> String {
        let mut xml = Writer::new_with_indent(Vec::new(), b' ', 2);
        // Writing into memory does not fail.
        let _ = self.suites(&mut xml);
        let mut text = String::from_utf8(xml.into_inner()).unwrap_or_default();
        text.push('\n');
        text
    }

    fn suites(&self, xml: &mut Xml) -> io::Result<()> {
        let cases: Vec<&CaseReport> = self.cases.iter().collect();
        let groups: Vec<&[&CaseReport]> = cases.chunk_by(|a, b| group(a) == group(b)).collect();
        let unused = self.unused_expectations.len();
        let mut counts = self.counts(&cases);
        counts[0].1 += unused;
        counts[1].1 += unused;
        xml.write_event(Event::Decl(BytesDecl::new("1.0", Some("UTF-8"), None)))?;
        xml.create_element("testsuites")
            .with_attribute(("name", "lockproof"))
            .with_attributes(numbers(&counts))
            .with_attribute(("time", seconds(self.millis).as_str()))
            .write_inner_content(|xml| {
                for group in &groups {
                    self.suite(xml, group)?;
                }
                if unused > 0 { self.unused(xml) } else { Ok(()) }
            })?;
        Ok(())
    }

    fn suite(&self, xml: &mut Xml, cases: &[&CaseReport]) -> io::Result<()> {
        let Some(first) = cases.first() else { return Ok(()) };
        let millis = cases.iter().map(|case| case.millis).sum();
        xml.create_element("testsuite")
            .with_attribute(("name", legal(group(first)).as_str()))
            .with_attributes(numbers(&self.counts(cases)))
            .with_attribute(("time", seconds(millis).as_str()))
            .with_attribute(("timestamp", when::rfc3339(self.began).trim_end_matches('Z')))
            .write_inner_content(|xml| {
                self.properties(xml)?;
                cases.iter().try_for_each(|case| self.test(xml, case))
            })?;
        Ok(())
    }

    fn properties(&self, xml: &mut Xml) -> io::Result<()> {
        let (seed, strict) = (self.seed.to_string(), self.strict.to_string());
        let all = [
            ("implementation", &self.implementation),
            ("target", &self.target),
            ("seed", &seed),
            ("strict", &strict),
        ];
        xml.create_element("properties").write_inner_content(|xml| {
            for (name, value) in all {
                xml.create_element("property")
                    .with_attribute(("name", name))
                    .with_attribute(("value", legal(value).as_str()))
                    .write_empty()?;
            }
            Ok(())
        })?;
        Ok(())
    }

    fn test(&self, xml: &mut Xml, case: &CaseReport) -> io::Result<()> {
        let name = case.id.strip_prefix(group(case)).unwrap_or(&case.id).trim_start_matches('/');
        let mut name = format!("{name} [{}]", case.delivery.name());
        if self.target.contains(' ') {
            // Several servers: a name says which.
            name = format!("{name} {}", case.target);
        }
        let element = xml
            .create_element("testcase")
            .with_attribute(("name", legal(&name).as_str()))
            .with_attribute(("classname", legal(group(case)).replace('/', ".").as_str()))
            .with_attribute(("time", seconds(case.millis).as_str()));
        let kind = self.kind(case);
        if kind == Kind::Passed && case.detail.is_none() {
            element.write_empty()?;
            return Ok(());
        }
        element.write_inner_content(|xml| self.result(xml, case, kind))?;
        Ok(())
    }

    fn result(&self, xml: &mut Xml, case: &CaseReport, kind: Kind) -> io::Result<()> {
        let why = legal(case.detail.as_deref().unwrap_or_default());
        let body = legal(self.body(case).trim());
        match kind {
            Kind::Failed | Kind::Errored => {
                let name = if kind == Kind::Failed { "failure" } else { "error" };
                xml.create_element(name)
                    .with_attribute(("message", why.as_str()))
                    .with_attribute(("type", case.level.name()))
                    .write_text_content(BytesText::new(&body))?;
            }
            Kind::Skipped => {
                let message = match case.verdict {
                    Verdict::Unsupported => why,
                    Verdict::ExpectedFail => format!("fails as expected: {why}"),
                    verdict => {
                        format!("{}, does not count ({}): {why}", verdict.name(), case.level.name())
                    }
                };
                let skipped = xml.create_element("skipped");
                skipped.with_attribute(("message", message.as_str())).write_empty()?;
                if case.evidence.is_some() {
                    let output = xml.create_element("system-out");
                    output.write_text_content(BytesText::new(&body))?;
                }
            }
            Kind::Passed => {
                xml.create_element("system-out").write_text_content(BytesText::new(&why))?;
            }
        }
        Ok(())
    }

    /// Lines of an expectations file that match nothing fail a run like a case does.
    fn unused(&self, xml: &mut Xml) -> io::Result<()> {
        let count = self.unused_expectations.len();
        xml.create_element("testsuite")
            .with_attribute(("name", "expectations"))
            .with_attributes(numbers(&[("tests", count), ("failures", count)]))
            .write_inner_content(|xml| {
                for line in &self.unused_expectations {
                    xml.create_element("testcase")
                        .with_attribute(("name", legal(line).as_str()))
                        .with_attribute(("classname", "expectations"))
                        .write_inner_content(|xml| {
                            let message = legal(&Self::unused_text(line));
                            let failure = xml.create_element("failure");
                            failure.with_attribute(("message", message.as_str())).write_empty()?;
                            Ok(())
                        })?;
                }
                Ok(())
            })?;
        Ok(())
    }

    /// The failure as people read it.
    pub(super) fn body(&self, case: &CaseReport) -> String {
        let mut text = String::new();
        self.failure(&mut text, case, &requirements::all(), &Ink::PLAIN);
        text
    }

    fn kind(&self, case: &CaseReport) -> Kind {
        match case.verdict {
            Verdict::Pass => Kind::Passed,
            Verdict::NotPlayed | Verdict::Error => Kind::Errored,
            _ if case.counts(self.strict) => Kind::Failed,
            _ => Kind::Skipped,
        }
    }

    fn counts(&self, cases: &[&CaseReport]) -> [(&'static str, usize); 4] {
        let of = |kind| cases.iter().filter(|case| self.kind(case) == kind).count();
        [
            ("tests", cases.len()),
            ("failures", of(Kind::Failed)),
            ("errors", of(Kind::Errored)),
            ("skipped", of(Kind::Skipped)),
        ]
    }
}

/// `PROTOCOL/GROUP`
fn group(case: &CaseReport) -> &str {
    case.id.rsplit_once('/').map_or(&case.id, |(group, _)| group)
}

fn numbers(counts: &[(&'static str, usize)]) -> Vec<(&'static str, Cow<'static, str>)> {
    counts.iter().map(|(name, count)| (*name, count.to_string().into())).collect()
}

fn seconds(millis: u64) -> String {
    format!("{}.{:03}", millis / 1000, millis % 1000)
}

/// XML has no way to write most control characters, not even escaped.
fn legal(text: &str) -> String {
    let is_legal = |c: char| matches!(c, '\t' | '\n' | '\r' | ' '..='\u{fffd}' | '\u{10000}'..);
    text.chars().map(|c| if is_legal(c) { c } else { '\u{fffd}' }).collect()
}
