//! `auth_hmac`: with which key adverts are signed, and which signatures are good. What the octets
//! mean stands in [`crate::wire::trailer`].
//!
//! The clock of the day is an argument. Two things keep old adverts from being repeated: nothing
//! counts that was signed before the last one taken from the same address, and, with
//! [`AntiReplay::Time`], nothing that was signed too far from now. What is not signed right moves
//! neither.

use super::bounds::SENDERS;
use crate::wire::advert::Advert;
use crate::wire::sha256::Key;
use crate::wire::trailer::{Signature, Stamp};
use crate::wire::Discard;
use alloc::vec::Vec;
use core::net::IpAddr;

/// What is sent and what is taken: the three steps in which a group begins to sign, none of which
/// parts routers that are one step apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Mode {
    /// Nothing is signed; a signature that is there must be right.
    ReceiveOnly,
    /// All is signed; a signature that is there must be right.
    Permissive,
    /// All is signed, and must be.
    #[default]
    Enforce,
}

/// What keeps old adverts from being repeated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AntiReplay {
    /// The clocks of all routers agree within so many seconds, 1 to 300.
    Time(u16),
    /// Every advert of a router is newer than the one before.
    Monotonic,
}

/// What was asked for beside the keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settings {
    /// The number of the key that we sign with.
    pub active_key: u8,
    /// How old adverts are told.
    pub anti_replay: AntiReplay,
    /// What is signed, and must be.
    pub mode: Mode,
}

/// The signatures of one virtual router.
#[derive(Clone, Debug)]
pub struct AuthHmac {
    settings: Settings,
    /// By number.
    keys: Vec<(u8, Key)>,
    /// When we signed last.
    signed: Stamp,
    /// Whose adverts were taken, and how the last one was signed: who was heard last comes first.
    senders: Vec<(IpAddr, Stamp)>,
    /// How many seconds the last one was behind that was signed too far from now.
    stale: i32,
}

/// What keeps the adverts of a virtual router in order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Memory {
    /// When we signed last.
    pub signed: Stamp,
    /// Whose adverts were taken, and how the last one was signed: who was heard last comes first.
    /// No more than [`SENDERS`].
    pub senders: Vec<(IpAddr, Stamp)>,
}

impl AuthHmac {
    /// The keys with their numbers, each of which is there once.
    #[must_use]
    pub fn new(settings: Settings, keys: Vec<(u8, Key)>) -> Self {
        let senders = Vec::with_capacity(SENDERS);
        Self { settings, keys, signed: Stamp::default(), senders, stale: 0 }
    }

    /// What was asked for.
    #[must_use]
    pub const fn settings(&self) -> &Settings {
        &self.settings
    }

    /// What has been signed and taken.
    #[must_use]
    pub fn memory(&self) -> Memory {
        Memory { signed: self.signed, senders: self.senders.clone() }
    }

    /// Whatever the keys are now: what was taken is not taken again, and we sign what is newer.
    pub(super) fn resume(&mut self, memory: &Memory) {
        self.signed = memory.signed;
        self.senders.clear();
        self.senders.extend(memory.senders.iter().take(SENDERS));
    }

