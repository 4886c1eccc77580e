//! `/sessions` of `lockproof serve`: who is told to be there, and how an operator ends one.

use std::io::BufRead;
use std::process::{Command, Stdio};

use snapbox::cmd::cargo_bin;

use crate::support::http::{ask, ask_with, http, session_of, sessions};
use crate::support::served::Served;
use crate::support::trouble::{PAGE, TOKEN, Trouble, granted, token_file};
use crate::support::{connect, echoes, eventually, is_closed, lockproof};

fn bearer(token: &str) -> String {
    format!("authorization: Bearer {token}\r\n")
}

#[test]
fn who_holds_and_who_waits_is_told() {
    let trouble = Trouble::start(false);
    let page = sessions(trouble.http);
    assert_eq!(page["schema"], "lockproof.sessions/1");
    assert_eq!((&page["can_end"], &page["sessions_left_out"]), (&false.into(), &0.into()));
    let totals = &page["totals"];
    let connections = serde_json::json!({ "memcached": 1, "netmem": 2, "locker": 1, "echo": 0 });
    assert_eq!(totals["connections"], connections);
    assert_eq!(totals["locker"], serde_json::json!({ "keys_held": 2, "holders": 1 }));
    let pages =
        serde_json::json!({ "pages_held": 1, "pages_waited_for": 1, "holders": 1, "waiters": 1 });
    assert_eq!(totals["netmem"], pages);
    assert_eq!(
        (&totals["memcached"]["items"], &totals["memcached"]["get_misses"]),
        (&1.into(), &1.into())
    );

    let [holder, waiter, locker, sloth] =
        [&trouble.holder, &trouble.waiter, &trouble.locker, &trouble.sloth]
            .map(|stream| session_of(&page, stream));
    assert_eq!((&holder["holds"]["count"], &holder["holds"]["waiters"]), (&1.into(), &1.into()));
    assert_eq!(holder["holds"]["some"][0]["page"], PAGE);
    assert_eq!(waiter["waits"]["page"], PAGE);
    assert_eq!(waiter["waits"]["held_by"], holder["id"]);
    assert!(holder["holds"]["seconds"].as_f64() >= waiter["waits"]["seconds"].as_f64());
    let keys: Vec<_> =
        locker["holds"]["some"].as_array().unwrap().iter().map(|it| &it["key"]).collect();
    assert_eq!(keys, ["disk-7", "disk-8"]);
    assert!(sloth["unsent"]["bytes"].as_u64() > Some(0));
    assert!(sloth["unsent"]["seconds"].is_f64());
    assert!(holder["bytes_in"].as_u64() == Some(13) && holder["bytes_out"].as_u64() == Some(4109));
    // Who keeps others waiting comes first, then who does not read.
    let order: Vec<_> = page["sessions"].as_array().unwrap().iter().map(|it| &it["id"]).collect();
    assert_eq!(order, [&holder, &sloth, &waiter, &locker].map(|it| &it["id"]));
}

/// A session is there as long as its connection, and its id does not come back.
#[test]
fn who_has_gone_is_not_told_of() {
    let served = Served::start(&["--only", "echo", "--http", "127.0.0.1:0"]);
    let address = http(&served);
    let mut first = connect(served.address("echo"));
    assert!(echoes(&mut first, b"x"));
    assert_eq!(session_of(&sessions(address), &first)["id"], 1);
    drop(first);
    assert!(eventually(|| sessions(address)["sessions"] == serde_json::json!([])));
    let mut second = connect(served.address("echo"));
    assert!(echoes(&mut second, b"x"));
    assert_eq!(session_of(&sessions(address), &second)["id"], 2);
}

