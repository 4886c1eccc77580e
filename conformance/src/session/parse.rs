//! From text to [`Session`]. Every complaint has a line, a column and what to do.

use super::scan::{DEPTH_MAX, Scan};
use super::{
    Action, Closing, Expect, Expected, Header, Line, Message, Send, Session, Side, Split, Step,
    header, line, names,
};
use crate::wire;

/// What is wrong in a session file, and where (1-based).
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("line {line}, column {column}: {message}")]
pub struct ParseError {
    /// Line in the file.
    pub line: usize,
    /// Column in the line, in bytes.
    pub column: usize,
    /// The complaint.
    pub message: String,
}

pub(super) type Parsed<T> = Result<T, ParseError>;

/// A flood must not take the judge's own descriptors.
const FLOOD_MAX: usize = 200;

impl Session {
    /// Reads a session file.
    ///
    /// # Errors
    ///
    /// The first thing that is wrong, with its place.
    pub fn parse(text: &str) -> Parsed<Self> {
        let mut lines = Lines { all: text.lines().collect(), at: 0 };
        let header = lines.header()?;
        let mut parser = Steps { lines, header: &header, plays: header.plays, depth: 0 };
        let body = parser.block(None)?;
        let mut session = Self {
            header,
            lines: body,
            own_keys: std::collections::BTreeSet::default(),
            own_pages: Vec::new(),
        };
        names::resolve(&mut session)?;
        Ok(session)
    }
}

struct Lines<'a> {
    all: Vec<&'a str>,
    at: usize,
}

impl<'a> Lines<'a> {
    fn next(&mut self) -> Option<Scan<'a>> {
        let text = self.all.get(self.at)?;
        self.at += 1;
        Some(Scan::new(text, self.at))
    }

    fn header(&mut self) -> Parsed<Header> {
        let mut found: Vec<(&str, Scan<'a>)> = Vec::new();
        while let Some(mut scan) = self.next() {
            scan.skip_spaces();
            if scan.at_end() {
                break;
            }
            let start = scan.clone();
            let key = scan.word();
            scan.skip_spaces();
            if !header::LINES.contains(&key) {
                return Err(start.error(format!(
                    "`{key}` is no header line; {} are, then an empty line",
                    header::LINES.join(", ")
                )));
            }
            if key != "call" && found.iter().any(|(other, _)| *other == key) {
                return Err(start.error(format!("a second `{key}` line")));
            }
            found.push((key, scan));
        }
        header::read(&found, self.at)
    }
}

/// The part behind the header. A block ends at a line that begins with `}`.
struct Steps<'a, 'h> {
    lines: Lines<'a>,
    header: &'h Header,
    plays: Side,
    /// Blocks that are open.
    depth: usize,
}

