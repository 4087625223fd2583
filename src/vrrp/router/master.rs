//! A MASTER: its adverts, whom it answers and to whom it yields (RFC 9568 §6.4.3).

use super::backup::{Backup, Heard};
use super::{Router, State};
use crate::vrrp::duplicate::Duplicate;
use crate::vrrp::event::{Action, Link, Remark};
use crate::vrrp::reason::Reason;
use crate::vrrp::time::Instant;
use crate::wire::advert::Advert;
use crate::wire::Priority;
use alloc::vec::Vec;
use core::net::IpAddr;
use core::time::Duration;

/// RFC 9568 §6.4.3.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Master {
    /// Adver_Timer.
    pub adver_at: Instant,
    /// When the announcements are repeated, and how often each is then sent.
    pub announce_again: Option<(Instant, u8)>,
    /// `garp_master_refresh`.
    pub refresh_at: Option<Instant>,
    /// When an advertisement was last sent out of turn because of a packet.
    pub answered_at: Option<Instant>,
}

impl Router {
    /// V3-084: in our own interval, on a raster that neither packets nor delays shift.
    pub(super) fn master_timer(&mut self, now: Instant, out: &mut Vec<Action>) {
        let interval = self.settings.advert_int.duration();
        let garp = self.settings.garp;
        let State::Master(master) = &mut self.state else { return };
        let advertise = now >= master.adver_at;
        if advertise {
            master.adver_at = later(master.adver_at + interval, now, interval);
        }
        let again = master.announce_again.filter(|(at, _)| now >= *at).map(|(_, repeat)| repeat);
        if again.is_some() {
            master.announce_again = None;
        }
        let refresh = master.refresh_at.filter(|at| now >= *at);
        if let Some(at) = refresh {
            master.refresh_at = Some(later(at + garp.master_refresh, now, garp.master_refresh));
        }
        if advertise {
            self.advertise(self.effective_priority, out);
        }
        if let Some(repeat) = again.or(refresh.map(|_| garp.master_refresh_repeat)) {
            out.push(Action::Announce { repeat });
        }
    }

    /// RFC 9568 §6.4.3.
    pub(super) fn master_advert(
        &mut self,
        now: Instant,
        source: IpAddr,
        advert: &Advert<'_>,
        out: &mut Vec<Action>,
    ) {
        let ours = self.effective_priority;
        let resigns = advert.priority == Priority::RESIGN;
        let another = !resigns && Some(source) != self.source;
        if let Some(late) = self.stalled(now).filter(|_| another) {
            let reason = Reason::Stalled { master: source, late };
            self.step_down(now, source, advert, reason, out);
        } else if resigns {
            // V3-086.
            let interval = self.settings.advert_int.duration();
            let State::Master(master) = &mut self.state else { return };
            if master.may_answer(now, interval) {
                master.adver_at = now + interval;
                self.advertise(ours, out);
            }
        } else if advert.priority > ours {
            let reason = Reason::HigherPriority { master: source, priority: advert.priority, ours };
            self.step_down(now, source, advert, reason, out);
        } else if let Some(own) = self.source.filter(|own| advert.priority == ours && source > *own)
        {
            // V3-087, V3-089: IpAddr of one family compares as the number in network byte order.
            let reason = Reason::GreaterAddress { master: source, ours: own };
            self.step_down(now, source, advert, reason, out);
        } else if Some(source) != self.source {
            self.answer(now, source, advert.priority, out);
        }
    }

    /// V3-088, at most once an interval; and the hosts are told again who is right.
    fn answer(&mut self, now: Instant, source: IpAddr, priority: Priority, out: &mut Vec<Action>) {
        let interval = self.settings.advert_int.duration();
        self.remarks.make(Remark::Contest { source, priority }, out);
        self.duplicates.seen(now, Duplicate::Master, source, out);
        let State::Master(master) = &mut self.state else { return };
        if !master.may_answer(now, interval) {
            return;
        }
        if !self.settings.election.lower_prio_no_advert {
            self.advertise(self.effective_priority, out);
        }
        self.announce_after_contest(now, out);
        out.push(Action::LowerPriority { source, priority });
    }

    pub(super) fn announce_after_contest(&mut self, now: Instant, out: &mut Vec<Action>) {
        let garp = self.settings.garp;
        let State::Master(master) = &mut self.state else { return };
        if garp.lower_prio_repeat == 0 {
            return;
        }
        if !garp.lower_prio_delay.is_zero() {
            master.announce_again = Some((now + garp.lower_prio_delay, garp.lower_prio_repeat));
        }
        out.push(Action::Announce { repeat: garp.lower_prio_repeat });
    }

    /// The advert goes out first: it makes an old MASTER let go before the hosts hear of us.
    pub(super) fn become_master(&mut self, now: Instant, reason: Reason, out: &mut Vec<Action>) {
        let garp = self.settings.garp;
        self.statistics.master_transitions += 1;
        self.advertise(self.effective_priority, out);
        out.push(Action::Acquire);
        out.push(Action::Announce { repeat: garp.master_repeat });
        let again = (now + garp.master_delay, garp.master_repeat);
        let master = Master {
            adver_at: now + self.settings.advert_int.duration(),
            announce_again: (!garp.master_delay.is_zero()).then_some(again),
            refresh_at: (!garp.master_refresh.is_zero()).then_some(now + garp.master_refresh),
            answered_at: None,
        };
        self.change(State::Master(master), reason, out);
    }

    /// V3-087: follows whoever has won. No advertisement of priority 0: the winner is there.
    fn step_down(
        &mut self,
        now: Instant,
        source: IpAddr,
        advert: &Advert<'_>,
        reason: Reason,
        out: &mut Vec<Action>,
    ) {
        let ours = self.effective_priority;
        let heard = Heard {
            address: source,
            priority: advert.priority,
            interval: advert.interval,
            at: now,
        };
        let stronger = advert.priority >= ours;
        let follows = stronger || !self.settings.preempts();
        let backup = Backup {
            master: follows.then_some(heard),
            lower: (!follows).then_some(heard),
            yielded: true,
            ..Backup::waiting(now, &self.settings, ours, advert.interval)
        };
        if stronger && self.settings.election.higher_prio_send_advert {
            self.advertise(ours, out);
        }
        out.push(Action::Release);
        self.change(State::Backup(backup), reason, out);
    }

    /// V3-085: one advertisement of priority 0, and the addresses are gone. With the interface
    /// down or without an address of our own there is nothing to send it from (V3-001).
    pub(super) fn resign(&mut self, out: &mut Vec<Action>) {
        if self.link == Link::Up && self.source.is_some() {
            self.advertise(Priority::RESIGN, out);
        }
        out.push(Action::Release);
    }

    /// How late we are, if that is longer than the most eager peer waits for a MASTER.
    pub(super) fn stalled(&self, now: Instant) -> Option<Duration> {
        let State::Master(master) = &self.state else { return None };
        let interval = self.settings.advert_int;
        let patience = self.settings.master_down_interval(Priority(254), interval);
        let late = now.since(master.adver_at);
        (late + interval.duration() >= patience).then_some(late)
    }
}

impl Master {
    /// At most one advertisement an interval is sent because of somebody else's packets.
    fn may_answer(&mut self, now: Instant, interval: Duration) -> bool {
        let may = self.answered_at.is_none_or(|at| now.since(at) >= interval);
        if may {
            self.answered_at = Some(now);
        }
        may
    }
}

/// The next moment of a raster that lies in the future; a raster that was missed begins anew.
fn later(next: Instant, now: Instant, interval: Duration) -> Instant {
    if next > now {
        next
    } else {
        now + interval
    }
}
