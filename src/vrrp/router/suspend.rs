//! After the machine was suspended. The clock of the timers has stood still and says nothing of it,
//! and nothing that was sent meanwhile waits in a socket: whoever was MASTER does not know whether
//! another is now, and whoever is BACKUP has not heard one for as long as its own timer says.

use super::backup::Backup;
use super::{Router, State};
use crate::vrrp::event::Action;
use crate::vrrp::reason::Reason;
use crate::vrrp::time::Instant;
use crate::wire::Priority;
use alloc::vec::Vec;
use core::time::Duration;

impl Router {
    /// A MASTER whose peers have waited in vain for longer than the most eager of them does leaves
    /// it without a word, and listens as after a start: a priority of 0 would make whoever has the
    /// addresses now defend them. An owner yields to nobody, so it says at once that it is back. One
    /// that was away for less goes on, and is late. A BACKUP listens for a whole
    /// Master_Down_Interval again.
    pub(super) fn suspended(&mut self, now: Instant, span: Duration, out: &mut Vec<Action>) {
        let interval = self.settings.advert_int;
        let patience = self.settings.master_down_interval(Priority(254), interval);
        let ours = self.effective_priority;
        let owner = self.settings.is_owner();
        let garp = self.settings.garp;
        match &mut self.state {
            State::Init | State::Fault(_) => {}
            State::Backup(backup) => {
                let wait = self.settings.master_down_interval(ours, backup.active_adver_interval);
                backup.master_down_at = backup.master_down_at.max(now + wait);
                backup.resigned = None;
            }
            State::Master(master) => {
                let silent = (now + interval.duration() + span).since(master.adver_at);
                if silent < patience {
                    master.adver_at = master.adver_at - span;
                } else if owner {
                    master.adver_at = now + interval.duration();
                    self.advertise(ours, out);
                    out.push(Action::Announce { repeat: garp.master_repeat });
                } else {
                    let mut backup = Backup::new(now, &self.settings, ours);
                    // The others of its group go with it.
                    backup.yielded = true;
                    out.push(Action::Release);
                    self.change(State::Backup(backup), Reason::Suspended { span }, out);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vrrp::event::{Event, Link};
    use crate::vrrp::settings::{Garp, Settings};
    use crate::vrrp::StateName;
    use crate::wire::Vrid;
    use core::net::{IpAddr, Ipv4Addr};

    const SECOND: Duration = Duration::from_secs(1);
    const OWN: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 5));

    fn at(millis: u64) -> Instant {
        Instant::ZERO + Duration::from_millis(millis)
    }

    /// A BACKUP of 1 s and priority 100, since 10 s; its timer runs for 3.609 s.
    fn started(priority: Priority) -> Router {
        let garp = Garp { master_delay: Duration::ZERO, lower_prio_repeat: 0, ..Garp::default() };
        let vips = alloc::vec![Ipv4Addr::new(192, 0, 2, 1).into()];
        let settings = Settings { garp, ..Settings::new(Vrid::new(10).unwrap(), priority, vips) };
        let mut router = Router::new(settings, 0);
        for event in [Event::Link(Link::Up), Event::Source(Some(OWN))] {
            assert_eq!(handle(&mut router, 10_000, event), []);
        }
        handle(&mut router, 10_000, Event::Startup { deaf_until: Instant::ZERO });
        router
    }

    /// MASTER since 13.609 s; its next advert is due at 14.609 s.
    fn master(priority: Priority) -> (Router, u64) {
        let mut router = started(priority);
        let since = if priority == Priority::OWNER { 10_000 } else { 13_610 };
        handle(&mut router, since, Event::Timer);
        assert_eq!(router.state(), StateName::Master);
        (router, since)
    }

    fn handle(router: &mut Router, millis: u64, event: Event<'_>) -> Vec<Action> {
        let mut out = Vec::new();
        router.handle(at(millis), event, &mut out);
        out
    }

    #[test]
    fn a_master_that_was_away_for_long_listens_first() {
        let (mut router, since) = master(Priority(100));
        let span = 3600 * SECOND;
        let out = handle(&mut router, since + 500, Event::Suspended { span });
        let reason = Reason::Suspended { span };
        let (from, to) = (StateName::Master, StateName::Backup);
        assert_eq!(out, [Action::Release, Action::Transition { from, to, reason }]);
        assert_eq!(router.deadline(), Some(at(since + 500) + Duration::from_nanos(3_609_375_000)));
        // Nobody is there: it comes back by itself.
        let out = handle(&mut router, since + 4200, Event::Timer);
        assert!(out.contains(&Action::Acquire), "{out:?}");
    }

    #[test]
    fn a_master_that_was_away_for_less_than_a_peer_waits_goes_on_and_is_late() {
        let (mut router, since) = master(Priority(100));
        let span = 2 * SECOND;
        assert_eq!(handle(&mut router, since + 500, Event::Suspended { span }), []);
        assert_eq!(router.deadline(), Some(at(since) - SECOND), "its advert is due");
        let out = handle(&mut router, since + 500, Event::Timer);
        assert!(matches!(out[0], Action::Advertise { priority: Priority(100), .. }), "{out:?}");
        assert_eq!(out.len(), 1);
        assert_eq!(router.state(), StateName::Master);
    }

    /// What counts is how long it was silent, and not when in its interval the machine stopped.
    #[test]
    fn it_is_the_silence_that_counts() {
        for (after, stays) in [(0, true), (2, true), (10, false), (999, false)] {
            let (mut router, since) = master(Priority(100));
            let span = Duration::from_millis(3000);
            handle(&mut router, since + after, Event::Suspended { span });
            // A priority of 254 waits 3.0078 s.
            assert_eq!(router.state() == StateName::Master, stays, "{after} ms");
        }
    }

    #[test]
    fn an_owner_says_at_once_that_it_is_back() {
        let (mut router, since) = master(Priority::OWNER);
        let span = 3600 * SECOND;
        let out = handle(&mut router, since + 500, Event::Suspended { span });
        assert!(matches!(out[0], Action::Advertise { priority: Priority::OWNER, .. }), "{out:?}");
        assert_eq!(out[1..], [Action::Announce { repeat: 5 }]);
        assert_eq!(router.deadline(), Some(at(since + 1500)));
    }

    #[test]
    fn a_backup_listens_for_a_whole_interval_again() {
        let mut router = started(Priority(100));
        let span = SECOND;
        assert_eq!(handle(&mut router, 13_500, Event::Suspended { span }), []);
        assert_eq!(handle(&mut router, 13_700, Event::Timer), []);
        assert_eq!(router.deadline(), Some(at(13_500) + Duration::from_nanos(3_609_375_000)));
    }

    #[test]
    fn nothing_else_minds() {
        let mut router = started(Priority(100));
        handle(&mut router, 10_100, Event::Link(Link::Down));
        assert_eq!(handle(&mut router, 10_200, Event::Suspended { span: SECOND }), []);
        assert_eq!(router.state(), StateName::Fault);
    }
}
