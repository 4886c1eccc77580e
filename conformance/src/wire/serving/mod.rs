//! The codecs the other way round, for sessions that play the server: a client's requests are held against patterns, and
//! replies are built as loosely as a session asks for.
//!
//! Leaves out reading requests: [`super::request`] does that, for the recorder as well.

mod locker;
mod memcached;
mod netmem;
#[cfg(test)]
mod tests;

use super::request::{Request, TakenRequest};
use super::{Asked, Codec, Comparison, Outgoing, Protocol, Reply, Taken, check_fields, opcode};
use crate::session::{Datum, EvalError, Message, Pattern, Scope, Value};

impl Codec {
    /// A session's reply as bytes. What it does not say is repeated from `asked`, the request that it answers.
    ///
    /// # Errors
    ///
    /// A value that cannot be computed.
    pub fn answer(
        &self,
        message: &Message<Value>,
        scope: &Scope,
        asked: Option<&Asked>,
    ) -> Result<Outgoing, EvalError> {
        if let Message::Raw(bytes) = message {
            return Ok(Outgoing { bytes: bytes.clone(), borders: Vec::new(), asked: None });
        }
        match self.protocol {
            Protocol::Memcached => memcached::encode(message, scope, asked),
            Protocol::NetMem => netmem::encode(message, scope, asked),
            Protocol::Locker => locker::encode(self.results, message, scope, asked),
            // A session of lines does not play the server.
            Protocol::Echo | Protocol::Text | Protocol::Meta => super::echo::encode(message, scope),
        }
    }

    /// The code of the request that a reply answers, where the session names it and the protocol tells requests apart.
    pub(crate) fn answered_code(self, message: &Message<Value>) -> Option<u8> {
        match self.protocol {
            Protocol::Memcached => opcode(message.words().get(1)?),
            // These answer in order, whatever a reply says.
            _ => None,
        }
    }
}

/// The request at the front of `buffer`.
pub(super) fn take(codec: Codec, buffer: &[u8]) -> Taken {
    match codec.take_request(buffer) {
        TakenRequest::Incomplete(needed) => Taken::Incomplete(needed),
        TakenRequest::Broken => Taken::Broken("no request begins with these bytes".to_owned()),
        TakenRequest::Whole(request) => match decoded(codec.protocol, request) {
            Ok(request) => Taken::Whole(request),
            Err(error) => Taken::Broken(error.to_string()),
        },
    }
}

fn decoded(protocol: Protocol, request: Request) -> Result<Reply, EvalError> {
    let scope = Scope::default();
    let mut fields = Vec::new();
    for key in request.message.args() {
        fields.push(("key", key.eval(&scope)?));
    }
    for name in known_fields(protocol) {
        if let Some(value) = request.message.field(name) {
            fields.push((*name, value.eval(&scope)?));
        }
    }
    let mut words = request.message.words().to_vec();
    if let Message::Raw(bytes) = &request.message {
        words.push("hex".to_owned());
        fields.push(("bytes", Datum::Bytes(bytes.clone())));
    }
    let code = request.asked.as_ref().map_or(0, |asked| asked.code);
    if let (Protocol::Memcached, Some(asked)) = (protocol, &request.asked) {
        fields.push(("opaque", Datum::Number(i128::from(asked.opaque))));
    }
    Ok(Reply {
        words,
        fields,
        code,
        status: 0,
        length: request.length,
        asked: request.asked,
        ..Reply::default()
    })
}

const fn known_fields(protocol: Protocol) -> &'static [&'static str] {
    match protocol {
        Protocol::Memcached => super::memcached::REQUEST_FIELDS,
        Protocol::NetMem => super::netmem::REQUEST_FIELDS,
        Protocol::Locker => super::locker::REQUEST_FIELDS,
        Protocol::Echo | Protocol::Text | Protocol::Meta => &[],
    }
}

/// Holds a request against a session's line. What the line does not list must have its default; the opaque is the
/// client's own business.
pub(super) fn compare(
    protocol: Protocol,
    expected: &Message<Pattern>,
    comparison: &mut Comparison<'_>,
) -> Result<(), EvalError> {
    let names = expected.words().first().map_or("", String::as_str);
    let got = comparison.reply.words.join(" ");
    let asked = comparison.reply.asked.is_some();
    let code = comparison.reply.code;
    let fits = asked
        && names.split('|').any(|name| name == "*" || request_code(protocol, name) == Some(code));
    comparison.require(fits, "request", names, &got);
    if !fits {
        return Ok(());
    }
    for name in known_fields(protocol) {
        match expected.field(name) {
            Some(pattern) => field(comparison, name, pattern)?,
            None if *name == "opaque" || (*name == "key" && protocol == Protocol::Locker) => {}
            None if *name == "extras" => extras(comparison),
            None => field(comparison, name, &Pattern::Value(default(name)))?,
        }
    }
    if protocol == Protocol::Locker {
        keys(expected.args(), comparison)?;
    }
    Ok(())
}

