//! NetMem's pages, held against a vector of pages with a queue each: random requests of sessions that come and go.

mod model;

use arbitrary::{Arbitrary, Result, Unstructured};
use bytes::Bytes;
use lockproof_protocol::netmem::{Reply, Request};
use lockproof_state_machine::pages::{Config, Pages, Progress, SERVER_VERSION};
use lockproof_state_machine::{Effect, Now, SessionId};

pub use model::{Answer, Model};

use crate::step::{Sessions, pick, steps};

pub(crate) const PAGES: u32 = 3;
pub(crate) const PAGE_LEN: u32 = 4;
/// Few, so that one too many comes soon.
const WAITERS_MAX: usize = 2;

/// A request as it is drawn: pages and payloads one above the limit are among them.
#[derive(Debug)]
pub(crate) struct Ask(pub(crate) Request);

impl<'a> Arbitrary<'a> for Ask {
    fn arbitrary(input: &mut Unstructured<'a>) -> Result<Self> {
        let kind = u8::arbitrary(input)? % 11;
        let page = pick(input, &[0, 1, 2, 0, PAGES, 0, u32::MAX])?;
        let version =
            pick(input, &[-1, 0, 1, 2, 3, 4, 5, i32::MAX, i32::MAX - 1, i32::MIN, -1, -1])?;
        let length = if kind < 6 { pick(input, &[0, 1, 3, 4, 4, 5])? } else { 0 };
        let data = Bytes::copy_from_slice(input.bytes(length)?);
        Ok(Self(match kind {
            0..3 => Request::Unlock { page, version, data },
            3..6 => Request::Update { page, version, data },
            6..9 => Request::Lock { page, version },
            9 => Request::Read { page, version },
            _ => pick(input, &[Request::GetVersion, Request::GetParams].each_ref())?.clone(),
        }))
    }
}

#[derive(Arbitrary, Debug)]
enum Step {
    Ask { client: u8, request: Ask },
    End { client: u8 },
}

/// One sequence of requests.
pub fn run(input: &[u8]) {
    let config = Config { pages: PAGES, page_len: PAGE_LEN, waiters_max: WAITERS_MAX };
    let mut pages = Pages::new(config);
    let mut model = Model::new(PAGES, PAGE_LEN, SERVER_VERSION, WAITERS_MAX);
    let mut sessions = Sessions::new();
    for step in steps(&mut Unstructured::new(input)) {
        match step {
            Step::Ask { client, request: Ask(request) } => {
                let session = sessions.of(client);
                if !model.waits(session) {
                    ask(&mut pages, &mut model, session, &request);
                }
            }
            Step::End { client } => end(&mut pages, &mut model, sessions.end(client)),
        }
    }
    for session in sessions.all() {
        end(&mut pages, &mut model, session);
    }
    // A lock of somebody who is gone would make the newcomer wait.
    for page in 0..PAGES {
        ask(&mut pages, &mut model, u64::MAX, &Request::Lock { page, version: 0 });
        assert_eq!(model.owner(page), Some(u64::MAX), "page {page} is held by nobody's session");
    }
}

fn ask(pages: &mut Pages, model: &mut Model, session: u64, request: &Request) {
    if let Request::Read { .. } | Request::GetVersion | Request::GetParams = request {
        let seen = vec![(session, pages.read(request))];
        assert_eq!(seen, model.ask(session, request.clone()), "{session}: {request:?}, shared");
    }
    let mut effects = Vec::new();
    let progress = pages.apply(Now::ZERO, SessionId(session), request.clone(), &mut effects);
    let expected = model.ask(session, request.clone());
    let is_answered = expected.first().is_some_and(|(to, _)| *to == session);
    assert_eq!(plain(effects), expected, "{session}: {request:?}");
    let expected = match (is_answered, model.waits(session)) {
        (true, _) => Progress::Done,
        (false, true) => Progress::Waiting,
        (false, false) => Progress::TooMany,
    };
    assert_eq!(progress, expected, "{session}: {request:?}");
}

fn end(pages: &mut Pages, model: &mut Model, session: u64) {
    let mut effects = Vec::new();
    pages.end_session(Now::ZERO, SessionId(session), &mut effects);
    assert_eq!(plain(effects), model.end(session), "the end of {session}");
}

fn plain(effects: Vec<Effect<Reply>>) -> Vec<Answer> {
    effects.into_iter().map(|effect| (effect.to.0, effect.reply)).collect()
}
