//! Sync groups: two routers between a LAN and a WAN that are MASTER on both or on none.
//!
//! ```text
//!   LAN 10.77.0.0/24, br0 ---- eth0 [a] eth1 ---- br1, WAN 10.78.0.0/24
//!                        \---- eth0 [b] eth1 ----/
//! ```

use crate::lab::frames::{Envelope, Message};
use crate::lab::injector::Injector;
use crate::lab::process::Process;
use crate::lab::second::VIP_SECOND;
use crate::lab::{poll, wall_clock, Host, Lab, SOON, VIP};
use crate::scripts::{check, status, Knob, Notes, FAST};
use crate::setup::vipd;

/// Where two networks meet, twice.
struct Gate {
    a: Host,
    b: Host,
    /// The same hosts, as the WAN knows them.
    wan_a: Host,
    wan_b: Host,
    lab: Lab,
}

impl Gate {
    fn new() -> Self {
        let lab = Lab::with_second();
        let (a, b) = (lab.host("a", "10.77.0.1/24"), lab.host("b", "10.77.0.2/24"));
        let (wan_a, wan_b) = (lab.second(&a, "10.78.0.1/24"), lab.second(&b, "10.78.0.2/24"));
        Self { a, b, wan_a, wan_b, lab }
    }

    fn start(&self, host: &Host, toml: &str) -> Process {
        self.lab.vipd(vipd(), host, toml)
    }

    /// `a` with 120 is MASTER, `b` with 100 follows it on both segments.
    fn start_both(&self, more: &str) -> (Process, Process) {
        let a = self.start(&self.a, &toml([120; 2], more));
        a.wait_log("group gate: BACKUP -> MASTER", SOON);
        let b = self.start(&self.b, &toml([100; 2], ""));
        follows(&b, "lan", "10.77.0.1");
        follows(&b, "wan", "10.78.0.1");
        (a, b)
    }

    /// One host, and no other, has both addresses.
    #[track_caller]
    fn wait_holder(&self, host: &Host) {
        self.lab.wait_holder(host, SOON);
        self.lab.wait_holder_of(VIP_SECOND, host, SOON);
    }
}

/// Waits until an instance follows somebody.
#[track_caller]
fn follows(process: &Process, instance: &str, address: &str) {
    let master = format!("MASTER is {address} ");
    poll(SOON, "it follows", || status(process, &format!("{instance}: ")).contains(&master));
}

/// A group of two instances with these priorities, LAN first, and more in the group.
fn toml(priority: [u8; 2], more: &str) -> String {
    let instance = |name: &str, dev: &str, vrid: u8, priority: u8, vip| {
        format!(
            "[vrrp_instance.{name}]\ninterface = \"{dev}\"\nvirtual_router_id = {vrid}\n\
             priority = {priority}\n{FAST}\nvirtual_ipaddress = [\"{vip}/24\"]\n"
        )
    };
    instance("lan", "eth0", 51, priority[0], VIP)
        + &instance("wan", "eth1", 52, priority[1], VIP_SECOND)
        + &format!("[vrrp_sync_group.gate]\ngroup = [\"lan\", \"wan\"]\n{more}\n")
}

/// The same for keepalived.
fn keepalived(priority: u8) -> String {
    let instance = |name: &str, dev: &str, vrid: u8, vip| {
        format!(
            "vrrp_instance {name} {{\ninterface {dev}\nvirtual_router_id {vrid}\n\
             priority {priority}\nversion 3\nadvert_int 0.1\n\
             virtual_ipaddress {{\n{vip}/24\n}}\n}}\n"
        )
    };
    "vrrp_sync_group gate {\ngroup {\nlan\nwan\n}\n}\n".to_owned()
        + &instance("lan", "eth0", 51, VIP)
        + &instance("wan", "eth1", 52, VIP_SECOND)
}

#[test]
fn when_one_interface_fails_both_segments_move_and_come_back() {
    let gate = Gate::new();
    let (a, b) = gate.start_both("");
    gate.wait_holder(&gate.a);
    assert!(status(&a, "group gate").contains("status: group gate: MASTER: lan MASTER, wan MASTER"));
    let mark = a.mark();
    gate.lab.carrier(&gate.wan_a, false);
    a.wait_log_after(mark, "wan: MASTER -> FAULT: eth1 is down", SOON);
    a.wait_log_after(mark, "lan: MASTER -> FAULT: with wan of its group: eth1 is down", SOON);
    a.wait_log_after(mark, "group gate: MASTER -> FAULT: lan: with wan of its group: eth1", SOON);
    b.wait_log("group gate: BACKUP -> MASTER", SOON);
    gate.wait_holder(&gate.b);
    assert!(status(&a, "group gate").contains("group gate: FAULT: lan FAULT, wan FAULT"));
    // Back: the group as a whole, and the weaker one lets go on both.
    gate.lab.carrier(&gate.wan_a, true);
    a.wait_log_after(mark, "group gate: FAULT -> BACKUP", SOON);
    a.wait_log_after(mark, "group gate: BACKUP -> MASTER", SOON);
    b.wait_log("group gate: MASTER -> BACKUP", SOON);
    gate.wait_holder(&gate.a);
}

