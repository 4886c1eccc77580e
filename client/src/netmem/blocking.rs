//! The blocking client: the handshake, and one method an operation, over a socket of the system.
//!
//! Leaves out what a version means (core) and how long a lock may be held: that is the caller's.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

use super::perform::{self, UNMATCHED, unexpected};
use super::{Answer, Core, Page, PageCache};
use crate::blocking::{Link, OnInterrupt, Stream};
use crate::{Cause, Error};

/// A netmem client on one socket; see [`crate::blocking`]. The server frees its locks when the socket ends (NM-DISC-01).
#[derive(Debug)]
pub struct Client {
    link: Link,
    core: Core,
}

impl Client {
    /// Asks for parameters and version, and makes an empty cache (NM-CLI-01).
    ///
    /// Every operation must be done within `timeout`, and so must waiting for a lock; choose
    /// [`Duration::MAX`] to wait for ever.
    ///
    /// # Errors
    ///
    /// [`Error::Incompatible`] when the server's API is not 0.2.
    pub fn connect(
        stream: impl Into<Stream>,
        timeout: Duration,
        on_interrupt: OnInterrupt,
    ) -> Result<Self, Error> {
        let mut link = Link::new(stream.into(), timeout);
        link.set_on_interrupt(on_interrupt);
        let (pages, page_bytes) = handshake(&mut link)?;
        let cache = Arc::new(PageCache::new(pages, page_bytes));
        Ok(Self { link, core: Core::new(cache) })
    }

    /// Shares `cache` from here on (NM-CLI-02), in place of its own. For a client that has just connected: what it
    /// holds is forgotten.
    ///
    /// Whoever shares a cache between connections makes sure that they lead to the same server. Behind the same
    /// address may be another one by now, whose version numbers mean other pages.
    ///
    /// # Errors
    ///
    /// [`Error::Protocol`] when this server's pages are not those of the cache.
    pub fn adopt(&mut self, cache: Arc<PageCache>) -> Result<(), Error> {
        perform::check_parameters(&cache, (self.pages(), self.page_bytes()))?;
        self.core = Core::new(cache);
        Ok(())
    }

    /// Looks whether the server has ended the connection, without waiting. True is certain; false is
    /// what was seen a moment ago.
    pub fn has_ended(&mut self) -> bool {
        self.link.has_ended()
    }

    /// Gives every later operation another limit of time.
    pub fn set_timeout(&mut self, timeout: Duration) {
        self.link.set_timeout(timeout);
    }

    /// How many pages the server has.
    pub fn pages(&self) -> u32 {
        self.core.cache().pages()
    }

    /// Bytes in each page.
    pub fn page_bytes(&self) -> u32 {
        self.core.cache().page_bytes()
    }

    /// The cache that all clones share.
    pub fn cache(&self) -> &Arc<PageCache> {
        self.core.cache()
    }

    /// Whether the connection can still be used. When it can't, its locks are lost.
    pub fn is_open(&self) -> bool {
        self.link.is_open()
    }

    /// The pages that this connection holds, as far as it knows.
    pub fn locked(&self) -> Vec<u32> {
        if self.is_open() { self.core.locked().collect() } else { Vec::new() }
    }

    /// The page as it is, from the cache when the server says that it is unchanged (NM-CLI-03).
    pub fn read(&mut self, page: u32) -> Result<Page, Error> {
        self.link.check_open()?;
        self.core.read(page);
        self.page(page)
    }

    /// Waits for the page's lock; returns the page as it is at the grant (NM-LOCK-02).
    ///
    /// # Errors
    ///
    /// [`Error::Timeout`] closes the connection, so that a late grant can't be left behind.
    pub fn lock(&mut self, page: u32) -> Result<Page, Error> {
        self.link.check_open()?;
        self.core.lock(page);
        self.page(page)
    }

    /// Writes at the start of a page that this client holds, and releases it; returns the page's
    /// new version.
    pub fn unlock(&mut self, page: u32, data: &[u8]) -> Result<i32, Error> {
        self.link.check_open()?;
        self.core.unlock(page, Bytes::copy_from_slice(data))?;
        self.written()
    }

    /// Lock, write and unlock in one; returns the page's new version, which is `version`, or one
    /// more than before. See [`Core::update`] for the price of choosing versions.
    pub fn update(&mut self, page: u32, data: &[u8], version: Option<i32>) -> Result<i32, Error> {
        self.link.check_open()?;
        self.core.update(page, Bytes::copy_from_slice(data), version)?;
        self.written()
    }

    /// Closes the connection; the cache stays for its other clones.
    pub fn close(&mut self) {
        self.link.close(Cause::Quit);
    }

    fn page(&mut self, page: u32) -> Result<Page, Error> {
        let mut answer = one(&mut self.link, &mut self.core, false)?;
        if answer == Answer::Uncached {
            self.core.read_anew(page);
            answer = one(&mut self.link, &mut self.core, false)?;
        }
        match answer {
            Answer::Page(page) => Ok(page),
            answer => Err(unexpected(&answer)),
        }
    }

    fn written(&mut self) -> Result<i32, Error> {
        match one(&mut self.link, &mut self.core, true)? {
            Answer::Written { version } => Ok(version),
            answer => Err(unexpected(&answer)),
        }
    }
}

fn handshake(link: &mut Link) -> Result<(u32, u32), Error> {
    let mut core = perform::handshake();
    perform::parameters(&link.run(&mut core, false).all()?)
}

fn one(link: &mut Link, core: &mut Core, mutating: bool) -> Result<Answer, Error> {
    link.run(core, mutating).all()?.pop().ok_or(UNMATCHED)
}
