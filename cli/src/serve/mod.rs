//! `lockproof serve`

mod arguments;
mod log;
mod signals;
mod systemd;

pub(crate) use arguments::Serve;

use std::io::{ErrorKind, Read, Write};
use std::net::SocketAddr;
use std::process::ExitCode;

use lockproof_reference_server::{
    Addresses, BUFFER_BYTES_MAX, Budget, ConnectionConfig, Dialect, EchoMode, Listen, LockerLimits,
    LocksConfig, SPIN, Server, ServerConfig, Speaks, Tls, TlsFiles, Token, Users, read_credentials,
    read_token,
};
use sd_notify::NotifyState;
use tokio_util::sync::CancellationToken;

use crate::arguments::{self as words, Protocol};
use crate::exit::{Done, Problem};
use signals::Reload;

pub(crate) fn run(serve: &Serve) -> Done {
    log::start(serve);
    let config = config(serve)?;
    let reload = Reload {
        tls: config.tls.clone(),
        users: config.users.clone().zip(serve.sasl_file.clone()),
        token: config.watch_token.clone().zip(serve.http_token_file.clone()),
    };
    let runtime = config.runtime().map_err(Problem::harness)?;
    runtime.block_on(async {
        let sockets = systemd::sockets(&protocols(serve))?;
        let server = Server::bind_on(config, sockets).map_err(|error| unbound(&error))?;
        let shutdown = CancellationToken::new();
        let (running, http) = (server.addresses(), server.watch_address());
        tokio::spawn(signals::stop(shutdown.clone()).map_err(Problem::harness)?);
        tokio::spawn(signals::reload(reload).map_err(Problem::harness)?);
        if !serve.listen_public {
            warn_of_strangers(serve, &running, http);
        }
        announce(&running, http);
        systemd::tell(&[NotifyState::Ready]);
        tokio::spawn(systemd::watchdog());
        server.run(shutdown).await.map_err(Problem::harness)?;
        Ok(ExitCode::SUCCESS)
    })
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

/// What is served, in an order of its own.
fn protocols(serve: &Serve) -> Vec<Protocol> {
    use Protocol::{Echo, Locker, Memcached, Netmem};
    let mut all = vec![Memcached, Netmem, Locker, Echo];
    all.retain(|protocol| serve.only.is_empty() || serve.only.contains(protocol));
    all
}

fn config(serve: &Serve) -> Result<ServerConfig, Problem> {
    let all = protocols(serve);
    let serves = |protocol| all.contains(&protocol);
    let default = ServerConfig::default();
    let connection = ConnectionConfig {
        connections_max: serve.conn_limit as usize,
        frame_deadline: serve.frame_deadline.or(default.connection.frame_deadline),
        idle_timeout: serve.idle_timeout,
        write_deadline: serve.write_deadline,
        output_max: serve.output_limit,
        read_ahead_max: serve.read_ahead,
        memory: Budget::new(serve.buffer_memory.unwrap_or_else(|| buffer_memory(serve))),
        ..default.connection
    };
    Ok(ServerConfig {
        memcached: serves(Protocol::Memcached).then(|| serve.memcached.clone()),
        netmem: serves(Protocol::Netmem).then(|| serve.netmem.clone()),
        locker: serves(Protocol::Locker).then(|| serve.locker.clone()),
        echo: serves(Protocol::Echo).then(|| serve.echo.clone()),
        watch: serve.http,
        watch_token: token(serve)?,
        unix_mode: serve.unix_mode,
        tls: tls(serve)?,
        speaks: speaks(serve.speaks),
        users: users(serve)?,
        auth_delay: serve.auth_delay,
        workers: serve.threads.map_or(default.workers, usize::from),
        spin: serve.spin.then_some(SPIN),
        pages: serve.pages,
        page_len: serve.page_length,
        waiters_max: serve.max_waiters,
        memory_max: serve.memory_limit as usize * (1 << 20),
        item_max: serve.max_item_size,
        locks: LocksConfig {
            locks_max: serve.max_locks,
            locks_per_session_max: serve.max_locks_per_session,
        },
        locker_limits: LockerLimits {
            body_max: serve.max_request_size as u64,
            keys_max: serve.max_keys_per_request,
            key_max: serve.max_key_length,
        },
        locker_dialect: dialect(serve.locker_layout, serve.locker_results),
        locker_frame_deadline: serve.frame_deadline.or(default.locker_frame_deadline),
        echo_mode: echo_mode(serve.echo_mode)?,
        connection,
        ..default
    })
}

fn speaks(asked: arguments::Speaks) -> Speaks {
    match asked {
        arguments::Speaks::Auto => Speaks::Auto,
        arguments::Speaks::Binary => Speaks::Binary,
        arguments::Speaks::Ascii => Speaks::Text,
    }
}

/// An item of the longest kind must come in while it grows, and others beside it.
fn buffer_memory(serve: &Serve) -> usize {
    serve.max_item_size.saturating_mul(4).max(BUFFER_BYTES_MAX)
}

fn tls(serve: &Serve) -> Result<Option<Tls>, Problem> {
    let files = serve.tls_cert.clone().zip(serve.tls_key.clone());
    let files = files.map(|(certificate, key)| TlsFiles {
        certificate,
        key,
        client_roots: serve.tls_client_ca.clone(),
    });
    files.map(|files| Tls::load(files).map_err(Problem::usage)).transpose()
}

fn users(serve: &Serve) -> Result<Option<Users>, Problem> {
    let path = serve.sasl_file.as_deref();
    path.map(|path| Ok(read_credentials(path).map_err(Problem::usage)?.into())).transpose()
}

fn token(serve: &Serve) -> Result<Option<Token>, Problem> {
    let path = serve.http_token_file.as_deref();
    path.map(|path| Ok(read_token(path).map_err(Problem::usage)?.into())).transpose()
}

/// What other machines can reach is said aloud, unless it is meant.
fn warn_of_strangers(serve: &Serve, addresses: &Addresses, http: Option<SocketAddr>) {
    if let Some(http) = http.filter(|http| !http.ip().is_loopback()) {
        tracing::warn!(
            "http at {http} tells other machines who is connected and what is locked; --listen-public says that this is meant"
        );
    }
    let knows_them = serve.tls_client_ca.is_some();
    for (protocol, listen) in named(addresses) {
        let asks = knows_them || protocol == "memcached" && serve.sasl_file.is_some();
        if listen.is_public() {
            let who = if asks { "" } else { ", and nobody is asked who they are" };
            tracing::warn!(
                "{protocol} at {listen} is open to other machines{who}; --listen-public says that this is meant"
            );
        }
    }
}

const fn dialect(layout: words::Layout, results: words::Results) -> Dialect {
    use lockproof_reference_server::{Layout, Results};
    Dialect {
        layout: match layout {
            words::Layout::Natural => Layout::Natural,
            words::Layout::Packed => Layout::Packed,
        },
        results: match results {
            words::Results::Small => Results::Small,
            words::Results::Errno => Results::Errno,
        },
    }
}

/// In process mode this very program is what serves a client.
fn echo_mode(mode: words::EchoMode) -> Result<EchoMode, Problem> {
    match mode {
        words::EchoMode::Task => Ok(EchoMode::Task),
        words::EchoMode::Process => {
            let program = std::env::current_exe().map_err(Problem::harness)?;
            let argv = vec![program.to_string_lossy().into_owned(), "echo-child".to_owned()];
            Ok(EchoMode::Process { argv })
        }
    }
}

/// The ready line, for programs that wait for it.
fn announce(addresses: &Addresses, http: Option<SocketAddr>) {
    let listen: serde_json::Map<String, serde_json::Value> = named(addresses)
        .map(|(name, address)| (name.to_owned(), address.to_string().into()))
        .collect();
    let mut ready = serde_json::json!({ "ready": true, "listen": listen });
    if let Some(http) = http {
        ready["http"] = http.to_string().into();
    }
    let mut stdout = std::io::stdout().lock();
    let _ = writeln!(stdout, "{ready}");
    let _ = stdout.flush();
}

fn named(addresses: &Addresses) -> impl Iterator<Item = (&'static str, &Listen)> {
    let Addresses { memcached, netmem, locker, echo } = addresses;
    let all = [("memcached", memcached), ("netmem", netmem), ("locker", locker), ("echo", echo)];
    all.into_iter().filter_map(|(name, address)| Some((name, address.as_ref()?)))
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
