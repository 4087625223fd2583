//! The daemon: owns every descriptor, feeds events to the virtual routers and performs what they
//! decide. One turn of the loop is described at [`Daemon::turn`].

mod act;
mod addresses;
mod announcer;
mod build;
mod checks;
mod children;
mod command;
mod fib;
mod fifo;
mod filter;
mod firewall;
mod group;
mod hmac;
mod instance;
mod interfaces;
mod link;
mod net;
mod notify;
mod notifying;
mod pre;
pub mod preflight;
mod receive;
mod router;
mod routes;
mod script;
mod status;
mod stop;
mod teller;
mod track;
mod transport;
mod vmac;
pub mod wheel;

use crate::config::error::Report;
use crate::config::{Config, GlobalDefs};
use crate::sys::raw::Inbox;
use crate::sys::signalfd::SignalFd;
use crate::sys::timerfd::TimerFd;
use crate::sys::{clock, signalfd};
use crate::vrrp::event::{Action, Event};
use crate::vrrp::reason::Span;
use crate::vrrp::time::Instant;
use crate::vrrp::{check, StateName};
use addresses::Addresses;
use announcer::Announcer;
use children::Children;
use fib::Fib;
use fifo::lines::Line;
use fifo::Fifo;
use filter::Filter;
use group::Group;
use instance::Instance;
use link::Links;
use mio::unix::SourceFd;
use mio::{Events, Interest, Poll, Token};
use net::Net;
use pre::Pres;
use router::VirtualRouter;
use routes::Fixed;
use script::Script;
use signal_hook::consts::{SIGCHLD, SIGHUP, SIGINT, SIGPIPE, SIGTERM, SIGUSR1, SIGUSR2};
use std::io;
use std::os::fd::AsRawFd;
use std::time::Duration;
use teller::Teller;
use track::file::Files;
use track::ping::Echoes;
use track::probe::Probe;
use track::processes::Processes;
use track::route::Routes;
use track::Tracker;
use vmac::Vmacs;
use wheel::Wheel;

/// Packets taken at a time.
const INBOX_SLOTS: usize = 16;
/// The longest packet that is of interest: an IPv4 header with options, or 255 IPv6 addresses.
const INBOX_SLOT: usize = crate::wire::advert::MAX_MESSAGE + 64;

/// What a descriptor is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Source {
    Timer,
    Signals,
    LinkEvents,
    LinkRequests,
    Nftables,
    RouteEvents,
    /// Routes that are tracked.
    TrackedRoutes,
    /// Replies to `track_ping`, of IPv6 or not.
    Echo(bool),
    /// Tracked files.
    Files,
    /// What the kernel tells of processes.
    Processes,
    Net(usize),
    /// A connection of `track_tcp`, by the number of its probe.
    Tcp(usize),
    /// A tracked process, by its number.
    Process(u32),
    /// A FIFO, by its number.
    Fifo(usize),
    /// With the whole token: the children share theirs out themselves.
    Child(usize),
}

impl Source {
    /// A token holds the kind in its upper octet, and below it which one.
    const KIND: usize = 24;
    /// The first token of the children.
    const CHILD: usize = 3 << Self::KIND;

    const fn token(self) -> Token {
        Token(match self {
            Self::Timer => 0,
            Self::Signals => 1,
            Self::LinkEvents => 2,
            Self::LinkRequests => 3,
            Self::Nftables => 4,
            Self::RouteEvents => 5,
            Self::TrackedRoutes => 6,
            Self::Echo(false) => 7,
            Self::Echo(true) => 8,
            Self::Files => 9,
            Self::Processes => 10,
            Self::Net(net) => 1 << Self::KIND | net,
            Self::Tcp(probe) => 2 << Self::KIND | probe,
            Self::Process(pid) => 4 << Self::KIND | pid as usize,
            Self::Fifo(fifo) => 5 << Self::KIND | fifo,
            Self::Child(token) => token,
        })
    }

    const fn of(token: Token) -> Self {
        let index = token.0 & ((1 << Self::KIND) - 1);
        match (token.0 >> Self::KIND, index) {
            (0, 0) => Self::Timer,
            (0, 1) => Self::Signals,
            (0, 2) => Self::LinkEvents,
            (0, 3) => Self::LinkRequests,
            (0, 4) => Self::Nftables,
            (0, 5) => Self::RouteEvents,
            (0, 6) => Self::TrackedRoutes,
            (0, 9) => Self::Files,
            (0, 10) => Self::Processes,
            (0, echo) => Self::Echo(echo == 8),
            (1, net) => Self::Net(net),
            (2, probe) => Self::Tcp(probe),
            // The kernel's largest number of a process has 22 bits.
            (4, pid) => Self::Process(pid as u32),
            (5, fifo) => Self::Fifo(fifo),
            _ => Self::Child(token.0),
        }
    }
}

