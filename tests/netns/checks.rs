//! Check scripts: what their results do to the virtual router, seen on the wire.

use crate::lab::{poll, span, wall_clock, Lab, SOON, VIP};
use crate::scripts::{
    assert_roughly, check, named_check, of_router, status, wait_priority, Knob, Notes, FAST,
};
use crate::setup::{assert_about, down, toml, vipd, Pair, TICK, V3, VRID};
use std::time::Duration;

const TRACKED: &str = "track_script = [\"chk\"]";

/// A router that tracks `chk`.
fn tracking(priority: u8, speed: &str, check: &str) -> String {
    toml(priority, &format!("{speed}\n{TRACKED}\n{check}"))
}

#[test]
fn two_failures_are_fault_and_two_successes_lead_back() {
    let pair = Pair::new();
    let knob = Knob::turned_on(&pair.lab, "ok");
    let chk = check(&knob.command(), "interval = 0.5\nfall = 2\nrise = 2");
    let (a, b) = pair.start_both(&tracking(150, V3, &chk), &toml(100, V3));

    knob.off();
    let fault = a.wait_log("vip: MASTER -> FAULT: check chk failed: exit 1", SOON);
    let first = a.wait_log("check chk: exit 1", SOON);
    let interval = Duration::from_millis(500);
    assert_roughly("from the first failure to FAULT", span(first.at, fault.at), interval);
    let resigned = wait_priority(&pair.hears_a, VRID, 0, 0);
    let taken = pair.hears_b.wait_advert(resigned.at, SOON);
    let (skew, _) = down(100, TICK);
    assert_about("from the failure to the take-over", span(resigned.at, taken.at), skew);
    b.wait_log("vip: BACKUP -> MASTER: 10.77.0.1 resigned (priority 0)", SOON);
    pair.lab.wait_holder(&pair.b, SOON);
    assert!(pair.hears_a.adverts_after(resigned.at).is_empty(), "nothing is sent in FAULT");
    assert!(status(&a, "vip").contains("FAULT"));

    let mark = a.mark();
    knob.on();
    let back = a.wait_log("vip: FAULT -> BACKUP: check chk is fine again", SOON);
    let first = a.wait_log_after(mark, "check chk: exit 0", SOON);
    assert_roughly("from the first success to BACKUP", span(first.at, back.at), interval);
    b.wait_log("vip: MASTER -> BACKUP: 10.77.0.1 has priority 150", SOON);
    pair.lab.wait_holder(&pair.a, SOON);
}

#[test]
fn the_first_result_alone_decides() {
    for (result, expect) in [("true", "BACKUP -> MASTER"), ("false", "BACKUP -> FAULT: check chk")]
    {
        let lab = Lab::new();
        let (a, runs) = (lab.host("a", "10.77.0.1/24"), Notes::new(&lab, "runs"));
        let script = format!("echo run >> {}; {result}", runs.path().display());
        let chk = check(&script, "interval = 30\nfall = 3\nrise = 3");
        let process = lab.vipd(vipd(), &a, &tracking(100, FAST, &chk));
        process.wait_log(&format!("vip: {expect}"), SOON);
        assert_eq!(runs.lines().len(), 1);
    }
}

