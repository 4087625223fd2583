//! One virtual router on a bench: a clock that is turned by hand, and packets as bytes.

use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;
use vipd::vrrp::event::{Action, Event, Link, Remark};
use vipd::vrrp::router::Router;
use vipd::vrrp::settings::{Garp, Settings};
use vipd::vrrp::time::Instant;
use vipd::vrrp::StateName;
use vipd::wire::advert::{parse, ChecksumForm, Template};
use vipd::wire::checksum::Sum;
use vipd::wire::trailer::Stamp;
use vipd::wire::{Discard, Family, Interval, Meta, Priority, Version, Vrid};

/// The last octet of our own address, 192.0.2.5.
pub const OWN: u8 = 5;

/// 20 cs and priority 100: Skew_Time and Active_Down_Interval.
pub const INTERVAL: Duration = Duration::from_millis(200);
pub const SKEW: Duration = Duration::from_nanos(121_875_000);
pub const DOWN: Duration = Duration::from_nanos(721_875_000);
pub const MILLI: Duration = Duration::from_millis(1);

pub fn peer(last: u8) -> IpAddr {
    Ipv4Addr::new(192, 0, 2, last).into()
}

pub fn centis(centiseconds: u16) -> Interval {
    Interval::from_centiseconds(centiseconds).expect("1 to 25,500")
}

/// VRRPv3, VRID 10, priority 100, 20 cs.
pub fn v3() -> Settings {
    let garp = Garp {
        master_delay: Duration::ZERO,
        lower_prio_delay: Duration::ZERO,
        lower_prio_repeat: 0,
        ..Garp::default()
    };
    let (vrid, vip) = (Vrid::new(10).expect("not 0"), Ipv4Addr::new(192, 0, 2, 1));
    Settings {
        advert_int: centis(20),
        fast_handover: false,
        garp,
        ..Settings::new(vrid, Priority(100), vec![vip.into()])
    }
}

/// VRRPv2, VRID 10, priority 100, 1 s.
pub fn v2() -> Settings {
    Settings { version: Version::V2, advert_int: Interval::SECOND, ..v3() }
}

pub fn owner(settings: Settings) -> Settings {
    Settings { priority: Priority::OWNER, ..settings }
}

pub struct Bench {
    pub now: Instant,
    pub router: Router,
    /// The settings from which peers' packets are made; at first our own.
    pub theirs: Settings,
    pub form: ChecksumForm,
    pub ttl: u8,
    /// What began or was over of what is twofold: kept apart, it comes on top of all else.
    pub duplicates: Vec<Remark>,
}

impl Bench {
    /// In INIT, on a link that is up.
    pub fn new(settings: Settings) -> Self {
        let mut bench = Self {
            now: Instant::ZERO + Duration::from_secs(10),
            router: Router::new(settings.clone(), 2),
            theirs: settings,
            form: ChecksumForm::PseudoHeader,
            ttl: 255,
            duplicates: Vec::new(),
        };
        assert_eq!(bench.event(Event::Link(Link::Up)), []);
        assert_eq!(bench.event(Event::Source(Some(peer(OWN)))), []);
        bench
    }

    /// Started.
    pub fn started(settings: Settings) -> Self {
        let mut bench = Self::new(settings);
        bench.start();
        bench
    }

    /// BACKUP that has just heard a MASTER of priority 200.
    pub fn backup(settings: Settings) -> Self {
        let mut bench = Self::started(settings);
        assert_eq!(bench.advert(200, 9), []);
        assert_eq!(bench.state(), StateName::Backup);
        bench
    }

    /// MASTER that has just become one.
    pub fn master(settings: Settings) -> Self {
        let mut bench = Self::started(settings);
        bench.run();
        assert_eq!(bench.state(), StateName::Master);
        bench
    }

    pub fn event(&mut self, event: Event<'_>) -> Vec<Action> {
        let mut out = Vec::new();
        self.router.handle(self.now, event, &mut out);
        let duplicate = |action: &Action| match action {
            Action::Remark(remark @ (Remark::Duplicate { .. } | Remark::Over(_))) => Some(*remark),
            _ => None,
        };
        self.duplicates.extend(out.iter().filter_map(duplicate));
        out.retain(|action| duplicate(action).is_none());
        out
    }

