//! Histories from times, and the check of a witness that shares nothing with the search.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::history::{About, History, Model, Order, Verdict, check};

/// Far more than any test needs.
pub(super) const BUDGET: u64 = 1_000_000;

/// A call with its times.
#[derive(Clone, Debug)]
pub(super) struct Timed<I, O> {
    pub(super) session: u64,
    pub(super) input: I,
    pub(super) output: Option<O>,
    pub(super) from: i64,
    pub(super) to: i64,
}

pub(super) type TimedOf<M> = Timed<<M as Model>::Input, <M as Model>::Output>;
pub(super) type HistoryOf<M> = History<<M as Model>::Input, <M as Model>::Output>;

/// A call in a line: session, times, input, output.
pub(super) fn at<I, O>(
    session: u64,
    from: i64,
    to: i64,
    input: I,
    output: impl Into<Option<O>>,
) -> Timed<I, O> {
    Timed { session, input, output: output.into(), from, to }
}

/// The history of calls at these times; of two events at one time, ends come last.
pub(super) fn history<I: Clone, O: Clone>(calls: &[Timed<I, O>]) -> History<I, O> {
    let begins = calls.iter().enumerate().map(|(number, call)| (call.from, 0, number));
    let ends = calls.iter().enumerate().filter(|(_, call)| call.output.is_some());
    let mut events: Vec<_> =
        begins.chain(ends.map(|(number, call)| (call.to, 1, number))).collect();
    events.sort_unstable();
    let (mut history, mut tickets) = (History::default(), BTreeMap::new());
    for (time, end, number) in events {
        let (call, time) =
            (&calls[number], Duration::from_millis(u64::try_from(time).unwrap_or(0)));
        if end == 0 {
            tickets.insert(number, history.call(call.session, call.input.clone(), time));
        } else if let Some(output) = &call.output {
            history.reply(tickets[&number], output.clone(), time);
        }
    }
    history
}

pub(super) fn verdict<M: Model>(model: &M, calls: &[TimedOf<M>]) -> Verdict<M::Key> {
    let history = history(calls);
    let verdict = check(model, &history, BUDGET);
    if let Verdict::Linearizable(orders) = &verdict {
        replays(model, &history, orders).unwrap_or_else(|problem| panic!("{problem}"));
    }
    verdict
}

/// Plays the witness: every call with a reply is in it, no call stands before one that had ended when it began, a session's
/// own order is kept, and the model gives each the output that it had.
pub(super) fn replays<M: Model>(
    model: &M,
    history: &HistoryOf<M>,
    orders: &[Order<M::Key>],
) -> Result<(), String> {
    let all = history.operations();
    for (number, operation) in all.iter().enumerate() {
        let keyed = matches!(model.about(&operation.input), About::Keys(_));
        let times = orders.iter().flat_map(|order| &order.calls).filter(|call| **call == number);
        match (operation.reply.is_some(), times.count()) {
            (true, 1) | (false, 0 | 1) => {}
            (false, _) if !keyed => {}
            (_, count) => return Err(format!("{operation} is in the witness {count} times")),
        }
    }
    for Order { keys, calls } in orders {
        let mut state = model.start(keys);
        for (place, call) in calls.iter().enumerate() {
            let operation = &all[*call];
            let overtaken = calls[..place].iter().find(|before| {
                operation.is_before(&all[**before])
                    || all[**before].session == operation.session && *before > call
            });
            if let Some(before) = overtaken {
                return Err(format!("{} stands before {operation}", all[*before]));
            }
            let output = operation.reply.as_ref().map(|(output, _)| output);
            state = model
                .step(&state, operation.session, &operation.input, output)
                .ok_or_else(|| format!("{operation} cannot follow"))?;
        }
    }
    Ok(())
}
