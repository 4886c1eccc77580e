//! Who gets into `lockproof serve`: TLS, Unix sockets, users, and a warning about strangers.

use std::fs::{Permissions, metadata, set_permissions, write};
use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use snapbox::cmd::cargo_bin;

use crate::support::certificates::Authority;
use crate::support::served::Served;
use crate::support::{connect, eventually, file, is_closed, lockproof};

/// One case of each protocol: whoever passes them is in.
const CASES: [(&str, &str); 4] = [
    ("memcached", "memcached/get/miss-is-not-found"),
    ("netmem", "netmem/lock/free-page-at-once"),
    ("locker", "locker/batch/get-all-free"),
    ("echo", "echo/strings/one"),
];

/// Judges one case over such a URL: the exit code, and what was said on stderr.
fn check(url: &str, case: &str) -> (Option<i32>, String) {
    let done = lockproof(&["check", url, "--case", case, "--timeout", "10s"]).assert();
    let output = done.get_output();
    (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
}

/// The target's URL, over TLS.
fn tls(served: &Served, protocol: &str, options: &str) -> String {
    format!("{protocol}+tls://{}?{options}", served.address(protocol))
}

fn miss(url: &str) -> (Option<i32>, String) {
    check(url, CASES[0].1)
}

#[test]
fn every_protocol_speaks_tls() {
    let authority = Authority::new();
    let identity = authority.sign("server", "127.0.0.1", false);
    let served = Served::start(&identity.arguments());
    for (protocol, case) in CASES {
        let url = tls(&served, protocol, &format!("cafile={}", authority.root()));
        assert_eq!(check(&url, case), (Some(0), String::new()), "{protocol}");
    }
}

/// The suite in all deliveries, byte by byte as well.
#[test]
fn whole_groups_conform_over_tls() {
    let authority = Authority::new();
    let served = Served::start(&authority.sign("server", "127.0.0.1", false).arguments());
    for (protocol, group) in
        [("memcached", "memcached/robustness/*"), ("locker", "locker/session/*")]
    {
        let url = tls(&served, protocol, &format!("cafile={}", authority.root()));
        lockproof(&["check", &url, "--case", group]).assert().code(0);
    }
}

#[test]
fn nobody_is_trusted_by_mistake() {
    let authority = Authority::new();
    let root = format!("cafile={}", authority.root());
    let good = Served::start(&authority.sign("server", "127.0.0.1", false).arguments());
    let expired = Served::start(&authority.sign("expired", "127.0.0.1", true).arguments());
    let elsewhere = Served::start(&authority.sign("elsewhere", "example.org", false).arguments());
    let another = Authority::new();
    let stranger = format!("cafile={}", another.root());
    for (served, options, problem) in [
        (&good, stranger.as_str(), "invalid peer certificate: "),
        (&expired, root.as_str(), "certificate expired"),
        (&elsewhere, root.as_str(), "certificate not valid for name \"127.0.0.1\""),
    ] {
        let (code, said) = miss(&tls(served, "memcached", options));
        assert_eq!(code, Some(3), "{said}");
        assert!(said.contains(problem), "{said}");
    }
    // The same one by its right name.
    let named = miss(&tls(&elsewhere, "memcached", &format!("{root}&name=example.org")));
    assert_eq!(named, (Some(0), String::new()));
}

#[test]
fn clients_show_a_certificate_where_that_is_wanted() {
    let (authority, clients) = (Authority::new(), Authority::new());
    let identity = authority.sign("server", "127.0.0.1", false);
    let roots = clients.root();
    let served = Served::start(&[&identity.arguments()[..], &["--tls-client-ca", &roots]].concat());
    let with = |client: &crate::support::certificates::Identity| {
        let (certificate, key) = (&client.certificate, &client.key);
        tls(
            &served,
            "memcached",
            &format!("cafile={}&cert={certificate}&key={key}", authority.root()),
        )
    };
    assert_eq!(miss(&with(&clients.sign("client", "me", false))), (Some(0), String::new()));
    let without = tls(&served, "memcached", &format!("cafile={}", authority.root()));
    let expired = with(&clients.sign("old", "me", true));
    let another = Authority::new();
    let of_another = with(&another.sign("other", "me", false));
    for url in [without, expired, of_another] {
        let (code, said) = miss(&url);
        assert_eq!(code, Some(3), "{url}: {said}");
    }
}

/// A peer that says nothing, and one that says something else, are their own problem.
#[test]
fn a_stalled_handshake_keeps_nobody_waiting() {
    let authority = Authority::new();
    let served = Served::start(&authority.sign("server", "127.0.0.1", false).arguments());
    let silent: Vec<_> = (0..50).map(|_| connect(served.address("memcached"))).collect();
    let mut plain = connect(served.address("memcached"));
    plain.write_all(b"\x80\x0a\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0").unwrap();
    assert!(is_closed(&mut plain), "plain requests are no handshake");
    let url = tls(&served, "memcached", &format!("cafile={}", authority.root()));
    assert_eq!(miss(&url), (Some(0), String::new()));
    let mut one = &silent[0];
    assert_eq!(
        one.read(&mut [0]).unwrap_or_default(),
        0,
        "a handshake that never comes is given up"
    );
}

/// Clients that nobody here wrote: python-binary-memcached over OpenSSL, with and without a certificate of its own.
#[test]
fn python_binary_memcached_comes_in_by_tls() {
    let (authority, clients) = (Authority::new(), Authority::new());
    let identity = authority.sign("server", "localhost", false);
    let client = clients.sign("client", "me", false);
    let (root, client_root) = (authority.root(), clients.root());
    let asks = [&identity.arguments()[..], &["--tls-client-ca", &client_root]].concat();
    for (arguments, shown) in [
        (&identity.arguments()[..], &[][..]),
        (&asks[..], &[client.certificate.as_str(), client.key.as_str()][..]),
    ] {
        let served = Served::start(arguments);
        let here = Path::new(env!("CARGO_MANIFEST_DIR"));
        let done = Command::new(here.join("../ci/venv/bin/python"))
            .arg(here.join("tests/clients/tls.py"))
            .args([&served.address("memcached").port().to_string(), &root])
            .args(shown)
            .output()
            .expect("ci/venv; run ci/setup");
        let said = String::from_utf8_lossy(&done.stdout);
        let complaint = String::from_utf8_lossy(&done.stderr);
        assert!(done.status.success(), "{said}{complaint}");
        assert!(said.ends_with("a stranger's certificate is refused\n"), "{said}");
    }
}

#[test]
fn certificates_are_read_again_at_sighup() {
    let (old, new) = (Authority::new(), Authority::new());
    let identity = old.sign("server", "127.0.0.1", false);
    let served = Served::start(&identity.arguments());
    let url =
        |authority: &Authority| tls(&served, "memcached", &format!("cafile={}", authority.root()));
    assert_eq!(miss(&url(&old)).0, Some(0));
    // Half a change is none: certificate and key do not fit.
    let next = new.sign("server", "127.0.0.1", false);
    std::fs::copy(&next.certificate, &identity.certificate).unwrap();
    served.signal("HUP");
    std::thread::sleep(Duration::from_millis(300));
    assert_eq!(miss(&url(&old)).0, Some(0));
    std::fs::copy(&next.key, &identity.key).unwrap();
    served.signal("HUP");
    assert!(eventually(|| miss(&url(&new)).0 == Some(0)), "the new certificate is not shown");
    assert_eq!(miss(&url(&old)).0, Some(3));
}

#[test]
fn files_that_are_wrong_are_named() {
    let authority = Authority::new();
    let (one, other) = (authority.sign("one", "a", false), authority.sign("other", "b", false));
    let directory = tempfile::tempdir().unwrap();
    let empty = file(&directory, "empty.pem", "");
    let empty = empty.to_str().unwrap();
    for (certificate, key, problem) in [
        ("/nowhere.pem", one.key.as_str(), "/nowhere.pem: no certificate: "),
        (empty, one.key.as_str(), "empty.pem: no certificate"),
        (one.certificate.as_str(), empty, "empty.pem: no private key: "),
        (one.certificate.as_str(), other.key.as_str(), "one.pem: "),
    ] {
        let arguments = ["serve", "--tls-cert", certificate, "--tls-key", key];
        let done = lockproof(&arguments).assert().code(2).stdout_eq("");
        let said = String::from_utf8_lossy(&done.get_output().stderr).into_owned();
        assert!(said.contains(problem), "{said}");
    }
    lockproof(&["serve", "--tls-cert", &one.certificate]).assert().code(2);
}

#[test]
fn a_unix_socket_has_a_mode_and_goes_with_the_server() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("lock.sock");
    let listen = format!("unix://{}", path.display());
    let mut served =
        Served::spawn(&["serve", "--only", "locker", "--locker", &listen, "--unix-mode", "640"]);
    assert!(served.ready.contains(&listen), "{}", served.ready);
    assert_eq!(metadata(&path).unwrap().permissions().mode() & 0o777, 0o640);
    for url in [format!("locker+unix://{}", path.display()), format!("{listen}?protocol=locker")] {
        assert_eq!(check(&url, "locker/batch/get-all-free"), (Some(0), String::new()));
    }
    served.signal("TERM");
    assert_eq!(served.exit_status().code(), Some(0));
    assert!(!path.exists(), "the file stayed");
}

