//! The timer wheel behind the one timerfd: which object wants to be woken, and when.
//!
//! Six levels of 64 slots. A slot of the lowest level is a tick of 2^20 ns (about a millisecond), a
//! slot of the next level 64 ticks, and so on: 2.3 years in all. An object sits in the level of the
//! highest digit (base 64) in which its tick differs from the wheel's own, so filing, moving and
//! taking out are O(1), and every object moves down at most five times. Within a slot the exact
//! nanosecond is kept: nothing fires early, and the timerfd is armed for the nanosecond.

use crate::vrrp::time::Instant;

/// Nanoseconds of a tick, as a power of two.
const TICK_BITS: u32 = 20;
/// Slots of a level, as a power of two.
const LEVEL_BITS: u32 = 6;
const SLOTS: usize = 1 << LEVEL_BITS;
const LEVELS: usize = 6;
/// The furthest that the wheel can tell apart; what is due later is looked at again then.
const HORIZON: u64 = (1 << (LEVEL_BITS * LEVELS as u32)) - 1;
/// No object.
const NONE: u32 = u32::MAX;

/// One object's place.
#[derive(Clone, Copy, Debug)]
struct Entry {
    at: Instant,
    /// Level * 64 + slot; `NONE` while it is not filed.
    slot: u32,
    next: u32,
    previous: u32,
}

/// The wheel. Objects are numbers from 0, as few as possible.
#[derive(Debug)]
pub struct Wheel {
    entries: Vec<Entry>,
    /// First entry of each slot.
    heads: [u32; SLOTS * LEVELS],
    /// A bit for each slot that is not empty.
    occupied: [u64; LEVELS],
    /// The tick up to which everything has been taken out.
    tick: u64,
}

impl Default for Wheel {
    fn default() -> Self {
        Self { entries: Vec::new(), heads: [NONE; SLOTS * LEVELS], occupied: [0; LEVELS], tick: 0 }
    }
}

impl Wheel {
    /// Makes room for the objects 0 to `objects - 1`; nothing allocates after this.
    pub fn grow(&mut self, objects: usize) {
        let vacant = Entry { at: Instant::ZERO, slot: NONE, next: NONE, previous: NONE };
        if objects > self.entries.len() {
            self.entries.resize(objects, vacant);
        }
    }

    /// Files an object. A deadline that moves later leaves the object where it is: it is noticed
    /// when the old moment comes. `None` takes it out.
    pub fn file(&mut self, object: usize, deadline: Option<Instant>) {
        let Some(entry) = self.entries.get(object).copied() else { return };
        match deadline {
            None => self.take_out(object as u32),
            Some(at) if entry.slot != NONE && entry.at <= at => {}
            Some(at) => {
                self.take_out(object as u32);
                self.put_in(object as u32, at);
            }
        }
    }

    /// The earliest moment at which `expire` may find something.
    #[must_use]
    pub fn earliest(&self) -> Option<Instant> {
        let level = self.occupied.iter().position(|occupied| *occupied != 0)?;
        let slot = self.first_slot(level);
        self.objects_of(level * SLOTS + slot).map(|object| self.entries[object as usize].at).min()
    }

    /// Takes out one object whose moment has come; `None` when there is no more.
    pub fn expire(&mut self, now: Instant) -> Option<usize> {
        loop {
            let level = self.occupied.iter().position(|occupied| *occupied != 0)?;
            let slot = self.first_slot(level);
            let starts = self.start_of(level, slot);
            if starts > now.as_nanos() >> TICK_BITS {
                return None;
            }
            self.tick = self.tick.max(starts);
            let index = level * SLOTS + slot;
            if level == 0 {
                let due = |object: &u32| self.entries[*object as usize].at <= now;
                let object = self.objects_of(index).find(due)?;
                self.take_out(object);
                return Some(object as usize);
            }
            self.move_down(index);
        }
    }

    /// Files what is in a slot of a higher level anew, now that the wheel has come to it.
    fn move_down(&mut self, index: usize) {
        while self.heads[index] != NONE {
            let object = self.heads[index];
            let at = self.entries[object as usize].at;
            self.take_out(object);
            self.put_in(object, at);
        }
    }

    fn put_in(&mut self, object: u32, at: Instant) {
        let tick = (at.as_nanos() >> TICK_BITS).clamp(self.tick, self.tick.saturating_add(HORIZON));
        let differs = 63 - ((tick ^ self.tick) | 1).leading_zeros();
        let level = ((differs / LEVEL_BITS) as usize).min(LEVELS - 1);
        let slot = (tick >> (level as u32 * LEVEL_BITS)) as usize % SLOTS;
        let index = level * SLOTS + slot;
        let next = self.heads[index];
        if let Some(next) = self.entries.get_mut(next as usize) {
            next.previous = object;
        }
        self.entries[object as usize] = Entry { at, slot: index as u32, next, previous: NONE };
        self.heads[index] = object;
        self.occupied[level] |= 1 << slot;
    }

