//! What every page has: head, policy, style, script.

use maud::{DOCTYPE, Markup, PreEscaped, html};
use sha2::{Digest, Sha256};

use crate::report::Verdict;

const STYLE: &str = include_str!("page.css");
const SCRIPT: &str = include_str!("page.js");

/// A page, before its frame is put around it.
pub(in crate::report) struct Page {
    pub(in crate::report) title: String,
    pub(in crate::report) header: Markup,
    pub(in crate::report) main: Markup,
}

impl Page {
    /// The whole file.
    pub(in crate::report) fn into_string(self) -> String {
        let page = html! {
            (DOCTYPE)
            html lang="en" {
                head {
                    meta charset="utf-8";
                    meta http-equiv="Content-Security-Policy" content=(policy());
                    meta name="viewport" content="width=device-width, initial-scale=1";
                    meta name="color-scheme" content="light dark";
                    meta name="generator" content=(concat!("lockproof ", env!("CARGO_PKG_VERSION")));
                    title { (self.title) }
                    style { (PreEscaped(STYLE)) }
                }
                body {
                    a.skip href="#cases" { "To the cases" }
                    header { (self.header) }
                    main { (self.main) }
                    footer {
                        "Written by lockproof " (env!("CARGO_PKG_VERSION"))
                        ". This file is complete: it loads nothing and sends nothing."
                    }
                    script { (PreEscaped(SCRIPT)) }
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

fn policy() -> String {
    format!(
        "default-src 'none'; style-src 'sha256-{}'; script-src 'sha256-{}'; base-uri 'none'; form-action 'none'",
        base64(&Sha256::digest(STYLE)),
        base64(&Sha256::digest(SCRIPT))
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
