//! `lockproof top` at a real server: on paper, as JSON, and in a terminal.

use std::net::TcpListener;
use std::process::Command;

use serde_json::Value;
use snapbox::cmd::cargo_bin;

use crate::support::http::{session_of, sessions};
use crate::support::served::Served;
use crate::support::trouble::{TOKEN, Trouble, granted, token_file};
use crate::support::{is_closed, lockproof};

fn printed(arguments: &[&str]) -> String {
    let done = lockproof(&[&["top"], arguments].concat()).assert().code(0).stderr_eq("");
    String::from_utf8(done.get_output().stdout.clone()).unwrap()
}

#[test]
fn one_table_tells_who_holds_and_who_waits() {
    let trouble = Trouble::start(false);
    let address = trouble.http.to_string();
    let [holder, waiter] = [&trouble.holder, &trouble.waiter].map(|stream| trouble.id(stream));
    for arguments in [&[address.as_str(), "--once"][..], &[&address]] {
        let text = printed(arguments);
        let line = |id: u64| {
            let is_its = |line: &&str| line.split(' ').next() == Some(id.to_string().as_str());
            text.lines().find(is_its).unwrap_or_else(|| panic!("{id}:\n{text}"))
        };
        assert!(line(holder).contains("page 3, "), "{text}");
        assert!(line(holder).contains("; 1 waits, "), "{text}");
        assert!(line(waiter).contains(&format!(", held by {holder} ")), "{text}");
        assert!(line(trouble.id(&trouble.locker)).contains("key disk-7 and 1 more, "), "{text}");
        assert!(line(trouble.id(&trouble.sloth)).contains("B, "), "{text}");
        assert!(
            text.contains("4 (echo 0, locker 1, memcached 1, netmem 2); 1 does not read"),
            "{text}"
        );
        assert!(text.contains("2 keys held by 1; 1 page held by 1, 1 waited for by 1"), "{text}");
    }
}

#[test]
fn json_is_what_the_server_says() {
    let trouble = Trouble::start(false);
    let said: Value =
        serde_json::from_str(&printed(&[&trouble.http.to_string(), "--format", "json"])).unwrap();
    let page = sessions(trouble.http);
    assert_eq!(said["schema"], page["schema"]);
    assert_eq!(said["totals"]["netmem"], page["totals"]["netmem"]);
    let id = |page: &Value| session_of(page, &trouble.waiter)["waits"]["held_by"].clone();
    assert_eq!(id(&said), id(&page));
}

#[test]
fn a_server_that_is_not_there_or_another_one() {
    let gone = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
    let served = Served::start(&["--only", "echo"]);
    let echo = served.address("echo").to_string();
    for (address, problem) in [(&gone, "Connection refused"), (&echo, "error")] {
        let done = lockproof(&["top", address, "--once"]).assert().code(3).stdout_eq("");
        let said = String::from_utf8_lossy(&done.get_output().stderr).into_owned();
        assert!(
            said.contains(problem) && said.contains("`lockproof serve --http ADDRESS`"),
            "{said}"
        );
    }
    for address in ["9150", ":9150", "127.0.0.1", "127.0.0.1:http"] {
        let done = lockproof(&["top", address, "--once"]).assert().code(2);
        let said = String::from_utf8_lossy(&done.get_output().stderr).into_owned();
        assert!(said.contains("an address is HOST:PORT"), "{said}");
    }
}

/// Runs the program in a terminal of its own, of 130 columns and 20 lines. Each argument behind the first is what is waited
/// for, what is typed then, in turns; `TERM` typed is the signal. What was shown is printed, then
/// the exit code and whether the terminal is as it was.
const TERMINAL: &str = "
import fcntl, os, pty, re, select, signal, struct, sys, termios, time
program, steps = sys.argv[1].split('\\n'), sys.argv[2:]
master, slave = pty.openpty()
fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack('HHHH', 20, 130, 0, 0))
before = termios.tcgetattr(slave)
child = os.fork()
if child == 0:
    os.setsid()
    fcntl.ioctl(slave, termios.TIOCSCTTY, 0)
    for fd in range(3):
        os.dup2(slave, fd)
    os.environ['TERM'] = 'xterm-256color'
    os.execv(program[0], program)
