//! `track_interface`, `dont_track_primary` and `interface_up_down_delays`.

use crate::lab::{poll, span, Host, Lab, SOON, VIP};
use crate::scripts::{assert_roughly, status, wait_priority, FAST};
use crate::setup::{toml, vipd, VRID};
use std::time::Duration;

/// A host with two more interfaces, each with a cable to nowhere: its other end has a name, too.
fn host(lab: &Lab) -> Host {
    let host = lab.host("a", "10.77.0.1/24");
    host.ip(&[
        "link add wan1 type veth peer name end1",
        "link add wan2 type veth peer name end2",
        "link set wan1 up",
        "link set wan2 up",
        "link set end1 up",
        "link set end2 up",
    ]);
    host
}

fn tracking(entries: &str, more: &str) -> String {
    toml(100, &format!("{FAST}\ntrack_interface = [{entries}]\n{more}"))
}

/// Each that is down is a reason of its own: keepalived forgets all when the first comes back.
#[test]
fn several_that_are_down_are_counted_each() {
    let lab = Lab::new();
    let a = host(&lab);
    let vipd = lab.vipd(vipd(), &a, &tracking("\"wan1\", \"wan2\"", ""));
    vipd.wait_log("vip: BACKUP -> MASTER", SOON);
    assert!(status(&vipd, "interface wan1:").contains("OK, it is up"));

    // Without a carrier it is as good as down.
    a.ip(&["link set end1 down"]);
    vipd.wait_log("vip: MASTER -> FAULT: interface wan1 failed: it is down", SOON);
    assert!(!a.holds(VIP));
    a.ip(&["link set wan2 down"]);
    vipd.wait_log("interface wan2: it is down", SOON);
    let mark = vipd.mark();
    a.ip(&["link set end1 up"]);
    vipd.wait_log_after(mark, "interface wan1: it is up", SOON);
    vipd.wait_log_after(mark, "vip: still FAULT: interface wan2 failed: it is down", SOON);
    a.ip(&["link set wan2 up"]);
    vipd.wait_log_after(mark, "vip: FAULT -> BACKUP: interface wan2 is fine again", SOON);
    vipd.wait_log_after(mark, "vip: BACKUP -> MASTER", SOON);
    assert!(vipd.lines_after(mark, "FAULT -> ").len() == 1, "not before both were up");
}

#[test]
fn a_weight_counts_while_it_is_up_and_reverse_while_it_is_down() {
    let lab = Lab::new();
    let a = host(&lab);
    let tap = lab.tap(&a);
    let entries = "\"wan1 weight 20\", { name = \"wan2\", weight = -30, reverse = true }";
    let vipd = lab.vipd(vipd(), &a, &tracking(entries, ""));
    wait_priority(&tap, VRID, 120, 0);
    a.ip(&["link set wan1 down"]);
    vipd.wait_log("vip: priority 120 -> 100", SOON);
    wait_priority(&tap, VRID, 100, 0);
    a.ip(&["link set end2 down"]);
    vipd.wait_log("vip: priority 100 -> 130", SOON);
    wait_priority(&tap, VRID, 130, 0);
    a.ip(&["link set wan1 up", "link set end2 up"]);
    vipd.wait_log("vip: priority 100 -> 120", SOON);
    assert!(vipd.lines("FAULT").is_empty());
}

#[test]
fn without_a_weight_reverse_is_fault_while_it_is_up() {
    let lab = Lab::new();
    let a = host(&lab);
    let vipd = lab.vipd(vipd(), &a, &tracking("\"wan1 weight 0 reverse\"", ""));
    vipd.wait_log("vip: INIT -> FAULT: interface wan1 failed: it is up", SOON);
    a.ip(&["link set wan1 down"]);
    vipd.wait_log("vip: BACKUP -> MASTER", SOON);
}

#[test]
fn one_that_does_not_exist_is_down_until_it_comes() {
    let lab = Lab::new();
    let a = lab.host("a", "10.77.0.1/24");
    let vipd = lab.vipd(vipd(), &a, &tracking("\"wan1\"", ""));
    vipd.wait_log("vip: INIT -> FAULT: interface wan1 failed: it does not exist", SOON);
    a.ip(&["link add wan1 type veth peer name end1", "link set wan1 up", "link set end1 up"]);
    vipd.wait_log("vip: BACKUP -> MASTER", SOON);
    a.ip(&["link delete wan1"]);
    // It goes down first.
    vipd.wait_log("vip: MASTER -> FAULT: interface wan1 failed: it ", SOON);
    poll(SOON, "it is gone", || status(&vipd, "interface wan1:").contains("it does not exist"));
}

