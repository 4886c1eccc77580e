//! SHA-256 (FIPS 180-4): recordings whose long events are cut carry the digest of all their bytes, so that what is
//! rebuilt can be proven to be what was sent.

const INITIAL: [u32; 8] = [
    0x6a09_e667,
    0xbb67_ae85,
    0x3c6e_f372,
    0xa54f_f53a,
    0x510e_527f,
    0x9b05_688c,
    0x1f83_d9ab,
    0x5be0_cd19,
];

/// The digest in hexadecimal.
pub(super) fn sha256(bytes: &[u8]) -> String {
    let rounds = round_constants();
    let mut padded = bytes.to_vec();
    padded.push(0x80);
    padded.resize(padded.len().next_multiple_of(64), 0);
    if padded.len() - bytes.len() < 9 {
        padded.resize(padded.len() + 64, 0);
    }
    let length = padded.len() - 8;
    padded.truncate(length);
    padded.extend((bytes.len() as u64 * 8).to_be_bytes());
    let mut state = INITIAL;
    for block in padded.chunks_exact(64) {
        compress(&mut state, block, &rounds);
    }
    state.iter().fold(String::new(), |digest, word| format!("{digest}{word:08x}"))
}

#[expect(clippy::many_single_char_names, reason = "the standard's own names")]
fn compress(state: &mut [u32; 8], block: &[u8], rounds: &[u32; 64]) {
    let mut words = [0u32; 64];
    for (word, bytes) in words.iter_mut().zip(block.chunks_exact(4)) {
        *word = bytes.iter().fold(0, |sum, &byte| (sum << 8) | u32::from(byte));
    }
    for at in 16..64 {
        let (far, near) = (words[at - 15], words[at - 2]);
        let small0 = far.rotate_right(7) ^ far.rotate_right(18) ^ (far >> 3);
        let small1 = near.rotate_right(17) ^ near.rotate_right(19) ^ (near >> 10);
        words[at] =
            words[at - 16].wrapping_add(small0).wrapping_add(words[at - 7]).wrapping_add(small1);
    }
    let [mut a, mut b, mut c, mut d, mut e, mut f, mut g, mut h] = *state;
    for (word, round) in words.iter().zip(rounds) {
        let big1 = e.rotate_right(6) ^ e.rotate_right(11) ^ e.rotate_right(25);
        let choice = (e & f) ^ (!e & g);
        let first =
            h.wrapping_add(big1).wrapping_add(choice).wrapping_add(*round).wrapping_add(*word);
        let big0 = a.rotate_right(2) ^ a.rotate_right(13) ^ a.rotate_right(22);
        let majority = (a & b) ^ (a & c) ^ (b & c);
        (h, g, f, e) = (g, f, e, d.wrapping_add(first));
        (d, c, b, a) = (c, b, a, first.wrapping_add(big0).wrapping_add(majority));
    }
    for (word, add) in state.iter_mut().zip([a, b, c, d, e, f, g, h]) {
        *word = word.wrapping_add(add);
    }
}

/// The first 32 bits of the fractional parts of the cube roots of the first 64 primes.
fn round_constants() -> [u32; 64] {
    let mut constants = [0; 64];
    let is_prime = |number: &u128| {
        (2..*number).take_while(|by| by * by <= *number).all(|by| !number.is_multiple_of(by))
    };
    for (constant, prime) in constants.iter_mut().zip((2u128..).filter(is_prime)) {
        // floor(cbrt(prime) * 2^32) by bisection; its low 32 bits are the fraction.
        let (mut low, mut high) = (0u128, 1 << 36);
        while high - low > 1 {
            let middle = u128::midpoint(low, high);
            if middle.pow(3) <= prime << 96 { low = middle } else { high = middle }
        }
        #[expect(
            clippy::cast_possible_truncation,
            reason = "the low 32 bits are what is asked for"
        )]
        let fraction = low as u32;
        *constant = fraction;
    }
    constants
}

#[cfg(test)]
mod tests {
    use super::sha256;

    #[test]
    fn digests_are_those_of_the_standard() {
        let abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(sha256(b"abc"), abc);
        let empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
        assert_eq!(sha256(b""), empty);
        let two_blocks = "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1";
        assert_eq!(sha256(b"abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq"), two_blocks);
    }
}
