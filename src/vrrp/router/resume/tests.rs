use super::*;
use crate::vrrp::event::{Event, Link};
use crate::vrrp::reason::Fault;
use crate::vrrp::settings::{Election, Garp};
use crate::vrrp::tracker::Effect;
use crate::vrrp::StateName;
use crate::wire::{Interval, Vrid};
use alloc::vec;
use core::net::{IpAddr, Ipv4Addr};

const SOURCE: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1));
const PEER: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 2));
const SECOND: Duration = Duration::from_secs(1);

fn settings(priority: u8) -> Settings {
    let garp = Garp { lower_prio_delay: Duration::ZERO, lower_prio_repeat: 0, ..Garp::default() };
    let vips = vec![IpAddr::V4(Ipv4Addr::new(192, 0, 2, 100))];
    Settings { garp, ..Settings::new(Vrid::new(5).unwrap(), Priority(priority), vips) }
}

fn at(millis: u64) -> Instant {
    Instant::ZERO + Duration::from_millis(millis)
}

fn interval(centis: u16) -> Interval {
    Interval::from_centiseconds(centis).unwrap()
}

/// Goes on at a moment with other settings, and with trackers that do this; what comes of it.
fn resume(
    now: Instant,
    memory: &Memory,
    settings: Settings,
    effects: &[Effect],
) -> (Router, Vec<Action>) {
    let mut router = Router::new(settings, effects.len());
    router.handle(now, Event::Source(Some(SOURCE)), &mut Vec::new());
    router.handle(now, Event::Link(Link::Up), &mut Vec::new());
    for (slot, effect) in effects.iter().copied().enumerate() {
        router.handle(now, Event::Tracker { slot, effect }, &mut Vec::new());
    }
    let mut actions = Vec::new();
    router.handle(now, Event::Resume(memory), &mut actions);
    (router, actions)
}

/// A MASTER whose last advert went out at 10 s.
fn master(settings: &Settings) -> Memory {
    let master = Master {
        adver_at: at(10_000) + settings.advert_int.duration(),
        announce_again: Some((at(14_000), 5)),
        refresh_at: None,
        answered_at: None,
    };
    Memory { state: State::Master(master), ..Memory::new(settings) }
}

/// A BACKUP that has heard a MASTER of this priority at 10 s.
fn backup(settings: &Settings, priority: u8) -> Memory {
    let heard = Heard {
        address: PEER,
        priority: Priority(priority),
        interval: settings.advert_int,
        at: at(10_000),
    };
    let mut backup = Backup::new(at(5_000), settings, settings.priority);
    if Priority(priority) >= settings.priority {
        backup.follow(heard, settings, settings.priority);
    } else {
        backup.ignore(heard, settings, settings.priority);
        backup.master_down_at = at(12_000);
    }
    Memory { state: State::Backup(backup), ..Memory::new(settings) }
}

#[test]
fn a_master_with_another_interval_is_never_later_than_was_said() {
    for (centis, next) in [(100, 11_000), (400, 11_000), (10, 10_300), (50, 10_700)] {
        let new = Settings { advert_int: interval(centis), ..settings(100) };
        let (router, actions) = resume(at(10_200), &master(&settings(100)), new, &[]);
        assert_eq!(actions, [], "{centis}");
        assert_eq!(router.deadline(), Some(at(next)), "{centis}");
    }
}

#[test]
fn a_master_with_another_priority_says_so_at_once() {
    for (before, after) in [(100, 90), (100, 255), (255, 100)] {
        let old = master(&settings(before));
        let (router, actions) = resume(at(10_200), &old, settings(after), &[]);
        let change = Action::PriorityChange { from: Priority(before), to: Priority(after) };
        assert!(
            matches!(actions[..], [first, Action::Advertise { priority: Priority(p), .. }]
                if first == change && p == after),
            "{actions:?}"
        );
        assert_eq!(router.deadline(), Some(at(11_000)), "the raster stays");
        let slow = Settings { fast_handover: false, ..settings(after) };
        let (_, actions) = resume(at(10_200), &old, slow, &[]);
        assert_eq!(actions, [change]);
    }
}

#[test]
fn a_tracker_without_a_result_unseats_no_master_and_one_that_fails_does() {
    let old = master(&settings(100));
    let (router, actions) = resume(at(10_200), &old, settings(100), &[Effect::Hold]);
    assert_eq!((router.state(), &actions[..]), (StateName::Master, &[][..]));
    let (router, actions) = resume(at(10_200), &old, settings(100), &[Effect::Fault]);
    assert_eq!(router.fault_cause(), Some(Fault::Tracker(0)));
    assert!(matches!(
        actions[..],
        [
            Action::Advertise { priority: Priority::RESIGN, .. },
            Action::Release,
            Action::Transition { .. }
        ]
    ));
}

#[test]
fn a_master_takes_announcements_as_they_are_wanted_now() {
    let old = master(&settings(100));
    let mut new = settings(100);
    new.garp.master_delay = Duration::ZERO;
    new.garp.master_refresh = Duration::from_millis(300);
    let (router, _) = resume(at(10_200), &old, new, &[]);
    let State::Master(master) = router.memory().state else { panic!() };
    assert_eq!((master.announce_again, master.refresh_at), (None, Some(at(10_500))));
}

