//! Drained: a person wants another router to be MASTER, and this one to stay away until further
//! notice. Who is MASTER resigns, so that the next takes over within its skew time.

use super::backup::Backup;
use super::{Router, State};
use crate::vrrp::event::{Action, Remark};
use crate::vrrp::reason::Reason;
use crate::vrrp::time::Instant;
use crate::wire::Priority;
use alloc::vec::Vec;

impl Router {
    /// Gives up being MASTER, and does not become it again. Unless it is forced, that ends by itself
    /// if nobody takes over.
    pub(super) fn drain(&mut self, now: Instant, force: bool, out: &mut Vec<Action>) {
        self.drained = true;
        match &mut self.state {
            State::Init | State::Fault(_) => {}
            State::Backup(backup) => backup.handing_over &= !force,
            State::Master(_) => {
                self.resign(out);
                let mut backup = Backup::new(now, &self.settings, self.effective_priority);
                backup.handing_over = !force;
                self.change(State::Backup(backup), Reason::Drained, out);
            }
        }
    }

    /// The usual election again.
    pub(super) fn end_drain(&mut self, now: Instant) {
        if !core::mem::take(&mut self.drained) {
            return;
        }
        let grouped = self.settings.grouped;
        if let State::Backup(backup) = &mut self.state {
            backup.handing_over = false;
            // What else holds it back says nothing of that.
            backup.group_waits_at = backup.group_waits_at.filter(|_| grouped);
        }
        if !self.held() {
            self.let_go(now);
        }
    }

    /// The timer of a BACKUP has fired. If it has resigned to hand over and nobody has been heard
    /// since, the addresses are nobody's: that is not what a person wants who has not said so.
    pub(super) fn nobody_took_over(&mut self, now: Instant, out: &mut Vec<Action>) {
        let State::Backup(backup) = &mut self.state else { return };
        if core::mem::take(&mut backup.handing_over) {
            self.drained = false;
            out.push(Action::Remark(Remark::NobodyTookOver { silent: now.since(backup.since) }));
        }
    }

    /// Whether it stays away.
    #[must_use]
    pub const fn is_drained(&self) -> bool {
        self.drained
    }

    /// Whether it has resigned because it was drained, and nobody has been heard since.
    #[must_use]
    pub const fn is_handing_over(&self) -> bool {
        match &self.state {
            State::Backup(backup) => backup.handing_over,
            State::Init | State::Master(_) | State::Fault(_) => false,
        }
    }

