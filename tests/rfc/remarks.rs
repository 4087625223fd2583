//! What a person should know although nothing is done about it (RFC 9568 §5.2.9, §8.3.2).

use crate::bench::{owner, peer, remarks, v3, Bench, OWN};
use std::time::Duration;
use vipd::vrrp::duplicate::Duplicate;
use vipd::vrrp::event::{Event, Link, Remark};
use vipd::vrrp::reason::Fault;
use vipd::vrrp::settings::Settings;
use vipd::vrrp::StateName;
use vipd::wire::Discard;

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

/// What began, as kinds, and which were over.
fn twofold(bench: &mut Bench) -> (Vec<Duplicate>, Vec<Duplicate>) {
    let (mut begun, mut over) = (Vec::new(), Vec::new());
    for remark in bench.duplicates.drain(..) {
        match remark {
            Remark::Duplicate { kind, .. } => begun.push(kind),
            Remark::Over(it) => over.push(it.kind),
            other => panic!("{other:?}"),
        }
    }
    (begun, over)
}

/// Each kind, seen again and again: it begins once, goes on, and is over when it is over.
#[test]
fn v3_046_v3_052_v3_088_v3_089_v3_116_v3_117_what_is_twofold_begins_and_is_over() {
    let other_list = Settings { addresses: vec![peer(7)], ..v3() };
    for (kind, ours, theirs, priority, last) in [
        (Duplicate::Master, v3(), v3(), 50, 3),
        (Duplicate::Priority, v3(), v3(), 100, 3),
        (Duplicate::Source, v3(), v3(), 100, OWN),
        (Duplicate::Group, v3(), other_list, 100, OWN),
        (Duplicate::Owner, owner(v3()), v3(), 255, OWN - 1),
    ] {
        let mut bench = Bench::master(ours);
        bench.theirs = theirs;
        for _ in 0..10 {
            bench.advert(priority, last);
            bench.run();
        }
        assert_eq!(bench.state(), StateName::Master, "{kind}");
        let going_on: Vec<_> = bench.router.duplicates().iter().map(|it| it.kind).collect();
        let (begun, over) = twofold(&mut bench);
        assert!(begun == going_on && begun.contains(&kind), "{kind}: {begun:?} {going_on:?}");
        assert_eq!(over, []);
        let sighting = bench.router.duplicates()[0];
        assert_eq!((sighting.source, sighting.count), (peer(last), 10));
        while !bench.router.duplicates().is_empty() {
            bench.run();
        }
        let (again, over) = twofold(&mut bench);
        assert_eq!((again, over), (vec![], begun));
        assert!(bench.now.since(sighting.last) < Duration::from_secs(5));
    }
}

/// A MASTER that is set up in another way, and that we do not heed: neither yields.
#[test]
fn v3_088_a_master_whose_adverts_are_discarded_is_a_second_one() {
    for reason in Discard::ALL {
        let mut bench = Bench::master(v3());
        bench.event(Event::Discarded { source: peer(9), reason });
        let (begun, _) = twofold(&mut bench);
        let expected =
            if reason.is_of_a_router() { vec![Duplicate::UnheardMaster] } else { vec![] };
        assert_eq!(begun, expected, "{reason:?}");
        let mut bench = Bench::backup(v3());
        bench.event(Event::Discarded { source: peer(9), reason });
        assert_eq!(twofold(&mut bench), (vec![], vec![]), "we are not MASTER: {reason:?}");
    }
}
