//! Lock servers that are wrong on purpose.
//!
//! Table and loop are their own; only the codec is the protocol's. The flawed servers that all protocols have use the
//! same table by its `Meaning`.

mod connection;
mod execute;
mod meaning;
mod table;

pub(crate) use connection::serve;
pub(crate) use table::Keys;

super::listed! {
    /// A lock server's flaw.
    L01 "looks whether a key is free, and grants it later without another look"
    L02 "keeps the keys of a session whose stream ended"
    L03 "keeps the keys of a session that was reset"
    L04 "frees at its end whatever a session ever had, whoever has it now"
    L05 "executes what a session had sent after its keys were freed"
    L06 "lets anybody release a key"
    L07 "answers a release and does nothing"
    L08 "keeps the part of a refused batch that came before the key in the way"
    L09 "locks the shards of a batch one after another, in the order of its keys"
    L10 "grants a batch key by key, and takes it back when one is not free"
    L11 "keeps the keys of a session that its replies could not be delivered to"
    L12 "has no deadline for the rest of a frame"
    L13 "sends while it holds the table's lock"
    L14 "takes a client for the session that came from its address before"
    L15 "waits for ever for a peer that vanished"
    L16 "closes a connection that holds nothing any more"
    L17 "throws away what came with a malformed request"
    L18 "waits for a body of any length"
    L19 "cuts keys at each character of the separator"
    L20 "grants a key again to the session that has it"
    L21 "remembers who was refused, and grants later to whoever that was"
    L22 "lets queries pass whoever waits to change something"
    L23 "refuses a batch release and frees a part of it"
}