shown, limit = b'', time.monotonic() + 60
def hear():
    global shown
    if time.monotonic() > limit:
        os.kill(child, signal.SIGKILL)
        sys.exit(f'too long: {steps} {shown}')
    if select.select([master], [], [], 0.1)[0]:
        shown += os.read(master, 65536)
for wanted, typed in zip(steps[::2], steps[1::2]):
    begin = len(shown)
    while wanted.encode() not in re.sub(rb'\\x1b\\[[0-9;?]*[a-zA-Z]', b' ', shown[begin:]):
        hear()
    if typed == 'TERM':
        os.kill(child, signal.SIGTERM)
    else:
        os.write(master, typed.encode())
while True:
    ended, status = os.waitpid(child, os.WNOHANG)
    if ended:
        break
    hear()
while select.select([master], [], [], 0)[0]:
    shown += os.read(master, 65536)
sys.stdout.buffer.write(shown)
is_left = b'\\x1b[?1049l' in shown and b'\\x1b[?25h' in shown
print('\\nEND', os.waitstatus_to_exitcode(status), is_left, termios.tcgetattr(slave) == before)
";

/// What was shown there.
fn in_terminal(colors: bool, arguments: &[&str], steps: &[(&str, &str)]) -> String {
    let program = cargo_bin!("lockproof").to_str().unwrap();
    let words = [&[program, "top"], arguments].concat().join("\n");
    let done = Command::new("python3")
        .args(["-c", TERMINAL, &words])
        .args(steps.iter().flat_map(|(wanted, typed)| [*wanted, *typed]))
        .env("NO_COLOR", if colors { "" } else { "1" })
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&done.stdout).into_owned();
    assert!(done.status.success(), "{said}{}", String::from_utf8_lossy(&done.stderr));
    said
}

/// The color of those who block others, and of problems.
const RED: &str = "38;5;1";

const LEFT_IN_ORDER: &str = "\nEND 0 True True\n";

#[test]
fn in_a_terminal_the_holder_is_ended_and_the_waiter_gets_its_turn() {
    let mut trouble = Trouble::start(true);
    let (address, id) = (trouble.http.to_string(), trouble.id(&trouble.holder));
    let arguments = [address.as_str(), "--token-file", &trouble.token_file, "--interval", "100ms"];
    let question = format!("{id}? What it holds is freed");
    let ends = format!("session {id} ends");
    let said = in_terminal(true, &arguments, &[("waits", "e"), (&question, "y"), (&ends, "q")]);
    assert!(said.ends_with(LEFT_IN_ORDER), "{said}");
    assert!(said.contains(RED), "who blocks others is red: {said:?}");
    granted(&mut trouble.waiter);
    assert!(is_closed(&mut trouble.holder));
}

#[test]
fn a_wrong_token_is_told() {
    let trouble = Trouble::start(true);
    let directory = tempfile::tempdir().unwrap();
    let token = token_file(&directory, &TOKEN.replace('0', "1"), 0o600);
    let address = trouble.http.to_string();
    let steps = [("waits", "e"), ("y/n", "y"), ("--http-token-file is wanted", "q")];
    let said = in_terminal(true, &[&address, "--token-file", &token], &steps);
    assert!(said.ends_with(LEFT_IN_ORDER), "{said}");
    assert!(session_of(&sessions(trouble.http), &trouble.waiter)["waits"].is_object());
}

#[test]
fn a_signal_leaves_the_terminal_as_it_was() {
    let served = Served::start(&["--only", "echo", "--http", "127.0.0.1:0"]);
    let address = crate::support::http::http(&served).to_string();
    let said = in_terminal(true, &[&address], &[("connections", "TERM")]);
    assert!(said.ends_with(LEFT_IN_ORDER), "{said}");
}

/// It waits for a server that is not there yet.
#[test]
fn a_server_that_is_gone_is_tried_again() {
    let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
    for colors in [true, false] {
        let steps = [("trying again", "\x03")];
        let said = in_terminal(colors, &[&address, "--interval", "50ms"], &steps);
        assert!(said.ends_with(LEFT_IN_ORDER), "{said}");
        assert!(said.contains("refused") && said.contains(RED) == colors, "{said:?}");
    }
}
