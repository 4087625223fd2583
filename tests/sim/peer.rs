//! Models of other routers, as far as elections go.
//!
//! keepalived (2.4.3, told by its behaviour): a BACKUP discards adverts of lower priority and lets its
//! timer run on; `preempt_delay` makes it take them; a MASTER says a changed priority with its next
//! regular advert; whatever a MASTER receives begins its interval anew.
//!
//! RFC 5798: a MASTER discards adverts of lower priority without an answer (C3 of RFC 9568's
//! changes); a BACKUP that adopts an interval keeps its Skew_Time (C4).

use std::net::IpAddr;
use std::time::Duration;
use vipd::vrrp::settings::Settings;
use vipd::vrrp::time::Instant;
use vipd::vrrp::timers::skew_time;
use vipd::wire::advert::{parse, ChecksumForm, Template};
use vipd::wire::{Family, Interval, Meta, Priority};

/// By what it goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Keepalived,
    Rfc5798,
}

/// Its state; FAULT is left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Dead,
    Backup,
    Master,
}

#[derive(Clone)]
pub struct Peer {
    pub kind: Kind,
    pub address: IpAddr,
    pub settings: Settings,
    /// When it last changed its state.
    pub since: Instant,
    /// After its scripts.
    priority: Priority,
    state: State,
    timer_at: Instant,
    /// What its timer was last set to, or what was left of it when an advert was discarded.
    down_timer: Duration,
    master_interval: Interval,
    /// Skew_Time is that of this interval.
    skewed_by: Interval,
    preempt_at: Option<Instant>,
}

/// What it sends.
pub type Sent = Vec<Vec<u8>>;

impl Peer {
    pub fn new(kind: Kind, address: IpAddr, settings: Settings) -> Self {
        Self {
            kind,
            address,
            since: Instant::ZERO,
            priority: settings.priority,
            state: State::Dead,
            timer_at: Instant::ZERO,
            down_timer: Duration::ZERO,
            master_interval: settings.advert_int,
            skewed_by: settings.advert_int,
            preempt_at: None,
            settings,
        }
    }

    pub fn priority(&self) -> Priority {
        self.priority
    }

    pub fn runs(&self) -> bool {
        self.state != State::Dead
    }

    pub fn is_master(&self) -> bool {
        self.state == State::Master
    }

    pub fn start(&mut self, now: Instant) {
        if !self.runs() {
            self.priority = self.settings.priority;
            self.master_interval = self.settings.advert_int;
            self.skewed_by = self.master_interval;
            self.enter(now, State::Backup);
        }
    }

    pub fn crash(&mut self, now: Instant) {
        self.enter(now, State::Dead);
    }

    pub fn wakes_at(&self) -> Option<Instant> {
        self.runs().then_some(self.timer_at)
    }

    /// A script has changed its priority: nothing is sent, a running timer is moved.
    pub fn set_priority(&mut self, priority: Priority) {
        self.priority = priority;
        if self.state == State::Backup {
            let full = self.full();
            self.timer_at = self.timer_at + full - self.down_timer;
            self.down_timer = full;
        }
    }

    pub fn timer(&mut self, now: Instant) -> Sent {
        if self.state == State::Backup {
            self.enter(now, State::Master);
        }
        self.advertise(now)
    }

    pub fn packet(&mut self, now: Instant, meta: &Meta, bytes: &[u8]) -> Sent {
        let Ok(advert) = parse(meta, bytes) else {
            if self.is_master() && self.kind == Kind::Keepalived {
                self.timer_at = now + self.settings.advert_int.duration();
            }
            return Sent::new();
        };
        match self.state {
            State::Dead => Sent::new(),
            State::Backup => {
                self.backup(now, advert.priority, advert.interval);
                Sent::new()
            }
            State::Master => self.master(now, meta.source, advert.priority, advert.interval),
        }
    }

    fn backup(&mut self, now: Instant, theirs: Priority, interval: Interval) {
        let settings = &self.settings;
        let delay = settings.election.preempt_delay;
        let delayed = !delay.is_zero() && self.preempt_at.is_none_or(|at| at > now);
        if theirs == Priority::RESIGN {
            self.down_timer = skew_time(settings.version, self.priority, self.skewed_by);
        } else if !settings.preempt || theirs >= self.priority || delayed {
            self.preempt_at = match self.preempt_at {
                _ if theirs >= self.priority => None,
                None if !delay.is_zero() => Some(now + delay),
                at => at,
            };
            self.adopt(interval);
            self.down_timer = self.full();
        } else {
            self.down_timer = self.timer_at.since(now);
        }
        self.timer_at = now + self.down_timer;
    }

    fn master(&mut self, now: Instant, from: IpAddr, theirs: Priority, interval: Interval) -> Sent {
        let loses = theirs > self.priority || theirs == self.priority && from > self.address;
        if theirs == Priority::RESIGN {
            return self.advertise(now);
        }
        if loses {
            let last = self.settings.election.higher_prio_send_advert;
            let sent = if last { self.advertise(now) } else { Sent::new() };
            (self.master_interval, self.skewed_by) = (interval, interval);
            self.enter(now, State::Backup);
            return sent;
        }
        let silent = self.kind == Kind::Rfc5798 || self.settings.election.lower_prio_no_advert;
        if silent || from == self.address {
            return Sent::new();
        }
        self.advertise(now)
    }

    fn enter(&mut self, now: Instant, state: State) {
        self.state = state;
        self.since = now;
        self.preempt_at = None;
        self.down_timer = self.full();
        self.timer_at = now + self.down_timer;
    }

    /// Its next advert is an interval away then.
    fn advertise(&mut self, now: Instant) -> Sent {
        self.timer_at = now + self.settings.advert_int.duration();
        let fields = self.settings.fields();
        let mut template = Template::new(&fields, self.address, Family::V4.group());
        vec![template.message(self.priority, ChecksumForm::PseudoHeader).to_vec()]
    }

    fn adopt(&mut self, interval: Interval) {
        self.master_interval = interval;
        if self.kind == Kind::Keepalived {
            self.skewed_by = interval;
        }
    }

    /// Master_Down_Interval.
    fn full(&self) -> Duration {
        let Settings { version, election, .. } = &self.settings;
        let adverts = u32::from(election.down_timer_adverts);
        let skew = skew_time(*version, self.priority, self.skewed_by);
        self.master_interval.duration() * adverts + skew
    }
}