    /// What the next advert is to be signed with, if it is. Without the key that we should sign with
    /// nothing is signed, and nobody believes us.
    pub fn sign(&mut self, clock: Stamp) -> Option<Signature<'_>> {
        if self.settings.mode == Mode::ReceiveOnly {
            return None;
        }
        self.signed = self.next(clock);
        let (key_id, key) = self.keys.iter().find(|(id, _)| *id == self.settings.active_key)?;
        Some(Signature { key_id: *key_id, key, stamp: self.signed })
    }

    /// Later than the last one, whatever the clock says. If that was set back by more than others put
    /// up with, what counts with them is the clock.
    fn next(&self, clock: Stamp) -> Stamp {
        let ahead = self.signed.seconds_since(clock);
        let beyond = match self.settings.anti_replay {
            AntiReplay::Time(window) => ahead > i32::from(window),
            AntiReplay::Monotonic => false,
        };
        if clock.is_after(self.signed) || beyond || self.signed == Stamp::default() {
            clock
        } else {
            Stamp(self.signed.0.wrapping_add(1))
        }
    }

    /// Whether an advert is to be believed.
    ///
    /// # Errors
    /// Why not.
    pub fn verify(
        &mut self,
        source: IpAddr,
        advert: &Advert<'_>,
        clock: Stamp,
    ) -> Result<(), Discard> {
        let Some(trailer) = advert.trailer else {
            return match self.settings.mode {
                Mode::ReceiveOnly | Mode::Permissive => Ok(()),
                Mode::Enforce => Err(Discard::HmacMissing),
            };
        };
        if !trailer.is_known() {
            return Err(Discard::HmacUnknownKind);
        }
        let stamp = trailer.stamp();
        // Before the HMAC: a flood of what was sent long ago costs nothing then.
        if self.is_beyond(stamp, clock) {
            self.stale = clock.seconds_since(stamp);
            return Err(Discard::HmacStale);
        }
        let key = self.keys.iter().find(|(id, _)| *id == trailer.key_id());
        let (_, key) = key.ok_or(Discard::HmacUnknownKey)?;
        if !trailer.is_signed(key, advert.version, advert.vrid, source) {
            return Err(Discard::HmacFailure);
        }
        self.heed(source, stamp, clock)
    }

    /// How far the clock of whoever signed an advert is behind ours, in seconds; negative if it is
    /// ahead. `None` if clocks do not matter, or it is not signed.
    #[must_use]
    pub fn behind(&self, advert: &Advert<'_>, clock: Stamp) -> Option<i32> {
        let AntiReplay::Time(_) = self.settings.anti_replay else { return None };
        Some(clock.seconds_since(advert.trailer?.stamp()))
    }

    /// By how many seconds the clock of the last one that was [`Discard::HmacStale`] is behind ours;
    /// negative if it is ahead.
    #[must_use]
    pub const fn stale(&self) -> i32 {
        self.stale
    }

    /// Whether a stamp is too far from now to count.
    fn is_beyond(&self, stamp: Stamp, clock: Stamp) -> bool {
        match self.settings.anti_replay {
            AntiReplay::Time(window) => {
                clock.seconds_since(stamp).unsigned_abs() > u32::from(window)
            }
            AntiReplay::Monotonic => false,
        }
    }

    /// What a router signs is newer each time. One that is not known yet takes the place of whoever
    /// was not heard for longest: nobody comes here without a key.
    fn heed(&mut self, source: IpAddr, stamp: Stamp, clock: Stamp) -> Result<(), Discard> {
        let known = self.senders.iter().position(|(address, _)| *address == source);
        if let Some((_, last)) = known.and_then(|at| self.senders.get(at)) {
            // One that is itself too far from now is of a clock that was set since then.
            if !stamp.is_after(*last) && !self.is_beyond(*last, clock) {
                return Err(Discard::HmacReplayed);
            }
        }
        if let Some(known) = known {
            self.senders.remove(known);
        } else if self.senders.len() == SENDERS {
            self.senders.pop();
        }
        self.senders.insert(0, (source, stamp));
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::advert::{parse, ChecksumForm, Fields, Template};
    use crate::wire::{Family, Interval, Meta, Priority, Version, Vrid};
    use alloc::vec;
    use core::net::Ipv4Addr;

    const NOON: u64 = 1_800_000_000;
    const PEER: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 2));
    const VIP: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1));
    const TIME: AntiReplay = AntiReplay::Time(5);

    fn at(second: i64) -> Stamp {
        Stamp::of_clock(NOON.wrapping_add_signed(second), 0)
    }

    fn key(byte: u8) -> Key {
        Key::new(&[byte; 32])
    }

    /// A router with the keys 1 and 2.
    fn router(active_key: u8, anti_replay: AntiReplay, mode: Mode) -> AuthHmac {
        let settings = Settings { active_key, anti_replay, mode };
        AuthHmac::new(settings, vec![(1, key(1)), (2, key(2))])
    }

    fn enforcing() -> AuthHmac {
        router(1, TIME, Mode::Enforce)
    }

    /// What a router sends at some time.
    fn send(sender: &mut AuthHmac, clock: Stamp) -> Vec<u8> {
        let fields = Fields {
            version: Version::V3,
            vrid: Vrid::new(10).unwrap(),
            interval: Interval::SECOND,
            auth_pass: None,
            addresses: &[VIP],
        };
        let mut template = Template::new(&fields, PEER, Family::V4.group());
        let signature = sender.sign(clock);
        template.signed(Priority(100), ChecksumForm::Message, signature.as_ref()).to_vec()
    }

    fn receive_from(
        source: IpAddr,
        receiver: &mut AuthHmac,
        bytes: &[u8],
        clock: Stamp,
    ) -> Result<(), Discard> {
        let meta = Meta { source: PEER, destination: Family::V4.group(), ttl: 255 };
        receiver.verify(source, &parse(&meta, bytes).unwrap(), clock)
    }

    fn receive(receiver: &mut AuthHmac, bytes: &[u8], clock: Stamp) -> Result<(), Discard> {
        receive_from(PEER, receiver, bytes, clock)
    }

    #[test]
    fn routers_that_are_one_step_apart_hear_each_other() {
        let steps = [None, Some(Mode::ReceiveOnly), Some(Mode::Permissive), Some(Mode::Enforce)];
        for (step, sends) in steps.into_iter().enumerate() {
            for (other, hears) in steps.into_iter().enumerate() {
                let Some(hears) = hears else { continue };
                let mut sender = router(1, TIME, sends.unwrap_or(Mode::ReceiveOnly));
                let heard = receive(&mut router(1, TIME, hears), &send(&mut sender, at(0)), at(0));
                let expected = match (sends, hears) {
                    (None | Some(Mode::ReceiveOnly), Mode::Enforce) => Err(Discard::HmacMissing),
                    _ => Ok(()),
                };
                assert_eq!(heard, expected, "{sends:?} to {hears:?}");
                assert!(heard.is_ok() || step.abs_diff(other) > 1);
            }
        }
    }

    #[test]
    fn every_mode_refuses_what_is_signed_wrong() {
        for mode in [Mode::ReceiveOnly, Mode::Permissive, Mode::Enforce] {
            let settings = *enforcing().settings();
            let mut forger = AuthHmac::new(settings, vec![(1, key(3))]);
            let mut stranger =
                AuthHmac::new(Settings { active_key: 3, ..settings }, vec![(3, key(3))]);
            let mut ours = router(1, TIME, mode);
            let forged = send(&mut forger, at(0));
            assert_eq!(receive(&mut ours, &forged, at(0)), Err(Discard::HmacFailure));
            let strange = send(&mut stranger, at(0));
            assert_eq!(receive(&mut ours, &strange, at(0)), Err(Discard::HmacUnknownKey));
            let good = send(&mut enforcing(), at(0));
            let other = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 3));
            let passed_off = receive_from(other, &mut ours, &good, at(0));
            assert_eq!(passed_off, Err(Discard::HmacFailure));
            let mut unknown = good.clone();
            unknown[12] = 2;
            assert_eq!(receive(&mut ours, &unknown, at(0)), Err(Discard::HmacUnknownKind));
            assert_eq!(receive(&mut ours, &good, at(0)), Ok(()), "none of it was remembered");
        }
    }

    #[test]
    fn a_key_is_changed_without_a_gap() {
        let (mut old, mut new) = (router(1, TIME, Mode::Enforce), router(2, TIME, Mode::Enforce));
        let mut ours = enforcing();
        assert_eq!(receive(&mut ours, &send(&mut old, at(0)), at(0)), Ok(()));
        assert_eq!(receive(&mut ours, &send(&mut new, at(1)), at(1)), Ok(()));
        let mut without = router(3, TIME, Mode::Enforce);
        assert!(without.sign(at(2)).is_none(), "no key of that number");
    }

    #[test]
    fn nothing_is_taken_twice_nor_what_was_signed_before_it() {
        for anti_replay in [TIME, AntiReplay::Monotonic] {
            let mut sender = router(1, anti_replay, Mode::Enforce);
            let mut ours = router(1, anti_replay, Mode::Enforce);
            let first = send(&mut sender, at(0));
            let second = send(&mut sender, at(0));
            assert_eq!(receive(&mut ours, &second, at(0)), Ok(()));
            assert_eq!(receive(&mut ours, &second, at(1)), Err(Discard::HmacReplayed));
            assert_eq!(receive(&mut ours, &first, at(1)), Err(Discard::HmacReplayed));
            let third = send(&mut sender, at(1));
            assert_eq!(receive(&mut ours, &third, at(1)), Ok(()));
        }
    }

    #[test]
    fn clocks_may_differ_by_the_window() {
        for (apart, expected) in [
            (0, Ok(())),
            (5, Ok(())),
            (-5, Ok(())),
            (6, Err(Discard::HmacStale)),
            (-6, Err(Discard::HmacStale)),
            (i64::from(i32::MIN), Err(Discard::HmacStale)),
        ] {
            let bytes = send(&mut enforcing(), at(0));
            assert_eq!(receive(&mut enforcing(), &bytes, at(apart)), expected, "{apart} s");
            let mut monotonic = router(1, AntiReplay::Monotonic, Mode::Enforce);
            assert_eq!(receive(&mut monotonic, &bytes, at(apart)), Ok(()), "{apart} s");
            let meta = Meta { source: PEER, destination: Family::V4.group(), ttl: 255 };
            let advert = parse(&meta, &bytes).unwrap();
            assert_eq!(enforcing().behind(&advert, at(apart)), Some(apart as i32));
            assert_eq!(monotonic.behind(&advert, at(apart)), None);
        }
    }

    /// A clock that was wrong by an hour is put right: nobody waits an hour for that router.
    #[test]
    fn a_clock_that_is_set_back_is_followed() {
        let (mut sender, mut ours) = (enforcing(), enforcing());
        let hour = 3600;
        assert_eq!(receive(&mut ours, &send(&mut sender, at(hour)), at(hour)), Ok(()));
        // The clocks of both are set: what was heard before is too far away to count.
        assert_eq!(receive(&mut ours, &send(&mut sender, at(0)), at(0)), Ok(()));
        assert_eq!(sender.sign(at(0)).unwrap().stamp, Stamp(at(0).0 + 1));
        // By little: the counter goes on until the clock has caught up.
        assert_eq!(sender.sign(at(-3)).unwrap().stamp, Stamp(at(0).0 + 2));
        assert_eq!(sender.sign(at(1)).unwrap().stamp, at(1));
        let mut monotonic = router(1, AntiReplay::Monotonic, Mode::Enforce);
        monotonic.sign(at(hour));
        assert_eq!(monotonic.sign(at(0)).unwrap().stamp, Stamp(at(hour).0 + 1));
    }

    /// From 2038 on, the seconds are more than half of 32 bits.
    #[test]
    fn the_first_stamp_is_the_clock_in_every_year() {
        for seconds in [0, NOON, 0x8000_0000, 0xffff_ffff, 0x1_0000_0001] {
            for anti_replay in [TIME, AntiReplay::Monotonic] {
                let clock = Stamp::of_clock(seconds, 500_000_000);
                let mut sender = router(1, anti_replay, Mode::Enforce);
                assert_eq!(sender.sign(clock).unwrap().stamp, clock);
                assert!(sender.sign(clock).unwrap().stamp.is_after(clock));
            }
        }
    }

    /// More than are remembered: whoever was not heard for longest is forgotten.
    #[test]
    fn senders_are_bounded() {
        let address = |n: u8| IpAddr::V4(Ipv4Addr::new(192, 0, 2, n));
        let mut ours = router(1, AntiReplay::Monotonic, Mode::Enforce);
        for n in 0..SENDERS as u8 {
            assert_eq!(ours.heed(address(n), at(0), at(0)), Ok(()));
        }
        assert_eq!(ours.heed(address(0), at(1), at(1)), Ok(()), "heard again");
        assert_eq!(ours.heed(address(200), at(1), at(1)), Ok(()));
        assert_eq!(ours.senders.len(), SENDERS);
        assert_eq!(ours.heed(address(0), at(1), at(1)), Err(Discard::HmacReplayed));
        assert_eq!(ours.heed(address(1), at(0), at(1)), Ok(()), "forgotten");
        assert_eq!(ours.senders.capacity(), SENDERS);
    }
}
