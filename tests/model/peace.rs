//! From every state: if nothing more goes wrong, the strongest of those who are there ends up with the
//! addresses, alone, within a bound.

use crate::key::Key;
use crate::node::Life;
use crate::play::{bound, judge};
use crate::step::World;
use std::collections::HashMap;
use std::time::Duration;
use vipd::vrrp::tracker::Effect;

/// How long it takes from a state until nobody changes his any more.
#[derive(Default)]
pub struct Peace {
    known: HashMap<Key, Duration>,
}

impl Peace {
    /// Fails if a state does not lead there in time.
    pub fn judge(&mut self, world: &World) {
        let mut world = world.clone();
        for host in 0..world.lan.hosts() {
            for node in world.lan.members_of(host) {
                if world.lan.nodes[node].life == Life::Stalled {
                    world.lan.wake(node);
                }
                if world.lan.nodes[node].effect() != Effect::Add(0) {
                    world.lan.track(node, Effect::Add(0));
                }
            }
            world.stalled[host] = None;
        }
        world.left = crate::step::Faults::default();
        let took = self.time_from(&mut world);
        let most = bound(&world.lan);
        if took > most {
            world.lan.fail(&format!("it took {took:?} until there was peace, not {most:?}"));
        }
    }

    /// Time until the last change of state on the way from here.
    fn time_from(&mut self, world: &mut World) -> Duration {
        // Where it was, when, and whether somebody changed his state on the way to the next.
        let mut way = Vec::new();
        let mut on_the_way = HashMap::new();
        let rest = loop {
            let key = world.key();
            if let Some(known) = self.known.get(&key) {
                break *known;
            }
            if let Some(first) = on_the_way.insert(key, way.len()) {
                // It goes in a circle from here on.
                judge(&world.lan);
                let changes = |(_, _, changed): &(Key, Duration, bool)| *changed;
                if way[first..].iter().any(changes) {
                    world.lan.fail("never quiet");
                }
                break Duration::ZERO;
            }
            let (before, states) = (world.lan.now, self.states(world));
            match world.lan.due().first() {
                Some(due) => world.lan.happen(*due),
                // Nobody is there.
                None => break Duration::ZERO,
            }
            let changed = states != self.states(world);
            way.push((key, world.lan.now.since(before), changed));
        };
        let mut until_quiet = rest;
        for (key, passed, changed) in way.into_iter().rev() {
            if changed || !until_quiet.is_zero() {
                until_quiet += passed;
            }
            self.known.insert(key, until_quiet);
        }
        until_quiet
    }

    fn states(&self, world: &World) -> Vec<String> {
        world.lan.nodes.iter().map(|node| format!("{:?}", node.state())).collect()
    }
}
