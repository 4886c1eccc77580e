//! memcached's text and meta replies, read strictly: one line that ends in CR LF, its words one space apart; behind `VALUE`
//! and `VA` exactly as many bytes as the line says, and CR LF again. Nothing is searched for in a value.

use std::fmt;

use super::memcached_text::END;
use super::{Comparison, Reply, Taken, shortened};
use crate::session::{Datum, EvalError, Message, Pattern, TextLine, Value};

/// No reply line is longer: a key of 250 bytes, an opaque, and numbers. Statistics are shorter still.
const LINE_MAX: usize = 2048;

/// Decodes the reply at the front of `buffer`: a line, and its block if it has one.
pub(super) fn take(buffer: &[u8], block_max: usize) -> Taken {
    let front = buffer.get(..buffer.len().min(LINE_MAX)).unwrap_or_default();
    let Some(end) = front.iter().position(|&byte| byte == b'\n') else {
        return if front.len() == LINE_MAX {
            Taken::Broken(format!("a line of more than {LINE_MAX} bytes"))
        } else {
            Taken::Incomplete(buffer.len() + 1)
        };
    };
    let line = front.get(..=end).unwrap_or_default();
    let Some(line) = line.strip_suffix(END) else {
        return Taken::Broken(format!("a line that ends in a bare LF: {}", text(line)));
    };
    let tokens: Vec<Vec<u8>> = line.split(|&byte| byte == b' ').map(<[u8]>::to_vec).collect();
    let length = end + 1;
    match block_length(&tokens) {
        Ok(None) => Taken::Whole(Reply { length, tokens, ..Reply::default() }),
        Ok(Some(block)) if block <= block_max => with_block(tokens, buffer, length, block),
        Ok(Some(block)) => Taken::Broken(format!(
            "a block of {block} bytes: more than {block_max} (?max-value= raises that)"
        )),
        Err(NoLength) => Taken::Broken(format!("a block without its length: {}", text(line))),
    }
}

/// A line announces a block, and does not say how long it is.
struct NoLength;

/// How long the block behind a line is, where its first word announces one.
fn block_length(tokens: &[Vec<u8>]) -> Result<Option<usize>, NoLength> {
    let place = match tokens.first().map(Vec::as_slice) {
        Some(b"VALUE") => 3,
        Some(b"VA") => 1,
        _ => return Ok(None),
    };
    let digits = tokens.get(place).filter(|word| word.iter().all(u8::is_ascii_digit));
    let length = digits.and_then(|word| std::str::from_utf8(word).ok()?.parse().ok());
    length.map(Some).ok_or(NoLength)
}

fn with_block(tokens: Vec<Vec<u8>>, buffer: &[u8], line: usize, block: usize) -> Taken {
    let length = line + block + END.len();
    let Some(rest) = buffer.get(line..length) else { return Taken::Incomplete(length) };
    let Some(block) = rest.strip_suffix(END) else {
        let (value, end) = rest.split_at(block);
        return Taken::Broken(format!(
            "{} behind a block of {} bytes, where CR LF ends it",
            text(end),
            value.len()
        ));
    };
    let fields = vec![("block", Datum::Bytes(block.to_vec()))];
    Taken::Whole(Reply { fields, length, tokens, ..Reply::default() })
}

fn text(bytes: &[u8]) -> String {
    shortened(&Datum::Bytes(bytes.to_vec()))
}

/// Holds a reply against its expectation, word by word; `...` is the rest of the line.
pub(super) fn compare(
    expected: &Message<Pattern>,
    comparison: &mut Comparison<'_>,
) -> Result<(), EvalError> {
    let Message::Line(expected) = expected else { return Ok(()) };
    let got = comparison.reply.tokens.clone();
    for (index, pattern) in expected.tokens.iter().enumerate() {
        let name = format!("word {}", index + 1);
        match (pattern, got.get(index)) {
            (Pattern::Rest, _) => {}
            (pattern, Some(word)) => {
                if !pattern.matches(&Datum::Bytes(word.clone()), comparison.scope)? {
                    let wanted = pattern.explained(comparison.scope);
                    comparison.differs(&name, wanted, text(word));
                }
            }
            (pattern, None) => {
                let wanted = pattern.explained(comparison.scope);
                comparison.differs(&name, wanted, "no such word".to_owned());
            }
        }
        // What stands behind another kind of reply is no difference of its own.
        if index == 0 && !comparison.found.is_empty() {
            return Ok(());
        }
    }
    let open = expected.tokens.last() == Some(&Pattern::Rest);
    if let (false, Some(more)) = (open, got.get(expected.tokens.len())) {
        comparison.differs("line", "no more words".to_owned(), text(more));
    }
    block(expected, comparison)
}

fn block(expected: &TextLine<Pattern>, comparison: &mut Comparison<'_>) -> Result<(), EvalError> {
    match (&expected.block, comparison.reply.field("block").cloned()) {
        (Some(pattern), _) => comparison.field("block", pattern),
        (None, Some(block)) => {
            comparison.differs("block", "none".to_owned(), shortened(&block));
            Ok(())
        }
        (None, None) => Ok(()),
    }
}

