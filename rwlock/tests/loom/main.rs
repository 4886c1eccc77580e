//! The lock under loom: every model passes, and every broken variant of the lock is rejected.
//!
//! Each model runs in a child process, since a deadlock that loom finds aborts. What was explored is
//! printed as tables, which stand in the README, too. Empty without `--cfg lock_loom`: ci/loom sets
//! it.

#[cfg(lock_loom)]
mod catalogue;
#[cfg(lock_loom)]
mod child;
#[cfg(lock_loom)]
mod parent;
#[cfg(lock_loom)]
mod threads;
#[cfg(lock_loom)]
mod turns;

#[cfg(lock_loom)]
fn main() -> std::process::ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    match args.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["child", model] => child::run(model, None),
        ["child", model, defect] => child::run(model, Some(defect)),
        _ => parent::run(args),
    }
}

#[cfg(not(lock_loom))]
fn main() {
    // Asked for its tests, as nextest does, it has none.
    if !std::env::args().any(|argument| argument == "--list") {
        println!("built without loom; ci/loom runs the models");
    }
}
