//! Four routers on a segment, two with vipd and two with keepalived, three virtual routers; and what
//! happens to routers: they are killed, stopped, cut off, parted, reloaded, upgraded, and their checks
//! fail, in an order that a seed determines. After each fault every address must have one holder,
//! the right one, within the theoretical bound (`fault.rs`). At the end there is a table.
//!
//! ```text
//!   r1 vipd    r2 vipd    r3 keepalived    r4 keepalived    client        away
//!     |          |             |                |             |            |
//!     ------------------------ br0 ---------------------------      ----- br1
//! ```
//!
//! Both clients ask by ARP for all addresses, all the time, and hear who answers. In a partition some
//! routers are on the other bridge.
//!
//! `make soak` runs it: SECONDS=600, SEED=number (without it by the clock), `KEEPALIVED=path` or `none`,
//! `VIPD=path`, `ADVERT_INT=seconds`, `LOG=file` for all that the daemons say.

#[allow(dead_code)] // Shared with the simulation, which uses more of it.
#[path = "../sim/random.rs"]
mod random;

#[path = "../netns/lab/mod.rs"]
mod lab;

mod ear;
mod fault;
mod files;
mod judge;
mod lag;
mod soak;
mod stage;
mod step;
mod table;
mod world;

use fault::Fault;
use signal_hook::consts::{SIGINT, SIGTERM};
use soak::Options;
use stage::Programs;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;
use std::sync::Arc;
use std::time::Duration;
use step::Step;

/// The short run: a seed (a reload, a kill and a check that fails, a start), and how many faults.
const SHORT_SEED: u64 = 33;
const SHORT: usize = 3;
const ADVERT_INT: Duration = Duration::from_millis(500);

fn programs() -> Programs {
    let path = |name: &str| std::env::var(name).ok().filter(|path| !path.is_empty());
    let vipd =
        path("VIPD").map_or_else(|| Path::new(env!("CARGO_BIN_EXE_vipd")).into(), PathBuf::from);
    let keepalived = match path("KEEPALIVED") {
        Some(none) if none == "none" => None,
        Some(path) => Some(PathBuf::from(path)),
        None => in_path("keepalived"),
    };
    Programs { vipd, keepalived }
}

/// A program in the PATH, or where daemons are.
fn in_path(name: &str) -> Option<PathBuf> {
    let path = std::env::var("PATH").unwrap_or_default();
    let path = format!("{path}:/usr/local/sbin:/usr/sbin");
    std::env::split_paths(&path).map(|folder| folder.join(name)).find(|file| file.is_file())
}

/// A number from the environment.
fn number<T: std::str::FromStr>(name: &str) -> Option<T> {
    let text = std::env::var(name).ok().filter(|text| !text.is_empty())?;
    Some(text.parse().unwrap_or_else(|_| panic!("{name}={text}: a number is expected")))
}

/// Runs it, and fails when everything is cleaned up.
#[track_caller]
fn run(options: &Options) {
    let interrupted = Arc::new(AtomicBool::new(false));
    for signal in [SIGINT, SIGTERM] {
        signal_hook::flag::register(signal, Arc::clone(&interrupted))
            .expect("signals can be heard");
    }
    if let Err(error) = soak::run(options, &interrupted) {
        panic!("{error}\nthe same faults again: make soak SEED={}", options.seed);
    }
}

fn short() -> Options {
    Options {
        seed: SHORT_SEED,
        time: Duration::from_secs(600),
        faults: SHORT,
        steps: Vec::new(),
        vip_lease: None,
        // CI is busy: a daemon may have to wait for its turn for a second and more.
        advert_int: Duration::from_secs(1),
        log: None,
        programs: programs(),
    }
}

/// The short run, or with SECONDS the long one.
#[test]
fn four_routers() {
    let Some(seconds) = number("SECONDS") else { return run(&short()) };
    run(&Options {
        seed: number("SEED").unwrap_or_else(|| lab::wall_clock() / 1_000_000 % 1_000_000),
        time: Duration::from_secs(seconds),
        faults: usize::MAX,
        advert_int: number("ADVERT_INT").map_or(ADVERT_INT, Duration::from_secs_f64),
        log: std::env::var_os("LOG").map(PathBuf::from),
        ..short()
    });
}

/// What it is there to find, it finds.
#[test]
fn a_dead_master_that_answers_is_found_out() {
    let steps = vec![Step { fault: Fault::Kill(0), soon: None }];
    let options = Options { steps, vip_lease: Some("off"), ..short() };
    let error = soak::run(&options, &AtomicBool::new(false)).expect_err("r1 answers for ever");
    let first = error.lines().next().unwrap_or_default();
    assert!(first.ends_with("should be held by r3, is held by r1 and r3"), "{error}");
}
