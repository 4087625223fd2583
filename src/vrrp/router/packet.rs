//! An advertisement: whether it is taken, what is said about it, and what a BACKUP makes of it.

use super::backup::Heard;
use super::{Router, State};
use crate::vrrp::duplicate::Duplicate;
use crate::vrrp::event::{Action, Remark};
use crate::vrrp::time::Instant;
use crate::wire::advert::Advert;
use crate::wire::trailer::Stamp;
use crate::wire::{Discard, Priority, Version};
use alloc::vec::Vec;
use core::net::IpAddr;

impl Router {
    /// An advertisement for our VRID. What is refused changes a counter and nothing else (V3-053).
    pub(super) fn advert(
        &mut self,
        now: Instant,
        (source, clock): (IpAddr, Stamp),
        advert: &Advert<'_>,
        out: &mut Vec<Action>,
    ) {
        if let Err(reason) = self.accepts(source, clock, advert) {
            self.discard(now, source, reason, out);
            return;
        }
        self.statistics.advertisement_rcvd += 1;
        if advert.priority == Priority::RESIGN {
            self.statistics.priority_zero_pkts_rcvd += 1;
        }
        self.compare(now, source, advert, out);
        self.watch_signature(source, clock, advert, out);
        let is_echo = self.is_echo(now, source, advert, out);
        if self.settings.v3_checksum.is_none() && advert.version == Version::V3 {
            self.checksum = advert.checksum;
        }
        match self.state {
            State::Init | State::Fault(_) => {}
            State::Backup(_) | State::Master(_) if is_echo => {}
            State::Backup(_) if now < self.deaf_until => {}
            State::Backup(_) => self.backup_advert(now, source, advert),
            State::Master(_) => self.master_advert(now, source, advert, out),
        }
        self.remarks.good_packet(now);
    }

    /// What differs from our own configuration is worth a remark, not a refusal (V3-046, V3-051,
    /// V3-052).
    fn compare(
        &mut self,
        now: Instant,
        source: IpAddr,
        advert: &Advert<'_>,
        out: &mut Vec<Action>,
    ) {
        let mut seen = |kind, out: &mut Vec<Action>| self.duplicates.seen(now, kind, source, out);
        if advert.interval != self.settings.interval_of(advert.version) {
            self.statistics.count(Discard::Interval);
            let interval = advert.interval;
            self.remarks.make(Remark::OtherInterval { source, interval }, out);
        }
        if !self.settings.same_order(&advert.addresses) {
            if self.settings.same_addresses(&advert.addresses) {
                self.remarks.make(Remark::OtherOrder { source }, out);
            } else {
                self.statistics.count(Discard::AddressList);
                self.remarks.make(Remark::OtherAddresses { source }, out);
                seen(Duplicate::Group, out);
            }
        }
        if Some(source) == self.source {
            self.remarks.make(Remark::DuplicateSource { source }, out);
            seen(Duplicate::Source, out);
        } else if advert.priority == Priority::OWNER && self.settings.is_owner() {
            self.remarks.make(Remark::TwoOwners { source }, out);
            seen(Duplicate::Owner, out);
        } else if advert.priority == self.effective_priority {
            self.remarks.make(Remark::EqualPriority { source }, out);
            seen(Duplicate::Priority, out);
        }
    }

    /// While we are MASTER, whoever advertises our VRID in a way that we do not take is another one.
    pub(super) fn discard(
        &mut self,
        now: Instant,
        source: IpAddr,
        reason: Discard,
        out: &mut Vec<Action>,
    ) {
        self.statistics.count(reason);
        self.last_discard = Some(reason);
        self.remarks.make(Remark::Discarded { source, reason }, out);
        if matches!(self.state, State::Master(_)) && reason.is_of_a_router() {
            self.duplicates.seen(now, Duplicate::UnheardMaster, source, out);
        }
        self.remarks.bad_packet();
    }

    /// RFC 9568 §6.4.2, with the faster hand-over of design.md §4.
    fn backup_advert(&mut self, now: Instant, source: IpAddr, advert: &Advert<'_>) {
        let (settings, ours) = (&self.settings, self.effective_priority);
        let State::Backup(backup) = &mut self.state else { return };
        let heard = Heard {
            address: source,
            priority: advert.priority,
            interval: advert.interval,
            at: now,
        };
        if advert.priority == Priority::RESIGN {
            // V3-077, V3-078: whoever it is from. More of them do not put it off again: a flood
            // would keep the addresses from everybody.
            if backup.resigned.is_none() {
                backup.master_down_at =
                    now + settings.skew_time(ours, backup.active_adver_interval);
                backup.overdue = false;
                backup.resigned = Some(source);
            }
            backup.forget(source);
        } else if advert.priority >= ours || !settings.preempts() || backup.delays(now, settings) {
            // V3-079, V3-081: addresses are not compared here.
            backup.follow(heard, settings, ours);
        } else {
            // V3-080: the timer keeps running; but a MASTER that has come down to where we would
            // win is only given the time that those above us need, and a second MASTER, if one
            // was heard, keeps its three intervals.
            let fell =
                backup.master.is_some_and(|m| m.address == source && m.priority > advert.priority);
            backup.ignore(heard, settings, ours);
            if settings.fast_handover && fell && !backup.overdue {
                let skew = settings.skew_time(ours, backup.active_adver_interval);
                let other = backup.other.map_or(now, |other| {
                    other.at + settings.master_down_interval(ours, other.interval)
                });
                let soon = other.max(now + skew);
                backup.master_down_at = backup.master_down_at.min(soon);
            }
        }
    }
}
