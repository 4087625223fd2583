//! Both versions at once, while routers move from VRRPv2 to VRRPv3 (RFC 9568 §8.4, V3-120).

use super::Router;
use crate::vrrp::event::{Action, Remark};
use crate::vrrp::time::Instant;
use crate::wire::advert::Advert;
use crate::wire::{Priority, Version};
use alloc::vec::Vec;
use core::net::IpAddr;

/// After so many adverts of one version, and none of the other between them, whoever sends them sends
/// only those. One that was lost is no reason.
const ALONE: u8 = 4;

/// What was heard in which version.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Versions {
    /// Who was heard in VRRPv3, and until when its VRRPv2 does not count.
    pub v3: Option<(IpAddr, Instant)>,
    /// Who was heard last, in which version, and how often in that alone.
    pub alone: Option<(IpAddr, Version, u8)>,
}

impl Router {
    /// Takes note of the version of an advert that was accepted. Returns whether it says nothing new:
    /// it is VRRPv2, and its sender was just heard in VRRPv3, with an interval that is not rounded.
    /// Who resigns is always heeded: the other advert may have been lost.
    pub(super) fn is_echo(
        &mut self,
        now: Instant,
        source: IpAddr,
        advert: &Advert<'_>,
        out: &mut Vec<Action>,
    ) -> bool {
        if !self.settings.election.both_versions {
            return false;
        }
        self.watch_versions(source, advert.version, out);
        let wait = self.settings.master_down_interval(self.effective_priority, advert.interval);
        let of_sender = self.versions.v3.filter(|(heard, _)| *heard == source);
        match (advert.version, advert.priority) {
            (_, Priority::RESIGN) => {
                self.versions.v3 = self.versions.v3.filter(|(heard, _)| *heard != source);
                false
            }
            (Version::V3, _) => {
                self.versions.v3 = Some((source, now + wait));
                false
            }
            (Version::V2, _) => of_sender.is_some_and(|(_, until)| now < until),
        }
    }

    /// Whoever sends one version alone does not speak with the routers of the other.
    fn watch_versions(&mut self, source: IpAddr, version: Version, out: &mut Vec<Action>) {
        let before =
            self.versions.alone.filter(|(who, which, _)| (*who, *which) == (source, version));
        let count = before.map_or(1, |(.., count)| count.saturating_add(1));
        self.versions.alone = Some((source, version, count));
        if count >= ALONE {
            self.remarks.make(Remark::OneVersion { source, version }, out);
        }
    }
}
