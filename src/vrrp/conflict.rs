//! Whether another host has a virtual address while we are MASTER: RFC 5227's detection and defence,
//! for ARP and neighbour discovery alike.
//!
//! One claim proves nothing: it may be the last word of the MASTER before us, or the first of the one
//! after us, whose advertisement is still on its way. So it is judged a little later, by a question:
//! whoever has the address answers.
//!
//! ```text
//!            claim              still MASTER            claim
//!   ALONE ──────────▶ SUSPECTED ────────────▶ ASKED ──────────▶ CONFLICT
//!     ▲               patience    announce,     │                  │ asks, announces again
//!     │                           ask           │ no answer        │ silence
//!     └──────────────────────────◀──────────────┴──────────────────┘
//! ```

use super::time::Instant;
use alloc::vec::Vec;
use core::time::Duration;

/// RFC 5227 §1.1, DEFEND_INTERVAL: the address is announced again at most that often.
pub const DEFEND_INTERVAL: Duration = Duration::from_secs(10);
/// When RFC 5227's PROBE_NUM questions are asked that go with a take-over: at once, and so long
/// after it.
pub const PROBES: [Duration; 2] = [Duration::from_secs(1), Duration::from_secs(3)];
/// How often it is asked whether a conflict is still there.
pub const ASK: Duration = Duration::from_secs(5);
/// How long an answer may take.
pub const ANSWER: Duration = Duration::from_secs(3);
/// Nobody has claimed the address for so long, though we asked: it is over.
pub const OVER: Duration = Duration::from_secs(12);
/// The same of a conflict that has come back within this span: what comes and goes is one.
pub const CALM: Duration = Duration::from_secs(60);
/// What an interface and a loaded host may add to an interval.
const SLACK: Duration = Duration::from_millis(100);

/// What happens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// We are MASTER, and so is everybody known who is within this interval of advertisements.
    Master {
        /// Our own.
        interval: Duration,
    },
    /// We are no longer.
    NotMaster,
    /// Somebody else says that the address is at this MAC address.
    Claim([u8; 6]),
    /// `deadline()` may have come.
    Timer,
}

/// What is to be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// Ask who has the address.
    Ask,
    /// Announce it, once.
    Announce,
    /// Tell that another host has it.
    Begin(Claimed),
    /// Tell that it is over.
    Over(Claimed),
}

/// Who claims an address, and since when.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Claimed {
    /// The MAC address of the first.
    pub mac: [u8; 6],
    /// There were others.
    pub others: bool,
    /// The first claim that was heard.
    pub since: Instant,
    /// The last one.
    pub last: Instant,
    /// How many were heard.
    pub count: u64,
}

#[derive(Clone, Copy, Debug)]
enum State {
    /// We are not MASTER: whoever is may say so.
    Idle,
    /// Nobody else says anything. So many questions of the take-over are asked.
    Alone { asked: usize },
    /// Somebody has said something; we look into it at this moment.
    Suspected { claimed: Claimed, judge_at: Instant },
    /// We have asked, and wait for an answer.
    Asked { claimed: Claimed, until: Instant },
    /// Another host has it.
    Conflict { claimed: Claimed, ask_at: Instant, defended_at: Instant },
}

/// One virtual address of one virtual router.
#[derive(Clone, Debug)]
pub struct Conflict {
    /// Questions go out with a take-over.
    probes: bool,
    state: State,
    /// When we became MASTER, and how long a peer may take to be heard.
    since: Instant,
    patience: Duration,
    /// When the last conflict was over.
    ended_at: Option<Instant>,
    /// The one that is going on has come back.
    again: bool,
    /// Conflicts so far.
    count: u64,
}

impl Conflict {
    /// Not MASTER. `probes`: questions go out with a take-over.
    #[must_use]
    pub const fn new(probes: bool) -> Self {
        Self {
            probes,
            state: State::Idle,
            since: Instant::ZERO,
            patience: Duration::ZERO,
            ended_at: None,
            again: false,
            count: 0,
        }
    }

    /// Takes over what its predecessor remembers.
    pub fn inherit(&mut self, old: &Self) {
        *self = Self { probes: self.probes, ..old.clone() };
    }

