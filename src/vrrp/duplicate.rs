//! Who should not be there, as the advertisements show: a second MASTER, a second owner, a router
//! with our priority, our address or other virtual addresses. Each kind is remembered while it goes
//! on: who, since when, how often.

use super::event::{Action, Remark};
use super::time::Instant;
use alloc::vec::Vec;
use core::fmt;
use core::net::IpAddr;
use core::time::Duration;

/// What is twofold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Duplicate {
    /// Two routers have one priority (V3-117).
    Priority,
    /// Two routers own the addresses (V3-046, V3-116).
    Owner,
    /// Two routers send from one address (V3-089).
    Source,
    /// Two groups of routers have one VRID, with other addresses (V3-052).
    Group,
    /// A MASTER of lower rank that does not yield (V3-088).
    Master,
    /// A MASTER whose adverts we discard, while we are MASTER.
    UnheardMaster,
}

impl Duplicate {
    /// All of them.
    pub const ALL: [Self; 6] =
        [Self::Priority, Self::Owner, Self::Source, Self::Group, Self::Master, Self::UnheardMaster];

    /// What it is called, in words of JSON.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Priority => "duplicate_priority",
            Self::Owner => "duplicate_owner",
            Self::Source => "duplicate_source",
            Self::Group => "other_addresses",
            Self::Master => "second_master",
            Self::UnheardMaster => "unheard_master",
        }
    }
}

impl fmt::Display for Duplicate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// One of them that goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sighting {
    /// What it is.
    pub kind: Duplicate,
    /// Who it is: the first that was heard.
    pub source: IpAddr,
    /// There were others.
    pub others: bool,
    /// The first time.
    pub since: Instant,
    /// The last time.
    pub last: Instant,
    /// How often.
    pub count: u64,
    /// It was over a short while ago.
    again: bool,
}

/// Something of one kind that has ended a short while ago is the same thing, and is told of only
/// when it has been away that long.
const CALM: Duration = Duration::from_secs(60);
/// At least so long it must not have been heard.
const SILENCE: Duration = Duration::from_secs(3);

/// What goes on at one virtual router. Without anything it has no memory but its own.
#[derive(Clone, Debug, Default)]
pub struct Duplicates {
    going_on: Vec<Sighting>,
    /// When each kind was over last.
    ended: Vec<(Duplicate, Instant)>,
}

impl Duplicates {
    /// What goes on.
    #[must_use]
    pub fn going_on(&self) -> &[Sighting] {
        &self.going_on
    }

    /// It was heard.
    pub(super) fn seen(
        &mut self,
        now: Instant,
        kind: Duplicate,
        source: IpAddr,
        out: &mut Vec<Action>,
    ) {
        if let Some(it) = self.going_on.iter_mut().find(|it| it.kind == kind) {
            it.others |= it.source != source;
            it.last = now;
            it.count = it.count.saturating_add(1);
            return;
        }
        let ended = self.ended.iter().find(|(ended, _)| *ended == kind);
        let again = ended.is_some_and(|(_, at)| now.since(*at) < CALM);
        let (since, last, count, others) = (now, now, 1, false);
        self.going_on.push(Sighting { kind, source, others, since, last, count, again });
        if !again {
            out.push(Action::Remark(Remark::Duplicate { kind, source }));
        }
    }

    /// Ends what was not heard for three intervals of advertisements, of ours.
    pub(super) fn look(&mut self, now: Instant, interval: Duration, out: &mut Vec<Action>) {
        if self.going_on.is_empty() {
            return;
        }
        let ended = &mut self.ended;
        self.going_on.retain(|it| {
            let silence = if it.again { CALM } else { SILENCE.max(interval * 3) };
            let stays = now.since(it.last) <= silence;
            if !stays {
                match ended.iter_mut().find(|(kind, _)| *kind == it.kind) {
                    Some((_, at)) => *at = now,
                    None => ended.push((it.kind, now)),
                }
                out.push(Action::Remark(Remark::Over(*it)));
            }
            stays
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use core::net::Ipv4Addr;

    const SOURCE: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
    const INTERVAL: Duration = Duration::from_secs(2);

    fn at(seconds: u64) -> Instant {
        Instant::ZERO + Duration::from_secs(seconds)
    }

    /// Heard each second in some spans, and looked at each second: when it began and was over.
    fn told(heard: &[(u64, u64)], until: u64) -> (Vec<u64>, Vec<u64>) {
        let mut it = Duplicates::default();
        let (mut begun, mut over) = (Vec::new(), Vec::new());
        for second in 0..until {
            let mut out = Vec::new();
            it.look(at(second), INTERVAL, &mut out);
            if heard.iter().any(|(from, to)| (*from..*to).contains(&second)) {
                it.seen(at(second), Duplicate::Owner, SOURCE, &mut out);
            }
            for action in out {
                match action {
                    Action::Remark(Remark::Duplicate { .. }) => begun.push(second),
                    Action::Remark(Remark::Over(_)) => over.push(second),
                    other => panic!("{other:?}"),
                }
            }
        }
        (begun, over)
    }

    #[test]
    fn it_is_told_once_and_over_after_three_intervals() {
        assert_eq!(told(&[(10, 100)], 200), (alloc::vec![10], alloc::vec![106]));
    }

    #[test]
    fn what_comes_and_goes_is_a_line_a_minute() {
        let spans: Vec<_> = (0..100).map(|n| (10 * n, 10 * n + 1)).collect();
        let (begun, over) = told(&spans, 1000);
        assert_eq!((begun.len(), over.len()), (1, 1), "{over:?}");
        let (begun, over) = told(&spans, 1100);
        assert_eq!((begun.len(), over.len()), (1, 2), "{over:?}");
    }

    #[test]
    fn after_a_while_it_is_told_again() {
        let (begun, over) = told(&[(10, 20), (100, 101)], 300);
        assert_eq!((begun, over), (alloc::vec![10, 100], alloc::vec![26, 107]));
    }

    #[test]
    fn who_it_is_and_how_often() {
        let mut it = Duplicates::default();
        let mut out = Vec::new();
        let other: IpAddr = Ipv4Addr::BROADCAST.into();
        for (second, source) in [(1, SOURCE), (2, SOURCE), (3, other)] {
            it.seen(at(second), Duplicate::Priority, source, &mut out);
        }
        it.seen(at(4), Duplicate::Group, other, &mut out);
        assert_eq!(out.len(), 2);
        let [first, second] = it.going_on() else { panic!() };
        assert_eq!((first.source, first.others, first.count), (SOURCE, true, 3));
        assert_eq!((first.since, first.last), (at(1), at(3)));
        assert_eq!((second.source, second.others, second.count), (other, false, 1));
    }

    #[test]
    fn every_kind_has_a_name() {
        let mut names: Vec<_> = Duplicate::ALL.map(Duplicate::as_str).to_vec();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), 6);
    }
}