/// The measure of time is another virtual router of the same daemon, which nothing holds back.
#[test]
fn nobody_becomes_master_before_a_slow_check_has_spoken() {
    let lab = Lab::new();
    let (a, go) = (lab.host("a", "10.77.0.1/24"), Knob::new(&lab, "go"));
    let tap = lab.tap(&a);
    let slow = check(&go.wait_command(), "interval = 60\ntimeout = 30");
    let weighted = "track_script = [{ name = \"chk\", weight = 20 }]";
    let other = format!(
        "[vrrp_instance.other]\ninterface = \"eth0\"\nvirtual_router_id = 52\npriority = 100\n\
         virtual_ipaddress = [\"10.77.0.101/24\"]\n{FAST}\n{weighted}\n"
    );
    let process = lab.vipd(vipd(), &a, &(tracking(100, FAST, &slow) + &other));
    // A weight adds nothing before the result.
    process.wait_log("other: BACKUP -> MASTER", SOON);
    poll(SOON, "the other is MASTER for a while", || of_router(&tap.adverts(), 52).len() >= 10);
    assert!(of_router(&tap.adverts(), VRID).is_empty());
    assert!(of_router(&tap.adverts(), 52).iter().all(|advert| advert.priority == 100));
    assert!(status(&process, "vip").contains("vip: BACKUP for"));
    assert!(status(&process, "check chk").contains("not known yet, no result yet"));
    assert!(!a.holds(VIP));

    go.on();
    process.wait_log("check chk: is fine now", SOON);
    let line = process.wait_log("vip: BACKUP -> MASTER", SOON);
    wait_priority(&tap, VRID, 100, 0);
    wait_priority(&tap, 52, 120, line.at - 500_000_000);
    assert!(status(&process, "check chk").contains("OK, exit 0"));
}

/// As seed.md prints it: `weight 20`, interval of adverts 1 s, VRRPv2; the peer has 110.
#[test]
fn a_failure_takes_the_weight_away_and_the_address_moves() {
    let pair = Pair::new();
    let knob = Knob::turned_on(&pair.lab, "haproxy");
    let chk = check(&knob.command(), "interval = 0.3\nfall = 2\nrise = 2\nweight = 20");
    let a = pair.start_a(&tracking(100, "state = \"MASTER\"", &chk));
    a.wait_log("vip: priority 100 -> 120", SOON);
    let b = pair.start_b(&toml(110, ""));
    a.wait_log("vip: BACKUP -> MASTER", SOON);
    let before = pair.hears_a.wait_adverts(0, 3, SOON);
    assert!(before.iter().all(|advert| advert.priority == 120));
    pair.lab.wait_holder(&pair.a, SOON);

    knob.off();
    let told = a.wait_log("vip: priority 120 -> 100", SOON);
    let lowered = wait_priority(&pair.hears_a, VRID, 100, 0);
    let delay = told.at.abs_diff(lowered.at);
    assert!(delay < 300_000_000, "told {delay} ns from the change, at once was asked for");
    let taken = pair.hears_b.wait_advert(lowered.at, SOON);
    let (skew, _) = down(110, Duration::from_secs(1));
    assert_about("from the lower priority to the take-over", span(lowered.at, taken.at), skew);
    a.wait_log("vip: MASTER -> BACKUP: 10.77.0.2 has priority 110, higher than our 100", SOON);
    b.wait_log("vip: BACKUP -> MASTER: 10.77.0.1 has priority 100, lower than our 110", SOON);
    pair.lab.wait_holder(&pair.b, SOON);
    assert!(a.lines("FAULT").iter().all(|line| line.text.contains("does not put it in FAULT")));

    knob.on();
    a.wait_log("vip: BACKUP -> MASTER: 10.77.0.2 has priority 110, lower than our 120", SOON);
    b.wait_log("vip: MASTER -> BACKUP", SOON);
    pair.lab.wait_holder(&pair.a, SOON);
}

#[test]
fn a_negative_weight_counts_while_the_check_fails() {
    let pair = Pair::new();
    let knob = Knob::turned_on(&pair.lab, "ok");
    let chk = check(&knob.command(), "interval = 0.2\nweight = -50");
    let (a, _b) = pair.start_both(&tracking(150, V3, &chk), &toml(120, V3));
    assert!(pair.hears_a.adverts().iter().all(|advert| advert.priority == 150));
    knob.off();
    a.wait_log("vip: priority 150 -> 100", SOON);
    let lowered = wait_priority(&pair.hears_a, VRID, 100, 0);
    let taken = pair.hears_b.wait_advert(lowered.at, SOON);
    let (skew, _) = down(120, TICK);
    assert_about("from the lower priority to the take-over", span(lowered.at, taken.at), skew);
    pair.lab.wait_holder(&pair.b, SOON);
    knob.on();
    a.wait_log("vip: priority 100 -> 150", SOON);
    pair.lab.wait_holder(&pair.a, SOON);
}

