//! Echo over real sockets, in both modes.

mod common;

use std::fs;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, OnceLock};

use common::{Client, Running, eventually};
use lockproof_reference_server::protocols::echo_process::serve_processes;
use lockproof_reference_server::{
    ConnectionConfig, Counters, Echo, Protocol, SocketOptions, TcpAcceptor, TokioSpawn, bind,
};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

/// A listener with a process for each client.
struct Processes {
    address: SocketAddr,
    counters: Arc<Counters>,
    shutdown: CancellationToken,
    serving: JoinHandle<()>,
}

fn processes(argv: &[&str]) -> Processes {
    let socket = bind("127.0.0.1:0".parse().unwrap(), 128).unwrap();
    let address = socket.local_addr().unwrap();
    let listener = TcpAcceptor::new(socket, SocketOptions::default()).unwrap();
    let (counters, shutdown) = (Arc::new(Counters::default()), CancellationToken::new());
    let serving = tokio::spawn(serve_processes(
        listener,
        argv.iter().map(ToString::to_string).collect(),
        Arc::clone(&counters),
        ConnectionConfig::default(),
        TokioSpawn,
        shutdown.clone(),
    ));
    Processes { address, counters, shutdown, serving }
}

/// The children of this process that run `marker`, or that nobody waited for.
fn children(marker: &str) -> Vec<(u32, bool)> {
    let own = std::process::id().to_string();
    let numbers = fs::read_dir("/proc")
        .unwrap()
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse::<u32>().ok());
    numbers
        .filter_map(|pid| {
            let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
            let mut fields = stat.rsplit_once(')')?.1.split_whitespace();
            let (state, parent) = (fields.next()?, fields.next()?);
            let is_zombie = state == "Z";
            let line = fs::read_to_string(format!("/proc/{pid}/cmdline")).ok()?;
            (parent == own && (is_zombie || line.contains(marker))).then_some((pid, is_zombie))
        })
        .collect()
}

async fn echoes(client: &mut Client, bytes: &[u8]) {
    client.ask(bytes, bytes).await;
}

#[tokio::test]
async fn task_echoes_bytes_as_they_arrive() {
    let server = Running::start(Echo::default(), ConnectionConfig::default());
    let (mut client, _silent) = (server.connect().await, server.connect().await);
    echoes(&mut client, b"hello\0").await;
    echoes(&mut client, b"two\0strings\0").await;
    echoes(&mut client, b"no NUL").await;
    echoes(&mut client, &(0..=255).cycle().take(100_000).collect::<Vec<u8>>()).await;
    client.send(b"rest").await;
    client.half_close().await;
    assert_eq!(client.read_to_end().await, b"rest");
}

#[tokio::test]
async fn client_that_never_reads_is_stopped_in_bounded_memory() {
    let write_deadline = std::time::Duration::from_millis(300);
    let config = ConnectionConfig { write_deadline, ..ConnectionConfig::default() };
    let server = Running::start(Echo::default(), config);
    let (mut greedy, mut other) = (server.connect().await, server.connect().await);
    let flood = tokio::spawn(async move {
        let chunk = vec![7; 64 * 1024];
        while tokio::io::AsyncWriteExt::write_all(&mut greedy.stream, &chunk).await.is_ok() {}
    });
    for _ in 0..20 {
        echoes(&mut other, b"not delayed\0").await;
    }
    tokio::time::timeout(common::LIMIT, flood).await.expect("never closed").unwrap();
    server.connections(1).await;
    let counters = server.protocol.counters();
    let held = counters.bytes_read() - counters.bytes_written();
    assert!(held <= 64 * 1024, "{held} bytes of a client that never reads");
}

#[tokio::test]
async fn process_echoes_and_ends_with_its_client() {
    let server = processes(&["cat", "-u"]);
    let mut client = Client::connect(server.address).await;
    echoes(&mut client, b"hello\0").await;
    echoes(&mut client, b"without newline").await;
    client.send(b"rest").await;
    client.half_close().await;
    assert_eq!(client.read_to_end().await, b"rest");
    eventually("the client is forgotten", || server.counters.current() == 0).await;
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn killed_process_ends_only_its_own_client() {
    // The argument makes these children recognisable; cat reads "-" as its standard input.
    let server = processes(&["env", "MARK=killed-process", "cat", "-", "--"]);
    let marker = "cat\0-\0--";
    let mut victim = Client::connect(server.address).await;
    echoes(&mut victim, b"a").await;
    // Other tests' processes may be waiting to be reaped just now.
    eventually("one process for one client", || children(marker).len() == 1).await;
    let is_running = |(pid, is_zombie): (u32, bool)| (!is_zombie).then_some(pid);
    let pid = children(marker).into_iter().find_map(is_running).expect("it runs");
    let mut survivor = Client::connect(server.address).await;
    echoes(&mut survivor, b"b").await;
    eventually("a process each", || children(marker).len() == 2).await;

    let killed = std::process::Command::new("kill").args(["-KILL", &pid.to_string()]).status();
    assert!(killed.unwrap().success());
    assert_eq!(victim.read_to_end().await, b"");
    echoes(&mut survivor, b"still here").await;
    eventually("the killed process is reaped", || children(marker).len() == 1).await;
    drop(survivor);
    eventually("no process and no zombie stays", || children(marker).is_empty()).await;
}

#[tokio::test]
async fn shutdown_lets_processes_finish() {
    let server = processes(&["cat"]);
    let mut client = Client::connect(server.address).await;
    echoes(&mut client, b"x").await;
    server.shutdown.cancel();
    assert_eq!(client.read_to_end().await, b"");
    tokio::time::timeout(common::LIMIT, server.serving).await.expect("it stops").unwrap();
    assert_eq!(server.counters.current(), 0);
}

#[tokio::test]
async fn program_that_does_not_exist_costs_only_its_client() {
    let server = processes(&["/nonexistent/program"]);
    for _ in 0..2 {
        assert_eq!(Client::connect(server.address).await.read_to_end().await, b"");
    }
    eventually("nothing is left", || server.counters.current() == 0).await;
}

/// What the tests of this file log.
fn log() -> Arc<Mutex<Vec<u8>>> {
    #[derive(Clone)]
    struct Writer(Arc<Mutex<Vec<u8>>>);
    impl io::Write for Writer {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    static LOG: OnceLock<Arc<Mutex<Vec<u8>>>> = OnceLock::new();
    Arc::clone(LOG.get_or_init(|| {
        let log = Arc::new(Mutex::new(Vec::new()));
        let writer = Writer(Arc::clone(&log));
        tracing_subscriber::fmt().with_ansi(false).with_writer(move || writer.clone()).init();
        log
    }))
}

#[tokio::test]
async fn address_and_port_of_each_client_are_logged() {
    let log = log();
    let (tasks, processes) =
        (Running::start(Echo::default(), ConnectionConfig::default()), processes(&["cat"]));
    for address in [tasks.address, processes.address] {
        let client = Client::connect(address).await;
        let line = format!("peer={}", client.stream.local_addr().unwrap());
        eventually("the client is logged", || {
            String::from_utf8_lossy(&log.lock().unwrap()).contains(&line)
        })
        .await;
    }
}
