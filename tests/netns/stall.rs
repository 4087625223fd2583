//! Routers that sleep: stopped for 5 s, or starved of the CPU. What is seen of them on the wire when
//! they wake up. Checks and scripts are in `stall_scripts.rs`, groups in `groups.rs`.

use crate::lab::frames::{Envelope, Message};
use crate::lab::injector::Injector;
use crate::lab::process::{Line, Process};
use crate::lab::tap::Tap;
use crate::lab::{poll, span, wall_clock, SOON, VIP, VIP_GLOBAL, VIP_LOCAL};
use crate::scripts::{named_check, Knob, Notes, FAST};
use crate::setup::{
    assert_about, down, toml, toml_both, vipd, wait_slept, Awake, Pair, TICK, V3, VRID,
};
use std::process::Command;
use std::time::Duration;

const ADVERT_1S: &str = "version = 3\nadvert_int = 1";
const ADVERT_10MS: &str = "version = 3\nadvert_int = 0.01";
const MILLI: Duration = Duration::from_millis(1);
/// How long they sleep.
const SLEEP: Duration = Duration::from_secs(5);
/// The same with adverts of 10 ms, in nanoseconds.
const SLEEP_10MS: u64 = 80_000_000;
/// All that a MASTER repeats is due while it sleeps.
const GARPS: &str = "garp_master_delay = 2\ngarp_master_refresh = 1";

/// How much of what a host has sent after a moment could disturb a MASTER: adverts, and
/// announcements of any of the addresses.
pub fn said(tap: &Tap, after: u64) -> [usize; 3] {
    let neighbours = [VIP_LOCAL, VIP_GLOBAL].map(|vip| tap.neighbours_after(after, vip).len());
    let announced = tap.announcements_after(after, VIP).len();
    [tap.adverts_after(after).len(), announced, neighbours.iter().sum()]
}

/// `woke up 4.98 s late: …`, or so many ms, in seconds.
fn lateness(line: &Line) -> f64 {
    let words: Vec<&str> = line.text.split_whitespace().collect();
    let at = words.iter().position(|word| *word == "woke").expect("it woke up");
    assert_eq!((words[at + 1], words[at + 4].trim_end_matches(':')), ("up", "late"), "{line:?}");
    let number: f64 = words[at + 2].parse().expect("a number");
    match words[at + 3] {
        "s" => number,
        "ms" => number / 1000.0,
        unit => panic!("{unit} in {line:?}"),
    }
}

/// A BACKUP sleeps under a good MASTER, which sends about so many adverts meanwhile. Nobody hears of it, nobody is
/// told.
fn backup_sleeps(toml: impl Fn(u8, &str) -> String, more: [&str; 2], beats: usize) {
    let pair = Pair::new();
    let notes = Notes::new(&pair.lab, "notes");
    let notify = format!("{}\nnotify = 'echo $3 >> {};:'", more[1], notes.path().display());
    let (_a, b) = pair.start_both(&toml(150, more[0]), &toml(100, &notify));
    notes.wait(1);
    b.stop();
    let stopped = wall_clock();
    pair.hears_a.wait_adverts(stopped, beats, 2 * SLEEP);
    let slept = span(stopped, wall_clock());
    let resumed = wall_clock();
    b.signal("CONT");
    let late = lateness(&b.wait_log("woke up ", SOON));
    let slept = slept.as_secs_f64();
    assert!(late > slept * 0.7 && late < slept * 2.0, "slept {slept} s, says {late} s");
    // Longer than it would wait for a MASTER that it does not hear.
    pair.hears_a.wait_adverts(resumed, beats.min(10), SOON);
    assert_eq!(said(&pair.hears_b, 0), [0, 0, 0]);
    assert!(b.lines("vip: BACKUP -> ").is_empty());
    assert_eq!(notes.lines().len(), 1, "{:?}", notes.lines());
    assert_eq!(pair.lab.holders(VIP), ["a"]);
}

#[test]
fn a_backup_sleeps_for_5_s() {
    backup_sleeps(toml, [V3; 2], 25);
}

