//! A daemon that is killed and started again, and its scripts: nobody is told twice, and nobody
//! forgotten; what checks have found counts on.

use crate::lab::process::Process;
use crate::lab::{poll, Lab, SOON, VIP};
use crate::restart::{kill, wait_state, SLOW};
use crate::scripts::{check, Knob, Notes};
use crate::setup::{toml, vipd, Pair};

/// It goes on as MASTER.
fn killed_and_started(pair: &Pair, process: Process, config: &str) -> Process {
    kill(&process);
    let again = pair.start_a(config);
    again.wait_log("vip: still MASTER", SOON);
    again
}

/// Notes the state; until it is let go it does not end when it has noted MASTER.
fn slow_notify(notes: &Notes, word: &str, go: &Knob) -> String {
    let (path, go) = (notes.path().display(), go.wait_command());
    format!("notify_master = '''echo {word} >> {path}; {go}'''\n")
}

#[test]
fn a_script_that_was_cut_off_is_told_again_and_one_that_had_ended_is_not() {
    let pair = Pair::new();
    let (notes, go) = (Notes::new(&pair.lab, "told"), Knob::new(&pair.lab, "go"));
    let config = toml(150, SLOW) + &slow_notify(&notes, "MASTER", &go);
    let a = pair.start_a(&config);
    assert_eq!(notes.wait(1), ["MASTER"]);
    wait_state(&pair.lab, "state=MASTER");
    let a = killed_and_started(&pair, a, &config);
    assert_eq!(notes.wait(2), ["MASTER", "MASTER"], "it may not have done its work");
    go.on();
    a.wait_log("vip: notify_master for MASTER: done", SOON);
    wait_state(&pair.lab, "told=1");
    let a = killed_and_started(&pair, a, &config);
    a.signal("TERM");
    assert!(a.wait_end(SOON).success());
    assert_eq!(notes.lines(), ["MASTER", "MASTER"]);
}

/// A group has scripts of its own, which run when those of its members have ended.
#[test]
fn the_script_of_a_group_is_told_again_too() {
    let pair = Pair::new();
    let (notes, go) = (Notes::new(&pair.lab, "told"), Knob::new(&pair.lab, "go"));
    let path = notes.path().display().to_string();
    let config = toml(150, SLOW)
        + &format!("notify_master = '''echo member >> {path}'''\n")
        + "[vrrp_sync_group.gate]\ngroup = [\"vip\"]\n"
        + &slow_notify(&notes, "group", &go);
    let a = pair.start_a(&config);
    assert_eq!(notes.wait(2), ["member", "group"]);
    wait_state(&pair.lab, "group name=gate state=MASTER\n");
    wait_state(&pair.lab, "told=1");
    let a = killed_and_started(&pair, a, &config);
    assert_eq!(notes.wait(3), ["member", "group", "group"]);
    go.on();
    a.wait_log("gate: notify_master for MASTER: done", SOON);
    wait_state(&pair.lab, "group name=gate state=MASTER told=1");
    let a = killed_and_started(&pair, a, &config);
    a.signal("TERM");
    a.wait_end(SOON);
    assert_eq!(notes.lines(), ["member", "group", "group"]);
}

/// Who is told to stop has resigned, and is not MASTER any more though it waits for a script.
#[test]
fn who_is_killed_while_it_stops_does_not_go_on() {
    let pair = Pair::new();
    let (notes, never) = (Notes::new(&pair.lab, "told"), Knob::new(&pair.lab, "never"));
    let stop = slow_notify(&notes, "stop", &never).replace("notify_master", "notify_stop");
    let config = toml(150, SLOW) + &stop;
    let a = pair.start_a(&config);
    a.wait_log("vip: BACKUP -> MASTER", SOON);
    wait_state(&pair.lab, "state=MASTER");
    a.signal("TERM");
    assert_eq!(notes.wait(1), ["stop"]);
    kill(&a);
    let a = pair.start_a(&config);
    a.wait_log("vip: INIT -> BACKUP", SOON);
    assert!(a.lines("still MASTER").is_empty());
    assert!(!pair.a.holds(VIP));
}

/// Before its first result a check holds its instance back; not one that is MASTER already.
#[test]
fn what_a_check_has_found_counts_until_it_finds_something_else() {
    let pair = Pair::new();
    let (ok, go) = (Knob::turned_on(&pair.lab, "ok"), Knob::turned_on(&pair.lab, "go"));
    let script = format!("{}; {}", go.wait_command(), ok.command());
    let checks = check(&script, "interval = 1\ntimeout = 20");
    let config = toml(150, &format!("{SLOW}\ntrack_script = [\"chk\"]")) + &checks;
    let a = pair.start_a(&config);
    a.wait_log("vip: BACKUP -> MASTER", SOON);
    wait_state(&pair.lab, "verdict=up");
    go.off();
    let a = killed_and_started(&pair, a, &config);
    ok.off();
    assert!(a.lines("MASTER ->").is_empty(), "its first result has not come yet");
    go.on();
    a.wait_log("vip: MASTER -> FAULT: check chk failed", SOON);
}

/// Every start of it would wait for its whole interval otherwise.
#[test]
fn a_check_with_a_weight_keeps_what_it_adds() {
    let lab = Lab::new();
    let a = lab.host("a", "10.77.0.1/24");
    let tap = lab.tap(&a);
    let go = Knob::turned_on(&lab, "go");
    let checks = check(&go.wait_command(), "interval = 1\ntimeout = 20\nweight = 20");
    let config = toml(150, &format!("{SLOW}\ntrack_script = [\"chk\"]")) + &checks;
    let first = lab.vipd(vipd(), &a, &config);
    first.wait_log("vip: BACKUP -> MASTER", SOON);
    poll(SOON, "it adds its weight", || tap.adverts().last().is_some_and(|it| it.priority == 170));
    wait_state(&lab, " priority=170 ");
    go.off();
    let from = crate::lab::wall_clock();
    kill(&first);
    let again = lab.vipd(vipd(), &a, &config);
    again.wait_log("vip: still MASTER", SOON);
    let sent = tap.wait_adverts(from, 2, SOON);
    assert!(sent.iter().all(|advert| advert.priority == 170), "{sent:?}");
}
