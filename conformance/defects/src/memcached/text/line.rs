//! Lines of requests: where one ends, how long it may be, and its words.

use std::io;

use super::defects::Switch;
use super::meta_defects::Switch as Meta;
use super::{On, Talk};

/// How much may come without a line end. Only `get` and `gets` go beyond.
const LINE_BYTES_MAX: usize = 2048;
/// The longest key.
const KEY_BYTES_MAX: usize = 250;

impl Talk<'_> {
    /// The words of the next line; nothing where the connection ends.
    pub(super) async fn words(&mut self) -> io::Result<Option<Vec<Vec<u8>>>> {
        loop {
            if let Some(end) = self.end_of_line() {
                let line = self.socket.take(end);
                self.searched = 0;
                return Ok(Some(self.cut(&line)));
            }
            if self.is_too_long() {
                return Ok(None);
            }
            let had = self.socket.input.len();
            if !self.socket.more().await? {
                let runs = had > 0 && self.wrong(Switch::UnfinishedLineRuns);
                let line = self.socket.take(had);
                return Ok(runs.then(|| self.cut(&line)));
            }
        }
    }

    /// How many bytes the first line has, its end included.
    fn end_of_line(&mut self) -> Option<usize> {
        let input = &self.socket.input;
        let rest = input.get(self.searched..).unwrap_or_default();
        let found = rest.iter().position(|&byte| byte == b'\n').map(|at| self.searched + at + 1);
        let ends_early = match input.iter().position(|&byte| byte == b'\r') {
            Some(at) if at + 1 == input.len() => self.wrong(Switch::SegmentMayEndInCr),
            _ => false,
        };
        let whole = ends_early
            || self.wrong(Switch::SegmentEndsTheLine)
            || self.wrong(Meta::SegmentEndsTheLine);
        if found.is_none() && whole && !input.is_empty() {
            return Some(input.len());
        }
        let mut found = found;
        if self.wrong(Switch::BareLfEndsNoLine) || self.wrong(Meta::BareLfEndsNoLine) {
            found = input.windows(2).position(|pair| pair == b"\r\n").map(|at| at + 2);
        }
        if self.wrong(Switch::LoneCrEndsALine) {
            let cr = input.windows(2).position(|pair| pair[0] == b'\r' && pair[1] != b'\n');
            found = cr.map(|at| at + 1).filter(|&at| found.is_none_or(|end| at < end)).or(found);
        }
        self.searched = input.len();
        found
    }

    fn is_too_long(&self) -> bool {
        let input = &self.socket.input;
        let exempt = input.starts_with(b"get ") || input.starts_with(b"gets ");
        input.len() > LINE_BYTES_MAX && (!exempt || self.wrong(Switch::GetLinesAreLimited))
    }

    /// Cuts a line into words, without its end.
    fn cut(&self, line: &[u8]) -> Vec<Vec<u8>> {
        let line = line.strip_suffix(b"\n").unwrap_or(line);
        let keeps_cr = self.wrong(Switch::CrStaysInTheLine);
        let line = line.strip_suffix(b"\r").filter(|_| !keeps_cr).unwrap_or(line);
        let separates =
            |byte: &u8| *byte == b' ' || *byte == b'\t' && self.wrong(Switch::TabSeparatesWords);
        let one_space =
            self.wrong(Switch::OneSpaceSeparates) || self.wrong(Meta::OneSpaceSeparates);
        let words = line.split(separates).filter(|word| one_space || !word.is_empty());
        words.map(<[u8]>::to_vec).collect()
    }

    /// The name of a command.
    pub(super) fn name(&self, words: &[Vec<u8>]) -> Vec<u8> {
        let name = words.first().cloned().unwrap_or_default();
        let ignores_case = self.wrong(Switch::NamesIgnoreCase) || self.wrong(Meta::NamesIgnoreCase);
        if ignores_case {
            return name.to_ascii_lowercase();
        }
        if name.starts_with(b"get") && self.wrong(Switch::NamesMayBeLonger) {
            return b"get".to_vec();
        }
        if matches!(&name[..], b"mx" | b"mv") && self.wrong(Meta::OtherWordsAreMg) {
            return b"mg".to_vec();
        }
        name
    }

    /// Whether a key may be used as it stands in a line.
    pub(super) fn is_key(&self, key: &[u8]) -> bool {
        let most = match self.on() {
            On::Text(Switch::KeyOf250IsRefused) | On::Meta(Meta::KeyOf250IsRefused) => {
                KEY_BYTES_MAX - 1
            }
            On::Text(Switch::KeyOf251IsAccepted) | On::Meta(Meta::KeyOf251IsAccepted) => {
                KEY_BYTES_MAX + 1
            }
            _ => KEY_BYTES_MAX,
        };
        let lets_in =
            self.wrong(Switch::ControlBytesAreTaken) || self.wrong(Switch::ControlBytesEndTheKey);
        // A CR that ends no line is a byte like others (MCT-LIN-15).
        let controls = key.iter().any(|&byte| (byte < b' ' || byte == 0x7f) && byte != b'\r');
        let high = key.iter().any(|&byte| byte >= 0x80);
        let reserved = matches!(key, b"noreply" | b"get" | b"0");
        key.len() <= most
            && (!controls || lets_in)
            && !(high && self.wrong(Switch::HighBytesAreRefused))
            && !(reserved && self.wrong(Switch::WordsOfTheProtocolAreNoKeys))
    }

    /// The key that an item is stored under: as it was sent.
    pub(super) fn stored_key(&self, key: &[u8]) -> Vec<u8> {
        if self.wrong(Switch::ControlBytesEndTheKey) {
            let end = key.iter().position(|byte| *byte < b' ').unwrap_or(key.len());
            return key[..end].to_vec();
        }
        if self.wrong(Switch::KeysAreOfLinesOnly) || self.wrong(Meta::KeysAreOfMetaOnly) {
            return [b" ", key].concat();
        }
        key.to_vec()
    }
}
