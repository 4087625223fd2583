//! SHA-256 (FIPS 180-4) and HMAC with it (RFC 2104). By hand, because `wire` knows nothing but the
//! language's own core, and because it is two small functions: a crate would have brought more than
//! is used here. The published vectors are among the tests.

/// Octets that are compressed at a time.
const BLOCK: usize = 64;
/// Octets of a digest.
pub const DIGEST: usize = 32;

/// The first 32 bits of the fractional parts of the cube roots of the first 64 primes.
const ROUNDS: [u32; 64] = [
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
    0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
    0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
    0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
    0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
    0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2,
];

/// A digest under way.
#[derive(Clone, Copy)]
struct Hash {
    state: [u32; 8],
    block: [u8; BLOCK],
    /// Octets so far. Those of the last block that is not full stand in `block`.
    length: u64,
}

impl Hash {
    /// The first 32 bits of the fractional parts of the square roots of the first 8 primes.
    const EMPTY: Self = Self {
        state: [
            0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab,
            0x5be0cd19,
        ],
        block: [0; BLOCK],
        length: 0,
    };

    fn add(&mut self, bytes: &[u8]) {
        for byte in bytes {
            let at = (self.length % BLOCK as u64) as usize;
            self.block[at] = *byte;
            self.length += 1;
            if at == BLOCK - 1 {
                compress(&mut self.state, &self.block);
            }
        }
    }

    fn finish(mut self) -> [u8; DIGEST] {
        let bits = self.length * 8;
        self.add(&[0x80]);
        while self.length % BLOCK as u64 != BLOCK as u64 - 8 {
            self.add(&[0]);
        }
        self.add(&bits.to_be_bytes());
        let mut digest = [0; DIGEST];
        for (bytes, word) in digest.chunks_exact_mut(4).zip(self.state) {
            bytes.copy_from_slice(&word.to_be_bytes());
        }
        digest
    }
}

/// FIPS 180-4 §6.2.2, with a message schedule of 16 words that goes around.
fn compress(state: &mut [u32; 8], block: &[u8; BLOCK]) {
    let mut schedule = [0u32; 16];
    for (word, bytes) in schedule.iter_mut().zip(block.chunks_exact(4)) {
        *word = bytes.iter().fold(0, |word, byte| word << 8 | u32::from(*byte));
    }
    let [mut a, mut b, mut c, mut d, mut e, mut f, mut g, mut h] = *state;
    for (round, constant) in ROUNDS.iter().enumerate() {
        let at = |back: usize| (round + 16 - back) % 16;
        if round >= 16 {
            let (x, y) = (schedule[at(15)], schedule[at(2)]);
            let x = x.rotate_right(7) ^ x.rotate_right(18) ^ x >> 3;
            let y = y.rotate_right(17) ^ y.rotate_right(19) ^ y >> 10;
            schedule[at(16)] =
                schedule[at(16)].wrapping_add(x).wrapping_add(schedule[at(7)]).wrapping_add(y);
        }
        let high = e.rotate_right(6) ^ e.rotate_right(11) ^ e.rotate_right(25);
        let choice = (e & f) ^ (!e & g);
        let first = h
            .wrapping_add(high)
            .wrapping_add(choice)
            .wrapping_add(*constant)
            .wrapping_add(schedule[at(16)]);
        let low = a.rotate_right(2) ^ a.rotate_right(13) ^ a.rotate_right(22);
        let majority = (a & b) ^ (a & c) ^ (b & c);
        let second = low.wrapping_add(majority);
        (h, g, f, e) = (g, f, e, d.wrapping_add(first));
        (d, c, b, a) = (c, b, a, first.wrapping_add(second));
    }
    for (word, add) in state.iter_mut().zip([a, b, c, d, e, f, g, h]) {
        *word = word.wrapping_add(add);
    }
}

/// A key, as HMAC uses it: digested already, so that the key itself need not be kept.
#[derive(Clone)]
pub struct Key {
    inner: Hash,
    outer: Hash,
}

