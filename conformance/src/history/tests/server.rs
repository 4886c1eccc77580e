//! Small servers, each request at once, written apart from the models.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::history::Model;
use crate::history::items::{self, Action, Items, Mode};
use crate::history::locks::{self, Locks, Outcome};
use crate::history::pages::{self, Pages};

/// A server of what a model describes.
pub(super) trait Server: Default {
    type Model: Model;

    fn model() -> Self::Model;

    /// A request drawn from these numbers.
    fn draw(&self, kind: u8, key: u8, value: u8) -> <Self::Model as Model>::Input;

    /// Executes it; none if it has to wait, and then nothing has happened.
    fn execute(
        &mut self,
        session: u64,
        request: &<Self::Model as Model>::Input,
    ) -> Option<<Self::Model as Model>::Output>;

    /// The end of a session, and how it is written down if sessions matter.
    fn end(&mut self, session: u64) -> Option<<Self::Model as Model>::Input>;

    /// An output that no server could give here, if there is one for this request.
    fn bend(output: &<Self::Model as Model>::Output) -> Option<<Self::Model as Model>::Output>;
}

/// memcached: text, flags and CAS.
#[derive(Default)]
pub(super) struct Memcached {
    items: BTreeMap<Vec<u8>, (String, u32, u64)>,
    last_cas: u64,
}

impl Memcached {
    fn put(&mut self, key: &[u8], value: String, flags: u32) -> u64 {
        self.last_cas += 7;
        self.items.insert(key.to_vec(), (value, flags, self.last_cas));
        self.last_cas
    }
}

pub(super) fn bytes(text: &str) -> Arc<[u8]> {
    text.as_bytes().into()
}

impl Server for Memcached {
    type Model = Items;

    fn model() -> Items {
        Items
    }

    fn draw(&self, kind: u8, key: u8, value: u8) -> items::Request {
        let key = vec![b'a' + key % 3];
        let current = self.items.get(&key).map_or(5, |(.., cas)| *cas);
        let token = [0, current, current + 1][usize::from(value) % 3];
        let text = bytes(&value.to_string());
        let store = |mode, cas| Action::Store { mode, value: text.clone(), flags: 3, cas };
        let action = match kind % 12 {
            0..=3 => Action::Get,
            4 => store(Mode::Set, 0),
            5 => store(Mode::Set, token),
            6 => store(Mode::Add, 0),
            7 => store(Mode::Replace, token),
            8 => store(Mode::Append, 0),
            9 => store(Mode::Prepend, token),
            10 => Action::Delete { cas: token },
            _ => Action::Count {
                delta: value.into(),
                down: value.is_multiple_of(4),
                initial: (!value.is_multiple_of(3)).then_some(9),
            },
        };
        items::Request { key, action }
    }

    fn execute(&mut self, _: u64, request: &items::Request) -> Option<items::Reply> {
        use items::Reply;
        let key = &request.key;
        let old = self.items.get(key).cloned();
        Some(match (&request.action, old) {
            (Action::Get, Some((value, flags, cas))) => {
                Reply::Hit { value: bytes(&value), flags, cas: Some(cas) }
            }
            (Action::Store { mode: Mode::Add, .. }, Some(_)) => Reply::Exists,
            (Action::Store { mode: Mode::Add | Mode::Set, value, flags, cas: 0 }, None) => {
                let value = String::from_utf8_lossy(value).into_owned();
                Reply::Stored { cas: Some(self.put(key, value, *flags)) }
            }
            (Action::Store { cas: token, .. } | Action::Delete { cas: token }, Some((.., cas)))
                if *token != 0 && *token != cas =>
            {
                Reply::Exists
            }
            (Action::Store { mode, value, flags, .. }, Some((old, old_flags, _))) => {
                let value = String::from_utf8_lossy(value).into_owned();
                let (value, flags) = match mode {
                    Mode::Append => (old + &value, old_flags),
                    Mode::Prepend => (value + &old, old_flags),
                    _ => (value, *flags),
                };
                Reply::Stored { cas: Some(self.put(key, value, flags)) }
            }
            (Action::Delete { .. }, Some(_)) => {
                self.items.remove(key);
                Reply::Deleted
            }
            (Action::Count { delta, down, .. }, Some((old, flags, _))) => {
                let Ok(number) = old.parse::<u64>() else { return Some(Reply::NotANumber) };
                let value =
                    if *down { number.saturating_sub(*delta) } else { number.wrapping_add(*delta) };
                Reply::Counted { value, cas: Some(self.put(key, value.to_string(), flags)) }
            }
            (Action::Count { initial: Some(value), .. }, None) => {
                Reply::Counted { value: *value, cas: Some(self.put(key, value.to_string(), 0)) }
            }
            (_, None) => Reply::Missing,
            (
                Action::Fetch { .. }
                | Action::Touch { .. }
                | Action::Refill { .. }
                | Action::Invalidate { .. },
                _,
            ) => unreachable!("`leasing` draws these"),
        })
    }

    fn end(&mut self, _: u64) -> Option<items::Request> {
        None
    }

    fn bend(output: &items::Reply) -> Option<items::Reply> {
        use items::Reply;
        match output {
            Reply::Hit { flags, cas, .. } => {
                Some(Reply::Hit { value: bytes("of nobody"), flags: *flags, cas: *cas })
            }
            Reply::Counted { cas, .. } => Some(Reply::Counted { value: 77_777_777, cas: *cas }),
            _ => None,
        }
    }
}

