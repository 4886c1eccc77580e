//! One connection on which the suite itself asks and is answered: greetings, probes, cleaning up.

use std::io;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

use crate::session::{Message, Scope, TextLine, Value};
use crate::wire::{Codec, Reply, Taken};

/// The opaque of everything that the suite asks for itself.
const OPAQUE: u32 = 0x6c6f_636b;

/// A stream, and what came on it and was not taken yet.
#[derive(Debug)]
pub(crate) struct Exchange<S> {
    codec: Codec,
    stream: S,
    inbox: Vec<u8>,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Exchange<S> {
    pub(crate) const fn new(codec: Codec, stream: S) -> Self {
        Self { codec, stream, inbox: Vec::new() }
    }

    /// One request, one reply.
    pub(crate) async fn ask(&mut self, message: &Message<Value>) -> io::Result<Reply> {
        self.tell(std::slice::from_ref(message)).await?;
        self.reply().await
    }

    /// Requests in one write.
    pub(crate) async fn tell(&mut self, messages: &[Message<Value>]) -> io::Result<()> {
        let mut bytes = Vec::new();
        for message in messages {
            let outgoing = self.codec.encode(message, &Scope::default(), OPAQUE);
            bytes.extend(outgoing.map_err(io::Error::other)?.bytes);
        }
        self.stream.write_all(&bytes).await?;
        self.stream.flush().await
    }

    /// The next reply.
    pub(crate) async fn reply(&mut self) -> io::Result<Reply> {
        loop {
            match self.codec.take(&self.inbox) {
                Taken::Whole(reply) => {
                    self.inbox.drain(..reply.length);
                    return Ok(reply);
                }
                Taken::Broken(why) => return Err(io::Error::other(why)),
                Taken::Incomplete(_) if self.stream.read_buf(&mut self.inbox).await? == 0 => {
                    return Err(io::Error::other("it closed the connection instead of answering"));
                }
                Taken::Incomplete(_) => {}
            }
        }
    }

    /// Sends bytes and waits for as many.
    pub(crate) async fn echo(&mut self, bytes: &[u8]) -> io::Result<Vec<u8>> {
        self.stream.write_all(bytes).await?;
        self.stream.flush().await?;
        let mut back = vec![0; bytes.len()];
        self.stream.read_exact(&mut back).await?;
        Ok(back)
    }
}

/// A request with numbers as its fields.
pub(crate) fn request(name: &str, fields: &[(&str, i128)]) -> Message<Value> {
    let fields = fields
        .iter()
        .map(|(name, value)| ((*name).to_owned(), Value::Number { value: *value, hex: false }))
        .collect();
    Message::Named { words: vec![name.to_owned()], args: Vec::new(), fields, tag: None }
}

/// A request with bytes as its fields.
pub(crate) fn request_of_bytes(name: &str, fields: &[(&str, &[u8])]) -> Message<Value> {
    let fields = fields
        .iter()
        .map(|(name, value)| ((*name).to_owned(), Value::Text(value.to_vec())))
        .collect();
    Message::Named { words: vec![name.to_owned()], args: Vec::new(), fields, tag: None }
}

/// A line of these words.
pub(crate) fn line<'a>(words: impl IntoIterator<Item = &'a [u8]>) -> Message<Value> {
    Message::Line(TextLine::of(words.into_iter().map(Value::word).collect()))
}
