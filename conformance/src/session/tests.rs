//! The format: canonical text, values, patterns, and complaints that point at the place.

use proptest::prelude::*;

use super::{Datum, Pattern, Scope, Session, Side, Step, Value};

const EXAMPLE: &str = r#"case   memcached/cas/delete-honours-cas
title  DELETE with a wrong CAS is refused
level  must
spec   MCB-CAS-13 MCB-CAS-04
needs  cas
after  memcached/set/stores
conn   A B

# A comment line.
A> set key=$k flags=0xcafe value="v\0\xff\"\\"  # binds nothing
A< ok set cas=$c within 200ms
B> delete key=$k cas=$c+1 | split 1 23 *
any { B< closed eof } or { B< closed rst }

either {
  A< ok get value=rep("ab",500) flags=1..3|!$c
} or {
  A< not_found|key_exists get text=/^a\/b$/  # either way
}
repeat 3 { A> getq key=$k"-"$i @1 | more }
A quiet
B quiet 100ms
advance 1500ms
stall A
open C
reset C
A> hex 800a0000 00
A> get key=pad($k,250) exp=now+3 | cut 30, more
flood F 100
close F
A> get key=$k opaque=7 | cut 30, from 1
"#;

#[test]
fn canonical_text_survives_parsing_and_printing() {
    let session = Session::parse(EXAMPLE).expect("it parses");
    assert_eq!(session.to_string(), EXAMPLE);
    assert_eq!(session.own_keys.iter().collect::<Vec<_>>(), ["k"]);
}

const SERVER_EXAMPLE: &str = r#"case   memcached/client/a-reply-to-another
title  A reply to another request is refused
plays  server
level  must
call   get "k" -> "v" or miss "w" or error
call   set "k" rep("a",3) -> error timeout
conn   A

A> getk|get key=$k opaque=$o cas=* exp=0..9
A< ok delete value=$k opaque=$o+1 extras=hex(00) bodylen=9 | split each
A quiet 100ms
advance 300ms
A< not_found | cut 30
either {
  A> noop
  A< hex 81000000 00
} or {
  A> closed
}
finish A
"#;

#[test]
fn a_session_that_plays_the_server_survives_parsing_and_printing() {
    let session = Session::parse(SERVER_EXAMPLE).expect("it parses");
    assert_eq!(session.to_string(), SERVER_EXAMPLE);
    assert_eq!(session.header.plays, Side::Server);
    assert!(session.own_keys.is_empty(), "the keys are the client's");
    assert!(matches!(session.steps()[0], Step::Expect(_)), "a request is expected");
    assert!(matches!(session.steps()[1], Step::Send(_)), "a reply is sent");
}

#[test]
fn a_call_allows_the_outcomes_that_it_lists() {
    let session = Session::parse(SERVER_EXAMPLE).expect("it parses");
    let [get, set] = session.header.calls.as_slice() else { panic!("two calls") };
    assert_eq!((get.name.as_str(), &get.arguments), ("get", &vec![b"k".to_vec()]));
    assert_eq!(set.arguments, [b"k".to_vec(), b"aaa".to_vec()]);
    for right in ["\"v\"", "miss \"w\"", "error", "error closed"] {
        assert!(get.allows(right), "{right}");
    }
    for wrong in ["\"w\"", "miss", "v", "errors", ""] {
        assert!(!get.allows(wrong), "{wrong}");
    }
    assert!(set.allows("error timeout") && !set.allows("error closed") && !set.allows("error"));
}

/// Found by fuzzing: it was printed as two's complement, which is no number of a session.
#[test]
fn a_negative_hexadecimal_number_keeps_its_sign() {
    let header = "case   netmem/a/b\nlevel  must\nconn   A\n\n";
    for number in ["-0x2f", "0x0", "0xff", "-7"] {
        let text = format!("{header}A> read page=0 version={number}\n");
        let session = Session::parse(&text).expect(number);
        assert_eq!(session.to_string(), text);
    }
}

#[test]
fn spaces_and_comments_are_brought_into_form() {
    let loose = EXAMPLE.replace("A< ok set cas", "   A<   ok  set  cas").replace("any {", "any  {");
    let session = Session::parse(&loose).expect("it parses");
    assert_eq!(session.to_string(), EXAMPLE);
}

#[test]
fn a_netmem_session_borrows_the_pages_that_it_names() {
    let text = "case   netmem/lock/x\nlevel  must\nconn   A\n\nA> lock page=$p version=0\nA< lock version=$v\nA> unlock page=$q data=page($v)\n";
    let session = Session::parse(text).expect("it parses");
    assert_eq!(session.own_pages, ["p", "q"]);
}

