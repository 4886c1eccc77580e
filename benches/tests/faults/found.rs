//! Servers that are wrong on purpose: each is found out, by the check that is for it.

use std::os::unix::fs::PermissionsExt;

use crate::Test;
use crate::run::{Server, faults, soak};

pub(crate) const TESTS: &[Test] = &[
    ("crowd_finds_locks_of_the_dead", crowd_finds_locks_of_the_dead),
    ("crowd_finds_pages_of_the_dead", crowd_finds_pages_of_the_dead),
    ("crowd_finds_lost_descriptors", crowd_finds_lost_descriptors),
    ("crowd_finds_lost_memory", crowd_finds_lost_memory),
    ("crowd_finds_a_server_that_dies", crowd_finds_a_server_that_dies),
    ("pause_finds_replies_without_an_order", pause_finds_replies_without_an_order),
    ("pause_finds_what_is_acknowledged_and_lost", pause_finds_what_is_acknowledged_and_lost),
    ("descriptors_finds_a_busy_loop", descriptors_finds_a_busy_loop),
    ("logs_finds_a_server_that_dies_of_them", logs_finds_a_server_that_dies_of_them),
    ("clock_finds_expiry_that_jumps", clock_finds_expiry_that_jumps),
    ("soak_finds_lost_descriptors", soak_finds_lost_descriptors),
    ("soak_finds_lost_memory", soak_finds_lost_memory),
    ("soak_finds_replies_without_an_order", soak_finds_replies_without_an_order),
];

#[track_caller]
fn crowd_finds(fault: &str, check: &str) {
    let arguments = ["--only", "crowd", "--scale", "0.02", "--time", "2"];
    faults(Server::Broken(fault), &arguments).fails(check);
}

fn crowd_finds_locks_of_the_dead() {
    crowd_finds("locker/end-keeps-keys", "no lock of locker stays held");
}

fn crowd_finds_pages_of_the_dead() {
    crowd_finds("netmem/end-keeps-locks", "no page stays held");
}

fn crowd_finds_lost_descriptors() {
    crowd_finds("keeps-descriptors", "no descriptor is lost");
}

fn crowd_finds_lost_memory() {
    crowd_finds("keeps-memory", "memory comes back");
}

fn crowd_finds_a_server_that_dies() {
    crowd_finds("dies-of-a-crowd", "it was played to its end");
}

fn pause_finds_replies_without_an_order() {
    let run = faults(Server::Broken("locker/release-by-anyone"), &["--only", "pause"]);
    run.fails("who waits is answered, and an order explains it");
}

fn pause_finds_what_is_acknowledged_and_lost() {
    let run = faults(Server::Broken("memcached/key-ends-at-a-space"), &["--only", "pause"]);
    run.fails("nothing that was acknowledged is lost");
}

fn descriptors_finds_a_busy_loop() {
    let run = faults(Server::Broken("accepts-in-circles"), &["--only", "descriptors"]);
    run.fails("it does not run in circles");
}

fn logs_finds_a_server_that_dies_of_them() {
    faults(Server::Broken("dies-of-its-log"), &["--only", "logs"]).fails("it goes on");
}

/// Our server again, but all of its clocks jump, as if it lived by the wall clock.
fn clock_finds_expiry_that_jumps() {
    let room = tempfile::tempdir().expect("a directory");
    let script = room.path().join("lockproof");
    let beside = std::path::Path::new(env!("CARGO_BIN_EXE_faults")).with_file_name("lockproof");
    let text = format!(
        "#!/bin/sh\nexport FAKETIME_DONT_FAKE_MONOTONIC=0\nexec {} \"$@\"\n",
        beside.display()
    );
    std::fs::write(&script, text).expect("a script");
    std::fs::set_permissions(&script, PermissionsExt::from_mode(0o755)).expect("its mode");
    let run = faults(Server::Program(&script), &["--only", "clock", "--patience", "5"]);
    run.fails("what expires late is there");
}

fn soak_finds_lost_descriptors() {
    let run = soak(Server::Broken("keeps-descriptors"), &["--time", "4s"]);
    run.fails("no descriptor and no connection is lost");
}

fn soak_finds_lost_memory() {
    soak(Server::Broken("keeps-memory"), &["--time", "8s"]).fails("memory does not grow on and on");
}

fn soak_finds_replies_without_an_order() {
    let run = soak(Server::Broken("locker/release-by-anyone"), &["--time", "5s"]);
    run.fails("an order explains it");
}
