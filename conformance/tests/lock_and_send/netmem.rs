//! As much of NetMem as a stalled reader and the clients beside it need.

use std::io::{self, Read};
use std::net::TcpStream;

use super::Shared;

const PAGES: usize = 8;
const LENGTH: usize = 4096;

/// Version and contents of each page. Locks are granted to whoever asks: the case never contends for one.
pub(crate) struct Pages(Vec<(i32, Vec<u8>)>);

impl Default for Pages {
    fn default() -> Self {
        Self(vec![(1, vec![0; LENGTH]); PAGES])
    }
}

pub(crate) fn serve(pages: &Shared<Pages>, mut stream: TcpStream) -> io::Result<()> {
    loop {
        let mut header = [0; 13];
        stream.read_exact(&mut header)?;
        let word = |at: usize| <[u8; 4]>::try_from(&header[at..at + 4]).unwrap();
        let (page, version) = (u32::from_be_bytes(word(1)) as usize, i32::from_be_bytes(word(9)));
        match header[0] {
            0 => pages.read(&mut stream, |_| reply(0, 0, 1, &[]))?,
            1 => {
                pages
                    .read(&mut stream, |_| reply(1, PAGES, i32::try_from(LENGTH).unwrap(), &[]))?;
            }
            code @ (2 | 3) => pages.read(&mut stream, |pages| {
                let (current, data) = &pages.0[page];
                let known = version == *current;
                reply(code, page, *current, if known { &[] } else { data })
            })?,
            code => {
                let mut data = vec![0; u32::from_be_bytes(word(5)) as usize];
                stream.read_exact(&mut data)?;
                pages.write(&mut stream, |pages| {
                    let next = pages.0[page].0 + 1;
                    let next = if code == 5 && version > 0 { version } else { next };
                    pages.0[page] = (next, data);
                    reply(code, page, next, &[])
                })?;
            }
        }
    }
}

fn reply(code: u8, page: usize, version: i32, data: &[u8]) -> Vec<u8> {
    let mut bytes = vec![code];
    bytes.extend(u32::try_from(page).unwrap().to_be_bytes());
    bytes.extend(u32::try_from(data.len()).unwrap().to_be_bytes());
    bytes.extend(version.to_be_bytes());
    bytes.extend(data);
    bytes
}
