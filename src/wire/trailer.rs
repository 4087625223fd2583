//! The signature behind an advertisement: keepalived 2.4's `auth_hmac`, for both versions and both
//! families.
//!
//! ```text
//!  0                   1                   2                   3
//!  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
//! |  Kind (1)     |    Key id     |         Reserved (0)          |
//! |               Seconds since 1970, without leap seconds         |
//! |  Fraction of a second, 2^-16  |            Counter             |
//! |  The first 16 octets of an HMAC with SHA-256                   |
//! ```
//!
//! The HMAC is over 20 octets that are not sent (4 or 6 for the family, version, VRID, 0, and the
//! source address, with zeros behind one of IPv4), the message with its checksum taken for 0, the
//! first 12 octets of the trailer, and 16 zeros for the HMAC itself. Where the packet goes to is not
//! in it: all peers of unicast get the same signature. The checksum of a message over IPv4 does not
//! cover the trailer. Over IPv6 it does, because there the kernel of keepalived counts it.

use super::sha256::Key;
use super::{Version, Vrid};
use core::net::IpAddr;

/// Octets of a trailer.
pub const LENGTH: usize = 28;
/// Octets of it before the HMAC.
const HEAD: usize = 12;
/// Octets of the HMAC that are sent.
const MAC: usize = LENGTH - HEAD;
/// HMAC with SHA-256, the one kind there is.
const SHA256: u8 = 1;
/// Where the checksum of a message is.
const CHECKSUM: usize = 6;

/// When something was signed, in the order of signing: seconds since 1970 as they fit into 32 bits,
/// a fraction of 16 bits, and a counter for what has the same time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stamp(pub u64);

impl Stamp {
    /// What a clock shows: seconds since 1970, and nanoseconds (less than 10^9).
    #[must_use]
    pub const fn of_clock(seconds: u64, nanos: u32) -> Self {
        let fraction = ((nanos as u64) << 16) / 1_000_000_000;
        Self(seconds << 32 | fraction << 16)
    }

    /// Seconds from the other to this; negative if this is earlier. As serial numbers (RFC 1982), so
    /// that the year 2106 is no end.
    #[must_use]
    pub const fn seconds_since(self, other: Self) -> i32 {
        ((self.0 >> 32) as u32).wrapping_sub((other.0 >> 32) as u32) as i32
    }

    /// Whether this was signed after the other, as serial numbers.
    #[must_use]
    pub const fn is_after(self, other: Self) -> bool {
        (self.0.wrapping_sub(other.0) as i64) > 0
    }
}

/// The trailer of a message that was received.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Trailer<'a> {
    /// The message before it, as it was received.
    message: &'a [u8],
    bytes: &'a [u8; LENGTH],
}

impl<'a> Trailer<'a> {
    /// What follows a message, if it can be a trailer: as long, and more than so many zeros.
    #[must_use]
    pub fn new(message: &'a [u8], rest: &'a [u8]) -> Option<Self> {
        let bytes = rest.try_into().ok().filter(|bytes: &&[u8; LENGTH]| bytes[0] != 0)?;
        Some(Self { message, bytes })
    }

    /// Of a kind that we know, with nothing in the field that is reserved.
    #[must_use]
    pub const fn is_known(&self) -> bool {
        matches!(self.bytes, [SHA256, _, 0, 0, ..])
    }

    /// The key that it was signed with; 1 to 255, or 0, which nobody has.
    #[must_use]
    pub const fn key_id(&self) -> u8 {
        self.bytes[1]
    }

    /// When it was signed.
    #[must_use]
    pub fn stamp(&self) -> Stamp {
        let stamp = self.bytes.iter().take(HEAD).skip(4);
        Stamp(stamp.fold(0, |stamp, byte| stamp << 8 | u64::from(*byte)))
    }