#[test]
fn priorities_are_clamped_and_an_owner_is_not_moved() {
    let lab = Lab::new();
    let a = lab.host("a", "10.77.0.1/24");
    let tap = lab.tap(&a);
    let instance = |name: &str, vrid: u8, priority: u8, tracks: &str| {
        format!(
            "[vrrp_instance.{name}]\ninterface = \"eth0\"\nvirtual_router_id = {vrid}\n\
             priority = {priority}\nvirtual_ipaddress = [\"10.77.0.{vrid}/24\"]\n{FAST}\n\
             track_script = [{tracks}]\n"
        )
    };
    let (good, bad) = ("{ name = \"good\", weight = ", "{ name = \"bad\", weight = ");
    let toml = [
        instance("high", 61, 250, &format!("{good}20 }}")),
        instance("low", 62, 5, &format!("{bad}-20 }}")),
        instance("owner", 63, 255, &format!("{good}-20 }}, {bad}-20 }}")),
        instance("sum", 64, 100, &format!("{good}20 }}, {bad}-30 }}")),
        instance("far", 65, 250, &format!("{good}253 }}, {bad}-253 }}")),
        named_check("good", "true", "interval = 0.2"),
        named_check("bad", "false", "interval = 0.2"),
    ]
    .concat();
    let process = lab.vipd(vipd(), &a, &toml);
    let failed = process.wait_log("check bad: has failed now", SOON);
    process.wait_log("check good: is fine now", SOON);
    for (vrid, priority) in [(61, 254), (62, 1), (64, 90), (65, 250)] {
        wait_priority(&tap, vrid, priority, failed.at);
    }
    let owner = of_router(&tap.adverts(), 63);
    wait_priority(&tap, 63, 255, failed.at + 1_000_000_000);
    assert!(!owner.is_empty() && owner.iter().all(|advert| advert.priority == 255));
    assert_eq!(process.lines("owner: priority").len(), 0);
}

#[test]
fn the_last_output_is_in_the_log_and_in_the_status() {
    let lab = Lab::new();
    let (a, knob) = (lab.host("a", "10.77.0.1/24"), Knob::turned_on(&lab, "ok"));
    let script = format!(
        "echo first; date +%N; echo; {} || {{ echo no server >&2; exit 7; }}; echo fine",
        knob.command()
    );
    let chk = check(&script, "interval = 0.2");
    let process = lab.vipd(vipd(), &a, &tracking(100, FAST, &chk));
    process.wait_log("check chk: exit 0, it said: fine", SOON);
    assert!(status(&process, "check chk").ends_with("check chk: OK, exit 0, it said: fine"));
    knob.off();
    process.wait_log("check chk: exit 7, it said: no server", SOON);
    process.wait_log("check chk: has failed now (fall 1): exit 7, it said: no server", SOON);
    let status = status(&process, "check chk");
    assert!(status.ends_with("check chk: failed, exit 7, it said: no server"), "{status}");
    // What does not change is not said again.
    assert_eq!(process.lines("check chk: exit 7").len(), 1);
}