    /// The address is another one, of which nothing was heard yet.
    pub fn forget(&mut self) {
        match self.state {
            State::Idle | State::Alone { .. } => {}
            State::Suspected { .. } | State::Asked { .. } | State::Conflict { .. } => self.alone(),
        }
    }

    /// Who has the address besides us.
    #[must_use]
    pub const fn claimed(&self) -> Option<Claimed> {
        match self.state {
            State::Idle | State::Alone { .. } | State::Suspected { .. } | State::Asked { .. } => {
                None
            }
            State::Conflict { claimed, .. } => Some(claimed),
        }
    }

    /// How many conflicts there were.
    #[must_use]
    pub const fn count(&self) -> u64 {
        self.count
    }

    /// Whether claims are of interest: we are MASTER.
    #[must_use]
    pub const fn listens(&self) -> bool {
        !matches!(self.state, State::Idle)
    }

    /// When `handle` wants to be called with [`Event::Timer`] at the latest.
    #[must_use]
    pub fn deadline(&self) -> Option<Instant> {
        match self.state {
            State::Idle => None,
            State::Alone { asked } => {
                let next = PROBES.get(asked).filter(|_| self.probes);
                next.map(|delay| self.since + *delay)
            }
            State::Suspected { judge_at, .. } => Some(judge_at),
            State::Asked { until, .. } => Some(until),
            State::Conflict { claimed, ask_at, .. } => {
                Some(ask_at.min(claimed.last + self.patience_for_silence()))
            }
        }
    }

    /// Takes an event and appends what is to be done about it.
    pub fn handle(&mut self, now: Instant, event: Event, out: &mut Vec<Action>) {
        match event {
            Event::Master { interval } => self.master(now, interval, out),
            Event::NotMaster => {
                self.end(now, out);
                self.state = State::Idle;
            }
            Event::Claim(mac) => self.claim(now, mac, out),
            Event::Timer => self.timer(now, out),
        }
    }

    fn master(&mut self, now: Instant, interval: Duration, out: &mut Vec<Action>) {
        self.patience = interval + SLACK;
        match self.state {
            State::Idle => {
                self.since = now;
                self.state = State::Alone { asked: 0 };
                if self.probes {
                    out.push(Action::Ask);
                }
            }
            State::Alone { .. }
            | State::Suspected { .. }
            | State::Asked { .. }
            | State::Conflict { .. } => {}
        }
    }

    fn claim(&mut self, now: Instant, mac: [u8; 6], out: &mut Vec<Action>) {
        match &mut self.state {
            State::Idle => {}
            State::Alone { .. } => {
                let claimed = Claimed { mac, others: false, since: now, last: now, count: 1 };
                // At first the MASTER before us may still have to hear of us.
                let judge_at = (self.since + self.patience * 2).max(now + self.patience);
                self.state = State::Suspected { claimed, judge_at };
            }
            State::Suspected { claimed, .. } => claimed.add(now, mac),
            State::Asked { claimed, .. } => {
                claimed.add(now, mac);
                let claimed = *claimed;
                self.count += 1;
                self.again = self.ended_at.is_some_and(|at| now.since(at) < CALM);
                // It was announced when it was asked for.
                self.state = State::Conflict { claimed, ask_at: now + ASK, defended_at: now };
                out.push(Action::Begin(claimed));
            }
            State::Conflict { claimed, defended_at, .. } => {
                claimed.add(now, mac);
                if now.since(*defended_at) >= DEFEND_INTERVAL {
                    *defended_at = now;
                    out.push(Action::Announce);
                }
            }
        }
    }

    fn timer(&mut self, now: Instant, out: &mut Vec<Action>) {
        let silence = self.patience_for_silence();
        match &mut self.state {
            State::Idle => {}
            State::Alone { asked } => {
                let next = PROBES.get(*asked).filter(|_| self.probes);
                if next.is_some_and(|delay| now >= self.since + *delay) {
                    *asked += 1;
                    out.push(Action::Ask);
                }
            }
            State::Suspected { claimed, judge_at } if now >= *judge_at => {
                self.state = State::Asked { claimed: *claimed, until: now + ANSWER };
                out.extend([Action::Announce, Action::Ask]);
            }
            State::Asked { until, .. } if now >= *until => self.alone(),
            State::Suspected { .. } | State::Asked { .. } => {}
            State::Conflict { claimed, .. } if now >= claimed.last + silence => {
                self.end(now, out);
                self.alone();
            }
            State::Conflict { ask_at, .. } if now >= *ask_at => {
                *ask_at = now + ASK;
                out.push(Action::Ask);
            }
            State::Conflict { .. } => {}
        }
    }

