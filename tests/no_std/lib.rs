//! The core alone, without the standard library: what of it needs a clock, a file, a socket or a
//! thread does not compile.

#![no_std]
#![deny(unsafe_code)]

extern crate alloc;

#[path = "../../src/vrrp/mod.rs"]
pub mod vrrp;
#[path = "../../src/wire/mod.rs"]
pub mod wire;
