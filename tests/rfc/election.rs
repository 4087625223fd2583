//! Elections where the RFC leaves a choice, or keepalived takes one.

use crate::bench::{adverts, owner, peer, takes_over, v2, v3, yields, Bench};
use crate::bench::{DOWN, INTERVAL, MILLI, OWN, SKEW};
use std::time::Duration;
use vipd::vrrp::event::{Action, Event, Link, Remark};
use vipd::vrrp::reason::{Fault, Reason};
use vipd::vrrp::settings::{Election, Settings};
use vipd::vrrp::tracker::Effect;
use vipd::vrrp::StateName::{self, Backup, Master};
use vipd::wire::{Discard, Priority};

fn with(election: Election, settings: Settings) -> Settings {
    Settings { election, ..settings }
}

fn delay(preempt_delay: Duration) -> Settings {
    with(Election { preempt_delay, ..Election::default() }, v3())
}

#[test]
fn v3_063_v3_079_down_timer_adverts_stand_where_3_stands() {
    for count in [1, 2, 10, 100] {
        let election = Election { down_timer_adverts: count, ..Election::default() };
        let settings = with(election, v3());
        let down = INTERVAL * u32::from(count) + SKEW;
        let mut bench = Bench::started(settings.clone());
        assert_eq!(bench.remaining(), down);
        bench.pass(MILLI);
        bench.advert(200, 9);
        assert_eq!(bench.remaining(), down);
        bench.advert(0, 9);
        assert_eq!(bench.remaining(), SKEW);
        // A peer waits as long for us: until then we are only late.
        let mut bench = Bench::master(settings.clone());
        bench.pass(INTERVAL * u32::from(count));
        assert_eq!(adverts(&bench.advert(1, 4)), [100]);
        let mut bench = Bench::master(settings);
        bench.pass(INTERVAL * u32::from(count) + INTERVAL * 2 / 256);
        assert!(yields(&bench.advert(1, 4)));
    }
}

/// From the first advert of a lower priority on, not from the start.
#[test]
fn v3_079_preempt_delay_follows_a_lower_master_for_so_long() {
    let mut bench = Bench::backup(delay(INTERVAL * 10));
    bench.pass(DOWN / 2);
    for _ in 0..10 {
        bench.advert(50, 9);
        assert_eq!(bench.remaining(), DOWN);
        bench.pass(INTERVAL);
    }
    bench.advert(50, 9);
    assert_eq!(bench.remaining(), DOWN - INTERVAL);
    let taken = bench.run();
    let Some(Action::Transition { reason, .. }) = taken.last() else { panic!("{taken:?}") };
    let (priority, ours) = (Priority(50), Priority(100));
    assert_eq!(*reason, Reason::Preempt { master: peer(9), priority, ours });
}

#[test]
fn v3_079_preempt_delay_begins_anew_after_a_stronger_master() {
    for stronger in [100, 200] {
        let mut bench = Bench::backup(delay(INTERVAL * 3));
        for _ in 0..3 {
            bench.advert(50, 9);
            bench.pass(INTERVAL);
        }
        bench.advert(stronger, 8);
        for _ in 0..3 {
            bench.advert(50, 9);
            assert_eq!(bench.remaining(), DOWN);
            bench.pass(INTERVAL);
        }
        bench.advert(50, 9);
        assert_eq!(bench.remaining(), DOWN - INTERVAL);
    }
}

#[test]
fn v3_076_preempt_delay_is_over_when_the_master_is_silent() {
    let mut bench = Bench::backup(delay(Duration::from_secs(1000)));
    bench.advert(50, 9);
    assert_eq!(bench.remaining(), DOWN);
    assert!(takes_over(&bench.run()));
    // And a MASTER that resigns is not waited for either.
    let mut bench = Bench::backup(delay(Duration::from_secs(1000)));
    bench.advert(50, 9);
    bench.advert(0, 9);
    assert_eq!(bench.remaining(), SKEW);
}

