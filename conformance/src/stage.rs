//! What a case needs before it is played and leaves behind afterwards: its keys, its pages, a clean server.

use std::collections::BTreeMap;
use std::io;
use std::time::Duration;

use crate::exchange::{Exchange, line, request, request_of_bytes};
use crate::page_pool::PagePool;
use crate::replay::{Options, Played, TcpWorld, World, play};
use crate::session::{Datum, Message, Scope, Session, Value};
use crate::target::{SMALL, SPECIAL, Target};
use crate::wire::{Codec, Protocol, Reply};

/// Deletes in one write; their replies, should they all fail, fit any socket's buffer.
const REMOVED_AT_ONCE: usize = 500;

/// A header of memcached's binary protocol.
const HEADER: usize = 24;

/// Whether a line's first word is this one.
pub(crate) fn begins(reply: &Reply, word: &str) -> bool {
    reply.tokens.first().is_some_and(|first| first == word.as_bytes())
}

/// One server, ready to be judged, in whatever world it is reached. Cases may be staged on it side by side.
#[derive(Debug)]
pub struct Stage<W = TcpWorld> {
    target: Target,
    world: W,
    /// By what a case needs: listeners for those that `world` does not suit.
    special: BTreeMap<&'static str, W>,
    pages: Option<PagePool>,
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
    /// Greets the server over TCP: it must take a connection and answer one harmless request.
    ///
    /// # Errors
    ///
    /// The server is down, silent, or speaks something else.
    pub async fn new(target: Target, timeout: Duration) -> Result<Self, StageError> {
        let mut world = TcpWorld::new(target.transport.clone());
        let listener = |need| Some((need, TcpWorld::new(target.listener(need)?)));
        let special = SPECIAL.into_iter().filter_map(listener).collect();
        if let Some((user, password)) = &target.facts.sasl
            && target.facts.sasl_port.is_none()
        {
            world = world.authenticated(user, password);
        }
        Self { target, world, special, pages: None }.greeted(timeout).await
    }
}

impl<W: World> Stage<W> {
    /// Greets the server in a world of the caller's; the target's address is not used.
    ///
    /// # Errors
    ///
    /// As [`Stage::new`].
    pub async fn on(world: W, target: Target, timeout: Duration) -> Result<Self, StageError> {
        Self { target, world, special: BTreeMap::new(), pages: None }.greeted(timeout).await
    }

    async fn greeted(mut self, timeout: Duration) -> Result<Self, StageError> {
        self.target.codec.reply_max = self.target.facts.reply_max();
        let url = || self.target.url.clone();
        let connecting = tokio::time::timeout(timeout, self.exchange(&self.world)).await;
        let timed_out =
            |_| io::Error::new(io::ErrorKind::TimedOut, format!("nothing within {timeout:?}"));
        let mut asks = connecting
            .map_err(timed_out)
            .and_then(|connected| connected)
            .map_err(|error| StageError::Unreachable(url(), error))?;
        let greeted = tokio::time::timeout(timeout, self.greet(&mut asks)).await;
        let mute = |why: String| StageError::Mute(url(), self.target.protocol().name(), why);
        // A server may speak in lines alone.
        if self.target.protocol() == Protocol::Memcached
            && !matches!(greeted, Ok(Ok(_)))
            && self.line("version", timeout).await.is_some_and(|reply| begins(&reply, "VERSION"))
        {
            return Ok(self);
        }
        self.pages = greeted
            .map_err(|_| mute(format!("it does not answer a simple request within {timeout:?}")))?
            .map_err(|error| mute(error.to_string()))?;
        Ok(self)
    }

    /// The server.
    pub const fn target(&self) -> &Target {
        &self.target
    }

    /// How many pages a case may borrow at once.
    pub fn pages_to_lend(&self) -> usize {
        self.pages.as_ref().map_or(0, |pool| pool.size)
    }

    fn world(&self, needs: &[String]) -> &W {
        needs.iter().find_map(|need| self.special.get(need.as_str())).unwrap_or(&self.world)
    }

