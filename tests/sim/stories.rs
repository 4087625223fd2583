//! Stories of ten lines.

use crate::lan::Lan;

#[test]
fn two_routers() {
    let mut lan = Lan::with_priorities([200, 100]);
    lan.run_until_quiet();
    assert_eq!(lan.holders(), [0]);
}