/// It says nothing to an owner (V3-061), and nothing at the start.
#[test]
fn v3_061_v3_063_preempt_delay_delays_neither_an_owner_nor_the_start() {
    let bench = Bench::started(delay(Duration::from_secs(1000)));
    assert_eq!(bench.remaining(), DOWN);
    let mut bench = Bench::new(owner(delay(Duration::from_secs(1000))));
    bench.event(Event::Tracker { slot: 0, effect: Effect::Hold });
    bench.start();
    bench.advert(200, 9);
    bench.event(Event::Tracker { slot: 0, effect: Effect::Add(0) });
    assert!(takes_over(&bench.run()));
}

#[test]
fn v3_080_no_fast_hand_over_while_preempt_delay_runs() {
    let settings = Settings { fast_handover: true, ..delay(INTERVAL * 10) };
    let mut bench = Bench::backup(settings);
    bench.pass(MILLI);
    bench.advert(99, 9);
    assert_eq!(bench.remaining(), DOWN);
}

#[test]
fn v3_088_lower_prio_no_advert_does_not_answer() {
    let election = Election { lower_prio_no_advert: true, ..Election::default() };
    let mut bench = Bench::master(with(election, v3()));
    let actions = bench.advert(50, 9);
    assert_eq!(adverts(&actions), []);
    let lower = Action::LowerPriority { source: peer(9), priority: Priority(50) };
    assert!(actions.contains(&lower));
    // Priority 0 is another matter (V3-086).
    bench.pass(INTERVAL);
    assert_eq!(adverts(&bench.advert(0, 9)), [100]);
}

/// For notify_master_rx_lower_pri.
#[test]
fn v3_088_a_lower_priority_is_told_once_an_interval() {
    let mut bench = Bench::master(v3());
    let mut told = 0;
    for _ in 0..20 {
        bench.pass(MILLI * 10);
        let actions = bench.advert(50, 9);
        told += actions.iter().filter(|a| matches!(a, Action::LowerPriority { .. })).count();
    }
    assert_eq!(told, 1);
}

#[test]
fn v3_087_higher_prio_send_advert_is_a_last_word() {
    for (higher_prio_send_advert, said) in [(false, vec![]), (true, vec![100])] {
        for (priority, last) in [(200, 4), (100, 9)] {
            let election = Election { higher_prio_send_advert, ..Election::default() };
            let mut bench = Bench::master(with(election, v3()));
            let actions = bench.advert(priority, last);
            assert_eq!((adverts(&actions), bench.state()), (said.clone(), Backup));
            // Before the addresses are gone: it belongs to the MASTER that we were.
            let done = actions.iter().filter(|action| !matches!(action, Action::Remark(_)));
            let release = done.into_iter().position(|action| *action == Action::Release);
            assert_eq!(release, Some(said.len()));
        }
    }
}

#[test]
fn v2_008_v3_046_an_owner_listens_to_nobody_if_it_is_told_so() {
    let election = Election { owner_ignore_adverts: true, ..Election::default() };
    for priority in [0, 200, 255] {
        let mut bench = Bench::master(owner(with(election, v3())));
        let message = bench.message(priority, 9);
        bench.refuses(&message, Discard::Owner);
        // It says nothing to anybody else.
        let mut bench = Bench::master(with(election, v3()));
        bench.advert(priority, 9);
        assert_eq!(bench.counted(Discard::Owner), 0);
        // And VRRPv2 does not have to be told.
        let mut bench = Bench::master(owner(v2()));
        let message = bench.message(priority, 9);
        bench.refuses(&message, Discard::Owner);
    }
}

/// Two owners: the greater address wins, and the other stays until the first is gone.
#[test]
fn v3_061_v3_116_the_lesser_of_two_owners_is_backup() {
    let mut bench = Bench::master(owner(v3()));
    let actions = bench.advert(255, 9);
    assert!(crate::bench::remarks(&actions).contains(&Remark::TwoOwners { source: peer(9) }));
    assert_eq!(bench.state(), Backup);
    for _ in 0..100 {
        bench.pass(INTERVAL);
        assert_eq!(adverts(&bench.advert(255, 9)), []);
    }
    // Whoever is no owner is not waited for.
    bench.advert(254, 8);
    let skew = INTERVAL / 256;
    assert_eq!(bench.remaining(), INTERVAL * 3 + skew);
    assert!(takes_over(&bench.run()));
}

