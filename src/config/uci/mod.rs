//! OpenWrt's UCI text to [`Tree`]: the words of `vipd.toml(5)` as sections and options, and beside
//! them the layout of OpenWrt's own package of keepalived.

mod definitions;
mod layout;
mod left_out;
mod lexer;
mod openwrt;
mod syntax;

use super::error::{Place, Report};
use super::tree::Tree;

/// The longest text that is read: 4096 instances of 1000 bytes.
const LONGEST: usize = 4 << 20;

/// Reads UCI. There is no tree, and the report tells why, if the syntax is wrong or the file is
/// switched off.
pub fn parse(text: &str, report: &mut Report) -> Option<Tree> {
    if text.len() > LONGEST {
        let message = format!("{} bytes are too long: at most {LONGEST}", text.len());
        report.error(Place::default(), message);
        return None;
    }
    let file = syntax::read(text, report)?;
    layout::read(file, report)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_too_long_is_not_read() {
        let text = "#\n".repeat(LONGEST / 2 + 1);
        let mut report = Report::new("f", &text);
        assert!(parse(&text, &mut report).is_none() && report.to_string().contains("too long"));
    }
}
