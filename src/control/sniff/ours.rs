//! Our own configuration, and what it says to a message that was heard: the same code that the daemon
//! judges it by.

use super::ip::Datagram;
use super::link::Captured;
use crate::config::Config;
use crate::daemon::transport::Transport;
use crate::daemon::{hmac, router};
use crate::vrrp::auth_hmac::AuthHmac;
use crate::vrrp::settings::Settings;
use crate::wire::advert::{claimed_vrid, parse, Advert};
use crate::wire::trailer::Stamp;
use crate::wire::{Discard, Family, Vrid};
use std::net::IpAddr;

/// A virtual router of ours.
#[derive(Debug)]
pub struct VirtualRouter {
    /// The name of its instance.
    pub name: String,
    /// The interfaces that its adverts are on: that of the instance, and its virtual MAC address's.
    interfaces: [Option<String>; 2],
    /// What was asked of it.
    pub settings: Settings,
    /// Where its adverts come from and go to.
    pub transport: Transport,
    auth_hmac: Option<AuthHmac>,
}

/// The virtual routers of a configuration.
#[derive(Debug, Default)]
pub struct Ours(pub Vec<VirtualRouter>);

/// Whether a password or a signature is ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Secret {
    /// There is none, or nothing to compare it with.
    None,
    /// It is.
    Same,
    /// It is not.
    Other,
    /// It is not even as long.
    OtherLength,
}

/// What we make of a message.
#[derive(Debug)]
pub struct Verdict<'a> {
    /// The virtual router of ours that has its family and id.
    pub router: Option<&'a VirtualRouter>,
    /// Why the daemon discards it, if it does.
    pub discard: Option<Discard>,
    /// Of a password of VRRPv2.
    pub password: Secret,
    /// Of a signature.
    pub signature: Secret,
}

impl Ours {
    /// The virtual routers that a configuration asks for. Keys out of files are read.
    #[must_use]
    pub fn new(config: &Config) -> Self {
        let mut all = Vec::new();
        for instance in &config.vrrp_instance {
            for family in instance.families() {
                let vmac = instance.use_vmac.as_ref().map(|vmac| vmac.name(family).to_owned());
                all.push(VirtualRouter {
                    name: instance.name.clone(),
                    interfaces: [Some(instance.interface.clone()), vmac],
                    settings: router::settings(instance, family),
                    transport: Transport::new(instance, family),
                    auth_hmac: instance
                        .auth_hmac
                        .as_ref()
                        .map(|from| hmac::build(from, &instance.name)),
                });
            }
        }
        Self(all)
    }

    /// What we make of a message. `interface`: where it was heard, if that is known. `sent`: we sent
    /// it ourselves, and take it from nobody then.
    pub fn judge(
        &mut self,
        interface: Option<&str>,
        captured: &Captured<'_>,
        datagram: &Datagram<'_>,
        sent: bool,
    ) -> Verdict<'_> {
        let Datagram { meta, message, .. } = datagram;
        let parsed = if datagram.cut { Err(Discard::PacketLength) } else { parse(meta, message) };
        let vrid = claimed_vrid(message);
        let found = vrid.and_then(|vrid| {
            let place = (interface, captured.vlan.filter(|vlan| *vlan > 0));
            self.addressee(place, vrid, (meta.source, meta.destination))
        });
        let mut verdict = Verdict {
            router: None,
            discard: parsed.err(),
            password: Secret::None,
            signature: Secret::None,
        };
        let Some(router) = found.and_then(|at| self.0.get_mut(at)) else {
            verdict.discard = verdict.discard.or((!sent).then_some(Discard::Vrid));
            return verdict;
        };
        let listens = router.transport.listens_to(meta.destination);
        if let Ok(advert) = &parsed {
            verdict.password = router.password(advert);
            let refusal = router.judge(meta.source, meta.ttl, advert, clock(captured));
            verdict.signature = refusal.1;
            verdict.discard = if listens { refusal.0.err() } else { Some(Discard::Vrid) };
        } else if listens {
            // As the daemon has it: where it comes from is looked at when the rest is in order.
            verdict.discard = parsed.err();
        }
        if sent {
            verdict.discard = None;
        }
        verdict.router = Some(router);
        verdict
    }

    /// Whom a message is for, as in the daemon: of several with that id it is the one that has the
    /// sender among its peers. If nobody listens to where it went, whoever has the id.
    fn addressee(
        &self,
        place: (Option<&str>, Option<u16>),
        vrid: Vrid,
        (source, destination): (IpAddr, IpAddr),
    ) -> Option<usize> {
        let of_id = |it: &&(usize, &VirtualRouter)| {
            let settings = &it.1.settings;
            (settings.virtual_router_id, settings.family) == (vrid, Family::of(source))
                && it.1.may_hear(place)
        };
        let routers: Vec<_> = self.0.iter().enumerate().collect();
        let all = || routers.iter().filter(of_id);
        let listening = || all().filter(|it| it.1.transport.listens_to(destination));
        let found = listening().find(|it| it.1.transport.is_peer(source));
        found.or_else(|| listening().next()).or_else(|| all().next()).map(|it| it.0)
    }

    /// The groups that the virtual routers on an interface listen to.
    pub fn groups(&self, interface: &str) -> impl Iterator<Item = IpAddr> + '_ {
        let interface = interface.to_owned();
        let ours = self.0.iter().filter(move |it| it.is_on(&interface));
        ours.filter_map(|it| it.transport.group())
    }
}

