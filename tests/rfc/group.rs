//! A virtual router in a sync group (RFC 9568 §6.4 where its group leaves it alone).

use crate::bench::{adverts, owner, peer, remarks, takes_over, v3, Bench};
use crate::bench::{DOWN, INTERVAL, MILLI, OWN, SKEW};
use std::time::Duration;
use vipd::vrrp::event::{Action, Event, Link, Remark};
use vipd::vrrp::group::{decide, Command, Stand};
use vipd::vrrp::reason::{Fault, Reason};
use vipd::vrrp::settings::{Garp, Settings};
use vipd::vrrp::tracker::Effect;
use vipd::vrrp::StateName::{self, Backup, Master};

fn member() -> Settings {
    Settings { grouped: true, ..v3() }
}

/// MASTER because its group says so.
fn master() -> Bench {
    let mut bench = Bench::started(member());
    bench.run();
    assert!(takes_over(&bench.event(Event::Group(Command::Master))));
    bench
}

fn stand(bench: &Bench) -> Stand {
    bench.router.stand()
}

#[test]
fn v3_076_a_member_whose_timer_fires_only_wants() {
    let mut bench = Bench::started(member());
    assert_eq!(stand(&bench), Stand::Listens);
    assert_eq!(bench.run(), []);
    assert_eq!((bench.state(), stand(&bench)), (Backup, Stand::Wants));
    let taken = bench.event(Event::Group(Command::Master));
    assert!(takes_over(&taken));
    let Some(Action::Transition { reason, .. }) = taken.last() else { panic!("{taken:?}") };
    assert_eq!(*reason, Reason::MasterTimeout { master: None, silent: DOWN });
    assert_eq!((stand(&bench), bench.remaining()), (Stand::Master, INTERVAL));
    assert_eq!(bench.event(Event::Group(Command::Master)), []);
}

#[test]
fn v3_079_who_hears_a_master_does_not_want_any_more() {
    let mut bench = Bench::started(member());
    bench.run();
    bench.pass(MILLI);
    bench.advert(200, 9);
    assert_eq!((stand(&bench), bench.remaining()), (Stand::Follows, DOWN));
    bench.run();
    assert_eq!(stand(&bench), Stand::Wants);
    // A weaker one takes nothing away.
    bench.advert(50, 9);
    assert_eq!(stand(&bench), Stand::Wants);
}

#[test]
fn v3_080_a_weaker_master_is_no_obstacle() {
    let mut bench = Bench::started(member());
    bench.advert(50, 9);
    assert_eq!(stand(&bench), Stand::Weaker);
    let taken = bench.event(Event::Group(Command::Master));
    assert!(takes_over(&taken));
    let Some(Action::Transition { reason: Reason::Preempt { .. }, .. }) = taken.last() else {
        panic!("{taken:?}")
    };
    // One that was stronger is one as soon as it says so itself.
    let mut bench = Bench::backup(member());
    assert_eq!(stand(&bench), Stand::Follows);
    bench.advert(50, 9);
    assert_eq!(stand(&bench), Stand::Weaker);
    // Not if another is known that was stronger.
    let mut bench = Bench::backup(member());
    bench.advert(150, 8);
    bench.advert(50, 8);
    assert_eq!(stand(&bench), Stand::Follows);
    // And not without preemption.
    let mut bench = Bench::started(Settings { preempt: false, ..member() });
    bench.advert(50, 9);
    assert_eq!(stand(&bench), Stand::Follows);
}

#[test]
fn v3_077_a_master_that_resigns_is_followed_no_more() {
    let mut bench = Bench::backup(member());
    bench.advert(0, 9);
    assert_eq!((stand(&bench), bench.remaining()), (Stand::Listens, SKEW));
    bench.run();
    assert_eq!(stand(&bench), Stand::Wants);
}

