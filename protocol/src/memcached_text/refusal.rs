//! What a server says to a request that it does not execute, in memcached 1.6.18's words. Clients match on the first one
//! (MCT-ERR-01), but for "too large" and "out of memory".

/// An error line, without its end.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Refusal(&'static str);

macro_rules! refusals {
    ($($(#[doc = $doc:literal])* $name:ident = $text:literal;)+) => {
        impl Refusal {
            $($(#[doc = $doc])* pub const $name: Self = Self($text);)+
        }
    };
}

refusals! {
    /// Unknown command, or the wrong number of tokens (MCT-LIN-07).
    UNKNOWN = "ERROR";
    /// A key that is too long, or a number that is none (MCT-KEY-02).
    FORMAT = "CLIENT_ERROR bad command line format";
    /// A second argument of `delete` that is not 0 (MCT-DEL-03).
    DELETE_USAGE = "CLIENT_ERROR bad command line format.  Usage: delete <key> [noreply]";
    /// A data block that does not end where it should (MCT-BLK-04).
    CHUNK = "CLIENT_ERROR bad data chunk";
    /// An expiry that is none, where no other number is (MCT-GAT-03).
    EXPIRY = "CLIENT_ERROR invalid exptime argument";
    /// A delta that is none (MCT-ARI-06).
    DELTA = "CLIENT_ERROR invalid numeric delta argument";
    /// A value that is no number (MCT-ARI-05).
    NON_NUMERIC = "CLIENT_ERROR cannot increment or decrement non-numeric value";
    /// `flush_all`, where it is forbidden (MCT-FLU-07).
    NO_FLUSH = "CLIENT_ERROR flush_all not allowed";
    /// `stats detail` with another word (MCT-STT-07).
    STATS_DETAIL = "CLIENT_ERROR usage: stats detail on|off|dump";
    /// Keys are not listed here (MCT-ADM-12).
    NO_DUMP = "CLIENT_ERROR stats cachedump not allowed";
    /// The same.
    NO_METADUMP = "ERROR metadump not allowed";
    /// Nobody watches a log by this connection (MCT-ADM-10).
    NO_WATCH = "CLIENT_ERROR watch commands not allowed";
    /// There are no slabs, and there is no LRU with settings (MCT-ADM-11).
    NOT_HERE = "CLIENT_ERROR not supported by this server";
    /// A client does not end the server (MCT-ADM-05).
    NO_SHUTDOWN = "ERROR: shutdown not enabled";
    /// Before a password was right (MCT-AUT-02).
    UNAUTHENTICATED = "CLIENT_ERROR unauthenticated";
    /// A wrong password (MCT-AUT-03).
    WRONG_PASSWORD = "CLIENT_ERROR authentication failure";
    /// No user and password in the block (MCT-AUT-03).
    BAD_LOGIN = "CLIENT_ERROR bad authentication token format";
    /// A block with a password that does not end where it should (MCT-AUT-03).
    LOGIN_END = "CLIENT_ERROR bad command line termination";
    /// The value cannot fit (MCT-LIM-01).
    TOO_LARGE = "SERVER_ERROR object too large for cache";
    /// There is no memory for the item (MCT-LIM-08).
    NO_MEMORY = "SERVER_ERROR out of memory storing object";

    /// Meta: a flag twice (MCM-GEN-04).
    DUPLICATE_FLAG = "CLIENT_ERROR duplicate flag";
    /// Meta: a letter that is no flag (MCM-GEN-05).
    FLAG = "CLIENT_ERROR invalid flag";
    /// Meta: either of them, or a number that is none, by `md` and `ma`.
    FLAGS = "CLIENT_ERROR invalid or duplicate flag";
    /// Meta: a number in a flag that is none (MCM-GEN-08).
    TOKEN = "CLIENT_ERROR bad token in command line format";
    /// Meta: a key that is not base64 (MCM-KEY-07).
    BASE64 = "CLIENT_ERROR error decoding key";
    /// Meta: an opaque that is too long (MCM-OPQ-02).
    OPAQUE = "CLIENT_ERROR opaque token too long";
    /// Meta: too many flags of `mg` (MCM-GEN-10).
    TOO_MANY_OF_MG = "CLIENT_ERROR options flags are too long";
    /// Meta: too many flags of the others.
    TOO_MANY = "CLIENT_ERROR options flags too long";
    /// Meta: a mode of several letters, or none (MCM-SET-06).
    MODE_LENGTH = "CLIENT_ERROR incorrect length for M token";
    /// Meta: a mode that `ms` has not.
    STORE_MODE = "CLIENT_ERROR invalid mode for ms M token";
    /// Meta: a mode that `ma` has not (MCM-ARI-03).
    COUNT_MODE = "CLIENT_ERROR invalid mode for ma M token";
    /// Meta: the number that a counter begins with.
    INITIAL_FLAG = "CLIENT_ERROR invalid numeric initial value";
    /// Meta: a delta.
    DELTA_FLAG = "CLIENT_ERROR invalid numeric delta value";
}

impl Refusal {
    /// The line without its end.
    pub const fn text(self) -> &'static str {
        self.0
    }
}
