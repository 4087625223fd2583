//! A LAN of virtual routers in virtual time: the real core, real messages, and everything that can
//! go wrong between them. `tests/README.md` says how to replay a seed.

mod explain;
mod faults;
mod group;
mod groups;
mod interop;
mod invariants;
mod lan;
mod node;
mod peer;
mod play;
mod random;
mod reload;
mod seeds;
mod shrink;
mod stories;
mod worlds;