    /// Whether it was signed with this key. The whole HMAC is always looked at, so that the time it
    /// takes says nothing about it.
    #[must_use]
    pub fn is_signed(&self, key: &Key, version: Version, vrid: Vrid, source: IpAddr) -> bool {
        let (head, theirs) = self.bytes.split_at(HEAD);
        let ours = mac(key, &pseudo_header(version, vrid, source), self.message, head);
        let difference = ours.iter().zip(theirs).fold(0, |all, (a, b)| all | (a ^ b));
        core::hint::black_box(difference) == 0
    }
}

/// What an advertisement is to be signed with.
#[derive(Clone, Copy, Debug)]
pub struct Signature<'a> {
    /// The number that the receivers know the key by.
    pub key_id: u8,
    /// The key.
    pub key: &'a Key,
    /// Later than that of every advertisement before.
    pub stamp: Stamp,
}

impl Signature<'_> {
    /// The trailer for a message. What its checksum is does not matter.
    #[must_use]
    pub fn trailer(
        &self,
        version: Version,
        vrid: Vrid,
        source: IpAddr,
        message: &[u8],
    ) -> [u8; LENGTH] {
        let mut trailer = [0; LENGTH];
        let (head, end) = trailer.split_at_mut(HEAD);
        head[..2].copy_from_slice(&[SHA256, self.key_id]);
        head[4..].copy_from_slice(&self.stamp.0.to_be_bytes());
        end.copy_from_slice(&mac(self.key, &pseudo_header(version, vrid, source), message, head));
        trailer
    }
}

/// What is signed beside what is sent: an advertisement cannot be passed off as another router's.
fn pseudo_header(version: Version, vrid: Vrid, source: IpAddr) -> [u8; 20] {
    let mut header = [0; 20];
    header[1..3].copy_from_slice(&[version.number(), vrid.get()]);
    match source {
        IpAddr::V4(address) => {
            header[0] = 4;
            header[4..8].copy_from_slice(&address.octets());
        }
        IpAddr::V6(address) => {
            header[0] = 6;
            header[4..].copy_from_slice(&address.octets());
        }
    }
    header
}