#[test]
fn an_operator_ends_a_session_and_the_waiter_gets_its_turn() {
    let mut trouble = Trouble::start(true);
    assert_eq!(sessions(trouble.http)["can_end"], true);
    let id = trouble.id(&trouble.holder);
    let end = format!("POST /sessions/{id}/end");
    let (status, _, text) = ask_with(trouble.http, &end, &bearer(TOKEN)).unwrap();
    assert_eq!((status, text), (202, format!("session {id} ends\n")));
    granted(&mut trouble.waiter);
    assert!(is_closed(&mut trouble.holder));
    let (status, _, text) = ask_with(trouble.http, &end, &bearer(TOKEN)).unwrap();
    assert_eq!((status, text), (410, format!("session {id} has ended\n")));
    let page = sessions(trouble.http);
    let waiter = session_of(&page, &trouble.waiter);
    assert_eq!((&waiter["holds"]["count"], waiter["waits"].is_null()), (&1.into(), true));
    let ended = "lockproof_connections_ended_total{protocol=\"netmem\",reason=\"operator\"} 1\n";
    assert!(eventually(|| ask(trouble.http, "GET /metrics").unwrap().2.contains(ended)));
}

/// Whatever they do: wait for a lock, do not read, or nothing.
#[test]
fn every_kind_of_session_can_be_ended() {
    let mut trouble = Trouble::start(true);
    let ids = [&trouble.waiter, &trouble.sloth, &trouble.locker].map(|stream| trouble.id(stream));
    for id in ids {
        let end = format!("POST /sessions/{id}/end");
        assert_eq!(ask_with(trouble.http, &end, &bearer(TOKEN)).unwrap().0, 202);
    }
    // Before anybody reads: who does not read is ended, too.
    assert!(eventually(|| sessions(trouble.http)["sessions"].as_array().unwrap().len() == 1));
    for stream in [&mut trouble.waiter, &mut trouble.sloth, &mut trouble.locker] {
        assert!(is_closed(stream));
    }
    let totals = &sessions(trouble.http)["totals"];
    assert_eq!(totals["locker"]["keys_held"], 0);
    assert_eq!(
        (&totals["netmem"]["pages_held"], &totals["netmem"]["waiters"]),
        (&1.into(), &0.into())
    );
}

#[test]
fn a_process_of_echo_can_be_ended() {
    let directory = tempfile::tempdir().unwrap();
    let token = token_file(&directory, TOKEN, 0o600);
    let mode = ["--only", "echo", "--echo-mode", "process"];
    let served = Served::start(
        &[&mode[..], &["--http", "127.0.0.1:0", "--http-token-file", &token]].concat(),
    );
    let mut client = connect(served.address("echo"));
    assert!(echoes(&mut client, b"x"));
    let id = session_of(&sessions(http(&served)), &client)["id"].as_u64().unwrap();
    let end = format!("POST /sessions/{id}/end");
    assert_eq!(ask_with(http(&served), &end, &bearer(TOKEN)).unwrap().0, 202);
    assert!(is_closed(&mut client));
}

#[test]
fn nobody_else_ends_a_session() {
    let mut trouble = Trouble::start(true);
    let end = format!("POST /sessions/{}/end", trouble.id(&trouble.holder));
    let wrong = [
        String::new(),
        bearer("wrong"),
        bearer(&TOKEN[1..]),
        bearer(&format!("{TOKEN}0")),
        format!("authorization: Basic {TOKEN}\r\n"),
        format!("cookie: token={TOKEN}\r\n"),
    ];
    for headers in wrong {
        let (status, head, text) = ask_with(trouble.http, &end, &headers).unwrap();
        assert_eq!(status, 401, "{headers}");
        assert!(head.contains("www-authenticate: Bearer"), "{head}");
        assert!(text.contains("Authorization: Bearer TOKEN"), "{text}");
    }
    let path = end.strip_prefix("POST ").unwrap();
    for method in ["GET", "HEAD", "PUT", "DELETE", "OPTIONS"] {
        let (status, head, _) =
            ask_with(trouble.http, &format!("{method} {path}"), &bearer(TOKEN)).unwrap();
        assert_eq!(status, 405, "{method}");
        assert!(head.contains("allow: POST") && !head.contains("access-control"), "{head}");
    }
    for id in ["0", "12345", "-1", "first", "%31", "18446744073709551616"] {
        let end = format!("POST /sessions/{id}/end");
        assert_eq!(ask_with(trouble.http, &end, &bearer(TOKEN)).unwrap().0, 404, "{id}");
    }
    assert!(!is_granted(&mut trouble), "nothing was ended");
}