#[test]
fn when_the_router_is_killed_the_other_takes_both_segments() {
    let gate = Gate::new();
    let (a, b) = gate.start_both("");
    a.kill();
    b.wait_log("lan: BACKUP -> MASTER", SOON);
    b.wait_log("wan: BACKUP -> MASTER", SOON);
    b.wait_log("group gate: BACKUP -> MASTER", SOON);
    assert!(gate.b.holds(VIP) && gate.b.holds(VIP_SECOND));
}

#[test]
fn a_check_of_the_group_takes_all_members_out_and_lets_them_back() {
    let gate = Gate::new();
    let knob = Knob::turned_on(&gate.lab, "ok");
    let check = check(&knob.command(), "interval = 0.1");
    let (a, b) = gate.start_both(&format!("track_script = [\"chk\"]\n{check}"));
    let mark = a.mark();
    knob.off();
    a.wait_log_after(mark, "lan: MASTER -> FAULT: check chk failed: exit 1", SOON);
    a.wait_log_after(mark, "wan: MASTER -> FAULT: check chk failed: exit 1", SOON);
    a.wait_log_after(mark, "group gate: MASTER -> FAULT", SOON);
    b.wait_log("group gate: BACKUP -> MASTER", SOON);
    gate.wait_holder(&gate.b);
    knob.on();
    a.wait_log_after(mark, "group gate: BACKUP -> MASTER", SOON);
    gate.wait_holder(&gate.a);
}

/// The LAN is cut in two. On `b` it has no MASTER, but the WAN hears a stronger one.
#[test]
fn a_segment_that_alone_loses_its_master_moves_nothing_and_says_so() {
    let gate = Gate::new();
    let (_a, b) = gate.start_both("");
    let mark = b.mark();
    for host in [&gate.a, &gate.b] {
        gate.lab.isolate(host, true);
    }
    let waits = b.wait_log_after(mark, "lan: has no MASTER, nothing was heard for ", 3 * SOON);
    let why = "but wan of its group follows 10.78.0.1 with priority 120: it stays BACKUP";
    assert!(waits.text.ends_with(why), "{waits:?}");
    assert!(b.lines_after(mark, "-> MASTER").is_empty());
    gate.wait_holder(&gate.a);
}

/// Priorities in another order on the other segment: the group stays where it is, and says why.
#[test]
fn a_weaker_master_is_named_while_the_group_waits() {
    let gate = Gate::new();
    let a = gate.start(&gate.a, &toml([100, 120], ""));
    a.wait_log("group gate: BACKUP -> MASTER", SOON);
    let b = gate.start(&gate.b, &toml([120, 100], ""));
    let text = "lan: only 10.77.0.1 with priority 100 is MASTER, less than ours, but wan of its \
                group follows 10.78.0.1 with priority 120: it stays BACKUP";
    b.wait_log(text, 3 * SOON);
    assert!(b.lines("-> MASTER").is_empty());
    gate.wait_holder(&gate.a);
}

/// A contest that is won on one segment is announced on both, and nowhere twice.
#[test]
fn a_contest_is_announced_once_on_each_segment() {
    let gate = Gate::new();
    let once = "garp_master_repeat = 1\ngarp_master_delay = 0\ngarp_lower_prio_repeat = 2\n\
                garp_lower_prio_delay = 0\npriority";
    let toml = toml([120; 2], "").replace("priority", once);
    let (lan, wan) = (gate.lab.tap(&gate.a), gate.lab.tap(&gate.wan_a));
    let a = gate.start(&gate.a, &toml);
    a.wait_log("group gate: BACKUP -> MASTER", SOON);
    lan.wait_announcement(0, VIP, SOON);
    wan.wait_announcement(0, VIP_SECOND, SOON);
    let before = wall_clock();
    let message = Message::v3(51, 100, 10, VIP).bytes();
    Injector::open(&gate.b).send(&Envelope::new(gate.b.mac, gate.b.address).frame(&message));
    a.wait_log("lan: 10.77.0.2 with priority 100 claims to be MASTER as well", SOON);
    let count = |tap: &crate::lab::tap::Tap, vip| {
        let all = tap.announcements_after(before, vip);
        all.iter().filter(|(_, arp)| arp.operation == 1).count()
    };
    poll(SOON, "both are announced", || count(&lan, VIP) >= 2 && count(&wan, VIP_SECOND) >= 2);
    // Whatever it sends for that is sent before the next advert.
    let seen = wall_clock();
    lan.wait_adverts(seen, 2, SOON);
    wan.wait_adverts(seen, 2, SOON);
    assert_eq!([count(&lan, VIP), count(&wan, VIP_SECOND)], [2, 2]);
}