/// A request has this field only where its extras are not what its opcode takes; none at all may be wrong too.
fn extras(comparison: &mut Comparison<'_>) {
    if let Some(got) = comparison.reply.field("extras").map(ToString::to_string) {
        comparison.differs("extras", "what the opcode takes".to_owned(), got);
    }
}

/// A field of the request, or the default that it left unsaid.
fn field(comparison: &mut Comparison<'_>, name: &str, pattern: &Pattern) -> Result<(), EvalError> {
    if comparison.reply.field(name).is_some() {
        return comparison.field(name, pattern);
    }
    let got = default(name).eval(comparison.scope)?;
    if !pattern.matches(&got, comparison.scope)? {
        comparison.differs(name, pattern.explained(comparison.scope), got.to_string());
    }
    Ok(())
}

/// What a request says where it says nothing.
fn default(name: &str) -> Value {
    match name {
        "key" | "value" | "data" | "extras" | "body" | "pad" => Value::Text(Vec::new()),
        "delta" => super::number(1),
        _ => super::number(0),
    }
}

/// A locker request's keys, in order.
fn keys(expected: &[Pattern], comparison: &mut Comparison<'_>) -> Result<(), EvalError> {
    let fields = &comparison.reply.fields;
    let keys: Vec<Datum> =
        fields.iter().filter(|(name, _)| *name == "key").map(|(_, key)| key.clone()).collect();
    let (wanted, got) = (format!("{} keys", expected.len()), format!("{} keys", keys.len()));
    comparison.require(expected.len() == keys.len(), "keys", &wanted, got);
    for (pattern, key) in expected.iter().zip(&keys) {
        if !pattern.matches(key, comparison.scope)? {
            comparison.differs("key", pattern.explained(comparison.scope), key.to_string());
        }
    }
    Ok(())
}

fn request_code(protocol: Protocol, name: &str) -> Option<u8> {
    match protocol {
        Protocol::Memcached => opcode(name),
        Protocol::NetMem => super::netmem::code(name),
        Protocol::Locker => super::locker::code(name),
        Protocol::Echo | Protocol::Text | Protocol::Meta => None,
    }
}

/// Whether a session may expect this request; else what is wrong with it.
pub(crate) fn check_question(protocol: Protocol, message: &Message<Pattern>) -> Result<(), String> {
    let Message::Named { words, args, fields, .. } = message else { return Ok(()) };
    check_fields(fields, known_fields(protocol))?;
    let names = match (protocol, words.as_slice(), args.as_slice()) {
        (Protocol::Echo, [], [_]) => return Ok(()),
        (Protocol::Echo, ..) => {
            return Err("an echo message is one value: `A> \"hello\\0\"`".to_owned());
        }
        (Protocol::Locker, [names], _) | (_, [names], []) => names,
        _ => return Err("a request is a name (or several: `get|getk`) and its fields".to_owned()),
    };
    let unknown = |name: &&str| *name != "*" && request_code(protocol, name).is_none();
    match names.split('|').find(unknown) {
        Some(name) => Err(format!("`{name}` is no {} request", protocol.name())),
        None => Ok(()),
    }
}

/// Whether a session may answer this; else what is wrong with it.
pub(crate) fn check_answer(protocol: Protocol, message: &Message<Value>) -> Result<(), String> {
    let Message::Named { words, args, fields, .. } = message else { return Ok(()) };
    match (protocol, words.as_slice(), args.as_slice()) {
        (Protocol::Echo, [], [_]) if fields.is_empty() => Ok(()),
        (Protocol::Echo, ..) => Err("an echo reply is one value: `A< \"hello\\0\"`".to_owned()),
        (Protocol::Memcached, words, []) => memcached::check(words, fields),
        (Protocol::NetMem, words, []) => netmem::check(words, fields),
        (Protocol::Locker, words, []) => locker::check(words, fields),
        _ => Err("a reply is words and fields; only requests have keys without `key=`".to_owned()),
    }
}