impl<'a> Steps<'a, '_> {
    /// Lines up to the closing bracket (left in `closing`, behind the bracket) or the end of the file.
    fn block(&mut self, mut closing: Option<&mut Scan<'a>>) -> Parsed<Vec<Line>> {
        let mut block = Vec::new();
        while let Some(mut scan) = self.lines.next() {
            let number = self.lines.at;
            scan.skip_spaces();
            if scan.peek() == Some('}') {
                let Some(closing) = closing.as_deref_mut() else {
                    return Err(scan.error("a `}` that closes nothing"));
                };
                scan.need("}")?;
                *closing = scan;
                return Ok(block);
            }
            let step = if scan.at_end() || scan.peek() == Some('#') {
                None
            } else {
                Some(self.step(&mut scan)?)
            };
            let comment = comment(&mut scan)?;
            block.push(Line { number, step, comment });
        }
        match closing {
            Some(opened) => Err(opened.error("a block without its closing `}`")),
            None => Ok(block),
        }
    }

    fn step(&mut self, scan: &mut Scan<'a>) -> Parsed<Step> {
        let start = scan.clone();
        let word = scan.take_while(|c| c.is_ascii_alphanumeric() || c == '_');
        for side in [Side::Client, Side::Server] {
            if scan.take(side.arrow().encode_utf8(&mut [0])) {
                scan.skip_spaces();
                return if side == self.plays {
                    self.send(word, scan).map(Step::Send)
                } else {
                    self.expect(word, scan).map(Step::Expect)
                };
            }
        }
        scan.skip_spaces();
        if let Some(action) = Action::from_name(word) {
            return Ok(Step::Control { action, conn: connection(scan)? });
        }
        match word {
            "flood" => flood(scan),
            "advance" => scan.duration().map(Step::Advance),
            "any" => self.any(scan, false),
            "either" => self.any(scan, true),
            "repeat" => {
                let count = scan.integer()? as u64;
                scan.skip_spaces();
                Ok(Step::Repeat { count, body: self.braces(scan)? })
            }
            _ if scan.take("quiet") => {
                scan.skip_spaces();
                let for_ = match scan.peek() {
                    Some(c) if c.is_ascii_digit() => Some(scan.duration()?),
                    _ if self.plays == Side::Server => {
                        return Err(scan.error("a time: nobody asks a client whether it is silent"));
                    }
                    _ => None,
                };
                Ok(Step::Quiet { conn: word.to_owned(), for_ })
            }
            _ => Err(start.error(
                "a step expected: `A> …`, `A< …`, `A quiet`, open, finish, close, reset, stall, resume, flood, advance, any, either or repeat",
            )),
        }
    }

    fn any(&mut self, scan: &mut Scan<'a>, equal: bool) -> Parsed<Step> {
        let mut blocks = vec![self.braces(scan)?];
        loop {
            let before = scan.clone();
            scan.skip_spaces();
            if !scan.take("or") {
                *scan = before;
                break;
            }
            scan.skip_spaces();
            blocks.push(self.braces(scan)?);
        }
        if blocks.len() < 2 {
            return Err(scan.error("alternatives need at least one `or { … }`"));
        }
        Ok(Step::Any { equal, blocks })
    }

    /// `{ STEP }` on this line, or a block over several lines.
    fn braces(&mut self, scan: &mut Scan<'a>) -> Parsed<Vec<Line>> {
        let start = scan.clone();
        scan.need("{")?;
        if self.depth == DEPTH_MAX {
            return Err(start.error(format!("more than {DEPTH_MAX} blocks inside each other")));
        }
        self.depth += 1;
        let lines = self.inside(scan)?;
        self.depth -= 1;
        Ok(lines)
    }

    /// What is between the brackets, the closing one included.
    fn inside(&mut self, scan: &mut Scan<'a>) -> Parsed<Vec<Line>> {
        scan.skip_spaces();
        if scan.at_end() {
            return self.block(Some(scan));
        }
        let number = self.lines.at;
        let step = self.step(scan)?;
        scan.skip_spaces();
        scan.need("}")?;
        Ok(vec![Line { number, step: Some(step), comment: None }])
    }

    fn send(&self, conn: &str, scan: &mut Scan<'a>) -> Parsed<Send> {
        let start = scan.clone();
        let protocol = self.header.spoken_on(conn);
        let message = if protocol.has_lines() && !scan.rest().starts_with("hex ") {
            Message::Line(line::request(scan)?)
        } else {
            message(scan, Scan::value, false)?
        };
        let checked = match self.plays {
            Side::Client => wire::check_request(protocol, &message),
            Side::Server => wire::check_answer(protocol, &message),
        };
        checked.map_err(|complaint| start.error(complaint))?;
        let (side, conn) = (self.plays, conn.to_owned());
        let mut send =
            Send { side, conn, message, split: None, more: false, cut: None, from: None };
        scan.skip_spaces();
        if scan.take("|") {
            modifiers(scan, &mut send)?;
        }
        Ok(send)
    }

    fn expect(&self, conn: &str, scan: &mut Scan<'a>) -> Parsed<Expect> {
        let conn = conn.to_owned();
        let what = if scan.take("closed") {
            Expected::Closed(closing(scan))
        } else {
            let start = scan.clone();
            let protocol = self.header.spoken_on(&conn);
            let message = if protocol.has_lines() && !begins_named(scan.rest()) {
                Message::Line(line::reply(scan)?)
            } else {
                message(scan, Scan::pattern, true)?
            };
            let checked = match self.plays {
                Side::Client => wire::check_reply(protocol, &message),
                Side::Server => wire::check_question(protocol, &message),
            };
            checked.map_err(|complaint| start.error(complaint))?;
            Expected::Message(message)
        };
        scan.skip_spaces();
        let within = if scan.take("within ") { Some(scan.duration()?) } else { None };
        Ok(Expect { side: self.plays.other(), conn, what, within })
    }
}

/// Raw bytes, and a whole reply of statistics, are written alike in every protocol.
fn begins_named(text: &str) -> bool {
    text.starts_with("hex ") || text == "stats" || text.starts_with("stats ")
}

fn closing(scan: &mut Scan<'_>) -> Closing {
    if scan.take(" eof") {
        Closing::Eof
    } else if scan.take(" rst") {
        Closing::Rst
    } else {
        Closing::Any
    }
}

