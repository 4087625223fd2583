//! `track_interface`, and the delays after which a change of an interface counts.

use super::{Kind, Sense, Tracker};
use crate::config::Config;
use crate::daemon::{Daemon, Object};
use crate::vrrp::debounce::Event;
use crate::vrrp::tracker::Verdict;
use crate::vrrp::StateName;

impl Daemon {
    /// The delays of `interface_up_down_delays`.
    pub(in crate::daemon) fn add_delays(&mut self, config: &Config) {
        for delays in &config.interface_up_down_delays {
            let link = self.links.watch(&delays.name);
            self.links.delay(link, delays.down_delay, delays.up_delay);
        }
    }

    /// The tracker of an interface.
    pub(in crate::daemon) fn interface_tracker(&mut self, name: &str) -> usize {
        let kind = Kind::Interface(self.links.watch(name));
        if let Some(known) = self.trackers.iter().position(|tracker| tracker.kind == kind) {
            return known;
        }
        self.trackers.push(Tracker::new(kind, name));
        self.trackers.len() - 1
    }

    /// An interface may have changed: whoever tracks it is told, if it counts as something else.
    pub(in crate::daemon) fn sense_interface(&mut self, link: usize) {
        let Some(tracker) =
            self.trackers.iter().position(|tracker| tracker.kind == Kind::Interface(link))
        else {
            return;
        };
        let it = self.links.get(link);
        let (verdict, says) = match (it.index, it.up) {
            (None, _) => (Verdict::Down, "it does not exist"),
            (Some(_), false) => (Verdict::Down, "it is down"),
            (Some(_), true) => (Verdict::Up, "it is up"),
        };
        let sense = Sense::Verdict(verdict);
        if self.trackers[tracker].says == says {
            return;
        }
        let first = self.trackers[tracker].sense == Sense::Verdict(Verdict::Unknown);
        let changed = self.trackers[tracker].sense != sense;
        self.trackers[tracker].says = says.to_owned();
        if !changed {
            return;
        }
        let name = &self.trackers[tracker].name;
        match verdict {
            Verdict::Down => log::warn!("interface {name}: {says}"),
            Verdict::Up | Verdict::Unknown if first => {}
            Verdict::Up | Verdict::Unknown => log::info!("interface {name}: {says}"),
        }
        self.sense(tracker, sense);
    }

    /// A change of an interface may have lasted long enough to count.
    pub(in crate::daemon) fn link_due(&mut self, link: usize) {
        self.settle(link, Event::Timer);
    }

    /// A BACKUP on an interface that is down and does not count as down yet would take over because
    /// it hears nothing: then that interface counts as down now.
    pub(in crate::daemon) fn hurry(&mut self, router: usize) {
        let it = &self.routers[router];
        let link = self.links.get(it.link);
        if it.core.state() == StateName::Backup && link.up && !link.running {
            self.settle(it.link, Event::Hurry);
        }
    }

    fn settle(&mut self, link: usize, event: Event) {
        if self.links.settle(self.now, link, event) {
            self.links.set_dirty(link);
            self.refresh_links();
        }
        self.touch(Object::Link(link));
    }
}
