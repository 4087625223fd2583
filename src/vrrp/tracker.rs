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

impl Weight {
    /// What the number in a file does to whoever tracks it with this weight. It is multiplied by
    /// the weight and added to the priority; -254 and less is FAULT. With weight 0 any number but 0
    /// is FAULT; `reverse` makes it the other way round.
    #[must_use]
    pub const fn times(self, number: i32) -> Effect {
        if self.value == 0 {
            return if (number == 0) == self.reverse { Effect::Fault } else { Effect::Add(0) };
        }
        let sign = if self.reverse { -1 } else { 1 };
        match number as i64 * self.value as i64 * sign {
            ..=-254 => Effect::Fault,
            254.. => Effect::Add(bounds::WEIGHT),
            sum => Effect::Add(sum as i16),
        }
    }
}

/// The number that the content of a file begins with, and 0 if it is empty; `None` if it is no
/// number. White space and a sign may stand before it, anything behind it. It is decimal, even
/// with zeros before it, or hexadecimal behind `0x`; what is beyond 32 bits is the largest there is.
#[must_use]
pub fn number(content: &[u8]) -> Option<i32> {
    let text = content.trim_ascii_start();
    if text.is_empty() {
        return Some(0);
    }
    let (negative, text) = match text {
        [b'-', rest @ ..] => (true, rest),
        [b'+', rest @ ..] => (false, rest),
        text => (false, text),
    };
    let (base, digits) = match text {
        [b'0', b'x' | b'X', first, ..] if first.is_ascii_hexdigit() => (16, text.get(2..)?),
        text => (10, text),
    };
    let digit = |byte: &u8| (*byte as char).to_digit(base);
    digits.first().and_then(digit)?;
    let number = digits.iter().map_while(digit).fold(0i64, |number, digit| {
        number.saturating_mul(base.into()).saturating_add(digit.into())
    });
    let number = if negative { -number } else { number };
    Some(number.clamp(i32::MIN.into(), i32::MAX.into()) as i32)
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

    /// keepalived 2.4.3 does the same, but for a sum beyond i32.
    #[test]
    fn every_weight_and_number() {
        use Effect::{Add, Fault};
        for (value, reverse, number, effect) in [
            (0, false, 0, Add(0)),
            (0, false, 1, Fault),
            (0, false, -1, Fault),
            (0, true, 0, Fault),
            (0, true, 7, Add(0)),
            (1, false, 0, Add(0)),
            (1, false, 20, Add(20)),
            (1, false, 253, Add(253)),
            (1, false, 254, Add(253)),
            (1, false, i32::MAX, Add(253)),
            (1, false, -253, Add(-253)),
            (1, false, -254, Fault),
            (1, false, i32::MIN, Fault),
            (1, true, 20, Add(-20)),
            (1, true, 254, Fault),
            (-1, true, i32::MIN, Fault),
            (-1, false, i32::MIN, Add(253)),
            (-50, false, 1, Add(-50)),
            (-50, false, 6, Fault),
            (254, false, -1, Fault),
            (-254, true, -1, Fault),
            (-254, false, -1, Add(253)),
        ] {
            assert_eq!(weight(value, reverse).times(number), effect, "{value} {reverse} {number}");
        }
    }

    #[test]
    fn numbers_in_files() {
        for (content, expected) in [
            ("", Some(0)),
            (" \n\t", Some(0)),
            ("5", Some(5)),
            ("5\n", Some(5)),
            (" +5 ", Some(5)),
            ("-5", Some(-5)),
            ("5 maintenance", Some(5)),
            ("5.5", Some(5)),
            ("010", Some(10)),
            ("0x1f", Some(31)),
            ("-0X1F", Some(-31)),
            ("0x", Some(0)),
            ("0xg", Some(0)),
            ("99999999999999999999", Some(i32::MAX)),
            ("-99999999999999999999", Some(i32::MIN)),
            ("2147483648", Some(i32::MAX)),
            ("text", None),
            ("-", None),
            ("- 5", None),
            ("+-5", None),
            ("\0", None),
        ] {
            assert_eq!(number(content.as_bytes()), expected, "{content:?}");
        }
        assert_eq!(number(&[0xff, b'5']), None);
    }
}