#[test]
fn a_socket_that_is_in_use_is_not_taken_and_a_dead_one_is() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("a.sock");
    let listen = format!("unix://{}", path.display());
    let arguments = ["serve", "--only", "echo", "--echo", &listen];
    let mut served = Served::spawn(&arguments);
    lockproof(&arguments).assert().code(2);
    UnixStream::connect(&path).expect("the first server still has it");
    // What is killed leaves its file.
    served.signal("KILL");
    served.exit_status();
    assert!(path.exists());
    let next = Served::spawn(&arguments);
    assert!(next.ready.contains("\"ready\":true"), "{}", next.ready);
    let file = file(&directory, "file", "precious");
    let listen = format!("unix://{}", file.display());
    lockproof(&["serve", "--only", "echo", "--echo", &listen]).assert().code(2);
    assert_eq!(std::fs::read_to_string(file).unwrap(), "precious");
}

/// A file of users that only its owner can read, unless another mode is wanted.
fn users(directory: &tempfile::TempDir, text: &str, mode: u32) -> String {
    let path = file(directory, "users.txt", text);
    set_permissions(&path, Permissions::from_mode(mode)).unwrap();
    path.to_str().unwrap().to_owned()
}

fn memcached(served: &Served, sasl: &str) -> String {
    format!("memcached://{}?sasl={sasl}", served.address("memcached"))
}

