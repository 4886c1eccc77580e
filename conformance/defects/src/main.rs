//! `lockproof-defects PROTOCOL ADDR [DEFECT|none [SETUP]]`: such a server on a real socket; `lockproof-defects list`.

use std::error::Error;
use std::time::SystemTime;

use lockproof_defects::{Clock, KINDS, Kind, Setup};
use tokio::net::TcpListener;
use tokio::task::{LocalSet, spawn_local};

const USAGE: &str = "usage: lockproof-defects PROTOCOL ADDR [DEFECT|none [sasl|evicts|refuses]]\n       lockproof-defects list";

fn main() -> Result<(), Box<dyn Error>> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    match words[..] {
        ["list"] => list(),
        [protocol, address] | [protocol, address, "none"] => {
            serve(kind(protocol)?, address, None, Setup::Plain)?;
        }
        [protocol, address, defect] => {
            let kind = kind(protocol)?;
            serve(kind, address, Some(named(kind, defect)?), Setup::Plain)?;
        }
        [protocol, address, defect, setup] => {
            let kind = kind(protocol)?;
            let defect = (defect != "none").then(|| named(kind, defect)).transpose()?;
            let setup =
                Setup::named(setup).ok_or_else(|| format!("`{setup}` is no setup\n{USAGE}"))?;
            serve(kind, address, defect, setup)?;
        }
        _ => return Err(USAGE.into()),
    }
    Ok(())
}

fn kind(protocol: &str) -> Result<Kind, String> {
    let found = KINDS.into_iter().find(|kind| kind.protocol == protocol);
    found.ok_or_else(|| format!("`{protocol}` is no protocol\n{USAGE}"))
}

fn named(kind: Kind, defect: &str) -> Result<&'static str, String> {
    let known = kind.defects.iter().find(|known| known.name == defect);
    known
        .map(|known| known.name)
        .ok_or_else(|| format!("{} has no defect `{defect}`", kind.protocol))
}

fn list() {
    for kind in KINDS {
        for defect in kind.defects {
            println!("{:<10} {:<44} {}", kind.protocol, defect.name, defect.about);
        }
    }
}

/// Prints where it listens, then serves until it is killed.
fn serve(
    kind: Kind,
    address: &str,
    defect: Option<&'static str>,
    setup: Setup,
) -> Result<(), Box<dyn Error>> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    LocalSet::new().block_on(&runtime, async {
        let listener = TcpListener::bind(address).await?;
        println!("{}://{}", kind.protocol, listener.local_addr()?);
        let unix = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH)?;
        let server = (kind.start)(defect, Clock::starting_at(unix), setup);
        loop {
            let (stream, _) = listener.accept().await?;
            stream.set_nodelay(true)?;
            spawn_local(server.clone().serve(Box::new(stream)));
        }
    })
}
