//! Which messages the bytes are: read by the judge's decoders, as in its reports.

use std::collections::BTreeMap;
use std::time::Duration;

use lockproof_conformance::replay::{Direction, Event, Transcript};
use lockproof_conformance::report::messages;
use lockproof_conformance::wire::{Codec, Protocol};

use super::Transfer;
use crate::config::Config;

/// A message longer than that is cut: values are bytes, and say little.
const CHARACTERS_MAX: usize = 160;

/// Messages of one transfer that are named.
const MESSAGES_MAX: usize = 12;

/// Names the messages of each transfer, and gives all of them in full; `kept` has the bytes of each.
pub(super) fn name(
    transfers: &mut [Transfer],
    kept: &[Vec<u8>],
    config: &Config,
) -> Vec<Vec<String>> {
    let mut all = vec![Vec::new(); transfers.len()];
    let Some(protocol) = Protocol::from_name(config.protocol.name()) else { return all };
    let mut connections: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
    for (index, transfer) in transfers.iter().enumerate() {
        connections.entry(transfer.connection).or_default().push(index);
    }
    for indices in connections.into_values() {
        let event = |index: &usize| event(&transfers[*index], &kept[*index]);
        let events = indices.iter().map(event).collect();
        let transcript = Transcript { events, dropped: 0 };
        for (index, named) in indices.iter().zip(messages(Codec::new(protocol), &transcript)) {
            let more = named.len().saturating_sub(MESSAGES_MAX);
            let shown = named.iter().take(MESSAGES_MAX).map(|text| short(text));
            transfers[*index].messages = shown.collect();
            if more > 0 {
                transfers[*index].messages.push(format!("… {more} more"));
            }
            all[*index] = named;
        }
    }
    all
}

fn event(transfer: &Transfer, bytes: &[u8]) -> Event {
    Event {
        at: Duration::from_micros(transfer.since),
        conn: "A".to_owned(),
        direction: if transfer.to_server { Direction::Sent } else { Direction::Received },
        bytes: bytes.to_vec(),
        length: transfer.length,
        note: None,
    }
}

fn short(text: &str) -> String {
    let mut short: String = text.chars().take(CHARACTERS_MAX).collect();
    if short.len() < text.len() {
        short.push('…');
    }
    short
}
