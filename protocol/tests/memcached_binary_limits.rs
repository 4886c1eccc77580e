//! Shapes, limits and errors of the memcached binary codec, by the requirements' numbers.

use bytes::{Bytes, BytesMut};
use lockproof_protocol::memcached_binary::{
    Command, Header, Limits, Opcode, Reply, ReplyDecoder, Request, RequestDecoder, RequestError,
    Status, Value,
};

fn header(opcode: u8, extras_len: u8, key_len: u16, body_len: u32) -> BytesMut {
    let mut out = BytesMut::new();
    Header {
        magic: 0x80,
        opcode: Opcode(opcode),
        key_len,
        extras_len,
        data_type: 0,
        status_or_vbucket: 0,
        body_len,
        opaque: 0xcafe,
        cas: 0,
    }
    .encode(&mut out);
    out
}

/// The status of the fatal error that a lone header gives, and the field that it names.
fn fatal(mut input: BytesMut) -> Option<(Status, &'static str)> {
    match RequestDecoder::new(Limits::default()).decode(&mut input) {
        Ok(_) => None,
        Err(RequestError::Fatal { opaque, status, error, .. }) => {
            assert_eq!(opaque, 0xcafe);
            Some((status, error.field))
        }
        Err(error) => panic!("{error:?}"),
    }
}

/// The requirement's table of opcodes: extras, key, value; `-` absent, `y` needed, `?` either.
const TABLE: &[(&[u8], &[u8], char, char)] = &[
    (&[0x00, 0x09, 0x0c, 0x0d, 0x04, 0x14], &[0], 'y', '-'),
    (&[0x01, 0x11, 0x02, 0x12, 0x03, 0x13], &[8], 'y', '?'),
    (&[0x05, 0x15, 0x06, 0x16], &[20], 'y', '-'),
    (&[0x07, 0x17, 0x0a, 0x0b, 0x20], &[0], '-', '-'),
    (&[0x08, 0x18], &[0, 4], '-', '-'),
    (&[0x0e, 0x19, 0x0f, 0x1a, 0x21, 0x22], &[0], 'y', '?'),
    (&[0x10], &[0], '?', '-'),
    (&[0x1c, 0x1d, 0x1e, 0x23, 0x24], &[4], 'y', '-'),
];

#[test]
fn every_opcode_takes_its_shape_and_no_other() {
    let takes = |need, len: u32| match need {
        'y' => len > 0,
        '-' => len == 0,
        _ => true,
    };
    for opcode in 0..=u8::MAX {
        let row = TABLE.iter().find(|(opcodes, ..)| opcodes.contains(&opcode));
        assert_eq!(Opcode::ALL.contains(&Opcode(opcode)), row.is_some(), "opcode {opcode:#x}");
        for extras_len in 0..=u8::MAX {
            for key_len in [0, 1, 250] {
                for value_len in [0, 1, 1 << 20, 1 << 29] {
                    let good = row.is_none_or(|(_, extras, key, value)| {
                        extras.contains(&extras_len)
                            && takes(*key, key_len.into())
                            && takes(*value, value_len)
                    });
                    let body_len = u32::from(extras_len) + u32::from(key_len) + value_len;
                    let got = fatal(header(opcode, extras_len, key_len, body_len));
                    let expected = if good { None } else { Some(Status::INVALID_ARGUMENTS) };
                    let case = (opcode, extras_len, key_len, value_len);
                    assert_eq!(got.map(|(status, _)| status), expected, "{case:?}");
                }
            }
        }
    }
}

#[test]
fn key_over_250_bytes_is_fatal_whatever_the_opcode() {
    for opcode in 0..=u8::MAX {
        let got = fatal(header(opcode, 0, 251, 251)).unwrap();
        assert_eq!(got, (Status::INVALID_ARGUMENTS, "key length"), "opcode {opcode:#x}");
    }
}