#[test]
fn v2_019_v3_061_an_owner_of_version_2_preempts_too() {
    let mut settings = owner(v2());
    settings.preempt = false;
    let mut bench = Bench::new(settings);
    bench.event(Event::Tracker { slot: 0, effect: Effect::Hold });
    bench.start();
    assert_eq!(bench.state(), Backup);
    bench.event(Event::Tracker { slot: 0, effect: Effect::Add(0) });
    let taken = bench.run();
    assert!(takes_over(&taken));
    let Some(Action::Transition { reason, .. }) = taken.last() else { panic!("{taken:?}") };
    assert_eq!(*reason, Reason::Owner);
}

/// `vrrp_startup_delay`: deaf, but not blind.
#[test]
fn v3_063_a_start_that_is_delayed_throws_away_what_it_hears() {
    let mut bench = Bench::new(v3());
    let deaf_until = bench.now + Duration::from_secs(10);
    bench.event(Event::Startup { deaf_until });
    let whole = Duration::from_secs(10) + DOWN;
    assert_eq!((bench.state(), bench.remaining()), (Backup, whole));
    for priority in [0, 50, 200] {
        assert_eq!(adverts(&bench.advert(priority, 9)), []);
    }
    assert_eq!((bench.remaining(), bench.router.master()), (whole, None));
    assert_eq!(bench.router.statistics().advertisement_rcvd, 3);
    // A fault that comes and goes meanwhile does not shorten it.
    bench.event(Event::Tracker { slot: 0, effect: Effect::Fault });
    assert_eq!(bench.state(), StateName::Fault);
    bench.pass(Duration::from_secs(4));
    bench.event(Event::Tracker { slot: 0, effect: Effect::Add(0) });
    assert_eq!(bench.remaining(), whole - Duration::from_secs(4));
    // Then it is as if it began.
    bench.pass(Duration::from_secs(6));
    bench.advert(200, 9);
    assert_eq!((bench.remaining(), bench.router.master().is_some()), (DOWN, true));
    assert!(takes_over(&bench.run()));
    // Not after a later fault.
    bench.event(Event::Link(Link::Down));
    bench.event(Event::Link(Link::Up));
    assert_eq!(bench.remaining(), DOWN);
}

#[test]
fn v3_062_an_owner_whose_start_is_delayed_is_master_when_that_is_over() {
    let mut bench = Bench::new(owner(v3()));
    let deaf_until = bench.now + Duration::from_secs(10);
    bench.event(Event::Startup { deaf_until });
    bench.advert(200, 9);
    assert_eq!((bench.state(), bench.remaining()), (Backup, Duration::from_secs(10)));
    let taken = bench.run();
    assert!(takes_over(&taken));
    let Some(Action::Transition { reason, .. }) = taken.last() else { panic!("{taken:?}") };
    assert_eq!(*reason, Reason::Owner);
}

/// Down is not missing, and an address to send from is needed all the same.
#[test]
fn v3_001_dont_track_primary_is_about_an_interface_that_is_down() {
    let mut bench = Bench::master(Settings { dont_track_primary: true, ..v3() });
    assert_eq!(bench.event(Event::Link(Link::Down)), []);
    assert_eq!(adverts(&bench.run()), [100]);
    let lost = bench.event(Event::Source(None));
    assert_eq!(bench.router.fault_cause(), Some(Fault::NoPrimaryAddress));
    assert_eq!(adverts(&lost), []);
    bench.event(Event::Source(Some(peer(OWN))));
    assert_eq!(bench.state(), Backup);
    bench.event(Event::Link(Link::Missing));
    assert_eq!(bench.router.fault_cause(), Some(Fault::InterfaceMissing));
}

/// Another address of our own changes nothing but who wins a tie.
#[test]
fn v3_001_v3_089_another_source_changes_nothing_but_ties() {
    let mut bench = Bench::master(v3());
    let deadline = bench.router.deadline();
    assert_eq!(bench.event(Event::Source(Some(peer(20)))), []);
    assert_eq!((bench.state(), bench.router.deadline()), (Master, deadline));
    assert_eq!(adverts(&bench.advert(100, 9)), [100]);
    assert!(yields(&bench.advert(100, 21)));
}
