//! A message that is a line of words, as memcached's text and meta commands are: it reads like the protocol itself.
//!
//! A word is literal, but for `$name`, `"text"`, `rep(…)` and its like, and `(…)` around a sum. Behind a bar stands the
//! data block. Leaves out what the words mean.

use std::fmt::{self, Display};

use super::parse::Parsed;
use super::scan::Scan;
use super::{Pattern, Value};

/// A line. `T` is [`Value`] to send, [`Pattern`] to expect.
#[derive(Clone, Debug, PartialEq)]
pub struct TextLine<T> {
    /// Its words: one space between them, CR LF behind the last.
    pub tokens: Vec<T>,
    /// What follows the line, with CR LF of its own.
    pub block: Option<T>,
    /// No CR LF is added: the words say all there is.
    pub raw: bool,
}

impl<T> TextLine<T> {
    /// A line of these words.
    pub const fn of(tokens: Vec<T>) -> Self {
        Self { tokens, block: None, raw: false }
    }

    /// The words, and the block.
    pub fn values(&self) -> impl Iterator<Item = &T> {
        self.tokens.iter().chain(&self.block)
    }
}

impl<T: Display> Display for TextLine<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let words = self.tokens.iter().map(ToString::to_string);
        let words: Vec<String> =
            self.raw.then(|| "raw".to_owned()).into_iter().chain(words).collect();
        f.write_str(&words.join(" "))?;
        self.block.as_ref().map_or(Ok(()), |block| write!(f, " | {block}"))
    }
}

/// A line to send. A bar with a modifier behind it is left where it is.
pub(super) fn request(scan: &mut Scan<'_>) -> Parsed<TextLine<Value>> {
    let raw = scan.take("raw ");
    let mut line = TextLine { raw, ..TextLine::of(words(scan, Scan::word_value)?) };
    let mut ahead = scan.clone();
    if ahead.take("| ") && ahead.begins_a_value() {
        line.block = Some(ahead.value()?);
        *scan = ahead;
    }
    Ok(line)
}

/// A line to expect.
pub(super) fn reply(scan: &mut Scan<'_>) -> Parsed<TextLine<Pattern>> {
    let mut line = TextLine::of(words(scan, Scan::word_pattern)?);
    if let Some(rest) = line.tokens.iter().position(|word| *word == Pattern::Rest)
        && rest + 1 < line.tokens.len()
    {
        return Err(scan.error("`...` is the rest of the line: nothing stands behind it"));
    }
    if scan.take("| ") {
        line.block = Some(scan.pattern()?);
    }
    Ok(line)
}

/// Words up to a bar, a comment, a bracket that closes, a bound on time, or the end.
fn words<'a, T>(scan: &mut Scan<'a>, word: impl Fn(&mut Scan<'a>) -> Parsed<T>) -> Parsed<Vec<T>> {
    let mut words = Vec::new();
    loop {
        scan.skip_spaces();
        let rest = scan.rest();
        if rest.is_empty() || rest.starts_with(['#', '}']) || rest.starts_with("| ") {
            break;
        }
        if rest.starts_with("within ") {
            break;
        }
        words.push(word(scan)?);
        if !matches!(scan.peek(), None | Some(' ')) {
            return Err(scan.error("a space expected"));
        }
    }
    if words.is_empty() { Err(scan.error("a line of words expected")) } else { Ok(words) }
}

/// Functions that may stand inside of a word, also behind letters: `kbase64($k)`.
const FUNCTIONS: [&str; 4] = ["rep", "pad", "hex", "base64"];

