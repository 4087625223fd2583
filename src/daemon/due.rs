//! What has a deadline, and when: the wheel knows each object by a number.

use super::wheel::Wheel;
use super::Daemon;
use crate::vrrp::time::Instant;

/// What has a deadline. The wheel knows each by a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Object {
    Router(usize),
    Notify(usize),
    Check(usize),
    Probe(usize),
    /// An interface that has changed, and does not count as changed yet.
    Link(usize),
    TrackedRoutes,
    Files,
    Processes,
    Interfaces,
    Vmacs,
    /// Scripts that run before addresses move.
    Pres,
    Fifos,
    Duplicates,
    Lease,
    /// What the next run has to know is to be written.
    State,
    Upgrade,
    /// A client may take too long.
    Control,
    /// A priority that a person has set ends.
    Steering,
    Stop,
}

/// The first number of each kind of [`Object`]; virtual routers begin with 0.
#[derive(Clone, Copy, Debug, Default)]
pub struct Numbers {
    notify: usize,
    check: usize,
    probe: usize,
    single: usize,
    link: usize,
}

/// Those of which there is one.
const SINGLES: [Object; 14] = [
    Object::Interfaces,
    Object::Vmacs,
    Object::Stop,
    Object::TrackedRoutes,
    Object::Files,
    Object::Processes,
    Object::Pres,
    Object::Fifos,
    Object::Duplicates,
    Object::Lease,
    Object::State,
    Object::Upgrade,
    Object::Control,
    Object::Steering,
];

impl Numbers {
    fn number(&self, object: Object) -> usize {
        match object {
            Object::Router(router) => router,
            Object::Notify(teller) => self.notify + teller,
            Object::Check(script) => self.check + script,
            Object::Probe(probe) => self.probe + probe,
            Object::Link(link) => self.link + link,
            one => {
                let place = SINGLES.iter().position(|it| *it == one);
                self.single + place.unwrap_or_else(|| unreachable!("{one:?} is not among them"))
            }
        }
    }

    fn object(&self, number: usize) -> Object {
        let Self { notify, check, probe, single, link } = *self;
        match number {
            _ if number < notify => Object::Router(number),
            _ if number < check => Object::Notify(number - notify),
            _ if number < probe => Object::Check(number - check),
            _ if number < single => Object::Probe(number - probe),
            _ if number < link => SINGLES[number - single],
            _ => Object::Link(number - link),
        }
    }
}

impl Daemon {
    /// The number by which the wheel knows an object.
    pub(super) fn number(&self, object: Object) -> usize {
        self.numbers.number(object)
    }

    /// What the wheel knows by a number.
    pub(super) fn object(&self, number: usize) -> Object {
        self.numbers.object(number)
    }

    /// Numbers all that can have a deadline.
    pub(super) fn set_numbers(&mut self) {
        let notify = self.routers.len();
        let check = notify + self.tellers.len();
        let probe = check + self.scripts.len();
        let single = probe + self.probes.len();
        let link = single + SINGLES.len();
        self.numbers = Numbers { notify, check, probe, single, link };
        // Interfaces that are named later have no delay.
        self.wheel.grow(link + self.links.len());
    }

    /// After a reload: the wheel knows objects by numbers, which are all new.
    pub(super) fn file_everything(&mut self) {
        self.wheel = Wheel::default();
        self.set_numbers();
        let last = self.numbers.link + self.links.len();
        self.touched = (0..last).map(|number| self.object(number)).collect();
    }

    /// When something is to be done about it; `None` if never.
    pub(super) fn deadline(&self, object: Object) -> Option<Instant> {
        match object {
            Object::Router(router) => self.routers[router].core.deadline(),
            Object::Notify(teller) => {
                let it = &self.tellers[teller];
                it.again_at.or(it.notifying.map(|it| it.deadline))
            }
            // When we stop, nothing is checked any more.
            Object::Check(_)
            | Object::Probe(_)
            | Object::TrackedRoutes
            | Object::Files
            | Object::Processes
                if self.stopping.is_some() =>
            {
                None
            }
            Object::Probe(probe) => self.probes[probe].check.deadline(),
            Object::Link(link) => self.links.settles_at(link),
            Object::TrackedRoutes => self.tracked_routes.due_at(),
            Object::Files => self.files.due_at(),
            Object::Processes => self.processes.due_at(),
            Object::Check(script) => self.scripts[script].check.deadline(),
            Object::Interfaces => Some(self.upkeep_at),
            Object::Vmacs => self.vmacs.deadline(),
            Object::Pres => self.pres_due_at(),
            Object::Fifos => self.fifos_due_at(),
            Object::Duplicates => self.duplicates.deadline(),
            Object::Lease => self.lease.deadline(),
            Object::State => self.state.due_at(),
            Object::Upgrade => self.upgrade_due_at(),
            Object::Control => self.control.deadline(),
            Object::Steering => self.steering.deadline(),
            Object::Stop => self.stopping,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_number_is_of_one_object() {
        let numbers = Numbers { notify: 2, check: 4, probe: 5, single: 8, link: 8 + SINGLES.len() };
        let objects: Vec<Object> = (0..numbers.link + 3).map(|it| numbers.object(it)).collect();
        assert!((0..).zip(&objects).all(|(number, it)| numbers.number(*it) == number));
        assert_eq!(objects[4], Object::Check(0));
        assert_eq!(objects[numbers.link + 2], Object::Link(2));
    }
}
