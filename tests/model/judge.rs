//! The model and the stories of the simulation in one program, for `tests/mutants`, which compiles it
//! against a core that has a bug.

// Of modules that two programs share only some is used here.
#![allow(dead_code)]

#[path = "../sim/faults.rs"]
mod faults;
#[path = "../sim/group.rs"]
mod group;
#[path = "../sim/groups.rs"]
mod groups;
#[path = "../sim/interop.rs"]
mod interop;
#[path = "../sim/invariants.rs"]
mod invariants;
#[path = "../sim/lan.rs"]
mod lan;
#[path = "../sim/node.rs"]
mod node;
#[path = "../sim/peer.rs"]
mod peer;
#[path = "../sim/play.rs"]
mod play;
#[path = "../sim/random.rs"]
mod random;
#[path = "../sim/reload.rs"]
mod reload;
#[path = "../sim/seeds.rs"]
mod seeds;
#[path = "../sim/shrink.rs"]
mod shrink;
#[path = "../sim/stories.rs"]
mod stories;
#[path = "../sim/worlds.rs"]
mod worlds;

mod explore;
mod key;
mod peace;
mod quick;
mod step;
mod small;