    /// Whoever took over with questions has asked them by now.
    fn alone(&mut self) {
        self.state = State::Alone { asked: PROBES.len() };
    }

    fn end(&mut self, now: Instant, out: &mut Vec<Action>) {
        if let State::Conflict { claimed, .. } = self.state {
            self.ended_at = Some(now);
            out.push(Action::Over(claimed));
        }
    }

    const fn patience_for_silence(&self) -> Duration {
        if self.again {
            CALM
        } else {
            OVER
        }
    }
}

impl Claimed {
    fn add(&mut self, now: Instant, mac: [u8; 6]) {
        self.others |= mac != self.mac;
        self.last = now;
        self.count = self.count.saturating_add(1);
    }
}

#[cfg(test)]
mod tests {
    use super::Action::{Announce, Ask, Begin, Over};
    use super::*;

    const MAC: [u8; 6] = [2, 0, 0, 0, 0, 7];
    const OTHER: [u8; 6] = [2, 0, 0, 0, 0, 8];
    const INTERVAL: Duration = Duration::from_secs(1);

    struct World {
        it: Conflict,
        out: Vec<Action>,
    }

    impl World {
        /// MASTER from 10 s on.
        fn new(probes: bool) -> Self {
            let mut world = Self { it: Conflict::new(probes), out: Vec::new() };
            let asked = world.at(10.0, Event::Master { interval: INTERVAL });
            assert_eq!(asked, if probes { alloc::vec![Ask] } else { Vec::new() });
            world
        }

        fn at(&mut self, seconds: f64, event: Event) -> Vec<Action> {
            self.it.handle(time(seconds), event, &mut self.out);
            core::mem::take(&mut self.out)
        }

        /// Timers until then, with what they brought.
        fn until(&mut self, seconds: f64) -> Vec<(f64, Action)> {
            let mut all = Vec::new();
            while let Some(at) = self.it.deadline().filter(|at| *at <= time(seconds)) {
                self.it.handle(at, Event::Timer, &mut self.out);
                let now = at.as_nanos() as f64 / 1e9;
                all.extend(self.out.drain(..).map(|action| (now, action)));
                assert!(self.it.deadline().is_none_or(|next| next > at), "it does not spin");
            }
            all
        }

        /// A conflict that is told at 31.2 s.
        fn conflict() -> Self {
            let mut world = Self::new(false);
            world.at(30.0, Event::Claim(MAC));
            world.until(31.2);
            assert!(matches!(world.at(31.2, Event::Claim(MAC))[..], [Begin(_)]));
            world
        }
    }

    fn time(seconds: f64) -> Instant {
        Instant::ZERO + Duration::from_secs_f64(seconds)
    }

    #[test]
    fn a_claim_that_is_not_repeated_is_answered_and_forgotten() {
        let mut world = World::new(false);
        assert_eq!(world.at(30.0, Event::Claim(MAC)), []);
        assert_eq!(world.until(60.0), [(31.1, Announce), (31.1, Ask)]);
        assert_eq!((world.it.claimed(), world.it.deadline()), (None, None));
        // And the next one begins anew.
        assert_eq!(world.at(70.0, Event::Claim(MAC)), []);
        assert_eq!(world.it.count(), 0);
    }

    #[test]
    fn whoever_answers_is_told_of_once() {
        let mut world = World::conflict();
        let claimed = world.it.claimed().unwrap();
        assert_eq!((claimed.mac, claimed.since, claimed.count), (MAC, time(30.0), 2));
        for tenth in 0..1000 {
            let now = 31.3 + f64::from(tenth) / 10.0;
            world.until(now);
            let mac = if tenth % 2 == 0 { OTHER } else { MAC };
            assert!(!world
                .at(now, Event::Claim(mac))
                .iter()
                .any(|it| matches!(it, Begin(_) | Over(_))));
        }
        let claimed = world.it.claimed().unwrap();
        assert_eq!((claimed.mac, claimed.others, claimed.count), (MAC, true, 1002));
        assert_eq!(world.it.count(), 1);
    }

