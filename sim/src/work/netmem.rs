//! A healthy NetMem client: pages that all update, and a counter in a page that all lock in turn. What it sees goes into
//! the run's history.

use std::cell::RefCell;
use std::rc::Rc;

use lockproof_client::Error;
use lockproof_client::netmem::{Client, Page};
use lockproof_conformance::history::pages::{Reply, Request};

use super::crowd::think;
use super::expected::{BIG_PAGE, big_value, torn_page};
use super::observed::Call;
use super::{Ledger, Setting};
use crate::net::SimStream;
use crate::seed::Draw;

/// The page with the counter; as many as there are clients follow, for updates.
pub(super) const COMMON_PAGE: u32 = BIG_PAGE + 1;

/// The client has its own cache, and returns a whole page: as if it had asked with a version that no page has.
const NO_VERSION: i32 = -1;

/// Works until the run's work is over; an error is a healthy client's, and so a violation.
pub(super) async fn work(setting: &Setting, index: usize, draw: &mut Draw) -> Result<(), Error> {
    let ledger = &setting.ledger;
    let bound = setting.config.bound();
    // Everybody else may hold the page first, for two operations each.
    let queue_bound = bound * u32::try_from(2 * setting.config.healthy).unwrap_or(u32::MAX);
    let shared = |number: u64| {
        let place = number % setting.config.healthy as u64;
        COMMON_PAGE + 1 + u32::try_from(place).unwrap_or_default()
    };
    let mut turn = index as u64;
    let mut worker = Worker::connect(setting, index).await?;
    while !setting.is_over() {
        // At first, and again if the server has lost it.
        if index == 0 && !*setting.filled.borrow() {
            worker.client.update(BIG_PAGE, &big_value(&setting.config), None).await?;
            setting.filled.send_replace(true);
        }
        think(draw).await;
        let mut allowed = bound;
        // In a scene the crowd looks on, and locks nothing.
        let most = if setting.config.hazard.is_some() { 6 } else { 10 };
        match draw.within(0..=most) {
            0..=3 => {
                let value = draw.number();
                ledger.borrow_mut().begin(index, "update");
                worker.update(shared(value), &value.to_be_bytes()).await?;
            }
            4..=6 => {
                turn += 1;
                ledger.borrow_mut().begin(index, "read");
                allowed = setting.config.read_bound();
                worker.read(shared(turn)).await?;
            }
            7..=8 => {
                ledger.borrow_mut().begin(index, "lock and unlock");
                worker.count().await?;
                allowed = queue_bound;
            }
            9 => {
                ledger.borrow_mut().begin(index, "read");
                let page = worker.client.read(torn_page(&setting.config)).await?;
                if page.data.iter().any(|byte| *byte != 0) {
                    let text = "a request was executed that must not be".to_owned();
                    ledger.borrow_mut().failed.push(text);
                }
            }
            _ if setting.may_reconnect() => worker = Worker::connect(setting, index).await?,
            _ => {}
        }
        ledger.borrow_mut().end(index, allowed);
    }
    Ok(())
}

/// Counts without a pause; what comes out is judged as everybody's is.
pub(super) async fn count_on(setting: &Setting) -> Result<(), Error> {
    let mut worker = setting.reach(async |stream| Worker::greet(setting, stream).await).await?;
    loop {
        worker.count().await?;
    }
}

/// A connection, and its session's number in the history. Dropped, it is given up: what it locked is free some time later.
struct Worker {
    client: Client<SimStream>,
    ledger: Rc<RefCell<Ledger>>,
    session: u64,
}

impl Worker {
    async fn connect(setting: &Setting, index: usize) -> Result<Self, Error> {
        setting.open(index, async |stream| Self::greet(setting, stream).await).await
    }

    async fn greet(setting: &Setting, stream: SimStream) -> Result<Self, Error> {
        let client = Client::connect(stream, setting.patience()).await?;
        let session = setting.ledger.borrow_mut().session();
        Ok(Self { client, ledger: Rc::clone(&setting.ledger), session })
    }

    async fn update(&mut self, page: u32, data: &[u8]) -> Result<(), Error> {
        let call = self.call(Request::Update(page, NO_VERSION, data.into()));
        let version = self.client.update(page, data, None).await?;
        self.reply(call, Reply::Written(version));
        Ok(())
    }

    async fn read(&mut self, page: u32) -> Result<(), Error> {
        let call = self.call(Request::Read(page, NO_VERSION));
        let page = self.client.read(page).await?;
        self.reply(call, shown(&page));
        Ok(())
    }

    /// Adds one to the number in the common page, under its lock.
    async fn count(&mut self) -> Result<(), Error> {
        let call = self.call(Request::Lock(COMMON_PAGE, NO_VERSION));
        let page = self.client.lock(COMMON_PAGE).await?;
        self.reply(call, shown(&page));
        let number = page.data.first_chunk().map_or(0, |bytes| u64::from_be_bytes(*bytes)) + 1;
        let data = number.to_be_bytes();
        let call = self.call(Request::Unlock(COMMON_PAGE, data.as_slice().into()));
        let version = self.client.unlock(COMMON_PAGE, &data).await?;
        self.reply(call, Reply::Written(version));
        Ok(())
    }

    fn call(&self, request: Request) -> Call {
        self.ledger.borrow_mut().pages.call(self.session, request)
    }

    fn reply(&self, call: Call, reply: Reply) {
        self.ledger.borrow_mut().pages.reply(call, reply);
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        self.call(Request::End);
    }
}

fn shown(page: &Page) -> Reply {
    Reply::Page(page.version, Some(page.data.as_ref().into()))
}