#[test]
fn a_backup_of_version_2_and_1_s_sleeps_for_5_s() {
    backup_sleeps(toml, [""; 2], 5);
}

#[test]
fn a_backup_of_both_families_sleeps_for_5_s() {
    backup_sleeps(toml_both, [V3; 2], 50);
}

#[test]
fn a_backup_of_both_versions_sleeps_for_5_s() {
    backup_sleeps(toml, ["version = \"2+3\"\nadvert_int = 0.2"; 2], 50);
}

#[test]
fn a_backup_of_unicast_sleeps_for_5_s() {
    let to = |peer| format!("{V3}\nunicast_peer = [\"{peer}\"]");
    backup_sleeps(toml, [&to("10.77.0.2"), &to("10.77.0.1")], 25);
}

#[test]
fn a_backup_with_a_virtual_mac_sleeps_for_5_s() {
    let vmac = format!("{V3}\nuse_vmac = true");
    backup_sleeps(toml, [&vmac; 2], 25);
}

/// On a busy machine the MASTER itself may be silent for 36 ms: then the BACKUP may speak.
#[test]
fn a_backup_of_10_ms_sleeps_for_5_s() {
    let pair = Pair::new();
    let (_a, b) = pair.start_both(&toml(150, ADVERT_10MS), &toml(100, ADVERT_10MS));
    b.stop();
    pair.hears_a.wait_adverts(wall_clock(), 500, 3 * SOON);
    let resumed = wall_clock();
    b.signal("CONT");
    b.wait_log("woke up ", SOON);
    pair.hears_a.wait_adverts(resumed, 50, SOON);
    if let Some(first) = pair.hears_b.adverts_after(resumed).first() {
        let heard = pair.hears_a.adverts().into_iter().rfind(|advert| advert.at < first.at);
        let silent = span(heard.expect("it was MASTER").at, first.at);
        assert!(silent > 35 * MILLI, "it took over although it had heard a MASTER {silent:?} ago");
    }
}

/// Its buffer is full of what was to be discarded, and of all that the MASTER has said nothing has
/// found room. It listens once more before it concludes anything.
#[test]
fn a_backup_whose_buffer_is_full_of_rubbish_listens_once_more() {
    let pair = Pair::new();
    let (_a, b) = pair.start_both(&toml(150, ADVERT_1S), &toml(100, ADVERT_1S));
    let stranger = pair.lab.host("stranger", "10.77.0.66/24");
    for host in [&pair.a, &pair.b] {
        pair.lab.isolate(host, true);
    }
    b.stop();
    let dropped = || {
        let table = std::fs::read_to_string(format!("/proc/{}/net/raw", b.pid()));
        let of_vrrp = |line: &&str| line.contains(":0070 ");
        let drops = |line: &str| line.split_whitespace().last()?.parse::<u64>().ok();
        let table = table.expect("it runs");
        table.lines().filter(of_vrrp).filter_map(drops).max().unwrap_or(0)
    };
    let injector = Injector::open(&stranger);
    let frame = |vrid, ttl| {
        let message = Message::v3(vrid, 200, 100, VIP).bytes();
        Envelope { ttl, ..Envelope::new(stranger.mac, stranger.address) }.frame(&message)
    };
    poll(SOON, "its buffer is full", || {
        injector.send_at_rate(&frame(VRID, 64), 500, 20_000);
        injector.send_at_rate(&frame(VRID + 1, 255), 100, 20_000);
        dropped() > 1000
    });
    for host in [&pair.a, &pair.b] {
        pair.lab.isolate(host, false);
    }
    pair.hears_a.wait_adverts(wall_clock(), 5, SOON);
    let resumed = wall_clock();
    b.signal("CONT");
    b.wait_log("woke up ", SOON);
    pair.hears_a.wait_adverts(resumed, 5, SOON);
    assert_eq!(said(&pair.hears_b, 0), [0, 0, 0]);
    assert!(b.lines("vip: BACKUP -> ").is_empty());
}

