//! memcached's meta protocol: what its lines do to the items, and what is told of it.

use lockproof_protocol::memcached::{Command, Extras, Lookup};
use lockproof_protocol::memcached_binary::Reply;
use lockproof_protocol::memcached_meta::{
    Action, Facts, Request, Tokens, put_debug, put_miss, put_outcome, put_value_head,
};
use lockproof_protocol::memcached_text::put_line;
use lockproof_state_machine::Now;
use lockproof_state_machine::items::{Items, NeedsWrite, NoRoom, Seen};

use super::memcached::Memcached;
use super::memcached_gets::put_value;
use crate::Output;

/// Executes a request, which was counted, and answers it, unless it is quiet about that.
pub(super) fn answer(cache: &Memcached, now: Now, request: &Request, output: &mut Output) {
    match &request.action {
        Action::Nop => put_line("MN", output.buffer()),
        Action::Get(lookup) => get(cache, now, request, lookup, output),
        Action::Change { command, cas, extras } => {
            let shard = cache.shard(&request.key);
            let changed =
                shard.write(|items| change(items, now, request, command, (*cas, *extras)));
            put_outcome(request, &changed.0, &changed.1, output.buffer());
        }
        Action::Debug => debug(cache, now, request, output),
    }
}

/// Under the shared lock, if nothing is changed by it.
fn get(cache: &Memcached, now: Now, request: &Request, lookup: &Lookup, output: &mut Output) {
    let shard = cache.shard(&request.key);
    let read = if lookup.is_read() {
        shard.read(|items| {
            let seen = items.fetch(now, &request.key, lookup)?;
            put_seen(request, seen, output);
            Ok(())
        })
    } else {
        Err(NeedsWrite)
    };
    if read == Err(NeedsWrite) {
        shard.write(|items| match items.fetch_mut(now, &request.key, lookup) {
            Ok(seen) => put_seen(request, seen, output),
            Err(NoRoom) => put_line("SERVER_ERROR out of memory", output.buffer()),
        });
    }
}

pub(super) fn put_seen(request: &Request, seen: Option<Seen<'_>>, output: &mut Output) {
    let Some(seen) = seen else {
        // MCM-QT-01
        if !request.is_quiet {
            put_miss(request, output.buffer());
        }
        return;
    };
    let tokens = Tokens { is_taken: seen.is_taken, is_stale: seen.is_stale, is_won: seen.is_won };
    let len = seen.hit.value.len();
    put_value_head(request, len, &facts(&seen), tokens, output.buffer());
    if request.wants_value {
        put_value(&seen.hit, output);
    }
}

fn facts(seen: &Seen<'_>) -> Facts {
    Facts {
        cas: Some(seen.hit.cas),
        flags: Some(seen.hit.flags),
        size: Some(seen.hit.value.len() as u64),
        ttl: Some(signed(seen.ttl)),
        ttl_before: Some(signed(seen.ttl_before)),
        was_read: Some(seen.was_read),
        idle: Some(seen.idle),
        key_is_binary: Some(seen.key_is_binary),
    }
}

/// −1 is for ever.
fn signed(ttl: Option<u64>) -> i64 {
    ttl.map_or(-1, |ttl| i64::try_from(ttl).unwrap_or(i64::MAX))
}

/// What came of it, and what may be told of it on success: the new CAS, and of a counter how long it lives.
fn change(
    items: &mut Items,
    now: Now,
    request: &Request,
    command: &Command,
    (cas, extras): (Option<u64>, Extras),
) -> (Reply, Facts) {
    let ttl_of = |items: &Items| items.peek(now, &request.key).map(|seen| signed(seen.ttl));
    let wants_ttl = matches!(command, Command::Arithmetic { .. }) && request.wants_ttl();
    let ttl_before = if wants_ttl { ttl_of(items) } else { None };
    let reply = items.run(now, command, cas, extras);
    let ttl = if wants_ttl { ttl_of(items) } else { None };
    let cas = match reply {
        Reply::Stored { cas } | Reply::Counter { cas, .. } => Some(cas),
        _ => None,
    };
    // One that was created has no time from before.
    let facts = Facts { cas, ttl, ttl_before: ttl_before.or(ttl), ..Facts::default() };
    (reply, facts)
}

fn debug(cache: &Memcached, now: Now, request: &Request, output: &mut Output) {
    cache.shard(&request.key).read(|items| match items.peek(now, &request.key) {
        Some(seen) => put_debug(request, &facts(&seen), seen.size, output.buffer()),
        None => put_line("EN", output.buffer()),
    });
}
