//! What signals ask of `lockproof serve`.

use std::path::PathBuf;

use lockproof_reference_server::{Tls, Token, Users, read_credentials, read_token};
use sd_notify::NotifyState;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

use super::systemd;

/// The first SIGTERM or SIGINT asks the server to finish; the second ends the process.
pub(super) fn stop(shutdown: CancellationToken) -> std::io::Result<impl Future<Output = ()>> {
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
            systemd::tell(&[NotifyState::Stopping]);
            shutdown.cancel();
        }
    })
}

/// What is read again at SIGHUP.
#[derive(Debug)]
pub(super) struct Reload {
    pub(super) tls: Option<Tls>,
    pub(super) users: Option<(Users, PathBuf)>,
    pub(super) token: Option<(Token, PathBuf)>,
}

/// Reads it at every SIGHUP. What is wrong is said, and changes nothing.
pub(super) fn reload(reload: Reload) -> std::io::Result<impl Future<Output = ()>> {
    let mut hangup = signal(SignalKind::hangup())?;
    Ok(async move {
        while hangup.recv().await.is_some() {
            if let Ok(now) = NotifyState::monotonic_usec_now() {
                systemd::tell(&[NotifyState::Reloading, now]);
            }
            if let Some(tls) = &reload.tls {
                say("certificates", tls.reload());
            }
            if let Some((users, path)) = &reload.users {
                let read = read_credentials(path);
                say("users", read.map(|credentials| users.replace(credentials)));
            }
            if let Some((token, path)) = &reload.token {
                say("the token", read_token(path).map(|text| token.replace(text)));
            }
            systemd::tell(&[NotifyState::Ready]);
        }
    })
}

fn say(what: &str, read: std::io::Result<()>) {
    match read {
        Ok(()) => tracing::info!("SIGHUP: {what} read again"),
        Err(error) => tracing::error!(%error, "SIGHUP: {what}: all stays as it was"),
    }
}