#[test]
fn twenty_checks_do_not_start_in_one_instant() {
    const CHECKS: usize = 20;
    let lab = Lab::new();
    let a = lab.host("a", "10.77.0.1/24");
    let notes: Vec<Notes> =
        (0..CHECKS).map(|number| Notes::new(&lab, &format!("runs-{number}"))).collect();
    let names: Vec<String> = (0..CHECKS).map(|number| format!("\"chk{number}\"")).collect();
    let checks: String = notes
        .iter()
        .enumerate()
        .map(|(number, notes)| {
            let script = format!("date +%s%N >> {}", notes.path().display());
            named_check(&format!("chk{number}"), &script, "interval = 2")
        })
        .collect();
    let tracked = format!("{FAST}\ntrack_script = [{}]\n{checks}", names.join(", "));
    let _process = lab.vipd(vipd(), &a, &toml(100, &tracked));
    for notes in &notes {
        notes.wait(3);
    }
    // The first runs come within a second, the later ones on the whole interval.
    for (run, spread) in [(0, 1.0), (2, 2.0)] {
        let mut starts: Vec<u64> = notes.iter().map(|notes| notes.stamps()[run]).collect();
        starts.sort_unstable();
        let all = span(starts[0], starts[CHECKS - 1]).as_secs_f64();
        assert!((0.7 * spread..1.4 * spread).contains(&all), "run {run} took {all} s: {starts:?}");
        let half = starts.windows(CHECKS / 2).map(|half| span(half[0], half[CHECKS / 2 - 1]));
        let densest = half.min().expect("more than half").as_secs_f64();
        assert!(densest > 0.2 * spread, "half of run {run} in {densest} s: {starts:?}");
    }
}

/// What seed.md is after: the service runs on the MASTER only, and its failure moves the address.
#[test]
fn only_while_master() {
    let pair = Pair::new();
    let side = |host: &str, priority| {
        let (knob, runs) = (
            Knob::turned_on(&pair.lab, &format!("ok-{host}")),
            Notes::new(&pair.lab, &format!("runs-{host}")),
        );
        let script = format!("date +%s%N >> {}; {}", runs.path().display(), knob.command());
        let more = "interval = 0.2\nonly_while = \"MASTER\"\nstart_delay = 1\nfault_hold = 3";
        (tracking(priority, V3, &check(&script, more)), knob, runs)
    };
    let (toml_a, knob_a, runs_a) = side("a", 150);
    let (toml_b, _knob_b, runs_b) = side("b", 100);
    let (a, b) = pair.start_both(&toml_a, &toml_b);
    let master = a.lines("vip: BACKUP -> MASTER").swap_remove(0);
    runs_a.wait(3);
    let start_delay = Duration::from_secs(1);
    assert_roughly("to the first run", span(master.at, runs_a.stamps()[0]), start_delay);
    assert!(runs_b.lines().is_empty(), "a BACKUP does not run it");

    knob_a.off();
    let fault = a.wait_log("vip: MASTER -> FAULT: check chk failed: exit 1", SOON);
    pair.lab.wait_holder(&pair.b, SOON);
    runs_b.wait(1);
    knob_a.on();
    let back = a.wait_log("vip: FAULT -> BACKUP: ", SOON);
    let hold = Duration::from_secs(3);
    assert_roughly("fault_hold", span(fault.at, back.at), hold);
    let between = |at: &u64| *at > fault.at + 50_000_000 && *at < back.at;
    assert_eq!(runs_a.stamps().iter().filter(|at| between(at)).count(), 0, "in FAULT it rests");

    pair.lab.wait_holder(&pair.a, SOON);
    b.wait_log("vip: MASTER -> BACKUP: 10.77.0.1 has priority 150", SOON);
    let again = wall_clock();
    let (of_a, of_b) = (runs_a.lines().len(), runs_b.lines().len());
    runs_a.wait(of_a + 5);
    // A run that was under way may have written its line later.
    assert!(runs_b.lines().len() <= of_b + 1, "b is BACKUP again since {again}");
    assert_eq!(a.lines("MASTER -> FAULT").len(), 1);
}

#[test]
fn init_fail_is_a_failure_until_the_first_success() {
    let lab = Lab::new();
    let (a, go) = (lab.host("a", "10.77.0.1/24"), Knob::new(&lab, "go"));
    let chk = check(&go.wait_command(), "interval = 60\ntimeout = 30\ninit_fail = true");
    let process = lab.vipd(vipd(), &a, &tracking(100, FAST, &chk));
    process.wait_log("vip: INIT -> FAULT: check chk failed: no result yet", SOON);
    assert!(status(&process, "check chk").contains("failed, no result yet"));
    go.on();
    process.wait_log("vip: FAULT -> BACKUP: check chk is fine again", SOON);
    process.wait_log("vip: BACKUP -> MASTER", SOON);
}