/// What has a deadline. The wheel knows each by a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Object {
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
    Stop,
}

/// The first number of each kind of [`Object`]; virtual routers begin with 0.
#[derive(Clone, Copy, Debug, Default)]
struct Numbers {
    notify: usize,
    check: usize,
    probe: usize,
    single: usize,
    link: usize,
}

/// The daemon at work.
pub struct Daemon {
    poll: Poll,
    timer: TimerFd,
    /// When the timerfd fires; `None` once it has.
    armed: Option<Instant>,
    signals: SignalFd,
    wheel: Wheel,
    /// Objects whose deadline may have changed in this turn.
    touched: Vec<Object>,
    /// This turn's time.
    now: Instant,
    links: Links,
    /// More events of interfaces may be waiting than one turn takes.
    more_link_events: bool,
    addresses: Addresses,
    filter: Filter,
    fib: Fib,
    /// Tells which routes and rules are removed; there are none without it.
    fib_events: Option<fib::Watch>,
    /// More of that may be waiting than one turn takes.
    more_route_events: bool,
    /// What is static.
    fixed: Fixed,
    vmacs: Vmacs,
    nets: Vec<Net>,
    routers: Vec<VirtualRouter>,
    instances: Vec<Instance>,
    groups: Vec<Group>,
    /// In some group something has moved.
    groups_moved: bool,
    /// Whom changes are told: the instances, by their numbers, then the groups.
    tellers: Vec<Teller>,
    pres: Pres,
    fifos: Vec<Fifo>,
    /// Lines that wait for addresses to move.
    held_lines: Vec<Line>,
    /// We are stopping, and the FIFOs are open until then at most.
    fifos_closing: Option<Instant>,
    trackers: Vec<Tracker>,
    scripts: Vec<Script>,
    /// `track_tcp`, and behind them `track_ping`.
    probes: Vec<Probe>,
    first_ping: usize,
    echoes: Echoes,
    tracked_routes: Routes,
    files: Files,
    processes: Processes,
    numbers: Numbers,
    children: Children,
    announcer: Announcer,
    /// Taken out while its packets are handled.
    inbox: Option<Inbox>,
    /// What the virtual routers want done in this turn, with their numbers.
    pending: Vec<(usize, Action)>,
    actions: Vec<Action>,
    check_actions: Vec<check::Action>,
    /// When the interfaces are looked after next, whatever happens.
    upkeep_at: Instant,
    /// We are stopping, and wait for scripts until this moment.
    stopping: Option<Instant>,
    /// The configuration file, if parts of it were skipped (`--lenient`), and how many.
    skipped: Option<(String, usize)>,
}

impl Daemon {
    /// Opens every descriptor and starts every virtual router. The configuration has passed
    /// [`preflight::check`]; the report is what was said about it.
    ///
    /// # Errors
    /// What the system refuses.
    pub fn new(config: &Config, report: &Report) -> io::Result<Self> {
        signalfd::ignore(SIGPIPE)?;
        // Who started us may have left it ignored; then nobody could tell how a script has ended.
        signalfd::restore(SIGCHLD)?;
        let signals = SignalFd::new(&[SIGHUP, SIGINT, SIGTERM, SIGUSR1, SIGUSR2])?;
        let mut daemon = Self {
            poll: Poll::new()?,
            timer: TimerFd::new()?,
            armed: None,
            signals,
            wheel: Wheel::default(),
            touched: Vec::new(),
            now: now(),
            links: Links::open()?,
            more_link_events: false,
            addresses: Addresses::default(),
            filter: Filter::default(),
            fib: Fib::default(),
            fib_events: None,
            more_route_events: false,
            fixed: Fixed::default(),
            vmacs: Vmacs::default(),
            nets: Vec::new(),
            routers: Vec::new(),
            instances: Vec::new(),
            groups: Vec::new(),
            groups_moved: false,
            tellers: Vec::new(),
            pres: Pres::default(),
            fifos: Vec::new(),
            held_lines: Vec::new(),
            fifos_closing: None,
            trackers: Vec::new(),
            scripts: Vec::new(),
            probes: Vec::new(),
            first_ping: 0,
            echoes: Echoes::default(),
            tracked_routes: Routes::default(),
            files: Files::default(),
            processes: Processes::default(),
            numbers: Numbers::default(),
            children: Children::new(Source::CHILD),
            announcer: Announcer::open()?,
            inbox: Some(Inbox::new(INBOX_SLOTS, INBOX_SLOT)),
            pending: Vec::new(),
            actions: Vec::with_capacity(16),
            check_actions: Vec::with_capacity(4),
            upkeep_at: Instant::ZERO,
            stopping: None,
            skipped: (report.skipped() > 0).then(|| (report.file().to_owned(), report.skipped())),
        };
        daemon.watch(daemon.timer.as_raw_fd(), Source::Timer)?;
        daemon.watch(daemon.signals.as_raw_fd(), Source::Signals)?;
        daemon.watch(daemon.links.events_fd(), Source::LinkEvents)?;
        daemon.watch(daemon.links.requests_fd(), Source::LinkRequests)?;
        daemon.build(config);
        daemon.begin(&config.global_defs)?;
        Ok(daemon)
    }

