//! The canonical text form: parsing it and printing again gives the same bytes.

use std::fmt::{self, Display, Write};
use std::time::Duration;

use super::value::hex_string;
use super::{Closing, Expect, Expected, Header, Line, Message, Send, Session, Side, Split, Step};

/// A raw message is printed in groups of this many bytes.
const RAW_GROUP: usize = 4;

impl Display for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}\n{}", self.header, block(&self.lines, 0))
    }
}

impl Display for Header {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "case   {}", self.case)?;
        if let Some(title) = &self.title {
            writeln!(f, "title  {title}")?;
        }
        if self.plays == Side::Server {
            writeln!(f, "plays  {}", self.plays.name())?;
        }
        writeln!(f, "level  {}", self.level.name())?;
        for (key, words) in [("spec ", &self.spec), ("needs", &self.needs)] {
            if !words.is_empty() {
                writeln!(f, "{key}  {}", words.join(" "))?;
            }
        }
        if let Some(after) = &self.after {
            writeln!(f, "after  {after}")?;
        }
        for call in &self.calls {
            writeln!(f, "call   {call}")?;
        }
        let names = self.conn.iter().map(|name| match self.speaks.get(name) {
            Some(protocol) => format!("{name}:{}", protocol.name()),
            None => name.clone(),
        });
        writeln!(f, "conn   {}", names.collect::<Vec<_>>().join(" "))
    }
}

fn block(lines: &[Line], indent: usize) -> String {
    lines.iter().map(|line| print_line(line, indent)).collect()
}

fn print_line(line: &Line, indent: usize) -> String {
    let mut text = String::new();
    if let Some(step) = &line.step {
        let _ = write!(text, "{:indent$}{}", "", print_step(step, indent));
    }
    if let Some((column, comment)) = &line.comment {
        let last = text.rsplit('\n').next().map_or(0, str::len);
        let gap = if line.step.is_some() { column.saturating_sub(last).max(2) } else { indent };
        let _ = write!(text, "{:gap$}#{comment}", "");
    }
    text.push('\n');
    text
}

fn print_step(step: &Step, indent: usize) -> String {
    match step {
        Step::Send(send) => send.to_string(),
        Step::Expect(expect) => expect.to_string(),
        Step::Quiet { conn, for_: None } => format!("{conn} quiet"),
        Step::Quiet { conn, for_: Some(time) } => format!("{conn} quiet {}", duration(*time)),
        Step::Control { action, conn } => format!("{} {conn}", action.name()),
        Step::Flood { conn, count } => format!("flood {conn} {count}"),
        Step::Advance(time) => format!("advance {}", duration(*time)),
        Step::Any { equal, blocks } => {
            let inline = blocks.iter().all(|block| is_inline(block));
            let blocks: Vec<String> =
                blocks.iter().map(|block| braces(block, indent, inline)).collect();
            format!("{} {}", if *equal { "either" } else { "any" }, blocks.join(" or "))
        }
        Step::Repeat { count, body } => {
            format!("repeat {count} {}", braces(body, indent, is_inline(body)))
        }
    }
}

fn is_inline(lines: &[Line]) -> bool {
    let [line] = lines else { return false };
    line.comment.is_none()
        && !matches!(line.step, None | Some(Step::Any { .. } | Step::Repeat { .. }))
}

fn braces(lines: &[Line], indent: usize, inline: bool) -> String {
    if inline {
        let step = lines.iter().find_map(|line| line.step.as_ref());
        return format!("{{ {} }}", step.map_or_else(String::new, |step| print_step(step, indent)));
    }
    format!("{{\n{}{:indent$}}}", block(lines, indent + 2), "")
}

/// A duration as a session writes it.
pub(super) fn duration(time: Duration) -> String {
    let millis = time.as_millis();
    if millis.is_multiple_of(1000) { format!("{}s", millis / 1000) } else { format!("{millis}ms") }
}

impl Display for Send {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{} {}", self.conn, self.side.arrow(), self.message)?;
        let mut modifiers = Vec::new();
        match &self.split {
            Some(Split::Each) => modifiers.push("split each".to_owned()),
            Some(Split::Sizes(sizes)) => {
                let sizes: Vec<String> = sizes.iter().map(ToString::to_string).collect();
                modifiers.push(format!("split {} *", sizes.join(" ")).replace("  ", " "));
            }
            None => {}
        }
        modifiers.extend(self.cut.map(|length| format!("cut {length}")));
        modifiers.extend(self.from.map(|length| format!("from {length}")));
        modifiers.extend(self.more.then(|| "more".to_owned()));
        if modifiers.is_empty() { Ok(()) } else { write!(f, " | {}", modifiers.join(", ")) }
    }
}

impl Display for Expect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{} {}", self.conn, self.side.arrow(), self.what)?;
        self.within.map_or(Ok(()), |bound| write!(f, " within {}", duration(bound)))
    }
}

impl Display for Expected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Message(message) => write!(f, "{message}"),
            Self::Closed(Closing::Any) => f.write_str("closed"),
            Self::Closed(Closing::Eof) => f.write_str("closed eof"),
            Self::Closed(Closing::Rst) => f.write_str("closed rst"),
        }
    }
}

impl<T: Display> Display for Message<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (words, args, fields, tag) = match self {
            Self::Raw(bytes) => {
                f.write_str("hex")?;
                return bytes
                    .chunks(RAW_GROUP)
                    .try_for_each(|group| write!(f, " {}", hex_string(group)));
            }
            Self::Line(line) => return write!(f, "{line}"),
            Self::Named { words, args, fields, tag } => (words, args, fields, tag),
        };
        let mut parts: Vec<String> = words.clone();
        parts.extend(args.iter().map(ToString::to_string));
        parts.extend(fields.iter().map(|(name, value)| format!("{name}={value}")));
        parts.extend(tag.iter().map(|tag| format!("@{tag}")));
        f.write_str(&parts.join(" "))
    }
}
