//! me: what the server knows of an item.

use super::super::Talk;
use super::super::block::BAD_FORMAT;
use super::super::meta_defects::Switch;

impl Talk<'_> {
    /// Asking is no fetch, and has no flags but b.
    pub(super) fn meta_debug(&mut self, word: &[u8], flags: &[Vec<u8>]) -> Vec<u8> {
        let is_base64 = flags.first().is_some_and(|flag| flag == b"b");
        let Ok(key) = self.meta_key(word, is_base64) else { return self.error(BAD_FORMAT) };
        let Some(mut item) = self.find(&key) else {
            let quiet = flags.iter().any(|flag| flag == b"q") && self.wrong(Switch::MeTakesQ);
            return if quiet { Vec::new() } else { self.line("EN") };
        };
        let fetched = if item.marks.fetched { "yes" } else { "no" };
        let (ttl, now) = (self.ttl(&item), self.now());
        let last = now.saturating_sub(item.marks.accessed).as_secs();
        let (cas, size) = (self.told_cas(item.cas), self.server.store.borrow().size_of(&key));
        let told = format!(" exp={ttl} la={last} cas={cas} fetch={fetched} cls=1 size={size}");
        if self.wrong(Switch::MeIsAFetch) {
            item.marks.fetched = true;
            self.server.store.borrow_mut().items.insert(key, item);
        }
        self.line([b"ME ", word, told.as_bytes()].concat())
    }
}
