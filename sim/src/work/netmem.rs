//! A healthy NetMem client: a page of its own, and a counter in a page that all lock in turn.

use lockproof_client::Error;
use lockproof_client::netmem::Client;

use super::Setting;
use super::crowd::think;
use super::expected::{BIG_PAGE, big_value, torn_page};
use crate::net::SimStream;
use crate::seed::Draw;

/// The page with the counter; those of single clients follow.
pub(super) const COMMON_PAGE: u32 = BIG_PAGE + 1;

/// Works until the run's work is over; an error is a healthy client's, and so a violation.
pub(super) async fn work(
    setting: &Setting,
    index: usize,
    draw: &mut Draw,
    is_new: bool,
) -> Result<(), Error> {
    let ledger = &setting.ledger;
    let bound = setting.config.bound();
    // Everybody else may hold the page first, for two operations each.
    let queue_bound = bound * u32::try_from(2 * setting.config.healthy).unwrap_or(u32::MAX);
    let own = COMMON_PAGE + 1 + u32::try_from(index).unwrap_or_default();
    // None as long as nothing is known.
    let mut written = is_new.then_some([0; 8]);
    let mut client = connect(setting, index).await?;
    if index == 0 {
        client.update(BIG_PAGE, &big_value(&setting.config), None).await?;
        setting.filled.send_replace(true);
    }
    while !setting.is_over() {
        think(draw).await;
        let mut allowed = bound;
        match draw.within(0..=10) {
            0..=3 => {
                let value = draw.number().to_be_bytes();
                ledger.borrow_mut().begin(index, "update");
                client.update(own, &value, None).await?;
                written = Some(value);
            }
            4..=6 => {
                ledger.borrow_mut().begin(index, "read");
                allowed = setting.config.read_bound();
                let page = client.read(own).await?;
                if !written.is_none_or(|written| page.data.starts_with(&written)) {
                    let text = format!("client {index} did not read what it had written");
                    ledger.borrow_mut().failed.push(text);
                }
            }
            7..=8 => {
                ledger.borrow_mut().begin(index, "lock and unlock");
                count(setting, &mut client).await?;
                allowed = queue_bound;
            }
            9 => {
                ledger.borrow_mut().begin(index, "read");
                let page = client.read(torn_page(&setting.config)).await?;
                if page.data.iter().any(|byte| *byte != 0) {
                    let text = "a request was executed that must not be".to_owned();
                    ledger.borrow_mut().failed.push(text);
                }
            }
            _ => client = connect(setting, index).await?,
        }
        ledger.borrow_mut().end(index, allowed);
    }
    Ok(())
}

/// Adds one to the number in the common page, under its lock.
async fn count(setting: &Setting, client: &mut Client<SimStream>) -> Result<(), Error> {
    let increment = setting.ledger.borrow_mut().begin_increment();
    let page = client.lock(COMMON_PAGE).await?;
    let number = page.data.first_chunk().map_or(0, |bytes| u64::from_be_bytes(*bytes)) + 1;
    client.unlock(COMMON_PAGE, &number.to_be_bytes()).await?;
    setting.ledger.borrow_mut().end_increment(increment, number);
    Ok(())
}

/// Counts without a pause; what comes out is checked as everybody's is.
pub(super) async fn count_on(setting: &Setting) -> Result<(), Error> {
    let stream = setting.connect().await.map_err(transport)?;
    let mut client = Client::connect(stream, setting.patience()).await?;
    loop {
        count(setting, &mut client).await?;
    }
}

fn transport(source: std::io::Error) -> Error {
    Error::Transport { source, maybe_applied: false }
}

async fn connect(setting: &Setting, index: usize) -> Result<Client<SimStream>, Error> {
    setting.ledger.borrow_mut().begin(index, "connect");
    let stream = setting.connect().await.map_err(transport)?;
    let client = Client::connect(stream, setting.patience()).await?;
    // A connection and a request: two round trips.
    setting.ledger.borrow_mut().end(index, setting.config.connect_bound());
    Ok(client)
}
