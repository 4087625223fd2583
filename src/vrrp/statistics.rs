//! Counters of a virtual router, by the names of RFC 8347 with underscores.

use crate::wire::Discard;

/// What a virtual router has sent, received and refused since it was configured.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Statistics {
    /// Times that it became MASTER.
    pub master_transitions: u64,
    /// Valid advertisements received.
    pub advertisement_rcvd: u64,
    /// Advertisements sent.
    pub advertisement_sent: u64,
    /// Valid advertisements of priority 0 received.
    pub priority_zero_pkts_rcvd: u64,
    /// Advertisements of priority 0 sent.
    pub priority_zero_pkts_sent: u64,
    /// One counter a reason. `interval-errors` and `address-list-errors` also count
    /// advertisements that were accepted all the same, as VRRPv3 wants (V3-051, V3-052).
    pub discarded: [u64; Discard::ALL.len()],
}

impl Statistics {
    /// How many of the counters, the first, are not about errors.
    pub const TRAFFIC: usize = 5;

    /// Counts a reason.
    pub fn count(&mut self, reason: Discard) {
        self.discarded[reason as usize] += 1;
    }

    /// How often this reason was counted.
    #[must_use]
    pub const fn discarded(&self, reason: Discard) -> u64 {
        self.discarded[reason as usize]
    }

    /// All counters with their names. Those that RFC 8347 knows are sums where we tell more apart.
    pub fn named(&self) -> impl Iterator<Item = (&'static str, u64)> + '_ {
        let own = [
            ("master_transitions", self.master_transitions),
            ("advertisement_rcvd", self.advertisement_rcvd),
            ("advertisement_sent", self.advertisement_sent),
            ("priority_zero_pkts_rcvd", self.priority_zero_pkts_rcvd),
            ("priority_zero_pkts_sent", self.priority_zero_pkts_sent),
        ];
        own.into_iter().chain(NAMES.iter().map(|(name, reasons)| {
            (*name, reasons.iter().map(|reason| self.discarded(*reason)).sum())
        }))
    }
}

/// The counters of refused packets and what each sums up.
pub const NAMES: [(&str, &[Discard]); 19] = [
    ("checksum_errors", &[Discard::Checksum]),
    ("version_errors", &[Discard::Version]),
    ("vrid_errors", &[Discard::Vrid]),
    ("ip_ttl_errors", &[Discard::IpTtl, Discard::UnicastTtl]),
    ("interval_errors", &[Discard::Interval]),
    ("invalid_type_pkts_rcvd", &[Discard::InvalidType]),
    ("address_list_errors", &[Discard::AddressList, Discard::CountZero, Discard::NotLinkLocal]),
    ("packet_length_errors", &[Discard::PacketLength, Discard::Carp, Discard::Signed]),
    ("invalid_auth_type", &[Discard::InvalidAuthType]),
    ("auth_type_mismatch", &[Discard::AuthTypeMismatch]),
    ("auth_failures", &[Discard::AuthFailure]),
    ("owner_conflicts", &[Discard::Owner]),
    ("unicast_source_errors", &[Discard::UnicastSource]),
    ("hmac_missing", &[Discard::HmacMissing]),
    ("hmac_unknown_kind", &[Discard::HmacUnknownKind]),
    ("hmac_unknown_key", &[Discard::HmacUnknownKey]),
    ("hmac_failures", &[Discard::HmacFailure]),
    ("hmac_stale", &[Discard::HmacStale]),
    ("hmac_replayed", &[Discard::HmacReplayed]),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_reason_has_one_name() {
        for reason in Discard::ALL {
            let names = NAMES.iter().filter(|(_, reasons)| reasons.contains(&reason)).count();
            assert_eq!(names, 1, "{reason:?}");
            let mut statistics = Statistics::default();
            statistics.count(reason);
            assert_eq!(statistics.named().map(|(_, count)| count).sum::<u64>(), 1);
        }
    }
}