/// A MASTER sleeps until somebody better has taken over, and something happens meanwhile. It yields
/// without a word.
fn master_sleeps(
    toml: impl Fn(u8, &str) -> String,
    more: [&str; 2],
    meanwhile: impl FnOnce(&Pair, &Process),
) -> (Pair, Process) {
    let pair = Pair::new();
    let a = toml(100, &format!("{}\n{GARPS}", more[0]));
    let b = toml(150, &format!("{}\nnopreempt = true", more[1]));
    let (a, b) = pair.start_both(&a, &b);
    a.stop();
    let stopped = wall_clock();
    b.wait_log("vip: BACKUP -> MASTER: no advert from ", SOON);
    meanwhile(&pair, &a);
    wait_slept(&pair.hears_b, stopped, SLEEP);
    let slept = span(stopped, wall_clock()).as_secs_f64();
    let resumed = wall_clock();
    a.signal("CONT");
    let yields = a.wait_log("vip: MASTER -> BACKUP: we woke up ", SOON);
    let late = lateness(&yields);
    assert!(late > slept * 0.7 && late < slept * 2.0, "slept {slept} s, says {late} s");
    assert!(yields.text.contains("has taken over"), "{yields:?}");
    poll(SOON, "the address is gone", || !pair.a.holds(VIP));
    pair.hears_b.wait_adverts(resumed, 8, 2 * SOON);
    assert_eq!(said(&pair.hears_a, resumed), [0, 0, 0]);
    assert!(b.lines("vip: MASTER -> ").is_empty());
    assert_eq!(pair.lab.holders(VIP), ["b"]);
    (pair, a)
}

#[test]
fn a_master_sleeps_for_5_s() {
    master_sleeps(toml, [V3; 2], |_, _| {});
}

#[test]
fn a_master_of_version_2_and_1_s_sleeps_for_5_s() {
    master_sleeps(toml, [""; 2], |_, _| {});
}

#[test]
fn a_master_of_10_ms_sleeps_for_5_s() {
    master_sleeps(toml, [ADVERT_10MS; 2], |_, _| {});
}

#[test]
fn a_master_of_both_families_sleeps_for_5_s() {
    master_sleeps(toml_both, [V3; 2], |pair, _| {
        poll(SOON, "the other has all addresses", || {
            [VIP_LOCAL, VIP_GLOBAL].iter().all(|vip| pair.b.holds(*vip))
        });
    });
}

#[test]
fn a_master_of_both_versions_sleeps_for_5_s() {
    master_sleeps(toml, ["version = \"2+3\"\nadvert_int = 0.2"; 2], |_, _| {});
}

#[test]
fn a_master_of_unicast_sleeps_for_5_s() {
    let to = |peer| format!("{V3}\nunicast_peer = [\"{peer}\"]");
    master_sleeps(toml, [&to("10.77.0.2"), &to("10.77.0.1")], |_, _| {});
}

#[test]
fn a_master_with_a_virtual_mac_sleeps_for_5_s() {
    let vmac = format!("{V3}\nuse_vmac = true");
    master_sleeps(toml, [&vmac; 2], |_, _| {});
}

/// Its addresses and routes vanish, its link goes down and comes up.
#[test]
fn a_master_in_whose_sleep_the_world_has_changed_puts_nothing_back() {
    let route = format!("{V3}\nvirtual_routes = [\"10.99.0.0/16 via 10.77.0.9\"]");
    let (pair, a) = master_sleeps(toml, [&route, V3], |pair, _| {
        pair.a.ip(&["route delete 10.99.0.0/16", &format!("address delete {VIP}/24 dev eth0")]);
        pair.lab.carrier(&pair.a, false);
        pair.lab.carrier(&pair.a, true);
        pair.a.ip(&["link set eth0 down", "link set eth0 up"]);
    });
    assert!(a.lines("putting it back").is_empty());
    assert!(!pair.a.namespace.ip_output(&["route"]).contains("10.99.0.0/16"));
}

