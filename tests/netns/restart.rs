//! A daemon that is killed and started again goes on where it was, if nobody can have taken over.

use crate::lab::monitor::Monitor;
use crate::lab::process::Process;
use crate::lab::{poll, wall_clock, Lab, SOON, VIP, VIP_GLOBAL, VIP_LOCAL};
use crate::setup::{toml, toml_v6, Pair, V3};
use std::path::PathBuf;

/// Intervals that leave a busy machine the time to start a daemon.
pub const SLOW: &str = "version = 3\nadvert_int = 2";

/// What `a` leaves.
pub fn state_file(lab: &Lab) -> PathBuf {
    lab.directory().join("run-a/vipd.state")
}

/// What `a` knows is in its file, and it has nothing more to write: from a change to the next writing
/// its lines are not true, and a start would not go on where a kill in that moment has left off. They
/// are settled if an advert later they are the same.
pub fn wait_state(lab: &Lab, text: &str) {
    let mut first = (String::new(), String::new());
    poll(SOON, "the state is in the file", || {
        // None is there, or a part of it, in a test that has taken it away.
        let all = std::fs::read_to_string(state_file(lab)).unwrap_or_default();
        let (head, lines) = all.split_once('\n').unwrap_or_default();
        if !head.ends_with(",1") || !lines.contains(text) {
            return false;
        }
        if lines != first.1 {
            first = (head.to_owned(), lines.to_owned());
        }
        head != first.0
    });
}

/// Only it: what has been left behind is what this is about.
pub fn kill(process: &Process) {
    process.signal("KILL");
    process.wait_end(SOON);
}

/// `kill -9 …; vipd …` in one line: the kernel takes its time to end the first.
#[test]
fn the_next_one_waits_until_the_killed_one_has_gone() {
    let pair = Pair::new();
    let a = pair.start_a(&toml(150, SLOW));
    a.wait_log("vip: BACKUP -> MASTER", SOON);
    wait_state(&pair.lab, "state=MASTER");
    a.signal("KILL");
    let again = pair.start_a(&toml(150, SLOW));
    again.wait_log("vip: still MASTER", SOON);
}

#[test]
fn a_master_that_is_killed_and_started_again_goes_on() {
    let pair = Pair::new();
    let log = pair.lab.directory().join("told");
    let notify = format!("notify = \"echo >> {} told\"", log.display());
    let config = toml(150, &format!("{SLOW}\n{notify}"));
    let (a, b) = pair.start_both(&config, &toml(100, SLOW));
    wait_state(&pair.lab, "state=MASTER");
    wait_state(&pair.lab, "told=1");
    let told = std::fs::read_to_string(&log).unwrap_or_default();
    let monitor = Monitor::begin(&pair.lab, &pair.a, &["address"]);
    let (seen, from) = (monitor.mark(), wall_clock());
    kill(&a);
    let again = pair.start_a(&config);
    let line = again.wait_log("vip: still MASTER: vipd was away for ", SOON);
    let advert = pair.hears_a.wait_advert(line.at.saturating_sub(1_000_000_000), SOON);
    assert_eq!(advert.priority, 150);
    pair.hears_a.wait_adverts(line.at, 3, SOON);
    assert!(pair.hears_a.adverts_after(from).iter().all(|advert| advert.priority == 150));
    assert!(pair.hears_b.adverts_after(from).is_empty(), "the other has noticed nothing");
    assert!(b.lines("BACKUP -> MASTER").is_empty());
    pair.a.ip(&["address add 127.9.9.8/32 dev lo"]);
    monitor.wait(seen, "127.9.9.8");
    assert!(monitor.lines_after(seen, "eth0").is_empty(), "the address was there all the time");
    assert_eq!(std::fs::read_to_string(&log).unwrap_or_default(), told, "nobody is told twice");
    // It is its own: at the end it goes.
    again.signal("TERM");
    assert!(again.wait_end(SOON).success());
    assert!(!pair.a.holds(VIP) && !state_file(&pair.lab).exists());
}