#[test]
fn the_scripts_of_the_group_run_after_those_of_its_members_and_at_the_end() {
    let gate = Gate::new();
    let notes = Notes::new(&gate.lab, "notes");
    let path = notes.path().display();
    let slow = gate.lab.script(
        "slow.sh",
        &format!("#!/bin/sh\nsleep 0.3\necho $VRRP_TYPE $VRRP_NAME $VRRP_STATE >> {path}\n"),
    );
    let notify = format!("notify = \"{}\"", slow.display());
    let stop = format!("notify_stop = \"{}\"", slow.display());
    let toml = toml([120; 2], &format!("{notify}\n{stop}"));
    let toml = toml.replace("[vrrp_sync_group", &format!("{notify}\n[vrrp_sync_group"));
    let toml = toml.replace("[vrrp_instance.wan]", &format!("{notify}\n[vrrp_instance.wan]"));
    let a = gate.start(&gate.a, &toml);
    a.wait_log("group gate: BACKUP -> MASTER", SOON);
    let of = |state: &str| {
        let lines = notes.lines();
        let of_state = lines.iter().filter(|line| line.ends_with(state));
        of_state.map(|line| line.rsplit_once(' ').expect("words").0.to_owned()).collect()
    };
    poll(SOON, "the group is told", || {
        let of_master: Vec<String> = of(" MASTER");
        of_master.len() == 3
    });
    let members = |lines: &[String]| {
        let mut members = lines[..2].to_vec();
        members.sort();
        members == ["INSTANCE lan", "INSTANCE wan"]
    };
    let master: Vec<String> = of(" MASTER");
    assert!(members(&master) && master[2] == "GROUP gate", "{master:?}");
    a.signal("TERM");
    assert!(a.wait_end(SOON).success());
    let stop: Vec<String> = of(" STOP");
    assert!(members(&stop) && stop[2..] == ["GROUP gate", "GROUP gate"], "{stop:?}");
    a.wait_log("gate: notify_stop for STOP: done in ", SOON);
}

#[test]
fn vipd_takes_both_segments_from_keepalived_and_gives_them_back() {
    let gate = Gate::new();
    let a = gate.lab.keepalived(&gate.a, &keepalived(120));
    gate.wait_holder(&gate.a);
    let b = gate.start(&gate.b, &toml([100; 2], ""));
    follows(&b, "lan", "10.77.0.1");
    follows(&b, "wan", "10.78.0.1");
    // keepalived goes into FAULT on both, for one interface.
    gate.lab.carrier(&gate.a, false);
    b.wait_log("group gate: BACKUP -> MASTER", SOON);
    gate.wait_holder(&gate.b);
    gate.lab.carrier(&gate.a, true);
    b.wait_log("group gate: MASTER -> BACKUP", SOON);
    gate.wait_holder(&gate.a);
    let mark = b.mark();
    a.kill();
    b.wait_log_after(mark, "group gate: BACKUP -> MASTER", SOON);
}

#[test]
fn keepalived_takes_both_segments_from_vipd_and_gives_them_back() {
    let gate = Gate::new();
    let a = gate.start(&gate.a, &toml([120; 2], ""));
    a.wait_log("group gate: BACKUP -> MASTER", SOON);
    let _b = gate.lab.keepalived(&gate.b, &keepalived(100));
    gate.wait_holder(&gate.a);
    let mark = a.mark();
    gate.lab.carrier(&gate.wan_a, false);
    a.wait_log_after(mark, "lan: MASTER -> FAULT: with wan of its group", SOON);
    gate.wait_holder(&gate.b);
    gate.lab.carrier(&gate.wan_a, true);
    a.wait_log_after(mark, "group gate: BACKUP -> MASTER", SOON);
    gate.wait_holder(&gate.a);
    // It ends: its last words are heard on both segments.
    a.signal("TERM");
    assert!(a.wait_end(SOON).success());
    gate.wait_holder(&gate.b);
    assert!(gate.wan_b.holds(VIP_SECOND));
}