/// A complaint names line and column, and what to do.
#[test]
fn complaints_point_at_the_place() {
    let header = "case   memcached/a/b\nlevel  must\nconn   A\n\n";
    for (body, place, words) in [
        ("A> frobnicate key=$k\n", "line 5, column 4", "is no memcached opcode"),
        ("A> get key=$k foo=1\n", "line 5, column 4", "`foo=` is unknown"),
        ("A> get key=\"abc\n", "line 5, column 12", "closing quote"),
        ("A> get key=\"\\q\"\n", "line 5, column 14", "unknown escape"),
        ("A< fine get\n", "line 5, column 4", "is no status"),
        ("Z> noop\n", "line 5, column 1", "no connection Z"),
        ("A< ok get value=$w+1\n", "line 5, column 17", "$w is bound by no reply"),
        ("A> noop | sometimes\n", "line 5, column 11", "a modifier expected"),
        ("any { A< ok noop }\n", "line 5, column 19", "at least one `or"),
        ("repeat 3 {\nA> noop\n", "line 5, column 11", "closing `}`"),
        ("}\n", "line 5, column 1", "closes nothing"),
        ("A< ok get cas=$c+1* value=\"v\"\n", "line 5, column 19", "a space"),
        ("A> get key=\"k\" \"v\"\n", "line 5, column 16", "before the fields"),
        ("A< ok get \"v\"\n", "line 5, column 4", "every value has a name"),
        ("flood F 0\n", "line 5, column 9", "1 to 200"),
        ("flood F 9\nF> noop\n", "line 6, column 1", "a flood"),
        ("advance 3\n", "line 5, column 9", "ms or s"),
        ("A< ok get value=/(/\n", "line 5, column 17", "not a regular expression"),
        ("A> hex 123\n", "line 5, column 8", "odd number"),
        ("dance A\n", "line 5, column 1", "a step expected"),
    ] {
        let error = Session::parse(&format!("{header}{body}")).expect_err(body).to_string();
        assert!(error.starts_with(place), "{body}: {error}");
        assert!(error.contains(words), "{body}: {error}");
    }
}

#[test]
fn a_broken_header_is_explained() {
    for (text, words) in [
        ("", "no `case` line"),
        ("case   http/a/b\nlevel  must\nconn   A\n", "begins with its protocol"),
        ("case   echo/a\nlevel  must\nconn   A\n", "PROTOCOL/GROUP/NAME"),
        ("case   echo/a/b\nlevel  shall\nconn   A\n", "a level is"),
        ("case   echo/a/b\nlevel  must\n", "no `conn` line"),
        ("case   echo/a/b\ncase   echo/a/b\n", "a second `case` line"),
        ("kase   echo/a/b\n", "is no header line"),
        ("case   echo/a/b\nplays  both\nlevel  must\nconn   A\n", "the client or the server"),
        (
            "case   echo/a/b\nlevel  must\ncall   send \"a\" -> done\nconn   A\n",
            "with `plays  server`",
        ),
        (
            "case   echo/a/b\nplays  server\nlevel  must\ncall   send \"a\"\nconn   A\n",
            "and the right outcomes",
        ),
        (
            "case   echo/a/b\nplays  server\nlevel  must\ncall   send -> or done\nconn   A\n",
            "and the right outcomes",
        ),
    ] {
        let error = Session::parse(text).expect_err(text).to_string();
        assert!(error.contains(words), "{text}: {error}");
    }
}

fn value(text: &str) -> Value {
    let session = format!("case   echo/a/b\nlevel  must\nconn   A\n\nA> {text}\n");
    let session = Session::parse(&session).expect(text);
    match session.steps()[..] {
        [Step::Send(send)] => send.message.args()[0].clone(),
        _ => panic!("one send expected"),
    }
}

#[test]
fn values_come_to_bytes_and_numbers() {
    let scope = Scope { page_length: 5, unix_now: 1000, ..Scope::default() };
    for (text, bytes) in [
        (r#""a\n\x41""#, &b"a\nA"[..]),
        ("hex(00 ff10)", b"\x00\xff\x10"),
        (r#"rep("ab",3)"#, b"ababab"),
        (r#"page("v")"#, b"v\0\0\0\0"),
        (r#"fill("ab")"#, b"ababa"),
        (r#"pad("ab",4)"#, b"abpp"),
        (r#""k""-"hex(00)"#, b"k-\0"),
        ("rep(\"x\",now-998)", b"xx"),
    ] {
        assert_eq!(value(text).bytes(&scope).expect(text), bytes, "{text}");
    }
    assert!(value("rep(\"x\",999999999)").bytes(&scope).is_err(), "bounded");
}

#[test]
fn a_pattern_binds_once_and_compares_from_then_on() {
    let mut scope = Scope::default();
    let pattern = Pattern::Value(Value::Var("c".to_owned()));
    assert!(pattern.matches(&Datum::Number(7), &mut scope).expect("bound"));
    assert!(pattern.matches(&Datum::Number(7), &mut scope).expect("equal"));
    assert!(!pattern.matches(&Datum::Number(8), &mut scope).expect("another"));
    let trimmed = Pattern::Trim(Value::Text(b"9".to_vec()));
    assert!(trimmed.matches(&Datum::Bytes(b"9  ".to_vec()), &mut scope).expect("trimmed"));
    assert!(!trimmed.matches(&Datum::Bytes(b"9 1".to_vec()), &mut scope).expect("not trailing"));
    assert!(!trimmed.matches(&Datum::Bytes(b"  9".to_vec()), &mut scope).expect("leading"));
}

proptest! {
    #[test]
    fn any_text_parses_or_is_explained(text in "\\PC{0,80}", body in "[A-C<> a-z=$\"\\\\(){}|@0-9.,*!/#\n-]{0,120}") {
        let _ = Session::parse(&text);
        let session = format!("case   memcached/a/b\nlevel  must\nconn   A B C\n\n{body}");
        let turned = session.replace("level", "plays  server\nlevel");
        let lines = session.replace("memcached", "text");
        for parsed in [&session, &turned, &lines].into_iter().flat_map(|text| Session::parse(text)) {
            let printed = parsed.to_string();
            let again = Session::parse(&printed).expect("what is printed can be read");
            prop_assert_eq!(again.to_string(), printed);
        }
    }

    #[test]
    fn any_bytes_survive_quoting(bytes in proptest::collection::vec(any::<u8>(), 0..40)) {
        prop_assert_eq!(value(&super::escape(&bytes)), Value::Text(bytes));
    }
}
