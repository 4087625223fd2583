//! Seeded stories, in worlds of different kinds.

use crate::faults::{self, Fault};
use crate::lan::{Lan, LATENCY};
use crate::node::Life;
use crate::play::{play_all, Kind, Story};
use crate::random::Random;
use crate::shrink::shrink;
use crate::worlds::{alone, groups, leased, with_others};
use std::time::Duration;
use vipd::vrrp::event::Link;

/// Seeds of a run for which nobody asked otherwise.
const SEEDS: u64 = 1500;

#[test]
fn seeds() {
    play_all(Kind::new("seeds", alone), SEEDS);
}

/// Hosts with a sync group of two to four routers, each on a segment of its own.
#[test]
fn groups_of_routers() {
    play_all(Kind::new("groups_of_routers", groups), SEEDS / 5);
}

/// One or two of ours, one or two of keepalived's or RFC 5798's.
#[test]
fn peers() {
    play_all(Kind::new("peers", with_others), SEEDS / 2);
}

/// Hosts that are killed or stand still: the kernel goes on for a while.
#[test]
fn leases() {
    let kind = Kind::new("leases", leased);
    play_all(Kind { fault: of_hosts, judge: one_answers, ..kind }, SEEDS / 3);
}

/// What befalls hosts, and not what is between them.
fn of_hosts(random: &mut Random, lan: &Lan) -> (Fault, Option<Fault>) {
    loop {
        match faults::any(random, lan) {
            (Fault::Medium(_) | Fault::Cut(..) | Fault::Zeros(_) | Fault::Claim(_), _) => {}
            (Fault::Reload(..), _) => {}
            found => return found,
        }
    }
}

/// Whoever asks for the addresses has never got an answer from two, but for as long as an advert
/// travels there and back; with clocks that are wrong, a tenth of what anybody waits.
fn one_answers(lan: &Lan) {
    let right = lan.nodes.iter().all(|node| node.clock.rate == 100);
    let wrong = if right { Duration::ZERO } else { lan.longest_wait() / 9 };
    if lan.both_answer > LATENCY * 3 + wrong {
        lan.fail(&format!("two have answered for the addresses for {:?}", lan.both_answer));
    }
}

/// Fails if the first host stands still while the second has no link: a dozen other things happen,
/// and the story that is told has those two alone.
#[test]
fn a_story_that_fails_is_told_as_short_as_it_can_be() {
    fn never_both(lan: &Lan) {
        if lan.nodes[0].life == Life::Stalled && lan.nodes[1].link != Link::Up {
            lan.fail("both");
        }
    }
    let kind = Kind { judge: never_both, ..Kind::new("seeds", alone) };
    let stories = (0..2000).map(|seed| Story::new(kind, seed));
    let long = stories.filter(|story| story.steps.len() >= 12 && story.ends_well().is_none());
    let mut count = 0;
    for story in long.take(5) {
        let short = shrink(&story);
        let faults: Vec<Fault> = short.steps.iter().map(|(_, fault)| *fault).collect();
        let both = matches!(
            faults[..],
            [Fault::Stall(0), Fault::Link(1, _)] | [Fault::Link(1, _), Fault::Stall(0)]
        );
        assert!(both, "{faults:?}");
        assert!(short.ends_well().is_none());
        count += 1;
    }
    assert_eq!(count, 5);
}