impl Scan<'_> {
    /// Whether a value begins here that cannot be a modifier.
    fn begins_a_value(&self) -> bool {
        let rest = self.rest();
        let function =
            |name: &&str| rest.strip_prefix(*name).is_some_and(|rest| rest.starts_with('('));
        rest.starts_with(['"', '$']) || FUNCTIONS.iter().any(function)
    }

    fn word_value(&mut self) -> Parsed<Value> {
        self.joined("")
    }

    fn joined(&mut self, ends: &str) -> Parsed<Value> {
        let mut parts = self.parts(ends)?;
        match parts.len() {
            0 => Err(self.error("a word expected")),
            1 => Ok(parts.remove(0)),
            _ => Ok(Value::Join(parts)),
        }
    }

    /// The parts of a word up to a space or one of `ends`.
    fn parts(&mut self, ends: &str) -> Parsed<Vec<Value>> {
        let mut parts = Vec::new();
        loop {
            match self.peek() {
                None | Some(' ') => return Ok(parts),
                Some(c) if ends.contains(c) => return Ok(parts),
                Some('"' | '$') => parts.push(self.atom()?),
                Some('(') => parts.push(self.group()?),
                Some(_) => self.literal(ends, &mut parts)?,
            }
        }
    }

    fn group(&mut self) -> Parsed<Value> {
        self.need("(")?;
        let value = self.value()?;
        self.need(")")?;
        Ok(Value::Group(Box::new(value)))
    }

    /// Bare characters, and the function whose name they end in.
    fn literal(&mut self, ends: &str, parts: &mut Vec<Value>) -> Parsed<()> {
        let start = self.clone();
        let bare = self.take_while(|c| !" \"$(".contains(c) && !ends.contains(c));
        let function = FUNCTIONS.into_iter().find(|name| bare.ends_with(name));
        let Some(name) = function.filter(|_| self.peek() == Some('(')) else {
            parts.push(Value::Word(bare.to_owned()));
            return Ok(());
        };
        let before = &bare[..bare.len() - name.len()];
        if !before.is_empty() {
            parts.push(Value::Word(before.to_owned()));
        }
        *self = start;
        self.take(before);
        parts.push(self.atom()?);
        Ok(())
    }

    fn word_pattern(&mut self) -> Parsed<Pattern> {
        if self.take("...") {
            return Ok(Pattern::Rest);
        }
        let mut patterns = vec![self.one_word()?];
        while self.take("|") {
            patterns.push(self.one_word()?);
        }
        Ok(if patterns.len() == 1 { patterns.remove(0) } else { Pattern::OneOf(patterns) })
    }

    /// One alternative: literal text, then a value or a pattern.
    fn one_word(&mut self) -> Parsed<Pattern> {
        let mut parts = self.parts("|*!/")?;
        if matches!(self.peek(), Some('*' | '!' | '/')) {
            let pattern =
                if self.take("!") { Pattern::Not(self.joined("|")?) } else { self.one_pattern()? };
            return self.behind(parts, pattern);
        }
        match parts.as_slice() {
            [] => Err(self.error("a word expected")),
            [Value::Word(word)] => {
                Ok(range(word).unwrap_or_else(|| Pattern::Value(parts.remove(0))))
            }
            [Value::Word(_), Value::Var(_)] => {
                let name = parts.remove(1);
                self.behind(parts, Pattern::Value(name))
            }
            [_] => Ok(Pattern::Value(parts.remove(0))),
            _ => Ok(Pattern::Value(Value::Join(parts))),
        }
    }

    fn behind(&self, mut before: Vec<Value>, pattern: Pattern) -> Parsed<Pattern> {
        match before.pop() {
            None => Ok(pattern),
            Some(Value::Word(word)) if before.is_empty() => {
                Ok(Pattern::Behind(word, Box::new(pattern)))
            }
            Some(_) => Err(self.error("only bare letters stand before a pattern")),
        }
    }
}

/// `t58..60`: what the word begins with, and a range of numbers.
fn range(word: &str) -> Option<Pattern> {
    let (left, high) = word.split_once("..")?;
    let digits = left.trim_end_matches(|c: char| c.is_ascii_digit());
    let before = digits.strip_suffix('-').unwrap_or(digits);
    let number = |text: &str| {
        let value: i128 = text.parse().ok()?;
        (value.to_string() == text).then_some(Value::Number { value, hex: false })
    };
    let range = Pattern::Range(number(left.strip_prefix(before)?)?, number(high)?);
    Some(if before.is_empty() {
        range
    } else {
        Pattern::Behind(before.to_owned(), Box::new(range))
    })
}

#[cfg(test)]
mod tests {
    use crate::session::{Datum, Expected, Message, Scope, Session, Step};
    use crate::wire::Protocol;

