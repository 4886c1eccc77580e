//! `lockproof-defects PROTOCOL ADDR [DEFECT]`: such a server on a real socket; `lockproof-defects list`.

use std::error::Error;
use std::time::SystemTime;

use lockproof_defects::{Clock, KINDS, Kind, Setup};
use tokio::net::TcpListener;
use tokio::task::{LocalSet, spawn_local};

const USAGE: &str =
    "usage: lockproof-defects PROTOCOL ADDR [DEFECT]\n       lockproof-defects list";

fn main() -> Result<(), Box<dyn Error>> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    match words[..] {
        ["list"] => list(),
        [protocol, address] => serve(kind(protocol)?, address, None)?,
        [protocol, address, defect] => {
            let kind = kind(protocol)?;
            let known = kind.defects.iter().find(|known| known.name == defect);
            let known = known.ok_or_else(|| format!("{protocol} has no defect `{defect}`"))?;
            serve(kind, address, Some(known.name))?;
        }
        _ => return Err(USAGE.into()),
    }
    Ok(())
}

fn kind(protocol: &str) -> Result<Kind, String> {
    let found = KINDS.into_iter().find(|kind| kind.protocol == protocol);
    found.ok_or_else(|| format!("`{protocol}` is no protocol\n{USAGE}"))
}

fn list() {
    for kind in KINDS {
        for defect in kind.defects {
            println!("{:<10} {:<44} {}", kind.protocol, defect.name, defect.about);
        }
    }
}

/// Prints where it listens, then serves until it is killed.
fn serve(kind: Kind, address: &str, defect: Option<&'static str>) -> Result<(), Box<dyn Error>> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    LocalSet::new().block_on(&runtime, async {
        let listener = TcpListener::bind(address).await?;
        println!("{}://{}", kind.protocol, listener.local_addr()?);
        let unix = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH)?;
        let server = (kind.start)(defect, Clock::starting_at(unix), Setup::Plain);
        loop {
            let (stream, _) = listener.accept().await?;
            stream.set_nodelay(true)?;
            spawn_local(server.clone().serve(Box::new(stream)));
        }
    })
}
