//! `lockproof serve --echo-mode process`: a process for each client, and nothing left of it afterwards.

use std::collections::BTreeMap;
use std::fs;
use std::net::TcpStream;

use crate::support::served::{Served, signal};
use crate::support::{connect, echoes, eventually, is_closed, lockproof};

/// The children of a process, each with its state (`S` sleeps, `Z` is a zombie), by `/proc`.
fn children(parent: u32) -> BTreeMap<u32, char> {
    let entries = fs::read_dir("/proc").unwrap().flatten();
    entries
        .filter_map(|entry| {
            let id: u32 = entry.file_name().to_str()?.parse().ok()?;
            let stat = fs::read_to_string(entry.path().join("stat")).ok()?;
            // The name may hold spaces and brackets; the state and the parent stand behind the last bracket.
            let (_, rest) = stat.rsplit_once(')')?;
            let mut words = rest.split_whitespace();
            let state = words.next()?.chars().next()?;
            (words.next()?.parse() == Ok(parent)).then_some((id, state))
        })
        .collect()
}

fn served() -> Served {
    Served::start(&["--only", "echo", "--echo-mode", "process"])
}

fn clients<const N: usize>(served: &Served) -> [TcpStream; N] {
    let mut clients = std::array::from_fn(|_| connect(served.address("echo")));
    assert!(clients.iter_mut().all(|client| echoes(client, b"hello\0")));
    clients
}

#[test]
fn each_client_has_its_own_process() {
    let served = served();
    assert_eq!(children(served.id()).len(), 0);
    let _clients: [_; 3] = clients(&served);
    assert_eq!(children(served.id()).len(), 3);
}

#[test]
fn clients_of_tasks_have_none() {
    let served = Served::start(&["--only", "echo"]);
    let _clients: [_; 3] = clients(&served);
    assert_eq!(children(served.id()).len(), 0);
}

#[test]
fn killed_process_takes_only_its_client_along() {
    let served = served();
    let mut first: [_; 1] = clients(&served);
    let victim = *children(served.id()).keys().next().unwrap();
    let mut others: [_; 2] = clients(&served);
    signal(victim, "KILL");
    assert!(first.iter_mut().all(is_closed));
    assert!(others.iter_mut().all(|client| echoes(client, b"still here\0")));
    assert!(
        eventually(|| children(served.id()).len() == 2
            && !children(served.id()).values().any(|&s| s == 'Z')),
        "a zombie is left: {:?}",
        children(served.id())
    );
    let _next: [_; 1] = clients(&served);
}

#[test]
fn process_ends_with_its_client() {
    let served = served();
    drop(clients::<3>(&served));
    assert!(eventually(|| children(served.id()).is_empty()), "left: {:?}", children(served.id()));
}

#[test]
fn sigterm_leaves_no_process_behind() {
    let mut served = served();
    let mut clients: [_; 3] = clients(&served);
    let processes = children(served.id());
    served.signal("TERM");
    assert_eq!(served.exit_status().code(), Some(0));
    assert!(clients.iter_mut().all(is_closed));
    assert!(
        eventually(|| processes.keys().all(|id| !fs::exists(format!("/proc/{id}")).unwrap())),
        "{processes:?}"
    );
}

#[test]
fn processes_conform() {
    let served = served();
    lockproof(&["check", &served.url("echo"), "--delivery", "whole"]).assert().code(0);
}
