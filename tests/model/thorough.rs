//! What takes minutes: `make model`.

use crate::small::{go_through, groups, pairs, threes, NONE};
use crate::step::Faults;

/// Whether somebody wants it.
fn wanted() -> bool {
    let wanted = std::env::var_os("THOROUGH").is_some();
    if !wanted {
        println!("not gone through: THOROUGH is not set (make model)");
    }
    wanted
}

/// All of it at once.
#[test]
fn two_routers_with_everything() {
    let faults = [
        Faults { lost: 1, delayed: 1, ..NONE },
        Faults { stops: 1, checks: 1, ..NONE },
        Faults { lost: 1, stops: 1, checks: 1, ..NONE },
        Faults { lost: 2, stops: 1, checks: 1, ..NONE },
    ];
    if wanted() {
        pairs().iter().for_each(|(name, all)| go_through(name, all, 1, &faults));
    }
}

#[test]
fn three_routers_with_two_faults() {
    let faults = [
        Faults { lost: 2, ..NONE },
        Faults { lost: 1, stops: 1, ..NONE },
        Faults { lost: 1, checks: 1, ..NONE },
        Faults { delayed: 1, stops: 1, ..NONE },
    ];
    if wanted() {
        threes().iter().for_each(|(name, all)| go_through(name, all, 1, &faults));
    }
}

#[test]
fn two_groups_with_two_faults() {
    let faults = [
        Faults { lost: 1, stops: 1, ..NONE },
        Faults { lost: 1, checks: 1, ..NONE },
        Faults { delayed: 1, ..NONE },
    ];
    if wanted() {
        groups().iter().for_each(|(name, all)| go_through(name, all, 2, &faults));
    }
}
