//! A cursor over one line: words, durations, values and patterns, with the column for every complaint.

use std::time::Duration;

use super::parse::ParseError;
use super::pattern::Pattern;
use super::value::Value;

/// A place in one line of a session file.
#[derive(Clone, Debug)]
pub(super) struct Scan<'a> {
    text: &'a str,
    at: usize,
    line: usize,
    /// Brackets that are open around this place.
    depth: usize,
}

/// Deeper nesting is no session that anybody reads, and recursion has an end.
pub(super) const DEPTH_MAX: usize = 16;

type Parsed<T> = Result<T, ParseError>;

impl<'a> Scan<'a> {
    pub(super) const fn new(text: &'a str, line: usize) -> Self {
        Self { text, at: 0, line, depth: 0 }
    }

    pub(super) fn rest(&self) -> &'a str {
        self.text.get(self.at..).unwrap_or_default()
    }

    pub(super) const fn column(&self) -> usize {
        self.at
    }

    pub(super) fn skip_spaces(&mut self) {
        self.at += self.rest().len() - self.rest().trim_start_matches(' ').len();
    }

    pub(super) fn at_end(&self) -> bool {
        self.rest().is_empty()
    }

    pub(super) fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    /// Takes `token` if the rest begins with it.
    pub(super) fn take(&mut self, token: &str) -> bool {
        let found = self.rest().starts_with(token);
        if found {
            self.at += token.len();
        }
        found
    }

    pub(super) fn need(&mut self, token: &str) -> Parsed<()> {
        if self.take(token) { Ok(()) } else { Err(self.error(format!("`{token}` expected"))) }
    }

    /// Takes the longest run of characters that `belongs`.
    pub(super) fn take_while(&mut self, belongs: impl Fn(char) -> bool) -> &'a str {
        let rest = self.rest();
        let end = rest.find(|c| !belongs(c)).unwrap_or(rest.len());
        self.at += end;
        &rest[..end]
    }

    /// A bare word: up to a space, a bracket or an equals sign.
    pub(super) fn word(&mut self) -> &'a str {
        self.take_while(|c| !c.is_whitespace() && !"=(){}\"$".contains(c))
    }

    pub(super) fn error(&self, message: impl Into<String>) -> ParseError {
        ParseError { line: self.line.max(1), column: self.at + 1, message: message.into() }
    }

    pub(super) fn duration(&mut self) -> Parsed<Duration> {
        let start = self.clone();
        let digits = self.take_while(|c| c.is_ascii_digit());
        let unit = self.take_while(|c| c.is_ascii_alphabetic());
        let number: u64 =
            digits.parse().map_err(|_| start.error("a duration expected: 200ms or 2s"))?;
        let time = match unit {
            "ms" => Duration::from_millis(number),
            "s" => Duration::from_secs(number),
            _ => return Err(start.error("a duration ends in ms or s: 200ms, 2s")),
        };
        if time > Duration::from_hours(24) {
            return Err(start.error("a duration of more than a day"));
        }
        Ok(time)
    }

    pub(super) fn integer(&mut self) -> Parsed<usize> {
        let start = self.clone();
        self.take_while(|c| c.is_ascii_digit())
            .parse()
            .map_err(|_| start.error("a number expected"))
    }

    /// Hexadecimal bytes up to `ends`, spaces allowed.
    pub(super) fn hex(&mut self, ends: impl Fn(char) -> bool) -> Parsed<Vec<u8>> {
        let start = self.clone();
        let digits: Vec<u8> = self
            .take_while(|c| !ends(c) && (c == ' ' || c.is_ascii_hexdigit()))
            .chars()
            .filter_map(|c| u8::try_from(c.to_digit(16)?).ok())
            .collect();
        if !digits.len().is_multiple_of(2) {
            return Err(start.error("an odd number of hexadecimal digits"));
        }
        Ok(digits
            .chunks(2)
            .map(|pair| pair.iter().fold(0, |byte, digit| byte * 16 + digit))
            .collect())
    }

    pub(super) fn pattern(&mut self) -> Parsed<Pattern> {
        let first = self.one_pattern()?;
        if !self.rest().starts_with('|') {
            return Ok(first);
        }
        let mut patterns = vec![first];
        while self.take("|") {
            patterns.push(self.one_pattern()?);
        }
        Ok(Pattern::OneOf(patterns))
    }

    pub(super) fn one_pattern(&mut self) -> Parsed<Pattern> {
        if self.take("*") {
            return Ok(Pattern::Any);
        }
        if self.take("!") {
            return Ok(Pattern::Not(self.value()?));
        }
        if self.peek() == Some('/') {
            return self.regex();
        }
        if self.take("trim(") {
            let value = self.value()?;
            self.need(")")?;
            return Ok(Pattern::Trim(value));
        }
        let value = self.value()?;
        if self.take("..") {
            Ok(Pattern::Range(value, self.value()?))
        } else {
            Ok(Pattern::Value(value))
        }
    }

    fn regex(&mut self) -> Parsed<Pattern> {
        let start = self.clone();
        self.need("/")?;
        let mut regex = String::new();
        loop {
            regex.push_str(self.take_while(|c| c != '/' && c != '\\'));
            if self.take("\\/") {
                regex.push('/');
            } else if self.take("\\") {
                regex.push('\\');
                regex.extend(self.peek());
                self.at += self.peek().map_or(0, char::len_utf8);
            } else if self.take("/") {
                break;
            } else {
                return Err(start.error("a regular expression without its closing `/`"));
            }
        }
        regex::bytes::Regex::new(&regex).map_err(|problem| {
            start.error(format!("not a regular expression: {}", last_line(&problem.to_string())))
        })?;
        Ok(Pattern::Regex(regex))
    }

    pub(super) fn value(&mut self) -> Parsed<Value> {
        let mut atoms = vec![self.atom()?];
        if matches!(self.peek(), Some('+' | '-'))
            && !matches!(atoms[0], Value::Text(_) | Value::Hex(_))
        {
            return self.sum(atoms.remove(0));
        }
        while self.peek().is_some_and(|c| c == '"' || c == '$' || c.is_ascii_alphanumeric()) {
            atoms.push(self.atom()?);
        }
        Ok(if atoms.len() == 1 { atoms.remove(0) } else { Value::Join(atoms) })
    }

    fn sum(&mut self, first: Value) -> Parsed<Value> {
        let mut terms = Vec::new();
        loop {
            let minus = match self.peek() {
                Some('+') => false,
                Some('-') => true,
                _ => return Ok(Value::Sum(Box::new(first), terms)),
            };
            self.at += 1;
            terms.push((minus, self.atom()?));
        }
    }

    pub(super) fn atom(&mut self) -> Parsed<Value> {
        let start = self.clone();
        match self.peek() {
            Some('"') => self.text(),
            Some('$') => self.variable(),
            Some(c) if c == '-' || c.is_ascii_digit() => self.number(),
            Some(c) if c.is_ascii_alphabetic() => self.call(),
            _ => Err(start.error("a value expected: \"text\", $name, 12, 0xff, hex(…), rep(…), page(…), fill(…), pad(…) or now")),
        }
    }

    fn variable(&mut self) -> Parsed<Value> {
        self.need("$")?;
        let name = self.take_while(|c| c.is_ascii_alphanumeric() || c == '_');
        if name.is_empty() {
            Err(self.error("a name after `$` expected"))
        } else {
            Ok(Value::Var(name.to_owned()))
        }
    }

    fn number(&mut self) -> Parsed<Value> {
        let start = self.clone();
        let negative = self.take("-");
        let hex = self.take("0x");
        let digits = self.take_while(|c| c.is_ascii_hexdigit() && (hex || c.is_ascii_digit()));
        let value = i128::from_str_radix(digits, if hex { 16 } else { 10 })
            .map_err(|_| start.error("not a number"))?;
        Ok(Value::Number { value: if negative { -value } else { value }, hex })
    }

    fn call(&mut self) -> Parsed<Value> {
        let start = self.clone();
        let name = self.take_while(|c| c.is_ascii_alphanumeric() || c == '_');
        if name == "now" {
            return Ok(Value::Now);
        }
        if !self.take("(") {
            return Err(start.error(format!("`{name}` is not a value; text stands in quotes")));
        }
        self.depth += 1;
        if self.depth > DEPTH_MAX {
            return Err(start.error(format!("more than {DEPTH_MAX} brackets inside each other")));
        }
        let value = match name {
            "hex" => Value::Hex(self.hex(|c| c == ')')?),
            "base64" => Value::Base64(Box::new(self.value()?)),
            "page" => Value::Page(Box::new(self.value()?)),
            "fill" => Value::Fill(Box::new(self.value()?)),
            "rep" | "pad" => {
                let first = Box::new(self.value()?);
                self.need(",")?;
                let second = Box::new(self.value()?);
                if name == "rep" { Value::Rep(first, second) } else { Value::Pad(first, second) }
            }
            _ => {
                return Err(start.error(format!(
                    "`{name}(…)` is unknown: hex, base64, rep, page, fill and pad are known"
                )));
            }
        };
        self.depth -= 1;
        self.need(")")?;
        Ok(value)
    }

    fn text(&mut self) -> Parsed<Value> {
        let start = self.clone();
        self.need("\"")?;
        let mut bytes = Vec::new();
        loop {
            let Some(c) = self.peek() else {
                return Err(start.error("a string without its closing quote"));
            };
            self.at += c.len_utf8();
            match c {
                '"' => return Ok(Value::Text(bytes)),
                '\\' => bytes.push(self.escaped()?),
                _ => bytes.extend(c.to_string().as_bytes()),
            }
        }
    }

    fn escaped(&mut self) -> Parsed<u8> {
        let start = self.clone();
        let c = self.peek().unwrap_or(' ');
        self.at += c.len_utf8();
        Ok(match c {
            'n' => b'\n',
            'r' => b'\r',
            't' => b'\t',
            '0' => 0,
            '\\' => b'\\',
            '"' => b'"',
            'x' => {
                let digits = self.rest().get(..2).unwrap_or_default();
                let byte = u8::from_str_radix(digits, 16)
                    .map_err(|_| start.error("two hexadecimal digits after \\x"))?;
                self.at += 2;
                byte
            }
            _ => {
                return Err(
                    start.error("unknown escape: \\n \\r \\t \\0 \\\\ \\\" and \\xNN are known")
                );
            }
        })
    }
}

fn last_line(text: &str) -> &str {
    text.lines().last().unwrap_or_default()
}