    async fn greet(&self, asks: &mut Exchange<W::Stream>) -> io::Result<Option<PagePool>> {
        match self.target.protocol() {
            Protocol::NetMem => {
                let reply = asks.ask(&request("params", &[])).await?;
                if reply.words.first().is_none_or(|word| word != "params") {
                    return Err(io::Error::other(format!("GET_PARAMS was answered with {reply}")));
                }
                let (count, length) = (number(&reply, "pages"), number(&reply, "length"));
                // An echo server sends the request back, which reads like this.
                if count == 0 || length == 0 {
                    return Err(io::Error::other("GET_PARAMS tells of no pages at all"));
                }
                let longest = self.target.facts.max_page;
                if u64::from(length) > longest {
                    return Err(io::Error::other(format!(
                        "GET_PARAMS tells of pages of {length} bytes; longer ones than {longest} are judged with ?max-page={length}"
                    )));
                }
                Ok(Some(PagePool::new(count, length, self.target.facts.pages.as_ref())))
            }
            Protocol::Echo => {
                let hello = b"hello from lockproof\0";
                if asks.echo(hello).await? == hello {
                    Ok(None)
                } else {
                    Err(io::Error::other("it answered something else than what it was sent"))
                }
            }
            Protocol::Memcached | Protocol::Text | Protocol::Meta => {
                asks.ask(&request("noop", &[])).await.map(|_| None)
            }
            Protocol::Locker => {
                let words = vec!["query".to_owned()];
                let args = vec![Value::Text(b"lp:hello".to_vec())];
                let query = Message::Named { words, args, fields: vec![], tag: None };
                let reply = asks.ask(&query).await?;
                // LKR-004: the reply's cmd is 128 less the request's. Nothing else marks these two bytes as Locker's.
                if reply.words.get(1).is_none_or(|cmd| cmd != "cmd=5")
                    || reply.words.first().is_none_or(|outcome| outcome.starts_with("outcome "))
                {
                    return Err(io::Error::other(format!("a QUERY was answered with {reply}")));
                }
                Ok(None)
            }
        }
    }

    async fn exchange(&self, world: &W) -> io::Result<Exchange<W::Stream>> {
        Ok(Exchange::new(self.target.codec, world.connect().await?))
    }

    /// One request on a connection of its own; `None` if no reply came.
    pub async fn question(
        &self,
        name: &str,
        fields: &[(&str, &[u8])],
        timeout: Duration,
    ) -> Option<Reply> {
        let asked = async {
            let mut asks = self.exchange(&self.world).await?;
            asks.ask(&request_of_bytes(name, fields)).await
        };
        tokio::time::timeout(timeout, asked).await.ok()?.ok()
    }

    /// One line of words on a connection of its own; `None` if no line came back.
    pub async fn line(&self, request: &str, timeout: Duration) -> Option<Reply> {
        // Who speaks the binary protocol alone refuses a line only when it is as long as a header; spaces are nothing.
        let padded = format!("{request:HEADER$}");
        let asked = async {
            let mut asks = self.lines(&self.world).await?;
            asks.ask(&line(padded.split(' ').map(str::as_bytes))).await
        };
        tokio::time::timeout(timeout, asked).await.ok()?.ok()
    }

    async fn lines(&self, world: &W) -> io::Result<Exchange<W::Stream>> {
        let codec = Codec { protocol: Protocol::Text, ..self.target.codec };
        Ok(Exchange::new(codec, world.connect().await?))
    }

    /// Plays one case: with keys of its own, on borrowed pages, and cleans up behind it.
    pub async fn play(&self, session: &Session, options: Options) -> Played {
        let needs = &session.header.needs;
        let world = self.world(needs);
        if needs.iter().any(|need| SMALL.contains(&need.as_str())) {
            within(options, self.empty(world, session.header.protocol())).await;
        }
        let lent = self.lend(session.own_pages.len()).await;
        let before = within(options, self.contents(&lent)).await.unwrap_or_default();
        let scope = self.scope(session, options, &lent);
        // An earlier run with this seed may have been cut off before it cleaned up.
        let own = own_prefix(session, options);
        let protocol = session.header.protocol();
        self.remove(world, protocol, options, &own, own_keys(session, &scope)).await;
        let played = play(session, world, self.target.codec, scope, options).await;
        within(options, self.put_back(before)).await;
        if let Some(pool) = &self.pages {
            pool.give_back(&lent);
        }
        self.remove(world, protocol, options, &own, played.keys.iter().cloned().collect()).await;
        played
    }

