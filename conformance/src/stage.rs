//! What a case needs before it is played and leaves behind afterwards: its keys, its pages, a clean server.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::ops::RangeInclusive;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::Notify;

use crate::replay::{Options, Played, TcpWorld, World, play};
use crate::session::{Datum, Message, Scope, Session, Value};
use crate::target::Target;
use crate::wire::{Protocol, Reply, Taken};

/// One server, ready to be judged. Cases may be staged on it side by side.
#[derive(Debug)]
pub struct Stage {
    target: Target,
    pages: Option<PagePool>,
}

/// The pages that cases may borrow.
#[derive(Debug)]
struct PagePool {
    count: u32,
    length: u32,
    free: Mutex<BTreeSet<u32>>,
    returned: Notify,
    size: usize,
}

/// A server that does not even answer a greeting.
#[derive(Debug, thiserror::Error)]
pub enum StageError {
    /// No connection.
    #[error("no connection to {0}: {1}")]
    Unreachable(String, io::Error),
    /// A connection, but no sensible answer in time.
    #[error("{0} does not speak {1}: {2}")]
    Mute(String, &'static str, String),
}

impl Stage {
    /// Greets the server: it must take a connection and answer one harmless request.
    ///
    /// # Errors
    ///
    /// The server is down, silent, or speaks something else.
    pub async fn new(target: Target, timeout: Duration) -> Result<Self, StageError> {
        let mut stage = Self { target, pages: None };
        let world = stage.world(false);
        let connecting = tokio::time::timeout(timeout, world.connect()).await;
        let timed_out =
            |_| io::Error::new(io::ErrorKind::TimedOut, format!("nothing within {timeout:?}"));
        let mut stream = connecting
            .map_err(timed_out)
            .and_then(|connected| connected)
            .map_err(|error| StageError::Unreachable(stage.target.url.clone(), error))?;
        let greeted = tokio::time::timeout(timeout, stage.greet(&mut stream)).await;
        let mute = |why: String| {
            StageError::Mute(stage.target.url.clone(), stage.target.protocol().name(), why)
        };
        match greeted {
            Err(_) => Err(mute(format!("it does not answer a simple request within {timeout:?}"))),
            Ok(Err(error)) => Err(mute(error.to_string())),
            Ok(Ok(pages)) => {
                stage.pages = pages;
                Ok(stage)
            }
        }
    }

    /// The server.
    pub const fn target(&self) -> &Target {
        &self.target
    }

    /// How many pages a case may borrow at once.
    pub fn pages_to_lend(&self) -> usize {
        self.pages.as_ref().map_or(0, |pool| pool.size)
    }

    fn world(&self, sasl_case: bool) -> TcpWorld {
        match (self.target.sasl_address(), &self.target.facts.sasl) {
            (Some(address), Some(_)) if sasl_case => TcpWorld::new(address),
            (Some(address), Some((user, password))) if address == self.target.address => {
                TcpWorld::new(address).authenticated(user, password)
            }
            _ => TcpWorld::new(self.target.address),
        }
    }

    async fn greet(&self, stream: &mut TcpStream) -> io::Result<Option<PagePool>> {
        match self.target.protocol() {
            Protocol::NetMem => {
                let reply = self.ask(stream, &request("params", vec![])).await?;
                let field = |name| number(&reply, name);
                let (count, length) = (field("pages"), field("length"));
                if reply.words.first().is_none_or(|word| word != "params") {
                    return Err(io::Error::other(format!("GET_PARAMS was answered with {reply}")));
                }
                Ok(Some(PagePool::new(count, length, self.target.facts.pages.as_ref())))
            }
            Protocol::Echo => {
                let hello = b"hello from lockproof\0";
                stream.write_all(hello).await?;
                let mut back = vec![0; hello.len()];
                stream.read_exact(&mut back).await?;
                if back == hello {
                    Ok(None)
                } else {
                    Err(io::Error::other("it answered something else than what it was sent"))
                }
            }
            Protocol::Memcached => self.ask(stream, &request("noop", vec![])).await.map(|_| None),
            Protocol::Locker => {
                let key = Value::Text(b"lp:hello".to_vec());
                let message = Message::Named {
                    words: vec!["query".to_owned()],
                    args: vec![key],
                    fields: vec![],
                    tag: None,
                };
                self.ask(stream, &message).await.map(|_| None)
            }
        }
    }