pub(super) const PAGE: usize = 4;

/// NetMem: version, data and holder of each page.
#[derive(Default)]
pub(super) struct NetMem {
    pages: BTreeMap<u32, (i32, Vec<u8>, Option<u64>)>,
}

impl Server for NetMem {
    type Model = Pages;

    fn model() -> Pages {
        Pages { before: BTreeMap::new(), length: PAGE }
    }

    fn draw(&self, kind: u8, key: u8, value: u8) -> pages::Request {
        use pages::Request;
        let page = u32::from(key % 3);
        let current = self.pages.get(&page).map_or(1, |(version, ..)| *version);
        let version = if value.is_multiple_of(3) { current } else { 0 };
        let data: Arc<[u8]> = vec![value; usize::from(value) % (PAGE + 1)].into();
        match kind % 6 {
            0 | 1 => Request::Read(page, version),
            2 => Request::Lock(page, version),
            3 => Request::Unlock(page, data),
            4 => Request::Update(page, -1, data),
            _ => Request::Update(page, i32::from(value), data),
        }
    }

    fn execute(&mut self, session: u64, request: &pages::Request) -> Option<pages::Reply> {
        use pages::{Reply, Request};
        let (Request::Read(page, _)
        | Request::Lock(page, _)
        | Request::Unlock(page, _)
        | Request::Update(page, ..)) = request
        else {
            return None;
        };
        let (version, data, holder) =
            self.pages.entry(*page).or_insert_with(|| (1, vec![0; PAGE], None));
        let waits = holder.is_some_and(|holder| holder != session);
        match request {
            Request::Read(_, has) | Request::Lock(_, has) => {
                if matches!(request, Request::Lock(..)) {
                    if waits {
                        return None;
                    }
                    *holder = Some(session);
                }
                let data = (has != version).then(|| data.as_slice().into());
                return Some(Reply::Page(*version, data));
            }
            Request::Unlock(..) if *holder != Some(session) => return Some(Reply::NotLocked),
            Request::Update(..) if waits => return None,
            _ => {}
        }
        if let Request::Unlock(_, new) | Request::Update(_, _, new) = request {
            data[..new.len()].copy_from_slice(new);
        }
        *version = match request {
            Request::Update(_, chosen @ 0.., _) => *chosen,
            _ => *version + 1,
        };
        *holder = None;
        Some(Reply::Written(*version))
    }

    fn end(&mut self, session: u64) -> Option<pages::Request> {
        for (.., holder) in self.pages.values_mut() {
            holder.take_if(|holder| *holder == session);
        }
        Some(pages::Request::End)
    }

    fn bend(output: &pages::Reply) -> Option<pages::Reply> {
        use pages::Reply;
        match output {
            Reply::Page(version, Some(_)) => {
                Some(Reply::Page(*version, Some(vec![254, 253, 254, 253].into())))
            }
            Reply::Written(_) => Some(Reply::Written(-3)),
            _ => None,
        }
    }
}

/// Locker: who owns what.
#[derive(Default)]
pub(super) struct Locker {
    owners: BTreeMap<u8, u64>,
}

impl Server for Locker {
    type Model = Locks;

    fn model() -> Locks {
        Locks
    }

    fn draw(&self, kind: u8, key: u8, value: u8) -> locks::Request {
        use locks::{Key, Request};
        // Pairs of the keys 0 to 2, and of 3 and 4: two groups.
        let first = key % 5;
        let second = if first < 3 { value % 3 } else { 3 + value % 2 };
        let batch = value > 128;
        let keys: BTreeSet<Key> =
            [first].into_iter().chain(batch.then_some(second)).map(|key| Key(vec![key])).collect();
        match kind % 5 {
            0 | 1 => Request::Get(keys),
            2 | 3 => Request::Release(keys),
            _ => Request::Query(keys),
        }
    }

    fn execute(&mut self, session: u64, request: &locks::Request) -> Option<Outcome> {
        use locks::Request;
        let (Request::Get(keys) | Request::Release(keys) | Request::Query(keys)) = request else {
            return None;
        };
        let names: Vec<u8> = keys.iter().map(|key| key.0[0]).collect();
        let mine = names.iter().filter(|key| self.owners.get(key) == Some(&session)).count();
        let free = names.iter().filter(|key| !self.owners.contains_key(key)).count();
        if matches!(request, Request::Release(_)) {
            if mine < names.len() {
                return Some(Outcome::NotHeld);
            }
            self.owners.retain(|key, _| !names.contains(key));
            return Some(Outcome::Ok);
        }
        if mine + free < names.len() {
            return Some(Outcome::Busy);
        }
        if mine > 0 {
            return Some(Outcome::SelfHeld);
        }
        if matches!(request, Request::Get(_)) {
            self.owners.extend(names.iter().map(|key| (*key, session)));
        }
        Some(Outcome::Ok)
    }

    fn end(&mut self, session: u64) -> Option<locks::Request> {
        self.owners.retain(|_, owner| *owner != session);
        Some(locks::Request::End)
    }

    fn bend(_: &Outcome) -> Option<Outcome> {
        // Each outcome is possible in some order: `brute` says when one is wrong.
        None
    }
}