/// A check was under way that then has failed: that is a FAULT, but no longer one to resign for.
#[test]
fn a_master_whose_check_has_failed_in_its_sleep_does_not_resign() {
    let pair = Pair::new();
    let (hangs, begun) = (Knob::new(&pair.lab, "hangs"), Notes::new(&pair.lab, "begun"));
    let script = format!(
        "{} || exit 0; echo >> {}; while {}; do sleep 0.05; done; exit 1",
        hangs.command(),
        begun.path().display(),
        hangs.command()
    );
    let check = named_check("chk", &script, "interval = 0.2\nfall = 1\ntimeout = 60");
    let tracks = format!("{V3}\ntrack_script = [\"chk\"]\n{check}");
    let nopreempt = format!("{V3}\nnopreempt = true");
    let (a, b) = pair.start_both(&toml(100, &tracks), &toml(150, &nopreempt));
    hangs.on();
    begun.wait(1);
    a.stop();
    b.wait_log("vip: BACKUP -> MASTER: no advert from ", SOON);
    hangs.off();
    wait_slept(&pair.hears_b, wall_clock(), SLEEP / 2);
    let resumed = wall_clock();
    a.signal("CONT");
    a.wait_log("vip: MASTER -> BACKUP: we woke up ", SOON);
    a.wait_log("vip: BACKUP -> FAULT: check chk failed", SOON);
    pair.hears_b.wait_adverts(resumed, 8, SOON);
    assert_eq!(said(&pair.hears_a, resumed), [0, 0, 0]);
}

/// What was asked of it meanwhile: to read its configuration anew, and to stop.
#[test]
fn a_master_that_is_told_to_stop_in_its_sleep_does_not_resign() {
    let pair = Pair::new();
    let nopreempt = format!("{V3}\nnopreempt = true");
    let (a, b) = pair.start_both(&toml(100, V3), &toml(150, &nopreempt));
    a.stop();
    b.wait_log("vip: BACKUP -> MASTER: no advert from ", SOON);
    pair.lab.file("a.toml", &toml(120, V3));
    a.signal("HUP");
    a.signal("TERM");
    wait_slept(&pair.hears_b, wall_clock(), SLEEP / 2);
    let resumed = wall_clock();
    a.signal("CONT");
    assert!(a.wait_end(SOON).success());
    pair.lab.wait_holder(&pair.b, SOON);
    pair.hears_b.wait_adverts(resumed, 8, SOON);
    assert_eq!(said(&pair.hears_a, resumed), [0, 0, 0]);
}

/// It ranks higher: it takes over by the normal rules, once more after its Master_Down_Interval.
#[test]
fn a_better_master_reloads_in_its_sleep_and_takes_over_by_the_rules() {
    let pair = Pair::new();
    let (a, b) = pair.start_both(&toml(150, V3), &toml(100, V3));
    a.stop();
    b.wait_log("vip: BACKUP -> MASTER: no advert from ", SOON);
    pair.lab.file("a.toml", &toml(200, V3));
    a.signal("HUP");
    wait_slept(&pair.hears_b, wall_clock(), SLEEP / 2);
    let resumed = wall_clock();
    a.signal("CONT");
    a.wait_log("vip: MASTER -> BACKUP: we woke up ", SOON);
    let first = pair.hears_a.wait_advert(resumed, SOON);
    assert_about("from waking up to the first advert", span(resumed, first.at), down(200, TICK).1);
    assert_eq!(first.priority, 200);
    pair.lab.wait_holder(&pair.a, SOON);
}

/// A machine that runs both stood still. Whoever wakes up first, nothing has happened.
#[test]
fn two_routers_that_sleep_together_go_on_as_they_were() {
    for a_first in [true, false] {
        let pair = Pair::new();
        let awake = Awake::start(&pair.lab);
        let (a, b) = pair.start_both(&toml(150, ADVERT_1S), &toml(100, ADVERT_1S));
        a.stop();
        b.stop();
        awake.wait_slept(wall_clock(), SLEEP);
        let resumed = wall_clock();
        for process in if a_first { [&a, &b] } else { [&b, &a] } {
            process.signal("CONT");
        }
        pair.hears_a.wait_adverts(resumed, 5, SOON);
        assert_eq!(said(&pair.hears_b, 0), [0, 0, 0]);
        assert!(a.lines("vip: MASTER -> ").is_empty() && b.lines("vip: BACKUP -> ").is_empty());
        for process in [&a, &b] {
            assert!(lateness(&process.wait_log("woke up ", SOON)) >= 1.0);
        }
    }
}

