//! What waits for room in a FIFO: bounded, and yet the last state of each name is never lost.

use std::collections::{BTreeSet, VecDeque};

/// So many lines may wait, and more if there are more names than that.
const LEAST: usize = 256;

/// What a line tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// A state.
    State,
    /// Something else.
    Event,
}

/// A line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// Of whom: the number of an instance or a group among all that are told of.
    pub about: usize,
    /// What it tells.
    pub kind: Kind,
    /// Its text, with the end of the line.
    pub text: String,
}

impl Line {
    /// Whether it tells a state.
    #[must_use]
    pub fn is_state(&self) -> bool {
        self.kind == Kind::State
    }
}

/// Lines in their order.
#[derive(Debug)]
pub struct Lines {
    waiting: VecDeque<Line>,
    most: usize,
}

impl Lines {
    /// No lines, of so many names.
    #[must_use]
    pub fn new(names: usize) -> Self {
        // With a place for a line of each kind of each name, a line too many supersedes one.
        Self { waiting: VecDeque::new(), most: LEAST.max(2 * names) }
    }

    /// Adds a line. If there is no room, the oldest goes after which another of its kind and name
    /// comes; true if one had to.
    pub fn push(&mut self, line: Line) -> bool {
        self.waiting.push_back(line);
        if self.waiting.len() <= self.most {
            return false;
        }
        let (mut later, mut superseded) = (BTreeSet::new(), None);
        for (at, line) in self.waiting.iter().enumerate().rev() {
            if !later.insert((line.about, line.kind)) {
                superseded = Some(at);
            }
        }
        self.waiting.remove(superseded.unwrap_or(0));
        true
    }

    /// Takes over what waits after a reload; `heir` gives the new number of a name.
    pub fn inherit(&mut self, before: Self, heir: impl Fn(usize) -> Option<usize>) {
        for mut line in before.waiting {
            // Nothing supersedes the last words of one that is no more.
            line.about = heir(line.about).unwrap_or(usize::MAX - line.about);
            self.push(line);
        }
    }

    /// All of them, the oldest first.
    pub fn iter(&self) -> impl Iterator<Item = &Line> {
        self.waiting.iter()
    }

    /// The oldest.
    #[must_use]
    pub fn front(&self) -> Option<&Line> {
        self.waiting.front()
    }

    /// The oldest has been written.
    pub fn pop(&mut self) {
        self.waiting.pop_front();
    }

    /// Nothing waits.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(about: usize, kind: Kind, number: usize) -> Line {
        Line { about, kind, text: number.to_string() }
    }

    fn numbers(lines: &Lines) -> Vec<usize> {
        lines.waiting.iter().map(|line| line.text.parse().unwrap()).collect()
    }

    #[test]
    fn the_oldest_that_is_superseded_goes() {
        let mut lines = Lines { waiting: VecDeque::new(), most: 4 };
        for (number, (about, kind)) in
            [(0, Kind::State), (1, Kind::State), (1, Kind::Event), (1, Kind::State)]
                .into_iter()
                .enumerate()
        {
            assert!(!lines.push(line(about, kind, number)));
        }
        assert!(lines.push(line(1, Kind::State, 4)));
        assert_eq!(numbers(&lines), [0, 2, 3, 4], "not the only one of its name");
        assert!(lines.push(line(1, Kind::Event, 5)));
        assert_eq!(numbers(&lines), [0, 3, 4, 5], "an event makes room for an event");
        assert!(lines.push(line(0, Kind::State, 6)));
        assert_eq!(numbers(&lines), [3, 4, 5, 6]);
    }

    #[test]
    fn the_last_state_of_each_name_stays_however_many_come() {
        let names = 300;
        let mut lines = Lines::new(names);
        let mut seed: usize = 7;
        let mut last = vec![[None; 2]; names];
        for number in 0..20_000 {
            seed = seed.wrapping_mul(1_103_515_245).wrapping_add(12_345) % (1 << 31);
            let (about, kind) = (seed / 8 % names, [Kind::State, Kind::Event][seed / 4096 % 2]);
            lines.push(line(about, kind, number));
            last[about][kind as usize] = Some(number);
            assert!(lines.waiting.len() <= 2 * names);
        }
        let left = numbers(&lines);
        assert!(left.is_sorted());
        assert!(last.iter().flatten().flatten().all(|number| left.contains(number)));
    }
}
