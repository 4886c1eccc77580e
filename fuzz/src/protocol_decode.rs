//! The server's and the clients' decoders: however a stream is cut, the same frames come out; what came out encodes to
//! bytes that decode to it again; and frames end where the judge's own decoders say.
//!
//! The first byte says how many cuts there are, so many bytes follow that say how long the pieces are, and the others are
//! the stream.

use std::fmt::Debug;

use bytes::BytesMut;
use lockproof_conformance::wire::{self, Codec, Protocol, Taken, TakenRequest};
use lockproof_protocol::memcached_binary::{self as memcached, Frame};
use lockproof_protocol::memcached_text::{
    GET_LINE_MAX, LINE_MAX, REPLY_LINE_MAX, ReplyDecoder, RequestDecoder,
};
use lockproof_protocol::{locker, netmem};

/// Longest value, page and body that is taken: some are above it.
const LENGTH_MAX: u32 = 256;

/// One stream, as requests and as replies of every protocol and dialect.
pub fn run(input: &[u8]) {
    let Some((count, input)) = input.split_first() else { return };
    let count = usize::from(count % 16).min(input.len());
    let (cuts, stream) = input.split_at(count);
    memcached(&Stream { bytes: stream, cuts });
    memcached_lines(&Stream { bytes: stream, cuts });
    netmem(&Stream { bytes: stream, cuts });
    for dialect in dialects() {
        locker(&Stream { bytes: stream, cuts }, dialect);
    }
}

fn memcached(stream: &Stream<'_>) {
    use memcached::{Limits, ReplyDecoder, Request, RequestDecoder};
    let limits = Limits { value_max: LENGTH_MAX as usize, ..Limits::default() };
    let fed = stream.agree(|| {
        let mut decoder = RequestDecoder::new(limits);
        move |input| decoder.decode(input).map(|frame| frame.map(Request::from_frame))
    });
    requests_to_the_judge(Codec::new(Protocol::Memcached), stream.bytes, &fed);
    assert_eq!(heads(stream, limits, true), heads(stream, limits, false), "values were given up");
    for request in stream.frames(RequestDecoder::new(limits), RequestDecoder::decode) {
        let request = Request::from_frame(request).expect("the decoder looked at its shape");
        // The bytes of a value that is too large are the caller's to write, and the arguments of an unknown command lost.
        if request.command != memcached::Command::Unknown
            && !format!("{request:?}").contains("TooLarge(")
        {
            let decode = |input: &mut BytesMut| RequestDecoder::new(limits).decode(input);
            let again = again(decode, |out| request.encode(out));
            assert_eq!(Request::from_frame(again), Ok(request));
        }
    }
    let fed = stream.agree(|| {
        let mut decoder = ReplyDecoder::new(LENGTH_MAX);
        move |input| decoder.decode(input)
    });
    replies_to_the_judge(Codec::new(Protocol::Memcached), stream.bytes, &fed);
    for reply in stream.frames(ReplyDecoder::new(LENGTH_MAX), ReplyDecoder::decode) {
        let Frame { header, extras, key, value, skipped, lacked_memory } = reply;
        assert_eq!((skipped, lacked_memory), (0, false), "a reply is kept whole: {header:?}");
        let length = extras.len() + key.len() + value.len();
        assert_eq!(length, header.body_len as usize, "{header:?}");
    }
}

/// The headers of a stream in pieces, all values of which are kept, or the first that is late is given up: that changes no
/// frame's border.
fn heads(
    stream: &Stream<'_>,
    limits: memcached::Limits,
    mut gives_up: bool,
) -> Vec<memcached::Header> {
    let mut decoder = memcached::RequestDecoder::new(limits);
    let mut input = BytesMut::new();
    let mut heads = Vec::new();
    // Of the frame that comes next.
    let mut is_given_up = false;
    for piece in stream.pieces() {
        input.extend_from_slice(piece);
        loop {
            match decoder.decode(&mut input) {
                Ok(Some(frame)) => {
                    let announced = frame.header.body_len as usize;
                    let value = announced - frame.extras.len() - frame.key.len();
                    assert_eq!(frame.value.len() + frame.skipped as usize, value, "{frame:?}");
                    let lacked_memory = is_given_up && (1..=limits.value_max).contains(&value);
                    assert_eq!(frame.lacked_memory, lacked_memory, "{frame:?}");
                    is_given_up = false;
                    heads.push(frame.header);
                }
                Ok(None) => break,
                Err(_) => return heads,
            }
        }
        if gives_up && decoder.gives_up(&input) {
            (gives_up, is_given_up) = (false, true);
            assert_eq!(decoder.decode(&mut input), Ok(None), "what was late is late");
            let kept = memcached::HEADER_LEN + 255 + limits.key_max;
            assert!(input.len() <= kept, "{} bytes of what was given up", input.len());
        }
    }
    heads
}