    fn watch(&self, fd: i32, source: Source) -> io::Result<()> {
        self.poll.registry().register(&mut SourceFd(&fd), source.token(), Interest::READABLE)
    }

    /// Looks at the world, and begins.
    fn begin(&mut self, globals: &GlobalDefs) -> io::Result<()> {
        self.links.probe_rights()?;
        self.links.resync()?;
        self.now = now();
        let before_us = self.addresses.any_there(&self.links);
        self.sweep_vmacs();
        self.remove_leftovers();
        self.start_filter(before_us)?;
        self.begin_routes()?;
        self.refresh_links();
        self.start_checks();
        self.start_fifo_scripts();
        self.start_tracked_routes()?;
        self.start_probes();
        self.start_files()?;
        self.start_processes()?;
        let after_boot = Instant::ZERO + globals.vrrp_delay_after_boot;
        let deaf_until = after_boot.max(self.now + globals.vrrp_startup_delay);
        if deaf_until > self.now {
            let span = Span(deaf_until.since(self.now));
            log::info!("all instances stay BACKUP for {span}, and listen to nobody so long");
        }
        for router in 0..self.routers.len() {
            self.feed(router, Event::Startup { deaf_until });
        }
        self.touch(Object::Interfaces);
        self.finish_turn();
        Ok(())
    }

    /// Runs until it is told to stop.
    ///
    /// # Errors
    /// If the loop itself fails: then nothing works any more.
    pub fn run(&mut self) -> io::Result<()> {
        let mut events = Events::with_capacity(256);
        while !self.stopped() {
            self.turn(&mut events)?;
        }
        self.filter.firewall.remove();
        Ok(())
    }

    /// One turn of the loop. Packets come before timers, always: a process that was stopped or
    /// starved must hear what it missed before it concludes that nobody spoke.
    fn turn(&mut self, events: &mut Events) -> io::Result<()> {
        let more = self.more_link_events || self.more_route_events;
        let backlog = more || self.nets.iter().any(|net| net.backlog);
        let at_once = backlog || self.files.backlog || self.processes.backlog();
        match self.poll.poll(events, at_once.then_some(Duration::ZERO)) {
            Err(error) if error.kind() != io::ErrorKind::Interrupted => return Err(error),
            Err(_) => return Ok(()),
            Ok(()) => {}
        }
        self.now = now();
        for event in events.iter() {
            self.drain(Source::of(event.token()));
        }
        if backlog {
            self.receive_backlog();
        }
        self.go_on_sensing();
        self.refresh_links();
        self.put_routes_back();
        self.fire_timers();
        self.finish_turn();
        Ok(())
    }

    fn drain(&mut self, source: Source) {
        match source {
            // Not read: arming it anew resets it, and an edge-triggered poll does not mind.
            Source::Timer => self.armed = None,
            Source::Signals => self.read_signals(),
            Source::LinkEvents => self.read_link_events(),
            Source::LinkRequests => self.read_refusals(),
            Source::Nftables => self.read_nftables(),
            Source::RouteEvents => self.read_route_events(),
            Source::TrackedRoutes => self.read_tracked_routes(),
            Source::Echo(ipv6) => self.echo_ready(ipv6),
            Source::Files => self.files.backlog = true,
            Source::Processes => self.processes.told(),
            Source::Process(pid) => self.process_ended(pid),
            Source::Net(net) => self.receive(net),
            Source::Tcp(probe) => self.tcp_ready(probe),
            Source::Fifo(fifo) => self.fifo_writable(fifo),
            Source::Child(token) => self.child_ready(token),
        }
    }

    /// Every object that is due. A BACKUP whose timer has come reads its socket once more first.
    fn fire_timers(&mut self) {
        while let Some(number) = self.wheel.expire(self.now) {
            let object = self.object(number);
            self.touch(object);
            if self.deadline(object).is_none_or(|deadline| deadline > self.now) {
                continue;
            }
            match object {
                Object::Router(router) => self.router_due(router),
                Object::Check(script) => self.check_event(script, check::Event::Timer),
                Object::Probe(probe) => self.probe_due(probe),
                Object::Link(link) => self.link_due(link),
                Object::TrackedRoutes => self.routes_due(),
                Object::Files => self.files_due(),
                Object::Processes => self.work_on_processes(),
                Object::Notify(teller) => self.notify_overdue(teller),
                Object::Interfaces => self.look_after_interfaces(),
                Object::Vmacs => self.vmacs.due(self.now),
                Object::Pres => self.pres_due(),
                Object::Fifos => self.fifos_due(),
                Object::Stop => self.stop_overdue(),
            }
        }
    }

