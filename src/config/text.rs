//! The bytes of a `keepalived.conf` as text. keepalived reads bytes; people save files in whatever
//! their editor has.

use super::error::{Place, Report};

/// What some editors put in front of UTF-8.
const MARK: char = '\u{feff}';

/// The text of a file, and what is odd about its bytes.
#[derive(Debug, Default)]
pub struct Decoded {
    /// The text. Bytes that are no UTF-8 have become [`char::REPLACEMENT_CHARACTER`].
    pub text: String,
    remarks: Vec<Remark>,
    lossy: bool,
}

#[derive(Debug)]
struct Remark {
    at: usize,
    len: usize,
    error: bool,
    message: String,
    help: &'static str,
}

impl Decoded {
    fn remark(&mut self, (at, len): (usize, usize), error: bool, message: String) -> &mut Remark {
        self.remarks.push(Remark { at, len, error, message, help: "" });
        let last = self.remarks.len() - 1;
        &mut self.remarks[last]
    }

    /// Tells what is odd, for a text whose first byte has that offset.
    pub fn tell(&self, start: usize, report: &mut Report) {
        for Remark { at, len, error, message, help } in &self.remarks {
            let place = Place::new(start + at, *len);
            let problem = match error {
                true => report.error(place, message),
                false => report.warning(place, message),
            };
            problem.help(*help);
        }
        if self.lossy {
            report.set_lossy();
        }
    }
}

/// Reads bytes.
///
/// # Errors
/// It is another encoding.
pub fn decode(bytes: &[u8]) -> Result<Decoded, &'static str> {
    if bytes.starts_with(b"\xff\xfe") || bytes.starts_with(b"\xfe\xff") {
        return Err("this is UTF-16, and keepalived cannot read it either: save the file as UTF-8");
    }
    let text = String::from_utf8_lossy(bytes).into_owned();
    let mut decoded = Decoded { text, ..Decoded::default() };
    if let Err(error) = core::str::from_utf8(bytes) {
        decoded.lossy = true;
        let broken = decoded.text.matches(char::REPLACEMENT_CHARACTER).count();
        let message = match broken {
            1 => "this is no character of UTF-8: it is read as \u{fffd}".to_owned(),
            _ => {
                format!("{broken} characters from here on are not UTF-8: each is read as \u{fffd}")
            }
        };
        let at = (error.valid_up_to(), char::REPLACEMENT_CHARACTER.len_utf8());
        decoded.remark(at, false, message).help = "save the file as UTF-8";
    }
    if decoded.text.starts_with(MARK) {
        let message = "a byte-order mark: keepalived takes it for a part of the first word";
        let help = "save the file as UTF-8 without it";
        decoded.remark((0, MARK.len_utf8()), false, message.into()).help = help;
    }
    if let Some(at) = decoded.text.find('\0') {
        let end = decoded.text.trim_end_matches(|char: char| char == '\0' || char.is_whitespace());
        let (error, message) = match end.contains('\0') {
            true => (true, "a null byte: the file is damaged, or it is no text"),
            false => (false, "from here on the file is zeros: did it lose its end in a crash?"),
        };
        decoded.remark((at, 1), error, message.into());
        decoded.text = decoded.text.replace('\0', " ");
    }
    if let Some(at) = decoded.text.find('\r').filter(|_| !decoded.text.contains('\n')) {
        let message = "the lines end with a carriage return alone: to keepalived this is one line";
        decoded.remark((at, 1), false, message.into()).help = "save the file with Unix line ends";
        decoded.text = decoded.text.replace('\r', "\n");
    }
    Ok(decoded)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(bytes: &[u8]) -> (String, Vec<(usize, bool)>) {
        let decoded = decode(bytes).unwrap();
        let remarks = decoded.remarks.iter().map(|it| (it.at, it.error)).collect();
        (decoded.text, remarks)
    }

    #[test]
    fn bytes_become_text() {
        for (bytes, text, remarks) in [
            (&b"a\r\nb\n"[..], "a\r\nb\n", vec![]),
            ("ä".as_bytes(), "ä", vec![]),
            (b"a\rb\r", "a\nb\n", vec![(1, false)]),
            (b"a\0b\n", "a b\n", vec![(1, true)]),
            (b"a\n\0\0\n", "a\n  \n", vec![(2, false)]),
            (b"# \xc4\xe3\xba\xc3\n", "# \u{fffd}\u{fffd}\u{fffd}\n", vec![(2, false)]),
            (b"", "", vec![]),
            ("\u{feff}a".as_bytes(), "\u{feff}a", vec![(0, false)]),
        ] {
            assert_eq!(said(bytes), (text.to_owned(), remarks), "{text}");
        }
        assert!(decode(b"\xff\xfea\0").is_err() && decode(b"\xfe\xff\0a").is_err());
    }
}
