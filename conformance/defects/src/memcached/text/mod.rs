//! Lines: the text commands and the meta commands, each with its defects, over the store of the binary
//! protocol.
//!
//! A line goes from `line` (words) to the file of its command, which most often asks the store by a
//! binary request: what means the same goes the same way. Left out: authentication by text, UDP, and
//! the commands that only administrators send.

mod administration;
mod block;
mod counting;
mod defects;
mod line;
mod meta;
mod meta_defects;
mod noreply;
mod number;
mod requests;
mod retrieval;
mod statistics;
mod storage;

use std::io;
use std::rc::Rc;

use super::Memcached;
use super::connection::Next;
use super::socket::Socket;
use crate::Defect;
use defects::Switch;
use meta_defects::Switch as Meta;

/// All defects of text.
pub(super) const TEXT_DEFECTS: &[Defect] = defects::DEFECTS;
/// All defects of the meta commands.
pub(super) const META_DEFECTS: &[Defect] = meta_defects::DEFECTS;

/// Which defect of lines is on, if any.
#[derive(Clone, Copy, Debug)]
pub(super) struct Wrong(On);

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum On {
    Nothing,
    Text(Switch),
    Meta(Meta),
}

impl Wrong {
    pub(super) const NOTHING: Self = Self(On::Nothing);

    /// The defect of text that has this name.
    pub(super) fn text(name: Option<&str>) -> Self {
        Self(name.and_then(Switch::named).map_or(On::Nothing, On::Text))
    }

    /// The defect of the meta commands that has this name.
    pub(super) fn meta(name: Option<&str>) -> Self {
        Self(name.and_then(Meta::named).map_or(On::Nothing, On::Meta))
    }
}

impl From<Switch> for On {
    fn from(switch: Switch) -> Self {
        Self::Text(switch)
    }
}

impl From<Meta> for On {
    fn from(switch: Meta) -> Self {
        Self::Meta(switch)
    }
}

/// What is said in answer, all of it; nothing if the stream ended in the middle of the request.
type Said = io::Result<Option<Vec<u8>>>;

/// A connection that speaks in lines.
pub(super) struct Talk<'a> {
    server: Rc<Memcached>,
    socket: &'a mut Socket,
    /// How much of the input is known to hold no line end.
    searched: usize,
    kept: Kept,
}

/// What only defects keep from one command to the next.
#[derive(Default)]
struct Kept {
    /// The command before was not to be answered.
    hushed: bool,
    /// The meta command before had q.
    quiet: bool,
    /// The key that was deleted last.
    deleted: Vec<u8>,
    /// The opaque of the command before.
    opaque: Vec<u8>,
    /// Said behind the next reply.
    late: Vec<u8>,
    /// Lines that are executed behind the next one.
    lines: Vec<Vec<Vec<u8>>>,
}

impl<'a> Talk<'a> {
    pub(super) fn new(server: Rc<Memcached>, socket: &'a mut Socket) -> Self {
        Self { server, socket, searched: 0, kept: Kept::default() }
    }

    fn on(&self) -> On {
        self.server.lines.0
    }

    fn wrong(&self, switch: impl Into<On>) -> bool {
        self.on() == switch.into()
    }

    /// Serves line after line until one of both sides has had enough.
    pub(super) async fn serve(mut self) -> io::Result<()> {
        while let Some(words) = self.words().await? {
            if self.is_put_off(&words) {
                self.kept.lines.push(words);
                continue;
            }
            if self.command(&words).await? == Next::Close {
                break;
            }
            if self.wrong(Switch::SecondLineIsLost) || self.wrong(Meta::SecondLineIsLost) {
                self.socket.input.clear();
            }
        }
        Ok(())
    }

    async fn command(&mut self, words: &[Vec<u8>]) -> io::Result<Next> {
        let name = self.name(words);
        if name == b"quit" {
            return self.quit().await;
        }
        let late = std::mem::take(&mut self.kept.late);
        let Some(said) = self.answer(&name, words).await? else { return Ok(Next::Close) };
        self.run_what_was_put_off().await?;
        let mut said = self.without_noreply(&name, words, said);
        said.extend(late);
        if name == b"mn" && self.wrong(Meta::MnOvertakes) {
            self.socket.output.splice(0..0, said);
            return Ok(Next::Frame);
        }
        self.socket.queue(&said).await?;
        Ok(self.next_behind(&said))
    }

