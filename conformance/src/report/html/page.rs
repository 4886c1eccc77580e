//! What every page has: head, policy, style, script.

use maud::{DOCTYPE, Markup, PreEscaped, html};
use sha2::{Digest, Sha256};

use crate::report::Verdict;

const STYLE: &str = include_str!("page.css");
const SCRIPT: &str = include_str!("page.js");

/// A page, before its frame is put around it.
#[derive(Debug)]
pub struct Page {
    /// What the window is called.
    pub title: String,
    /// What it is about.
    pub header: Markup,
    /// All of it.
    pub main: Markup,
    /// The part that most people come for: its id and its name.
    pub begins: Part,
    /// Style beyond what all pages have.
    pub style: &'static str,
    /// Script beyond what all pages have.
    pub script: &'static str,
}

/// A part of a page.
#[derive(Clone, Copy, Debug)]
pub struct Part {
    /// Its id.
    pub id: &'static str,
    /// What it is called in the middle of a sentence.
    pub name: &'static str,
}

impl Page {
    /// The cases of a report.
    pub(in crate::report) const CASES: Part = Part { id: "cases", name: "the cases" };
}

impl Page {
    /// The whole file.
    pub fn into_string(self) -> String {
        let wanted = |texts: [&'static str; 2]| texts.into_iter().filter(|text| !text.is_empty());
        let styles: Vec<&str> = wanted([STYLE, self.style]).collect();
        let scripts: Vec<&str> = wanted([SCRIPT, self.script]).collect();
        let page = html! {
            (DOCTYPE)
            html lang="en" {
                head {
                    meta charset="utf-8";
                    meta http-equiv="Content-Security-Policy" content=(policy(&styles, &scripts));
                    meta name="viewport" content="width=device-width, initial-scale=1";
                    meta name="color-scheme" content="light dark";
                    meta name="generator" content=(concat!("lockproof ", env!("CARGO_PKG_VERSION")));
                    title { (self.title) }
                    @for style in &styles { style { (PreEscaped(style)) } }
                }
                body {
                    a.skip href=(format!("#{}", self.begins.id)) { "To " (self.begins.name) }
                    header { (self.header) }
                    main { (self.main) }
                    footer {
                        "Written by lockproof " (env!("CARGO_PKG_VERSION"))
                        ". This file is complete: it loads nothing and sends nothing."
                    }
                    @for script in &scripts { script { (PreEscaped(script)) } }
                }
            }
        };
        page.into_string()
    }
}

/// The sign and the name of a verdict; the name is there for those who do not see the sign.
pub(in crate::report) fn mark(verdict: Verdict) -> Markup {
    html! { span.mark data-verdict=(verdict.name()) title=(verdict.name()) {
        span aria-hidden="true" { (sign(verdict)) }
        span.unseen { (verdict.name()) }
    } }
}

const fn sign(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Pass => "✓",
        Verdict::Fail => "✗",
        Verdict::ExpectedFail => "≈",
        Verdict::UnexpectedPass => "!",
        Verdict::Unsupported => "–",
        Verdict::Blocked => "◌",
        Verdict::NotPlayed => "…",
        Verdict::Error => "⚠",
    }
}

/// Nothing runs and nothing shapes the page but these.
fn policy(styles: &[&str], scripts: &[&str]) -> String {
    let digests = |texts: &[&str]| {
        let digests =
            texts.iter().map(|text| format!("'sha256-{}'", base64(&Sha256::digest(text))));
        digests.collect::<Vec<_>>().join(" ")
    };
    let (styles, scripts) = (digests(styles), digests(scripts));
    format!(
        "default-src 'none'; style-src {styles}; script-src {scripts}; base-uri 'none'; form-action 'none'"
    )
}

fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for chunk in bytes.chunks(3) {
        let byte = |at| u32::from(chunk.get(at).copied().unwrap_or_default());
        let bits = byte(0) << 16 | byte(1) << 8 | byte(2);
        let digit = |shift: u32| char::from(DIGITS[(bits >> shift & 63) as usize]);
        let digits = [18, 12, 6, 0].map(digit);
        text.extend(digits.iter().take(chunk.len() + 1));
        text.extend(std::iter::repeat_n('=', 3 - chunk.len()));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::base64;

    /// The examples of RFC 4648.
    #[test]
    fn digests_are_written_as_the_policy_wants_them() {
        for (bytes, text) in
            [("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foob", "Zm9vYg==")]
        {
            assert_eq!(base64(bytes.as_bytes()), text);
        }
    }
}
