//! STAT: a packet for each statistic, then an empty one.

use super::super::defect::Switch;
use super::super::frame::{Reply, Request, Status};
use super::super::shape::VALUE_BYTES_MAX;
use super::super::store::Store;
use super::VERSION;

impl Store {
    pub(super) fn stat(&mut self, request: &Request) -> Vec<Reply> {
        let group = self.group(&request.key);
        let Some(statistics) = group else {
            return match self.active.0 {
                Some(Switch::UnknownGroupIsEmpty) => vec![Reply::default()],
                Some(Switch::UnknownGroupHasAnEnd) => vec![self.no_group(), Reply::default()],
                _ => vec![self.no_group()],
            };
        };
        let packet = |(name, value): (&str, String)| Reply {
            key: name.into(),
            value: self.statistic(&value),
            ..Reply::default()
        };
        let mut packets: Vec<Reply> = statistics.into_iter().map(packet).collect();
        match self.active.0 {
            Some(Switch::StatHasNoEnd) => {}
            Some(Switch::StatGroupHasNoEnd) if !request.key.is_empty() => {}
            Some(Switch::StatEndHasAKey) => {
                packets.push(Reply { key: "END".into(), ..Reply::default() });
            }
            _ => packets.push(Reply::default()),
        }
        packets
    }

    fn no_group(&self) -> Reply {
        Reply::error(Status::NotFound, self.active)
    }

    /// The names and values of a group; nothing for one that does not exist.
    fn group(&mut self, name: &[u8]) -> Option<Vec<(&'static str, String)>> {
        match name {
            b"" => Some(self.general()),
            b"settings" => Some(vec![("item_size_max", VALUE_BYTES_MAX.to_string())]),
            b"items" | b"slabs" | b"sizes" => Some(Vec::new()),
            b"reset" => {
                self.statistics.reset();
                Some(Vec::new())
            }
            _ => None,
        }
    }

    fn statistic(&self, value: &str) -> Vec<u8> {
        let raw = self.wrong(Switch::StatValuesAreRaw);
        match value.parse::<u64>() {
            Ok(number) if raw => number.to_be_bytes().to_vec(),
            _ => value.into(),
        }
    }

    fn general(&self) -> Vec<(&'static str, String)> {
        let unix = self.clock.unix();
        let milliseconds = self.wrong(Switch::StatTimeIsMilliseconds);
        let time = if milliseconds { unix.as_millis() } else { unix.as_secs().into() };
        let other_version = self.wrong(Switch::StatVersionIsAnother);
        let bytes: usize = self.items.values().map(|item| item.value.len()).sum();
        let mut general = vec![
            ("pid", std::process::id().to_string()),
            ("uptime", self.clock.uptime().as_secs().to_string()),
            ("time", time.to_string()),
            ("version", if other_version { "1.0.1" } else { VERSION }.to_owned()),
            ("pointer_size", usize::BITS.to_string()),
            ("limit_maxbytes", (64 << 20).to_string()),
            ("bytes", bytes.to_string()),
            ("curr_items", self.items.len().to_string()),
        ];
        general.extend(["auth_cmds", "auth_errors", "reclaimed"].map(|name| (name, "0".into())));
        if !self.wrong(Switch::StatForgetsNames) {
            general.extend([("threads", "1".into()), ("evictions", "0".into())]);
        }
        let counters = self.statistics.0.iter();
        general.extend(counters.map(|(&name, count)| (name, count.to_string())));
        general
    }
}
