//! A server under test, as its user writes it: `memcached://127.0.0.1:11211?sasl=user:password`.

use std::net::{SocketAddr, ToSocketAddrs};
use std::ops::RangeInclusive;
use std::path::PathBuf;

use url::Url;

use crate::transport::{Tls, TlsOptions, Transport};
use crate::wire::{Codec, Layout, Protocol, Results};

/// A server under test.
#[derive(Clone, Debug)]
pub struct Target {
    /// As given.
    pub url: String,
    /// How it is reached.
    pub transport: Transport,
    /// Protocol and dialect.
    pub codec: Codec,
    /// What else the user told of it.
    pub facts: Facts,
}

/// What a case may need that is found at a listener of its own.
pub const SPECIAL: [&str; 3] = ["sasl", "evicts", "refuses"];

/// Those among them where a case fills the server's memory, and has it to itself.
pub const SMALL: [&str; 2] = ["evicts", "refuses"];

/// What a URL's options say of a server.
#[derive(Clone, Debug)]
pub struct Facts {
    /// NetMem: the pages that may be touched (`pages=A..B`, both ends included).
    pub pages: Option<RangeInclusive<u32>>,
    /// memcached: user and password (`sasl=USER:PASSWORD`).
    pub sasl: Option<(String, String)>,
    /// memcached: the port that wants them, if it is another one (`sasl-port=N`).
    pub sasl_port: Option<u16>,
    /// memcached: the port of a server with 1 MiB of memory that evicts (`evicts-port=N`).
    pub evicts_port: Option<u16>,
    /// memcached: the port of a server with 1 MiB of memory that refuses when it is full (`refuses-port=N`).
    pub refuses_port: Option<u16>,
    /// Nobody used this server before, and nobody else does (`fresh=yes`).
    pub fresh: bool,
    /// memcached: longest value that is surely refused is one byte more (`max-value`).
    pub max_value: u64,
    /// NetMem: longest page that cases move about (`max-page`); many are held at once.
    pub max_page: u64,
    /// Locker: longest body (`max-body`).
    pub max_body: u64,
    /// Locker: most keys of a request (`max-keys`).
    pub max_keys: u64,
    /// Locker: longest key (`max-key`).
    pub max_key: u64,
}

impl Default for Facts {
    fn default() -> Self {
        Self {
            pages: None,
            sasl: None,
            sasl_port: None,
            evicts_port: None,
            refuses_port: None,
            fresh: false,
            max_value: 1 << 20,
            max_page: 64 << 10,
            max_body: 1 << 20,
            max_keys: 1024,
            max_key: 1024,
        }
    }
}

impl Facts {
    /// The longest reply that this server may send: the longest value or page, and a key and more beside it. What
    /// announces more is not waited for, and takes no memory.
    pub fn reply_max(&self) -> usize {
        let longest = self.max_value.max(self.max_page).saturating_mul(2);
        usize::try_from(longest).unwrap_or(usize::MAX)
    }
}

/// A target that cannot be understood or found.
#[derive(Debug, thiserror::Error)]
#[error("target `{url}`: {problem}")]
pub struct TargetError {
    url: String,
    problem: String,
    /// The URL is well-formed, but its host has no address.
    pub unreachable: bool,
}

const OPTIONS: &str = "cafile=FILE, cert=FILE, key=FILE, name=HOST, pages=A..B, sasl=USER:PASSWORD, sasl-port=N, evicts-port=N, refuses-port=N, \
                       layout=natural|packed, results=small|errno, fresh=yes, max-value=N, max-page=N, max-body=N, max-keys=N, max-key=N";

impl Target {
    /// Reads a target URL and looks its host up.
    ///
    /// # Errors
    ///
    /// What is wrong with it, and what would be right.
    pub fn parse(url: &str) -> Result<Self, TargetError> {
        let fail =
            |problem: String| TargetError { url: url.to_owned(), problem, unreachable: false };
        let parsed = Url::parse(url).map_err(|_| {
            fail(
                "not a URL; write PROTOCOL://HOST:PORT, such as memcached://127.0.0.1:11211"
                    .to_owned(),
            )
        })?;
        let (protocol, way) = scheme(&parsed).map_err(fail)?;
        let mut target = Self {
            url: url.to_owned(),
            transport: Transport::Unix(PathBuf::new()),
            codec: Codec::new(protocol),
            facts: Facts::default(),
        };
        let mut tls = TlsOptions::default();
        for (key, value) in parsed.query_pairs() {
            match (&*key, way) {
                ("protocol", _) if parsed.scheme() == "unix" => {}
                ("cafile" | "cert" | "key" | "name", Way::Tls) => tls.option(&key, &value),
                _ => target.option(&key, &value).map_err(fail)?,
            }
        }
        if way == Way::Unix {
            target.transport = Transport::Unix(socket(&parsed).map_err(fail)?);
            return Ok(target);
        }
        let (host, port) = place(&parsed, protocol).map_err(fail)?;
        let address = lookup(host, port).ok_or_else(|| TargetError {
            unreachable: true,
            ..fail(format!("the host `{host}` has no address"))
        })?;
        target.transport = if way == Way::Tls {
            if tls.name.is_empty() {
                bare(host).clone_into(&mut tls.name);
            }
            Transport::Tls(address, Tls::new(&tls).map_err(fail)?)
        } else {
            Transport::Tcp(address)
        };
        Ok(target)
    }