/// Whether its own interface counts can be left to `track_interface`.
#[test]
fn dont_track_primary_holds_the_addresses_without_a_carrier() {
    let lab = Lab::new();
    let a = host(&lab);
    let vipd = lab.vipd(vipd(), &a, &tracking("\"wan1\"", "dont_track_primary = true"));
    vipd.wait_log("vip: BACKUP -> MASTER", SOON);
    lab.carrier(&a, false);
    // What comes later is told later: by then it has seen that the carrier is gone.
    a.ip(&["link set wan1 down"]);
    vipd.wait_log("vip: MASTER -> FAULT: interface wan1 failed", SOON);
    assert!(vipd.lines("eth0 is down").is_empty());
    a.ip(&["link set wan1 up"]);
    vipd.wait_log("vip: FAULT -> BACKUP: interface wan1 is fine again", SOON);
}

const DELAYS: &str = "[interface_up_down_delays.eth0]\ndown_delay = 0.5\nup_delay = 0.3\n\
                      [interface_up_down_delays.wan1]\ndown_delay = 20\nup_delay = 0.5\n";
/// Slow enough for these delays.
const SLOW: &str = "version = 3\nadvert_int = 0.4";

/// The measure of "a flap shorter than the delay" is the delay of another interface that goes down
/// earlier and stays so.
#[test]
fn a_flap_shorter_than_the_delay_does_nothing() {
    let lab = Lab::new();
    let a = host(&lab);
    let config = toml(100, &format!("{SLOW}\ntrack_interface = [\"wan1\", \"wan2 weight 9\"]"));
    let delays = DELAYS.to_owned() + "[interface_up_down_delays.wan2]\ndown_delay = 1\n";
    let vipd = lab.vipd(vipd(), &a, &(config + &delays));
    vipd.wait_log("vip: BACKUP -> MASTER", SOON);
    a.ip(&["link set wan2 down"]);
    for _ in 0..5 {
        a.ip(&["link set wan1 down", "link set wan1 up"]);
    }
    let counted = vipd.wait_log("interface wan2: it is down", SOON);
    assert!(vipd.lines("wan1").is_empty() && vipd.lines("FAULT").is_empty());
    assert!(a.holds(VIP));
    // What lasts counts, and for as long.
    let mark = vipd.mark();
    a.ip(&["link set wan2 up"]);
    let since = crate::lab::wall_clock();
    let up = vipd.wait_log_after(mark, "interface wan2: it is up", SOON);
    assert!(counted.at < up.at);
    assert_roughly("the delay", span(since, up.at), Duration::from_secs(1));
}

#[test]
fn what_lasts_is_fault_after_the_down_delay_and_over_after_the_up_delay() {
    let lab = Lab::new();
    let a = host(&lab);
    let vipd = lab.vipd(vipd(), &a, &(toml(100, SLOW) + DELAYS));
    // Until it has been up once nothing is delayed.
    vipd.wait_log("vip: BACKUP -> MASTER", SOON);
    let since = crate::lab::wall_clock();
    lab.carrier(&a, false);
    let down = vipd.wait_log("vip: MASTER -> FAULT: eth0 is down", SOON);
    assert_roughly("the down delay", span(since, down.at), Duration::from_millis(500));
    let since = crate::lab::wall_clock();
    lab.carrier(&a, true);
    let up = vipd.wait_log("vip: FAULT -> BACKUP: over: eth0 is down", SOON);
    let spent = span(since, up.at);
    assert!(spent >= Duration::from_millis(290), "up after {spent:?}");
}

/// It would hear nothing and take over. So the delay is over when its patience is.
#[test]
fn a_backup_without_a_carrier_is_fault_before_it_would_take_over() {
    let pair = crate::setup::Pair::new();
    let b = toml(100, "version = 3\nadvert_int = 0.1");
    // Longer than the 0.2 s that are allowed: it is the faster MASTER that makes it too long.
    let b = b.replace("advert_int = 0.1", "advert_int = 10");
    let delays = "[interface_up_down_delays.eth0]\ndown_delay = 15\n";
    let _a = pair.start_a(&toml(150, "version = 3\nadvert_int = 0.1"));
    let b = pair.start_b(&(b + delays));
    b.wait_log("vip: INIT -> BACKUP", SOON);
    pair.hears_a.wait_adverts(0, 5, SOON);
    pair.lab.carrier(&pair.b, false);
    b.wait_log("vip: BACKUP -> FAULT: eth0 is down", SOON);
    assert!(b.lines("MASTER").iter().all(|line| !line.text.contains("-> MASTER")));
}

/// The address that adverts are to come from is gone, and another one is there.
#[test]
fn track_src_ip_is_fault_while_the_address_is_absent() {
    let lab = Lab::new();
    let a = lab.host("a", "10.77.0.1/24");
    a.ip(&["address add 10.77.0.9/24 dev eth0"]);
    let more = format!("{FAST}\nmcast_src_ip = \"10.77.0.9\"\ntrack_src_ip = true");
    let vipd = lab.vipd(vipd(), &a, &toml(100, &more));
    vipd.wait_log("vip: BACKUP -> MASTER", SOON);
    a.ip(&["address delete 10.77.0.9/24 dev eth0"]);
    vipd.wait_log("vip: MASTER -> FAULT: eth0 has no address to send from", SOON);
    a.ip(&["address add 10.77.0.9/24 dev eth0"]);
    vipd.wait_log("vip: FAULT -> BACKUP", SOON);
}
