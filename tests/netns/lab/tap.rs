//! Ears on a port: advertisements, ARP packets and neighbour advertisements that come in there, with
//! the kernel's stamps.

use super::frames::{Arp, GROUP_MAC};
use super::frames6::{self, Neighbour};
use super::namespace::Namespace;
use super::{poll, span};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::os::fd::AsFd;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{mpsc, Arc, Mutex, PoisonError};
use std::time::Duration;
use vipd::sys::netns::interface_index;
use vipd::sys::packet::PacketSocket;
use vipd::sys::poll_readable;
use vipd::wire::advert::{parse, ChecksumForm};
use vipd::wire::Meta;

/// How often the ears look whether they are still wanted.
const LOOK: i32 = 100;

/// An advertisement as it was sent.
#[derive(Clone, Debug)]
pub struct Advert {
    /// When, in nanoseconds since 1970.
    pub at: u64,
    /// Source of the IP header.
    pub source: IpAddr,
    /// The whole frame.
    pub frame: Vec<u8>,
    /// 2 or 3.
    pub version: u8,
    /// Virtual router id.
    pub vrid: u8,
    /// Priority.
    pub priority: u8,
    /// Interval in centiseconds.
    pub interval: u16,
    /// What its checksum covers.
    pub checksum: ChecksumForm,
    /// The virtual addresses.
    pub addresses: Vec<IpAddr>,
}

/// What was heard.
#[derive(Clone, Debug, Default)]
struct Heard {
    adverts: Vec<Advert>,
    arps: Vec<(u64, Arp)>,
    neighbours: Vec<(u64, Neighbour)>,
    /// VRRP that cannot be read, and why.
    refused: Vec<String>,
}

/// Listens on a port until it is dropped.
pub struct Tap {
    heard: Arc<Mutex<Heard>>,
    stop: Arc<AtomicBool>,
}

impl Tap {
    /// Begins to listen; when this returns, nothing is missed any more.
    pub fn open(segment: &Namespace, port: &str) -> Self {
        let socket = segment.run(|| {
            let index = interface_index(port).expect("the port exists");
            PacketSocket::capture(index).expect("root may capture")
        });
        let heard = Arc::new(Mutex::new(Heard::default()));
        let stop = Arc::new(AtomicBool::new(false));
        let (to, until) = (Arc::clone(&heard), Arc::clone(&stop));
        let (ready, began) = mpsc::channel();
        std::thread::spawn(move || {
            let _ = ready.send(());
            listen(&socket, &to, &until);
        });
        began.recv().expect("the thread has begun");
        Self { heard, stop }
    }

    /// The advertisements so far.
    pub fn adverts(&self) -> Vec<Advert> {
        self.heard().adverts.clone()
    }

    /// The advertisements after a moment.
    pub fn adverts_after(&self, at: u64) -> Vec<Advert> {
        self.adverts().into_iter().filter(|advert| advert.at > at).collect()
    }

    /// The ARP packets so far, with their moments.
    pub fn arps(&self) -> Vec<(u64, Arp)> {
        self.heard().arps.clone()
    }

    /// The announcements of an address after a moment.
    pub fn announcements_after(&self, at: u64, address: Ipv4Addr) -> Vec<(u64, Arp)> {
        let about =
            |(when, arp): &(u64, Arp)| *when > at && arp.is_gratuitous() && arp.sender == address;
        self.arps().into_iter().filter(about).collect()
    }

    /// The neighbour advertisements so far, with their moments.
    pub fn neighbours(&self) -> Vec<(u64, Neighbour)> {
        self.heard().neighbours.clone()
    }

    /// The unsolicited neighbour advertisements of an address after a moment.
    pub fn neighbours_after(&self, at: u64, address: Ipv6Addr) -> Vec<(u64, Neighbour)> {
        let about = |(when, it): &(u64, Neighbour)| {
            *when > at && it.is_announcement() && it.target == address
        };
        self.neighbours().into_iter().filter(about).collect()
    }

    /// Why VRRP packets could not be read.
    pub fn refused(&self) -> Vec<String> {
        self.heard().refused.clone()
    }

    /// Waits for an advertisement after a moment, of any priority but 0.
    #[track_caller]
    pub fn wait_advert(&self, after: u64, deadline: Duration) -> Advert {
        let find = || self.adverts_after(after).into_iter().find(|advert| advert.priority != 0);
        poll(deadline, "an advertisement is sent", || find().is_some());
        find().expect("it was there")
    }

    /// Waits for an announcement of an address after a moment.
    #[track_caller]
    pub fn wait_announcement(
        &self,
        after: u64,
        address: impl Into<IpAddr>,
        deadline: Duration,
    ) -> u64 {
        let address = address.into();
        let first = || match address {
            IpAddr::V4(address) => self.announcements_after(after, address).first().map(|it| it.0),
            IpAddr::V6(address) => self.neighbours_after(after, address).first().map(|it| it.0),
        };
        poll(deadline, &format!("{address} is announced"), || first().is_some());
        first().expect("it was there")
    }

    /// Waits for so many advertisements after a moment, and returns them.
    #[track_caller]
    pub fn wait_adverts(&self, after: u64, count: usize, deadline: Duration) -> Vec<Advert> {
        let what = format!("{count} advertisements are sent");
        poll(deadline, &what, || self.adverts_after(after).len() >= count);
        self.adverts_after(after)
    }