#[test]
fn a_backup_waits_as_long_as_it_would_have_with_its_settings() {
    let skew = |priority: u8| settings(100).skew_time(Priority(priority), Interval::SECOND);
    let old = backup(&settings(100), 200);
    let heard = at(10_000);
    let more = |n| Election { down_timer_adverts: n, ..Election::default() };
    for (new, expected) in [
        (settings(100), heard + 3 * SECOND + skew(100)),
        (settings(200), heard + 3 * SECOND + skew(200)),
        (Settings { election: more(5), ..settings(100) }, heard + 5 * SECOND + skew(100)),
        // The interval of the MASTER counts, not ours.
        (Settings { advert_int: interval(10), ..settings(100) }, heard + 3 * SECOND + skew(100)),
    ] {
        let (router, _) = resume(at(10_200), &old, new.clone(), &[]);
        assert_eq!(router.deadline(), Some(expected), "{new:?}");
        assert_eq!(router.master().map(|heard| heard.address), Some(PEER));
    }
}

#[test]
fn a_backup_that_has_heard_nobody_takes_its_own_interval() {
    let fresh = Backup::new(at(5_000), &settings(100), Priority(100));
    let old = Memory { state: State::Backup(fresh), ..Memory::new(&settings(100)) };
    let new = Settings { advert_int: interval(50), ..settings(100) };
    let wait = new.master_down_interval(Priority(100), interval(50));
    let (router, _) = resume(at(5_200), &old, new, &[]);
    assert_eq!(router.deadline(), Some(at(5_000) + wait));
}

/// Its next advert might come after the timer.
#[test]
fn a_backup_follows_whom_its_new_settings_let_it() {
    let old = backup(&settings(100), 90);
    let wait = |priority: u8| {
        at(10_000) + settings(100).master_down_interval(Priority(priority), Interval::SECOND)
    };
    let delay = Election { preempt_delay: 60 * SECOND, ..Election::default() };
    for (new, expected) in [
        (settings(100), at(12_000)),
        (settings(80), wait(80)),
        (Settings { preempt: false, ..settings(100) }, wait(100)),
        (Settings { election: delay, ..settings(100) }, wait(100)),
    ] {
        let (router, _) = resume(at(10_200), &old, new.clone(), &[]);
        assert_eq!(router.deadline(), Some(expected), "{new:?}");
    }
}

#[test]
fn an_owner_waits_for_nobody_and_who_is_none_any_more_listens() {
    let now = at(10_200);
    let (router, _) = resume(now, &backup(&settings(100), 200), settings(255), &[]);
    assert_eq!(router.deadline(), Some(now));
    let (router, _) = resume(now, &backup(&settings(255), 255), settings(100), &[]);
    let wait = settings(100).master_down_interval(Priority(100), Interval::SECOND);
    assert_eq!(router.deadline(), Some(now + wait));
}

#[test]
fn an_owner_waits_for_another_as_long_as_an_owner_does() {
    let (router, _) = resume(at(10_200), &backup(&settings(100), 255), settings(255), &[]);
    let wait = settings(255).master_down_interval(Priority::OWNER, Interval::SECOND);
    assert_eq!(router.deadline(), Some(at(10_000) + wait));
}

#[test]
fn what_was_held_back_takes_over_when_nothing_holds_it_any_more() {
    let mut old = backup(&settings(100), 90);
    let State::Backup(it) = &mut old.state else { panic!() };
    it.fired(at(12_000), &settings(100), Priority(100), false);
    let now = at(13_000);
    let (router, _) = resume(now, &old, settings(100), &[Effect::Hold]);
    assert_eq!((router.state(), router.deadline()), (StateName::Backup, None));
    let (mut router, actions) = resume(now, &old, settings(100), &[]);
    assert_eq!((&actions[..], router.deadline()), (&[][..], Some(now)), "after the packets");
    router.handle(now, Event::Timer, &mut Vec::new());
    assert_eq!(router.state(), StateName::Master);
}

#[test]
fn fault_stays_or_ends_as_the_world_says_and_with_the_group() {
    let old = Memory { state: State::Fault(Fault::Tracker(0)), ..Memory::new(&settings(100)) };
    let (router, actions) = resume(at(1), &old, settings(100), &[Effect::Fault]);
    assert_eq!((router.state(), &actions[..]), (StateName::Fault, &[][..]));
    let (router, _) = resume(at(1), &old, settings(100), &[Effect::Add(0)]);
    assert_eq!(router.state(), StateName::Backup);
    // A new member leaves FAULT with its group; who was one leaves it alone.
    let member = Settings { grouped: true, ..settings(100) };
    let (router, _) = resume(at(1), &old, member.clone(), &[Effect::Add(0)]);
    assert_eq!(router.fault_cause(), Some(Fault::Group));
    let of_group = Memory { grouped: true, group_fault: true, ..old };
    let (router, _) = resume(at(1), &of_group, settings(100), &[Effect::Add(0)]);
    assert_eq!(router.state(), StateName::Backup);
}

#[test]
fn who_has_not_begun_begins_and_keeps_its_counters() {
    let mut old = Memory::new(&settings(100));
    old.statistics.advertisement_rcvd = 7;
    let (router, _) = resume(at(1), &old, settings(100), &[]);
    assert_eq!((router.state(), router.statistics().advertisement_rcvd), (StateName::Backup, 7));
}
