//! Real clients in memcached's text and meta protocols, and a binary one for Node: each does the same with a real memcached
//! and with `lockproof serve`, and what came of it is compared, and recorded in `docs/results/real-clients.md`.

use std::path::{Path, PathBuf};

use crate::outcomes::{Exceptions, Outcomes, complaints};
use crate::processes::{Memcached, Server, run, tool};
use crate::table::{self, Row};

/// What is run, and how it is told.
struct Client {
    /// A script of `tests/clients/`, and what it is told behind the servers.
    script: &'static str,
    word: &'static str,
    protocol: &'static str,
    what: &'static str,
    /// How many servers it wants.
    servers: usize,
    exceptions: Exceptions,
}

const CLIENT: Client = Client {
    script: "",
    word: "",
    protocol: "text",
    what: "a script",
    servers: 1,
    exceptions: &[],
};

const NO_MEMLIMIT: &str = "our server's memory is set when it starts: `cache_memlimit` is refused";
const NO_LISTING: &str =
    "our server lists no keys: `stats cachedump` and `lru_crawler metadump` are refused";

const AIOMCACHE: Client = Client { script: "aiomcache_text.py", ..CLIENT };
const EMCACHE: Client =
    Client { script: "emcache_text.py", exceptions: &[("cache_memlimit", NO_MEMLIMIT)], ..CLIENT };
const META_MEMCACHE: Client =
    Client { script: "meta_memcache_meta.py", protocol: "meta", ..CLIENT };
const PYTHON_MEMCACHED: Client = Client { script: "python_memcached_text.py", ..CLIENT };
const PYMEMCACHE: Client = Client {
    script: "pymemcache_text.py",
    exceptions: &[("cache_memlimit", NO_MEMLIMIT)],
    ..CLIENT
};
const PYMEMCACHE_TESTS: Client = Client {
    script: "suite.py",
    word: "pymemcache",
    what: "its own tests: test_integration.py",
    exceptions: &[("test_integration.py::test_misc", NO_MEMLIMIT)],
    ..CLIENT
};
const PYLIBMC_TESTS: Client = Client {
    script: "suite.py",
    word: "pylibmc",
    what: "its own tests, but for test_no_autoconf, which asks whoever is at port 11211, and test_touch, which a tick of memcached's clock can fail",
    ..CLIENT
};
const LIBMEMCACHED: Client = Client {
    script: "libmemcached_tools.py",
    what: "a script: memccp, memccat, memcrm, memcexist, memctouch, memcflush, memcstat, memcping, memcslap, memcdump; and \
           memccapable's text tests",
    exceptions: &[("memcdump", NO_LISTING)],
    ..CLIENT
};
const MEMCACHED_TOOL: Client = Client {
    script: "memcached_tool.py",
    exceptions: &[("dump", NO_LISTING), ("keys", NO_LISTING)],
    ..CLIENT
};
const NPM_MEMCACHED: Client = Client {
    script: "memcached_suite.cjs",
    what: "its own tests, but for memcached-connections.test.js, which is about servers that are not there, and memcached-touch.test.js, which a tick of memcached's clock can fail",
    servers: 3,
    ..CLIENT
};
const MEMJS: Client = Client { script: "memjs_binary.cjs", protocol: "binary", ..CLIENT };

const CLIENTS: [Client; 11] = [
    AIOMCACHE,
    EMCACHE,
    META_MEMCACHE,
    PYTHON_MEMCACHED,
    PYMEMCACHE,
    PYMEMCACHE_TESTS,
    PYLIBMC_TESTS,
    LIBMEMCACHED,
    MEMCACHED_TOOL,
    NPM_MEMCACHED,
    MEMJS,
];

#[test]
fn the_table_has_a_row_for_each_client_and_no_other() {
    table::is_whole(CLIENTS.len());
}

#[test]
fn aiomcache_is_at_home() {
    AIOMCACHE.does_the_same();
}

#[test]
fn emcache_is_at_home() {
    EMCACHE.does_the_same();
}

#[test]
fn meta_memcache_is_at_home() {
    META_MEMCACHE.does_the_same();
}

#[test]
fn python_memcached_is_at_home() {
    PYTHON_MEMCACHED.does_the_same();
}

#[test]
fn pymemcache_is_at_home() {
    PYMEMCACHE.does_the_same();
}

#[test]
fn pymemcaches_own_tests_pass() {
    PYMEMCACHE_TESTS.does_the_same();
}

#[test]
fn pylibmcs_own_tests_pass() {
    PYLIBMC_TESTS.does_the_same();
}

#[test]
fn libmemcacheds_tools_are_at_home() {
    LIBMEMCACHED.does_the_same();
}

#[test]
fn memcached_tool_reads_the_statistics() {
    MEMCACHED_TOOL.does_the_same();
}

#[test]
fn the_own_tests_of_memcached_for_node_pass() {
    NPM_MEMCACHED.does_the_same();
}

#[test]
fn memjs_is_at_home() {
    MEMJS.does_the_same();
}

impl Client {
    fn does_the_same(&self) {
        let memcached = self.beside_memcached();
        let ours = self.beside_ours();
        let found = complaints(&memcached, &ours, self.exceptions);
        assert!(found.is_empty(), "{}:\n{}", self.script, found.join("\n"));
        self.row(&memcached, &ours).is_recorded();
    }

    fn beside_memcached(&self) -> Outcomes {
        let servers: Vec<_> = (0..self.servers).map(|_| Memcached::start()).collect();
        self.outcomes(servers.iter().map(|server| server.address.as_str()))
    }

    fn beside_ours(&self) -> Outcomes {
        let servers: Vec<_> = (0..self.servers).map(|_| Server::start()).collect();
        let outcomes = self.outcomes(servers.iter().map(|server| server.memcached.as_str()));
        servers.into_iter().for_each(Server::stop);
        outcomes
    }

    fn outcomes<'a>(&self, servers: impl Iterator<Item = &'a str>) -> Outcomes {
        let servers: Vec<_> = servers.collect();
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let is_node = Path::new(self.script).extension().is_some_and(|end| end == "cjs");
        let interpreter = if is_node { "node" } else { "python" };
        let mut command = tool(&root.join("../ci/venv/bin").join(interpreter).to_string_lossy());
        command.arg(root.join("tests/clients").join(self.script)).arg(servers.join(","));
        if !self.word.is_empty() {
            command.arg(self.word);
        }
        if is_node {
            command.env("NODE_PATH", node_modules());
        }
        Outcomes::read(&run(&mut command).success())
    }

    fn row(&self, memcached: &Outcomes, ours: &Outcomes) -> Row {
        let mut remarks: Vec<String> = Vec::new();
        let mut told = Vec::new();
        for (_, why) in self.exceptions {
            let names = self.exceptions.iter().filter(|(_, other)| other == why);
            if !told.contains(why) {
                let names: Vec<_> = names.map(|(name, _)| *name).collect();
                remarks.push(format!("{}: {why}", names.join(", ")));
                told.push(*why);
            }
        }
        if ours.skipped() > 0 {
            remarks.push(format!("its authors skip {}", ours.skipped()));
        }
        Row {
            client: ours.client.clone(),
            protocol: self.protocol,
            what: self.what,
            memcached: memcached.passed(),
            ours: ours.passed(),
            remarks: remarks.join("; "),
        }
    }
}

/// What `ci/setup` installed for Node.
fn node_modules() -> PathBuf {
    let modules = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/clients/node_modules");
    assert!(modules.is_dir(), "{} is missing: run ci/setup", modules.display());
    modules
}
