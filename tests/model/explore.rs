//! Goes through every state that a small world can come to.

use crate::key::Key;
use crate::peace::Peace;
use crate::step::{Step, World};
use std::collections::HashSet;
use std::panic::{catch_unwind, AssertUnwindSafe};
use std::time::Instant;

/// What was seen.
pub struct Seen {
    pub states: usize,
    /// Steps from one to another.
    pub steps: usize,
}

/// A state, and what was not tried from it yet.
struct Open {
    world: World,
    steps: std::vec::IntoIter<Step>,
}

/// Every state that can be reached from the first one. Fails with the story of one that must not be.
pub fn explore(name: &str, first: &World) -> Seen {
    let begin = Instant::now();
    let mut peace = Peace::default();
    let mut known: HashSet<Key> = HashSet::new();
    let mut seen = Seen { states: 0, steps: 0 };
    let mut open = Vec::new();
    let mut path: Vec<Step> = Vec::new();
    let mut arrive = |world: World, path: &[Step], open: &mut Vec<Open>, seen: &mut Seen| {
        if !known.insert(world.key()) {
            return false;
        }
        seen.states += 1;
        if catch_unwind(AssertUnwindSafe(|| peace.judge(&world))).is_err() {
            tell(first, path);
        }
        let steps = world.steps().into_iter();
        open.push(Open { world, steps });
        true
    };
    arrive(first.clone(), &path, &mut open, &mut seen);
    while let Some(last) = open.last_mut() {
        let Some(step) = last.steps.next() else {
            open.pop();
            path.pop();
            continue;
        };
        seen.steps += 1;
        let mut world = last.world.clone();
        path.push(step);
        let taken = catch_unwind(AssertUnwindSafe(|| {
            world.take(&path[path.len() - 1]);
            world
        }));
        let Ok(world) = taken else { tell(first, &path) };
        if !arrive(world, &path, &mut open, &mut seen) {
            path.pop();
        }
    }
    let took = begin.elapsed().as_secs_f64();
    println!("{name}: {} states, {} steps, {took:.1} s", seen.states, seen.steps);
    seen
}

/// Goes the same way again, and says what happens.
fn tell(first: &World, path: &[Step]) -> ! {
    let mut world = first.clone();
    world.lan.story = Some(Vec::new());
    for step in path {
        if !matches!(step, Step::Happens(_, fates) if fates.is_empty()) {
            world.lan.note(0, &format!("and all: {step:?}"));
        }
        world.take(step);
    }
    Peace::default().judge(&world);
    panic!("it fails only at times: something is not deterministic");
}
