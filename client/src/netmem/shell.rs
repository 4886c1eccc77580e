//! The async client: the handshake, and one method an operation, over any stream.
//!
//! Leaves out what a version means (core) and how long a lock may be held: that is the caller's.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tokio::io::{AsyncRead, AsyncWrite};

use super::perform::{self, UNMATCHED, unexpected};
use super::{Answer, Core, Page, PageCache};
use crate::link::Link;
use crate::{Cause, Error};

/// A netmem client on one stream. The server frees its locks when the stream ends (NM-DISC-01).
#[derive(Debug)]
pub struct Client<S> {
    link: Link<S>,
    core: Core,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Client<S> {
    /// Asks for parameters and version, and makes an empty cache (NM-CLI-01).
    ///
    /// Every operation must be done within `timeout`, and so must waiting for a lock; choose
    /// [`Duration::MAX`] to wait for ever.
    ///
    /// # Errors
    ///
    /// [`Error::Incompatible`] when the server's API is not 0.2.
    pub async fn connect(stream: S, timeout: Duration) -> Result<Self, Error> {
        let mut link = Link::new(stream, timeout);
        let (pages, page_bytes) = handshake(&mut link).await?;
        let cache = Arc::new(PageCache::new(pages, page_bytes));
        Ok(Self { link, core: Core::new(cache) })
    }

    /// A second client that shares this one's cache, on a connection of its own (NM-CLI-02).
    ///
    /// # Errors
    ///
    /// As [`connect`](Self::connect), and [`Error::Protocol`] when this server's pages are not those
    /// of the first: their cache can't be shared.
    pub async fn clone_with<T>(&self, stream: T) -> Result<Client<T>, Error>
    where
        T: AsyncRead + AsyncWrite + Unpin,
    {
        let mut link = Link::new(stream, self.link.timeout());
        let found = handshake(&mut link).await?;
        let cache = Arc::clone(self.core.cache());
        perform::check_parameters(&cache, found)?;
        Ok(Client { link, core: Core::new(cache) })
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
    pub async fn read(&mut self, page: u32) -> Result<Page, Error> {
        self.link.check_open()?;
        self.core.read(page);
        self.page(page).await
    }

    /// Waits for the page's lock; returns the page as it is at the grant (NM-LOCK-02).
    ///
    /// # Errors
    ///
    /// [`Error::Timeout`] closes the connection, so that a late grant can't be left behind.
    pub async fn lock(&mut self, page: u32) -> Result<Page, Error> {
        self.link.check_open()?;
        self.core.lock(page);
        self.page(page).await
    }

    /// Writes at the start of a page that this client holds, and releases it; returns the page's
    /// new version.
    pub async fn unlock(&mut self, page: u32, data: &[u8]) -> Result<i32, Error> {
        self.link.check_open()?;
        self.core.unlock(page, Bytes::copy_from_slice(data))?;
        self.written().await
    }

    /// Lock, write and unlock in one; returns the page's new version, which is `version`, or one
    /// more than before. See [`Core::update`] for the price of choosing versions.
    pub async fn update(
        &mut self,
        page: u32,
        data: &[u8],
        version: Option<i32>,
    ) -> Result<i32, Error> {
        self.link.check_open()?;
        self.core.update(page, Bytes::copy_from_slice(data), version)?;
        self.written().await
    }

    /// Closes the connection; the cache stays for its other clones.
    pub fn close(&mut self) {
        self.link.close(Cause::Quit);
    }

    async fn page(&mut self, page: u32) -> Result<Page, Error> {
        let mut answer = one(&mut self.link, &mut self.core, false).await?;
        if answer == Answer::Uncached {
            self.core.read_anew(page);
            answer = one(&mut self.link, &mut self.core, false).await?;
        }
        match answer {
            Answer::Page(page) => Ok(page),
            answer => Err(unexpected(&answer)),
        }
    }

    async fn written(&mut self) -> Result<i32, Error> {
        match one(&mut self.link, &mut self.core, true).await? {
            Answer::Written { version } => Ok(version),
            answer => Err(unexpected(&answer)),
        }
    }
}

async fn handshake<S>(link: &mut Link<S>) -> Result<(u32, u32), Error>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let mut core = perform::handshake();
    perform::parameters(&link.run(&mut core, false).await.all()?)
}

async fn one<S>(link: &mut Link<S>, core: &mut Core, mutating: bool) -> Result<Answer, Error>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    link.run(core, mutating).await.all()?.pop().ok_or(UNMATCHED)
}