/// Between opening its ears and listening.
#[test]
fn a_router_that_sleeps_while_it_starts_does_not_take_over() {
    let pair = Pair::new();
    let a = pair.start_a(&toml(150, V3));
    a.wait_log("vip: BACKUP -> MASTER", SOON);
    let b = pair.lab.vipd_with(vipd(), &pair.b, &toml(100, V3), &[]);
    poll(SOON, "it says a word", || b.mark() > 0);
    b.signal("STOP");
    poll(SOON, "it stands still", || b.is_stopped());
    wait_slept(&pair.hears_a, wall_clock(), SLEEP / 2);
    let resumed = wall_clock();
    b.signal("CONT");
    pair.hears_a.wait_adverts(resumed, 8, SOON);
    b.wait_log("vip: INIT -> BACKUP", SOON);
    assert_eq!(said(&pair.hears_b, 0), [0, 0, 0]);
}

/// It is MASTER, and its addresses wait for a script; then it sleeps, and another takes over.
#[test]
fn a_router_that_sleeps_in_a_transition_does_not_go_on_with_it() {
    let pair = Pair::new();
    let (ends, begun) = (Knob::new(&pair.lab, "ends"), Notes::new(&pair.lab, "begun"));
    let script = format!("echo >> {}; {}", begun.path().display(), ends.wait_command());
    let pre = format!("{V3}\nnotify_master_pre = '''{script}'''\nnotify_pre_timeout = 10");
    let a = pair.start_a(&toml(100, &pre));
    begun.wait(1);
    let b = pair.start_b(&toml(150, &format!("{V3}\nnopreempt = true")));
    b.wait_log("vip: INIT -> BACKUP", SOON);
    pair.hears_a.wait_adverts(wall_clock(), 3, SOON);
    a.stop();
    b.wait_log("vip: BACKUP -> MASTER: no advert from ", SOON);
    ends.on();
    wait_slept(&pair.hears_b, wall_clock(), SLEEP / 2);
    let resumed = wall_clock();
    a.signal("CONT");
    a.wait_log("-> BACKUP: we woke up ", SOON);
    pair.hears_b.wait_adverts(resumed, 8, SOON);
    assert_eq!(said(&pair.hears_a, resumed), [0, 0, 0]);
    assert!(pair.hears_a.announcements_after(0, VIP).is_empty() && !pair.a.holds(VIP));
}

/// 10 ms, and a MASTER that runs for a moment and sleeps until another has taken over, again and
/// again. Each time it waits as long as anybody would.
#[test]
fn a_master_of_10_ms_that_stutters_never_speaks_out_of_turn() {
    let pair = Pair::new();
    let (a, b) = pair.start_both(&toml(150, ADVERT_10MS), &toml(100, ADVERT_10MS));
    for _ in 0..20 {
        pair.hears_a.wait_adverts(wall_clock(), 5, SOON);
        a.stop();
        // Longer than any patience; and one advert might still be on its way to it.
        pair.hears_b.wait_adverts(wall_clock() + SLEEP_10MS, 3, SOON);
        let resumed = wall_clock();
        a.signal("CONT");
        let waited = span(resumed, pair.hears_a.wait_advert(resumed, SOON).at);
        assert!(waited > 30 * MILLI, "it spoke after {waited:?}");
    }
    assert!(b.lines("-> MASTER").len() >= 20);
}