/// memcached's text and meta protocols, before and after a password was shown.
fn memcached_lines(stream: &Stream<'_>) {
    let decoder = || RequestDecoder::new(LENGTH_MAX as usize);
    let fed = stream.agree(|| {
        let mut decoder = decoder();
        move |input| decoder.decode(input)
    });
    let logins = stream.agree(|| {
        let mut decoder = decoder();
        move |input| decoder.decode_login(input)
    });
    assert_eq!(fed.lengths, logins.lengths, "a frame ends where it ends, whatever it means");
    for (text, length) in fed.texts.iter().zip(&fed.lengths) {
        assert!(*length <= GET_LINE_MAX + LENGTH_MAX as usize + 3 || text.contains("TooLarge"));
    }
    assert_eq!(lines(stream, true), lines(stream, false), "a value was given up");
    let fed = stream.agree(|| {
        let mut decoder = ReplyDecoder::new(LENGTH_MAX);
        move |input| decoder.decode(input)
    });
    for (text, length) in fed.texts.iter().zip(&fed.lengths) {
        assert!(*length <= REPLY_LINE_MAX + LENGTH_MAX as usize + 2, "{length} bytes: {text}");
    }
    // The judge takes two spaces for an empty word between them, and a client for one.
    if !stream.bytes.windows(2).any(|two| two == b"  ") {
        replies_to_the_judge(Codec::new(Protocol::Text), stream.bytes, &fed);
    }
}

/// How many requests there are in pieces of a stream, and what is left; the first value that is late is given up, or kept:
/// that changes no request's border.
fn lines(stream: &Stream<'_>, mut gives_up: bool) -> (usize, bool) {
    let mut decoder = RequestDecoder::new(LENGTH_MAX as usize);
    let (mut input, mut count) = (BytesMut::new(), 0);
    for piece in stream.pieces() {
        input.extend_from_slice(piece);
        loop {
            match decoder.decode(&mut input) {
                Ok(Some(_)) => count += 1,
                Ok(None) => break,
                Err(_) => return (count, true),
            }
        }
        if gives_up && decoder.gives_up(&input) {
            gives_up = false;
            assert_eq!(decoder.decode(&mut input), Ok(None), "what was late is late");
            assert!(input.len() <= LINE_MAX + 2, "{} bytes of what was given up", input.len());
        }
    }
    (count, false)
}

fn netmem(stream: &Stream<'_>) {
    use netmem::{ReplyDecoder, RequestDecoder};
    let requests = || RequestDecoder::new(LENGTH_MAX).with_page_len(64);
    let fed = stream.agree(|| {
        let mut decoder = requests();
        move |input| decoder.decode(input)
    });
    requests_to_the_judge(Codec::new(Protocol::NetMem), stream.bytes, &fed);
    for request in stream.frames(requests(), RequestDecoder::decode) {
        let decode = |input: &mut BytesMut| requests().decode(input);
        assert_eq!(again(decode, |out| request.encode(out)), request);
    }
    let fed = stream.agree(|| {
        let mut decoder = ReplyDecoder::new(LENGTH_MAX);
        move |input| decoder.decode(input)
    });
    replies_to_the_judge(Codec::new(Protocol::NetMem), stream.bytes, &fed);
    for reply in stream.frames(ReplyDecoder::new(LENGTH_MAX), ReplyDecoder::decode) {
        let decode = |input: &mut BytesMut| ReplyDecoder::new(LENGTH_MAX).decode(input);
        assert_eq!(again(decode, |out| reply.encode(out)), reply);
    }
}

fn locker(stream: &Stream<'_>, dialect: locker::Dialect) {
    use locker::{Limits, ReplyDecoder, RequestDecoder};
    let limits = Limits { body_max: 4096, keys_max: 8, key_max: 40 };
    let fed = stream.agree(|| {
        let mut decoder = RequestDecoder::new(dialect, limits);
        move |input| {
            decoder.decode(input).map(|frame| frame.map(|frame| locker::parse(frame, &limits)))
        }
    });
    requests_to_the_judge(codec(dialect), stream.bytes, &fed);
    for frame in stream.frames(RequestDecoder::new(dialect, limits), RequestDecoder::decode) {
        let Ok(request) = locker::parse(frame, &limits) else { continue };
        let decode = |input: &mut BytesMut| RequestDecoder::new(dialect, limits).decode(input);
        let again = again(decode, |out| request.encode(dialect, out));
        assert_eq!(locker::parse(again, &limits), Ok(request));
    }
    let fed = stream.agree(|| {
        let mut decoder = ReplyDecoder::new(dialect);
        move |input| decoder.decode(input)
    });
    replies_to_the_judge(codec(dialect), stream.bytes, &fed);
    for reply in stream.frames(ReplyDecoder::new(dialect), ReplyDecoder::decode) {
        let decode = |input: &mut BytesMut| ReplyDecoder::new(dialect).decode(input);
        assert_eq!(again(decode, |out| reply.encode(dialect, out)), reply);
    }
}

