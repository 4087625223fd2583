//! Virtual MAC addresses with other programs as the other router, which have them as well.

use crate::lab::frr::{Frr, Order};
use crate::lab::injector::Injector;
use crate::lab::{wall_clock, SOON, VIP};
use crate::setup::{keepalived, Pair, VRID};
use crate::vmac::{with_vmac, VMAC};

/// keepalived says this when it becomes MASTER and when it follows somebody else.
const MASTER: &str = "Entering MASTER STATE";
const BACKUP: &str = "Entering BACKUP STATE";

#[test]
fn with_keepalived_as_the_other_router() {
    let pair = Pair::new();
    let client = pair.lab.host("c", "10.77.0.3/24");
    let injector = Injector::open(&client);
    let conf = keepalived(120, "version 3\nadvert_int 0.2\nuse_vmac");
    let other = pair.lab.keepalived(&pair.a, &conf);
    other.wait_log(MASTER, SOON);
    let ours = pair.start_b(&with_vmac(100));
    ours.wait_log("vip: INIT -> BACKUP", SOON);
    pair.hears_a.wait_adverts(wall_clock(), 5, SOON);
    assert!(pair.hears_b.adverts().is_empty(), "it follows the better one");
    assert_eq!(injector.holders(VIP), [VMAC]);

    let mark = ours.mark();
    other.signal("TERM");
    other.wait_end(SOON);
    ours.wait_log_after(mark, "vip: BACKUP -> MASTER: 10.77.0.1 resigned", SOON);
    pair.lab.wait_holder(&pair.b, SOON);
    assert_eq!(injector.holders(VIP), [VMAC]);

    let other = pair.lab.keepalived(&pair.a, &conf);
    other.wait_log(MASTER, SOON);
    ours.wait_log("vip: MASTER -> BACKUP: 10.77.0.1 has priority 120, higher", SOON);
    pair.lab.wait_holder(&pair.a, SOON);
    ours.signal("TERM");
    assert!(ours.wait_end(SOON).success());

    // And the other way round.
    let mark = other.mark();
    let ours = pair.start_b(&with_vmac(150));
    ours.wait_log("vip: BACKUP -> MASTER: 10.77.0.1 has priority 120, lower", SOON);
    other.wait_log_after(mark, BACKUP, SOON);
    pair.lab.wait_holder(&pair.b, SOON);
    let mark = other.mark();
    ours.kill();
    other.wait_log_after(mark, MASTER, SOON);
    let ours = pair.start_b(&with_vmac(150));
    ours.wait_log("vip: BACKUP -> MASTER", SOON);
    pair.lab.wait_holder(&pair.b, SOON);
    assert_eq!(injector.holders(VIP), [VMAC]);
    assert_eq!(ours.lines("discarding").len(), 0);
    assert!(pair.hears_a.refused().is_empty() && pair.hears_b.refused().is_empty());
}

/// It keeps its macvlan up and its address on it all the time, in `protodown` while it is BACKUP.
#[test]
fn with_frr_as_the_other_router() {
    let pair = Pair::new();
    let injector = Injector::open(&pair.lab.host("c", "10.77.0.3/24"));
    let addresses = [VIP.into()];
    let order = Order { vrid: VRID, priority: 120, interval_ms: 200, addresses: &addresses };
    let frr = Frr::start(&pair.lab, &pair.a, &order);
    frr.vrrpd.wait_log("Backup -> Master", SOON);
    let ours = pair.start_b(&with_vmac(100));
    ours.wait_log("vip: INIT -> BACKUP", SOON);
    pair.hears_a.wait_adverts(wall_clock(), 5, SOON);
    assert!(pair.hears_b.adverts().is_empty(), "it follows the better one");
    ours.signal("TERM");
    assert!(ours.wait_end(SOON).success());

    let ours = pair.start_b(&with_vmac(150));
    ours.wait_log("vip: BACKUP -> MASTER: 10.77.0.1 has priority 120, lower", SOON);
    frr.vrrpd.wait_log("Master -> Backup", SOON);
    assert_eq!(injector.holders(VIP), [VMAC]);
    let mark = frr.vrrpd.mark();
    ours.signal("TERM");
    assert!(ours.wait_end(SOON).success());
    frr.vrrpd.wait_log_after(mark, "Backup -> Master", SOON);
    let ours = pair.start_b(&with_vmac(100));
    ours.wait_log("vip: INIT -> BACKUP", SOON);
    frr.stop();
    ours.wait_log("vip: BACKUP -> MASTER: 10.77.0.1 resigned", SOON);
    assert!(ours.lines("discarding").is_empty() && pair.hears_b.refused().is_empty());
}
