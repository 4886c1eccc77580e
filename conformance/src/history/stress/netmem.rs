//! What NetMem's clients do: they read, update, lock and unlock; none waits for a page while it holds another, so that
//! nobody waits for ever.

use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;

use super::{Draw, Options, Stream, Work};
use crate::exchange::{Exchange, request};
use crate::history::pages::{self, Reply, Request};
use crate::session::{Message, Value};
use crate::target::Target;
use crate::wire;

/// The pages that they share.
pub(super) struct Pages {
    model: pages::Pages,
}

/// What a client remembers: the page that it holds, and the version of each that it saw last.
#[derive(Default)]
pub(super) struct Memory {
    held: Option<u32>,
    seen: BTreeMap<u32, i32>,
}

/// A version that no page has, so that its bytes always come.
const NO_VERSION: i32 = -1;

impl Work for Pages {
    type Model = pages::Pages;
    type Input = Request;
    type Output = Reply;
    type Memory = Memory;

    async fn prepare<S: Stream>(
        exchange: &mut Exchange<S>,
        target: &Target,
        options: &Options,
    ) -> io::Result<Self> {
        let params = exchange.ask(&request("params", &[])).await?;
        let number = |name| params.number(name).and_then(|number| usize::try_from(number).ok());
        let (count, length) =
            number("pages").zip(number("length")).ok_or_else(|| misfit("GET_PARAMS", &params))?;
        let count = u32::try_from(count).unwrap_or(u32::MAX);
        let allowed = target.facts.pages.clone().unwrap_or(0..=u32::MAX);
        let mut model = pages::Pages { before: BTreeMap::new(), length };
        for page in allowed.take_while(|page| *page < count).take(options.keys as usize) {
            let read = Request::Read(page, NO_VERSION);
            let reply = exchange.ask(&message(&read)).await?;
            match output(&read, &reply) {
                Some(Reply::Page(version, Some(data))) => {
                    model.before.insert(page, (version, data));
                }
                _ => return Err(misfit("READ_PAGE", &reply)),
            }
        }
        Ok(Self { model })
    }

    fn model(&self) -> &pages::Pages {
        &self.model
    }

    fn draw(&self, memory: &Memory, draw: &mut Draw) -> Request {
        let pages: Vec<u32> = self.model.before.keys().copied().collect();
        let page = memory.held.or_else(|| draw.pick(&pages).copied()).unwrap_or_default();
        let version = memory.seen.get(&page).copied().unwrap_or(NO_VERSION);
        let most = self.model.length.min(8) as u64;
        let length = usize::try_from(draw.below(most + 1)).unwrap_or_default();
        let data: Arc<[u8]> = draw.number().to_be_bytes().into_iter().take(length).collect();
        match draw.below(8) {
            0..=2 => Request::Read(page, version),
            3 | 4 if memory.held.is_some() => Request::Unlock(page, data),
            3 | 4 => Request::Lock(page, version),
            5 => Request::Unlock(page, data),
            6 => Request::Update(page, i32::try_from(draw.below(1_000)).unwrap_or(1), data),
            _ => Request::Update(page, NO_VERSION, data),
        }
    }

    fn message(&self, input: &Request) -> Message<Value> {
        message(input)
    }

    fn output(&self, input: &Request, reply: &wire::Reply) -> Option<Reply> {
        output(input, reply)
    }

    fn learn(memory: &mut Memory, input: &Request, reply: &Reply) {
        let (Request::Read(page, _)
        | Request::Lock(page, _)
        | Request::Unlock(page, _)
        | Request::Update(page, ..)) = input
        else {
            return;
        };
        if let Reply::Page(version, _) | Reply::Written(version) = reply {
            memory.seen.insert(*page, *version);
        }
        match input {
            Request::Lock(..) => memory.held = Some(*page),
            Request::Read(..) => {}
            _ => memory.held = None,
        }
    }

    fn end() -> Option<Request> {
        Some(Request::End)
    }

    async fn tidy<S: Stream>(&self, exchange: &mut Exchange<S>) -> io::Result<()> {
        for (page, (version, data)) in &self.model.before {
            let back = Request::Update(*page, *version, Arc::clone(data));
            exchange.ask(&message(&back)).await?;
        }
        Ok(())
    }
}

fn message(input: &Request) -> Message<Value> {
    let (name, page, version, data) = match input {
        Request::Read(page, version) => ("read", *page, *version, None),
        Request::Lock(page, version) => ("lock", *page, *version, None),
        Request::Unlock(page, data) => ("unlock", *page, 0, Some(data)),
        Request::Update(page, version, data) => ("update", *page, *version, Some(data)),
        // Not a message; nobody asks for it.
        Request::End => ("version", 0, 0, None),
    };
    let mut message = request(name, &[("page", page.into()), ("version", version.into())]);
    if let (Message::Named { fields, .. }, Some(data)) = (&mut message, data) {
        fields.push(("data".to_owned(), Value::Text(data.to_vec())));
    }
    message
}

fn output(input: &Request, reply: &wire::Reply) -> Option<Reply> {
    let version = reply.number("version").and_then(|version| i32::try_from(version).ok());
    match (reply.words.first()?.as_str(), input) {
        ("read", Request::Read(..)) | ("lock", Request::Lock(..)) => {
            let data = reply.bytes("data");
            Some(Reply::Page(version?, (!data.is_empty()).then(|| data.into())))
        }
        ("unlock", Request::Unlock(..)) | ("update", Request::Update(..)) => {
            Some(Reply::Written(version?))
        }
        ("not_locked", Request::Unlock(..)) => Some(Reply::NotLocked),
        _ => None,
    }
}

fn misfit(what: &str, reply: &wire::Reply) -> io::Error {
    io::Error::other(format!("{what} was answered with {reply}"))
}
