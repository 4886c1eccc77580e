//! Echo's strings: nothing is lost, and any segmentation gives the same.

mod common;

use std::convert::Infallible;

use bytes::BytesMut;
use common::{any_bytes, any_cuts, cuts, every_byte, feed};
use lockproof_protocol::echo::{CHUNK_MAX, split_strings};
use proptest::prelude::*;

fn split(stream: &[u8], cuts: &[usize]) -> common::Fed<bytes::Bytes, Infallible> {
    feed(stream, cuts, stream.len(), |input| Ok(split_strings(input)))
}

proptest! {
    #[test]
    fn strings_and_rest_are_the_stream_in_any_segmentation(
        strings in prop::collection::vec(any_bytes(20), 0..12),
        at in any_cuts(),
    ) {
        let stream = strings.join(&0);
        let whole = split(&stream, &[]);
        prop_assert_eq!([whole.frames.concat(), whole.rest.clone()].concat(), stream.clone());
        for string in &whole.frames {
            prop_assert_eq!(string.iter().position(|byte| *byte == 0), Some(string.len() - 1));
        }
        prop_assert!(!whole.rest.contains(&0));
        prop_assert_eq!(&split(&stream, &cuts(&at, stream.len())), &whole);
        prop_assert_eq!(&split(&stream, &every_byte(stream.len())), &whole);
    }
}

#[test]
fn strings_keep_their_nul() {
    let mut input = BytesMut::from(&b"one\0two\0\0thr"[..]);
    let mut next = || split_strings(&mut input).map(|string| string.to_vec());
    assert_eq!(next().as_deref(), Some(&b"one\0"[..]));
    assert_eq!(next().as_deref(), Some(&b"two\0"[..]));
    assert_eq!(next().as_deref(), Some(&b"\0"[..]));
    assert_eq!(next(), None);
    assert_eq!(&input[..], b"thr");
}

#[test]
fn longest_string_of_the_original_comes_out_whole() {
    let mut stream = vec![b'x'; CHUNK_MAX - 1];
    stream.push(0);
    let whole = split(&stream, &every_byte(stream.len()));
    assert_eq!((whole.frames.len(), whole.frames[0].len()), (1, 1024));
}