impl VirtualRouter {
    fn is_on(&self, interface: &str) -> bool {
        self.interfaces.iter().flatten().any(|name| name == interface)
    }

    /// Whether it is on an interface, or on the one of a VLAN there, by the name that this mostly has.
    /// Of a file the interface is not known.
    fn may_hear(&self, (interface, vlan): (Option<&str>, Option<u16>)) -> bool {
        match (interface, vlan) {
            (None, None) => true,
            (Some(name), None) => self.is_on(name),
            (Some(name), Some(vlan)) => self.is_on(&format!("{name}.{vlan}")),
            (None, Some(vlan)) => {
                let (end, name) = (format!(".{vlan}"), format!("vlan{vlan}"));
                self.interfaces.iter().flatten().any(|it| it.ends_with(&end) || *it == name)
            }
        }
    }

    /// Whether it is taken, and what its signature is.
    fn judge(
        &mut self,
        source: IpAddr,
        ttl: u8,
        advert: &Advert<'_>,
        clock: Stamp,
    ) -> (Result<(), Discard>, Secret) {
        let taken = self.transport.check(source, ttl);
        let speaks = self.settings.speaks(advert.version);
        let verified = match (&mut self.auth_hmac, advert.trailer) {
            (Some(auth_hmac), _) => auth_hmac.verify(source, advert, clock),
            (None, Some(_)) => Err(Discard::Signed),
            (None, None) => Ok(()),
        };
        let signature = match (advert.trailer, verified) {
            (None, _) | (_, Err(Discard::Signed | Discard::HmacStale)) => Secret::None,
            (Some(_), Ok(()) | Err(Discard::HmacReplayed)) => Secret::Same,
            (Some(_), Err(_)) => Secret::Other,
        };
        let spoken = if speaks { Ok(()) } else { Err(Discard::Version) };
        let accepted = self.settings.accepts(advert, self.settings.priority);
        (taken.and(spoken).and(verified).and(accepted), signature)
    }

    /// Whether a password is ours. Only that is told, and if it is longer or shorter.
    fn password(&self, advert: &Advert<'_>) -> Secret {
        let Some((ours, theirs)) =
            self.settings.auth_pass.zip(advert.authentication.filter(|it| it.kind == 1))
        else {
            return Secret::None;
        };
        let length = |data: &[u8]| data.iter().rposition(|byte| *byte != 0).map_or(0, |at| at + 1);
        if ours == theirs.data {
            Secret::Same
        } else if length(&ours) == length(&theirs.data) {
            Secret::Other
        } else {
            Secret::OtherLength
        }
    }

    /// In what an advert differs from ours, and from which address we have that.
    #[must_use]
    pub fn differences(&self, read: &super::message::Vrrp) -> Vec<String> {
        let mut all = Vec::new();
        let ours = &self.settings;
        let version = [crate::wire::Version::V2, crate::wire::Version::V3]
            .into_iter()
            .find(|version| version.number() == read.version);
        match version {
            Some(version) if ours.speaks(version) => {
                let interval = ours.interval_of(version);
                if let Some(theirs) = read.interval.filter(|theirs| *theirs != interval) {
                    all.push(format!("interval {theirs}, ours {interval}"));
                }
            }
            _ => all.push(format!("version {}, ours {}", read.version, ours.version)),
        }
        let (theirs, ours) = (&read.addresses, &ours.addresses);
        let mut but = |what: &str, some: &[IpAddr], not_of: &[IpAddr]| {
            let mut others = some.iter().filter(|address| !not_of.contains(address));
            if let Some(first) = others.next() {
                let more = others.count();
                let more = if more > 0 { format!(" +{more} more") } else { String::new() };
                all.push(format!("{what} {first}{more}"));
                return true;
            }
            false
        };
        let more = but("we have not", theirs, ours);
        let fewer = but("they have not", ours, theirs);
        if !more && !fewer && theirs != ours {
            all.push("same addresses, other order".to_owned());
        }
        all
    }
}

/// When a packet was captured, as signatures say it.
fn clock(captured: &Captured<'_>) -> Stamp {
    const SECOND: u64 = 1_000_000_000;
    Stamp::of_clock(captured.time_ns / SECOND, (captured.time_ns % SECOND) as u32)
}
