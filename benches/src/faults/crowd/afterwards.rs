//! When the crowd is gone: is the server as it was?

use std::time::{Duration, Instant};

use super::super::report::Scenario;
use super::super::served::Served;
use super::super::state::{Control, State, take_keys, take_pages};
use super::super::{eventually, say};
use super::client::{half_key, key, page};
use super::mebibytes;

/// How soon it should be.
const AIM_SECONDS: f64 = 30.0;
/// What an allocator may keep of what a connection had, and at all.
const KEPT_PER_CLIENT: u64 = 8 << 10;
const KEPT: u64 = 16 << 20;

/// What is asked when all are gone.
pub(super) struct Afterwards<'a> {
    pub(super) server: &'a Served,
    pub(super) before: State,
    /// The first page of the crowd's, and how many pages there are at all.
    pub(super) pages: (u32, u32),
    /// How many there were.
    pub(super) size: u32,
}

impl Afterwards<'_> {
    pub(super) fn check(&self, scenario: &mut Scenario, control: &mut Control, patience: Duration) {
        say("crowd", "they are gone; is everything free?");
        let gone = Instant::now();
        self.check_locks(scenario, patience);
        self.check_state(scenario, control, patience.saturating_sub(gone.elapsed()));
        scenario.aim("all is as before after", gone.elapsed().as_secs_f64(), AIM_SECONDS, " s");
        let stored = (0..self.size)
            .filter(|number| number % 4 == 0)
            .find(|number| !matches!(control.get(half_key(*number).as_bytes()), Ok(None)));
        let text = match stored {
            None => "no half item is there".to_owned(),
            Some(number) => format!("{} is there", half_key(number)),
        };
        scenario.check("nothing half sent is stored", stored.is_none(), text);
    }

    fn check_locks(&self, scenario: &mut Scenario, patience: Duration) {
        let keys: Vec<Vec<u8>> = (0..self.size).filter_map(key).collect();
        let taken = take_keys(self.server, &keys, patience);
        let text = match &taken {
            Ok(()) => format!("all {} taken at once", keys.len()),
            Err(error) => format!("{error:#}"),
        };
        scenario.check("no lock of locker stays held", taken.is_ok(), text);
        let last = (0..self.size).filter_map(|number| page(number, self.pages)).max();
        let pages = self.pages.0..last.map_or(self.pages.0, |page| page + 1);
        let taken = take_pages(self.server, pages, patience);
        let text = match &taken {
            Ok(versions) => format!("all {} taken at once", versions.len()),
            Err(error) => format!("{error:#}"),
        };
        scenario.check("no page stays held", taken.is_ok(), text);
        if let Ok(versions) = taken {
            let written =
                versions.iter().filter(|version| Some(*version) != versions.first()).count();
            let text = format!("{written} pages have another version than the rest");
            scenario.check("no half sent page is written", written == 0, text);
        }
    }

    fn check_state(&self, scenario: &mut Scenario, control: &mut Control, patience: Duration) {
        let before = self.before;
        let bound = before.resident + KEPT + KEPT_PER_CLIENT * u64::from(self.size);
        let mut now = Ok(before);
        let back = eventually(patience, || {
            now = State::of(self.server.process(), control);
            let State { resident, descriptors, connections } = *now.as_ref().map_err(copy)?;
            let as_before = descriptors <= before.descriptors && connections <= before.connections;
            Ok(as_before && resident <= bound)
        });
        let (now, _) = match (now, back) {
            (Ok(now), Ok(back)) => (now, back),
            (Err(error), _) | (_, Err(error)) => {
                scenario.check("the server is there", false, format!("{error:#}"));
                return;
            }
        };
        let text = format!("{} before, {} now", before.descriptors, now.descriptors);
        scenario.check("no descriptor is lost", now.descriptors <= before.descriptors, text);
        let text =
            format!("curr_connections {:?} before, {:?} now", before.connections, now.connections);
        scenario.check("no connection is lost", now.connections <= before.connections, text);
        let [was, is, most] = [before.resident, now.resident, bound].map(mebibytes);
        let text = format!("{was} before, {is} now, {most} allowed");
        scenario.check("memory comes back", now.resident <= bound, text);
    }
}

fn copy(error: &anyhow::Error) -> anyhow::Error {
    anyhow::anyhow!("{error:#}")
}