#[test]
fn body_below_extras_and_key_is_an_unknown_command() {
    for opcode in 0..=u8::MAX {
        let got = fatal(header(opcode, 8, 5, 12)).unwrap();
        assert_eq!(got, (Status::UNKNOWN_COMMAND, "body length"), "opcode {opcode:#x}");
    }
    let text = match RequestDecoder::new(Limits::default()).decode(&mut header(1, 8, 5, 12)) {
        Err(error) => error.to_string(),
        Ok(_) => String::new(),
    };
    assert_eq!(text, "SET: body length 12 at offset 8: less than extras + key");
}

#[test]
fn body_above_one_gibibyte_is_fatal_at_once() {
    assert_eq!(fatal(header(0x01, 8, 5, 1 << 30)), None);
    for body_len in [(1 << 30) + 1, 1 << 31, u32::MAX] {
        for opcode in [0x01, 0x0e, 0x50] {
            let got = fatal(header(opcode, if opcode == 1 { 8 } else { 0 }, 5, body_len));
            assert_eq!(got, Some((Status::INVALID_ARGUMENTS, "body length")));
        }
    }
}

#[test]
fn bad_magic_is_told_from_the_first_byte_and_again() {
    for magic in (0..=u8::MAX).filter(|magic| *magic != 0x80) {
        let mut input = BytesMut::from(&[magic][..]);
        let mut decoder = RequestDecoder::new(Limits::default());
        for _ in 0..2 {
            let Err(RequestError::BadMagic(error)) = decoder.decode(&mut input) else {
                panic!("magic {magic:#x}");
            };
            assert_eq!((error.field, error.offset, error.value), ("magic", 0, magic.into()));
        }
    }
}

#[test]
fn frames_before_a_bad_one_are_given_out() {
    let mut input = header(0x0a, 0, 0, 0);
    input.extend_from_slice(&header(0x0a, 0, 0, 1));
    let mut decoder = RequestDecoder::new(Limits::default());
    assert_eq!(decoder.decode(&mut input).unwrap().unwrap().header.opcode, Opcode::NOOP);
    assert!(decoder.decode(&mut input).is_err());
}

#[test]
fn huge_value_is_skipped_in_constant_memory() {
    const LEN: u32 = 16 << 20;
    let limits = Limits { value_max: 100, ..Limits::default() };
    let mut decoder = RequestDecoder::new(limits);
    let mut input = header(0x11, 8, 5, 13 + LEN);
    input.extend_from_slice(b"flagsexpHello");
    assert_eq!(decoder.decode(&mut input), Ok(None));
    let segment = [0x80; 4096];
    for _ in 1..LEN / 4096 {
        input.extend_from_slice(&segment);
        assert_eq!(decoder.decode(&mut input), Ok(None));
        assert_eq!(input.len(), 24 + 13, "what stands before the value");
        assert!(input.capacity() <= 16 * 1024, "{} bytes are reserved", input.capacity());
    }
    input.extend_from_slice(&segment);
    input.extend_from_slice(&header(0x0a, 0, 0, 0));
    let frame = decoder.decode(&mut input).unwrap().unwrap();
    let Command::Store { key, value, .. } = Request::from_frame(frame).unwrap().command else {
        panic!("a SETQ stores");
    };
    assert_eq!((&key[..], value), (&b"Hello"[..], Value::TooLarge(LEN)));
    let next = decoder.decode(&mut input).unwrap().unwrap();
    assert_eq!(next.header.opcode, Opcode::NOOP);
    assert!(input.is_empty());
}

#[test]
fn lone_header_reserves_nothing() {
    let mut input = header(0x01, 8, 5, 1 << 20);
    let before = input.capacity();
    let mut decoder = RequestDecoder::new(Limits::default());
    assert_eq!(decoder.decode(&mut input), Ok(None));
    assert_eq!((input.len(), input.capacity()), (24, before));
}