#[test]
fn only_users_get_into_memcached() {
    let directory = tempfile::tempdir().unwrap();
    let path = users(&directory, "# who may\nanna:with:colons\n\nbo:\nuser:password\n", 0o600);
    let served = Served::start(&["--sasl-file", &path, "--auth-delay", "50ms"]);
    for (sasl, code) in [("anna:with:colons", 0), ("bo:", 0), ("anna:other", 3), ("carl:", 3)] {
        assert_eq!(miss(&memcached(&served, sasl)).0, Some(code), "{sasl}");
    }
    // The cases about SASL know one user.
    let url = memcached(&served, "user:password");
    let cases = ["memcached/sas/plain-authenticates", "memcached/sas/near-misses"];
    for case in cases {
        lockproof(&["check", &url, "--case", case]).assert().code(0);
    }
    write(&path, "carl:new\n").unwrap();
    served.signal("HUP");
    let is_in = || miss(&memcached(&served, "carl:new")).0 == Some(0);
    assert!(eventually(is_in), "the new user does not get in");
    assert_eq!(miss(&url).0, Some(3), "the old one still does");
}

/// A wrong password costs its own connection time, and nobody else.
#[test]
fn the_answer_to_a_wrong_password_waits() {
    let directory = tempfile::tempdir().unwrap();
    let path = users(&directory, "anna:right\n", 0o600);
    let served = Served::start(&["--sasl-file", &path, "--auth-delay", "3s"]);
    let mut guesser = connect(served.address("memcached"));
    let begun = Instant::now();
    guesser
        .write_all(b"\x80\x21\0\x05\0\0\0\0\0\0\0\x10\0\0\0\0\0\0\0\0\0\0\0\0PLAIN\0anna\0wrong")
        .unwrap();
    // Meanwhile others come in.
    assert_eq!(miss(&memcached(&served, "anna:right")).0, Some(0));
    let mut reply = [0; 24];
    guesser.read_exact(&mut reply).unwrap();
    assert_eq!(reply[6..8], [0, 0x20]);
    assert!(begun.elapsed() >= Duration::from_secs(3), "it did not wait");
}

#[test]
fn a_file_of_users_that_is_wrong_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    for (text, mode, problem) in [
        ("a:b\n", 0o644, "users.txt: others can read or change it (mode 644); chmod 600"),
        ("a:b\nsecret\n", 0o600, "users.txt: line 2: USER:PASSWORD expected"),
        ("# nobody\n", 0o600, "users.txt: no user in it"),
    ] {
        let path = users(&directory, text, mode);
        let done = lockproof(&["serve", "--sasl-file", &path]).assert().code(2).stdout_eq("");
        let said = String::from_utf8_lossy(&done.get_output().stderr).into_owned();
        assert!(said.contains(problem) && !said.contains("secret"), "{said}");
    }
}

#[test]
fn strangers_are_warned_of_unless_they_are_meant() {
    let echo = "is open to other machines, and nobody is asked who they are";
    let http = "tells other machines who is connected and what is locked";
    let all = ["--echo", "0.0.0.0:0", "--http", "0.0.0.0:0", "--listen-public"];
    for (arguments, warnings) in [
        (&all[..2], &[echo][..]),
        (&all[..4], &[echo, http]),
        (&all[..], &[]),
        (&["--echo", "127.0.0.1:0", "--http", "127.0.0.1:0"], &[]),
    ] {
        let mut child = Command::new(cargo_bin!("lockproof"))
            .args([&["serve", "--only", "echo"], arguments].concat())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut ready = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut ready).unwrap();
        child.kill().unwrap();
        let said = child.wait_with_output().unwrap().stderr;
        let said = String::from_utf8_lossy(&said);
        for warning in [echo, http] {
            let warned = warnings.contains(&warning);
            assert_eq!(said.contains(warning), warned, "{arguments:?}: {said}");
        }
    }
}