fn is_granted(trouble: &mut Trouble) -> bool {
    let page = sessions(trouble.http);
    session_of(&page, &trouble.waiter)["waits"].is_null()
}

#[test]
fn without_a_token_file_nobody_ends_a_session() {
    let mut trouble = Trouble::start(false);
    let end = format!("POST /sessions/{}/end", trouble.id(&trouble.holder));
    for headers in ["", &bearer(""), &bearer(TOKEN)] {
        let (status, _, text) = ask_with(trouble.http, &end, headers).unwrap();
        assert_eq!(status, 403, "{headers}");
        assert!(text.contains("--http-token-file FILE"), "{text}");
    }
    assert!(!is_granted(&mut trouble));
}

#[test]
fn a_token_file_that_is_wrong_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    for (token, mode, problem) in [
        (TOKEN, 0o640, "token: others can read or change it (mode 640); chmod 600"),
        ("hunter2", 0o600, "token: a token has at least 16 characters"),
        ("secret secret secret", 0o600, "token: a token is one word of printable ASCII"),
    ] {
        let path = token_file(&directory, token, mode);
        let serve = ["serve", "--http", "127.0.0.1:0", "--http-token-file", &path];
        for arguments in [&serve[..], &["top", "--once", "--token-file", &path]] {
            let done = lockproof(arguments).assert().code(2).stdout_eq("");
            let said = String::from_utf8_lossy(&done.get_output().stderr).into_owned();
            assert!(said.contains(problem) && !said.contains(token), "{said}");
        }
    }
    let done = lockproof(&["serve", "--http-token-file", "token"]).assert().code(2);
    let said = String::from_utf8_lossy(&done.get_output().stderr).into_owned();
    assert!(said.contains("--http <ADDR>"), "{said}");
}

/// SIGHUP reads the token again; a file that is wrong changes nothing.
#[test]
fn the_token_can_be_changed() {
    let directory = tempfile::tempdir().unwrap();
    let path = token_file(&directory, TOKEN, 0o600);
    let mut child = Command::new(cargo_bin!("lockproof"))
        .args(["serve", "--only", "echo", "--echo", "127.0.0.1:0", "--http", "127.0.0.1:0"])
        .args(["--http-token-file", &path])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut ready = String::new();
    std::io::BufReader::new(child.stdout.take().unwrap()).read_line(&mut ready).unwrap();
    let ready: serde_json::Value = serde_json::from_str(&ready).unwrap();
    let address = ready["http"].as_str().unwrap().parse().unwrap();
    let mut log = std::io::BufReader::new(child.stderr.take().unwrap()).lines();
    let status = |token: &str| ask_with(address, "POST /sessions/9/end", &bearer(token)).unwrap().0;
    let id = child.id();
    let mut hang_up = |said: &str| {
        crate::support::served::signal(id, "HUP");
        assert!(log.any(|line| line.unwrap().contains(said)), "{said}");
    };
    let another = "fedcba9876543210fedcba9876543210";
    assert_eq!((status(TOKEN), status(another)), (404, 401));
    token_file(&directory, "short", 0o600);
    hang_up("all stays as it was");
    assert_eq!((status(TOKEN), status(another)), (404, 401));
    token_file(&directory, another, 0o600);
    hang_up("the token read again");
    assert_eq!((status(TOKEN), status(another)), (401, 404));
    child.kill().unwrap();
    child.wait().unwrap();
}