    fn heard(&self) -> std::sync::MutexGuard<'_, Heard> {
        self.heard.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Tap {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
    }
}

/// The time from each advertisement to the next.
pub fn gaps(adverts: &[Advert]) -> Vec<Duration> {
    adverts.windows(2).map(|pair| span(pair[0].at, pair[1].at)).collect()
}

fn listen(socket: &PacketSocket, heard: &Mutex<Heard>, stop: &AtomicBool) {
    let mut buffer = vec![0; 4096];
    while !stop.load(Ordering::Relaxed) {
        if !poll_readable(socket.as_fd(), LOOK).unwrap_or(false) {
            continue;
        }
        // An interface that vanishes is an error once; what comes later is heard again.
        while let Ok(Some(frame)) = socket.receive(&mut buffer) {
            if !frame.outgoing {
                let mut heard = heard.lock().unwrap_or_else(PoisonError::into_inner);
                take(&mut heard, frame.time_ns, &buffer[..frame.len]);
            }
        }
    }
}

fn take(heard: &mut Heard, at: u64, frame: &[u8]) {
    match frame.get(12..14) {
        Some([0x08, 0x06]) => heard.arps.extend(Arp::parse(&frame[14..]).map(|arp| (at, arp))),
        Some([0x08, 0x00]) if frame.get(23) == Some(&112) => vrrp(heard, at, frame, unpack_v4),
        Some([0x86, 0xdd]) if frame.get(20) == Some(&112) => vrrp(heard, at, frame, unpack_v6),
        Some([0x86, 0xdd]) => {
            heard.neighbours.extend(Neighbour::parse(frame).map(|neighbour| (at, neighbour)));
        }
        _ => {}
    }
}

/// What IP says of a message, and the message.
type Unpacked<'a> = Option<(Meta, &'a [u8])>;

fn unpack_v4(frame: &[u8]) -> Unpacked<'_> {
    let ip = &frame[14..];
    let header = usize::from(ip[0] & 0xf) * 4;
    let total = usize::from(u16::from_be_bytes([ip[2], ip[3]]));
    let address = |at: usize| Ipv4Addr::new(ip[at], ip[at + 1], ip[at + 2], ip[at + 3]);
    let (source, destination, ttl) = (address(12).into(), address(16).into(), ip[8]);
    Some((Meta { source, destination, ttl }, ip.get(header..total)?))
}

fn unpack_v6(frame: &[u8]) -> Unpacked<'_> {
    let (source, destination, ttl, _, message) = frames6::open(frame)?;
    Some((Meta { source: source.into(), destination: destination.into(), ttl }, message))
}

fn vrrp(heard: &mut Heard, at: u64, frame: &[u8], unpack: fn(&[u8]) -> Unpacked<'_>) {
    let unpacked = unpack(frame).ok_or_else(|| "the IP header lies about the length".to_owned());
    match unpacked.and_then(|(meta, message)| advert(at, frame, &meta, message)) {
        Ok(advert) => heard.adverts.push(advert),
        Err(why) => heard.refused.push(why),
    }
}

fn advert(at: u64, frame: &[u8], meta: &Meta, message: &[u8]) -> Result<Advert, String> {
    let source = meta.source;
    let advert = parse(meta, message).map_err(|discard| format!("{source}: {discard}"))?;
    Ok(Advert {
        at,
        source,
        frame: frame.to_vec(),
        version: advert.version.number(),
        vrid: advert.vrid.get(),
        priority: advert.priority.0,
        interval: advert.interval.centiseconds(),
        checksum: advert.checksum,
        addresses: advert.addresses.iter().collect(),
    })
}

impl Advert {
    /// The VRRP message.
    pub fn message(&self) -> &[u8] {
        if self.source.is_ipv6() {
            return frames6::open(&self.frame).expect("it was read before").4;
        }
        let total = usize::from(u16::from_be_bytes([self.frame[16], self.frame[17]]));
        &self.frame[14 + usize::from(self.frame[14] & 0xf) * 4..14 + total]
    }

    /// Goes to the group, on Ethernet and above, with what VRRP demands of the IP header.
    #[track_caller]
    pub fn assert_envelope(&self, mac: [u8; 6], source: impl Into<IpAddr>) {
        assert_eq!(self.source, source.into(), "source address");
        assert_eq!(self.frame[6..12], mac, "source MAC");
        if self.source.is_ipv6() {
            let (_, destination, hop_limit, ..) = frames6::open(&self.frame).expect("it was read");
            assert_eq!(self.frame[..6], frames6::GROUP_MAC, "destination MAC");
            // The kernel puts a flow label behind it.
            assert_eq!((self.frame[14], self.frame[15] & 0xf0), (0x6c, 0), "DSCP CS6");
            assert_eq!((destination, hop_limit), (frames6::GROUP, 255));
            return;
        }
        assert_eq!(self.frame[..6], GROUP_MAC, "destination MAC");
        assert_eq!(self.frame[15], 0xc0, "DSCP CS6");
        assert_eq!(self.frame[22], 255, "TTL");
        assert_eq!(self.frame[30..34], [224, 0, 0, 18], "destination address");
    }
}