    fn take_out(&mut self, object: u32) {
        let Entry { slot, next, previous, .. } = self.entries[object as usize];
        if slot == NONE {
            return;
        }
        match self.entries.get_mut(previous as usize) {
            Some(previous) => previous.next = next,
            None => self.heads[slot as usize] = next,
        }
        if let Some(next) = self.entries.get_mut(next as usize) {
            next.previous = previous;
        }
        if self.heads[slot as usize] == NONE {
            self.occupied[slot as usize / SLOTS] &= !(1 << (slot as usize % SLOTS));
        }
        self.entries[object as usize].slot = NONE;
    }

    /// The next slot of a level that is not empty. Above the lowest level the wheel's own slot is
    /// always empty, and every filed slot lies ahead within one turn.
    fn first_slot(&self, level: usize) -> usize {
        let own = self.tick >> (level as u32 * LEVEL_BITS);
        let ahead = self.occupied[level].rotate_right((own % SLOTS as u64) as u32);
        (own as usize + ahead.trailing_zeros() as usize) % SLOTS
    }

    /// The tick at which a slot begins.
    fn start_of(&self, level: usize, slot: usize) -> u64 {
        let bits = level as u32 * LEVEL_BITS;
        let own = self.tick >> bits;
        let turns = (slot as u64).wrapping_sub(own) % SLOTS as u64;
        ((own + turns) << bits).max(self.tick)
    }

    fn objects_of(&self, index: usize) -> impl Iterator<Item = u32> + '_ {
        let some = |object: u32| (object != NONE).then_some(object);
        core::iter::successors(some(self.heads[index]), move |object| {
            some(self.entries[*object as usize].next)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn nanos(nanos: u64) -> Instant {
        Instant::from_nanos(nanos)
    }

    /// A simple generator of test numbers (xorshift).
    fn random(state: &mut u64) -> u64 {
        *state ^= *state << 13;
        *state ^= *state >> 7;
        *state ^= *state << 17;
        *state
    }

    #[test]
    fn nothing_fires_early_and_the_earliest_is_exact() {
        let mut wheel = Wheel::default();
        wheel.grow(2);
        wheel.file(0, Some(nanos(3_609_375_000)));
        wheel.file(1, Some(nanos(3_609_375_001)));
        assert_eq!(wheel.expire(nanos(3_609_374_999)), None);
        assert_eq!(wheel.earliest(), Some(nanos(3_609_375_000)));
        assert_eq!(wheel.expire(nanos(3_609_375_000)), Some(0));
        assert_eq!(wheel.expire(nanos(3_609_375_000)), None);
        assert_eq!(wheel.earliest(), Some(nanos(3_609_375_001)));
        assert_eq!(wheel.expire(nanos(3_609_375_001)), Some(1));
        assert_eq!(wheel.earliest(), None);
    }

    #[test]
    fn a_later_deadline_costs_nothing_and_a_nearer_one_moves_it() {
        let mut wheel = Wheel::default();
        wheel.grow(1);
        wheel.file(0, Some(nanos(1_000)));
        wheel.file(0, Some(nanos(2_000)));
        assert_eq!(wheel.earliest(), Some(nanos(1_000)));
        wheel.file(0, Some(nanos(500)));
        assert_eq!(wheel.earliest(), Some(nanos(500)));
        wheel.file(0, None);
        assert_eq!(wheel.earliest(), None);
    }

    #[test]
    fn the_end_of_time_is_far_but_not_out_of_reach() {
        let mut wheel = Wheel::default();
        wheel.grow(2);
        wheel.file(0, Some(nanos(u64::MAX)));
        assert_eq!(wheel.expire(nanos(u64::MAX - 1)), None);
        assert_eq!(wheel.expire(nanos(u64::MAX)), Some(0));
        wheel.file(1, Some(nanos(0)));
        assert_eq!(wheel.expire(nanos(u64::MAX)), Some(1));
    }

    /// Against a list that is searched from end to end.
    #[test]
    fn it_agrees_with_a_plain_list() {
        for seed in 1..=50u64 {
            let mut state = seed * 0x9e37_79b9;
            let mut wheel = Wheel::default();
            wheel.grow(64);
            let mut list = [None::<Instant>; 64];
            let mut now = nanos(random(&mut state) % (1 << 40));
            for _ in 0..2_000 {
                let object = random(&mut state) as usize % 64;
                let ahead = random(&mut state) % (1 << (random(&mut state) % 45));
                let deadline = nanos(now.as_nanos() + ahead);
                // File exactly, as the lazy rule would else make the two differ.
                wheel.file(object, None);
                wheel.file(object, Some(deadline));
                list[object] = Some(deadline);
                let earliest = list.iter().flatten().min().copied();
                let step = random(&mut state) % (1 << (random(&mut state) % 42));
                assert!(wheel.earliest() <= earliest, "never later than the list");
                now = nanos(now.as_nanos() + step);
                while let Some(object) = wheel.expire(now) {
                    let at = list[object].take();
                    assert!(at.is_some_and(|at| at <= now), "seed {seed}: fired early");
                }
                assert!(
                    list.iter().flatten().all(|at| *at > now),
                    "seed {seed}: something due was not fired"
                );
                assert_eq!(wheel.earliest().is_some(), list.iter().any(Option::is_some));
            }
        }
    }
}
