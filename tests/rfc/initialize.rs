//! RFC 9568 §6.1 and §6.4.1: parameters and Initialize.

use crate::bench::{owner, peer, takes_over, v3, Bench, DOWN, INTERVAL, OWN};
use vipd::vrrp::event::{Action, Event, Link};
use vipd::vrrp::reason::{Fault, Reason};
use vipd::vrrp::tracker::Effect;
use vipd::vrrp::StateName::{self, Backup, Master};
use vipd::wire::{Discard, Interval, Priority};

#[test]
fn v3_001_without_an_address_of_its_own_it_sends_nothing() {
    let mut bench = Bench::master(v3());
    let fault = Fault::NoPrimaryAddress;
    let lost =
        Action::Transition { from: Master, to: StateName::Fault, reason: Reason::Fault(fault) };
    assert_eq!(bench.event(Event::Source(None)), [Action::Release, lost]);
    assert_eq!(bench.router.deadline(), None);
    let found = bench.event(Event::Source(Some(peer(OWN))));
    let reason = Reason::Recovered(fault);
    assert_eq!(found, [Action::Transition { from: StateName::Fault, to: Backup, reason }]);
}

#[test]
fn v3_018_an_owner_sends_255_whatever_its_trackers_say() {
    let mut bench = Bench::master(owner(v3()));
    assert_eq!(bench.event(Event::Tracker { slot: 0, effect: Effect::Add(-100) }), []);
    assert_eq!(crate::bench::adverts(&bench.run()), [255]);
}

#[test]
fn v3_019_a_priority_that_is_tracked_stays_within_1_and_254() {
    let mut bench = Bench::started(v3());
    for (weight, priority) in [(253, 254), (-253, 1), (20, 120), (0, 100)] {
        bench.event(Event::Tracker { slot: 0, effect: Effect::Add(weight) });
        assert_eq!(bench.router.effective_priority(), Priority(priority));
    }
    assert_eq!(Priority::DEFAULT, Priority(100));
}

#[test]
fn v3_060_the_parameters_are_kept_as_they_were_given() {
    let bench = Bench::new(v3());
    assert_eq!(*bench.router.settings(), v3());
    assert_eq!(Interval::SECOND.centiseconds(), 100);
}

#[test]
fn v3_061_an_owner_preempts_even_with_preemption_off() {
    let mut settings = owner(v3());
    settings.preempt = false;
    let mut bench = Bench::new(settings);
    bench.event(Event::Tracker { slot: 0, effect: Effect::Hold });
    bench.start();
    bench.advert(200, 9);
    assert_eq!(bench.state(), Backup);
    bench.event(Event::Tracker { slot: 0, effect: Effect::Add(0) });
    assert_eq!(bench.remaining().as_nanos(), 0);
    assert!(takes_over(&bench.run()));
}

#[test]
fn v3_062_an_owner_is_master_at_once() {
    let mut bench = Bench::new(owner(v3()));
    assert!(takes_over(&bench.start()));
    assert_eq!(bench.remaining(), INTERVAL);
}

#[test]
fn v3_063_anybody_else_listens_for_a_master_down_interval() {
    let mut bench = Bench::new(v3());
    let transition =
        Action::Transition { from: StateName::Init, to: Backup, reason: Reason::Startup };
    assert_eq!(bench.start(), [transition]);
    assert_eq!(bench.remaining(), DOWN);
    assert_eq!(bench.start(), []);
}

#[test]
fn v3_103_nothing_is_announced_before_interface_and_address_are_there() {
    for (link, source) in
        [(Link::Missing, Some(peer(OWN))), (Link::Down, Some(peer(OWN))), (Link::Up, None)]
    {
        let mut bench = Bench::new(owner(v3()));
        bench.event(Event::Link(link));
        bench.event(Event::Source(source));
        let started = bench.start();
        assert!(matches!(started[..], [Action::Transition { to: StateName::Fault, .. }]));
        assert_eq!(bench.router.deadline(), None);
        let mut actions = bench.event(Event::Link(Link::Up));
        actions.extend(bench.event(Event::Source(Some(peer(OWN)))));
        assert!(takes_over(&actions), "{actions:?}");
    }
}

/// Before the start and in FAULT packets are counted and have no effect.
#[test]
fn v3_063_before_the_start_packets_have_no_effect() {
    let mut bench = Bench::new(v3());
    for priority in [0, 50, 200] {
        assert_eq!(bench.advert(priority, 9), []);
    }
    assert_eq!(bench.router.statistics().advertisement_rcvd, 3);
    bench.refuses(&[0x31], Discard::PacketLength);
    assert_eq!((bench.state(), bench.router.deadline()), (StateName::Init, None));
}
