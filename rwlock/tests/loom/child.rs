//! One model in this process, with the lock as it is or with one defect.

use crate::catalogue::{MODELS, Model};
use lockproof_rwlock::{Defect, RwLock};
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// What a child prints before the number of executions; a child that dies prints it, too.
pub(crate) const EXECUTIONS: &str = "executions: ";

/// Explores the model; ends by panic or abort where loom rejects it.
pub(crate) fn run(name: &str, defect: Option<&str>) -> ExitCode {
    let Some(model) = MODELS.iter().find(|model| model.name == name) else {
        eprintln!("no model {name}");
        return ExitCode::from(2);
    };
    let defect = defect.map(|name| {
        *Defect::ALL.iter().find(|defect| defect.name() == name).expect("no such defect")
    });
    explore(model, defect);
    ExitCode::SUCCESS
}

fn explore(model: &Model, defect: Option<Defect>) {
    let executions = Arc::new(AtomicU64::new(0));
    let counted = Arc::clone(&executions);
    let default = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |info| {
        default(info);
        println!("{EXECUTIONS}{}", counted.load(Relaxed));
    }));
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = model.preemptions.or(builder.preemption_bound);
    builder.max_branches = 20_000;
    let (preference, act, counted) = (model.preference, model.run, Arc::clone(&executions));
    builder.check(move || {
        counted.fetch_add(1, Relaxed);
        act(RwLock::with_preference((0, 0), preference).with_defect(defect));
    });
    println!("{EXECUTIONS}{}", executions.load(Relaxed));
}