    fn scope(&self, session: &Session, options: Options, lent: &[u32]) -> Scope {
        let facts = &self.target.facts;
        let mut vars: BTreeMap<String, Datum> = BTreeMap::new();
        for name in &session.own_keys {
            let key = format!("{}{name}", own_prefix(session, options));
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
        match &self.pages {
            Some(pool) => pool.lend(count).await,
            None => Vec::new(),
        }
    }

    /// Page, version and bytes of each page.
    async fn contents(&self, pages: &[u32]) -> io::Result<Vec<(u32, i128, Vec<u8>)>> {
        let mut contents = Vec::new();
        if pages.is_empty() {
            return Ok(contents);
        }
        let mut asks = self.exchange(&self.world).await?;
        for &page in pages {
            // No page has this version, so the bytes always come.
            let read = request("read", &[("page", i128::from(page)), ("version", -1)]);
            let reply = asks.ask(&read).await?;
            let data = reply.fields.iter().find(|(name, _)| *name == "data");
            let data = data.map(|(_, datum)| datum.clone().into_bytes()).unwrap_or_default();
            contents.push((page, i128::from(number(&reply, "version")), data));
        }
        Ok(contents)
    }

    async fn put_back(&self, contents: Vec<(u32, i128, Vec<u8>)>) -> io::Result<()> {
        if contents.is_empty() {
            return Ok(());
        }
        let mut asks = self.exchange(&self.world).await?;
        for (page, version, data) in contents {
            let mut update = request("update", &[("page", i128::from(page)), ("version", version)]);
            if let Message::Named { fields, .. } = &mut update {
                fields.push(("data".to_owned(), Value::Text(data)));
            }
            asks.ask(&update).await?;
        }
        Ok(())
    }

    /// Flushes a server that is filled by every case: what a run that was cut off left there takes memory.
    async fn empty(&self, world: &W, protocol: Protocol) -> io::Result<()> {
        if protocol.has_lines() {
            return self.lines(world).await?.ask(&line([&b"flush_all"[..]])).await.map(|_| ());
        }
        self.exchange(world).await?.ask(&request("flush", &[])).await.map(|_| ())
    }

    /// Removes memcached keys, but none that is not the case's own, some hundred at a time; what removes them is spoken in
    /// the case's own protocol, which the server knows.
    async fn remove(
        &self,
        world: &W,
        protocol: Protocol,
        options: Options,
        own: &str,
        mut keys: Vec<Vec<u8>>,
    ) {
        keys.retain(|key| key.starts_with(own.as_bytes()));
        if self.target.protocol() != Protocol::Memcached || keys.is_empty() {
            return;
        }
        within(options, async {
            let lines = protocol.has_lines();
            let mut asks =
                if lines { self.lines(world).await? } else { self.exchange(world).await? };
            for some in keys.chunks(REMOVED_AT_ONCE) {
                let mut requests: Vec<_> = some.iter().map(|key| removal(lines, key)).collect();
                requests.push(if lines { line([&b"version"[..]]) } else { request("noop", &[]) });
                asks.tell(&requests).await?;
                while !is_last(&asks.reply().await?) {}
            }
            Ok(())
        })
        .await;
    }
}

/// Quiet, whether there is such a key or not.
fn removal(lines: bool, key: &[u8]) -> Message<Value> {
    if lines {
        line([b"delete", key, b"noreply"])
    } else {
        request_of_bytes("deleteq", &[("key", key)])
    }
}

/// Whether that is the reply to what stands behind the removals.
fn is_last(reply: &Reply) -> bool {
    reply.words.last().is_some_and(|name| name == "noop")
        || reply.tokens.first().is_some_and(|word| word == b"VERSION")
}

/// What helps a case but does not judge it has a time limit, and may fail: the case itself will tell.
async fn within<T>(options: Options, work: impl Future<Output = io::Result<T>>) -> Option<T> {
    tokio::time::timeout(options.timeout, work).await.ok()?.ok()
}

/// What every key of a case's own begins with: another one in every run, case and delivery.
fn own_prefix(session: &Session, options: Options) -> String {
    let played = format!("{}/{}", session.header.case, options.delivery.name());
    format!("lp:{:016x}:{:08x}:", options.seed, hash(&played))
}

fn own_keys(session: &Session, scope: &Scope) -> Vec<Vec<u8>> {
    let keys = session.own_keys.iter().filter_map(|name| scope.vars.get(name));
    keys.cloned().map(Datum::into_bytes).collect()
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
