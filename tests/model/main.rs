//! Every schedule of small worlds: the real core and real messages, two or three routers, and all that
//! can be done to them with a few faults, at every moment and in every order.

// The simulation's own modules, of which only some is used here.
#[allow(dead_code)]
#[path = "../sim/faults.rs"]
mod faults;
#[allow(dead_code)]
#[path = "../sim/group.rs"]
mod group;
#[allow(dead_code)]
#[path = "../sim/invariants.rs"]
mod invariants;
#[allow(dead_code)]
#[path = "../sim/lan.rs"]
mod lan;
#[allow(dead_code)]
#[path = "../sim/node.rs"]
mod node;
#[allow(dead_code)]
#[path = "../sim/peer.rs"]
mod peer;
#[allow(dead_code)]
#[path = "../sim/play.rs"]
mod play;
#[allow(dead_code)]
#[path = "../sim/random.rs"]
mod random;
#[allow(dead_code)]
#[path = "../sim/reload.rs"]
mod reload;
#[allow(dead_code)]
#[path = "../sim/shrink.rs"]
mod shrink;
#[allow(dead_code)]
#[path = "../sim/worlds.rs"]
mod worlds;

mod explore;
mod key;
mod peace;
mod quick;
mod small;
mod step;
mod thorough;