    fn option(&mut self, key: &str, value: &str) -> Result<(), String> {
        let number = || value.parse().map_err(|_| format!("{key}={value}: a number expected"));
        let port = || value.parse().map_err(|_| format!("{key}={value}: a port expected"));
        match (key, value) {
            ("pages", _) => self.facts.pages = Some(page_range(value)?),
            ("sasl", _) => {
                let (user, password) =
                    value.split_once(':').ok_or("sasl=USER:PASSWORD: the colon is missing")?;
                self.facts.sasl = Some((user.to_owned(), password.to_owned()));
            }
            ("sasl-port", _) => self.facts.sasl_port = Some(port()?),
            ("evicts-port", _) => self.facts.evicts_port = Some(port()?),
            ("refuses-port", _) => self.facts.refuses_port = Some(port()?),
            ("layout", "natural") => self.codec.layout = Layout::Natural,
            ("layout", "packed") => self.codec.layout = Layout::Packed,
            ("results", "small") => self.codec.results = Results::Small,
            ("results", "errno") => self.codec.results = Results::Errno,
            ("fresh", "yes") => self.facts.fresh = true,
            ("max-value", _) => self.facts.max_value = number()?,
            ("max-page", _) => self.facts.max_page = number()?,
            ("max-body", _) => self.facts.max_body = number()?,
            ("max-keys", _) => self.facts.max_keys = number()?,
            ("max-key", _) => self.facts.max_key = number()?,
            _ => return Err(format!("option `{key}={value}` is unknown; known: {OPTIONS}")),
        }
        Ok(())
    }

    /// The protocol.
    pub const fn protocol(&self) -> Protocol {
        self.codec.protocol
    }

    /// Where cases with one of these [needs](SPECIAL) are played, if the user named a listener for them.
    pub fn listener(&self, need: &str) -> Option<Transport> {
        let port = match need {
            "sasl" if self.facts.sasl.is_none() => None,
            "sasl" if self.facts.sasl_port.is_none() => return Some(self.transport.clone()),
            "sasl" => self.facts.sasl_port,
            "evicts" => self.facts.evicts_port,
            "refuses" => self.facts.refuses_port,
            _ => None,
        };
        self.transport.at_port(port?)
    }
}

/// How a URL says that a server is reached.
#[derive(Clone, Copy, Eq, PartialEq)]
enum Way {
    Tcp,
    Tls,
    Unix,
}

/// `PROTOCOL`, `PROTOCOL+tls`, `PROTOCOL+unix`, or `unix` with the protocol as an option.
fn scheme(url: &Url) -> Result<(Protocol, Way), String> {
    let (name, way) = match url.scheme().split_once('+') {
        None if url.scheme() == "unix" => {
            let named = url.query_pairs().find(|(key, _)| key == "protocol");
            let name = named.map_or_else(|| "memcached".to_owned(), |(_, name)| name.into_owned());
            (name, Way::Unix)
        }
        None => (url.scheme().to_owned(), Way::Tcp),
        Some((name, "tls")) => (name.to_owned(), Way::Tls),
        Some((name, "unix")) => (name.to_owned(), Way::Unix),
        Some((_, way)) => {
            return Err(format!("`+{way}` is no way to a server; +tls and +unix are"));
        }
    };
    let server = |protocol: &Protocol| protocol.server() == *protocol;
    let protocol = Protocol::from_name(&name).filter(server).ok_or_else(|| {
        format!("`{name}` is no protocol; memcached, netmem, locker and echo are")
    })?;
    Ok((protocol, way))
}

fn place(url: &Url, protocol: Protocol) -> Result<(&str, u16), String> {
    let host = url.host_str().filter(|host| !host.is_empty()).ok_or("no host")?;
    if !matches!(url.path(), "" | "/") {
        return Err(format!("nothing may follow the port but ?options, not `{}`", url.path()));
    }
    Ok((host, url.port().unwrap_or_else(|| default_port(protocol))))
}

fn socket(url: &Url) -> Result<PathBuf, String> {
    let is_path = url.host_str().is_none_or(str::is_empty) && url.path().len() > 1;
    let path = percent_encoding::percent_decode_str(url.path()).decode_utf8();
    path.ok().filter(|_| is_path).map(|path| PathBuf::from(path.into_owned())).ok_or_else(|| {
        format!("a Unix socket has an absolute path: {}:///run/lockproof.sock", url.scheme())
    })
}

fn page_range(value: &str) -> Result<RangeInclusive<u32>, String> {
    let complaint = || format!("pages={value}: a range such as 4..7 expected, both ends included");
    let (first, last) = value.split_once("..").ok_or_else(complaint)?;
    let range = first.parse().map_err(|_| complaint())?..=last.parse().map_err(|_| complaint())?;
    if range.is_empty() { Err(complaint()) } else { Ok(range) }
}

const fn default_port(protocol: Protocol) -> u16 {
    match protocol {
        Protocol::Memcached | Protocol::Text | Protocol::Meta => 11211,
        Protocol::NetMem => 10001,
        Protocol::Locker => 10002,
        Protocol::Echo => 9999,
    }
}

fn lookup(host: &str, port: u16) -> Option<SocketAddr> {
    (bare(host), port).to_socket_addrs().ok()?.next()
}

/// An IPv6 address without its brackets.
fn bare(host: &str) -> &str {
    host.trim_start_matches('[').trim_end_matches(']')
}