/// A reply as a session writes it.
pub(super) fn show(reply: &Reply, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let words: Vec<String> =
        reply.tokens.iter().map(|word| Value::word(word).to_string()).collect();
    f.write_str(&words.join(" "))?;
    reply.field("block").map_or(Ok(()), |block| write!(f, " | {}", shortened(block)))
}

#[cfg(test)]
mod tests {
    use crate::session::{Expected, Scope, Session, Step};
    use crate::wire::{Codec, Protocol, Taken};

    fn step(body: &str) -> Step {
        let text = format!("case   text/a/b\nlevel  must\nconn   A\n\n{body}\n");
        let session = Session::parse(&text).expect(body);
        session.steps().into_iter().next().expect("a step").clone()
    }

    /// What a request comes to, and where its parts end.
    fn encoded(request: &str) -> (String, Vec<usize>) {
        let Step::Send(send) = step(&format!("A> {request}")) else { panic!("a send") };
        let mut scope = Scope::default();
        scope.vars.insert("k".to_owned(), crate::session::Datum::Bytes(b"key".to_vec()));
        let outgoing = Codec::new(Protocol::Text).encode(&send.message, &scope, 0).expect(request);
        (String::from_utf8(outgoing.bytes).expect("text"), outgoing.borders)
    }

    fn take(bytes: &[u8]) -> Taken {
        Codec::new(Protocol::Text).take(bytes)
    }

    /// The words in which a reply is not what is expected.
    fn differs(bytes: &[u8], expected: &str) -> Vec<String> {
        let Step::Expect(expect) = step(&format!("A< {expected}")) else {
            panic!("an expectation")
        };
        let Expected::Message(message) = &expect.what else { panic!("a message") };
        let Taken::Whole(reply) = take(bytes) else { panic!("a whole reply") };
        let codec = Codec::new(Protocol::Text);
        let found = codec.compare(message, &reply, None, &mut Scope::default()).expect(expected);
        found.into_iter().map(|difference| difference.field).collect()
    }

    #[test]
    fn requests_are_the_bytes_that_they_read_like() {
        let (text, borders) = encoded("set $k 0 0 3 noreply | \"a\\r\\n\"");
        assert_eq!(text, "set key 0 0 3 noreply\r\na\r\n\r\n");
        assert_eq!(borders[..4], [3, 4, 7, 8], "words and the spaces between them");
        assert_eq!(borders[borders.len() - 4..], [23, 26, 27, 28], "line, block, and their ends");
        assert_eq!(encoded("raw \"get \"$k\"\\n\"").0, "get key\n");
        assert_eq!(encoded("mg $k O(1+2) v").0, "mg key O3 v\r\n");
        assert_eq!(encoded("set $k 0 0 9 | \"\"").0, "set key 0 0 9\r\n\r\n");
    }

    #[test]
    fn replies_are_framed_by_lines_and_lengths() {
        let value = b"VALUE k 0 5\r\nEND\r\n\r\nEND\r\n";
        assert!(matches!(take(value), Taken::Whole(reply) if reply.length == 20));
        assert!(matches!(take(&value[..19]), Taken::Incomplete(20)));
        assert!(matches!(take(b"VA 0 c1\r\n\r\n"), Taken::Whole(reply) if reply.length == 11));
        assert!(matches!(take(b"END\r"), Taken::Incomplete(5)));
        for (bytes, why) in [
            (&b"END\n"[..], "bare LF"),
            (b"VALUE k 0\r\n", "without its length"),
            (b"VA +1\r\n", "without its length"),
            (b"VA 4294967295\r\n", "more than"),
            (b"VA 1\r\nxyz", "where CR LF ends it"),
        ] {
            assert!(matches!(take(bytes), Taken::Broken(text) if text.contains(why)), "{why}");
        }
        assert!(matches!(take(&[b'x'; 5000]), Taken::Broken(_)));
    }

    #[test]
    fn every_word_of_a_reply_is_checked() {
        let hit = b"VALUE k 5 1 77\r\nv\r\n";
        assert!(differs(hit, "VALUE k 5 1 77 | \"v\"").is_empty());
        assert!(differs(hit, "VALUE ... | \"v\"").is_empty());
        assert_eq!(differs(hit, "END"), ["word 1"]);
        assert_eq!(differs(hit, "VALUE K 5 1 77 | \"v\""), ["word 2"]);
        assert_eq!(differs(hit, "VALUE k 5 1 | \"v\""), ["line"]);
        assert_eq!(differs(hit, "VALUE k 5 1 77 8 | \"v\""), ["word 6"]);
        assert_eq!(differs(hit, "VALUE k 5 1 77 | \"w\""), ["block"]);
        assert_eq!(differs(hit, "VALUE k 5 1 77"), ["block"]);
        assert_eq!(differs(b"HD  c1\r\n", "HD c1"), ["word 2", "line"]);
        assert_eq!(differs(b"STORED \r\n", "STORED"), ["line"]);
        assert_eq!(differs(b"END\r\n", "END | \"\""), ["block"]);
    }
}
