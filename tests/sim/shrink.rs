//! The shortest story that still fails: steps and hosts are left out as long as it does.

use crate::play::Story;

/// Leaves out what it fails without.
pub fn shrink(story: &Story) -> Story {
    let mut short = story.clone();
    loop {
        let before = (short.steps.len(), short.absent.len());
        leave_out_steps(&mut short);
        leave_out_hosts(&mut short);
        if before == (short.steps.len(), short.absent.len()) {
            return short;
        }
    }
}

/// Halves first, then smaller and smaller parts (Zeller's delta debugging).
fn leave_out_steps(story: &mut Story) {
    let mut size = story.steps.len().div_ceil(2);
    while size > 0 {
        let mut at = 0;
        while at < story.steps.len() {
            let mut shorter = story.clone();
            shorter.steps.drain(at..(at + size).min(story.steps.len()));
            if shorter.ends_well().is_none() {
                *story = shorter;
            } else {
                at += size;
            }
        }
        size /= 2;
    }
}

fn leave_out_hosts(story: &mut Story) {
    let hosts = (story.kind.world)(&mut crate::random::Random::new(story.seed), story.seed).hosts();
    for host in (0..hosts).filter(|host| !story.absent.contains(host)).collect::<Vec<_>>() {
        let mut fewer = story.clone();
        fewer.absent.push(host);
        if fewer.absent.len() < hosts && fewer.ends_well().is_none() {
            *story = fewer;
        }
    }
}
