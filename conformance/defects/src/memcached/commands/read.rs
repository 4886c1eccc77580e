//! GET, GETK, TOUCH, GAT and GATK, quiet and loud.

use super::super::defect::Switch;
use super::super::frame::{Reply, Request, Status};
use super::super::opcode::{Command, Verb};
use super::super::store::{Item, Store};
use super::Answer;

impl Store {
    pub(super) fn read(&mut self, command: Command, request: &Request) -> Answer {
        let Some(mut item) = self.items.get(&request.key).cloned() else {
            self.count_read(command, false);
            return self.miss(command.verb);
        };
        if item.value.is_empty() && self.wrong(Switch::EmptyValueIsAMiss) {
            return Err(Status::NotFound);
        }
        self.check_read_cas(command.verb, request, &item)?;
        self.count_read(command, true);
        if command.verb.touches() {
            self.touch(command.verb, request, &mut item);
        } else if self.wrong(Switch::GetExtendsTheExpiry) {
            item.expires = self.deadline(item.lifetime);
        }
        if !command.verb.touches() && self.wrong(Switch::GetChangesTheCas) {
            item.cas = self.next_cas(Some(&item));
        }
        (item.marks.fetched, item.marks.accessed) = (true, self.clock.unix());
        self.items.insert(request.key.clone(), item.clone());
        if !self.wrong(Switch::ReadingIsNoUse) {
            self.used(&request.key);
            self.memory.asked.insert(request.key.clone());
        }
        Ok(self.hit(command.verb, item))
    }

    fn miss(&self, verb: Verb) -> Answer {
        match verb {
            Verb::Touch if self.wrong(Switch::TouchOfAbsentSucceeds) => Ok(Reply::default()),
            Verb::Get | Verb::GetK if self.wrong(Switch::GetMissIsAnEmptyHit) => {
                Ok(Reply { extras: vec![0; 4], ..Reply::default() })
            }
            _ => Err(Status::NotFound),
        }
    }

    /// Reads take no notice of a CAS.
    fn check_read_cas(&self, verb: Verb, request: &Request, item: &Item) -> Result<(), Status> {
        let switch =
            if verb.touches() { Switch::TouchChecksTheCas } else { Switch::GetChecksTheCas };
        let differs = request.header.cas != 0 && request.header.cas != item.cas;
        if differs && self.wrong(switch) { Err(Status::Exists) } else { Ok(()) }
    }

    fn touch(&mut self, verb: Verb, request: &Request, item: &mut Item) {
        let field = request.u32_at(0);
        let expires = self.deadline(field);
        let sooner = expires.is_some_and(|at| item.expires.is_none_or(|old| at < old));
        let stays = match self.active.0 {
            Some(Switch::TouchDoesNothing) => verb == Verb::Touch,
            Some(Switch::GatDoesNotTouch) => verb == Verb::Gat,
            Some(Switch::GatkDoesNotTouch) => verb == Verb::GatK,
            Some(Switch::TouchNeverShortens) => sooner,
            Some(Switch::TouchOfZeroDoesNothing) => field == 0,
            _ => false,
        };
        if !stays {
            (item.expires, item.lifetime) = (expires, field);
        }
        if self.wrong(Switch::TouchChangesTheCas) {
            item.cas = self.next_cas(Some(item));
        }
        if self.wrong(Switch::TouchClearsFlags) {
            item.flags = 0;
        }
    }

    fn hit(&self, verb: Verb, item: Item) -> Reply {
        let hides_cas = match verb {
            Verb::Touch => return Reply::with_cas(item.cas),
            Verb::Get => Switch::GetReturnsNoCas,
            Verb::GetK => Switch::GetkReturnsNoCas,
            _ => Switch::GatReturnsNoCas,
        };
        let extras = match self.active.0 {
            Some(Switch::HitHasNoExtras) if item.flags == 0 => Vec::new(),
            Some(Switch::FlagsAreSwapped) => item.flags.to_le_bytes().to_vec(),
            Some(Switch::FlagsHaveSixteenBits) => (item.flags & 0xffff).to_be_bytes().to_vec(),
            Some(Switch::GetForgetsFlags) => vec![0; 4],
            _ => item.flags.to_be_bytes().to_vec(),
        };
        let cas = if self.wrong(hides_cas) { 0 } else { item.cas };
        let forgets = verb == Verb::Gat && self.wrong(Switch::GatForgetsTheValue);
        let value = if forgets { Vec::new() } else { item.value };
        Reply { extras, value, cas, ..Reply::default() }
    }

    fn count_read(&mut self, command: Command, hit: bool) {
        let touches = command.verb.touches();
        if touches && !self.wrong(Switch::StatCountsNoTouch) {
            self.statistics.count("cmd_touch");
        }
        if !touches && !self.wrong(Switch::StatCountsNoReads) {
            self.statistics.count("cmd_get");
        }
        let hit = hit || command.quiet && self.wrong(Switch::StatCountsQuietMissesAsHits);
        self.statistics.count(match (touches, hit) {
            (true, true) => "touch_hits",
            (true, false) => "touch_misses",
            (false, true) => "get_hits",
            (false, false) => "get_misses",
        });
    }
}
