//! The samples of vipd.uci(5) are right.

use super::{page, vipd};
use std::fs;
use std::path::PathBuf;
use std::process::Output;

fn checked(name: &str, sample: &str) -> Output {
    let file = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
    fs::write(&file, sample).unwrap();
    vipd(&["-T", "-F", "uci", "-f", file.to_str().unwrap()])
}

#[test]
fn every_sample_of_uci_is_accepted() {
    let blocks = page("man/vipd.uci.5").literal_blocks();
    assert!(blocks.len() >= 3, "only {} samples", blocks.len());
    for (number, block) in blocks.iter().enumerate() {
        let output = checked(&format!("sample-{number}.uci"), block);
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{said}\n{block}");
    }
}

/// So that the other test is worth something.
#[test]
fn a_wrong_sample_of_uci_would_not_be_accepted() {
    let output = checked("wrong.uci", "config vrrp_instance 'a'\n\toption interfacce 'eth0'\n");
    assert_eq!(output.status.code(), Some(78));
}
