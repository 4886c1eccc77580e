//! What `lockproof serve` says to systemd, and the sockets that it may get from there. Without systemd all of it does nothing.

use listenfd::ListenFd;
use lockproof_reference_server::{Inherited, InheritedSockets};
use sd_notify::NotifyState;

use crate::arguments::Protocol;
use crate::exit::Problem;

/// Tells how it stands; nobody may be listening, and that is fine.
pub(super) fn tell(states: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(states) {
        tracing::debug!(%error, "nobody to notify");
    }
}

/// Tells systemd's watchdog, if it asks for that, at half of the time that it allows. It is a task like those of connections:
/// a runtime that runs no more tasks says nothing, and the service is started anew.
pub(super) async fn watchdog() {
    let allowed = sd_notify::watchdog_enabled().filter(|allowed| !allowed.is_zero());
    let Some(allowed) = allowed else { return };
    loop {
        tell(&[NotifyState::Watchdog]);
        tokio::time::sleep(allowed / 2).await;
    }
}

/// Sockets that were opened for us (socket activation): by the names that their units give them (`FileDescriptorName=memcached`),
/// or in the order of `protocols`.
pub(super) fn sockets(protocols: &[Protocol]) -> Result<InheritedSockets, Problem> {
    let names = std::env::var("LISTEN_FDNAMES").unwrap_or_default();
    let mut names = names.split(':');
    let mut given = ListenFd::from_env();
    let mut all = InheritedSockets::default();
    for index in 0..given.len() {
        let own = names.next().and_then(protocol_named);
        let protocol = own.or_else(|| protocols.get(index).copied()).ok_or_else(|| {
            let many = given.len();
            Problem::usage(format!("{many} sockets were given, and there is no protocol for the last; name them memcached, netmem, locker, echo (FileDescriptorName=)"))
        })?;
        let socket = match given.take_tcp_listener(index) {
            Ok(Some(socket)) => Inherited::Tcp(socket),
            _ => match given.take_unix_listener(index) {
                Ok(Some(socket)) => Inherited::Unix(socket),
                _ => {
                    return Err(Problem::usage(format!(
                        "socket {index} that was given is no listening stream"
                    )));
                }
            },
        };
        let place = match protocol {
            Protocol::Memcached => &mut all.memcached,
            Protocol::Netmem => &mut all.netmem,
            Protocol::Locker => &mut all.locker,
            Protocol::Echo => &mut all.echo,
        };
        if place.replace(socket).is_some() {
            return Err(Problem::usage(format!("two sockets were given for {protocol:?}")));
        }
    }
    Ok(all)
}

fn protocol_named(name: &str) -> Option<Protocol> {
    Some(match name.trim_end_matches(".socket") {
        "memcached" => Protocol::Memcached,
        "netmem" => Protocol::Netmem,
        "locker" => Protocol::Locker,
        "echo" => Protocol::Echo,
        _ => return None,
    })
}
