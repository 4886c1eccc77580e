//! The meta commands: their keys, what of their flags comes back, and what q keeps back.

mod arithmetic;
mod base64;
mod debug;
mod delete;
mod flags;
mod get;
mod quiet;
mod set;
mod stale;

use super::block::BAD_FORMAT;
use super::meta_defects::Switch;
use super::{On, Talk};
use flags::{Flag, Flags};

/// A request whose key and flags are right.
struct Asked {
    /// The command's second letter.
    name: u8,
    /// The key as it was sent.
    word: Vec<u8>,
    /// The key that the item is stored under.
    key: Vec<u8>,
    flags: Flags,
}

impl Talk<'_> {
    /// Every meta command but ms.
    pub(super) async fn meta(&mut self, name: &[u8], words: &[Vec<u8>]) -> Vec<u8> {
        if name == b"mn" {
            return self.line("MN");
        }
        let Some((key, flags)) = words.get(1).zip(words.get(2..)) else {
            return self.error(if name == b"me" { BAD_FORMAT } else { "ERROR" });
        };
        if name == b"me" {
            return self.meta_debug(key, flags);
        }
        let asked = match self.meta_request(name[1], key, flags) {
            Ok(asked) => asked,
            Err(error) => return self.refuse(flags, error),
        };
        self.server.store.borrow_mut().statistics.count("cmd_meta");
        let said = match asked.name {
            b'g' => self.meta_get(&asked).await,
            b'd' => self.meta_delete(&asked).await,
            _ => self.meta_count(&asked).await,
        };
        self.unless_quiet(&asked, said)
    }

    /// Reads key and flags.
    fn meta_request(
        &self,
        name: u8,
        word: &[u8],
        flags: &[Vec<u8>],
    ) -> Result<Asked, &'static str> {
        let flags = self.meta_flags(name, flags)?;
        let key = self.meta_key(word, flags.has(b'b'))?;
        Ok(Asked { name, word: word.to_vec(), key, flags })
    }

    /// The key that the item is stored under: what base64 stands for, if it is base64.
    fn meta_key(&self, word: &[u8], is_base64: bool) -> Result<Vec<u8>, &'static str> {
        if !self.is_key(word) {
            return Err(BAD_FORMAT);
        }
        if !is_base64 || self.wrong(Switch::Base64IsTheKey) {
            return Ok(self.stored_key(word));
        }
        let decoded = base64::decode(word, self.wrong(Switch::PaddingMayBeMissing));
        let takes_any = self.wrong(Switch::UndecodableIsTheKey).then(|| word.to_vec());
        let key = decoded.or(takes_any).ok_or("CLIENT_ERROR error decoding key")?;
        Ok(self.stored_key(&key))
    }

    /// Errors carry nothing of the request.
    fn refuse(&self, flags: &[Vec<u8>], error: &str) -> Vec<u8> {
        let opaque = flags.iter().find(|flag| flag.starts_with(b"O"));
        if self.wrong(Switch::QuietHidesRefusals) && flags.iter().any(|flag| flag == b"q") {
            return Vec::new();
        }
        match opaque.filter(|_| self.wrong(Switch::ErrorsCarryTheOpaque)) {
            Some(opaque) => self.line([error.as_bytes(), b" ", opaque].concat()),
            None => self.error(error),
        }
    }

    /// A reply line: a code, and what flags tell.
    fn reply(&mut self, asked: &Asked, code: &str, mut told: Vec<Vec<u8>>) -> Vec<u8> {
        if self.wrong(Switch::FlagsComeSorted) {
            told.sort();
        }
        if self.wrong(Switch::OpaqueComesLast) {
            told.sort_by_key(|flag| flag.starts_with(b"O"));
        }
        if self.wrong(Switch::UnaskedFlagsCome) && !asked.flags.has(b't') {
            told.push(b"t-1".to_vec());
        }
        let code = match code {
            "HD" if self.wrong(Switch::SuccessIsOk) => "OK",
            "EN" if self.wrong(Switch::MissIsEnd) => "END",
            "EX" if self.wrong(Switch::MismatchIsNs) => "NS",
            "NF" if asked.name == b'd' && self.wrong(Switch::MdMissIsEn) => "EN",
            "NF" if asked.name == b'a' && self.wrong(Switch::MaMissIsEn) => "EN",
            code => code,
        };
        let mut line = code.as_bytes().to_vec();
        for flag in told.into_iter().filter(|flag| !flag.is_empty()) {
            line.push(b' ');
            line.extend(flag);
        }
        if self.wrong(Switch::RepliesEndInASpace) {
            line.push(b' ');
        }
        self.line(line)
    }

    /// What O and k tell, whatever the code; nothing for any other flag.
    fn echo(&mut self, asked: &Asked, code: &str, flag: &Flag) -> Vec<Vec<u8>> {
        match flag.letter {
            b'O' => self.opaque(asked, code, flag).into_iter().collect(),
            b'k' => self.told_key(asked, code),
            b'P' | b'L' if self.wrong(Switch::HintsComeBack) => vec![flag.word()],
            _ => Vec::new(),
        }
    }

    /// What O and k tell, and no other flag.
    fn echoes(&mut self, asked: &Asked, code: &str) -> Vec<Vec<u8>> {
        asked.flags.iter().flat_map(|flag| self.echo(asked, code, flag)).collect()
    }

    fn opaque(&mut self, asked: &Asked, code: &str, flag: &Flag) -> Option<Vec<u8>> {
        let before = std::mem::replace(&mut self.kept.opaque, flag.word());
        let lost = match asked.name {
            b'g' if code == "EN" => self.wrong(Switch::OpaqueOfAMissIsLost),
            b'g' => self.wrong(Switch::OpaqueOfMgIsLost),
            b's' if code == "HD" => self.wrong(Switch::OpaqueOfMsIsLost),
            b'd' => self.wrong(Switch::OpaqueOfMdIsLost),
            b'a' => self.wrong(Switch::OpaqueOfMaIsLost),
            _ => self.wrong(Switch::OpaqueOfFailuresIsLost),
        };
        if lost {
            return None;
        }
        let mut opaque = flag.word();
        match self.on() {
            On::Meta(Switch::BareOpaqueIsLost) if flag.argument.is_empty() => return None,
            On::Meta(Switch::OpaqueIsThatBefore) if !before.is_empty() => opaque = before,
            On::Meta(Switch::OpaqueIsANumber) => {
                opaque.retain(|byte| *byte == b'O' || byte.is_ascii_digit());
            }
            On::Meta(Switch::OpaqueIsCut) => opaque.truncate(16),
            _ => {}
        }
        Some(opaque)
    }

    fn told_key(&self, asked: &Asked, code: &str) -> Vec<Vec<u8>> {
        let lost = match code {
            "EN" => self.wrong(Switch::KeyOfAMissIsLost),
            "NS" | "EX" | "NF" => self.wrong(Switch::KeyOfFailuresIsLost),
            _ if asked.name == b's' => self.wrong(Switch::KeyOfMsIsLost),
            _ if asked.name == b'd' => self.wrong(Switch::KeyOfMdIsLost),
            _ => false,
        };
        let decoded = self.wrong(Switch::KeyComesBackDecoded)
            || self.wrong(Switch::VivifiedKeyComesBackRaw) && self.is_stub(&asked.key);
        let key = if decoded { &asked.key } else { &asked.word };
        if lost {
            return Vec::new();
        }
        let mut told = vec![[b"k", &key[..]].concat()];
        if asked.flags.has(b'b') && !decoded && !self.wrong(Switch::BIsNotEchoed) {
            told.push(b"b".to_vec());
        }
        told
    }

    fn is_stub(&self, key: &[u8]) -> bool {
        let store = self.server.store.borrow();
        store.items.get(key).is_some_and(|item| item.marks.won && item.value.is_empty())
    }
}