impl Key {
    /// Of a key of any length.
    #[must_use]
    pub fn new(key: &[u8]) -> Self {
        let mut padded = [0; BLOCK];
        match padded.get_mut(..key.len()) {
            Some(start) => start.copy_from_slice(key),
            None => {
                let mut hash = Hash::EMPTY;
                hash.add(key);
                padded[..DIGEST].copy_from_slice(&hash.finish());
            }
        }
        let (mut inner, mut outer) = (Hash::EMPTY, Hash::EMPTY);
        inner.add(&padded.map(|byte| byte ^ 0x36));
        outer.add(&padded.map(|byte| byte ^ 0x5c));
        // They have taken in one full block: what stands there is the key.
        (inner.block, outer.block) = ([0; BLOCK], [0; BLOCK]);
        Self { inner, outer }
    }

    /// HMAC over parts that follow each other.
    #[must_use]
    pub fn mac(&self, parts: &[&[u8]]) -> [u8; DIGEST] {
        let (mut inner, mut outer) = (self.inner, self.outer);
        for part in parts {
            inner.add(part);
        }
        outer.add(&inner.finish());
        outer.finish()
    }
}

/// Keys are not shown.
impl core::fmt::Debug for Key {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("Key")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::format;
    use alloc::string::String;
    use alloc::vec;

    fn hex(bytes: &[u8]) -> String {
        bytes.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    fn digest(parts: &[&[u8]]) -> String {
        let mut hash = Hash::EMPTY;
        parts.iter().for_each(|part| hash.add(part));
        hex(&hash.finish())
    }

    /// The examples that NIST publishes with FIPS 180-4, the longest message of one block with its
    /// padding, and the shortest that needs another.
    #[test]
    fn digests_are_those_of_the_standard() {
        for (message, expected) in [
            (&b""[..], "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
            (b"abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
            (
                b"abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
                "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1",
            ),
            (&[b'a'; 55], "9f4390f8d30c2dd92ec9f095b65e2b9ae9b0a925a5258e241c9f1e910f734318"),
            (&[b'a'; 64], "ffe054fe7ae0cb6dc65c3af9b61d5209f439851db43d0ba5997337df154668eb"),
        ] {
            assert_eq!(digest(&[message]), expected, "{} octets", message.len());
            let (first, second) = message.split_at(message.len() / 3);
            assert_eq!(digest(&[first, second]), expected, "in two parts");
        }
        let million = vec![b'a'; 1_000_000];
        let expected = "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0";
        assert_eq!(digest(&[&million]), expected);
    }

    /// RFC 4231 §4.2 to §4.4, §4.7, §4.8.
    #[test]
    fn macs_are_those_of_rfc_4231() {
        for (key, message, expected) in [
            (
                &[0x0b; 20][..],
                &b"Hi There"[..],
                "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7",
            ),
            (
                b"Jefe",
                b"what do ya want for nothing?",
                "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843",
            ),
            (
                &[0xaa; 20],
                &[0xdd; 50],
                "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe",
            ),
            (
                &[0xaa; 131],
                b"Test Using Larger Than Block-Size Key - Hash Key First",
                "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54",
            ),
            (
                &[0xaa; 131],
                b"This is a test using a larger than block-size key and a larger than block-size \
                  data. The key needs to be hashed before being used by the HMAC algorithm.",
                "9b09ffa71b942fcb27635fbcd5b0e944bfdc63644f0713938a7f51535c3a35e2",
            ),
        ] {
            let key = Key::new(key);
            assert_eq!(hex(&key.mac(&[message])), expected);
            let (first, second) = message.split_at(message.len() / 2);
            assert_eq!(hex(&key.mac(&[first, &[], second])), expected, "in parts");
        }
    }

    #[test]
    fn a_key_is_not_shown() {
        assert_eq!(format!("{:?}", Key::new(b"Jefe")), "Key");
    }
}