    /// Another priority from now on, as a reload would set it; not that of an owner.
    pub(super) fn set_priority(&mut self, now: Instant, priority: Priority, out: &mut Vec<Action>) {
        let memory = self.memory();
        self.settings.priority = priority;
        self.effective_priority = self.settings.effective_priority(&self.effects);
        if !matches!(self.state, State::Init) {
            self.state = State::Init;
            self.resume(now, &memory, out);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vrrp::event::{Event, Link};
    use crate::vrrp::settings::Settings;
    use crate::vrrp::tracker::Effect;
    use crate::vrrp::StateName;
    use crate::wire::advert::{parse, ChecksumForm, Template};
    use crate::wire::trailer::Stamp;
    use crate::wire::{Family, Interval, Meta, Vrid};
    use core::net::{IpAddr, Ipv4Addr};

    const US: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 0, 0, 1));
    const OTHER: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 0, 0, 2));
    const VIP: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 100);

    struct Scene {
        router: Router,
        now: Instant,
    }

    impl Scene {
        fn master(change: impl FnOnce(&mut Settings)) -> Self {
            let vrid = Vrid::new(5).unwrap();
            let mut settings = Settings::new(vrid, Priority(100), alloc::vec![VIP.into()]);
            change(&mut settings);
            let mut scene = Self { router: Router::new(settings, 1), now: Instant::ZERO };
            scene.feed(Event::Link(Link::Up));
            scene.feed(Event::Source(Some(US)));
            scene.feed(Event::Startup { deaf_until: Instant::ZERO });
            scene.fire();
            assert_eq!(scene.router.state(), StateName::Master);
            scene
        }

        fn feed(&mut self, event: Event<'_>) -> Vec<Action> {
            let mut out = Vec::new();
            self.router.handle(self.now, event, &mut out);
            out
        }

        /// Lets its timer fire.
        fn fire(&mut self) -> Vec<Action> {
            self.now = self.router.deadline().unwrap_or(self.now).max(self.now);
            self.feed(Event::Timer)
        }

        fn hear(&mut self, priority: u8) -> Vec<Action> {
            let settings = self.router.settings().clone();
            let mut template = Template::new(&settings.fields(), OTHER, Family::V4.group());
            let message = template.message(Priority(priority), ChecksumForm::PseudoHeader);
            let meta = Meta { source: OTHER, destination: Family::V4.group(), ttl: 255 };
            let (advert, clock) = (parse(&meta, message).unwrap(), Stamp::default());
            self.feed(Event::Advert { source: OTHER, clock, advert: &advert })
        }

        fn is(&self) -> (StateName, bool) {
            (self.router.state(), self.router.is_drained())
        }
    }

    const AWAY: (StateName, bool) = (StateName::Backup, true);

    #[test]
    fn a_master_resigns_and_stays_away_until_it_may_again() {
        let mut scene = Scene::master(|_| ());
        let out = scene.feed(Event::Drain { force: false });
        assert!(matches!(
            out[..],
            [
                Action::Advertise { priority: Priority(0), .. },
                Action::Release,
                Action::Transition { to: StateName::Backup, reason: Reason::Drained, .. }
            ]
        ));
        assert!(scene.router.is_handing_over());
        scene.hear(50);
        assert!(!scene.router.is_handing_over());
        for _ in 0..5 {
            scene.fire();
            assert_eq!(scene.is(), AWAY);
            scene.hear(50);
        }
        scene.feed(Event::EndDrain);
        assert_eq!(scene.is(), (StateName::Backup, false), "the packets that wait come first");
        scene.fire();
        assert_eq!(scene.router.state(), StateName::Master);
    }

    #[test]
    fn if_nobody_takes_over_it_is_over() {
        let mut scene = Scene::master(|_| ());
        let begin = scene.now;
        scene.feed(Event::Drain { force: false });
        let out = scene.fire();
        let whole = scene.router.settings().master_down_interval(Priority(100), Interval::SECOND);
        assert_eq!(scene.now.since(begin), whole);
        let told = Action::Remark(Remark::NobodyTookOver { silent: whole });
        assert_eq!(out[0], told, "{out:?}");
        assert_eq!(scene.is(), (StateName::Master, false));
    }

    /// Forced, or when somebody has taken over and has gone since: it stays away, and says so once.
    #[test]
    fn literally_until_it_may_again() {
        for force in [true, false] {
            let mut scene = Scene::master(|_| ());
            scene.feed(Event::Drain { force });
            if !force {
                scene.hear(200);
            }
            let mut told = 0;
            for _ in 0..5 {
                let out = scene.fire();
                let alone =
                    |it: &&Action| matches!(it, Action::Remark(Remark::DrainedAlone { .. }));
                told += out.iter().filter(alone).count();
                assert_eq!(scene.is(), AWAY);
            }
            assert_eq!(told, 1, "force {force}");
        }
        let mut scene = Scene::master(|_| ());
        scene.feed(Event::Drain { force: false });
        scene.feed(Event::Drain { force: true });
        scene.fire();
        assert_eq!(scene.is(), AWAY, "asked for once more, with force");
    }

    /// In each state, and for those who would be MASTER at once.
    #[test]
    fn whoever_is_drained_does_not_become_master() {
        let mut owner = Scene::master(|settings| settings.priority = Priority::OWNER);
        owner.feed(Event::Drain { force: true });
        owner.feed(Event::Link(Link::Down));
        assert_eq!(owner.is(), (StateName::Fault, true));
        owner.feed(Event::Link(Link::Up));
        for _ in 0..3 {
            owner.fire();
            assert_eq!(owner.is(), AWAY);
        }
        owner.feed(Event::EndDrain);
        owner.fire();
        assert_eq!(owner.router.state(), StateName::Master);

        let mut scene = Scene::master(|_| ());
        scene.feed(Event::Shutdown);
        scene.feed(Event::Drain { force: false });
        scene.feed(Event::Startup { deaf_until: Instant::ZERO });
        scene.fire();
        assert_eq!(scene.is(), AWAY, "before it has begun");
        // A check without a result holds it back as well: both have to let go.
        scene.feed(Event::Tracker { slot: 0, effect: Effect::Hold });
        scene.feed(Event::EndDrain);
        scene.fire();
        assert_eq!(scene.is(), (StateName::Backup, false));
        scene.feed(Event::Tracker { slot: 0, effect: Effect::Add(0) });
        scene.fire();
        assert_eq!(scene.router.state(), StateName::Master);
    }

    /// What goes on after a reload or a restart is what was.
    #[test]
    fn it_is_remembered() {
        for handed_over in [true, false] {
            let mut scene = Scene::master(|_| ());
            scene.feed(Event::Drain { force: false });
            if handed_over {
                scene.hear(50);
            }
            let memory = scene.router.memory();
            let mut next = Router::new(scene.router.settings().clone(), 1);
            let mut out = Vec::new();
            for event in [
                Event::Drain { force: false },
                Event::Link(Link::Up),
                Event::Source(Some(US)),
                Event::Resume(&memory),
            ] {
                next.handle(scene.now, event, &mut out);
            }
            assert_eq!(out, []);
            assert_eq!(next.memory(), scene.router.memory());
            scene.router = next;
            scene.fire();
            let state = if handed_over { StateName::Backup } else { StateName::Master };
            assert_eq!(scene.is(), (state, handed_over));
        }
        // Killed between the two: it is MASTER by what is known, and was to give that up.
        let mut scene = Scene::master(|_| ());
        let memory = scene.router.memory();
        scene.router = Router::new(scene.router.settings().clone(), 1);
        scene.feed(Event::Drain { force: false });
        scene.feed(Event::Link(Link::Up));
        scene.feed(Event::Source(Some(US)));
        scene.feed(Event::Resume(&memory));
        assert_eq!(scene.is(), AWAY);
        assert!(scene.router.is_handing_over());
    }

    #[test]
    fn another_priority_is_as_a_reload_has_it() {
        let mut scene = Scene::master(|_| ());
        let at = scene.router.deadline();
        let out = scene.feed(Event::Priority(Priority(90)));
        assert!(matches!(
            out[..],
            [
                Action::PriorityChange { from: Priority(100), to: Priority(90) },
                Action::Advertise { priority: Priority(90), .. }
            ]
        ));
        assert_eq!((scene.router.state(), scene.router.deadline()), (StateName::Master, at));
        scene.hear(95);
        assert_eq!(scene.router.state(), StateName::Backup);
        scene.feed(Event::Priority(Priority(96)));
        scene.hear(95);
        scene.fire();
        assert_eq!(scene.router.state(), StateName::Master);
        scene.feed(Event::Tracker { slot: 0, effect: Effect::Add(-6) });
        scene.feed(Event::Priority(Priority(100)));
        assert_eq!(scene.router.effective_priority(), Priority(94));
        assert_eq!(scene.router.settings().priority, Priority(100));
        scene.feed(Event::Shutdown);
        assert_eq!(scene.feed(Event::Priority(Priority(9))), [], "nobody knows it yet");
    }
}
