//! What a stranger on the wire can trigger is said once, and again only after a good packet.

use super::event::{Action, Remark};
use super::time::Instant;
use alloc::vec::Vec;
use core::time::Duration;

/// However good the packets in between, a remark is not repeated within this span.
const QUIET: Duration = Duration::from_secs(60);

/// Which remarks have been made already.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Remarks {
    /// A bit for each [`Remark::number`].
    pub made: u64,
    /// What is true of the packet at hand, and so must not be forgotten after it.
    pub standing: u64,
    /// When those that are not true any more were last forgotten.
    pub forgot_at: Option<Instant>,
}

impl Remarks {
    /// Makes a remark unless it was made before.
    pub(super) fn make(&mut self, remark: Remark, out: &mut Vec<Action>) {
        let bit = 1u64 << remark.number();
        self.standing |= bit;
        if self.made & bit == 0 {
            self.made |= bit;
            out.push(Action::Remark(remark));
        }
    }

    /// A packet was accepted: what was not said of it may be said again, if that was long ago.
    pub(super) fn good_packet(&mut self, now: Instant) {
        let standing = core::mem::take(&mut self.standing);
        if self.forgot_at.is_none_or(|at| now.since(at) >= QUIET) {
            self.made &= standing;
            self.forgot_at = Some(now);
        }
    }

    /// A packet was refused.
    pub(super) fn bad_packet(&mut self) {
        self.standing = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::Discard;
    use core::net::{IpAddr, Ipv4Addr};

    const SOURCE: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

    fn at(seconds: u64) -> Instant {
        Instant::ZERO + Duration::from_secs(seconds)
    }

    fn bad(remarks: &mut Remarks) -> usize {
        let mut out = Vec::new();
        remarks.make(Remark::Discarded { source: SOURCE, reason: Discard::Checksum }, &mut out);
        remarks.bad_packet();
        out.len()
    }

    #[test]
    fn v3_050_a_flood_between_good_packets_is_one_line_a_minute() {
        let mut remarks = Remarks::default();
        let mut lines = 0;
        for second in 0..180 {
            remarks.good_packet(at(second));
            lines += (0..1000).map(|_| bad(&mut remarks)).sum::<usize>();
        }
        assert_eq!(lines, 3);
    }

    #[test]
    fn without_a_good_packet_it_is_said_once() {
        let mut remarks = Remarks::default();
        assert_eq!(bad(&mut remarks), 1);
        assert_eq!((0..1000).map(|_| bad(&mut remarks)).sum::<usize>(), 0);
    }

    #[test]
    fn what_is_true_of_every_good_packet_is_said_once() {
        let mut remarks = Remarks::default();
        let mut out = Vec::new();
        for second in 0..1000 {
            remarks.make(Remark::OtherAddresses { source: SOURCE }, &mut out);
            remarks.good_packet(at(second));
        }
        assert_eq!(out.len(), 1);
    }
}
