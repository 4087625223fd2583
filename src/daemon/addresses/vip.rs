//! One virtual address, and what is asked of the kernel about it.

use super::{secondaries, Held, FOREVER};
use crate::config::AddressFlags;
use crate::daemon::link::{Links, ADDRESS_PROTO};
use crate::daemon::told::Told;
use crate::sys::netlink::{self as nl, Builder};
use crate::vrrp::time::Instant;
use std::net::IpAddr;

/// One virtual address on one interface.
#[derive(Debug)]
pub struct Vip {
    pub link: usize,
    pub address: IpAddr,
    pub prefix_len: u8,
    pub label: Option<String>,
    pub brd: Option<[u8; 4]>,
    pub scope: u8,
    pub peer: Option<IpAddr>,
    pub preferred_lft: u32,
    /// How long it is there unless it is renewed.
    pub valid_lft: u32,
    /// IFA_F_
    pub flags: u32,
    /// It is static, and no instance has it.
    pub fixed: bool,
    /// How many instances want it.
    pub wanted: usize,
    pub(super) held: Held,
    /// We have asked the kernel to remove it, because nobody wants it any more.
    pub leaving: bool,
    /// The kernel has refused it with this error.
    pub refused: Option<i32>,
    /// That was told.
    pub refusal_told: bool,
    /// It has vanished, and is being put back.
    pub put_back: bool,
    /// When it was put back last, and when that was told.
    pub restored_at: Option<Instant>,
    pub told: Told,
}

/// What the kernel says of an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum There {
    Not,
    /// We have asked for it.
    Soon,
    Ours,
    Foreign,
}

/// What a turn asks of the kernel.
#[derive(Debug, Default)]
pub struct Orders {
    /// Netlink requests.
    pub batch: Vec<u8>,
    /// Interfaces where `promote_secondaries` is set until they are carried out.
    pub promoted: Vec<String>,
}

impl Vip {
    /// That nobody wants yet, and nothing is said of.
    pub fn new(link: usize, address: IpAddr, prefix_len: u8) -> Self {
        Self {
            link,
            address,
            prefix_len,
            label: None,
            brd: None,
            scope: 0,
            peer: None,
            preferred_lft: FOREVER,
            valid_lft: FOREVER,
            flags: 0,
            fixed: false,
            wanted: 0,
            held: Held::Not,
            leaving: false,
            refused: None,
            refusal_told: false,
            put_back: false,
            restored_at: None,
            told: Told::default(),
        }
    }

    /// The kernel has refused it; whether that is to be told. Whatever has taken it away may be about
    /// to take more, and to end our being MASTER: then it is told if the next try is in vain, too.
    pub fn refuse(&mut self, errno: i32) -> bool {
        let known = self.refused == Some(errno) && self.refusal_told;
        self.refused = Some(errno);
        self.refusal_told = !std::mem::take(&mut self.put_back);
        self.refusal_told && !known
    }

    /// Whether it was asked for in the same words.
    pub fn looks_like(&self, other: &Self) -> bool {
        let Self { prefix_len, label, brd, scope, peer, preferred_lft, flags, .. } = self;
        *prefix_len == other.prefix_len
            && *label == other.label
            && (*brd, *scope, *peer) == (other.brd, other.scope, other.peer)
            && (*preferred_lft, *flags) == (other.preferred_lft, other.flags)
    }

    /// What the kernel says of it. A kernel that keeps no marks is believed that what was ours is.
    pub fn there(&self, links: &Links) -> There {
        let all = || links.get(self.link).addresses.iter().filter(|it| it.address == self.address);
        let unmarked = self.held == Held::Ours && !links.marks();
        if all().any(|it| it.expected) {
            There::Soon
        } else if all().any(|it| it.ours || unmarked && it.prefix_len == self.prefix_len) {
            There::Ours
        } else if all().next().is_some() {
            There::Foreign
        } else {
            There::Not
        }
    }