    /// RFC 5227 §2.4.
    #[test]
    fn the_defence_is_once_in_ten_seconds() {
        let mut world = World::conflict();
        let mut announced = Vec::new();
        for second in 32..82 {
            let out = world.at(f64::from(second), Event::Claim(MAC));
            announced.extend(out.iter().filter(|it| **it == Announce).map(|_| second));
        }
        assert_eq!(announced, [42, 52, 62, 72]);
    }

    #[test]
    fn silence_ends_it_though_it_is_asked() {
        let mut world = World::conflict();
        let out = world.until(100.0);
        let times: Vec<f64> = out.iter().map(|(at, _)| *at).collect();
        assert_eq!(times, [36.2, 41.2, 43.2]);
        assert!(matches!(out[2].1, Over(claimed) if claimed.mac == MAC && claimed.count == 2));
        assert_eq!(world.it.claimed(), None);
    }

    #[test]
    fn an_answer_to_the_question_goes_on() {
        let mut world = World::conflict();
        for question in 0..20 {
            let at = 36.2 + 5.0 * f64::from(question);
            assert_eq!(world.until(at), [(at, Ask)]);
            world.at(at + 0.001, Event::Claim(MAC));
        }
    }

    #[test]
    fn what_comes_back_at_once_has_to_be_silent_longer() {
        let mut world = World::conflict();
        assert!(matches!(world.until(44.0).last(), Some((_, Over(_)))));
        world.at(45.0, Event::Claim(MAC));
        world.until(46.2);
        assert!(matches!(world.at(46.2, Event::Claim(MAC))[..], [Begin(_)]));
        let over: Vec<f64> = world
            .until(200.0)
            .iter()
            .filter(|(_, it)| matches!(it, Over(_)))
            .map(|(at, _)| *at)
            .collect();
        assert_eq!(over, [106.2]);
    }

    #[test]
    fn a_peer_that_takes_over_is_no_conflict() {
        let mut world = World::new(true);
        world.until(20.0);
        assert_eq!(world.at(30.0, Event::Claim(MAC)), []);
        assert_eq!(world.at(31.0, Event::NotMaster), []);
        for second in 32..40 {
            assert_eq!(world.at(f64::from(second), Event::Claim(MAC)), []);
        }
        assert_eq!(world.it.deadline(), None);
    }

    #[test]
    fn leaving_master_ends_it() {
        let mut world = World::conflict();
        assert!(matches!(world.at(33.0, Event::NotMaster)[..], [Over(_)]));
        assert_eq!((world.it.claimed(), world.it.listens()), (None, false));
    }

    /// The last word of the MASTER before us: it is asked, when that must have heard of us.
    #[test]
    fn the_old_masters_last_word_is_no_conflict() {
        let mut world = World::new(false);
        assert_eq!(world.at(10.01, Event::Claim(MAC)), []);
        assert_eq!(world.until(60.0), [(12.2, Announce), (12.2, Ask)]);
        assert_eq!(world.it.claimed(), None);
    }

    /// RFC 5227 §2.1.1: three probes; and a dead MASTER whose kernel answers is found.
    #[test]
    fn a_take_over_with_probes_asks_three_times() {
        let mut world = World::new(true);
        assert_eq!(world.until(60.0), [(11.0, Ask), (13.0, Ask)]);
        let mut world = World::new(true);
        world.at(10.001, Event::Claim(MAC));
        assert_eq!(world.until(12.3), [(12.2, Announce), (12.2, Ask)]);
        assert!(matches!(world.at(12.201, Event::Claim(MAC))[..], [Begin(_)]));
    }

    #[test]
    fn a_reload_goes_on() {
        let world = World::conflict();
        let mut heir = Conflict::new(true);
        heir.inherit(&world.it);
        assert_eq!(heir.claimed(), world.it.claimed());
        assert_eq!((heir.deadline(), heir.probes), (world.it.deadline(), true));
    }
}
