//! What a request means.

use std::collections::BTreeSet;

use tokio::task::yield_now;

use super::checks::{is_single, is_too_long, refusal};
use super::connection::Client;
use super::defects::Switch;
use super::frame::{BATCH_GET, BATCH_RELEASE, GET, Outcome, RELEASE, Request};
use super::keys::keys;
use super::table::Keys;

/// Executes one request.
pub(super) async fn execute(client: &Client, request: &Request) -> Outcome {
    let switches = client.server.switches;
    let mut named = keys(request, switches);
    match refusal(request, &mut named, switches) {
        Some(Outcome::TooLarge) if client.on(Switch::MeaningBeforeSize) => {
            return meaning_before_size(client, request, &named);
        }
        Some(refused) => return refused,
        None => {}
    }
    if drop_duplicates(&mut named) {
        match request.cmd {
            BATCH_GET if client.on(Switch::DuplicateIsSelfHeld) => return Outcome::SelfHeld,
            BATCH_RELEASE if client.on(Switch::DuplicateIsNotHeld) => return Outcome::NotHeld,
            _ => {}
        }
    }
    let outcome = on_keys(client, request.cmd, &named).await;
    let released = outcome == Outcome::Ok && matches!(request.cmd, RELEASE | BATCH_RELEASE);
    if released {
        client.server.freed.notify_waiters();
    }
    if released || outcome == Outcome::Busy && request.cmd == GET {
        client.tell(&named, outcome).await;
    }
    outcome
}

/// Leaves each key once, in the order in which they stand; true if there was one twice.
fn drop_duplicates(keys: &mut Vec<Vec<u8>>) -> bool {
    let count = keys.len();
    if count > 1 {
        let mut unseen: BTreeSet<_> = keys.iter().cloned().collect();
        keys.retain(|key| unseen.remove(key));
    }
    keys.len() < count
}

async fn on_keys(client: &Client, cmd: u8, keys: &Keys) -> Outcome {
    let table = &client.server.table;
    let batch = !is_single(cmd);
    match cmd {
        BATCH_GET if client.on(Switch::BatchGetInSteps) => get_in_steps(client, keys).await,
        BATCH_RELEASE if client.on(Switch::BatchReleaseInSteps) => {
            release_in_steps(client, keys).await
        }
        GET | BATCH_GET => loop {
            let outcome = table.borrow_mut().get(client.session, keys, batch);
            if outcome != Outcome::Busy || batch || !client.on(Switch::GetWaits) {
                return outcome;
            }
            client.wait_for_a_release().await;
        },
        RELEASE | BATCH_RELEASE => table.borrow_mut().release(client.session, keys, batch),
        _ => table.borrow_mut().query(client.session, keys, batch),
    }
}

/// Busy or not held, for the keys that are not too long.
fn meaning_before_size(client: &Client, request: &Request, named: &Keys) -> Outcome {
    let is_short = |key: &&Vec<u8>| !is_too_long(key, client.server.switches);
    let short: Vec<_> = named.iter().filter(is_short).cloned().collect();
    let mut table = client.server.table.borrow_mut();
    match (table.query(client.session, &short, false), request.cmd) {
        (Outcome::Ok, RELEASE | BATCH_RELEASE) => Outcome::NotHeld,
        (Outcome::Busy, _) => Outcome::Busy,
        _ => Outcome::TooLarge,
    }
}

async fn get_in_steps(client: &Client, keys: &Keys) -> Outcome {
    let table = &client.server.table;
    let before = table.borrow_mut().query(client.session, keys, true);
    if before == Outcome::SelfHeld {
        return before;
    }
    for (taken, key) in keys.iter().enumerate() {
        let outcome = table.borrow_mut().get(client.session, std::slice::from_ref(key), true);
        yield_now().await;
        if outcome != Outcome::Ok {
            for key in &keys[..taken] {
                table.borrow_mut().free_own(client.session, key);
            }
            return if before == Outcome::Busy { before } else { outcome };
        }
    }
    Outcome::Ok
}

async fn release_in_steps(client: &Client, keys: &Keys) -> Outcome {
    let table = &client.server.table;
    for (freed, key) in keys.iter().enumerate() {
        let was_own = table.borrow_mut().free_own(client.session, key);
        yield_now().await;
        if !was_own {
            for key in &keys[..freed] {
                table.borrow_mut().take(client.session, key, true);
            }
            return Outcome::NotHeld;
        }
    }
    Outcome::Ok
}
