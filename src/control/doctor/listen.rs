//! What is on the wire for a while, as tcpdump would see it: before the firewall if it comes in, and
//! behind it if it goes out.

use super::super::node::Node;
use super::super::sniff::heard::{message, Protocol};
use crate::control::sniff;
use crate::sys::clock;
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::Duration;

/// From one look to the next.
const PACE: Duration = Duration::from_millis(50);
/// At least, and at most.
const LEAST: Duration = Duration::from_secs(1);
const MOST: Duration = Duration::from_secs(15);
/// Of the longest interval.
const INTERVALS: f64 = 3.6;
/// Senders that are told apart.
const SENDERS: usize = 1024;

/// A sender of adverts.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Heard {
    /// The interface.
    pub interface: String,
    /// This host has sent it.
    pub outgoing: bool,
    /// Its address.
    pub source: IpAddr,
    /// Virtual router id, or CARP's.
    pub vrid: u8,
    /// It is no VRRP.
    pub carp: bool,
}

/// What is known of its adverts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Seen {
    /// How many there were.
    pub count: u32,
    /// The priority of the last.
    pub priority: u8,
}

/// All that was heard.
#[derive(Clone, Debug, Default)]
pub struct Wire(BTreeMap<Heard, Seen>);

impl Wire {
    /// What came in.
    pub fn incoming(&self) -> impl Iterator<Item = (&Heard, &Seen)> {
        self.0.iter().filter(|(it, _)| !it.outgoing)
    }

    /// What went out.
    pub fn outgoing(&self) -> impl Iterator<Item = (&Heard, &Seen)> {
        self.0.iter().filter(|(it, _)| it.outgoing)
    }

    fn take(&mut self, interface: &str, heard: &sniff::heard::Message) {
        let carp = heard.protocol == Protocol::Carp;
        let key = Heard {
            interface: interface.to_owned(),
            outgoing: heard.outgoing,
            source: heard.source,
            vrid: heard.vrid,
            carp,
        };
        if self.0.len() >= SENDERS && !self.0.contains_key(&key) {
            return;
        }
        let seen = self.0.entry(key).or_default();
        seen.count += 1;
        seen.priority = heard.priority;
    }
}

/// How long to listen: three adverts of each come within that time.
#[must_use]
pub fn span(status: Node<'_>) -> Duration {
    let all = status.at("instances").list();
    let longest = all.filter_map(|it| it.at("advert_int").number()).fold(0.0, f64::max);
    Duration::try_from_secs_f64(longest * INTERVALS).unwrap_or(MOST).clamp(LEAST, MOST)
}

/// Listens on all interfaces of the daemon; or why that cannot be.
///
/// # Errors
/// Why not. It is for a person.
pub fn listen(status: Node<'_>, span: Duration) -> Result<Wire, String> {
    let end = clock::monotonic().saturating_add(span.as_nanos() as u64);
    let mut ears = BTreeMap::new();
    for it in status.at("instances").list() {
        let name = it.at("interface").text();
        if ears.contains_key(name) || crate::sys::netns::interface_index(name).is_err() {
            continue;
        }
        ears.insert(name, sniff::listen::open(name, groups(it)).map_err(|error| error.message)?);
    }
    let (mut wire, mut buffer) = (Wire::default(), vec![0; sniff::listen::BUFFER]);
    loop {
        // What has come until the end counts, even if we are late.
        let last = clock::monotonic() >= end;
        for (name, ear) in &ears {
            // One that goes down is told of elsewhere.
            while let Ok(Some(heard)) = ear.receive(&mut buffer) {
                let bytes = buffer.get(..heard.len).unwrap_or(&buffer);
                if let Some(message) = message(&heard, bytes) {
                    wire.take(name, &message);
                }
            }
        }
        if last {
            return Ok(wire);
        }
        std::thread::sleep(PACE);
    }
}

/// The groups that adverts of a virtual router go to.
fn groups(it: Node<'_>) -> impl Iterator<Item = IpAddr> {
    let all: Vec<IpAddr> =
        it.at("destinations").list().filter_map(|it| it.text().parse().ok()).collect();
    all.into_iter().filter(IpAddr::is_multicast)
}

#[cfg(test)]
mod tests {
    use super::super::super::node::parse;
    use super::*;

    #[test]
    fn the_time_fits_the_slowest() {
        for (text, millis) in [
            ("{}", 1000),
            (r#"{"instances":[{"advert_int":1.0},{"advert_int":0.01}]}"#, 3600),
            (r#"{"instances":[{"advert_int":40.95}]}"#, 15_000),
        ] {
            let value = parse(text).unwrap();
            assert_eq!(span(Node::new(&value)).as_millis(), millis, "{text}");
        }
    }

    #[test]
    fn senders_are_bounded() {
        let mut wire = Wire::default();
        for n in 0..2 * SENDERS as u32 {
            let heard = sniff::heard::Message {
                outgoing: false,
                source: std::net::Ipv4Addr::from(n).into(),
                vrid: 1,
                priority: 100,
                protocol: Protocol::Vrrp,
            };
            wire.take("eth0", &heard);
            wire.take("eth0", &heard);
        }
        assert_eq!(wire.incoming().count(), SENDERS);
        assert!(wire.incoming().all(|(_, seen)| seen.count == 2));
    }
}
