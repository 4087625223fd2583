//! Clocks: that of the day is set by hours, and the machine is suspended. The daemon gets its clocks
//! from a library of the test, `clock_shim.c`; nobody else's are touched.

use crate::lab::process::Process;
use crate::lab::tap::gaps;
use crate::lab::{poll, span, wall_clock, Host, SOON, VIP};
use crate::setup::{toml, vipd, Pair, TICK, V3};
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, Instant};

const HOUR: i64 = 3_600_000_000_000;

/// A daemon whose clocks are ours.
struct Clocked {
    process: Process,
    clocks: File,
    slept: i64,
}

fn library(pair: &Pair) -> PathBuf {
    let library = pair.lab.directory().join("clock_shim.so");
    if !library.exists() {
        let source = pair.lab.file("clock_shim.c", include_str!("clock_shim.c"));
        let mut cc = Command::new("cc");
        cc.args(["-shared", "-fPIC", "-O1", "-o"]).arg(&library).arg(source);
        assert!(cc.status().expect("cc can be run").success());
    }
    library
}

impl Clocked {
    fn start(pair: &Pair, host: &Host, toml: &str) -> Self {
        let path = pair.lab.directory().join(format!("{}.clocks", host.name));
        std::fs::write(&path, [0; 16]).expect("a file of the lab");
        let clocks = File::options().write(true).open(&path).expect("it was just made");
        let file = pair.lab.file(&format!("{}.toml", host.name), toml);
        let mut command = host.namespace.command("env".as_ref());
        command.arg(format!("LD_PRELOAD={}", library(pair).display()));
        command.arg(format!("CLOCKS={}", path.display()));
        command.arg(vipd()).args(["-n", "-l", "stderr", "-f"]).arg(file);
        command.arg("-r").arg(pair.lab.directory().join(format!("run-{}", host.name)));
        let process = pair.lab.spawn(&host.name, command);
        process.wait_log(" starts", SOON);
        Self { process, clocks, slept: 0 }
    }

    /// The clock of the day is set: by so much from what it really is.
    fn set(&self, by: i64) {
        self.clocks.write_all_at(&by.to_ne_bytes(), 0).expect("a file of the lab");
    }

    /// The machine sleeps while something happens.
    fn suspend(&mut self, meanwhile: impl FnOnce()) {
        self.process.stop();
        let begin = Instant::now();
        meanwhile();
        self.slept += i64::try_from(begin.elapsed().as_nanos()).expect("not for ever");
        self.clocks.write_all_at(&self.slept.to_ne_bytes(), 8).expect("a file of the lab");
        self.process.signal("CONT");
    }

    /// What hour of which day its log shows.
    fn hour(&self) -> String {
        let mark = self.process.mark();
        self.process.signal("USR1");
        let line = self.process.wait_log_after(mark, "status: vip", SOON);
        line.text[..13].to_owned()
    }
}

/// `2026-11-23 09`, so many nanoseconds from now.
fn hour_in(nanos: i64) -> String {
    let seconds = (wall_clock() as i64 + nanos).div_euclid(1_000_000_000);
    let t = vipd::sys::clock::local_time(seconds);
    format!("{:04}-{:02}-{:02} {:02}", t.year, t.month, t.day, t.hour)
}

#[test]
fn the_clock_of_the_day_is_set_by_hours_and_nobody_notices() {
    let pair = Pair::new();
    let a = Clocked::start(&pair, &pair.a, &toml(150, V3));
    a.process.wait_log("vip: BACKUP -> MASTER", SOON);
    let b = Clocked::start(&pair, &pair.b, &toml(100, V3));
    b.process.wait_log("vip: INIT -> BACKUP", SOON);
    pair.lab.wait_holder(&pair.a, SOON);
    let begin = wall_clock();
    for (of_a, of_b) in [(5, 0), (5, 7), (-20, 7), (-20, -9), (0, 30 * 24), (100_000, 0), (0, 0)] {
        a.set(of_a * HOUR);
        b.set(of_b * HOUR);
        for (it, hours) in [(&a, of_a), (&b, of_b)] {
            let (before, hour) = (hour_in(hours * HOUR), it.hour());
            assert!(hour == before || hour == hour_in(hours * HOUR), "{hour}, not {before}");
        }
        pair.hears_a.wait_adverts(wall_clock(), 5, SOON);
    }
    let longest = gaps(&pair.hears_a.adverts_after(begin)).into_iter().max();
    assert!(longest.is_some_and(|gap| gap < 5 * TICK), "{longest:?}");
    assert!(pair.hears_b.adverts_after(begin).is_empty());
    assert_eq!(a.process.lines("MASTER -> ").len() + b.process.lines("BACKUP -> ").len(), 0);
    let slept = "the machine was suspended";
    assert_eq!(a.process.lines(slept).len() + b.process.lines(slept).len(), 0);
    assert_eq!(pair.lab.holders(VIP), ["a"]);
    // And it is still in time when it has to be.
    let killed = wall_clock();
    b.set(-50 * HOUR);
    a.process.kill();
    let first = pair.hears_b.wait_advert(killed, SOON);
    assert!(span(killed, first.at) > 2 * TICK, "not at once");
}

