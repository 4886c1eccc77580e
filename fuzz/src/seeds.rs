//! Seeds: inputs for the fuzzer to begin with, made of the committed recordings and sessions.
//!
//! `cargo run --no-default-features --example seeds -- FOLDER` writes them; `ci/fuzz --seeds` makes a small corpus of these
//! and of what was found since. The state machines have none: what is drawn for them has no bytes on any wire.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::{Error, Result};
use std::path::Path;

use lockproof_conformance::record::import::Recording;
use lockproof_conformance::record::{Event as Recorded, What};
use lockproof_conformance::suite;

use crate::hostile_server;
use crate::server::script::{self, Event};
use crate::step::Sessions;

/// Longer inputs are slow, and tell nothing new.
const LENGTH_MAX: usize = 2048;

/// memcached's text and meta protocols, of which there are no recordings.
const LINES: [&str; 5] = [
    "STORED\r\nVALUE k 5 5 7\r\nEND\r\n\r\nEND\r\nVA 2 s2 t-1 f5 km Oq W\r\nab\r\nHD c7\r\n12\r\nSTAT pid 1\r\nEND\r\nEN\r\nME k exp=-1\r\nMN\r\n",
    "set k 1 0 5\r\nhello\r\nget k j\r\ngets k\ngat 60 k\r\ncas k 0 0 1 7 noreply\r\nx\r\nincr k 5\r\n",
    "ms k 2 c k Oq F5 T0\r\nab\r\nmg k v s t f O1\r\nmd k I T30 q\r\nma k N0 J13 MD D2\r\nme k b\r\nmn\r\n",
    "set big 0 0 9999999\r\nset k 0 0 -1\r\nset k 0 0 2\r\nabc\r\nms YSBi 1 b\r\nx\r\nmg a S\r\n",
    "set _ _ _ 13\r\nuser password\r\nversion\r\nflush_all 5 noreply\r\nstats items\r\nverbosity 1\r\nquit\r\n",
];

/// Inputs by target.
pub type Seeds = BTreeMap<&'static str, BTreeSet<Vec<u8>>>;

/// All of them. `conformance` is that room's folder.
///
/// # Errors
///
/// A recording that cannot be read.
pub fn all(conformance: &Path) -> Result<Seeds> {
    let mut seeds = Seeds::new();
    let cases = suite::all().map_err(Error::other)?;
    for case in cases.into_iter().chain(suite::for_clients().map_err(Error::other)?) {
        add(&mut seeds, "session_parse", case.session.to_string().into_bytes());
    }
    for length in [200, 300] {
        let stream = [set(length), set(length)].concat();
        add(&mut seeds, "protocol_decode", [&[5, 28, 90, 41, 100, 77][..], &stream].concat());
    }
    for lines in LINES {
        for cuts in [&[0][..], &[4, 1, 9, 30, 2]] {
            add(&mut seeds, "protocol_decode", [cuts, lines.as_bytes()].concat());
        }
    }
    for recording in recordings(&conformance.join("recordings"))? {
        for stream in streams(&recording.events) {
            let start = &stream[..stream.len().min(LENGTH_MAX - 8)];
            add(&mut seeds, "wire_decode", start.to_vec());
            for cuts in [&[0][..], &[3, 1, 23, 40]] {
                add(&mut seeds, "protocol_decode", [cuts, start].concat());
            }
        }
        add(&mut seeds, "server", script(&recording));
        for case in hostile_server::cases_of(recording.protocol(), 8) {
            for stream in received(&recording.events) {
                let start = &stream[..stream.len().min(LENGTH_MAX - 8)];
                add(&mut seeds, "hostile_server", [&case[..], start].concat());
            }
        }
    }
    Ok(seeds)
}

/// A SET of the key `k`: a value of 300 bytes is too large for the decoder.
fn set(length: u32) -> Vec<u8> {
    let mut frame = vec![0x80, 1, 0, 1, 8, 0, 0, 0];
    frame.extend((8 + 1 + length).to_be_bytes());
    frame.extend([0; 12 + 8]);
    frame.push(b'k');
    frame.extend(vec![b'v'; length as usize]);
    frame
}

fn add(seeds: &mut Seeds, target: &'static str, input: Vec<u8>) {
    if !input.is_empty() && input.len() <= LENGTH_MAX {
        seeds.entry(target).or_default().insert(input);
    }
}

fn recordings(folder: &Path) -> Result<Vec<Recording>> {
    let mut recordings = Vec::new();
    for program in ["echo", "mbserver", "memcached", "netmem"] {
        for entry in fs::read_dir(folder.join(program))? {
            let path = entry?.path();
            if path.extension().is_some_and(|extension| extension == "jsonl") {
                let scenario = path.file_stem().unwrap_or_default().to_string_lossy();
                let text = fs::read_to_string(&path)?;
                recordings.push(Recording::parse(program, &scenario, &text).map_err(Error::other)?);
            }
        }
    }
    Ok(recordings)
}

/// What went each way on each connection.
fn streams(events: &[Recorded]) -> Vec<Vec<u8>> {
    let mut streams = BTreeMap::<(u64, bool), Vec<u8>>::new();
    for event in events {
        match &event.what {
            What::Sent(bytes) => streams.entry((event.conn, true)).or_default().extend(bytes),
            What::Received(bytes) => streams.entry((event.conn, false)).or_default().extend(bytes),
            _ => {}
        }
    }
    streams.into_values().collect()
}

fn received(events: &[Recorded]) -> Vec<Vec<u8>> {
    let is_received = |event: &&Recorded| matches!(event.what, What::Received(_));
    streams(&events.iter().filter(is_received).cloned().collect::<Vec<_>>())
}

/// What the clients did, as far as it fits.
fn script(recording: &Recording) -> Vec<u8> {
    let mut script = vec![crate::server::switches(recording.protocol())];
    for event in &recording.events {
        let client = (event.conn % Sessions::CLIENTS as u64) as u8;
        let event = match &event.what {
            What::Sent(bytes) => Event::Raw { client, kept: 0, bytes: bytes.clone() },
            What::ClientEnded(_) => Event::Drop { client },
            _ => continue,
        };
        let mut bytes = Vec::new();
        script::write(&event, &mut bytes);
        if script.len() + bytes.len() <= LENGTH_MAX {
            script.extend(bytes);
        }
    }
    script
}
