//! What a person should know although nothing is done about it (RFC 9568 §5.2.9, §8.3.2).

use crate::bench::{owner, peer, remarks, v3, Bench, OWN};
use vipd::vrrp::event::{Event, Link, Remark};
use vipd::vrrp::reason::Fault;
use vipd::vrrp::settings::Settings;

#[test]
fn v3_026_another_order_of_addresses_is_said_and_has_no_effect() {
    let addresses = vec![peer(1), peer(3)];
    let mut bench = Bench::backup(Settings { addresses, ..v3() });
    bench.theirs.addresses.reverse();
    assert_eq!(remarks(&bench.advert(200, 9)), [Remark::OtherOrder { source: peer(9) }]);
    assert_eq!(bench.advert(200, 9), []);
}

#[test]
fn v3_116_several_owners_are_said_once() {
    let mut bench = Bench::master(owner(v3()));
    let source = peer(OWN - 1);
    let said = remarks(&bench.advert(255, OWN - 1));
    assert!(said.contains(&Remark::TwoOwners { source }), "{said:?}");
    assert_eq!(remarks(&bench.advert(255, OWN - 1)), []);
}

#[test]
fn v3_117_equal_priority_is_said_once() {
    let mut bench = Bench::backup(v3());
    assert_eq!(remarks(&bench.advert(100, 8)), [Remark::EqualPriority { source: peer(8) }]);
    assert_eq!(remarks(&bench.advert(100, 8)), []);
    assert_eq!(remarks(&bench.advert(200, 9)), []);
}

/// A person who sees FAULT must be able to find out why now, not why first.
#[test]
fn another_reason_for_fault_is_said() {
    let mut bench = Bench::master(v3());
    bench.event(Event::Link(Link::Down));
    let said = bench.event(Event::Link(Link::Missing));
    assert_eq!(remarks(&said), [Remark::OtherFault(Fault::InterfaceMissing)]);
    assert_eq!(bench.event(Event::Link(Link::Missing)), []);
    assert_eq!(bench.router.fault_cause(), Some(Fault::InterfaceMissing));
}