fn connection(scan: &mut Scan<'_>) -> Parsed<String> {
    let name = scan.take_while(|c| c.is_ascii_alphanumeric() || c == '_');
    if name.is_empty() {
        Err(scan.error("a connection's name expected"))
    } else {
        Ok(name.to_owned())
    }
}

fn flood(scan: &mut Scan<'_>) -> Parsed<Step> {
    let conn = connection(scan)?;
    scan.skip_spaces();
    let start = scan.clone();
    let count = scan.integer()?;
    if (1..=FLOOD_MAX).contains(&count) {
        Ok(Step::Flood { conn, count })
    } else {
        Err(start.error(format!("a flood is of 1 to {FLOOD_MAX} connections")))
    }
}

fn modifiers(scan: &mut Scan<'_>, send: &mut Send) -> Parsed<()> {
    loop {
        scan.skip_spaces();
        if scan.take("more") {
            send.more = true;
        } else if scan.take("cut ") {
            send.cut = Some(scan.integer()?);
        } else if scan.take("from ") {
            send.from = Some(scan.integer()?);
        } else if scan.take("split each") {
            send.split = Some(Split::Each);
        } else if scan.take("split") {
            send.split = Some(split_sizes(scan)?);
        } else {
            return Err(scan.error(
                "a modifier expected: `split 1 23 *`, `split each`, `more`, `cut 30` or `from 30`",
            ));
        }
        if !scan.take(",") {
            return Ok(());
        }
    }
}

fn split_sizes(scan: &mut Scan<'_>) -> Parsed<Split> {
    let mut sizes = Vec::new();
    loop {
        scan.skip_spaces();
        if scan.take("*") {
            return Ok(Split::Sizes(sizes));
        }
        sizes.push(scan.integer()?);
    }
}

fn comment(scan: &mut Scan<'_>) -> Parsed<Option<(usize, String)>> {
    scan.skip_spaces();
    let column = scan.column();
    if scan.take("#") {
        return Ok(Some((column, scan.rest().trim_end().to_owned())));
    }
    if scan.at_end() {
        Ok(None)
    } else {
        Err(scan.error(format!("`{}` is left over", scan.rest())))
    }
}

fn message<'a, T>(
    scan: &mut Scan<'a>,
    value: impl Fn(&mut Scan<'a>) -> Parsed<T>,
    reply: bool,
) -> Parsed<Message<T>> {
    if scan.take("hex ") {
        let bytes = scan.hex(|c| c == '|' || c == '#' || c == '}')?;
        return if bytes.is_empty() {
            Err(scan.error("`hex` without bytes"))
        } else {
            Ok(Message::Raw(bytes))
        };
    }
    let (mut words, mut args, mut fields, mut tag) = (Vec::new(), Vec::new(), Vec::new(), None);
    loop {
        scan.skip_spaces();
        let before = scan.clone();
        match scan.peek() {
            None | Some('#' | '|' | '}') => break,
            Some('@') => {
                scan.need("@")?;
                tag = Some(scan.word().to_owned());
                continue;
            }
            _ => {}
        }
        let word = scan.word();
        if reply && word == "within" {
            *scan = before;
            break;
        }
        let bare = scan.at_end() || scan.peek() == Some(' ');
        if !word.is_empty() && scan.take("=") {
            if fields.iter().any(|(name, _)| name == word) {
                return Err(before.error(format!("`{word}=` stands twice")));
            }
            fields.push((word.to_owned(), value(scan)?));
        } else if !word.is_empty()
            && bare
            && args.is_empty()
            && fields.is_empty()
            && is_word(word, words.len())
        {
            words.push(word.to_owned());
        } else if fields.is_empty() {
            *scan = before;
            args.push(value(scan)?);
        } else {
            return Err(before.error("a value without a name stands before the fields"));
        }
        if !matches!(scan.peek(), None | Some(' ' | '|' | '#' | '}')) {
            return Err(scan.error("a space expected"));
        }
    }
    if words.is_empty() && args.is_empty() && fields.is_empty() {
        return Err(scan.error("a message expected"));
    }
    Ok(Message::Named { words, args, fields, tag })
}

/// Bare words come first; a number is one only where a name may stand (an opcode, a status).
fn is_word(word: &str, index: usize) -> bool {
    word.starts_with(|c: char| {
        c.is_ascii_alphabetic() || c == '*' || (index < 2 && c.is_ascii_digit())
    })
}
