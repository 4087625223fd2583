//! vipd keeps IP addresses highly available, by VRRP.
//!
//! The map, from the inside out. `use` goes one way:
//! `main -> {daemon, control} -> config -> vrrp -> wire`, and `{daemon, control} -> sys`. What the
//! client judges as the daemon does (`sniff`) it has from there: what an instance becomes.
//!
//! * [`wire`]: bytes to values and back.
//! * [`vrrp`]: decisions. Like `wire` it has no I/O, no clock, no log: time is an argument, and what
//!   is to be done is a list of actions.
//! * [`config`]: text to [`config::Config`], whatever the syntax.
//! * [`control`]: the client, `vipctl`.
//! * [`daemon`]: owns every descriptor, feeds events to `vrrp` and performs its actions.
//! * [`exit`]: why a program ends.
//! * [`json`]: what the two say to each other.
//! * [`log`]: where the lines go.
//! * [`sys`]: the system calls, and the only `unsafe`. Knows nothing of VRRP.

#![deny(unsafe_code)]

extern crate alloc;

pub mod config;
pub mod control;
pub mod daemon;
pub mod exit;
pub mod json;
pub mod log;
pub mod sys;
pub mod vrrp;
pub mod wire;
