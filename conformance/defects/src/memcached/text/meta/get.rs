//! mg.

use std::time::Duration;

use tokio::time::sleep;

use super::super::meta_defects::Switch;
use super::super::{On, Talk};
use super::Asked;
use super::flags::Flag;
use crate::memcached::opcode::{Command, Verb};
use crate::memcached::store::{Item, Marks};

/// What an mg comes to while its flags are read from left to right.
struct Fetch {
    item: Item,
    /// The item as it was before this command.
    before: Marks,
    told: Vec<Vec<u8>>,
    /// By R, the item is to be brought anew.
    recache: bool,
}

impl Talk<'_> {
    pub(super) async fn meta_get(&mut self, asked: &Asked) -> Vec<u8> {
        let found = self.find(&asked.key);
        if self.wrong(Switch::TwoWinners) {
            sleep(Duration::from_millis(1)).await;
        }
        self.count_fetch(found.is_some());
        let created = found.is_none();
        let Some(item) = found.or_else(|| self.vivified(asked)) else {
            return self.meta_miss(asked);
        };
        if item.value.is_empty() && item.marks.won && !created && self.wrong(Switch::StubIsAMiss) {
            return self.meta_miss(asked);
        }
        let (before, told) = (item.marks, Vec::new());
        let mut fetch = Fetch { item, before, told, recache: false };
        if !created && self.wrong(Switch::NTouchesAHit) {
            let stub = self.vivified(asked);
            fetch.item.expires = stub.map_or(fetch.item.expires, |stub| stub.expires);
        }
        for flag in asked.flags.iter() {
            self.tell(asked, flag, &mut fetch);
        }
        fetch.told.extend(self.win(&mut fetch.item, fetch.recache, created));
        self.mark_fetched(asked, &mut fetch.item);
        self.server.store.borrow_mut().items.insert(asked.key.clone(), fetch.item.clone());
        self.meta_hit(asked, fetch)
    }

    /// The item under that key, if it is there and not expired.
    pub(super) fn find(&self, key: &[u8]) -> Option<Item> {
        let mut store = self.server.store.borrow_mut();
        store.settle(key, Command { verb: Verb::Get, quiet: false });
        store.items.get(key).cloned()
    }

    fn count_fetch(&self, hit: bool) {
        let statistics = &mut self.server.store.borrow_mut().statistics;
        statistics.count("cmd_get");
        statistics.count(if hit { "get_hits" } else { "get_misses" });
    }

    fn meta_miss(&mut self, asked: &Asked) -> Vec<u8> {
        let mut told = self.echoes(asked, "EN");
        if self.wrong(Switch::MissesTellFlags) {
            told.push(b"s0".to_vec());
        }
        if asked.flags.has(b'T') && self.wrong(Switch::TOnAMissCreates) {
            let item = self.stub(0);
            self.server.store.borrow_mut().items.insert(asked.key.clone(), item);
        }
        self.reply(asked, "EN", told)
    }

    fn meta_hit(&mut self, asked: &Asked, fetch: Fetch) -> Vec<u8> {
        let empty_is_bare = fetch.item.value.is_empty() && self.wrong(Switch::EmptyValueHasNoBlock);
        if !asked.flags.has(b'v') || empty_is_bare {
            let mut said = self.reply(asked, "HD", fetch.told);
            if self.wrong(Switch::HitsHaveAnEnd) {
                said.extend(self.line("END"));
            }
            return said;
        }
        let length =
            fetch.item.value.len() + 2 * usize::from(self.wrong(Switch::LengthCountsTheEnd));
        let mut said = self.reply(asked, &format!("VA {length}"), fetch.told);
        said.extend(fetch.item.value);
        said.extend_from_slice(b"\r\n");
        if self.wrong(Switch::HitsHaveAnEnd) {
            said.extend(self.line("END"));
        }
        said
    }

    /// What one flag does, and what it tells.
    fn tell(&mut self, asked: &Asked, flag: &Flag, fetch: &mut Fetch) {
        let now = self.now();
        let item = &mut fetch.item;
        let told = match flag.letter {
            b'T' => {
                self.touch_by_t(flag, item, now);
                return;
            }
            b'R' => {
                fetch.recache = self.is_below(flag, item, now);
                return;
            }
            b't' => format!("t{}", self.ttl(item)),
            b's' => {
                let more = 2 * usize::from(self.wrong(Switch::SizeCountsTheLineEnd));
                format!("s{}", item.value.len() + more)
            }
            b'f' if self.wrong(Switch::FlagsHave16Bits) => format!("f{}", item.flags & 0xffff),
            b'f' if item.flags == 0 && self.wrong(Switch::ZeroFlagsAreNotTold) => return,
            b'f' => format!("f{}", self.told_flags(item.flags)),
            b'c' if self.wrong(Switch::CasOfMgIsZero) => "c0".to_owned(),
            b'c' => format!("c{}", self.told_cas(item.cas)),
            b'h' => format!("h{}", u8::from(fetch.before.fetched)),
            b'l' if self.wrong(Switch::LastAccessIsMilliseconds) => {
                format!("l{}", now.saturating_sub(fetch.before.accessed).as_millis())
            }
            b'l' => format!("l{}", now.saturating_sub(fetch.before.accessed).as_secs()),
            _ => {
                let code = if asked.flags.has(b'v') { "VA" } else { "HD" };
                fetch.told.extend(self.echo(asked, code, flag));
                return;
            }
        };
        fetch.told.push(told.into_bytes());
    }

    fn touch_by_t(&mut self, flag: &Flag, item: &mut Item, now: Duration) {
        if self.wrong(Switch::TDoesNothing) {
            return;
        }
        let field = self.expiry(&flag.argument).unwrap_or_default();
        let mut store = self.server.store.borrow_mut();
        item.expires = match store.deadline(field) {
            Some(at) if at <= now && self.wrong(Switch::NegativeTIsNever) => None,
            expires => expires,
        };
        item.lifetime = field;
        if self.wrong(Switch::TChangesTheCas) {
            item.cas = store.next_cas(Some(item));
        }
        if self.wrong(Switch::TBringsTheWinBack) {
            item.marks.won = false;
        }
    }

    /// What t tells: whole seconds, and -1 for never.
    pub(super) fn ttl(&self, item: &Item) -> i64 {
        let Some(at) = item.expires else {
            return if self.wrong(Switch::NoExpiryIsZero) { 0 } else { -1 };
        };
        let left = match self.on() {
            On::Meta(Switch::TtlIsAUnixTime) => at,
            _ => at.saturating_sub(self.now()),
        };
        i64::try_from(left.as_secs()).unwrap_or(i64::MAX)
    }

    pub(super) fn now(&self) -> Duration {
        self.server.store.borrow().clock.unix()
    }

    fn mark_fetched(&mut self, asked: &Asked, item: &mut Item) {
        let hidden = asked.flags.has(b'u') && !self.wrong(Switch::UIsAFetch);
        if hidden || self.wrong(Switch::MgIsNoFetch) {
            return;
        }
        item.marks.fetched = true;
        if !self.wrong(Switch::LastAccessIsTheStore) {
            item.marks.accessed = self.now();
        }
    }

    /// An empty item that is stored now.
    pub(super) fn stub(&self, lifetime: u32) -> Item {
        let mut store = self.server.store.borrow_mut();
        let (expires, now) = (store.deadline(lifetime), store.clock.unix());
        let cas = store.next_cas(None);
        Item { value: Vec::new(), flags: 0, cas, expires, lifetime, marks: Marks::at(now) }
    }
}