    fn router_due(&mut self, router: usize) {
        let it = &self.routers[router];
        if it.core.state() == StateName::Backup {
            let vmac = it.vmac;
            self.receive(it.net);
            if let Some(vmac) = vmac {
                self.receive(vmac.net);
            }
            self.hurry(router);
        }
        self.feed(router, Event::Timer);
    }

    /// Performs what was decided, and files the deadlines.
    fn finish_turn(&mut self) {
        self.perform();
        if self.links.is_stale() {
            self.upkeep_soon();
        }
        let mut touched = std::mem::take(&mut self.touched);
        for object in touched.drain(..) {
            let deadline = self.deadline(object);
            self.wheel.file(self.now, self.number(object), deadline);
        }
        self.touched = touched;
        let Some(earliest) = self.wheel.earliest() else { return };
        // A moment at which nothing is due any more costs a wake-up: off it, if it is near.
        let wrong = |armed| earliest < armed || wheel::is_near(self.now, armed, earliest);
        if self.armed.is_none_or(wrong) {
            match self.timer.arm(earliest.as_nanos()) {
                Ok(()) => self.armed = Some(earliest),
                Err(error) => log::error!("cannot arm the timer: {error}"),
            }
        }
    }

    fn number(&self, object: Object) -> usize {
        let Numbers { notify, check, probe, single, link } = self.numbers;
        match object {
            Object::Router(router) => router,
            Object::Notify(teller) => notify + teller,
            Object::Check(script) => check + script,
            Object::Probe(number) => probe + number,
            Object::Link(number) => link + number,
            Object::Interfaces => single,
            Object::Vmacs => single + 1,
            Object::Stop => single + 2,
            Object::TrackedRoutes => single + 3,
            Object::Files => single + 4,
            Object::Processes => single + 5,
            Object::Pres => single + 6,
            Object::Fifos => single + 7,
        }
    }

    fn object(&self, number: usize) -> Object {
        let Numbers { notify, check, probe, single, link } = self.numbers;
        match number {
            _ if number < notify => Object::Router(number),
            _ if number < check => Object::Notify(number - notify),
            _ if number < probe => Object::Check(number - check),
            _ if number < single => Object::Probe(number - probe),
            _ if number == single => Object::Interfaces,
            _ if number == single + 1 => Object::Vmacs,
            _ if number == single + 2 => Object::Stop,
            _ if number == single + 3 => Object::TrackedRoutes,
            _ if number == single + 4 => Object::Files,
            _ if number == single + 5 => Object::Processes,
            _ if number == single + 6 => Object::Pres,
            _ if number == single + 7 => Object::Fifos,
            _ => Object::Link(number - link),
        }
    }

    /// Numbers all that can have a deadline.
    fn set_numbers(&mut self) {
        let notify = self.routers.len();
        let check = notify + self.tellers.len();
        let probe = check + self.scripts.len();
        let single = probe + self.probes.len();
        let link = single + 8;
        self.numbers = Numbers { notify, check, probe, single, link };
        // Interfaces that are named later have no delay.
        self.wheel.grow(link + self.links.len());
    }

    fn deadline(&self, object: Object) -> Option<Instant> {
        match object {
            Object::Router(router) => self.routers[router].core.deadline(),
            Object::Notify(teller) => self.tellers[teller].notifying.map(|it| it.deadline),
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
            Object::Stop => self.stopping,
        }
    }

    fn touch(&mut self, object: Object) {
        if self.touched.last() != Some(&object) {
            self.touched.push(object);
        }
    }

    /// Hands an event to a virtual router and keeps what it wants done.
    fn feed(&mut self, router: usize, event: Event<'_>) {
        self.feed_at(self.now, router, event);
    }

    fn feed_at(&mut self, at: Instant, router: usize, event: Event<'_>) {
        if matches!(event, Event::Advert { .. }) {
            self.other_is_heard(router);
        }
        self.routers[router].core.handle(at, event, &mut self.actions);
        if let Some(group) = self.routers[router].group {
            self.watch_group(group, router);
        }
        self.pending.extend(self.actions.drain(..).map(|action| (router, action)));
        self.touch(Object::Router(router));
    }
}

/// The time of the one clock that we use.
fn now() -> Instant {
    Instant::from_nanos(clock::monotonic())
}