    /// Asks the kernel to remove it.
    pub fn remove(&self, orders: &mut Orders, seq: u32, links: &mut Links) {
        let link = links.get(self.link);
        let others = &link.addresses;
        if secondaries::go_with(self.address, self.prefix_len, others, |it| it.ours).is_some() {
            secondaries::keep(&mut orders.promoted, &link.name);
        }
        links.forget(self.link, self.address, self.prefix_len);
        if let Some(index) = links.get(self.link).index {
            self.request(&mut orders.batch, nl::RTM_DELADDR, nl::NLM_F_REQUEST, seq, index);
        }
    }

    /// Asks the kernel to add it to an interface or to remove it from one.
    pub fn request(&self, batch: &mut Vec<u8>, kind: u16, flags: u16, seq: u32, index: u32) {
        let mut builder = Builder::new(batch);
        builder.begin(kind, flags, seq);
        let family = match self.address {
            IpAddr::V4(_) => nl::AF_INET,
            IpAddr::V6(_) => nl::AF_INET6,
        };
        builder.header(&nl::if_addr(family, self.prefix_len, 0, self.scope, index));
        let has_local = self.address.is_ipv4() || self.peer.is_some();
        if has_local {
            address(&mut builder, nl::IFA_LOCAL, self.address);
        }
        address(&mut builder, nl::IFA_ADDRESS, self.peer.unwrap_or(self.address));
        if kind == nl::RTM_NEWADDR {
            self.details(&mut builder, flags & nl::NLM_F_REPLACE != 0);
        }
        builder.end();
    }

    /// What only a request to add it needs, or to renew it.
    fn details(&self, builder: &mut Builder<'_>, renews: bool) {
        if let Some(brd) = self.brd {
            builder.attribute(nl::IFA_BROADCAST, &brd);
        }
        if let Some(label) = &self.label {
            builder.attribute(nl::IFA_LABEL, &[label.as_bytes(), &[0]].concat());
        }
        if self.flags != 0 {
            builder.attribute(nl::IFA_FLAGS, &self.flags.to_ne_bytes());
        }
        if (self.preferred_lft, self.valid_lft) != (FOREVER, FOREVER) || renews {
            // Preferred, valid, and when it was made and changed, which the kernel knows.
            let preferred = self.preferred_lft.min(self.valid_lft);
            let times = [preferred, self.valid_lft, 0, 0].map(u32::to_ne_bytes);
            builder.attribute(nl::IFA_CACHEINFO, &times.concat());
        }
        builder.attribute(nl::IFA_PROTO, &[ADDRESS_PROTO]);
    }
}

/// IFA_F_. A virtual address of IPv6 is used at once: who had it before may still answer for it,
/// and a duplicate that is found would be the end of it.
pub fn flags(address: IpAddr, said: AddressFlags) -> u32 {
    let AddressFlags { home, dad, mngtmpaddr, noprefixroute, autojoin } = said;
    let is_ipv6 = address.is_ipv6();
    [
        (is_ipv6 && !dad, nl::IFA_F_NODAD),
        (is_ipv6 && home, nl::IFA_F_HOMEADDRESS),
        (is_ipv6 && mngtmpaddr, nl::IFA_F_MANAGETEMPADDR),
        (noprefixroute, nl::IFA_F_NOPREFIXROUTE),
        (autojoin, nl::IFA_F_MCAUTOJOIN),
    ]
    .into_iter()
    .fold(0, |flags, (is_set, flag)| if is_set { flags | flag } else { flags })
}

fn address(builder: &mut Builder<'_>, kind: u16, address: IpAddr) {
    match address {
        IpAddr::V4(address) => builder.attribute(kind, &address.octets()),
        IpAddr::V6(address) => builder.attribute(kind, &address.octets()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_is_told_once_and_of_what_is_put_back_if_it_lasts() {
        let mut vip = Vip::new(0, IpAddr::from([192, 0, 2, 1]), 24);
        assert_eq!([nl::EACCES, nl::EACCES].map(|it| vip.refuse(it)), [true, false]);
        assert!(vip.refuse(nl::EADDRNOTAVAIL), "another one");
        let mut vip = Vip { put_back: true, ..Vip::new(0, vip.address, 24) };
        let all = [nl::EADDRNOTAVAIL, nl::EADDRNOTAVAIL, nl::EADDRNOTAVAIL, nl::EACCES]
            .map(|it| vip.refuse(it));
        assert_eq!(all, [false, true, false, true]);
    }
}
