//! All defects of the memcached server, by theme: the variant that the code asks for, the name that users
//! type, and what the server then does.

use crate::Defect;

/// Which defect is on, if any.
#[derive(Clone, Copy, Debug)]
pub(super) struct Active(pub(super) Option<Switch>);

impl Active {
    pub(super) fn is(self, switch: Switch) -> bool {
        self.0 == Some(switch)
    }
}

macro_rules! switches {
    ($($variant:ident $name:literal $about:literal)*) => {
        /// One defect.
        #[derive(Clone, Copy, Debug, Eq, PartialEq)]
        pub(super) enum Switch {
            $(#[doc = $about] $variant,)*
        }

        /// All of them.
        pub(super) const DEFECTS: &[Defect] = &[$(Defect { name: $name, about: $about }),*];

        impl Switch {
            pub(super) fn named(name: &str) -> Option<Self> {
                match name {
                    $($name => Some(Self::$variant),)*
                    _ => None,
                }
            }
        }
    };
}

switches! {
    // The header of replies.
    ErrorsHaveTheRequestMagic "errors-have-the-request-magic" "Errors begin with 0x80."
    QuietRepliesHaveTheLoudOpcode "quiet-replies-have-the-loud-opcode" "What answers a GETQ says GET, and so for every quiet opcode."
    UnknownIsAnsweredAsZero "unknown-is-answered-as-zero" "The reply to an unknown opcode has opcode 0."
    StatusIsLittleEndian "status-is-little-endian" "The two bytes of the status are swapped."
    OpaqueIsSwapped "opaque-is-swapped" "The opaque comes back in the host's byte order."
    OpaqueIsZeroOnErrors "opaque-is-zero-on-errors" "Errors have opaque 0."
    OpaqueIsZeroOnFatalErrors "opaque-is-zero-on-fatal-errors" "Errors that end the connection have opaque 0."
    OpaqueIsThePreviousOne "opaque-is-the-previous-one" "A reply has the opaque of the request before."
    OpaqueLosesTheTopBit "opaque-loses-the-top-bit" "The opaque is kept as a number without a sign bit."
    StatPacketsLoseTheOpaque "stat-packets-lose-the-opaque" "Only the last packet of a STAT reply has the opaque."
    DataTypeIsEchoed "data-type-is-echoed" "The data type of a reply is that of the request."
    DataTypeIsOne "data-type-is-one" "Hits have data type 1."
    BodyLengthForgetsTheExtras "body-length-forgets-the-extras" "The body length of a reply counts key and value only."
    ExtrasLengthIsZero "extras-length-is-zero" "The header of a hit does not tell of the flags, which are there."
    KeyLengthIsZero "key-length-is-zero" "The header of a reply does not tell of the key, which is there."
    ErrorsCarryTheCas "errors-carry-the-cas" "A refused store is told the item's CAS in the header."
    ErrorsHaveNoText "errors-have-no-text" "An error has no body."
    ErrorTextHasALineEnd "error-text-has-a-line-end" "The text of an error ends with CR LF, as in the text protocol."
    ErrorTextHasANul "error-text-has-a-nul" "The text of an error ends with its terminator."
    GetMissCarriesTheKey "get-miss-carries-the-key" "A GET miss repeats the key, as a GETK miss may."
    StoresAnswerAText "stores-answer-a-text" "A successful store is answered `STORED`."
    DeleteAnswersTheCas "delete-answers-the-cas" "The reply to DELETE has the CAS of what was deleted."
    NoopAnswersACas "noop-answers-a-cas" "NOOP and VERSION are answered with the last CAS that was given."

    // The header of requests.
    DataTypeIsRefused "data-type-is-refused" "A data type other than 0 is an invalid argument."
    VbucketDividesTheKeys "vbucket-divides-the-keys" "Each vbucket has keys of its own."
    VbucketIsRefused "vbucket-is-refused" "A vbucket other than 0 is not this server's (0x0007)."
    MagicIsNotChecked "magic-is-not-checked" "A frame with any first byte is executed."
    ReplyMagicIsAccepted "reply-magic-is-accepted" "A request that begins with 0x81 is executed."
    BadMagicIsSkipped "bad-magic-is-skipped" "A header with a bad magic is dropped, and the connection goes on."
    BadMagicIsAnswered "bad-magic-is-answered" "A bad magic is answered with 0x0004 before the close."
    BadMagicLosesReplies "bad-magic-loses-replies" "Replies that are not sent yet are lost when a bad magic is found."
    ShortBodyIsWaitedFor "short-body-is-waited-for" "A body shorter than extras and key is taken to be as long as them."
    ShortBodyGoesOn "short-body-goes-on" "A body shorter than extras and key is refused, and the connection stays open."
    UnknownBodyIsNotSkipped "unknown-body-is-not-skipped" "The body of an unknown opcode is taken for the next frame."
    UnknownKeyIsSkippedTwice "unknown-key-is-skipped-twice" "Extras and key of an unknown opcode are skipped twice."
    UnknownEndsTheConnection "unknown-ends-the-connection" "An unknown opcode closes the connection."
    UnknownSaysNotSupported "unknown-says-not-supported" "An unknown opcode is answered with 0x0083."
    UnknownIsNotAnswered "unknown-is-not-answered" "An unknown opcode is ignored."
    RangeOperationsAreSilent "range-operations-are-silent" "The opcodes from 0x30 to 0x3c are taken for quiet ones and not answered."
    SaslIsAnAuthError "sasl-is-an-auth-error" "SASL requests are answered with 0x0020, though nobody needs to authenticate."

    // The shape of requests.
    GetTakesExtras "get-takes-extras" "GET with extras is executed."
    StoreTakesAnyExtras "store-takes-any-extras" "SET, ADD and REPLACE without, with half or with more extras are executed."
    DeleteTakesExtras "delete-takes-extras" "DELETE takes a delay, and deletes at once."
    CounterTakesShortExtras "counter-takes-short-extras" "INCREMENT and DECREMENT without all of their 20 bytes are executed."
    CounterTakesLongExtras "counter-takes-long-extras" "INCREMENT and DECREMENT with more than 20 bytes of extras are executed."
    AppendTakesExtras "append-takes-extras" "APPEND and PREPEND take flags and expiry as SET does, and ignore them."
    TouchTakesAnyExtras "touch-takes-any-extras" "TOUCH and GAT with other than 4 bytes of extras are executed."
    FlushTakesAnyExtras "flush-takes-any-extras" "FLUSH with other than 0 or 4 bytes of extras flushes at once."
    FlushWantsExtras "flush-wants-extras" "FLUSH without extras is an invalid argument."
    FlushRefusesExtras "flush-refuses-extras" "FLUSH with extras is an invalid argument."
    StatTakesExtras "stat-takes-extras" "STAT with extras is executed."
    BareTakesExtras "bare-takes-extras" "NOOP, VERSION and QUIT with extras are executed."
    GetTakesAValue "get-takes-a-value" "GET with a value is executed."
    DeleteTakesAValue "delete-takes-a-value" "DELETE with a value is executed."
    CounterTakesAValue "counter-takes-a-value" "INCREMENT and DECREMENT with a value are executed."
    TouchTakesAValue "touch-takes-a-value" "TOUCH and GAT with a value are executed."
    FlushTakesAValue "flush-takes-a-value" "FLUSH with a value is executed."
    StatTakesAValue "stat-takes-a-value" "STAT with a value is executed."
    BareTakesAValue "bare-takes-a-value" "NOOP, VERSION and QUIT with a value are executed."
    ReadTakesNoKey "read-takes-no-key" "GET and its kin without a key look for the empty key."
    StoreTakesNoKey "store-takes-no-key" "SET, ADD, REPLACE, APPEND and PREPEND without a key are executed."
    DeleteTakesNoKey "delete-takes-no-key" "DELETE without a key looks for the empty key."
    CounterTakesNoKey "counter-takes-no-key" "INCREMENT and DECREMENT without a key count under the empty key."
    BareTakesAKey "bare-takes-a-key" "NOOP, VERSION, QUIT and FLUSH with a key are executed."
    EmptyValueIsRefused "empty-value-is-refused" "A store of an empty value is an invalid argument, as the 2008 draft can be read."
    InvalidIsNotAnswered "invalid-is-not-answered" "A fatal error closes without a word."
    InvalidQuietIsNotAnswered "invalid-quiet-is-not-answered" "A quiet request of the wrong shape closes without a word."
    InvalidGoesOn "invalid-goes-on" "After 0x0004 the connection stays open."
    InvalidIsUnknown "invalid-is-unknown" "Requests of the wrong shape are answered with 0x0081 before the close."
    InvalidLosesReplies "invalid-loses-replies" "Replies that are not sent yet are lost when a fatal error is found."
    FramesBehindAnErrorRun "frames-behind-an-error-run" "Frames behind a fatal error that came with it are executed, unanswered."

    // Limits.
    KeyOf250IsRefused "key-of-250-is-refused" "Keys of 249 bytes are the longest."
    KeyOf251IsAccepted "key-of-251-is-accepted" "Keys of 251 bytes are accepted."
    KeyOf128IsRefused "key-of-128-is-refused" "The length of a key is taken for a signed byte."
    UnknownTakesALongKey "unknown-takes-a-long-key" "The key of an unknown opcode may be of any length."
    TooLargeSaysOutOfMemory "too-large-says-out-of-memory" "A value that is too large is 0x0082."
    TooLargeEndsTheConnection "too-large-ends-the-connection" "A value that is too large closes the connection."
    TooLargeIsNotSkipped "too-large-is-not-skipped" "A value that is too large is refused, and then taken for frames."
    TooLargeEmptiesTheItem "too-large-empties-the-item" "SET of too much is refused, and stores an empty value."
    TooLargeQuietIsSilent "too-large-quiet-is-silent" "The quiet stores say nothing of a value that is too large."
    TooLargeReplaceRemoves "too-large-replace-removes" "Every store of too much removes the item, not only SET."
    HalfAMillionIsTooLarge "half-a-million-is-too-large" "Values of more than 512 KiB are too large."
    JoinedTooLargeSaysTooLarge "joined-too-large-says-too-large" "An APPEND whose result is too large is 0x0003."
    JoinedTooLargeIsStored "joined-too-large-is-stored" "APPEND knows no limit."
    HugeBodyIsWaitedFor "huge-body-is-waited-for" "A request is judged when all of its body has come, however much it announces."
    TwoGibIsWaitedFor "two-gib-is-waited-for" "A body of 2^31 bytes or more is waited for."

    // What quiet opcodes say and do not say.
    GetqMissIsAnswered "getq-miss-is-answered" "GETQ answers misses."
    GetkqMissIsAnswered "getkq-miss-is-answered" "GETKQ answers misses."
    GatqMissIsAnswered "gatq-miss-is-answered" "GATQ answers misses."
    GatkqMissIsAnswered "gatkq-miss-is-answered" "GATKQ answers misses."
    GetqHitIsSilent "getq-hit-is-silent" "GETQ answers nothing at all."
    GetkqHitIsSilent "getkq-hit-is-silent" "GETKQ answers nothing at all."
    GatqHitIsSilent "gatq-hit-is-silent" "GATQ answers nothing at all."
    GatkqHitIsSilent "gatkq-hit-is-silent" "GATKQ answers nothing at all."
    SetqIsAnswered "setq-is-answered" "SETQ answers success."
    AddqIsAnswered "addq-is-answered" "ADDQ answers success."
    ReplaceqIsAnswered "replaceq-is-answered" "REPLACEQ answers success."
    DeleteqIsAnswered "deleteq-is-answered" "DELETEQ answers success."
    IncrqIsAnswered "incrq-is-answered" "INCREMENTQ answers success."
    DecrqIsAnswered "decrq-is-answered" "DECREMENTQ answers success."
    AppendqIsAnswered "appendq-is-answered" "APPENDQ answers success."
    PrependqIsAnswered "prependq-is-answered" "PREPENDQ answers success."
    FlushqIsAnswered "flushq-is-answered" "FLUSHQ answers success."
    QuitqIsAnswered "quitq-is-answered" "QUITQ answers success."
    SetqHidesFailures "setq-hides-failures" "SETQ never answers."
    AddqHidesFailures "addq-hides-failures" "ADDQ never answers."
    ReplaceqHidesFailures "replaceq-hides-failures" "REPLACEQ never answers."
    DeleteqHidesFailures "deleteq-hides-failures" "DELETEQ never answers."
    IncrqHidesFailures "incrq-hides-failures" "INCREMENTQ never answers."
    DecrqHidesFailures "decrq-hides-failures" "DECREMENTQ never answers."
    AppendqHidesFailures "appendq-hides-failures" "APPENDQ never answers."
    PrependqHidesFailures "prependq-hides-failures" "PREPENDQ never answers."
    QuietMutationsHideMisses "quiet-mutations-hide-misses" "A miss is silent for quiet mutations as it is for quiet reads."

    // CAS.
    SetIgnoresTheCas "set-ignores-the-cas" "SET stores whatever the CAS is."
    ReplaceIgnoresTheCas "replace-ignores-the-cas" "REPLACE stores whatever the CAS is."
    AppendIgnoresTheCas "append-ignores-the-cas" "APPEND joins whatever the CAS is."
    PrependIgnoresTheCas "prepend-ignores-the-cas" "PREPEND joins whatever the CAS is."
    DeleteIgnoresTheCas "delete-ignores-the-cas" "DELETE deletes whatever the CAS is."
    IncrIgnoresTheCas "incr-ignores-the-cas" "INCREMENT counts whatever the CAS is."
    DecrIgnoresTheCas "decr-ignores-the-cas" "DECREMENT counts whatever the CAS is."
    QuietIgnoresTheCas "quiet-ignores-the-cas" "Quiet mutations do not look at the CAS."
    SetReturnsNoCas "set-returns-no-cas" "SET is answered with CAS 0."
    AddReturnsNoCas "add-returns-no-cas" "ADD is answered with CAS 0."
    ReplaceReturnsNoCas "replace-returns-no-cas" "REPLACE is answered with CAS 0."
    AppendReturnsNoCas "append-returns-no-cas" "APPEND is answered with CAS 0."
    PrependReturnsNoCas "prepend-returns-no-cas" "PREPEND is answered with CAS 0."
    IncrReturnsNoCas "incr-returns-no-cas" "INCREMENT is answered with CAS 0."
    DecrReturnsNoCas "decr-returns-no-cas" "DECREMENT is answered with CAS 0."
    GetReturnsNoCas "get-returns-no-cas" "GET hits have CAS 0."
    GetkReturnsNoCas "getk-returns-no-cas" "GETK hits have CAS 0."
    GatReturnsNoCas "gat-returns-no-cas" "GAT and GATK hits have CAS 0."
    SetReturnsTheOldCas "set-returns-the-old-cas" "A store is answered with the CAS that the item had before."
    SetKeepsTheCas "set-keeps-the-cas" "SET on a present key leaves its CAS."
    ReplaceKeepsTheCas "replace-keeps-the-cas" "REPLACE leaves the CAS."
    AppendKeepsTheCas "append-keeps-the-cas" "APPEND leaves the CAS."
    PrependKeepsTheCas "prepend-keeps-the-cas" "PREPEND leaves the CAS."
    IncrKeepsTheCas "incr-keeps-the-cas" "INCREMENT leaves the CAS."
    DecrKeepsTheCas "decr-keeps-the-cas" "DECREMENT leaves the CAS."
    QuietKeepsTheCas "quiet-keeps-the-cas" "Quiet mutations leave the CAS."
    UnchangedValueKeepsTheCas "unchanged-value-keeps-the-cas" "Storing the bytes that are there already leaves the CAS."
    GetChangesTheCas "get-changes-the-cas" "Reading an item gives it a new CAS."
    TouchChangesTheCas "touch-changes-the-cas" "TOUCH and GAT give the item a new CAS."
    RefusalsChangeTheCas "refusals-change-the-cas" "A store that is refused gives the item a new CAS all the same."
    GetChecksTheCas "get-checks-the-cas" "GET and GETK with another CAS are 0x0002."
    TouchChecksTheCas "touch-checks-the-cas" "TOUCH and GAT with another CAS are 0x0002."
    LaterCasMatches "later-cas-matches" "A CAS matches if it is that of the item or greater."
    EarlierCasMatches "earlier-cas-matches" "A CAS matches if it is that of the item or smaller."
    CasMatchesIn32Bits "cas-matches-in-32-bits" "Only the low half of a CAS is compared."
    MatchingCasIsRefused "matching-cas-is-refused" "A store with the item's own CAS is refused."
    CasCountsByItem "cas-counts-by-item" "Each new item has CAS 1, and counts from there."
    CasIsTheTime "cas-is-the-time" "The CAS is the Unix time in seconds."
    CasOnAbsentStores "cas-on-absent-stores" "SET with a CAS on an absent key stores."
    CasOnAbsentExists "cas-on-absent-exists" "SET with a CAS on an absent key is 0x0002."
    MismatchIsNotStored "mismatch-is-not-stored" "A CAS that does not match is 0x0005."
    MismatchStores "mismatch-stores" "A CAS that does not match is answered 0x0002, and the value is stored."
    CheckThenSet "check-then-set" "Between the look at the CAS and the store others come in."

    // Keys, values, flags.
    ValueEndsAtNul "value-ends-at-nul" "A value is stored up to its first NUL."
    ValueLosesTheLineEnd "value-loses-the-line-end" "CR LF at the end of a value is not stored."
    KeyEndsAtNul "key-ends-at-nul" "Keys are the same if they are up to a NUL."
    KeyEndsAtASpace "key-ends-at-a-space" "Keys are the same if they are up to a space."
    KeysIgnoreCase "keys-ignore-case" "Keys are compared without regard to upper and lower case."
    KeysHaveSevenBits "keys-have-seven-bits" "The top bit of a key's bytes is dropped."
    FlagsAreSwapped "flags-are-swapped" "Flags come back in the host's byte order."
    FlagsHaveSixteenBits "flags-have-sixteen-bits" "The upper half of flags is lost, as in old memcached."
    GetForgetsFlags "get-forgets-flags" "GET hits have flags 0."
    HitHasNoExtras "hit-has-no-extras" "Hits have no extras where the flags are 0."
    SetKeepsTheOldFlags "set-keeps-the-old-flags" "SET on a present key leaves its flags."
    ReplaceKeepsTheOldFlags "replace-keeps-the-old-flags" "REPLACE leaves the flags."
    AppendClearsFlags "append-clears-flags" "APPEND and PREPEND set the flags to 0."
    IncrClearsFlags "incr-clears-flags" "INCREMENT and DECREMENT set the flags to 0."
    TouchClearsFlags "touch-clears-flags" "TOUCH and GAT set the flags to 0."
    RefusedAddSetsFlags "refused-add-sets-flags" "ADD on a present key is refused, and sets the flags."

    // Reads and deletes.
    GetkForgetsTheKey "getk-forgets-the-key" "GETK is answered as GET is."
    GetkqForgetsTheKey "getkq-forgets-the-key" "GETKQ is answered as GETQ is."
    GatkForgetsTheKey "gatk-forgets-the-key" "GATK is answered as GAT is."
    GetRepeatsTheKey "get-repeats-the-key" "GET is answered as GETK is."
    GetkKeyIsBehindTheValue "getk-key-is-behind-the-value" "GETK hits have the value in front of the key."
    GatForgetsTheValue "gat-forgets-the-value" "GAT touches, and returns no value."
    GetMissIsAnEmptyHit "get-miss-is-an-empty-hit" "A missing key is an empty value."
    EmptyValueIsAMiss "empty-value-is-a-miss" "An item with an empty value is not found."
    GetkMissIsSilent "getk-miss-is-silent" "A miss of GETK is silent as that of GETKQ is."
    DeleteOfAbsentSucceeds "delete-of-absent-succeeds" "DELETE on an absent key is a success."
    DeleteEmptiesTheItem "delete-empties-the-item" "DELETE leaves an empty value behind."
    DeleteTakesTheLongerKeys "delete-takes-the-longer-keys" "DELETE deletes every key that begins with this one."
    DeleteqDoesNothing "deleteq-does-nothing" "DELETEQ of a present key is silent, and the item stays."

    // Stores.
    AddOverwrites "add-overwrites" "ADD stores on a present key."
    AddOnPresentIsNotStored "add-on-present-is-not-stored" "ADD on a present key is 0x0005, as in the text protocol."
    ReplaceCreates "replace-creates" "REPLACE stores on an absent key."
    ReplaceOnAbsentIsNotStored "replace-on-absent-is-not-stored" "REPLACE on an absent key is 0x0005, as in the text protocol."
    CheckThenAdd "check-then-add" "Between ADD's look at the key and the store others come in."
    LargeValuesAreTorn "large-values-are-torn" "A large value is written over the old one in two steps."
    AppendPrepends "append-prepends" "APPEND puts the addition in front."
    PrependAppends "prepend-appends" "PREPEND puts the addition behind."
    AppendCreates "append-creates" "APPEND and PREPEND on an absent key store."
    AppendOnAbsentIsNotFound "append-on-absent-is-not-found" "APPEND and PREPEND on an absent key are 0x0001."
    AppendToEmptyIsRefused "append-to-empty-is-refused" "An empty value cannot be appended to."

    // Counters.
    CounterIsText "counter-is-text" "The count is answered in decimal digits."
    CounterIsLittleEndian "counter-is-little-endian" "The count is answered in the host's byte order."
    CounterHasFourBytes "counter-has-four-bytes" "The count is answered in four bytes where it fits."
    CounterIsInTheExtras "counter-is-in-the-extras" "The count is answered in the extras."
    CreationAnswersText "creation-answers-text" "A counter that is created is answered as it is stored, in digits."
    IncrSaturates "incr-saturates" "INCREMENT stops at 2^64 - 1."
    DecrWraps "decr-wraps" "DECREMENT counts below 0."
    CountersAreSigned "counters-are-signed" "Numbers from 2^63 on are no numbers."
    DeltaIsLittleEndian "delta-is-little-endian" "The delta is read in the host's byte order."
    DeltaHas32Bits "delta-has-32-bits" "Only the low half of a delta counts."
    InitialHas32Bits "initial-has-32-bits" "Only the low half of an initial value counts."
    CreationAppliesTheDelta "creation-applies-the-delta" "A counter that is created is counted at once."
    CreationIgnoresTheInitial "creation-ignores-the-initial" "A counter begins at 0."
    AllOnesCreates "all-ones-creates" "An expiry of 0xffffffff creates."
    NegativeDoesNotCreate "negative-does-not-create" "No expiry from 0x80000000 on creates."
    CounterIsNeverCreated "counter-is-never-created" "An absent counter is 0x0001, as in the text protocol."
    AllOnesNeverCounts "all-ones-never-counts" "An expiry of 0xffffffff is 0x0001 on a present counter as well."
    CounterIsStoredRaw "counter-is-stored-raw" "A counter that is created holds eight raw bytes."
    LeadingDigitsCount "leading-digits-count" "Of a value the digits in front count, whatever follows."
    EmptyCountsAsZero "empty-counts-as-zero" "An empty or blank value counts as 0."
    NegativeNumbersCount "negative-numbers-count" "A value of -1 counts."
    HexadecimalCounts "hexadecimal-counts" "A value of 0x10 counts as 16."
    OverflowCounts "overflow-counts" "A number beyond 64 bits counts as its low 64 bits."
    TextCountsAsZero "text-counts-as-zero" "A value that is no number is replaced by 0 and counted."
    TextIsInvalid "text-is-invalid" "Counting a text is 0x0004."
    TextEndsTheConnection "text-ends-the-connection" "Counting a text closes the connection."
    ShrunkCounterKeepsDigits "shrunk-counter-keeps-digits" "A shorter number is written over the longer one, and its last digits stay."
    GrownCounterIsCut "grown-counter-is-cut" "A longer number is cut to the length of the shorter one."
    ZeroDeltaKeepsTheCas "zero-delta-keeps-the-cas" "A delta of 0 leaves the CAS."
    CheckThenCount "check-then-count" "Between reading a counter and writing it others come in."

    // Expiry.
    ExpiryIsIgnored "expiry-is-ignored" "Nothing expires."
    ExpiryIsAlwaysAbsolute "expiry-is-always-absolute" "Every expiry is a Unix time."
    ExpiryIsAlwaysRelative "expiry-is-always-relative" "Every expiry is seconds from now."
    ExpiryIsMilliseconds "expiry-is-milliseconds" "A relative expiry is in milliseconds."
    ThirtyDaysIsAbsolute "thirty-days-is-absolute" "2592000 is a Unix time already."
    ThirtyDaysAndOneIsRelative "thirty-days-and-one-is-relative" "2592001 is seconds from now as well."
    ZeroExpiresAtOnce "zero-expires-at-once" "An expiry of 0 is now."
    PastNeverExpires "past-never-expires" "A time that is past is no expiry."
    PastIsRefused "past-is-refused" "A store with a time that is past is 0x0005, and the old item stays."
    SetKeepsTheExpiry "set-keeps-the-expiry" "SET on a present key leaves its expiry."
    ReplaceKeepsTheExpiry "replace-keeps-the-expiry" "REPLACE leaves the expiry."
    AddIgnoresTheExpiry "add-ignores-the-expiry" "What ADD stores never expires."
    QuietStoresIgnoreTheExpiry "quiet-stores-ignore-the-expiry" "What quiet opcodes store never expires."
    CreationIgnoresTheExpiry "creation-ignores-the-expiry" "A counter that is created never expires."
    CountingSetsTheExpiry "counting-sets-the-expiry" "INCREMENT and DECREMENT set the expiry of a present counter."
    CountingClearsTheExpiry "counting-clears-the-expiry" "A counter that is counted never expires."
    AppendClearsTheExpiry "append-clears-the-expiry" "An item that is appended to never expires."
    RefusalsSetTheExpiry "refusals-set-the-expiry" "A store that is refused sets the expiry all the same."
    GetExtendsTheExpiry "get-extends-the-expiry" "Each read makes the item live for its time again."
    TouchDoesNothing "touch-does-nothing" "TOUCH is a success, and the expiry stays."
    TouchNeverShortens "touch-never-shortens" "TOUCH and GAT only put the expiry off."
    TouchOfZeroDoesNothing "touch-of-zero-does-nothing" "TOUCH and GAT with 0 leave the expiry."
    GatDoesNotTouch "gat-does-not-touch" "GAT is a GET."
    GatkDoesNotTouch "gatk-does-not-touch" "GATK is a GETK."
    TouchRevives "touch-revives" "TOUCH and GAT find items that have expired."
    TouchOfAbsentSucceeds "touch-of-absent-succeeds" "TOUCH on an absent key is a success."
    AddFindsExpired "add-finds-expired" "Only GET looks whether an item has expired; ADD finds it present."
    DeleteFindsExpired "delete-finds-expired" "Only GET looks whether an item has expired; DELETE finds it present."
    ReplaceFindsExpired "replace-finds-expired" "Only GET looks whether an item has expired; REPLACE and SET with a CAS find it present."
    AppendFindsExpired "append-finds-expired" "Only GET looks whether an item has expired; APPEND finds it present."
    CounterFindsExpired "counter-finds-expired" "Only GET looks whether an item has expired; INCREMENT finds it present."

    // Flush.
    FlushDoesNothing "flush-does-nothing" "FLUSH is a success."
    FlushqDoesNothing "flushq-does-nothing" "FLUSHQ is silent."
    FlushHidesFromReadsOnly "flush-hides-from-reads-only" "A flushed item is gone for GET; to ADD it is still there."
    FlushTakesLaterItems "flush-takes-later-items" "FLUSH also takes what is stored in the same second behind it."
    DelayedFlushIsAtOnce "delayed-flush-is-at-once" "The delay of FLUSH is ignored."
    DelayedFlushNeverComes "delayed-flush-never-comes" "FLUSH with a delay does nothing."
    DelayedFlushSparesLaterItems "delayed-flush-spares-later-items" "A delayed FLUSH takes only what was there when it was asked."
    PendingFlushSurvivesFlush "pending-flush-survives-flush" "An immediate FLUSH leaves a pending one."
    EarlierFlushWins "earlier-flush-wins" "Of two delayed flushes the sooner one fires."

    // Statistics and what has no key.
    StatHasNoEnd "stat-has-no-end" "STAT sends no empty packet."
    StatGroupHasNoEnd "stat-group-has-no-end" "A group of statistics has no empty packet."
    StatEndHasAKey "stat-end-has-a-key" "The last packet of STAT is named `END`."
    StatEndComesLate "stat-end-comes-late" "The empty packet comes behind the next reply of the batch."
    UnknownGroupHasAnEnd "unknown-group-has-an-end" "An unknown group of statistics is 0x0001 and an empty packet."
    UnknownGroupIsEmpty "unknown-group-is-empty" "An unknown group of statistics is a success without statistics."
    StatValuesAreRaw "stat-values-are-raw" "Statistics are eight raw bytes each."
    StatForgetsNames "stat-forgets-names" "STAT has no `threads` and no `evictions`."
    StatCountsNoReads "stat-counts-no-reads" "`cmd_get` stays as it is."
    StatCountsQuietMissesAsHits "stat-counts-quiet-misses-as-hits" "The miss of a quiet read is counted as a hit."
    StatCountsCreationAsMiss "stat-counts-creation-as-miss" "A counter that is created is an `incr_misses`."
    StatCountsNoFlushq "stat-counts-no-flushq" "FLUSHQ does not move `cmd_flush`."
    StatCountsNoTouch "stat-counts-no-touch" "TOUCH does not move `cmd_touch`."
    StatTimeIsMilliseconds "stat-time-is-milliseconds" "The statistic `time` is in milliseconds."
    StatNeverForgetsConnections "stat-never-forgets-connections" "`curr_connections` and `total_connections` are the same."
    StatVersionIsAnother "stat-version-is-another" "The statistic `version` is not what VERSION answers."
    VersionHasATerminator "version-has-a-terminator" "VERSION ends with a NUL."
    VersionIsWords "version-is-words" "VERSION begins with a name."
    VersionBeginsWithZero "version-begins-with-zero" "VERSION is 0.9.1."
    QuitIsNotAnswered "quit-is-not-answered" "QUIT closes without an answer."
    QuitStaysOpen "quit-stays-open" "QUIT is answered, and the connection stays open."
    QuitqStaysOpen "quitq-stays-open" "QUITQ is ignored."
    QuitLosesReplies "quit-loses-replies" "Replies that are not sent yet are lost when QUIT comes."
    QuitqDropsQuietStores "quitq-drops-quiet-stores" "Quiet stores that came together with QUITQ are dropped."

    // Segments, batches, connections.
    SplitHeaderIsDropped "split-header-is-dropped" "A header that does not come in one segment ends the connection."
    SplitBodyIsFilledUp "split-body-is-filled-up" "What of a body does not come in one segment is taken for zeros."
    SecondFrameIsLost "second-frame-is-lost" "Of the frames in one segment only the first is executed."
    SecondFrameWaits "second-frame-waits" "A frame that came together with another is executed when more comes."
    UnfinishedStoreIsVisible "unfinished-store-is-visible" "A store takes effect when its key has come."
    TruncatedStoreIsStored "truncated-store-is-stored" "A store whose value ends with the stream is stored as far as it came."
    ErrorsOvertakeHits "errors-overtake-hits" "In a batch errors are sent at once, and the rest at its end."
    NoopOvertakesHits "noop-overtakes-hits" "Hits of quiet reads are sent behind the NOOP that ends the batch."
    BatchLosesReplies "batch-loses-replies" "What a batch answers beyond 2 KiB is lost."
    ShortWritesAreLost "short-writes-are-lost" "What the socket does not take at once is never sent."
    SlowReadersAreDropped "slow-readers-are-dropped" "A client that does not read for a quarter of a second is disconnected."
    HalfCloseDropsRequests "half-close-drops-requests" "Requests that come together with the end of the stream are not executed."
    HalfCloseIsIgnored "half-close-is-ignored" "The server does not close when its client has ended its side."
    ReplyBufferIsShared "reply-buffer-is-shared" "All connections write their replies into one buffer."
    OpaqueIsShared "opaque-is-shared" "A reply has the opaque that any connection sent last."
    ErrorEndsEveryConnection "error-ends-every-connection" "A fatal error closes the connections of others as well."
    ConnectionsLeak "connections-leak" "Connections that end by a reset are never forgotten, and 50 of them are the limit."
    SendsInsideItsLock "sends-inside-its-lock" "The lock on the items is held until the reply is sent: one who does not read stops all who write."
    ReadsInsideItsLock "reads-inside-its-lock" "The lock on the items is held while a body comes: one who sends half a frame stops all others."
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn names_are_unique_and_name_their_variant() {
        let names: BTreeSet<&str> = DEFECTS.iter().map(|defect| defect.name).collect();
        assert_eq!(names.len(), DEFECTS.len());
        for defect in DEFECTS {
            let variant = format!("{:?}", Switch::named(defect.name).unwrap());
            let name = defect.name.replace('-', "");
            assert_eq!(variant.to_lowercase(), name);
        }
    }
}
