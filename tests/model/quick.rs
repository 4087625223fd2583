//! What takes seconds.

use crate::small::{go_through, groups, pairs, threes, NONE};
use crate::step::Faults;

/// One packet after another, one crash or time of standing still, one check that changes its mind.
const ONE: [Faults; 3] =
    [Faults { lost: 1, ..NONE }, Faults { stops: 1, ..NONE }, Faults { checks: 1, ..NONE }];

#[test]
fn two_routers() {
    let faults = [
        Faults { lost: 3, ..NONE },
        Faults { lost: 1, stops: 1, ..NONE },
        Faults { lost: 1, checks: 1, ..NONE },
        Faults { delayed: 1, checks: 1, ..NONE },
        Faults { delayed: 1, stops: 1, ..NONE },
    ];
    pairs().iter().for_each(|(name, all)| go_through(name, all, 1, &faults));
}

#[test]
fn three_routers() {
    threes().iter().for_each(|(name, all)| go_through(name, all, 1, &ONE));
}

#[test]
fn two_groups_of_two() {
    groups().iter().for_each(|(name, all)| go_through(name, all, 2, &ONE));
}
