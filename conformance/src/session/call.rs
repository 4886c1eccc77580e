//! What a client under test is asked to do: `get "k" -> "v" or error`.
//!
//! Sessions that play the server need it: they wait for requests that somebody has to cause. Which names of calls there
//! are, and what an outcome is called, is between a session and those who drive a client; `docs/session-format.md` lists
//! the ones in use.

use std::fmt;

use super::parse::ParseError;
use super::scan::Scan;
use super::value::{EvalError, Scope, Value};

/// A call, and every outcome of it that is right.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Call {
    /// What is called: `get`.
    pub name: String,
    /// With what.
    pub arguments: Vec<Vec<u8>>,
    /// Each outcome as a driver writes it: `"v"`, `miss`, `error`, `"a" miss`.
    pub right: Vec<String>,
    /// As the session writes it.
    text: String,
}

impl Call {
    /// Whether an outcome, in a driver's words, is one of the right ones. `error` allows every kind of error.
    pub fn allows(&self, outcome: &str) -> bool {
        let fits = |right: &String| {
            right == outcome || (right == "error" && outcome.starts_with("error "))
        };
        self.right.iter().any(fits)
    }
}

impl fmt::Display for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// A word, or a value.
enum Token {
    Word(String),
    Value(Value),
}

/// Reads what stands behind `call`.
pub(super) fn parse(scan: &mut Scan<'_>) -> Result<Call, ParseError> {
    let start = scan.clone();
    let mut tokens = Vec::new();
    loop {
        scan.skip_spaces();
        match scan.peek() {
            None => break,
            Some('"' | '0'..='9') => tokens.push(Token::Value(scan.value()?)),
            Some(c) if c.is_ascii_alphabetic() => {
                let before = scan.clone();
                let word = scan.word();
                if scan.peek() == Some('(') {
                    // `rep("a",9)` begins as a word does.
                    *scan = before;
                    tokens.push(Token::Value(scan.value()?));
                } else {
                    tokens.push(Token::Word(word.to_owned()));
                }
            }
            Some('-') => {
                scan.need("->")?;
                tokens.push(Token::Word("->".to_owned()));
            }
            Some(_) => return Err(scan.error("a word, a value or `->` expected")),
        }
    }
    call(&tokens).map_err(|complaint| start.error(complaint))
}

const FORM: &str =
    "a call is a name, values, `->` and the right outcomes: `get \"k\" -> \"v\" or error`";

fn call(tokens: &[Token]) -> Result<Call, String> {
    let is_word =
        |token: &Token, wanted: &str| matches!(token, Token::Word(word) if word == wanted);
    let arrow = tokens.iter().position(|token| is_word(token, "->")).ok_or(FORM)?;
    let (asked, right) = tokens.split_at(arrow);
    let Some((Token::Word(name), arguments)) = asked.split_first() else {
        return Err(FORM.to_owned());
    };
    let arguments = arguments.iter().map(argument).collect::<Result<_, _>>()?;
    let right: Vec<&[Token]> = right[1..].split(|token| is_word(token, "or")).collect();
    if right.iter().any(|outcome| outcome.is_empty()) {
        return Err(FORM.to_owned());
    }
    let right = right.into_iter().map(outcome).collect::<Result<_, _>>()?;
    let text = tokens.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ");
    Ok(Call { name: name.clone(), arguments, right, text })
}

fn argument(token: &Token) -> Result<Vec<u8>, String> {
    match token {
        Token::Word(word) => Err(format!("`{word}` is no value: bytes or a number expected")),
        Token::Value(value) => value.bytes(&Scope::default()).map_err(told),
    }
}

fn outcome(tokens: &[Token]) -> Result<String, String> {
    let words: Result<Vec<String>, String> = tokens
        .iter()
        .map(|token| match token {
            Token::Word(word) => Ok(word.clone()),
            Token::Value(value) => {
                value.eval(&Scope::default()).map(|datum| datum.to_string()).map_err(told)
            }
        })
        .collect();
    words.map(|words| words.join(" "))
}

#[expect(clippy::needless_pass_by_value, reason = "what map_err hands over")]
fn told(error: EvalError) -> String {
    error.to_string()
}

impl fmt::Display for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Word(word) => f.write_str(word),
            Self::Value(value) => write!(f, "{value}"),
        }
    }
}