fn mac(key: &Key, pseudo_header: &[u8; 20], message: &[u8], head: &[u8]) -> [u8; MAC] {
    let before = message.get(..CHECKSUM).unwrap_or_default();
    let behind = message.get(CHECKSUM + 2..).unwrap_or_default();
    let digest = key.mac(&[pseudo_header, before, &[0; 2], behind, head, &[0; MAC]]);
    let mut mac = [0; MAC];
    mac.copy_from_slice(&digest[..MAC]);
    mac
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::advert::{parse, Advert, ChecksumForm, Fields, Template};
    use crate::wire::{Discard, Family, Interval, Meta, Priority};
    use alloc::vec::Vec;

    /// An advertisement as keepalived 2.4.3 sent it, and what it was sent from.
    ///
    /// They were captured (`tcpdump -x proto 112`) in a network namespace, with this configuration,
    /// VERSION, `active_key` and addresses as they stand here:
    ///
    /// ```text
    /// vrrp_instance v {
    ///     interface eth0
    ///     virtual_router_id 10
    ///     priority 100
    ///     version VERSION
    ///     virtual_ipaddress { 192.0.2.1/24 }    # or fe80::100/64 and 2001:db8::1/64
    ///     unicast_peer { 192.0.2.3 }            # in the last one alone
    ///     auth_hmac {
    ///         key 1 hex:000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f
    ///         key 7 "a key of text that has 40 bytes, exactly"
    ///         active_key 1                      # or 7
    ///     }
    /// }
    /// ```
    struct Golden {
        source: &'static str,
        destination: &'static str,
        version: Version,
        key_id: u8,
        stamp: u64,
        bytes: &'static str,
    }

    const KEY_7: &[u8] = b"a key of text that has 40 bytes, exactly";

    const GOLDEN: &[Golden] = &[
        Golden {
            source: "192.0.2.2",
            destination: "224.0.0.18",
            version: Version::V3,
            key_id: 1,
            stamp: 0x6b03_dcac_019f_0000,
            bytes: "310a6401006405fdc0000201010100006b03dcac019f0000\
                    7a9b735a55ce2a7be9cee2034a9502f1",
        },
        Golden {
            source: "192.0.2.2",
            destination: "224.0.0.18",
            version: Version::V2,
            key_id: 1,
            stamp: 0x6b03_dcc7_9652_0000,
            bytes: "210a64010001b8f1c00002010000000000000000010100006b03dcc796520000\
                    0cad8946c5d76b4d2dc527cc694a9768",
        },
        Golden {
            source: "fe80::ff:fe00:7701",
            destination: "ff02::12",
            version: Version::V3,
            key_id: 7,
            stamp: 0x6b03_dcd2_7052_0000,
            bytes: "310a6402006441ebfe80000000000000000000000000010020010db8000000000000\
                    000000000001010700006b03dcd270520000d8aa8bab8ab15e634dca57a9301aaaf4",
        },
        Golden {
            source: "192.0.2.2",
            destination: "192.0.2.3",
            version: Version::V3,
            key_id: 7,
            stamp: 0x6b03_dd0d_25ac_0000,
            bytes: "310a64010064240cc0000201010700006b03dd0d25ac0000\
                    f3ae1c7e222711dc85d2b41d5c7c12f0",
        },
    ];

    impl Golden {
        fn bytes(&self) -> Vec<u8> {
            let digits = self.bytes.as_bytes().chunks_exact(2);
            let text = digits.map(|digits| core::str::from_utf8(digits).unwrap());
            text.map(|text| u8::from_str_radix(text, 16).unwrap()).collect()
        }

        fn meta(&self) -> Meta {
            let address = |text: &str| text.parse().unwrap();
            let (source, destination) = (address(self.source), address(self.destination));
            Meta { source, destination, ttl: 255 }
        }

        fn key(&self) -> Key {
            match self.key_id {
                1 => Key::new(&core::array::from_fn::<u8, 32, _>(|at| at as u8)),
                _ => Key::new(KEY_7),
            }
        }
    }

    fn is_signed(golden: &Golden, advert: &Advert<'_>, source: IpAddr) -> bool {
        advert.trailer.unwrap().is_signed(&golden.key(), advert.version, advert.vrid, source)
    }

    #[test]
    fn what_keepalived_signs_is_read() {
        for golden in GOLDEN {
            let (bytes, meta) = (golden.bytes(), golden.meta());
            let advert = parse(&meta, &bytes).unwrap();
            assert_eq!((advert.version, advert.priority), (golden.version, Priority(100)));
            let trailer = advert.trailer.unwrap();
            assert!(trailer.is_known());
            assert_eq!((trailer.key_id(), trailer.stamp()), (golden.key_id, Stamp(golden.stamp)));
            assert!(is_signed(golden, &advert, meta.source), "{}", golden.bytes);
        }
    }

    #[test]
    fn what_keepalived_signs_is_signed_alike() {
        for golden in GOLDEN {
            let (bytes, meta, key) = (golden.bytes(), golden.meta(), golden.key());
            let addresses: Vec<_> = parse(&meta, &bytes).unwrap().addresses.iter().collect();
            let fields = Fields {
                version: golden.version,
                vrid: Vrid::new(10).unwrap(),
                interval: Interval::SECOND,
                auth_pass: None,
                addresses: &addresses,
            };
            let signature =
                Signature { key_id: golden.key_id, key: &key, stamp: Stamp(golden.stamp) };
            let mut template = Template::new(&fields, meta.source, meta.destination);
            let mut emit = |signature: Option<&Signature<'_>>| {
                template.signed(Priority(100), ChecksumForm::PseudoHeader, signature).to_vec()
            };
            let unsigned = emit(None);
            assert_eq!(emit(Some(&signature)), bytes);
            assert_eq!(emit(Some(&signature)), bytes, "again");
            assert_eq!(emit(None), unsigned, "and without");
        }
    }

    /// The checksum is repaired after each change, so that nothing but the signature can tell. It does
    /// not cover a trailer over IPv4, and is not signed itself.
    #[test]
    fn no_other_octet_can_be_changed() {
        for golden in GOLDEN {
            let (original, meta) = (golden.bytes(), golden.meta());
            let mac_at = original.len() - MAC;
            for at in 0..original.len() {
                let mut bytes = original.clone();
                bytes[at] ^= 1;
                repair(&meta, &mut bytes);
                let told = match parse(&meta, &bytes) {
                    Err(_) => true,
                    Ok(advert) => !is_signed(golden, &advert, meta.source),
                };
                let is_checksum = (CHECKSUM..CHECKSUM + 2).contains(&at);
                assert_eq!(told, !is_checksum, "{at} of {} {mac_at}", golden.bytes);
            }
            let advert = parse(&meta, &original).unwrap();
            let other = match meta.source {
                IpAddr::V4(_) => "192.0.2.4".parse().unwrap(),
                IpAddr::V6(_) => "fe80::1".parse().unwrap(),
            };
            assert!(!is_signed(golden, &advert, other), "from another address");
        }
    }

    fn repair(meta: &Meta, bytes: &mut [u8]) {
        let covered = match Family::of(meta.source) {
            Family::V4 => bytes.len() - LENGTH,
            Family::V6 => bytes.len(),
        };
        bytes[CHECKSUM..CHECKSUM + 2].fill(0);
        let mut sum = crate::wire::checksum::Sum::default().add_bytes(&bytes[..covered]);
        if bytes[0] >> 4 == 3 {
            sum = sum.add_pseudo_header(meta.source, meta.destination, covered as u16);
        }
        bytes[CHECKSUM..CHECKSUM + 2].copy_from_slice(&sum.finish().to_be_bytes());
    }

    #[test]
    fn other_lengths_are_no_trailers() {
        for golden in GOLDEN {
            let (bytes, meta) = (golden.bytes(), golden.meta());
            for length in bytes.len() - LENGTH + 1..bytes.len() {
                let refused = parse(&meta, &bytes[..length]).unwrap_err();
                assert_eq!(refused, Discard::PacketLength, "{length}");
            }
            let longer = [&bytes[..], &[0]].concat();
            assert_eq!(parse(&meta, &longer).unwrap_err(), Discard::PacketLength);
        }
    }

    #[test]
    fn only_the_one_kind_is_known() {
        let message = [0; 12];
        for (head, known) in [
            ([1, 1, 0, 0], true),
            ([1, 255, 0, 0], true),
            ([2, 1, 0, 0], false),
            ([1, 1, 1, 0], false),
            ([1, 1, 0, 1], false),
        ] {
            let mut bytes = [0; LENGTH];
            bytes[..4].copy_from_slice(&head);
            assert_eq!(Trailer::new(&message, &bytes).unwrap().is_known(), known, "{head:?}");
        }
        assert_eq!(Trailer::new(&message, &[0; LENGTH]), None, "padding");
    }

    #[test]
    fn stamps_are_in_the_order_of_signing() {
        let at = Stamp::of_clock(0x6b03_dcac, 24_699_999);
        assert_eq!(at, Stamp(0x6b03_dcac_0652_0000));
        assert_eq!(Stamp::of_clock(0x1_0000_0001, 999_999_999), Stamp(0x1_ffff_0000));
        // After the end of 32 bits, time goes on.
        let (last, first) = (Stamp::of_clock(0xffff_ffff, 0), Stamp::of_clock(0x1_0000_0000, 0));
        assert!(first.is_after(last) && !last.is_after(first) && !first.is_after(first));
        assert_eq!((first.seconds_since(last), last.seconds_since(first)), (1, -1));
        assert!(Stamp(at.0 + 1).is_after(at));
    }
}
