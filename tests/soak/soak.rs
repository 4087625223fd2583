//! One fault after another, and a judgement after each.

use crate::ear::Holders;
use crate::fault::{Fault, GRACE};
use crate::lab::{holds_within, pass, span, wall_clock};
use crate::lag::Lag;
use crate::random::Random;
use crate::stage::{Programs, Stage};
use crate::step::Step;
use crate::table::Table;
use crate::world::{vip, Life, World, ROUTERS};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// Lines of each log that a failure shows.
const LINES: usize = 80;
/// How far back they go, in nanoseconds before the fault.
const BEFORE: u64 = 3_000_000_000;

/// What is asked for.
#[derive(Clone, Debug)]
pub struct Options {
    pub seed: u64,
    /// No fault begins later.
    pub time: Duration,
    /// The most faults, without those at the end that mend everything.
    pub faults: usize,
    /// These instead of what the seed says.
    pub steps: Vec<Step>,
    /// The `vip_lease` of vipd, if not the usual one.
    pub vip_lease: Option<&'static str>,
    pub advert_int: Duration,
    /// Where all that the daemons have said goes, if anywhere.
    pub log: Option<PathBuf>,
    pub programs: Programs,
}

/// The state of a run.
pub struct Soak<'a> {
    pub stage: Stage,
    pub world: World,
    pub table: Table,
    lag: Lag,
    begin: u64,
    interrupted: &'a AtomicBool,
}

/// When what happened.
pub struct Moments {
    /// The fault.
    pub fault: u64,
    /// What came last: its end or another one, if that came soon.
    pub last: u64,
    /// How late the machine had been at the fault, in sum.
    late: Duration,
}

/// Runs until the time is over, a judgement fails or somebody interrupts it. Prints everything.
pub fn run(options: &Options, interrupted: &AtomicBool) -> Result<(), String> {
    let daemons = options.programs.daemons();
    let mut world = World::new(daemons, options.advert_int);
    world.vip_lease = options.vip_lease;
    let (stage, lag) = (Stage::new(options.programs.clone()), Lag::new());
    let (table, begin) = (Table::default(), wall_clock());
    let mut soak = Soak { stage, world, table, lag, begin, interrupted };
    let names: Vec<String> =
        (0..ROUTERS).map(|router| format!("{} {}", World::name(router), daemons[router])).collect();
    println!(
        "soak: seed {}, adverts every {:?}, {}{}",
        options.seed,
        options.advert_int,
        names.join(", "),
        if options.programs.keepalived.is_none() { " (there is no keepalived here)" } else { "" },
    );
    let result = soak.go(options);
    println!("\n{}", soak.table.text());
    println!("machine: woke us late by {:?} in all", soak.lag.total());
    println!("seed {}", options.seed);
    if let Some(path) = &options.log {
        let lines = soak.lines(0, usize::MAX).join("\n");
        std::fs::write(path, lines).map_err(|error| format!("{}: {error}", path.display()))?;
    }
    result
}

