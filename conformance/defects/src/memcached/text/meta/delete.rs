//! md: deletes, or marks stale.

use super::super::Talk;
use super::super::meta_defects::Switch;
use super::super::requests::request;
use super::Asked;
use crate::memcached::frame::Status;
use crate::memcached::opcode::Verb;

impl Talk<'_> {
    pub(super) async fn meta_delete(&mut self, asked: &Asked) -> Vec<u8> {
        let stays = asked.flags.has(b'I') && !self.wrong(Switch::IDeletes);
        let keeps = asked.flags.has(b'T') && !stays && self.wrong(Switch::TKeepsFromDeleting);
        let done = if keeps {
            Ok(())
        } else if stays {
            self.mark_stale(asked)
        } else {
            let ignores = self.wrong(Switch::MdIgnoresC);
            let cas = if ignores { 0 } else { self.cas_of(asked) };
            let delete = request(&asked.key, Vec::new(), Vec::new(), cas);
            self.ask(Verb::Delete, &delete).await.map(drop)
        };
        let code = match done {
            Ok(()) => "HD",
            Err(Status::NotFound) => "NF",
            Err(_) if self.wrong(Switch::MdMismatchIsNf) => "NF",
            Err(_) => "EX",
        };
        let told = self.echoes(asked, code);
        self.reply(asked, code, told)
    }

    /// What C asks for; 0 if it is not there.
    pub(super) fn cas_of(&self, asked: &Asked) -> u64 {
        let number = asked.flags.argument(b'C').map(|word| self.number(word).unwrap_or_default());
        number.map_or(0, |cas| self.asked_cas(cas))
    }

    fn mark_stale(&mut self, asked: &Asked) -> Result<(), Status> {
        let found = self.find(&asked.key);
        let created = || self.wrong(Switch::IOnAMissCreates).then(|| self.stub(0));
        let Some(mut item) = found.or_else(created) else { return Err(Status::NotFound) };
        let cas = self.cas_of(asked);
        if cas != 0 && cas != item.cas && !self.wrong(Switch::MdIIgnoresC) {
            return Err(Status::Exists);
        }
        item.marks.stale = true;
        if !self.wrong(Switch::SecondIGivesNoWin) {
            item.marks.won = false;
        }
        if self.wrong(Switch::IClearsTheTtl) {
            item.expires = None;
        }
        let ttl = asked.flags.argument(b'T').filter(|_| !self.wrong(Switch::TOfIIsIgnored));
        if let Some(word) = ttl {
            item.lifetime = self.expiry(word).unwrap_or_default();
            item.expires = self.server.store.borrow().deadline(item.lifetime);
        }
        let keeps_cas = self.wrong(Switch::IKeepsTheCas);
        let mut store = self.server.store.borrow_mut();
        if !keeps_cas {
            item.cas = store.next_cas(Some(&item));
        }
        store.items.insert(asked.key.clone(), item);
        Ok(())
    }
}