    /// Goes on, whatever was said.
    fn next_behind(&mut self, said: &[u8]) -> Next {
        let complains = said.starts_with(b"CLIENT_ERROR") || said.starts_with(b"ERROR");
        let closes = match self.on() {
            On::Text(Switch::UnknownCommandCloses) => said.starts_with(b"ERROR"),
            On::Text(Switch::ClientErrorsClose) => said.starts_with(b"CLIENT_ERROR"),
            On::Text(Switch::TooLargeCloses) => said.starts_with(b"SERVER_ERROR"),
            On::Meta(Meta::ErrorsClose) => complains,
            _ => false,
        };
        if closes {
            return Next::Close;
        }
        if complains && self.wrong(Switch::ErrorsDropThePipeline) {
            self.socket.input.clear();
        }
        Next::Frame
    }

    async fn answer(&mut self, name: &[u8], words: &[Vec<u8>]) -> Said {
        let said = match name {
            b"get" | b"gets" | b"gat" | b"gats" => self.retrieve(name, words).await,
            b"set" | b"add" | b"replace" | b"append" | b"prepend" | b"cas" => {
                return self.store(name, words).await;
            }
            b"ms" => return self.meta_set(words).await,
            b"mg" | b"md" | b"ma" | b"me" | b"mn" => self.meta(name, words).await,
            b"touch" => self.touch(words).await,
            b"delete" => self.delete(words).await,
            b"incr" | b"decr" => self.count(name, words).await,
            b"flush_all" => self.flush_all(words).await,
            b"stats" => self.stats(words),
            _ => self.administer(name, words),
        };
        Ok(Some(said))
    }

    /// Whether a defect executes this line behind the next one.
    fn is_put_off(&self, words: &[Vec<u8>]) -> bool {
        let name = words.first().map_or(&b""[..], Vec::as_slice);
        let counts = matches!(name, b"incr" | b"decr" | b"delete" | b"touch");
        let quiet = words.iter().any(|word| word == b"q");
        counts && noreply::is_silent(name, words) && self.wrong(Switch::NoreplyIsPutOff)
            || name == b"ma" && quiet && self.wrong(Meta::QuietIsPutOff)
    }

    /// Nobody hears what it comes to.
    async fn run_what_was_put_off(&mut self) -> io::Result<()> {
        for words in std::mem::take(&mut self.kept.lines) {
            let name = self.name(&words);
            self.answer(&name, &words).await?;
        }
        Ok(())
    }

    /// A line of a reply.
    fn line(&self, text: impl AsRef<[u8]>) -> Vec<u8> {
        let end = if self.wrong(Switch::RepliesEndInLf) { &b"\n"[..] } else { b"\r\n" };
        [text.as_ref(), end].concat()
    }

    /// A line that tells of an error.
    fn error(&self, text: &str) -> Vec<u8> {
        let told = match text.strip_prefix("CLIENT_ERROR") {
            Some(_) if self.wrong(Switch::ClientErrorsSayError) => "ERROR",
            Some(_) if self.wrong(Switch::ClientErrorsHaveNoKind) => "client error",
            _ => text,
        };
        self.line(told)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::{META_DEFECTS, Meta, Switch, TEXT_DEFECTS};

    #[test]
    fn names_are_unique_and_name_their_variant() {
        let text = TEXT_DEFECTS
            .iter()
            .map(|defect| (defect.name, format!("{:?}", Switch::named(defect.name).unwrap())));
        let meta = META_DEFECTS
            .iter()
            .map(|defect| (defect.name, format!("{:?}", Meta::named(defect.name).unwrap())));
        for (name, variant) in text.chain(meta) {
            assert_eq!(variant.to_lowercase(), name.replace('-', ""));
        }
        for table in [TEXT_DEFECTS, META_DEFECTS] {
            let names: BTreeSet<&str> = table.iter().map(|defect| defect.name).collect();
            assert_eq!(names.len(), table.len());
        }
    }
}