/// V3-082: the wish comes with the timer, after the packets.
#[test]
fn v3_082_a_member_that_is_held_back_wants_later() {
    let mut bench = Bench::backup(member());
    bench.event(Event::Tracker { slot: 1, effect: Effect::Hold });
    bench.run();
    assert_eq!(stand(&bench), Stand::Held);
    assert_eq!(bench.event(Event::Group(Command::Master)), []);
    // It followed somebody once; that does not unseat the others now.
    bench.event(Event::Tracker { slot: 1, effect: Effect::Add(0) });
    assert_eq!((stand(&bench), bench.remaining()), (Stand::Listens, Duration::ZERO));
    bench.run();
    assert_eq!(stand(&bench), Stand::Wants);
    // What a tracker does to one that only waits for its group is another matter.
    let deadline = bench.router.deadline();
    bench.event(Event::Tracker { slot: 0, effect: Effect::Add(20) });
    assert_eq!((stand(&bench), bench.router.deadline()), (Stand::Wants, deadline));
}

#[test]
fn v3_087_a_member_yields_by_itself_and_the_others_without_a_word() {
    let mut bench = master();
    bench.advert(200, 9);
    assert_eq!((bench.state(), stand(&bench)), (Backup, Stand::Follows));
    let mut other = master();
    other.pass(MILLI * 50);
    let yields = Action::Transition { from: Master, to: Backup, reason: Reason::GroupBackup };
    let actions = other.event(Event::Group(Command::Backup { rank: 0 }));
    assert_eq!(actions, [Action::Release, yields]);
    assert_eq!((stand(&other), other.remaining()), (Stand::Listens, DOWN));
    assert_eq!(other.router.statistics().priority_zero_pkts_sent, 0);
}

/// Until the group has heard of it, nothing makes it forget that it has yielded.
#[test]
fn v3_087_who_has_yielded_follows_until_the_group_knows() {
    let mut bench = master();
    bench.advert(200, 9);
    bench.advert(200, 9);
    bench.advert(0, 9);
    assert_eq!(stand(&bench), Stand::Follows);
    bench.event(Event::Group(Command::Backup { rank: 0 }));
    assert_eq!(stand(&bench), Stand::Listens);
}

/// The later the member that yields, the later the group comes back, even if the last words of the
/// contest come after that.
#[test]
fn v3_066_groups_that_yield_to_each_other_come_back_one_after_the_other() {
    for rank in [0, 1, 15] {
        let late = INTERVAL * u32::from(rank);
        let mut yielded = master();
        yielded.advert(100, OWN + 1);
        let mut other = master();
        for bench in [&mut yielded, &mut other] {
            bench.event(Event::Group(Command::Backup { rank }));
            assert_eq!(bench.remaining(), DOWN + late);
            bench.advert(100, OWN + 1);
            assert_eq!(bench.remaining(), DOWN + late);
            // Whoever is MASTER an interval later is not one of those words.
            bench.pass(INTERVAL);
            bench.advert(200, OWN + 1);
            assert_eq!(bench.remaining(), DOWN);
        }
    }
}

#[test]
fn v3_085_a_fault_of_another_is_one_of_ours_until_the_group_recovers() {
    let mut bench = master();
    let actions = bench.event(Event::Group(Command::Fault));
    let reason = Reason::Fault(Fault::Group);
    let fails = Action::Transition { from: Master, to: StateName::Fault, reason };
    assert_eq!(adverts(&actions), [0]);
    assert_eq!(actions[1..], [Action::Release, fails]);
    assert_eq!((stand(&bench), bench.router.fault_cause()), (Stand::Waits, Some(Fault::Group)));
    // A cause of its own, and its end.
    let said = bench.event(Event::Link(Link::Down));
    assert_eq!(remarks(&said), [Remark::OtherFault(Fault::InterfaceDown)]);
    assert_eq!(stand(&bench), Stand::Fault);
    assert_eq!(bench.event(Event::Link(Link::Up)), []);
    assert_eq!(stand(&bench), Stand::Waits);
    let actions = bench.event(Event::Group(Command::Recover));
    assert!(matches!(actions[..], [Action::Transition { to: Backup, .. }]));
    assert_eq!((stand(&bench), bench.remaining()), (Stand::Listens, DOWN));
}

