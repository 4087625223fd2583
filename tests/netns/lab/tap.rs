//! Ears on a port: advertisements and ARP packets that come in there, with the kernel's stamps.

use super::frames::{Arp, GROUP_MAC};
use super::namespace::Namespace;
use super::{poll, span};
use std::net::{IpAddr, Ipv4Addr};
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
    pub source: Ipv4Addr,
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
    pub fn wait_announcement(&self, after: u64, address: Ipv4Addr, deadline: Duration) -> u64 {
        let all = || self.announcements_after(after, address);
        poll(deadline, &format!("{address} is announced"), || !all().is_empty());
        all()[0].0
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
        Some([0x08, 0x00]) if frame.get(23) == Some(&112) => match advert(at, frame) {
            Ok(advert) => heard.adverts.push(advert),
            Err(why) => heard.refused.push(why),
        },
        _ => {}
    }
}

fn advert(at: u64, frame: &[u8]) -> Result<Advert, String> {
    let ip = &frame[14..];
    let header = usize::from(ip[0] & 0xf) * 4;
    let total = usize::from(u16::from_be_bytes([ip[2], ip[3]]));
    let message = ip.get(header..total).ok_or("the IP header lies about the length")?;
    let address = |at: usize| Ipv4Addr::new(ip[at], ip[at + 1], ip[at + 2], ip[at + 3]);
    let (source, destination) = (address(12), address(16));
    let meta = Meta { source: source.into(), destination: destination.into(), ttl: ip[8] };
    let advert = parse(&meta, message).map_err(|discard| format!("{source}: {discard}"))?;
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
        let total = usize::from(u16::from_be_bytes([self.frame[16], self.frame[17]]));
        &self.frame[14 + usize::from(self.frame[14] & 0xf) * 4..14 + total]
    }

    /// Goes to the group, on Ethernet and above, with what VRRP demands of the IP header.
    #[track_caller]
    pub fn assert_envelope(&self, mac: [u8; 6], source: Ipv4Addr) {
        assert_eq!(self.frame[..6], GROUP_MAC, "destination MAC");
        assert_eq!(self.frame[6..12], mac, "source MAC");
        assert_eq!(self.frame[15], 0xc0, "DSCP CS6");
        assert_eq!(self.frame[22], 255, "TTL");
        assert_eq!(self.source, source, "source address");
        assert_eq!(self.frame[30..34], [224, 0, 0, 18], "destination address");
    }
}