    /// One request, one reply.
    async fn ask(&self, stream: &mut TcpStream, message: &Message<Value>) -> io::Result<Reply> {
        let outgoing = self
            .target
            .codec
            .encode(message, &Scope::default(), 0x6c6f_636b)
            .map_err(io::Error::other)?;
        stream.write_all(&outgoing.bytes).await?;
        let mut buffer = Vec::new();
        loop {
            match self.target.codec.take(&buffer) {
                Taken::Whole(reply) => return Ok(reply),
                Taken::Broken(why) => return Err(io::Error::other(why)),
                Taken::Incomplete(_) if stream.read_buf(&mut buffer).await? == 0 => {
                    return Err(io::Error::other("it closed the connection instead of answering"));
                }
                Taken::Incomplete(_) => {}
            }
        }
    }

    /// One request on a connection of its own; `None` if no reply came.
    pub async fn question(
        &self,
        name: &str,
        fields: &[(&str, &[u8])],
        timeout: Duration,
    ) -> Option<Reply> {
        let fields = fields
            .iter()
            .map(|(name, value)| ((*name).to_owned(), Value::Text(value.to_vec())))
            .collect();
        let message =
            Message::Named { words: vec![name.to_owned()], args: Vec::new(), fields, tag: None };
        let asked = async {
            let mut stream = self.world(false).connect().await?;
            self.ask(&mut stream, &message).await
        };
        tokio::time::timeout(timeout, asked).await.ok()?.ok()
    }

    /// Plays one case: with keys of its own, on borrowed pages, and cleans up behind it.
    pub async fn play(&self, session: &Session, options: Options) -> Played {
        let sasl_case = session.header.needs.iter().any(|need| need == "sasl");
        let world = self.world(sasl_case);
        let lent = self.lend(session.own_pages.len()).await;
        let before = self.contents(&lent).await;
        let scope = self.scope(session, options, &lent);
        let played = play(session, &world, self.target.codec, scope, options).await;
        if self.target.protocol() == Protocol::NetMem {
            let _ = tokio::time::timeout(options.timeout, self.put_back(before)).await;
            self.give_back(&lent);
        }
        if self.target.protocol() == Protocol::Memcached && !played.keys.is_empty() {
            let _ = tokio::time::timeout(options.timeout, self.remove(&world, &played.keys)).await;
        }
        played
    }

    fn scope(&self, session: &Session, options: Options, lent: &[u32]) -> Scope {
        let facts = &self.target.facts;
        let mut vars: BTreeMap<String, Datum> = BTreeMap::new();
        let run = format!("{}/{}", session.header.case, options.delivery.name());
        for name in &session.own_keys {
            let key = format!("lp:{:016x}:{:08x}:{name}", options.seed, hash(&run));
            vars.insert(name.clone(), Datum::Bytes(key.into_bytes()));
        }
        for (name, page) in session.own_pages.iter().zip(lent) {
            vars.insert(name.clone(), Datum::Number(i128::from(*page)));
        }
        let limits = [
            ("max_value", facts.max_value),
            ("max_body", facts.max_body),
            ("max_keys", facts.max_keys),
            ("max_key", facts.max_key),
        ];
        vars.extend(
            limits.map(|(name, value)| (name.to_owned(), Datum::Number(i128::from(value)))),
        );
        if let Some(pool) = &self.pages {
            vars.insert("pages".to_owned(), Datum::Number(i128::from(pool.count)));
            vars.insert("length".to_owned(), Datum::Number(i128::from(pool.length)));
        }
        Scope {
            vars,
            page_length: self.pages.as_ref().map_or(0, |pool| pool.length as usize),
            unix_now: 0,
        }
    }