/// A busy loop of real-time priority on the only CPU that the daemon may use. It ranks lower, and
/// yields without a word.
#[test]
fn a_master_that_is_starved_yields_without_a_word() {
    let pair = Pair::new();
    let nopreempt = format!("{FAST}\nnopreempt = true");
    let (a, b) = pair.start_both(&toml(100, FAST), &toml(150, &nopreempt));
    bind(&a);
    let taken_over = || !b.lines("vip: BACKUP -> MASTER").is_empty();
    let mut bursts = 0;
    while !taken_over() && bursts < 10 {
        bursts += 1;
        starve(&a, &pair.hears_b);
        pair.hears_b.wait_adverts(0, usize::from(taken_over()), SOON);
    }
    b.wait_log("vip: BACKUP -> MASTER: no advert from ", SOON);
    a.wait_log("vip: MASTER -> BACKUP: we woke up ", SOON);
    let first = pair.hears_b.wait_advert(0, SOON).at;
    pair.hears_b.wait_adverts(wall_clock(), 8, SOON);
    assert_eq!(said(&pair.hears_a, first), [0, 0, 0], "after {bursts} bursts");
    assert_eq!(pair.lab.holders(VIP), ["b"]);
}

/// The same of a BACKUP, with a MASTER on other CPUs that goes on.
#[test]
fn a_backup_that_is_starved_does_not_take_over() {
    let pair = Pair::new();
    let (_a, b) = pair.start_both(&toml(150, FAST), &toml(100, FAST));
    bind(&b);
    let mark = b.mark();
    let late = || !b.lines_after(mark, "woke up ").is_empty();
    let mut bursts = 0;
    while !late() && bursts < 10 {
        bursts += 1;
        starve(&b, &pair.hears_a);
        pair.hears_a.wait_adverts(wall_clock(), 3, SOON);
    }
    assert!(lateness(&b.wait_log("woke up ", SOON)) > 0.1, "after {bursts} bursts");
    assert_eq!(said(&pair.hears_b, 0), [0, 0, 0]);
    assert!(b.lines("vip: BACKUP -> ").is_empty());
    assert_eq!(pair.lab.holders(VIP), ["a"]);
}

/// It ranks higher, and takes over by the normal rules: after its Master_Down_Interval.
#[test]
fn a_better_master_sleeps_for_5_s_and_takes_over_by_the_rules() {
    for (more, tick) in [(V3, TICK), (ADVERT_1S, 1000 * MILLI)] {
        let pair = Pair::new();
        let (a, b) = pair.start_both(&toml(150, more), &toml(100, more));
        a.stop();
        let stopped = wall_clock();
        b.wait_log("vip: BACKUP -> MASTER: no advert from ", SOON);
        wait_slept(&pair.hears_b, stopped, SLEEP);
        let resumed = wall_clock();
        a.signal("CONT");
        a.wait_log("vip: MASTER -> BACKUP: we woke up ", SOON);
        let first = pair.hears_a.wait_advert(resumed, SOON);
        assert_about(
            "from waking up to the first advert",
            span(resumed, first.at),
            down(150, tick).1,
        );
        let early = pair.hears_a.announcements_after(resumed, VIP);
        assert!(early.iter().all(|(at, _)| span(resumed, *at) > 2 * tick), "{early:?}");
        pair.lab.wait_holder(&pair.a, SOON);
    }
}

/// Binds a daemon to a CPU.
fn bind(process: &Process) {
    assert!(run(&["taskset", "-cp", "0", &process.pid().to_string()]), "it is bound to a CPU");
}

/// A busy loop of real-time priority on the CPU that a daemon is bound to, while another is awake.
fn starve(process: &Process, awake: &Tap) {
    if !run(&["chrt", "-f", "50", "true"]) {
        eprintln!("no real-time priority here: stopped instead");
        process.stop();
        wait_slept(awake, wall_clock(), 500 * MILLI);
        process.signal("CONT");
        return;
    }
    // Less than a second: from then on the kernel gives others a share again. And less than others'
    // tests bear, which may be on this CPU, too. Whoever ends it must not have to wait for it.
    let hog = ["timeout", "-s", "KILL", "0.5", "taskset", "-c", "0", "chrt", "-f", "50"];
    run(&[&hog[..], &["sh", "-c", "while :; do :; done"]].concat());
}

/// Runs a program to its end; whether it succeeded.
fn run(command: &[&str]) -> bool {
    let output = Command::new(command[0]).args(&command[1..]).output();
    output.is_ok_and(|output| output.status.success())
}