/// Nobody hears anybody, and nothing waits in a socket afterwards.
fn apart(pair: &Pair, on: bool) {
    pair.lab.isolate(&pair.a, on);
    pair.lab.isolate(&pair.b, on);
}

/// It has slept while another has taken over, which ranks lower: it listens first, and then takes
/// over by the normal rules.
#[test]
fn a_master_that_was_suspended_listens_first() {
    let pair = Pair::new();
    let mut a = Clocked::start(&pair, &pair.a, &toml(150, V3));
    a.process.wait_log("vip: BACKUP -> MASTER", SOON);
    let b = pair.start_b(&toml(100, V3));
    b.wait_log("vip: INIT -> BACKUP", SOON);
    pair.lab.wait_holder(&pair.a, SOON);
    a.suspend(|| {
        apart(&pair, true);
        b.wait_log("vip: BACKUP -> MASTER", SOON);
        pair.hears_b.wait_adverts(0, 3, SOON);
        apart(&pair, false);
    });
    let woken = wall_clock();
    a.process.wait_log("the machine was suspended for ", SOON);
    let back = a.process.wait_log("vip: MASTER -> BACKUP: the machine was suspended for ", SOON);
    a.process.wait_log("vip: BACKUP -> MASTER: 10.77.0.2 has priority 100", SOON);
    let first = pair.hears_a.wait_advert(woken, SOON);
    assert!(
        first.at > back.at && span(back.at, first.at) > 2 * TICK,
        "it spoke before it listened"
    );
    let announced = pair.hears_a.wait_announcement(woken, VIP, SOON);
    assert!(announced >= first.at);
    b.wait_log("vip: MASTER -> BACKUP: 10.77.0.1 has priority 150", SOON);
    pair.lab.wait_holder(&pair.a, SOON);
    assert_eq!(b.lines("MASTER").len(), 2, "there and back, once");
}

/// The other ranks higher: it does not say one word.
#[test]
fn a_master_that_was_suspended_does_not_disturb_a_better_one() {
    let pair = Pair::new();
    let mut a = Clocked::start(&pair, &pair.a, &toml(100, V3));
    a.process.wait_log("vip: BACKUP -> MASTER", SOON);
    pair.lab.wait_holder(&pair.a, SOON);
    let mut b = None;
    a.suspend(|| {
        apart(&pair, true);
        b = Some(pair.start_b(&toml(150, V3)));
        pair.hears_b.wait_adverts(0, 3, SOON);
        apart(&pair, false);
    });
    let woken = wall_clock();
    a.process.wait_log("vip: MASTER -> BACKUP: the machine was suspended for ", SOON);
    pair.lab.wait_holder(&pair.b, SOON);
    pair.hears_b.wait_adverts(woken, 10, SOON);
    assert!(pair.hears_a.adverts_after(woken).is_empty());
    assert!(pair.hears_a.announcements_after(woken, VIP).is_empty());
    let b = b.expect("it was started");
    assert_eq!(b.lines("MASTER -> ").len() + b.lines("claims to be").len(), 0);
}

/// Its patience has not run out while it slept.
#[test]
fn a_backup_that_was_suspended_waits_for_the_master() {
    let pair = Pair::new();
    let a = pair.start_a(&toml(150, V3));
    a.wait_log("vip: BACKUP -> MASTER", SOON);
    let mut b = Clocked::start(&pair, &pair.b, &toml(100, V3));
    b.process.wait_log("vip: INIT -> BACKUP", SOON);
    for _ in 0..3 {
        pair.hears_a.wait_adverts(wall_clock(), 3, SOON);
        b.suspend(|| {
            apart(&pair, true);
            pair.hears_a.wait_adverts(wall_clock(), 10, SOON);
            apart(&pair, false);
        });
    }
    pair.hears_a.wait_adverts(wall_clock(), 10, SOON);
    assert_eq!(b.process.lines("the machine was suspended for ").len(), 3);
    assert_eq!(b.process.lines("-> MASTER").len(), 0);
    assert!(pair.hears_b.adverts().is_empty());
}

/// So short that nobody else was to take over: it goes on.
#[test]
fn a_short_sleep_is_a_late_advert() {
    let pair = Pair::new();
    let mut a = Clocked::start(&pair, &pair.a, &toml(100, "version = 3\nadvert_int = 5"));
    a.process.wait_log("vip: BACKUP -> MASTER", 3 * SOON);
    pair.lab.wait_holder(&pair.a, SOON);
    // The next one: from here to its successor there is time to put it to sleep.
    let begin = pair.hears_a.wait_advert(wall_clock(), SOON).at;
    let mut woken = 0;
    a.suspend(|| {
        poll(SOON, "an advert is due", || span(begin, wall_clock()) > Duration::from_secs(6));
        // Not after it: it may speak before we look.
        woken = wall_clock();
    });
    a.process.wait_log("the machine was suspended for ", SOON);
    let next = pair.hears_a.wait_advert(woken, SOON);
    assert!(span(woken, next.at) < Duration::from_secs(3), "at once, for it is late");
    assert_eq!(a.process.lines("MASTER -> ").len(), 0);
    assert_eq!(pair.lab.holders(VIP), ["a"]);
}