    async fn lend(&self, count: usize) -> Vec<u32> {
        let Some(pool) = &self.pages else { return Vec::new() };
        loop {
            let returned = pool.returned.notified();
            if let Some(lent) = pool.take(count.min(pool.size)) {
                return lent;
            }
            returned.await;
        }
    }

    fn give_back(&self, pages: &[u32]) {
        if let Some(pool) = &self.pages {
            pool.free.lock().unwrap_or_else(PoisonError::into_inner).extend(pages);
            pool.returned.notify_waiters();
        }
    }

    /// Version and bytes of each page.
    async fn contents(&self, pages: &[u32]) -> Vec<(u32, i128, Vec<u8>)> {
        let mut contents = Vec::new();
        let Ok(mut stream) = self.world(false).connect().await else { return contents };
        for &page in pages {
            let message = request("read", vec![("page", i128::from(page)), ("version", 0)]);
            let asked =
                tokio::time::timeout(Duration::from_secs(5), self.ask(&mut stream, &message)).await;
            if let Ok(Ok(reply)) = asked {
                let data = reply.fields.iter().find(|(name, _)| *name == "data");
                let data = data.map(|(_, datum)| datum.clone().into_bytes()).unwrap_or_default();
                contents.push((page, i128::from(number(&reply, "version")), data));
            }
        }
        contents
    }

    async fn put_back(&self, contents: Vec<(u32, i128, Vec<u8>)>) -> io::Result<()> {
        let mut stream = self.world(false).connect().await?;
        for (page, version, data) in contents {
            let mut message =
                request("update", vec![("page", i128::from(page)), ("version", version)]);
            if let Message::Named { fields, .. } = &mut message {
                fields.push(("data".to_owned(), Value::Text(data)));
            }
            self.ask(&mut stream, &message).await?;
        }
        Ok(())
    }

    /// Removes what the case stored: quiet deletes, closed by a NOOP.
    async fn remove(&self, world: &TcpWorld, keys: &BTreeSet<Vec<u8>>) -> io::Result<()> {
        let mut stream = world.connect().await?;
        let own = keys.iter().filter(|key| key.starts_with(b"lp:"));
        for key in own.cloned() {
            let fields = vec![("key".to_owned(), Value::Text(key))];
            let message = Message::Named {
                words: vec!["deleteq".to_owned()],
                args: vec![],
                fields,
                tag: None,
            };
            let outgoing = self
                .target
                .codec
                .encode(&message, &Scope::default(), 0)
                .map_err(io::Error::other)?;
            stream.write_all(&outgoing.bytes).await?;
        }
        self.ask(&mut stream, &request("noop", vec![])).await.map(|_| ())
    }
}

impl PagePool {
    fn new(count: u32, length: u32, allowed: Option<&RangeInclusive<u32>>) -> Self {
        let free: BTreeSet<u32> =
            (0..count).filter(|page| allowed.is_none_or(|range| range.contains(page))).collect();
        Self { count, length, size: free.len(), free: Mutex::new(free), returned: Notify::new() }
    }

    /// All of them or none, so that two cases never wait for each other.
    fn take(&self, count: usize) -> Option<Vec<u32>> {
        let mut free = self.free.lock().unwrap_or_else(PoisonError::into_inner);
        if free.len() < count {
            return None;
        }
        Some((0..count).filter_map(|_| free.pop_first()).collect())
    }
}

fn request(name: &str, fields: Vec<(&str, i128)>) -> Message<Value> {
    let fields = fields
        .into_iter()
        .map(|(name, value)| (name.to_owned(), Value::Number { value, hex: false }))
        .collect();
    Message::Named { words: vec![name.to_owned()], args: Vec::new(), fields, tag: None }
}

fn number(reply: &Reply, name: &str) -> u32 {
    let field = reply.fields.iter().find(|(field, _)| *field == name);
    let number = field.and_then(|(_, datum)| datum.as_number());
    number.and_then(|number| u32::try_from(number).ok()).unwrap_or_default()
}

/// FNV-1a: short, stable, and good enough to keep two cases' keys apart.
fn hash(text: &str) -> u32 {
    text.bytes().fold(0x811c_9dc5, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193))
}
