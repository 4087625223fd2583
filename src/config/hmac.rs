//! `auth_hmac` as it was asked for, and what a key looks like.

use super::error::Place;
use crate::vrrp::auth_hmac::Settings;
use core::fmt;

/// Bytes of a key.
pub const LENGTHS: core::ops::RangeInclusive<usize> = 32..=64;

/// `auth_hmac`: adverts are signed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuthHmac {
    /// `active_key`, `anti_replay`, `time_window` and `mode`.
    pub settings: Settings,
    /// `key`, each with a number of its own; that of `active_key` is among them.
    pub key: Vec<HmacKey>,
}

/// An entry of `key`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HmacKey {
    /// Its number, 1 to 255.
    pub id: u8,
    /// Where it is.
    pub value: KeyValue,
    /// Where it was said.
    pub place: Place,
}

/// Where a key is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeyValue {
    /// In the configuration.
    Here(Secret),
    /// `file:PATH`: in a file, of which this is the absolute path.
    File(String),
}

/// A key, which is not shown.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(pub Vec<u8>);

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("...")
    }
}

/// Reads a key: `hex:` and two digits for each byte, with blanks between them if you like, or else
/// the bytes themselves.
///
/// # Errors
/// What is wrong with it, behind the name of the key. It does not say what it is.
pub fn decode(value: &[u8]) -> Result<Secret, String> {
    let key = match value.strip_prefix(b"hex:") {
        Some(digits) => hex(digits).ok_or("is not two hexadecimal digits for each byte")?,
        None => value.to_vec(),
    };
    if LENGTHS.contains(&key.len()) {
        Ok(Secret(key))
    } else {
        let (least, most) = LENGTHS.into_inner();
        Err(format!("has {} bytes, and must have {least} to {most}", key.len()))
    }
}

fn hex(digits: &[u8]) -> Option<Vec<u8>> {
    let digit = |byte: &u8| char::from(*byte).to_digit(16);
    let is_blank = |byte: &&u8| matches!(byte, b' ' | b'\t');
    let digits: Option<Vec<_>> = digits.iter().filter(|byte| !is_blank(byte)).map(digit).collect();
    let pair = |pair: &[u32]| match pair {
        [high, low] => u8::try_from(high << 4 | low).ok(),
        _ => None,
    };
    digits?.chunks(2).map(pair).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_bytes_or_digits() {
        let text = "a key of text that has 40 bytes, exactly";
        assert_eq!(decode(text.as_bytes()), Ok(Secret(text.into())));
        let digits = "hex:000102030405060708090a0B0c0d0e0f 10111213 1415161718191a1b1c1d1e1f";
        assert_eq!(decode(digits.as_bytes()), Ok(Secret((0..32).collect())));
        assert_eq!(decode(&[b'x'; 64]), Ok(Secret(vec![b'x'; 64])));
    }

    #[test]
    fn wrong_keys_are_not_shown() {
        let digits = |count: usize| format!("hex:{}", "0".repeat(count));
        for (key, expected) in [
            ("s3cret".to_owned(), "has 6 bytes, and must have 32 to 64"),
            ("x".repeat(31), "has 31 bytes, and must have 32 to 64"),
            ("x".repeat(65), "has 65 bytes, and must have 32 to 64"),
            (String::new(), "has 0 bytes, and must have 32 to 64"),
            (digits(62), "has 31 bytes, and must have 32 to 64"),
            (digits(130), "has 65 bytes, and must have 32 to 64"),
            (digits(65), "is not two hexadecimal digits for each byte"),
            (format!("{}xy", digits(64)), "is not two hexadecimal digits for each byte"),
            (format!("{}+1", digits(64)), "is not two hexadecimal digits for each byte"),
        ] {
            assert_eq!(decode(key.as_bytes()), Err(expected.to_owned()));
        }
        assert_eq!(format!("{:?}", Secret(b"s3cret".to_vec())), "...");
    }
}