/// Its own cause may go first, or last: it waits for the group, and its log says what was over.
#[test]
fn v3_085_a_member_does_not_leave_fault_by_itself() {
    let mut bench = master();
    bench.event(Event::Link(Link::Down));
    assert_eq!(stand(&bench), Stand::Fault);
    assert_eq!(bench.event(Event::Link(Link::Up)), []);
    assert_eq!(stand(&bench), Stand::Waits);
    let actions = bench.event(Event::Group(Command::Recover));
    let reason = Reason::Recovered(Fault::InterfaceDown);
    assert_eq!(actions, [Action::Transition { from: StateName::Fault, to: Backup, reason }]);
}

#[test]
fn v3_062_an_owner_wants_at_once() {
    let mut bench = Bench::new(owner(member()));
    assert_eq!(stand(&bench), Stand::Init);
    bench.start();
    assert_eq!((bench.state(), stand(&bench)), (Backup, Stand::Wants));
    let taken = bench.event(Event::Group(Command::Master));
    assert!(takes_over(&taken));
    let Some(Action::Transition { reason, .. }) = taken.last() else { panic!("{taken:?}") };
    assert_eq!(*reason, Reason::Owner);
}

/// Once for each time that it has to wait, and with patience.
#[test]
fn v3_076_a_member_that_wants_in_vain_says_so_once() {
    let mut bench = Bench::backup(member());
    bench.run();
    let remark = Remark::GroupWaits { silent: DOWN + Duration::from_secs(10) };
    assert_eq!(bench.remaining(), Duration::from_secs(10));
    assert_eq!(bench.run(), [Action::Remark(remark)]);
    assert_eq!(bench.router.deadline(), None);
    assert_eq!((bench.event(Event::Timer), stand(&bench)), (vec![], Stand::Wants));
}

/// The loser of a contest was MASTER of the other segments too.
#[test]
fn v3_088_a_contest_elsewhere_is_announced_here_too() {
    let garp = Garp { lower_prio_delay: MILLI * 100, lower_prio_repeat: 3, ..v3().garp };
    let mut bench = Bench::started(Settings { garp, ..member() });
    assert_eq!(bench.event(Event::Group(Command::Announce)), []);
    bench.run();
    bench.event(Event::Group(Command::Master));
    let again = [Action::Announce { repeat: 3 }];
    assert_eq!(bench.event(Event::Group(Command::Announce)), again);
    assert_eq!(bench.remaining(), MILLI * 100);
    assert_eq!(bench.run(), again);
}

/// A reload adds a member to a group that is MASTER: it listens, then it joins, and nothing happens
/// to the others.
#[test]
fn v3_063_a_new_member_joins_in_silence() {
    let old = master();
    let mut new = Bench::started(member());
    let stands = |new: &Bench| decide([stand(&old), stand(new)].into_iter());
    assert_eq!(stands(&new), None);
    new.event(Event::Tracker { slot: 0, effect: Effect::Hold });
    assert_eq!(stands(&new), None);
    new.event(Event::Tracker { slot: 0, effect: Effect::Add(0) });
    new.run();
    assert_eq!(stands(&new), Some(Command::Master));
    assert!(takes_over(&new.event(Event::Group(Command::Master))));
    assert_eq!(stands(&new), None);
    // Unless there is a MASTER already that it would not beat: then the group yields.
    let mut new = Bench::started(member());
    new.advert(200, 9);
    assert_eq!(stands(&new), Some(Command::Backup { rank: 1 }));
}

#[test]
fn v3_001_a_member_that_is_alone_in_its_fault_names_it() {
    let mut bench = Bench::new(member());
    bench.event(Event::Source(None));
    bench.start();
    assert_eq!(bench.router.fault_cause(), Some(Fault::NoPrimaryAddress));
    bench.event(Event::Source(Some(peer(OWN))));
    assert_eq!(decide([stand(&bench)].into_iter()), Some(Command::Recover));
}
