//! What could be said again and again is said now and then, with how often it has happened.

use crate::vrrp::time::Instant;
use std::time::Duration;

/// How often the log tells of the same.
const PAUSE: Duration = Duration::from_secs(60);

/// When something was told last, and how often it has happened since.
#[derive(Clone, Copy, Debug, Default)]
pub struct Told {
    at: Option<Instant>,
    again: u32,
}

impl Told {
    /// It has happened. What is to be added if it should be told: nothing, or how often it was not.
    pub fn tell(&mut self, now: Instant) -> Option<String> {
        if self.at.is_some_and(|at| now < at + PAUSE) {
            self.again = self.again.saturating_add(1);
            return None;
        }
        self.at = Some(now);
        Some(match std::mem::take(&mut self.again) {
            0 => String::new(),
            again => format!(", {again} times since this was last told"),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_told_at_once_and_then_once_a_minute_with_a_number() {
        let mut told = Told::default();
        let mut all = Vec::new();
        for second in 0..130 {
            all.extend(told.tell(Instant::ZERO + Duration::from_secs(second)));
        }
        let often = ", 59 times since this was last told";
        assert_eq!(all, ["", often, often]);
    }
}
