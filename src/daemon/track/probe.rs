//! `track_tcp` and `track_ping`: hosts that are asked now and then, each try without waiting for it.

use super::ping::Ping;
use super::tcp::Tcp;
use super::{Kind, Sense, Tracker};
use crate::config::probe::Schedule;
use crate::config::Config;
use crate::daemon::{script, Daemon, Object};
use crate::vrrp::check::{Action, Check, Event, Settings};
use crate::vrrp::reason::Span;
use crate::vrrp::time::Instant;
use crate::vrrp::tracker::Verdict;
use std::io;
use std::time::Duration;

/// A host that is asked.
pub struct Probe {
    /// When it is asked, and what the answers say.
    pub check: Check,
    /// Its number among the trackers.
    pub tracker: usize,
    /// How it is asked.
    pub way: Way,
    /// When the try under way began.
    began: Instant,
    last: Option<Last>,
}

/// How a host is asked.
pub enum Way {
    /// `track_tcp`
    Tcp(Tcp),
    /// `track_ping`
    Ping(Ping),
}

/// How a try ended.
struct Last {
    success: bool,
    /// `connected`, `answered`, `Connection refused`, `timed out after 1.00 s`.
    result: String,
    took: Duration,
}

impl Probe {
    fn new(schedule: &Schedule, tracker: usize, way: Way) -> Self {
        let check = Check::new(Settings {
            interval: schedule.interval,
            timeout: schedule.timeout,
            rise: schedule.rise,
            fall: schedule.fall,
            init_fail: false,
            gated: false,
            start_delay: Duration::ZERO,
            fault_hold: Duration::ZERO,
            is_bodiless: true,
        });
        Self { check, tracker, way, began: Instant::ZERO, last: None }
    }

    /// Takes over from the one of its name before a reload: everything if it does the same, else
    /// what is held to be true, until it has results of its own.
    pub fn inherit(&mut self, before: &mut Self, same: bool) {
        if !same {
            self.check.presume(before.check.verdict());
            return;
        }
        self.check = before.check.clone();
        self.began = before.began;
        self.last = before.last.take();
        match (&mut self.way, &mut before.way) {
            (Way::Tcp(it), Way::Tcp(before)) => it.attempt = before.attempt.take(),
            (Way::Ping(it), Way::Ping(before)) => it.request = before.request,
            (Way::Tcp(_), Way::Ping(_)) | (Way::Ping(_), Way::Tcp(_)) => {}
        }
    }

    fn says(&self) -> String {
        self.last.as_ref().map_or_else(|| "no result yet".to_owned(), |last| last.result.clone())
    }

    /// What the last try said, and after how long.
    #[must_use]
    pub fn last_result(&self) -> String {
        match &self.last {
            Some(last) if last.success => format!("{} after {}", last.result, Span(last.took)),
            _ => self.says(),
        }
    }
}

/// An error without its number.
#[must_use]
pub fn plain(error: &io::Error) -> String {
    let mut text = error.to_string();
    if let Some(number) = text.find(" (os error ") {
        text.truncate(number);
    }
    text
}

impl Daemon {
    /// Makes a probe of each `track_tcp` and `track_ping`.
    pub(in crate::daemon) fn add_probes(&mut self, config: &Config) {
        for from in &config.track_tcp {
            let way = Way::Tcp(Tcp::new(from));
            self.add_probe(&from.name, &from.schedule, way);
        }
        self.first_ping = self.probes.len();
        for from in &config.track_ping {
            let dev = from.dev.as_deref().map(|dev| self.links.watch(dev));
            let way = Way::Ping(Ping::new(from.host, dev));
            self.add_probe(&from.name, &from.schedule, way);
        }
    }

    fn add_probe(&mut self, name: &str, schedule: &Schedule, way: Way) {
        let (number, tracker) = (self.probes.len(), self.trackers.len());
        let kind = match &way {
            Way::Tcp(_) => Kind::Tcp(number),
            Way::Ping(_) => Kind::Ping(number),
        };
        self.trackers.push(Tracker::new(kind, name));
        self.probes.push(Probe::new(schedule, tracker, way));
    }

