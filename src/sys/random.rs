//! Numbers that nobody can guess.

use super::{clock, cvt_len, retry};

/// A random number. Should the kernel have none yet, early at boot, it is made of the clock: it is
/// for telling our packets from others', and no secret hangs on it.
#[must_use]
pub fn random() -> u64 {
    let mut bytes = [0u8; 8];
    // SAFETY: `bytes` is writable for its length until the call returns.
    let mut fill =
        || unsafe { libc::getrandom(bytes.as_mut_ptr().cast(), bytes.len(), libc::GRND_NONBLOCK) };
    match retry(|| cvt_len(fill())) {
        Ok(8) => u64::from_ne_bytes(bytes),
        _ => clock::monotonic().wrapping_mul(0x9e37_79b9_7f4a_7c15),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_are_not_alike() {
        assert_ne!(random(), random());
    }
}
