//! What a tracker does to a priority: a verdict from consecutive results, and a weight that turns
//! the verdict into an [`Effect`].

use super::bounds;

/// What a tracker's failure or success is worth, -254 to 254. `reverse` inverts it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Weight {
    value: i16,
    reverse: bool,
}

impl Weight {
    /// `None` outside of -254..=254.
    #[must_use]
    pub const fn new(value: i16, reverse: bool) -> Option<Self> {
        if value < -bounds::HEAVIEST || value > bounds::HEAVIEST {
            return None;
        }
        Some(Self { value, reverse })
    }

    /// -254 to 254.
    #[must_use]
    pub const fn value(self) -> i16 {
        self.value
    }

    /// Whether it is inverted.
    #[must_use]
    pub const fn reverse(self) -> bool {
        self.reverse
    }

    /// What a verdict does to whoever tracks with this weight.
    #[must_use]
    pub const fn effect(self, verdict: Verdict) -> Effect {
        let sign = if self.reverse { -1 } else { 1 };
        match (self.value, verdict) {
            (0, Verdict::Unknown) => Effect::Hold,
            (0, Verdict::Up) if self.reverse => Effect::Fault,
            (0, Verdict::Down) if !self.reverse => Effect::Fault,
            (1.., Verdict::Up) | (..=-1, Verdict::Down) => Effect::Add(sign * self.value),
            (_, Verdict::Unknown | Verdict::Up | Verdict::Down) => Effect::Add(0),
        }
    }
}

/// What a tracker does to a virtual router.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Not known yet, and it could be a FAULT: BACKUP at most.
    Hold,
    /// Changes the priority by so much; 0 changes nothing.
    Add(i16),
    /// FAULT.
    Fault,
}

/// What is held to be true of the thing that is tracked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// No result yet.
    Unknown,
    /// It works.
    Up,
    /// It does not.
    Down,
}

/// Turns single results into a verdict: the first alone decides, from then on `rise` successes or
/// `fall` failures in a row change it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tracker {
    rise: u32,
    fall: u32,
    verdict: Verdict,
    against: u32,
}

impl Tracker {
    /// `rise` and `fall` of 0 count as 1.
    #[must_use]
    pub fn new(rise: u32, fall: u32, verdict: Verdict) -> Self {
        Self { rise: rise.max(1), fall: fall.max(1), verdict, against: 0 }
    }

    /// What is held to be true now.
    #[must_use]
    pub const fn verdict(&self) -> Verdict {
        self.verdict
    }

    /// How many results in a row spoke against the verdict.
    #[must_use]
    pub const fn against(&self) -> u32 {
        self.against
    }

    /// How many results in a row are needed to change the verdict.
    #[must_use]
    pub const fn needed(&self) -> u32 {
        match self.verdict {
            Verdict::Unknown => 1,
            Verdict::Up => self.fall,
            Verdict::Down => self.rise,
        }
    }

    /// Takes a result; true if the verdict changed.
    pub fn result(&mut self, success: bool) -> bool {
        let says = if success { Verdict::Up } else { Verdict::Down };
        if says == self.verdict {
            self.against = 0;
            return false;
        }
        self.against += 1;
        if self.against < self.needed() {
            return false;
        }
        self.set(says);
        true
    }

    /// Sets the verdict and forgets what spoke against it.
    pub fn set(&mut self, verdict: Verdict) {
        self.verdict = verdict;
        self.against = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn weight(value: i16, reverse: bool) -> Weight {
        Weight::new(value, reverse).unwrap()
    }

    /// keepalived's table of weights, with "not known yet" beside it.
    #[test]
    fn every_weight_and_verdict() {
        use Effect::{Add, Fault, Hold};
        for (value, reverse, unknown, up, down) in [
            (0, false, Hold, Add(0), Fault),
            (0, true, Hold, Fault, Add(0)),
            (20, false, Add(0), Add(20), Add(0)),
            (-20, false, Add(0), Add(0), Add(-20)),
            (20, true, Add(0), Add(-20), Add(0)),
            (-20, true, Add(0), Add(0), Add(20)),
        ] {
            let weight = weight(value, reverse);
            assert_eq!(weight.effect(Verdict::Unknown), unknown, "{weight:?}");
            assert_eq!(weight.effect(Verdict::Up), up, "{weight:?}");
            assert_eq!(weight.effect(Verdict::Down), down, "{weight:?}");
        }
        assert_eq!(Weight::new(255, false), None);
        assert_eq!(Weight::new(-255, false), None);
    }

    #[test]
    fn the_first_result_alone_decides() {
        for success in [true, false] {
            let mut tracker = Tracker::new(3, 3, Verdict::Unknown);
            assert!(tracker.result(success));
        }
    }

    #[test]
    fn rise_and_fall_count_in_a_row() {
        let mut tracker = Tracker::new(2, 3, Verdict::Up);
        for (success, changes, verdict) in [
            (false, false, Verdict::Up),
            (false, false, Verdict::Up),
            (true, false, Verdict::Up),
            (false, false, Verdict::Up),
            (false, false, Verdict::Up),
            (false, true, Verdict::Down),
            (false, false, Verdict::Down),
            (true, false, Verdict::Down),
            (false, false, Verdict::Down),
            (true, false, Verdict::Down),
            (true, true, Verdict::Up),
        ] {
            assert_eq!(tracker.result(success), changes);
            assert_eq!(tracker.verdict(), verdict);
        }
    }
}