#[test]
fn it_goes_on_with_ipv6_and_a_virtual_mac_address() {
    let pair = Pair::new();
    let slow = "advert_int = 2\nuse_vmac = true";
    let a = pair.start_a(&toml_v6(150, slow));
    a.wait_log("vip: BACKUP -> MASTER", SOON);
    wait_state(&pair.lab, "state=MASTER");
    let monitor = Monitor::begin(&pair.lab, &pair.a, &["address", "link"]);
    let seen = monitor.mark();
    kill(&a);
    let again = pair.start_a(&toml_v6(150, slow));
    let line = again.wait_log("vip: still MASTER", SOON);
    pair.hears_a.wait_adverts(line.at, 2, SOON);
    pair.a.ip(&["address add 127.9.9.8/32 dev lo"]);
    monitor.wait(seen, "127.9.9.8");
    assert!(monitor.lines_after(seen, "Deleted").iter().all(|it| it.text.contains("127.9.9.9")));
    assert!(pair.a.holds(VIP_LOCAL) && pair.a.holds(VIP_GLOBAL));
    assert!(again.lines("->").is_empty(), "it has not left MASTER");
}

#[test]
fn too_late_it_joins_as_backup_and_clears_up() {
    let pair = Pair::new();
    let (a, b) = pair.start_both(&toml(150, &format!("{V3}\nvip_lease = \"off\"")), &toml(100, V3));
    wait_state(&pair.lab, "state=MASTER");
    kill(&a);
    b.wait_log("vip: BACKUP -> MASTER", SOON);
    assert!(pair.a.holds(VIP), "nobody has cleared up");
    let again = pair.start_a(&toml(150, &format!("{V3}\nnopreempt = true")));
    again.wait_log("removing 10.77.0.100 from eth0: an earlier run has left it there", SOON);
    again.wait_log("vip: INIT -> BACKUP", SOON);
    pair.lab.wait_holder(&pair.b, SOON);
    assert!(again.lines("still MASTER").is_empty());
}

#[test]
fn a_file_that_is_damaged_or_of_another_boot_is_of_no_use() {
    type Damage = fn(&str) -> String;
    let damage: [(&str, Damage); 4] = [
        ("is damaged", |text| text.replace("state=MASTER", "state=BACKUP")),
        ("is damaged", |text| text[..text.len() / 2].to_owned()),
        ("no file of vipd", |_| "something else\n".to_owned()),
        ("", |text| text.replacen("boot=", "boot=x", 1)),
    ];
    for (says, damage) in damage {
        let pair = Pair::new();
        let a = pair.start_a(&toml(150, SLOW));
        a.wait_log("vip: BACKUP -> MASTER", SOON);
        wait_state(&pair.lab, "state=MASTER");
        kill(&a);
        let text = std::fs::read_to_string(state_file(&pair.lab)).expect("the file");
        std::fs::write(state_file(&pair.lab), damage(&text)).expect("the file");
        let again = pair.start_a(&toml(150, SLOW));
        again.wait_log("removing 10.77.0.100 from eth0: an earlier run has left it there", SOON);
        again.wait_log("vip: INIT -> BACKUP", SOON);
        if !says.is_empty() {
            again.wait_log(says, SOON);
        }
    }
}

/// What has another key in the new configuration is another virtual router.
#[test]
fn another_configuration_takes_over_what_is_still_its_own() {
    let pair = Pair::new();
    let a = pair.start_a(&toml(150, SLOW));
    a.wait_log("vip: BACKUP -> MASTER", SOON);
    wait_state(&pair.lab, "state=MASTER");
    kill(&a);
    let (from, other) = (wall_clock(), toml(140, SLOW).replace(".vip]", ".renamed]"));
    let again = pair.start_a(&other);
    let advert = pair.hears_a.wait_advert(from, SOON);
    assert_eq!(advert.priority, 140);
    again.wait_log("still MASTER", SOON);
    assert!(pair.a.holds(VIP));
    kill(&again);
    let third = pair.start_a(&other.replace("= 51", "= 52"));
    third.wait_log("removing 10.77.0.100 from eth0", SOON);
}
