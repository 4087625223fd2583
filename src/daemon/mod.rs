//! The daemon: owns every descriptor, feeds events to the virtual routers and performs what they
//! decide. One turn of the loop is described at [`Daemon::turn`].

mod act;
mod addresses;
mod announcer;
mod build;
mod checks;
mod children;
mod command;
pub mod control;
mod due;
mod duplicate;
mod fib;
mod fifo;
mod filter;
pub(crate) mod firewall;
mod ground;
mod group;
mod history;
pub(crate) mod hmac;
mod instance;
mod interfaces;
pub(crate) mod lease;
pub(crate) mod link;
pub mod load;
mod net;
mod notify;
mod notifying;
mod peers;
mod pre;
pub mod preflight;
mod receive;
mod reload;
pub(crate) mod router;
mod routes;
mod script;
mod send;
mod shortage;
mod source;
mod stall;
pub mod state;
mod status;
mod steer;
mod stop;
mod suspend;
mod teller;
mod told;
mod track;
pub(crate) mod transport;
pub mod upgrade;
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
use control::Control;
use due::{Numbers, Object};
use duplicate::Duplicates;
use fib::Fib;
use fifo::lines::Line;
use fifo::Fifo;
use filter::Filter;
use group::Group;
use history::{Happened, History};
use instance::Instance;
use lease::Lease;
use link::Links;
use load::Load;
use mio::unix::SourceFd;
use mio::{Events, Interest, Poll};
use net::Net;
use pre::Pres;
use router::VirtualRouter;
use routes::Fixed;
use script::Script;
use shortage::Shortage;
use signal_hook::consts::{SIGCHLD, SIGHUP, SIGINT, SIGPIPE, SIGTERM, SIGUSR1, SIGUSR2};
use source::Source;
use stall::Stall;
use state::file::StateFile;
use state::Legacy;
use std::io;
use std::os::fd::{AsRawFd, RawFd};
use std::path::Path;
use std::time::Duration;
use steer::Steering;
use suspend::Sleep;
use teller::Teller;
use track::file::Files;
use track::ping::Echoes;
use track::probe::Probe;
use track::processes::Processes;
use track::route::Routes;
use track::Tracker;
use upgrade::Upgrade;
use vmac::Vmacs;
use wheel::Wheel;

/// Packets taken at a time.
const INBOX_SLOTS: usize = 16;
/// The longest packet that is of interest: an IPv4 header with options, or 255 IPv6 addresses.
const INBOX_SLOT: usize = crate::wire::advert::MAX_MESSAGE + 64;

/// What a daemon starts with, beside its configuration.
pub struct Start<'a> {
    /// The run directory.
    pub run_directory: &'a Path,
    /// The descriptor of the locked pid file.
    pub lock: RawFd,
    /// Where the control socket is to be.
    pub socket: &'a Path,
    /// What [`heed_signals`] has made.
    pub signals: SignalFd,
    /// What another vipd has handed over.
    pub legacy: Option<Legacy>,
}

/// From here on no signal ends the process: whoever sends one to a daemon that has not begun yet is
/// heard when it has.
///
/// # Errors
/// What the kernel says.
pub fn heed_signals() -> io::Result<SignalFd> {
    SignalFd::new(&[SIGHUP, SIGINT, SIGTERM, SIGUSR1, SIGUSR2])
}

/// The daemon at work.
pub struct Daemon {
    /// Where the configuration comes from.
    load: Load,
    /// The one that is in force.
    config: Config,
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
    /// Tells whether the machine was suspended.
    sleep: Sleep,
    links: Links,
    /// More events of interfaces may be waiting than one turn takes.
    more_link_events: bool,
    addresses: Addresses,
    filter: Filter,
    lease: Lease,
    /// What the next run needs if this one is killed.
    state: StateFile,
    upgrade: Upgrade,
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
    duplicates: Duplicates,
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
    stall: Stall,
    /// We are stopping, and wait for scripts until this moment.
    stopping: Option<Instant>,
    shortage: Shortage,
    /// The interfaces could not be read, and that was said.
    unread_told: bool,
    /// The log is watched, because lines wait for it.
    log_watched: bool,
    /// How much of the configuration file was skipped (`--lenient`).
    skipped: usize,
    /// The configuration is to be read anew, at this moment at the latest.
    reload_by: Option<Instant>,
    control: Control,
    history: History,
    steering: Steering,
    /// Runs of checks that somebody has asked for, so far.
    tries: usize,
    /// When we began.
    started: Instant,
}

