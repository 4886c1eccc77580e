//! stats: a line for each statistic, then END.

use super::defects::Switch;
use super::{On, Talk};

impl Talk<'_> {
    pub(super) fn stats(&mut self, words: &[Vec<u8>]) -> Vec<u8> {
        let group = words.get(1).map_or(&b""[..], Vec::as_slice);
        let Some(mut statistics) = self.group(group) else {
            let mut said = self.error("ERROR");
            if self.wrong(Switch::UnknownGroupEnds) {
                said.extend(self.line("END"));
            }
            return said;
        };
        if group == b"reset" {
            return self.line(if self.wrong(Switch::ResetSaysOk) { "OK" } else { "RESET" });
        }
        if self.wrong(Switch::StatsForgetNames) {
            statistics.retain(|(name, _)| !matches!(*name, "cmd_meta" | "evictions"));
        }
        let prefix = if self.wrong(Switch::StatsAreNotPrefixed) { "" } else { "STAT " };
        let lines = statistics.iter().map(|(name, value)| format!("{prefix}{name} {value}"));
        let mut said: Vec<u8> = lines.flat_map(|line| self.line(line)).collect();
        let end = self.line("END");
        match self.on() {
            On::Text(Switch::StatsHaveNoEnd) => {}
            On::Text(Switch::GroupsHaveNoEnd) if !group.is_empty() => {}
            On::Text(Switch::StatsEndComesLate) => self.kept.late = end,
            _ => said.extend(end),
        }
        said
    }

    fn group(&self, name: &[u8]) -> Option<Vec<(&'static str, String)>> {
        let mut store = self.server.store.borrow_mut();
        match name {
            b"slabs" => Some(vec![("active_slabs", "0".to_owned())]),
            b"conns" => Some(Vec::new()),
            b"reset" if self.wrong(Switch::ResetResetsNothing) => Some(Vec::new()),
            _ => store.group(name),
        }
    }
}
