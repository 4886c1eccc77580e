//! A healthy memcached client: its own item, which nobody else changes, and a counter that all share.

use lockproof_client::Error;
use lockproof_client::memcached::{Client, Meta, Seed};

use super::crowd::think;
use super::expected::{BIG_KEY, TORN_KEY, big_value};
use super::{FOR_EVER, Setting};
use crate::net::SimStream;
use crate::seed::Draw;

const COUNTER_KEY: &[u8] = b"counter";

/// Works until the run's work is over; an error is a healthy client's, and so a violation.
pub(super) async fn work(setting: &Setting, index: usize, mut draw: Draw) -> Result<(), Error> {
    let ledger = &setting.ledger;
    let bound = setting.config.bound();
    let own = format!("own-{index}");
    let mut stored = None;
    let mut client = connect(setting, index).await?;
    if index == 0 {
        client.set(BIG_KEY, &big_value(&setting.config), Meta::default()).await?;
        setting.filled.send_replace(true);
    }
    while !setting.is_over() {
        think(&mut draw).await;
        match draw.within(0..=10) {
            0..=3 => {
                let value = draw.number().to_string();
                ledger.borrow_mut().begin(index, "set");
                client.set(own.as_bytes(), value.as_bytes(), Meta::default()).await?;
                stored = Some(value);
            }
            4..=6 => {
                ledger.borrow_mut().begin(index, "get");
                let got = client.get(own.as_bytes()).await?;
                if got.as_deref() != stored.as_ref().map(String::as_bytes) {
                    let text = format!("client {index} got {got:?}, and had stored {stored:?}");
                    ledger.borrow_mut().failed.push(text);
                }
            }
            7..=8 => {
                ledger.borrow_mut().begin(index, "increment");
                let least = ledger.borrow_mut().begin_increment();
                let seed = Some(Seed { initial: 1, expiry: 0 });
                let value = client.incr(COUNTER_KEY, 1, seed).await?;
                ledger.borrow_mut().end_increment(least, value.unwrap_or_default());
            }
            9 => {
                ledger.borrow_mut().begin(index, "get");
                if client.get(TORN_KEY).await?.is_some() {
                    let text = "a request that never ended was executed".to_owned();
                    ledger.borrow_mut().failed.push(text);
                }
            }
            _ => client = connect(setting, index).await?,
        }
        ledger.borrow_mut().end(index, bound);
    }
    Ok(())
}

async fn connect(setting: &Setting, index: usize) -> Result<Client<SimStream>, Error> {
    setting.ledger.borrow_mut().begin(index, "connect");
    let stream = setting
        .connect()
        .await
        .map_err(|source| Error::Transport { source, maybe_applied: false })?;
    let mut client = Client::new(stream, FOR_EVER);
    client.noop().await?;
    // A connection and a request: two round trips.
    setting.ledger.borrow_mut().end(index, setting.config.bound() * 2);
    Ok(client)
}
