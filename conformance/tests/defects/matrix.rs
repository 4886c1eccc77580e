//! The matrix of defects and cases: what stands in `docs/results/`, all of it computed.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::sync::Arc;

use lockproof_conformance::replay::Delivery;
use lockproof_conformance::suite::Case;
use lockproof_defects::{Defect, Kind};

use super::judge::{GREETING, Notice};

/// Cases named in a row; the CSV file has all of them.
const NAMED: usize = 3;

/// One protocol's defects and cases.
pub(crate) struct Protocol {
    /// Its servers.
    pub(crate) kind: Kind,
    /// The cases that judge: not those of level info.
    pub(crate) cases: Vec<Arc<Case>>,
    /// By the defect's name.
    pub(crate) notices: BTreeMap<&'static str, Vec<Notice>>,
}

impl Protocol {
    fn of(&self, defect: &Defect) -> &[Notice] {
        self.notices.get(defect.name).map(Vec::as_slice).unwrap_or_default()
    }

    fn count(&self, wanted: impl Fn(&[Notice]) -> bool) -> usize {
        self.kind.defects.iter().filter(|defect| wanted(self.of(defect))).count()
    }

    /// Cases that have never failed here.
    fn idle(&self) -> Vec<&str> {
        let busy: BTreeSet<&str> =
            self.notices.values().flatten().map(|notice| notice.case.as_str()).collect();
        self.cases.iter().map(|case| case.id()).filter(|id| !busy.contains(id)).collect()
    }
}

/// A line a defect, case and delivery.
pub(crate) fn csv(protocols: &[Protocol]) -> String {
    let mut text = "protocol,defect,case,delivery\n".to_owned();
    for protocol in protocols {
        for defect in protocol.kind.defects {
            for Notice { case, delivery, .. } in protocol.of(defect) {
                let (name, delivery) = (protocol.kind.protocol, delivery.name());
                let _ = writeln!(text, "{name},{},{case},{delivery}", defect.name);
            }
        }
    }
    text
}

/// The page that people read.
pub(crate) fn markdown(protocols: &[Protocol]) -> String {
    let mut text = PREFACE.to_owned();
    summary(&mut text, protocols);
    for protocol in protocols {
        table(&mut text, protocol);
    }
    lists(&mut text, protocols);
    text
}

const PREFACE: &str = "\
# What the suite notices

Generated; do not edit. `LOCKPROOF_BLESS=1 cargo test -p lockproof-conformance --test defects` writes it, and the same
command without the variable fails when it is no longer true.

`conformance/defects` has small correct servers; the one of memcached speaks binary, text and meta. Each of the defects below was switched on, one at a
time, and every case that judges (must, should, de-facto) was played on a new server that had it: whole; if no case
noticed it so, those that need authentication or a full memory, on servers set up for them; and if still no case did, in the
other deliveries too. Without a defect the servers pass every one of these cases in every delivery.
All pairs of defect and case are in [defects.csv](defects.csv).

";

fn summary(text: &mut String, protocols: &[Protocol]) {
    text.push_str("| protocol | cases | defects | noticed | by one case only | cases that no defect fails |\n");
    text.push_str("| --- | ---: | ---: | ---: | ---: | ---: |\n");
    for protocol in protocols {
        let _ = writeln!(
            text,
            "| {} | {} | {} | {} | {} | {} |",
            protocol.kind.protocol,
            protocol.cases.len(),
            protocol.kind.defects.len(),
            protocol.count(|notices| !notices.is_empty()),
            protocol.count(|notices| notices.len() == 1),
            protocol.idle().len(),
        );
    }
}

fn table(text: &mut String, protocol: &Protocol) {
    let name = protocol.kind.protocol;
    let _ = writeln!(text, "\n## {name}\n\n| defect | what the server does | cases | such as |");
    text.push_str("| --- | --- | ---: | --- |\n");
    for defect in protocol.kind.defects {
        let notices = protocol.of(defect);
        let about = defect.about.replace('|', "\\|");
        let _ = writeln!(
            text,
            "| `{}` | {about} | {} | {} |",
            defect.name,
            notices.len(),
            examples(notices, name)
        );
    }
}

/// The first few, each in one delivery only.
fn examples(notices: &[Notice], protocol: &str) -> String {
    let named = notices.iter().take(NAMED).map(|notice| {
        let case = notice.case.strip_prefix(protocol).unwrap_or(&notice.case);
        let case = case.trim_start_matches('/');
        match notice.delivery {
            Delivery::Whole if case == GREETING => format!("the {GREETING}"),
            Delivery::Whole => format!("`{case}`"),
            other => format!("`{case}` ({})", other.name()),
        }
    });
    named.collect::<Vec<_>>().join(", ")
}

fn lists(text: &mut String, protocols: &[Protocol]) {
    let idle = protocols.iter().flat_map(Protocol::idle);
    list(text, "Cases that no defect fails", "They were never seen to fail here.", idle);
}

fn list<'a>(text: &mut String, title: &str, about: &str, ids: impl Iterator<Item = &'a str>) {
    let ids: Vec<_> = ids.map(|id| format!("- `{id}`")).collect();
    if !ids.is_empty() {
        let _ = writeln!(text, "\n## {title}\n\n{about}\n\n{}", ids.join("\n"));
    }
}
