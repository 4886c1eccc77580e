//! A healthy memcached client: its own item, which nobody else changes, and a counter that all share.

use lockproof_client::Error;
use lockproof_client::memcached::{Client, Meta, Seed};

use super::Setting;
use super::crowd::think;
use super::expected::{BIG_KEY, TORN_KEY, big_value};
use crate::net::SimStream;
use crate::seed::Draw;

pub(super) const COUNTER_KEY: &[u8] = b"counter";

/// Works until the run's work is over; an error is a healthy client's, and so a violation.
pub(super) async fn work(
    setting: &Setting,
    index: usize,
    draw: &mut Draw,
    is_new: bool,
) -> Result<(), Error> {
    let ledger = &setting.ledger;
    let bound = setting.config.bound();
    let own = format!("own-{index}");
    // None as long as nothing is known.
    let mut stored = is_new.then_some(None);
    let mut client = connect(setting, index).await?;
    if index == 0 {
        client.set(BIG_KEY, &big_value(&setting.config), Meta::default()).await?;
        setting.filled.send_replace(true);
    }
    while !setting.is_over() {
        think(draw).await;
        let mut allowed = bound;
        match draw.within(0..=10) {
            0..=3 => {
                let value = draw.number().to_string();
                ledger.borrow_mut().begin(index, "set");
                client.set(own.as_bytes(), value.as_bytes(), Meta::default()).await?;
                stored = Some(Some(value));
            }
            4..=6 => {
                ledger.borrow_mut().begin(index, "get");
                allowed = setting.config.read_bound();
                let got = client.get(own.as_bytes()).await?;
                let is_right = |stored: &Option<String>| {
                    got.as_deref() == stored.as_ref().map(String::as_bytes)
                };
                if !stored.as_ref().is_none_or(is_right) {
                    let text = format!("client {index} got {got:?}, and had stored {stored:?}");
                    ledger.borrow_mut().failed.push(text);
                }
            }
            7..=8 => {
                ledger.borrow_mut().begin(index, "increment");
                count(setting, &mut client).await?;
            }
            9 => {
                ledger.borrow_mut().begin(index, "get");
                if client.get(TORN_KEY).await?.is_some() {
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

/// Adds one to the common counter.
async fn count(setting: &Setting, client: &mut Client<SimStream>) -> Result<(), Error> {
    let increment = setting.ledger.borrow_mut().begin_increment();
    let value = client.incr(COUNTER_KEY, 1, Some(Seed { initial: 1, expiry: 0 })).await?;
    setting.ledger.borrow_mut().end_increment(increment, value.unwrap_or_default());
    Ok(())
}

/// Counts without a pause; what comes out is checked as everybody's is.
pub(super) async fn count_on(setting: &Setting) -> Result<(), Error> {
    let stream = setting.connect().await.map_err(transport)?;
    let mut client = Client::new(stream, setting.patience());
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
    let mut client = Client::new(stream, setting.patience());
    client.noop().await?;
    // A connection and a request: two round trips.
    setting.ledger.borrow_mut().end(index, setting.config.connect_bound());
    Ok(client)
}
