//! `lockproof serve`

use std::io::{ErrorKind, IsTerminal, Read, Write};
use std::process::ExitCode;

use lockproof_reference_server::{
    Addresses, ConnectionConfig, Dialect, EchoMode, SPIN, Server, ServerConfig,
};
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

use crate::arguments::{self, Protocol, Serve};
use crate::exit::{Done, Problem};

pub(crate) fn run(serve: &Serve) -> Done {
    log(serve.verbose);
    let config = config(serve)?;
    let runtime = config.runtime().map_err(Problem::harness)?;
    runtime.block_on(async {
        let server = Server::bind(config).map_err(|error| unbound(&error))?;
        let shutdown = CancellationToken::new();
        let running = server.addresses();
        tokio::spawn(stop_on_signal(shutdown.clone()).map_err(Problem::harness)?);
        announce(running);
        server.run(shutdown).await.map_err(Problem::harness)?;
        Ok(ExitCode::SUCCESS)
    })
}

fn log(verbose: u8) {
    let level = match verbose {
        0 => "info",
        1 => "debug",
        _ => "trace",
    };
    let filter = tracing_subscriber::EnvFilter::try_from_default_env()
        .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new(level));
    let styled = std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none();
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(styled)
        .with_writer(std::io::stderr)
        // A disk that is full, or a pipe that nobody reads: to say so there as well would end the server.
        .log_internal_errors(false)
        .init();
}

/// What to do about an address that cannot be had.
fn unbound(error: &std::io::Error) -> Problem {
    let hint = match error.kind() {
        ErrorKind::AddrInUse => "another program listens there; give another address, or port 0",
        ErrorKind::AddrNotAvailable => "this machine has no such address",
        ErrorKind::PermissionDenied => "ports below 1024 need privileges; give a higher one",
        _ => return Problem::usage(error),
    };
    Problem::usage(format!("{error}\n  {hint}"))
}

fn config(serve: &Serve) -> Result<ServerConfig, Problem> {
    let serves = |protocol| serve.only.is_empty() || serve.only.contains(&protocol);
    let default = ServerConfig::default();
    let connection = ConnectionConfig {
        connections_max: serve.conn_limit as usize,
        frame_deadline: serve.frame_deadline.or(default.connection.frame_deadline),
        idle_timeout: serve.idle_timeout,
        write_deadline: serve.write_deadline,
        ..default.connection
    };
    Ok(ServerConfig {
        memcached: serves(Protocol::Memcached).then_some(serve.memcached),
        netmem: serves(Protocol::Netmem).then_some(serve.netmem),
        locker: serves(Protocol::Locker).then_some(serve.locker),
        echo: serves(Protocol::Echo).then_some(serve.echo),
        workers: serve.threads.map_or(default.workers, usize::from),
        spin: serve.spin.then_some(SPIN),
        pages: serve.pages,
        page_len: serve.page_length,
        memory_max: serve.memory_limit as usize * (1 << 20),
        item_max: serve.max_item_size,
        locker_dialect: dialect(serve.locker_layout, serve.locker_results),
        locker_frame_deadline: serve.frame_deadline.or(default.locker_frame_deadline),
        echo_mode: echo_mode(serve.echo_mode)?,
        connection,
        ..default
    })
}

const fn dialect(layout: arguments::Layout, results: arguments::Results) -> Dialect {
    use lockproof_reference_server::{Layout, Results};
    Dialect {
        layout: match layout {
            arguments::Layout::Natural => Layout::Natural,
            arguments::Layout::Packed => Layout::Packed,
        },
        results: match results {
            arguments::Results::Small => Results::Small,
            arguments::Results::Errno => Results::Errno,
        },
    }
}

/// In process mode this very program is what serves a client.
fn echo_mode(mode: arguments::EchoMode) -> Result<EchoMode, Problem> {
    match mode {
        arguments::EchoMode::Task => Ok(EchoMode::Task),
        arguments::EchoMode::Process => {
            let program = std::env::current_exe().map_err(Problem::harness)?;
            let argv = vec![program.to_string_lossy().into_owned(), "echo-child".to_owned()];
            Ok(EchoMode::Process { argv })
        }
    }
}

/// The ready line, for programs that wait for it.
fn announce(addresses: Addresses) {
    let all = [
        ("memcached", addresses.memcached),
        ("netmem", addresses.netmem),
        ("locker", addresses.locker),
        ("echo", addresses.echo),
    ];
    let listen: serde_json::Map<String, serde_json::Value> = all
        .into_iter()
        .filter_map(|(name, address)| Some((name.to_owned(), address?.to_string().into())))
        .collect();
    let mut stdout = std::io::stdout().lock();
    let _ = writeln!(stdout, "{}", serde_json::json!({ "ready": true, "listen": listen }));
    let _ = stdout.flush();
}

/// The first SIGTERM or SIGINT asks the server to finish; the second ends the process.
fn stop_on_signal(shutdown: CancellationToken) -> std::io::Result<impl Future<Output = ()>> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    Ok(async move {
        for second in [false, true] {
            tokio::select! {
                biased;
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
            }
            if second {
                std::process::exit(130);
            }
            shutdown.cancel();
        }
    })
}

/// One client of `--echo-mode process`: the socket is standard input and output.
pub(crate) fn echo_child() -> Done {
    let (mut input, mut output) = (std::io::stdin().lock(), std::io::stdout().lock());
    let mut buffer = vec![0; 1 << 16];
    loop {
        match input.read(&mut buffer) {
            Ok(0) | Err(_) => return Ok(ExitCode::SUCCESS),
            Ok(count) => {
                let sent = output.write_all(&buffer[..count]).and_then(|()| output.flush());
                if sent.is_err() {
                    return Ok(ExitCode::SUCCESS);
                }
            }
        }
    }
}
