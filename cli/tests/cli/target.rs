//! Servers that are down, silent, or something else than they are taken for: exit code 3, soon, and with advice.

use std::time::Instant;

use snapbox::str;

use crate::support::served::Served;
use crate::support::{PATIENCE, hostile, lockproof, naming};

/// `check` gives up on that server with code 3, and says what `expected` says of `[PORT]`.
#[track_caller]
fn gives_up(behaviour: hostile::Behaviour, protocol: &str, expected: impl snapbox::data::IntoData) {
    let address = hostile::start(behaviour);
    let url = format!("{protocol}://{address}");
    lockproof(&["check", &url, "--timeout", "1s"])
        .with_assert(naming(&[("[PORT]", address.port().to_string())]))
        .assert()
        .code(3)
        .stdout_eq("")
        .stderr_eq(expected);
}

#[test]
fn refused_connection() {
    let address = hostile::nobody();
    lockproof(&["check", &format!("memcached://{address}")])
        .with_assert(naming(&[("[PORT]", address.port().to_string())]))
        .assert()
        .code(3)
        .stdout_eq("")
        .stderr_eq(str![[r#"
error: no connection to memcached://127.0.0.1:[PORT]: Connection refused (os error 111)
  is the server running, and is the port right?

"#]]);
}

#[test]
fn host_without_an_address() {
    lockproof(&["check", "memcached://nowhere.invalid:11211"])
        .assert()
        .code(3)
        .stdout_eq("")
        .stderr_eq(str![[r#"
error: target `memcached://nowhere.invalid:11211`: the host `nowhere.invalid` has no address

"#]]);
}

#[test]
fn web_server_as_memcached() {
    gives_up(
        hostile::http,
        "memcached",
        str![[r#"
error: memcached://127.0.0.1:[PORT] does not speak memcached: magic 0x48 at offset 0 where a reply begins (0x81)
  is it the right port, and does the server speak this protocol?

"#]],
    );
}

#[test]
fn web_server_as_netmem() {
    gives_up(
        hostile::http,
        "netmem",
        str![[r#"
error: netmem://127.0.0.1:[PORT] does not speak netmem: a reply that announces 825110816 bytes of data
  is it the right port, and does the server speak this protocol?

"#]],
    );
}

#[test]
fn web_server_as_locker() {
    gives_up(
        hostile::http,
        "locker",
        str![[r#"
error: locker://127.0.0.1:[PORT] does not speak locker: a QUERY was answered with outcome 84 cmd=72
  is it the right port, and does the server speak this protocol?

"#]],
    );
}

#[test]
fn web_server_as_echo() {
    gives_up(
        hostile::http,
        "echo",
        str![[r#"
error: echo://127.0.0.1:[PORT] does not speak echo: it answered something else than what it was sent
  is it the right port, and does the server speak this protocol?

"#]],
    );
}

#[test]
fn mail_server_as_locker() {
    gives_up(
        hostile::banner,
        "locker",
        str![[r#"
error: locker://127.0.0.1:[PORT] does not speak locker: a QUERY was answered with outcome 50 cmd=50
  is it the right port, and does the server speak this protocol?

"#]],
    );
}

#[test]
fn echo_server_as_memcached() {
    gives_up(
        hostile::echo,
        "memcached",
        str![[r#"
error: memcached://127.0.0.1:[PORT] does not speak memcached: magic 0x80 at offset 0 where a reply begins (0x81)
  is it the right port, and does the server speak this protocol?

"#]],
    );
}

#[test]
fn echo_server_as_netmem() {
    gives_up(
        hostile::echo,
        "netmem",
        str![[r#"
error: netmem://127.0.0.1:[PORT] does not speak netmem: GET_PARAMS tells of no pages at all
  is it the right port, and does the server speak this protocol?

"#]],
    );
}

#[test]
fn echo_server_as_locker() {
    gives_up(
        hostile::echo,
        "locker",
        str![[r#"
error: locker://127.0.0.1:[PORT] does not speak locker: a QUERY was answered with ok cmd=123
  is it the right port, and does the server speak this protocol?

"#]],
    );
}

#[test]
fn server_that_closes_at_once() {
    let address = hostile::start(hostile::slam);
    for protocol in ["memcached", "netmem", "locker", "echo"] {
        // Whether the end comes as FIN or RST is the kernel's choice; the first and last words are ours.
        let url = format!("{protocol}://{address}");
        let done = lockproof(&["check", &url]).assert().code(3).stdout_eq("");
        let stderr = String::from_utf8_lossy(&done.get_output().stderr).into_owned();
        assert!(
            stderr.starts_with(&format!("error: {url} does not speak {protocol}: ")),
            "{stderr}"
        );
        assert!(
            stderr.ends_with("is it the right port, and does the server speak this protocol?\n")
        );
    }
}

#[test]
fn silent_server_as_memcached() {
    gives_up(
        hostile::mute,
        "memcached",
        str![[r#"
error: memcached://127.0.0.1:[PORT] does not speak memcached: it does not answer a simple request within 1s
  is it the right port, and does the server speak this protocol?

"#]],
    );
}

#[test]
fn silent_server_as_any_protocol() {
    let address = hostile::start(hostile::mute);
    for protocol in ["netmem", "locker", "echo"] {
        let url = format!("{protocol}://{address}");
        lockproof(&["check", &url, "--timeout", "300ms"]).assert().code(3).stdout_eq("");
    }
}

/// The probe asks for every opcode: each question may cost a timeout, but not one after the other.
#[test]
fn server_that_answers_the_greeting_alone_is_probed_in_bounded_time() {
    let url = format!("memcached://{}", hostile::start(hostile::noop_only));
    let begun = Instant::now();
    lockproof(&[
        "check",
        &url,
        "--timeout",
        "1s",
        "--delivery",
        "whole",
        "--case",
        "memcached/nop/*",
    ])
    .assert()
    .code(1);
    assert!(begun.elapsed() < PATIENCE / 3, "the probe took {:?}", begun.elapsed());
}

#[test]
fn replay_gives_up_as_check_does() {
    let address = hostile::start(hostile::mute);
    let directory = tempfile::tempdir().unwrap();
    let session = "case   echo/a/b\nlevel  must\nconn   A\n\nA> \"x\\0\"\nA< \"x\\0\"\n";
    let file = crate::support::file(&directory, "a.session", session);
    let url = format!("echo://{address}");
    lockproof(&["replay", file.to_str().unwrap(), &url, "--timeout", "300ms"])
        .assert()
        .code(3)
        .stdout_eq("");
}

#[test]
fn one_bad_server_among_good_ones_is_named() {
    let served = Served::start(&["--only", "echo"]);
    let address = hostile::nobody();
    lockproof(&["check", &served.url("echo"), &format!("locker://{address}")])
        .with_assert(naming(&[("[PORT]", address.port().to_string())]))
        .assert()
        .code(3)
        .stderr_eq(str![[r#"
error: no connection to locker://127.0.0.1:[PORT]: Connection refused (os error 111)
  is the server running, and is the port right?

"#]]);
}
