//! How long a MASTER may rely on being the only one.

use super::{Router, State};
use crate::vrrp::time::Instant;
use crate::wire::Priority;
use core::time::Duration;

impl Router {
    /// As a MASTER: until then no peer takes over by itself, not even the most eager one, with
    /// priority 254, if it has heard the last advertisement that was sent in its turn. It moves with
    /// each of them. Whoever wakes up later than that is taken for stalled.
    #[must_use]
    pub fn unrivalled_until(&self) -> Option<Instant> {
        let State::Master(master) = &self.state else { return None };
        let interval = self.settings.advert_int.duration();
        Some(master.adver_at + self.patience().saturating_sub(interval))
    }

    /// How long the most eager peer waits for an advertisement of ours.
    #[must_use]
    pub fn patience(&self) -> Duration {
        self.settings.master_down_interval(Priority(254), self.settings.advert_int)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vrrp::event::{Event, Link};
    use crate::vrrp::settings::Settings;
    use crate::vrrp::StateName;
    use crate::wire::{Interval, Version, Vrid};
    use alloc::vec;
    use alloc::vec::Vec;

    fn settings(version: Version, centiseconds: u16) -> Settings {
        let vips = vec!["192.0.2.100".parse().unwrap()];
        Settings {
            version,
            advert_int: Interval::from_centiseconds(centiseconds).unwrap(),
            ..Settings::new(Vrid::new(10).unwrap(), Priority(100), vips)
        }
    }

    #[test]
    fn it_ends_when_the_most_eager_peer_would_take_over() {
        for (version, centiseconds, patience) in [
            (Version::V2, 100, 3_007_812_500),
            (Version::V3, 100, 3_007_812_500),
            (Version::V3, 10, 300_781_250),
            (Version::V3, 1, 30_078_125),
        ] {
            let settings = settings(version, centiseconds);
            let patience = Duration::from_nanos(patience);
            let interval = settings.advert_int.duration();
            let (mut router, mut out) = (Router::new(settings, 0), Vec::new());
            let mut now = Instant::ZERO;
            for event in [
                Event::Source(Some("192.0.2.1".parse().unwrap())),
                Event::Link(Link::Up),
                Event::Startup { deaf_until: now },
            ] {
                router.handle(now, event, &mut out);
            }
            assert_eq!(router.unrivalled_until(), None, "nobody relies on a BACKUP");
            now = router.deadline().unwrap();
            router.handle(now, Event::Timer, &mut out);
            assert_eq!(router.state(), StateName::Master);
            assert_eq!(router.unrivalled_until(), Some(now + patience));
            // In its turn.
            router.handle(now + interval, Event::Timer, &mut out);
            let until = router.unrivalled_until().unwrap();
            assert_eq!(until, now + interval + patience);
            assert_eq!(router.stalled(until - Duration::from_nanos(1)), None);
            assert!(router.stalled(until).is_some());
            // One that is sent late does not count for more than it should have.
            let late = now + 2 * interval + interval / 2;
            router.handle(late, Event::Timer, &mut out);
            assert_eq!(router.unrivalled_until(), Some(now + 2 * interval + patience));
            router.handle(late, Event::Shutdown, &mut out);
            assert_eq!(router.unrivalled_until(), None);
        }
    }
}