impl Soak<'_> {
    fn go(&mut self, options: &Options) -> Result<(), String> {
        let end = Instant::now() + options.time;
        let moments = self.now();
        (0..ROUTERS).for_each(|router| self.stage.start(&self.world, router));
        self.settle(&moments, Fault::Start(0).bound(&self.world))
            .map_err(|error| self.explain(error, &moments))?;
        self.say("all are at work");
        for step in &options.steps {
            self.step(*step)?;
        }
        let mut random = Random::new(options.seed);
        while Instant::now() < end && self.table.faults() < options.faults {
            let step = Step::choose(&mut random, &self.world);
            self.step(step)?;
        }
        self.say("now everything is mended");
        while let Some(fault) = Fault::ends(&self.world).first().copied() {
            self.step(Step { fault, soon: None })?;
        }
        Ok(())
    }

    fn now(&self) -> Moments {
        let now = wall_clock();
        Moments { fault: now, last: now, late: self.lag.total() }
    }

    fn say(&self, what: &str) {
        println!("{:8.3} {what}", span(self.begin, wall_clock()).as_secs_f64());
    }

    /// Does something, waits until all is well again, and judges.
    fn step(&mut self, step: Step) -> Result<(), String> {
        let (before, mut moments) = (self.world.clone(), self.now());
        self.stage.ears.iter().for_each(crate::ear::Ear::forget);
        self.say(&step.to_string());
        self.table.fault(step.fault.name());
        let result = self.perform(step, &mut moments, &before);
        result.map_err(|error| self.explain(error, &moments))
    }

    fn explain(&self, error: String, moments: &Moments) -> String {
        if self.is_interrupted() {
            return "cut short".to_owned();
        }
        format!("{error}\n{}\nagain, that was: {error}", self.story(moments))
    }

    fn perform(&mut self, step: Step, times: &mut Moments, before: &World) -> Result<(), String> {
        step.fault.apply(&mut self.world);
        self.stage.perform(step.fault, &self.world)?;
        let between = self.world.clone();
        if let Some((after, soon)) = step.soon {
            pass(after);
            times.last = wall_clock();
            soon.apply(&mut self.world);
            self.stage.perform(soon, &self.world)?;
        }
        self.settle(times, step.bound(&self.world))?;
        self.compare_addresses()?;
        self.record(step, times, before)?;
        let after = self.world.clone();
        let (first, last) = ((times.fault, times.last), (times.last, u64::MAX));
        if step.soon.is_none() {
            return self.count_doubles(step, times, last, &[before, &after]);
        }
        self.count_doubles(step, times, first, &[before, &between])?;
        self.count_doubles(step, times, last, &[&between, &after])
    }

    /// Waits until each address has the holder that it should have and no other, and has had it for
    /// a while. It must have it within the bound, and from then on.
    fn settle(&self, times: &Moments, bound: Duration) -> Result<(), String> {
        let took = span(times.last, wall_clock());
        let mut outcome = None;
        holds_within(Duration::MAX / 4, || {
            outcome = self.look(times, took + bound, bound);
            outcome.is_some()
        });
        outcome.unwrap_or(Ok(()))
    }

    /// Whether that is so now, or cannot be any more; nothing if it may still come to be. It must be
    /// so `within` a while.
    fn look(
        &self,
        times: &Moments,
        within: Duration,
        bound: Duration,
    ) -> Option<Result<(), String>> {
        let by = after(times.last, within + self.late(times));
        let since = self.well_since();
        let now = wall_clock();
        match since {
            Ok(since) if since <= by => {
                let enough = after(since.max(times.last), 3 * self.world.advert_int);
                if now >= enough.max(after(times.last, bound - GRACE)) {
                    return Some(Ok(()));
                }
            }
            Ok(since) => {
                let late = span(by, since);
                return Some(Err(format!("well again {late:?} later than it has to be")));
            }
            Err(error) if now > by => {
                let bound = span(times.last, by);
                return Some(Err(format!("not well within {bound:?}: {error}")));
            }
            Err(_) => {}
        }
        if self.is_interrupted() {
            return Some(Err("cut short".to_owned()));
        }
        let missing = self.stage.missing(&self.world)?;
        Some(Err(format!("{} has ended by itself", World::name(missing))))
    }

    /// Since when all addresses have their right holders; or which has not, and who has it instead.
    fn well_since(&self) -> Result<u64, String> {
        let ignored = self.undead(&[&self.world]);
        let mut latest = 0;
        for (side, address, holder) in self.world.holders() {
            let history = self.stage.ears[side].history(address);
            let holders = bit(holder);
            latest = latest.max(history.since(holders, ignored).ok_or_else(|| {
                let is = history.runs.last().map_or(0, |run| run.holders);
                format!(
                    "segment {side}: {} should be held by {}, is held by {}",
                    vip(address),
                    names(holders),
                    names(is)
                )
            })?);
        }
        Ok(latest)
    }

    /// Whoever runs has the addresses that it should have, and no others.
    fn compare_addresses(&self) -> Result<(), String> {
        let runs = (0..ROUTERS).filter(|router| self.world.routers[*router].life == Life::Runs);
        let runs: Holders = runs.map(|router| 1 << router).sum();
        let mut wrong = String::new();
        let right = holds_within(GRACE, || {
            wrong.clear();
            for (address, with) in self.stage.with_address().into_iter().enumerate() {
                let should = (0..2).map(|side| bit(self.world.holder(side, address))).sum();
                if with & runs != should {
                    let (vip, should) = (vip(address), names(should));
                    wrong = format!("{vip} should be on {should}, is on {}", names(with & runs));
                }
            }
            wrong.is_empty()
        });
        right.then_some(()).ok_or(wrong)
    }

    /// Who is undead in one of these worlds.
    pub fn undead(&self, worlds: &[&World]) -> Holders {
        who(worlds, |router| router.is_undead())
    }

    pub fn late(&self, times: &Moments) -> Duration {
        self.lag.total().saturating_sub(times.late)
    }

    fn is_interrupted(&self) -> bool {
        self.interrupted.load(Ordering::Relaxed)
    }

    /// What the daemons have said since a moment, at most so many lines of each.
    fn lines(&self, since: u64, most: usize) -> Vec<String> {
        let line = |(at, text)| format!("{:8.3} {text}", span(self.begin, at).as_secs_f64());
        self.stage.logs(since, most).into_iter().map(line).collect()
    }

    /// What the daemons have said around a fault, and what was heard of the addresses.
    fn story(&self, times: &Moments) -> String {
        let at = |moment: u64| span(self.begin, moment).as_secs_f64();
        let mut lines = self.lines(times.fault.saturating_sub(BEFORE), LINES);
        for (side, address, _) in self.world.holders() {
            let history = self.stage.ears[side].history(address);
            let runs: Vec<String> = history
                .runs
                .iter()
                .map(|run| format!("{:.3} {}", at(run.from), names(run.holders)))
                .collect();
            lines.push(format!("segment {side}, {}: {}", vip(address), runs.join("; ")));
        }
        lines.push(format!("machine late by {:?} since the fault", self.late(times)));
        lines.join("\n")
    }
}

pub fn who(worlds: &[&World], is: fn(&crate::world::Router) -> bool) -> Holders {
    let some = |router: &usize| worlds.iter().any(|world| is(&world.routers[*router]));
    (0..ROUTERS).filter(some).map(|router| 1 << router).sum()
}

fn bit(router: Option<usize>) -> Holders {
    router.map_or(0, |router| 1 << router)
}

pub fn names(holders: Holders) -> String {
    let held = (0..ROUTERS).filter(|router| holders & (1 << router) != 0).map(World::name);
    let held: Vec<String> = held.collect();
    if held.is_empty() {
        "nobody".to_owned()
    } else {
        held.join(" and ")
    }
}

fn after(moment: u64, span: Duration) -> u64 {
    moment + span.as_nanos() as u64
}
