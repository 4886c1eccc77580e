//! A small memcached with meta's leases, each request at once, written apart from the model: items are marked by two
//! flags, as memcached's are.

use std::collections::BTreeMap;

use super::server::{Server, bytes};
use crate::history::items::{Action, Items, Life, Mode, Reply, Request, Win};

#[derive(Clone, Default)]
struct Entry {
    value: String,
    cas: u64,
    stale: bool,
    token_sent: bool,
    ends: bool,
}

/// Items, and the last CAS.
#[derive(Default)]
pub(super) struct Leasing {
    entries: BTreeMap<Vec<u8>, Entry>,
    last_cas: u64,
}

impl Leasing {
    fn put(&mut self, key: &[u8], entry: Entry) -> u64 {
        self.last_cas += 3;
        self.entries.insert(key.to_vec(), Entry { cas: self.last_cas, ..entry });
        self.last_cas
    }

    fn fetch(&mut self, key: &[u8], recache: bool) -> Reply {
        let entry = self.entries.get_mut(key).expect("looked for before");
        let mut win = if entry.token_sent { Win::Taken } else { Win::None };
        if !entry.token_sent && (entry.stale || recache && entry.ends) {
            entry.token_sent = true;
            win = Win::Won;
        }
        let (value, cas, is_stale) = (bytes(&entry.value), Some(entry.cas), entry.stale);
        Reply::Fetched { value, flags: 0, cas, is_stale, win }
    }
}

impl Server for Leasing {
    type Model = Items;

    fn model() -> Items {
        Items
    }

    fn draw(&self, kind: u8, key: u8, value: u8) -> Request {
        let key = vec![b'a' + key % 2];
        let current = self.entries.get(&key).map_or(5, |entry| entry.cas);
        let cas = [current, current, current.saturating_sub(1).max(1), current + 1]
            [usize::from(value) % 4];
        let life = if value.is_multiple_of(2) { Life::Ends } else { Life::ForEver };
        let text = bytes(&value.to_string());
        let store = |mode, cas| Action::Store { mode, value: text.clone(), flags: 0, cas };
        let action = match kind % 16 {
            0..=2 => Action::Fetch { vivify: None, recache: value.is_multiple_of(3) },
            3..=5 => Action::Fetch { vivify: Some(life), recache: value.is_multiple_of(3) },
            6 => Action::Get,
            7 => store(Mode::Set, 0),
            8 => store(Mode::Set, cas),
            9 => store(Mode::Append, 0),
            10 => Action::Touch { life },
            11 => Action::Refill { value: text, cas },
            12 => Action::Invalidate { cas: 0, life: None },
            13 => Action::Invalidate { cas, life: Some(life) },
            14 => Action::Delete { cas: 0 },
            _ => Action::Count { delta: 1, down: false, initial: None },
        };
        Request { key, action }
    }

    fn execute(&mut self, _: u64, request: &Request) -> Option<Reply> {
        let key = &request.key;
        let text = |value: &[u8]| String::from_utf8_lossy(value).into_owned();
        let Some(old) = self.entries.get(key).cloned() else {
            return Some(match &request.action {
                Action::Fetch { vivify: Some(life), .. } => {
                    let ends = *life == Life::Ends;
                    let cas = self.put(key, Entry { token_sent: true, ends, ..Entry::default() });
                    let (value, cas) = (bytes(""), Some(cas));
                    Reply::Fetched { value, flags: 0, cas, is_stale: false, win: Win::Won }
                }
                Action::Store { mode: Mode::Set, value, cas: 0, .. } => {
                    let entry = Entry { value: text(value), ..Entry::default() };
                    Reply::Stored { cas: Some(self.put(key, entry)) }
                }
                _ => Reply::Missing,
            });
        };
        let unlike = |cas: u64| cas != 0 && cas != old.cas;
        Some(match &request.action {
            Action::Get => Reply::Hit { value: bytes(&old.value), flags: 0, cas: Some(old.cas) },
            Action::Fetch { recache, .. } => self.fetch(key, *recache),
            Action::Store { cas, .. } | Action::Invalidate { cas, .. } if unlike(*cas) => {
                Reply::Exists
            }
            Action::Refill { cas, .. } if *cas > old.cas => Reply::Exists,
            Action::Refill { value, cas } => {
                let fresh = Entry { value: text(value), ..Entry::default() };
                let stale = Entry { value: text(value), stale: true, ..old };
                Reply::Stored {
                    cas: Some(self.put(key, if *cas == old.cas { fresh } else { stale })),
                }
            }
            Action::Store { mode, value, .. } => {
                let (value, ends) = match mode {
                    Mode::Append => (old.value + &text(value), old.ends),
                    _ => (text(value), false),
                };
                Reply::Stored {
                    cas: Some(self.put(key, Entry { value, ends, ..Entry::default() })),
                }
            }
            Action::Touch { life } => {
                self.entries.insert(key.clone(), Entry { ends: *life == Life::Ends, ..old });
                Reply::Touched
            }
            Action::Invalidate { life, .. } => {
                let ends = life.map_or(old.ends, |life| life == Life::Ends);
                self.put(key, Entry { stale: true, token_sent: false, ends, ..old });
                Reply::Invalidated
            }
            Action::Delete { .. } => {
                self.entries.remove(key);
                Reply::Deleted
            }
            Action::Count { delta, .. } => {
                let Ok(number) = old.value.parse::<u64>() else { return Some(Reply::NotANumber) };
                let value = number + delta;
                // Where it gets no longer it is counted where it stands, marks and all (MCM-STA-12).
                let stays = value.to_string().len() == old.value.len();
                let (stale, token_sent) = (stays && old.stale, stays && old.token_sent);
                let entry = Entry { value: value.to_string(), stale, token_sent, ..old };
                Reply::Counted { value, cas: Some(self.put(key, entry)) }
            }
        })
    }

    fn end(&mut self, _: u64) -> Option<Request> {
        None
    }

    fn bend(output: &Reply) -> Option<Reply> {
        match output {
            Reply::Fetched { flags, cas, is_stale, win, .. } => Some(Reply::Fetched {
                value: bytes("of nobody"),
                flags: *flags,
                cas: *cas,
                is_stale: *is_stale,
                win: *win,
            }),
            Reply::Counted { cas, .. } => Some(Reply::Counted { value: 77_777_777, cas: *cas }),
            _ => None,
        }
    }
}
