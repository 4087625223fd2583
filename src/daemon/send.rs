//! Adverts and announcements on their way out, and what is said when they do not get there.
//!
//! An advert that the kernel refuses is not kept: what it says may not be true any more when there is
//! room for it. The next one is the retry; peers have the patience for two that are missing.

use super::announcer::Outcome;
use super::router::VirtualRouter;
use super::shortage::Lack;
use super::{hmac, Daemon};
use crate::sys::shortage;
use crate::vrrp::event::Action;
use crate::vrrp::StateName;
use crate::wire::trailer::Stamp;
use std::io;

impl Daemon {
    /// Sends the adverts of a turn: those of one interface in one system call.
    pub(super) fn advertise(&mut self, actions: &[(usize, Action)]) {
        for (router, action) in actions {
            let Action::Advertise { priority, checksum } = *action else { continue };
            let net = self.routers[*router].sends_through();
            let VirtualRouter { core, templates, transport, .. } = &mut self.routers[*router];
            let net = &mut self.nets[net];
            let (source, ttl) = (core.source(), transport.ttl());
            let clock = core.auth_hmac().map_or(Stamp::default(), |_| hmac::stamp());
            for (destination, template) in templates {
                let signature = core.sign(clock);
                let message = template.signed(priority, checksum, signature.as_ref());
                net.outbox.push(message, source, *destination, net.ifindex, ttl);
                net.senders.push(*router);
            }
        }
        let mut sent = false;
        for net in 0..self.nets.len() {
            if !self.nets[net].outbox.is_empty() {
                sent = true;
                self.send(net);
            }
        }
        // Whoever sends in vain may be taken for dead by now: the next run is not to go on then.
        self.state.advertised |= sent && self.nets.iter().all(|net| net.in_vain == 0);
    }

    /// Sends a net's advertisements. A failure is said once, until nobody's are refused any more.
    fn send(&mut self, net: usize) {
        let Self { nets, routers, links, .. } = self;
        let net = &mut nets[net];
        let mut senders = std::mem::take(&mut net.senders);
        let (mut failed, mut unheard) = (None, None);
        if let Some(socket) = &net.socket {
            for router in &senders {
                routers[*router].refused = false;
            }
            socket.send(&mut net.outbox, |message, error| {
                net.send_errors += 1;
                let Some(it) = senders.get(message).map(|router| &mut routers[*router]) else {
                    return;
                };
                it.refused = true;
                // Whoever is not MASTER any more has resigned with it, often for the same cause.
                match it.core.state() {
                    StateName::Master => failed.get_or_insert(error),
                    StateName::Init | StateName::Backup | StateName::Fault => {
                        unheard.get_or_insert(error)
                    }
                };
            });
            for router in &senders {
                let it = &mut routers[*router];
                let before = std::mem::replace(&mut it.sends_in_vain, it.refused);
                net.in_vain += usize::from(it.refused && !before);
                net.in_vain -= usize::from(!it.refused && before);
            }
        }
        net.outbox.clear();
        senders.clear();
        net.senders = senders;
        let (name, up) = (&links.get(net.link).name, links.get(net.link).running);
        if let Some(error) = unheard.filter(|_| up) {
            log::warn!(
                "nobody on {name} hears that we resign: {error}: others take over after their \
                 Master_Down_Interval"
            );
        }
        match failed {
            // An interface that is down is a FAULT, with its reason.
            Some(error) if up && !net.send_failed => {
                net.send_failed = true;
                log::error!("cannot send adverts on {name}: {error}{}", hint(&error));
            }
            None if net.in_vain == 0 && net.send_failed => {
                net.send_failed = false;
                let refused = net.send_errors;
                log::info!("adverts go out on {name} again: {refused} were refused so far");
            }
            Some(_) | None => {}
        }
    }

    /// A virtual router sends no more adverts: whether they would be refused is not known.
    pub(super) fn sends_no_more(&mut self, router: usize) {
        let net = self.routers[router].sends_through();
        if std::mem::take(&mut self.routers[router].sends_in_vain) {
            self.nets[net].in_vain = self.nets[net].in_vain.saturating_sub(1);
        }
    }

    /// Sends the announcements that wait. What is refused is said once, until they are sent again.
    pub(super) fn flush_announcements(&mut self) {
        let (index, refused) = match self.announcer.flush() {
            Outcome::Nothing => return,
            Outcome::Sent => {
                self.shortage.silent = false;
                return;
            }
            Outcome::Refused(index, refused) => (index, refused),
        };
        self.shortage.add(Lack::Announcement, refused.frames);
        let link = (0..self.links.len()).map(|link| self.links.get(link));
        let Some(link) = link.into_iter().find(|link| link.index == Some(index)) else { return };
        // One that is down has nobody to tell.
        if link.running && !std::mem::replace(&mut self.shortage.silent, true) {
            let (name, error, frames) = (&link.name, &refused.error, refused.frames);
            log::error!(
                "cannot announce addresses on {name}: {error}: {frames} announcements were not sent{}",
                hint(error)
            );
        }
    }
}

fn hint(error: &io::Error) -> &'static str {
    match (error.kind(), shortage::of(error)) {
        (io::ErrorKind::PermissionDenied, _) => {
            "; does a firewall drop IP protocol 112 on its way out?"
        }
        (_, Some(_)) => "; is the queue of the interface full? See tc -s qdisc",
        _ => "",
    }
}
