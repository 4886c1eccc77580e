//! Servers that are wrong on purpose, started as `lockproof serve` is: those of `conformance/defects` on real sockets, and
//! faults of a whole process.

use std::cell::RefCell;
use std::fs::File;
use std::net::SocketAddr;
use std::process::ExitCode;
use std::rc::Rc;
use std::time::{Duration, SystemTime};

use lockproof_defects::{Clock, KINDS, Kind, Server, Setup};
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::task::{LocalSet, spawn_local};

/// What is wrong: `PROTOCOL/DEFECT`, one of [`Fault`], or `none`.
pub(crate) const FAULT: &str = "LOCKPROOF_TEST_FAULT";

/// What a connection takes that is never given back.
const KEPT_BYTES: usize = 1 << 20;
/// Connections that are too many.
const CROWD: usize = 100;

/// What a process can do wrong.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Fault {
    None,
    /// A descriptor for each connection.
    KeepsDescriptors,
    /// Memory for each connection.
    KeepsMemory,
    /// It has no descriptors, and asks for the next connection at once.
    AcceptsInCircles,
    /// The log cannot be written, and that is the end.
    DiesOfItsLog,
    /// So many connections are the end.
    DiesOfACrowd,
}

/// What all connections share.
struct House {
    fault: Fault,
    descriptors: RefCell<Vec<File>>,
    memory: RefCell<Vec<Vec<u8>>>,
    seen: RefCell<usize>,
}

/// `serve --memcached=ADDR --netmem=ADDR --locker=ADDR --echo=ADDR`; other options are for better servers.
pub(crate) fn serve() -> ExitCode {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    LocalSet::new().block_on(&runtime, async {
        let house = Rc::new(House::new());
        let mut listen = serde_json::Map::new();
        // memcached's server speaks text and meta too.
        let has_address = |kind: &Kind| !matches!(kind.protocol, "text" | "meta");
        for kind in KINDS.into_iter().filter(has_address) {
            let listener = TcpListener::bind(address(kind.protocol)).await.unwrap();
            let address = listener.local_addr().unwrap().to_string();
            listen.insert(kind.protocol.to_owned(), address.into());
            let unix = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap();
            let server =
                (kind.start)(defect(kind.protocol), Clock::starting_at(unix), Setup::Plain);
            spawn_local(accept(listener, server, house.clone()));
        }
        let mut terminate = signal(SignalKind::terminate()).unwrap();
        // A reader may be gone already, and standard output full.
        let ready = serde_json::json!({ "ready": true, "listen": listen });
        let _ = std::io::Write::write_all(&mut std::io::stdout(), format!("{ready}\n").as_bytes());
        terminate.recv().await;
        ExitCode::SUCCESS
    })
}

async fn accept(listener: TcpListener, server: Rc<dyn Server>, house: Rc<House>) {
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                let _ = stream.set_nodelay(true);
                house.harms();
                spawn_local(server.clone().serve(Box::new(stream)));
            }
            Err(_) if house.fault == Fault::AcceptsInCircles => {}
            Err(_) => tokio::time::sleep(Duration::from_millis(50)).await,
        }
    }
}

impl House {
    fn new() -> Self {
        let fault = match std::env::var(FAULT).expect(FAULT).as_str() {
            "keeps-descriptors" => Fault::KeepsDescriptors,
            "keeps-memory" => Fault::KeepsMemory,
            "accepts-in-circles" => Fault::AcceptsInCircles,
            "dies-of-its-log" => Fault::DiesOfItsLog,
            "dies-of-a-crowd" => Fault::DiesOfACrowd,
            other => {
                assert!(other == "none" || other.contains('/'), "no fault is named {other}");
                Fault::None
            }
        };
        let (descriptors, memory) = (RefCell::default(), RefCell::default());
        Self { fault, descriptors, memory, seen: RefCell::default() }
    }

    /// A connection is there.
    fn harms(&self) {
        *self.seen.borrow_mut() += 1;
        match self.fault {
            Fault::KeepsDescriptors => {
                self.descriptors.borrow_mut().push(File::open("/dev/null").unwrap());
            }
            Fault::KeepsMemory => self.memory.borrow_mut().push(vec![1; KEPT_BYTES]),
            Fault::DiesOfItsLog
                if std::io::Write::write_all(&mut std::io::stderr(), b"hello\n").is_err() =>
            {
                std::process::exit(4)
            }
            Fault::DiesOfACrowd if *self.seen.borrow() > CROWD => std::process::exit(5),
            _ => {}
        }
    }
}

/// The address of that protocol, from the command line.
fn address(protocol: &str) -> SocketAddr {
    let option = format!("--{protocol}=");
    let word = std::env::args().find_map(|word| word.strip_prefix(&option).map(str::to_owned));
    word.expect("an address").parse().expect("an address")
}

/// The defect of that protocol, if one is asked for.
fn defect(protocol: &str) -> Option<&'static str> {
    let fault = std::env::var(FAULT).ok()?;
    let name = fault.strip_prefix(protocol)?.strip_prefix('/')?;
    let kind = KINDS.into_iter().find(|kind| kind.protocol == protocol)?;
    let known = kind.defects.iter().find(|defect| defect.name == name);
    Some(known.unwrap_or_else(|| panic!("{protocol} has no defect `{name}`")).name)
}
