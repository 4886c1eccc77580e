//! What this server can do wrong.

use crate::switches::switches;

switches! {
    // bytes
    StopsAtNul "stops-at-nul" "What stands behind the first NUL of a segment is dropped.",
    WaitsForNul "waits-for-nul" "Nothing comes back before a NUL has come.",
    OneStringARead "one-string-a-read" "Of several strings in a segment one comes back; the next after more was sent.",
    AddsNul "adds-nul" "A NUL is put behind what has none.",
    StaleTail "stale-tail" "Bytes without a NUL come back with the tail of what was sent before, up to its NUL.",
    StripsNewline "strips-newline" "A newline at the end of a segment is stripped.",
    CrlfToLf "crlf-to-lf" "CR LF comes back as LF.",
    SevenBits "seven-bits" "The upper bit of every byte is cleared.",
    CutAt1024 "cut-at-1024" "A segment is cut after 1,024 bytes.",
    FullBufferLosesAByte "full-buffer-loses-a-byte" "The last byte of a buffer of 512 that is full makes room for a NUL.",
    EmptyStringSaysGoodbye "empty-string-says-goodbye" "An empty string ends the connection.",
    ShortWrite "short-write" "What one write does not take is forgotten.",
    // clients
    OneAtATime "one-at-a-time" "A client is served when the one before it has left.",
    FourAtMost "four-at-most" "A fifth client at the same time is closed.",
    ResetsLeakASlot "resets-leak-a-slot" "Of 64 slots for clients one is lost with each connection that was reset.",
    DiesWithAClient "dies-with-a-client" "A connection that breaks stops the server for everybody.",
    IdleIsClosed "idle-is-closed" "A client that says nothing for 200 ms is closed.",
    RepliesToTheNewest "replies-to-the-newest" "Bytes go to the client that connected last.",
    SendsInsideItsLock "sends-inside-its-lock" "A lock that all clients share is held while bytes are sent.",
    // the end
    LastBufferAgain "last-buffer-again" "At the end of the stream the last bytes are sent once more.",
    NeverCloses "never-closes" "The end of the stream is not noticed; the connection stays open.",
    EndDropsEcho "end-drops-echo" "Echo is gathered for 50 ms; what is gathered when the stream ends is dropped.",
    ClosesAfterOneEcho "closes-after-one-echo" "The connection is closed behind its first echo.",
}
