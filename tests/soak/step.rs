//! What the seed chooses: a fault, and perhaps another thing right behind it.

use crate::fault::{Fault, WELL};
use crate::random::Random;
use crate::world::{Daemon, Level, Link, World, GROUPS, ROUTERS};
use std::fmt;
use std::time::Duration;

/// A fault, and what comes before anybody has looked: its end, or another fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Step {
    pub fault: Fault,
    pub soon: Option<(Duration, Fault)>,
}

impl Step {
    /// The next one.
    pub fn choose(random: &mut Random, world: &World) -> Self {
        let ends = Fault::ends(world);
        let fault = loop {
            let fault = if !ends.is_empty() && random.percent(45) {
                ends[random.index(ends.len())]
            } else {
                any(random, world)
            };
            if fault.is_possible(world) {
                break fault;
            }
        };
        let soon = match random.below(100) {
            0..35 => fault.end(),
            35..50 => {
                let mut world = world.clone();
                fault.apply(&mut world);
                let other = any(random, &world);
                // Nobody may have the address yet that could be deleted.
                let is_deleted = matches!(other, Fault::Delete(..));
                Some(other).filter(|other| other.is_possible(&world) && !is_deleted)
            }
            _ => None,
        };
        // As long as a takeover takes, and a little longer.
        let most = world.longest_master_down() * 3 / 2;
        Self { fault, soon: soon.map(|soon| (random.span(most), soon)) }
    }

    /// Its name in the table.
    pub fn name(self) -> String {
        let name = self.fault.name();
        match self.soon {
            None => name.to_owned(),
            Some((_, soon)) if Some(soon) == self.fault.end() => format!("{name}, soon back"),
            Some(_) => "two faults".to_owned(),
        }
    }

    /// What happens last.
    pub fn last(self) -> Fault {
        self.soon.map_or(self.fault, |(_, soon)| soon)
    }

    /// By when all must be well, from what happens last on.
    pub fn bound(self, world: &World) -> Duration {
        self.fault.bound(world).max(self.last().bound(world))
    }

    /// See [`Fault::theory`].
    pub fn theory(self, world: &World, address: usize, taker: usize) -> Duration {
        let of = |fault: Fault| fault.theory(world, address, taker);
        of(self.last()).max(if self.fault.end() == Some(self.last()) {
            Duration::ZERO
        } else {
            of(self.fault)
        })
    }
}

/// A fault, possible or not. Most often it concerns a router that holds something.
fn any(random: &mut Random, world: &World) -> Fault {
    let held: Vec<(usize, usize)> = world
        .holders()
        .into_iter()
        .filter_map(|(_, address, holder)| Some((holder?, address)))
        .collect();
    let (mut router, address) = random.pick(&held);
    let holder = router;
    if random.percent(25) {
        router = random.index(ROUTERS);
    }
    let group = random.index(GROUPS);
    match random.below(24) {
        0..=3 => Fault::Kill(router),
        4..=6 => Fault::Stop(router),
        7..=8 => Fault::End(router),
        9 => Fault::Cut(router, Link::DownHere),
        10 => Fault::Cut(router, Link::DownThere),
        11..=12 => {
            let mut away = [false; ROUTERS];
            away[router] = true;
            away[random.index(ROUTERS)] = true;
            Fault::Part(away)
        }
        13..=15 => {
            let level = random.pick(&[Level::Usual, Level::Raised, Level::Lowered]);
            Fault::Priority(router, group, level)
        }
        16..=17 => Fault::Addresses(group),
        18..=19 => Fault::Upgrade(router),
        20..=21 => Fault::Unsound(router),
        22 => Fault::Unfit(router),
        _ => Fault::Delete(holder, address),
    }
}

impl fmt::Display for Step {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(to, "{}", self.fault)?;
        match self.soon {
            Some((after, soon)) => write!(to, ", {} ms later {soon}", after.as_millis()),
            None => Ok(()),
        }
    }
}

#[test]
fn a_seed_is_a_story_and_somebody_is_always_well() {
    use Daemon::{Keepalived, Vipd};
    let story = |seed: u64| {
        let mut random = Random::new(seed);
        let mut world =
            World::new([Vipd, Vipd, Keepalived, Keepalived], Duration::from_millis(500));
        let mut steps = Vec::new();
        for _ in 0..1000 {
            let step = Step::choose(&mut random, &world);
            step.fault.apply(&mut world);
            if let Some((_, soon)) = step.soon {
                soon.apply(&mut world);
            }
            assert!(world.routers.iter().filter(|router| router.is_able()).count() >= WELL);
            steps.push(step);
        }
        steps
    };
    let steps = story(1);
    assert_eq!(steps, story(1));
    assert_ne!(steps, story(2));
    let names: std::collections::BTreeSet<&str> = steps.iter().map(|it| it.fault.name()).collect();
    assert_eq!(names.len(), 20, "every kind happens: {names:?}");
}