fn dialects() -> [locker::Dialect; 2] {
    [
        locker::Dialect { layout: locker::Layout::Natural, results: locker::Results::Small },
        locker::Dialect { layout: locker::Layout::Packed, results: locker::Results::Errno },
    ]
}

fn codec(dialect: locker::Dialect) -> Codec {
    let natural = Codec::new(Protocol::Locker);
    match dialect.layout {
        locker::Layout::Natural => natural,
        locker::Layout::Packed => {
            Codec { layout: wire::Layout::Packed, results: wire::Results::Errno, ..natural }
        }
    }
}

/// Every request that is taken is one to the judge, of the same length.
fn requests_to_the_judge(codec: Codec, mut rest: &[u8], fed: &Fed) {
    for (index, length) in fed.lengths.iter().enumerate() {
        let TakenRequest::Whole(request) = codec.take_request(rest) else {
            panic!("{:?}: request {index} is none to the judge: {rest:x?}", codec.protocol);
        };
        assert_eq!(request.length, *length, "{:?}: request {index}", codec.protocol);
        rest = &rest[*length..];
    }
}

/// Every reply that the judge takes is one to a client, of the same length, or an error: the judge looks at nonsense too.
fn replies_to_the_judge(codec: Codec, mut rest: &[u8], fed: &Fed) {
    let mut lengths = fed.lengths.iter();
    while !rest.is_empty()
        && let Taken::Whole(reply) = codec.take(rest)
    {
        let length = lengths.next();
        if length.is_none() && fed.failed {
            return;
        }
        assert_eq!(length, Some(&reply.length), "{:?}: {reply}", codec.protocol);
        rest = &rest[reply.length..];
    }
}

/// What comes of the bytes of what came.
fn again<T, E: Debug>(
    mut decode: impl FnMut(&mut BytesMut) -> Result<Option<T>, E>,
    encode: impl FnOnce(&mut BytesMut),
) -> T {
    let mut bytes = BytesMut::new();
    encode(&mut bytes);
    let frame = decode(&mut bytes).expect("it was decoded before").expect("it is whole");
    assert!(bytes.is_empty(), "{} bytes too many", bytes.len());
    frame
}

/// Bytes, and the lengths of the pieces in which they arrive; what is behind the last cut arrives at once.
struct Stream<'a> {
    bytes: &'a [u8],
    cuts: &'a [u8],
}

impl Stream<'_> {
    /// Decodes the stream whole and in its pieces, each with a new decoder.
    fn agree<T: Debug, E: Debug, D: FnMut(&mut BytesMut) -> Result<Option<T>, E>>(
        &self,
        decoder: impl Fn() -> D,
    ) -> Fed {
        let whole = fed(decoder(), &[self.bytes]);
        let pieces = fed(decoder(), &self.pieces());
        assert_eq!(whole.texts, pieces.texts, "in pieces of {:?}", self.cuts);
        whole
    }

    /// The frames of the whole stream, up to the first error.
    fn frames<D, T, E>(
        &self,
        mut decoder: D,
        decode: impl Fn(&mut D, &mut BytesMut) -> Result<Option<T>, E>,
    ) -> Vec<T> {
        let mut input = BytesMut::from(self.bytes);
        std::iter::from_fn(|| decode(&mut decoder, &mut input).ok().flatten()).collect()
    }

    fn pieces(&self) -> Vec<&[u8]> {
        let mut rest = self.bytes;
        let mut pieces = Vec::new();
        for cut in self.cuts {
            let (piece, behind) = rest.split_at(usize::from(*cut).min(rest.len()));
            pieces.push(piece);
            rest = behind;
        }
        pieces.push(rest);
        pieces
    }
}

/// What came out.
#[derive(Default)]
struct Fed {
    /// The frames, and the error that was the end of them.
    texts: Vec<String>,
    /// How many bytes each frame took off the input.
    lengths: Vec<usize>,
    failed: bool,
}

fn fed<T: Debug, E: Debug>(
    mut decode: impl FnMut(&mut BytesMut) -> Result<Option<T>, E>,
    pieces: &[&[u8]],
) -> Fed {
    let mut input = BytesMut::new();
    let mut fed = Fed::default();
    for piece in pieces {
        input.extend_from_slice(piece);
        loop {
            let before = input.len();
            match decode(&mut input) {
                Ok(Some(frame)) => {
                    assert!(input.len() < before, "a frame of no bytes: {frame:?}");
                    fed.texts.push(format!("{frame:?}"));
                    fed.lengths.push(before - input.len());
                }
                Ok(None) => break,
                Err(error) => {
                    fed.texts.push(format!("{error:?}"));
                    fed.failed = true;
                    return fed;
                }
            }
        }
    }
    fed
}