impl Daemon {
    /// Opens every descriptor and starts every virtual router. The configuration has passed
    /// [`preflight::check`]; the report is what was said about it. No other daemon has the run
    /// directory.
    ///
    /// # Errors
    /// What the system refuses.
    pub fn new(
        load: Load,
        config: Config,
        report: &Report,
        Start { run_directory, lock, socket, signals, legacy }: Start<'_>,
    ) -> io::Result<Self> {
        signalfd::ignore(SIGPIPE)?;
        // Who started us may have left it ignored; then nobody could tell how a script has ended.
        signalfd::restore(SIGCHLD)?;
        legacy.iter().for_each(upgrade::take_limits);
        shortage::begin();
        let mut daemon = Self {
            load,
            config: Config::default(),
            poll: Poll::new()?,
            timer: TimerFd::new()?,
            armed: None,
            signals,
            wheel: Wheel::default(),
            touched: Vec::new(),
            now: now(),
            sleep: Sleep::begin(),
            links: Links::open()?,
            more_link_events: false,
            addresses: Addresses::default(),
            filter: Filter::default(),
            lease: Lease::new(run_directory),
            state: StateFile::new(run_directory),
            upgrade: Upgrade::new(lock),
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
            duplicates: Duplicates::default(),
            numbers: Numbers::default(),
            children: Children::new(Source::CHILD),
            announcer: Announcer::open()?,
            inbox: Some(Inbox::new(INBOX_SLOTS, INBOX_SLOT)),
            pending: Vec::new(),
            actions: Vec::with_capacity(16),
            check_actions: Vec::with_capacity(4),
            // Not the beginning of time: whoever looks at it would find us very late.
            upkeep_at: now(),
            stall: Stall::default(),
            stopping: None,
            shortage: Shortage::default(),
            unread_told: false,
            log_watched: false,
            skipped: report.skipped(),
            reload_by: None,
            control: Control::new(socket),
            history: History::open(run_directory),
            steering: Steering::open(run_directory),
            tries: 0,
            started: now(),
        };
        daemon.watch(daemon.timer.as_raw_fd(), Source::Timer)?;
        daemon.watch(daemon.signals.as_raw_fd(), Source::Signals)?;
        daemon.watch(daemon.links.events_fd(), Source::LinkEvents)?;
        daemon.watch(daemon.links.requests_fd(), Source::LinkRequests)?;
        daemon.build(&config);
        daemon.make_room_in_log();
        daemon.remember_start(legacy.is_some());
        daemon.begin(&config.global_defs, legacy)?;
        daemon.config = config;
        daemon.open_control();
        Ok(daemon)
    }

    fn watch(&self, fd: i32, source: Source) -> io::Result<()> {
        self.poll.registry().register(&mut SourceFd(&fd), source.token(), Interest::READABLE)
    }