    /// Tells the instances where their trackers stand, and begins to ask those that are tracked.
    pub(in crate::daemon) fn start_probes(&mut self) {
        let count = self.probes.len();
        for probe in 0..count {
            let tracker = self.probes[probe].tracker;
            self.sense(tracker, Sense::Verdict(Verdict::Unknown));
            self.start_probe(probe, count);
        }
    }

    fn start_probe(&mut self, probe: usize, of: usize) {
        if !self.trackers[self.probes[probe].tracker].subscribers.is_empty() {
            let interval = self.probes[probe].check.settings().interval;
            let (first, phase) = script::start_times(probe, of, interval);
            self.probe_event(probe, Event::Startup { first, phase });
        }
    }

    /// After a reload: those begin to ask that did not ask before.
    pub(in crate::daemon) fn go_on_probing(&mut self) {
        let count = self.probes.len();
        for probe in 0..count {
            if self.probes[probe].check.deadline().is_none() {
                self.start_probe(probe, count);
            }
        }
    }

    /// A timer of a probe is due. What has come in is looked at first.
    pub(in crate::daemon) fn probe_due(&mut self, probe: usize) {
        if self.probes[probe].check.is_running() {
            match &self.probes[probe].way {
                Way::Tcp(_) => self.tcp_ready(probe),
                Way::Ping(ping) => self.echo_ready(ping.is_ipv6()),
            }
        }
        self.probe_event(probe, Event::Timer);
    }

    fn probe_event(&mut self, probe: usize, event: Event) {
        let mut actions = std::mem::take(&mut self.check_actions);
        self.probes[probe].check.handle(self.now, event, &mut actions);
        self.touch(Object::Probe(probe));
        let mut ended = None;
        for action in actions.drain(..) {
            match action {
                Action::Run => ended = self.ask(probe).err(),
                Action::Terminate => {
                    let timeout = self.probes[probe].check.settings().timeout;
                    self.give_up(probe);
                    self.remember(probe, false, format!("timed out after {}", Span(timeout)));
                }
                // Nothing outlives its timeout.
                Action::Kill => {}
                Action::Verdict(verdict) => self.probe_verdict(probe, verdict),
            }
        }
        self.check_actions = actions;
        if let Some(error) = ended {
            self.probe_result(probe, Err(error));
        }
    }

    /// Begins a try; or why there is none to wait for.
    fn ask(&mut self, probe: usize) -> Result<(), String> {
        self.probes[probe].began = self.now;
        match &self.probes[probe].way {
            Way::Tcp(_) => self.connect(probe),
            Way::Ping(_) => self.ping(probe),
        }
    }

    fn give_up(&mut self, probe: usize) {
        match &mut self.probes[probe].way {
            Way::Tcp(tcp) => tcp.attempt = None,
            Way::Ping(ping) => ping.request = None,
        }
    }

    /// A try has ended: with this word for its success, or because of this error.
    pub(super) fn probe_result(&mut self, probe: usize, result: Result<&str, String>) {
        self.give_up(probe);
        if self.stopping.is_some() {
            return;
        }
        let success = result.is_ok();
        let result = result.map_or_else(|error| error, str::to_owned);
        self.remember(probe, success, result);
        self.probe_event(probe, Event::Ended { success });
    }

    fn remember(&mut self, probe: usize, success: bool, result: String) {
        let it = &mut self.probes[probe];
        let took = self.now.since(it.began);
        if it.last.as_ref().is_none_or(|last| last.result != result) {
            log::debug!("asked {}: {result}", self.trackers[it.tracker].label());
        }
        it.last = Some(Last { success, result, took });
    }

    fn probe_verdict(&mut self, probe: usize, verdict: Verdict) {
        let it = &self.probes[probe];
        let (tracker, settings, says) = (it.tracker, it.check.settings(), it.says());
        let label = self.trackers[tracker].label();
        match verdict {
            Verdict::Up => log::info!("{label}: is fine now (rise {})", settings.rise),
            Verdict::Down => {
                log::warn!("{label}: has failed now (fall {}): {says}", settings.fall);
            }
            Verdict::Unknown => {}
        }
        self.trackers[tracker].says = says;
        self.sense(tracker, Sense::Verdict(verdict));
    }
}