#[test]
fn value_of_exactly_the_limit_is_kept_and_one_more_is_not() {
    let limits = Limits { value_max: 1000, ..Limits::default() };
    for (len, kept) in [(1000, true), (1001, false)] {
        let mut input = header(0x0e, 0, 1, 1 + len);
        input.resize(24 + 1 + len as usize, b'v');
        let frame = RequestDecoder::new(limits).decode(&mut input).unwrap().unwrap();
        assert_eq!((frame.skipped == 0, frame.value.len() == len as usize), (kept, kept));
    }
}

#[test]
fn value_shares_memory_with_the_input() {
    let mut input = header(0x01, 8, 1, 9 + 4096);
    input.resize(24 + 9 + 4096, b'v');
    let (range, frame_len, capacity) = (input.as_ptr_range(), input.len(), input.capacity());
    let frame = RequestDecoder::new(Limits::default()).decode(&mut input).unwrap().unwrap();
    assert_eq!(frame.value.len(), 4096);
    assert!(range.contains(&frame.value.as_ptr()) && range.contains(&frame.key.as_ptr()));
    assert_eq!(input.capacity(), capacity - frame_len, "nothing was reserved");
}

#[test]
fn part_too_long_for_its_length_field_is_cut_and_framing_stays_whole() {
    let mut out = BytesMut::new();
    let value = Bytes::from_static(b"value");
    let key = vec![b'k'; 70_000];
    Reply::Found { flags: 1, cas: 2, value: value.clone() }.encode(Opcode::GETK, 0, &key, &mut out);
    let frame = ReplyDecoder::new(1 << 20).decode(&mut out).unwrap().unwrap();
    assert!(out.is_empty());
    assert_eq!((frame.key.len(), frame.value), (65_535, value));
}

#[test]
fn flush_without_extras_means_now() {
    let frame = RequestDecoder::new(Limits::default()).decode(&mut header(0x08, 0, 0, 0));
    let request = Request::from_frame(frame.unwrap().unwrap()).unwrap();
    assert_eq!(request.command, Command::Flush { delay: 0 });
}

/// The requirement's table of quiet semantics.
#[test]
fn quiet_opcodes_swallow_what_the_table_says() {
    let reads = [0x09, 0x0d, 0x1e, 0x24];
    let writes = [0x11, 0x12, 0x13, 0x14, 0x15, 0x16, 0x17, 0x18, 0x19, 0x1a];
    for opcode in 0..=u8::MAX {
        for status in 0..0x100 {
            let swallowed = (reads.contains(&opcode) && status == 1)
                || (writes.contains(&opcode) && status == 0);
            let got = Opcode(opcode).suppresses(Status(status));
            assert_eq!(got, swallowed, "opcode {opcode:#x}, status {status:#x}");
        }
        let quiet = reads.contains(&opcode) || writes.contains(&opcode);
        assert_eq!(Opcode(opcode).is_quiet(), quiet, "opcode {opcode:#x}");
        assert!(!Opcode(opcode).loud().is_quiet());
    }
}

#[test]
fn errors_have_no_extras_no_cas_and_some_text() {
    for status in (1..=u16::MAX).map(Status).filter(|status| *status != Status::AUTH_CONTINUE) {
        let mut out = BytesMut::new();
        Reply::Failed { status }.encode(Opcode::GETQ, 9, b"key", &mut out);
        let frame = ReplyDecoder::new(1000).decode(&mut out).unwrap().unwrap();
        assert_eq!((frame.status(), frame.header.cas, frame.extras.len()), (status, 0, 0));
        assert!(frame.key.is_empty() && frame.value.is_ascii() && !frame.value.is_empty());
    }
}

#[test]
fn text_line_of_an_overfull_server_is_not_a_frame() {
    let mut input = BytesMut::from(&b"ERROR Too many open connections\r\n"[..]);
    let error = ReplyDecoder::new(1000).decode(&mut input).unwrap_err();
    assert_eq!((error.field, error.value), ("magic", b'E'.into()));
}