    const EXAMPLE: &str = r#"case   text/set/stores
title  Lines read like the protocol
level  must
conn   A B:memcached

A> set $k 0 (now+3) 1 | "v"  # the block stands behind a bar
A< STORED
A> set $k"-x" 0 0 3 noreply | rep("a",3) | split 1 2 *, more
A> get pad($k,250) rep("n ",20)$k | more
A> raw "get "$k"\n"
A< VALUE $k 0 1 | "v"
A< VALUE $k"-x" 0 1..3 $c | "v"|*
A< END within 200ms
A> cas $k 0 0 1 ($c+1) | cut 30
A> mg base64($k" ") b Okbase64("x") | more
A< HD kbase64($k" ") c$d t58..60 t-1 c!$d f* O/^a b$/|Z
A< CLIENT_ERROR|ERROR ...
any { A< END } or { A< 5|6 }
A< stats pid=/^\d+$/ cmd_get=$g
A> hex 00
B> get key=$k
B< ok get value="v"
repeat 3 { A> incr $k $i | more }
"#;

    fn session(body: &str) -> Session {
        let text = format!("case   meta/a/b\nlevel  must\nconn   A\n\n{body}\n");
        Session::parse(&text).expect(body)
    }

    fn explained(body: &str) -> String {
        let text = format!("case   text/a/b\nlevel  must\nconn   A\n\n{body}\n");
        Session::parse(&text).expect_err(body).message
    }

    #[test]
    fn canonical_text_survives_parsing_and_printing() {
        let session = Session::parse(EXAMPLE).expect("it parses");
        assert_eq!(session.to_string(), EXAMPLE);
        assert_eq!(session.header.spoken_on("A"), Protocol::Text);
        assert_eq!(session.header.spoken_on("B"), Protocol::Memcached);
    }

    #[test]
    fn names_that_are_sent_first_are_own_keys() {
        let session = Session::parse(EXAMPLE).expect("it parses");
        assert_eq!(session.own_keys.into_iter().collect::<Vec<_>>(), ["k"]);
    }

    #[test]
    fn what_is_wrong_is_explained() {
        assert!(explained("A> get $k | 5").contains("a modifier expected"));
        assert!(explained("A< ... END").contains("nothing stands behind it"));
        assert!(explained("A< $a$b*").contains("only bare letters"));
        assert!(explained("A> raw \"get\" | \"v\"").contains("a block is part of it"));
        assert!(explained("A< VALUE $x 0 1 | \"v\"\nA< HD $y\"\"z").contains("bound by no reply"));
    }

    /// Whether each of the words fits the pattern that stands in a line's second place.
    fn fits(pattern: &str, words: &[(&str, bool)]) {
        let session = session(&format!("A< HD {pattern}"));
        let [Step::Expect(expect)] = session.steps()[..] else { panic!("one expectation") };
        let Expected::Message(Message::Line(line)) = &expect.what else { panic!("a line") };
        for (word, fits) in words {
            let got = Datum::Bytes(word.as_bytes().to_vec());
            let matched = line.tokens[1].matches(&got, &mut Scope::default()).expect("a value");
            assert_eq!(matched, *fits, "{pattern} and {word}");
        }
    }

    #[test]
    fn patterns_stand_inside_of_words() {
        fits("t58..60", &[("t58", true), ("t60", true), ("t61", false), ("58", false)]);
        fits("t-1..1", &[("t-1", true), ("t2", false)]);
        fits("3..5", &[("4", true), ("t4", false), ("x", false)]);
        fits("c!0", &[("c5", true), ("c0", false), ("x5", false)]);
        fits("c*", &[("c5", true), ("x", false)]);
        fits("h0|h1", &[("h0", true), ("h1", true), ("h2", false)]);
        fits("t-1", &[("t-1", true), ("t-10", false)]);
        fits("007", &[("007", true), ("7", false)]);
        fits("base64(\"f\")", &[("Zg==", true)]);
        fits("base64(\"fo\")", &[("Zm8=", true)]);
        fits("base64(hex(fbffff))", &[("+///", true)]);
    }
}
