//! An address of an interface.

use super::{Link, ADDRESS_PROTO};
use crate::sys::netlink as nl;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// An address of an interface.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Address {
    /// The address.
    pub address: IpAddr,
    /// Length of its prefix. The kernel takes the same address of IPv4 with another one, too.
    pub prefix_len: u8,
    /// IPv4: another address of the same prefix came first.
    pub secondary: bool,
    /// IPv6: not to be used yet, or never.
    pub tentative: bool,
    /// It bears our mark.
    pub ours: bool,
    /// We have asked for it, and the kernel has not told of it yet.
    pub expected: bool,
    /// When it was made, by a clock of the kernel; 0 if that is not told.
    pub created: u32,
}

impl Address {
    /// Whether both are the same to the kernel.
    #[must_use]
    pub fn is(&self, other: &Self) -> bool {
        (self.address, self.prefix_len) == (other.address, other.prefix_len)
    }

    /// What the same address was when it was last told of. Who changes one that is there may take
    /// our mark off it: it is the one that we have made, all the same.
    pub(super) fn remember(&mut self, before: &Self) {
        let same = self.is(before) && self.created == before.created && self.created != 0;
        self.ours |= same && before.ours;
    }
}

impl Link {
    /// An address of this interface, whatever its prefix.
    #[must_use]
    pub fn find(&self, address: IpAddr) -> Option<&Address> {
        self.addresses.iter().find(|known| known.address == address)
    }
}

/// Reads the attributes of an address.
pub(super) fn read(info: &nl::IfAddr, attributes: &[u8]) -> Option<Address> {
    let mut flags = u32::from(info.flags);
    let (mut local, mut peer, mut ours, mut created) = (None, None, false, 0);
    for (kind, value) in nl::attributes(attributes) {
        match kind {
            nl::IFA_LOCAL => local = ip(value),
            nl::IFA_ADDRESS => peer = ip(value),
            nl::IFA_FLAGS => {
                flags = <[u8; 4]>::try_from(value).map_or(flags, u32::from_ne_bytes);
            }
            nl::IFA_PROTO => ours = value == [ADDRESS_PROTO],
            nl::IFA_CACHEINFO => created = nl::address_created(value).unwrap_or(0),
            _ => {}
        }
    }
    let unusable = nl::IFA_F_TENTATIVE | nl::IFA_F_DADFAILED;
    Some(Address {
        // Without IFA_LOCAL (IPv6) the address is in IFA_ADDRESS.
        address: local.or(peer)?,
        prefix_len: info.prefix_len,
        secondary: local.is_some() && flags & nl::IFA_F_SECONDARY != 0,
        tentative: flags & unusable != 0,
        ours,
        expected: false,
        created,
    })
}

fn ip(octets: &[u8]) -> Option<IpAddr> {
    if let Ok(octets) = <[u8; 4]>::try_from(octets) {
        return Some(Ipv4Addr::from(octets).into());
    }
    <[u8; 16]>::try_from(octets).ok().map(|octets| Ipv6Addr::from(octets).into())
}
