//! STAT: a packet for each statistic, then an empty one.

use super::super::defect::Switch;
use super::super::frame::{Reply, Request, Status};
use super::super::memory::FLAGS_BYTES;
use super::super::shape::item_bytes_max;
use super::super::store::Store;
use super::VERSION;
use crate::Setup;

const CONNECTIONS_MAX: &str = "1024";
const THREADS: &str = "1";

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
    pub(in super::super) fn group(&mut self, name: &[u8]) -> Option<Vec<(&'static str, String)>> {
        match name {
            b"" => Some(self.general()),
            b"settings" => Some(self.settings()),
            b"items" | b"slabs" => Some(Vec::new()),
            b"sizes" => {
                let on = self.wrong(Switch::SizesAreOn);
                Some(vec![("sizes_status", if on { "enabled" } else { "disabled" }.to_owned())])
            }
            b"reset" => {
                self.statistics.reset();
                Some(Vec::new())
            }
            _ => None,
        }
    }

    fn settings(&self) -> Vec<(&'static str, String)> {
        let (mut maxbytes, mut evicts) = (self.limit(), self.setup != Setup::Refuses);
        let mut sasl = self.setup == Setup::Sasl;
        let mut threads = THREADS;
        match self.active.0 {
            Some(Switch::SettingsForgetTheLimit) => maxbytes = 64 << 20,
            Some(Switch::SettingsAlwaysSayOn) => evicts = true,
            Some(Switch::SettingsNeverSayOn) => evicts = false,
            Some(Switch::SettingsForgetSasl) => sasl = false,
            Some(Switch::SettingsCountOtherThreads) => threads = "4",
            _ => {}
        }
        vec![
            ("item_size_max", item_bytes_max(self.setup).to_string()),
            ("maxbytes", maxbytes.to_string()),
            ("maxconns", CONNECTIONS_MAX.to_owned()),
            ("num_threads", threads.to_owned()),
            ("evictions", if evicts { "on" } else { "off" }.to_owned()),
            ("auth_enabled_sasl", if sasl { "yes" } else { "no" }.to_owned()),
            ("cas_enabled", "yes".to_owned()),
            ("flush_enabled", "yes".to_owned()),
            ("detail_enabled", "no".to_owned()),
        ]
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
        let bytes = match self.active.0 {
            Some(Switch::BytesAreThoseOfValues) => {
                self.items.values().map(|item| item.value.len()).sum()
            }
            Some(Switch::BytesForgetTheFlags) => {
                let flagged = self.items.values().filter(|item| item.flags != 0).count();
                self.taken() - flagged * FLAGS_BYTES
            }
            _ => self.taken(),
        };
        let mut general = vec![
            ("pid", std::process::id().to_string()),
            ("uptime", self.clock.uptime().as_secs().to_string()),
            ("time", time.to_string()),
            ("version", if other_version { "1.0.1" } else { VERSION }.to_owned()),
            ("pointer_size", usize::BITS.to_string()),
            ("limit_maxbytes", self.limit().to_string()),
            ("bytes", bytes.to_string()),
            ("curr_items", self.items.len().to_string()),
        ];
        general.push(("max_connections", CONNECTIONS_MAX.to_owned()));
        general.push(("threads", THREADS.to_owned()));
        let counters = self.statistics.0.iter();
        general.extend(counters.map(|(&name, count)| (name, count.to_string())));
        if self.wrong(Switch::StatForgetsNames) {
            general.retain(|(name, _)| !matches!(*name, "threads" | "evictions"));
        }
        general
    }
}
