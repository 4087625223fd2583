//! What another run has left, read.

use super::file::Left;
use super::lines::word;
use super::memory;
use super::words::Words;
use crate::daemon::addresses::LeftAddress;
use crate::vrrp::router::memory::{Memory, State};
use crate::vrrp::settings::Settings;
use crate::vrrp::time::Instant;
use crate::vrrp::tracker::Verdict;
use crate::vrrp::StateName;
use std::collections::HashMap;
use std::fmt::Display;
use std::net::IpAddr;
use std::ops::Range;

/// What a line of a virtual router begins with.
pub(super) const ROUTER: &str = "router";
/// What a line of an address begins with.
pub(super) const ADDRESS: &str = "address";

/// What another run has left: that of a daemon that was killed, or our own before an upgrade.
#[derive(Clone, Debug, Default)]
pub struct Legacy {
    text: String,
    /// Where the lines are, by kind and whom they are about: there may be thousands.
    index: HashMap<(String, String), Vec<Range<usize>>>,
    /// When an advert of one that was killed last went out.
    beat: Option<Instant>,
    /// There was a file.
    left: bool,
    handed_over: bool,
}

impl Legacy {
    /// Of one that was killed.
    #[must_use]
    pub fn of_dead(left: Left) -> Self {
        // What it has left on the interfaces is there all the same.
        let kept = |line: &&str| left.beat.is_some() || Words::of(line).kind == ADDRESS;
        let text: String = left.text.split_inclusive('\n').filter(kept).collect();
        Self { index: index(&text), text, beat: left.beat, left: true, handed_over: false }
    }

    /// Of one that has handed over: all of it is true now.
    #[must_use]
    pub fn handed_over(text: String) -> Self {
        Self { index: index(&text), text, beat: None, left: false, handed_over: true }
    }

    /// Whether it was handed over.
    #[must_use]
    pub const fn is_handed_over(&self) -> bool {
        self.handed_over
    }

    /// Whether there is any of one that was killed.
    #[must_use]
    pub const fn is_left(&self) -> bool {
        self.left
    }

    /// How long ago the last advert was.
    #[must_use]
    pub fn away(&self, now: Instant) -> std::time::Duration {
        now.since(self.beat.unwrap_or(now))
    }

    /// The lines of a kind.
    pub fn lines<'a>(&'a self, kind: &'static str) -> impl Iterator<Item = Words<'a>> {
        self.text.lines().map(Words::of).filter(move |words| words.kind == kind)
    }

    /// The lines of a kind about somebody.
    fn about(&self, kind: &str, whom: &str) -> impl Iterator<Item = Words<'_>> {
        let found = self.index.get(&(kind.to_owned(), whom.to_owned()));
        let lines = found.into_iter().flatten().filter_map(|range| self.text.get(range.clone()));
        lines.map(Words::of)
    }

    /// What a virtual router knew: of a MASTER whom nobody can have replaced since, and of others if
    /// it was handed over. Who was away for longer, or listened, begins anew and keeps its counters.
    #[must_use]
    pub fn memory(
        &self,
        (interface, name): (&str, &str),
        settings: &Settings,
        now: Instant,
    ) -> Option<Memory> {
        let (family, vrid) = (settings.family, settings.virtual_router_id);
        let mut found = self.about(ROUTER, &router_key(interface, family, vrid));
        let first = found.next()?;
        // Several may share all of that: then it is the one with our name.
        let own = |words: &Words<'_>| words.text("instance").as_deref() == Some(name);
        let words = if own(&first) { first } else { found.find(own).unwrap_or(first) };
        let mut memory = memory::read(&words, settings);
        let Some(beat) = self.beat else { return Some(memory) };
        let interval = memory.advert_int.duration();
        if let State::Master(master) = &mut memory.state {
            // The raster went on after these lines were written.
            let rounds = beat.since(master.adver_at).as_nanos() / interval.as_nanos().max(1);
            if beat >= master.adver_at {
                let rounds = u32::try_from(rounds).unwrap_or(u32::MAX).saturating_add(1);
                master.adver_at = master.adver_at + interval.saturating_mul(rounds);
            }
            master.announce_again = None;
        }
        // A moment that is still to come is none that anybody was at work in.
        let damaged = |until| until > beat + interval * 256 || beat > now;
        if memory.master_until().is_none_or(|until| now >= until || damaged(until)) {
            memory.state = State::Init;
            memory.deaf_until = Instant::ZERO;
        }
        if let State::Master(master) = &mut memory.state {
            // The next advert goes out at once, and is late as far as nobody is concerned.
            master.adver_at = now;
        }
        // Of what was heard nothing is known to be true any more.
        (memory.remarks, memory.versions) = Default::default();
        Some(memory)
    }

    /// State, since when, why, and whether its scripts were told, of an instance.
    #[must_use]
    pub fn instance(&self, name: &str) -> Option<(StateName, Instant, String, bool)> {
        let words = self.about("instance", name).next()?;
        let since = Instant::from_nanos(words.read("since")?);
        let reason = words.text("reason").unwrap_or_default();
        Some((state(&words)?, since, reason, words.is("told")))
    }

    /// State of a group, and whether its scripts were told.
    #[must_use]
    pub fn group(&self, name: &str) -> Option<(StateName, bool)> {
        let words = self.about("group", name).next()?;
        Some((state(&words)?, words.is("told")))
    }

    /// Addresses that it has put on interfaces, by name.
    pub fn addresses(&self) -> impl Iterator<Item = (String, LeftAddress)> + '_ {
        self.lines(ADDRESS).filter_map(|words| {
            let address: IpAddr = words.read("address")?;
            let longest = if address.is_ipv4() { 32 } else { 128 };
            let prefix_len = words.read("prefix_len").filter(|len| *len <= longest)?;
            let same = |peer: &IpAddr| peer.is_ipv4() == address.is_ipv4();
            let peer = words.read("peer").filter(same);
            let interface = words.text("interface").filter(|it| !it.is_empty())?;
            Some((interface, LeftAddress { address, prefix_len, peer }))
        })
    }

    /// What was held to be true of something that is tracked.
    #[must_use]
    pub fn verdict(&self, label: &str) -> Option<Verdict> {
        let words = self.about("tracker", label).next()?;
        let all = [Verdict::Up, Verdict::Down, Verdict::Unknown];
        all.into_iter().find(|verdict| words.get("verdict") == Some(word(*verdict)))
    }
}

/// Where the lines about virtual routers, instances, groups and trackers are.
fn index(text: &str) -> HashMap<(String, String), Vec<Range<usize>>> {
    let mut index: HashMap<_, Vec<_>> = HashMap::new();
    let mut begin = 0;
    for line in text.split_inclusive('\n') {
        let range = begin..begin + line.trim_end_matches('\n').len();
        begin += line.len();
        let words = Words::of(text.get(range.clone()).unwrap_or_default());
        let whom = match words.kind {
            ROUTER => words.text("interface").map(|it| {
                let word = |key| words.get(key).unwrap_or_default();
                router_key(&it, word("family"), word("virtual_router_id"))
            }),
            "tracker" => words.text("label"),
            _ => words.text("name"),
        };
        if let Some(whom) = whom {
            index.entry((words.kind.to_owned(), whom)).or_default().push(range);
        }
    }
    index
}

fn router_key(interface: &str, family: impl Display, vrid: impl Display) -> String {
    format!("{interface} {family} {vrid}")
}

fn state(words: &Words<'_>) -> Option<StateName> {
    let all = [StateName::Init, StateName::Backup, StateName::Master, StateName::Fault];
    all.into_iter().find(|state| words.get("state") == Some(state.as_str()))
}
