//! What an actor says to a NetMem server about one page, and holds against what it hears.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use lockproof_protocol::netmem::{PageReply, Reply, ReplyDecoder, Request, WriteReply};
use tokio::io::AsyncWriteExt;
use tokio::time::sleep;

use super::super::netmem::COMMON_PAGE as PAGE;
use super::{ACT, ALIVE_EVERY, Actor, Stop, TURN_WITHIN, now};
use crate::hazards::Step;

/// As the ledger knows the page.
const KEY: &[u8] = b"page";

/// More than any page here.
const BODY_MAX: u32 = 1 << 24;

/// The version of a page that nobody has written: who has it is sent no bytes, which would fill a window.
const FIRST_VERSION: i32 = 1;

/// A version that no page has, so that its bytes always come.
const NO_VERSION: i32 = -1;

impl Actor<'_> {
    /// The steps that only NetMem knows.
    pub(super) async fn at_netmem(&mut self, step: Step) -> Result<(), Stop> {
        match step {
            Step::Lock(from, by) => self.lock(from, by).await?,
            Step::SendLock => {
                self.send_page(&Request::Lock { page: PAGE, version: FIRST_VERSION }).await?;
            }
            Step::Unlock(owned) => self.unlock(owned).await?,
            Step::Alive(until) => {
                while now() < self.time(until) {
                    self.send_page(&Request::GetVersion).await?;
                    self.page_reply(self.setting.config.bound()).await?;
                    sleep(ALIVE_EVERY.min(self.time(until).saturating_sub(now()))).await;
                }
            }
            Step::Count(turns) => {
                for _ in 0..turns {
                    self.send_page(&Request::Lock { page: PAGE, version: NO_VERSION }).await?;
                    self.locked(TURN_WITHIN).await?;
                    sleep(ACT).await;
                    self.unlock(true).await?;
                }
            }
            _ => return Err(Stop::Wrong(format!("{step:?} is nothing to say to NetMem"))),
        }
        Ok(())
    }

    async fn send_page(&mut self, request: &Request) -> Result<(), Stop> {
        let mut out = BytesMut::new();
        request.encode(&mut out);
        Ok(self.stream()?.write_all(&out).await?)
    }

    async fn page_reply(&mut self, within: Duration) -> Result<Reply, Stop> {
        self.next(within, |input| {
            ReplyDecoder::new(BODY_MAX).decode(input).map_err(|error| error.to_string())
        })
        .await
    }

    async fn lock(&mut self, from: u64, by: u64) -> Result<(), Stop> {
        self.send_page(&Request::Lock { page: PAGE, version: NO_VERSION }).await?;
        self.locked(self.time(by).saturating_sub(now())).await?;
        if now() < self.time(from) {
            return Err(Stop::Wrong(
                "the page was granted while another should have it".to_owned(),
            ));
        }
        Ok(())
    }

    /// The answer to a lock.
    async fn locked(&mut self, within: Duration) -> Result<(), Stop> {
        let asked = now();
        match self.page_reply(within).await {
            Ok(Reply::Page { kind: PageReply::Lock, page: PAGE, .. }) => {}
            Ok(other) => return Err(Stop::Wrong(format!("{} is no lock", name(&other)))),
            Err(Stop::Wrong(late)) => {
                return Err(Stop::Kept(format!("the lock of the page: {late}")));
            }
            Err(stop) => return Err(stop),
        }
        self.setting.ledger.borrow_mut().locks.enter(KEY, self.who(), asked);
        Ok(())
    }

    async fn unlock(&mut self, owned: bool) -> Result<(), Stop> {
        let who = self.who();
        self.setting.ledger.borrow_mut().locks.leave(KEY, who);
        let data = Bytes::from_static(b"unlocked");
        self.send_page(&Request::Unlock { page: PAGE, version: NO_VERSION, data }).await?;
        match (owned, self.page_reply(self.setting.config.bound()).await?) {
            (true, Reply::Written { kind: WriteReply::Unlock, page: PAGE, .. })
            | (false, Reply::NotLocked { page: PAGE }) => Ok(()),
            (_, other) => {
                Err(Stop::Wrong(format!("the unlock was answered with {}", name(&other))))
            }
        }
    }
}

/// A reply without its data, which is long.
fn name(reply: &Reply) -> String {
    match reply {
        Reply::Page { kind, page, version, .. } => {
            format!("{kind:?} of page {page}, version {version}")
        }
        other => format!("{other:?}"),
    }
}