    /// Looks at the world, and begins.
    fn begin(&mut self, globals: &GlobalDefs, legacy: Option<Legacy>) -> io::Result<()> {
        self.links.probe_rights()?;
        let legacy = legacy.or_else(|| self.find_legacy()).unwrap_or_default();
        self.look_for_addresses_of(&legacy);
        self.links.resync()?;
        self.now = now();
        let memories = self.memories(&legacy);
        self.adopt_names(&legacy, &memories);
        self.adopt_handed(&legacy);
        let before_us = legacy.is_left() || self.addresses.any_there(&self.links);
        self.sweep_vmacs();
        self.remove_misfits();
        let new = self.adopt_addresses(&memories);
        self.remove_leftovers();
        self.start_filter(before_us, &legacy)?;
        self.start_leases(before_us, &legacy);
        self.begin_routes()?;
        self.refresh_links();
        self.start_checks();
        self.start_fifo_scripts();
        self.start_tracked_routes()?;
        self.start_probes();
        self.start_files()?;
        self.start_processes()?;
        let after_boot = Instant::ZERO + globals.vrrp_delay_after_boot;
        let deaf_until = match legacy.is_handed_over() {
            true => Instant::ZERO,
            false => after_boot.max(self.now + globals.vrrp_startup_delay),
        };
        if deaf_until > self.now {
            let span = Span(deaf_until.since(self.now));
            log::info!("all instances stay BACKUP for {span}, and listen to nobody so long");
        }
        self.begin_or_go_on(&legacy, &memories, deaf_until);
        self.perform();
        self.announce_new(&new);
        self.lease_anew();
        self.upkeep_at = self.now;
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
            self.turn(&mut events, None)?;
            // Only now: the events of a turn know things by their old numbers.
            if self.reload_is_timely() {
                self.reload_begins();
                let result = self.reload(&mut events);
                self.reload_ended(&result);
            }
            if let Some(file) = self.take_diff() {
                let result = self.diff(file, &mut events);
                self.tell_diff(result);
            }
            if self.upgrade_is_timely() {
                self.hand_over(&mut events);
            }
        }
        self.last_words();
        if self.control.keep {
            self.keep_everything();
            return Ok(());
        }
        self.filter.firewall.remove();
        self.end_leases();
        self.state.remove();
        Ok(())
    }

    /// One turn of the loop; `wait` for events so long at most.
    ///
    /// Packets come before timers, always: a process that was stopped or
    /// starved must hear what it missed before it concludes that nobody spoke.
    fn turn(&mut self, events: &mut Events, wait: Option<Duration>) -> io::Result<()> {
        let more = self.more_link_events || self.more_route_events;
        let backlog = more || self.nets.iter().any(|net| net.backlog);
        let at_once =
            backlog || self.files.backlog || self.processes.backlog() || self.control.more;
        match self.poll.poll(events, self.longest_sleep(at_once, wait)) {
            Err(error) if error.kind() != io::ErrorKind::Interrupted => return Err(error),
            Err(_) => return Ok(()),
            Ok(()) => {}
        }
        self.now = now();
        self.wake_up();
        self.drain_all(events)?;
        if backlog {
            self.receive_backlog();
        }
        self.children.go_on(self.poll.registry(), self.now);
        self.go_on_sensing();
        self.refresh_links();
        self.hear_claims();
        self.put_routes_back();
        self.fire_timers();
        self.finish_turn();
        self.go_on_logging();
        Ok(())
    }

    fn ready(&mut self, source: Source) {
        match source {
            // Not read: arming it anew resets it, and an edge-triggered poll does not mind.
            Source::Timer => self.armed = None,
            // At the end of the turn, as lines may wait without it.
            Source::Log => {}
            Source::Signals => self.read_signals(),
            Source::LinkEvents => self.read_link_events(),
            Source::LinkRequests => self.read_refusals(),
            Source::Nftables => self.read_nftables(),
            Source::Leases => self.read_leases(),
            Source::RouteEvents => self.read_route_events(),
            Source::TrackedRoutes => self.read_tracked_routes(),
            Source::Echo(ipv6) => self.echo_ready(ipv6),
            Source::Files => self.files.backlog = true,
            Source::Processes => self.processes.told(),
            Source::Process(pid) => self.process_ended(pid),
            Source::Net(net) => self.receive(net),
            Source::Tcp(probe) => self.tcp_ready(probe),
            Source::Fifo(fifo) => self.fifo_writable(fifo),
            Source::Ears(ears) => self.duplicates.ready(ears),
            Source::Control => self.accept_clients(),
            Source::Client(slot) => self.client_ready(slot),
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
                Object::Control => self.clients_due(),
                Object::Steering => self.steering_due(),
                Object::Duplicates => self.duplicates_due(),
                // At the end of the turn.
                Object::Lease | Object::State => {}
                Object::Upgrade => self.upgrade_overdue(),
                Object::Stop => self.stop_overdue(),
            }
        }
    }

    fn router_due(&mut self, router: usize) {
        let late_by = self.routers[router].core.deadline().map(|at| self.now.since(at));
        self.routers[router].late_by = late_by;
        let it = &self.routers[router];
        if it.core.state() == StateName::Backup {
            let vmac = it.vmac;
            self.hear_out(it.net);
            if let Some(vmac) = vmac {
                self.hear_out(vmac.net);
            }
            self.hurry(router);
        }
        self.feed(router, Event::Timer);
    }

    /// Performs what was decided, and files the deadlines.
    fn finish_turn(&mut self) {
        self.look_up();
        self.perform();
        self.settle_duplicates();
        self.tell_of_stall();
        self.history.save(self.now);
        self.serve_clients();
        self.renew_leases();
        self.keep_state();
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
            self.arm(earliest);
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