    /// Begins without a delay.
    pub fn start(&mut self) -> Vec<Action> {
        self.event(Event::Startup { deaf_until: self.now })
    }

    /// To the deadline, and through it.
    pub fn run(&mut self) -> Vec<Action> {
        if let Some(deadline) = self.router.deadline() {
            self.now = deadline;
        }
        self.event(Event::Timer)
    }

    pub fn pass(&mut self, span: Duration) {
        self.now = self.now + span;
    }

    /// How long the router still waits.
    pub fn remaining(&self) -> Duration {
        self.router.deadline().expect("a deadline").since(self.now)
    }

    /// An advertisement of a peer.
    pub fn message(&self, priority: u8, last: u8) -> Vec<u8> {
        let mut template = Template::new(&self.theirs.fields(), peer(last), Family::V4.group());
        template.message(Priority(priority), self.form).to_vec()
    }

    /// A peer sends an advertisement.
    pub fn advert(&mut self, priority: u8, last: u8) -> Vec<Action> {
        let message = self.message(priority, last);
        self.receive(last, &message)
    }

    /// A peer sends bytes.
    pub fn receive(&mut self, last: u8, bytes: &[u8]) -> Vec<Action> {
        let source = peer(last);
        let meta = Meta { source, destination: Family::V4.group(), ttl: self.ttl };
        match parse(&meta, bytes) {
            Ok(advert) => {
                self.event(Event::Advert { source, clock: Stamp::default(), advert: &advert })
            }
            Err(reason) => self.event(Event::Discarded { source, reason }),
        }
    }

    pub fn state(&self) -> StateName {
        self.router.state()
    }

    pub fn counted(&self, reason: Discard) -> u64 {
        self.router.statistics().discarded(reason)
    }

    /// The bytes are refused for this reason: counted, remarked upon once, and nothing else.
    #[track_caller]
    pub fn refuses(&mut self, bytes: &[u8], reason: Discard) {
        let before = (self.state(), self.router.deadline(), self.router.master());
        let (taken, counted) = (self.router.statistics().advertisement_rcvd, self.counted(reason));
        let actions = self.receive(9, bytes);
        let remark = Remark::Discarded { source: peer(9), reason };
        assert!(actions.iter().all(|action| *action == Action::Remark(remark)), "{actions:?}");
        assert_eq!((self.state(), self.router.deadline(), self.router.master()), before);
        assert_eq!(self.router.statistics().advertisement_rcvd, taken);
        assert_eq!(self.counted(reason), counted + 1, "{reason:?}");
    }
}

/// Puts the right checksum (message only) into a message that a test has changed.
pub fn repair(message: &mut [u8]) {
    message[6..8].fill(0);
    let sum = Sum::default().add_bytes(message).finish();
    message[6..8].copy_from_slice(&sum.to_be_bytes());
}

/// The priorities that the actions advertise.
pub fn adverts(actions: &[Action]) -> Vec<u8> {
    let priority = |action: &Action| match action {
        Action::Advertise { priority, .. } => Some(priority.0),
        _ => None,
    };
    actions.iter().filter_map(priority).collect()
}

/// Whether the actions are those that make a MASTER, in their order.
pub fn takes_over(actions: &[Action]) -> bool {
    use StateName::Master;
    matches!(
        actions,
        [
            Action::Advertise { priority, .. },
            Action::Acquire,
            Action::Announce { .. },
            Action::Transition { to: Master, .. },
        ] if *priority != Priority::RESIGN
    )
}

/// Whether the actions are those of a MASTER that yields.
pub fn yields(actions: &[Action]) -> bool {
    use StateName::{Backup, Master};
    let actions: Vec<_> = actions.iter().filter(|a| !matches!(a, Action::Remark(_))).collect();
    matches!(actions[..], [Action::Release, Action::Transition { from: Master, to: Backup, .. }])
}

/// The remarks among the actions.
pub fn remarks(actions: &[Action]) -> Vec<Remark> {
    let remark = |action: &Action| match action {
        Action::Remark(remark) => Some(*remark),
        _ => None,
    };
    actions.iter().filter_map(remark).collect()
}
