//! A packet that was seen, with all that is known of it, and what is to be said about it.

use super::ip::Datagram;
use super::link::Captured;
use super::message::{Checksum, Message, Vrrp};
use super::ours::{Secret, Verdict};
use crate::wire::{Discard, Family, TTL};

/// A packet with VRRP or CARP in it.
#[derive(Debug)]
pub struct Seen<'a> {
    /// What was captured.
    pub captured: Captured<'a>,
    /// The packet of IP.
    pub datagram: Datagram<'a>,
    /// What it says; `None` if there is not even a header.
    pub message: Option<Message>,
    /// There is a signature behind it.
    pub signed: bool,
    /// Who sent it.
    pub sender: Sender,
    /// What we make of it; `None` without a configuration.
    pub verdict: Option<Verdict<'a>>,
}

/// Who sent a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sender {
    /// This host.
    Ours,
    /// Another host, which has an address of this one.
    OurAddress,
    /// Somebody else.
    Other,
}

/// What is to be said about a packet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fact {
    /// It is so.
    Plain(String),
    /// A person should look at it.
    Odd(String),
    /// It is refused for that.
    Bad(String),
}

impl Seen<'_> {
    /// What is to be said about it, in a few words each.
    #[must_use]
    pub fn facts(&self) -> Vec<Fact> {
        let mut facts = Vec::new();
        let meta = &self.datagram.meta;
        let vrrp = match &self.message {
            None => {
                facts.push(Fact::Bad("cut short".to_owned()));
                return facts;
            }
            Some(Message::Carp { .. }) => {
                if self.verdict.as_ref().is_some_and(|it| it.router.is_some()) {
                    facts.push(Fact::Bad("has our VRID's MAC".to_owned()));
                }
                facts.extend(self.whose());
                return facts;
            }
            Some(Message::Vrrp(vrrp)) => vrrp,
        };
        facts.extend(checksum(vrrp, Family::of(meta.source)));
        if self.datagram.cut {
            facts.push(Fact::Odd("cut short".to_owned()));
        }
        if meta.ttl != TTL && meta.destination.is_multicast() {
            facts.push(Fact::Bad(format!("TTL {}, not 255", meta.ttl)));
        }
        facts.extend(self.authentication(vrrp));
        facts.extend(self.differences().into_iter().map(Fact::Odd));
        facts.extend(self.whose());
        facts.extend(self.refusal());
        facts
    }

    /// In what it differs from what we send, or would.
    #[must_use]
    pub fn differences(&self) -> Vec<String> {
        let (Some(Message::Vrrp(vrrp)), Some(verdict)) = (&self.message, &self.verdict) else {
            return Vec::new();
        };
        // Of what was cut short, half of the addresses are missing.
        let Some(router) = verdict.router.filter(|_| !self.datagram.cut) else {
            return Vec::new();
        };
        let mut all = router.differences(vrrp);
        if !router.transport.listens_to(self.datagram.meta.destination) {
            let from = router.transport.group().map_or("its peers".to_owned(), |it| it.to_string());
            all.push(format!("{} listens to {from}", router.name));
        }
        let same = vrrp.priority == router.settings.priority.0 && vrrp.priority > 0;
        if same && self.sender != Sender::Ours {
            all.push("has our priority".to_owned());
        }
        all
    }

    fn authentication(&self, vrrp: &Vrrp) -> Option<Fact> {
        let verdict = self.verdict.as_ref();
        let (password, signature) = verdict
            .map_or((Secret::None, Secret::None), |verdict| (verdict.password, verdict.signature));
        match signature {
            Secret::None => {}
            Secret::Same => return Some(Fact::Plain("signed with our key".to_owned())),
            Secret::Other | Secret::OtherLength => {
                return Some(Fact::Bad("not signed with our key".to_owned()));
            }
        }
        let has_password =
            verdict.and_then(|it| it.router).map(|it| it.settings.auth_pass.is_some());
        let kind = vrrp.authentication.map_or(0, |it| it.0);
        match (kind, has_password, password) {
            _ if self.datagram.ah => Some(Fact::Bad("inside of an AH".to_owned())),
            (0, Some(true), _) if vrrp.authentication.is_some() => {
                Some(Fact::Bad("no password, ours has one".to_owned()))
            }
            (0, ..) if self.signed && verdict.is_none() => Some(Fact::Plain("signed".to_owned())),
            (0, ..) => None,
            (1, Some(false), _) => Some(Fact::Bad("password, ours has none".to_owned())),
            (1, _, Secret::Same) => Some(Fact::Plain("our password".to_owned())),
            (1, _, Secret::Other) => Some(Fact::Bad("not our password".to_owned())),
            (1, _, Secret::OtherLength) => Some(Fact::Bad("password of other length".to_owned())),
            (1, ..) => Some(Fact::Plain("password".to_owned())),
            (2, ..) => Some(Fact::Bad("authentication by AH".to_owned())),
            (kind, ..) => Some(Fact::Bad(format!("authentication type {kind}"))),
        }
    }

    fn whose(&self) -> Vec<Fact> {
        let verdict = self.verdict.as_ref();
        let name = verdict.and_then(|it| it.router).map(|it| it.name.as_str());
        let mut facts = Vec::new();
        match (self.sender, name) {
            (Sender::Ours, Some(name)) => facts.push(Fact::Plain(format!("ours ({name})"))),
            (Sender::Ours, None) => facts.push(Fact::Plain("ours".to_owned())),
            (Sender::OurAddress, _) => {
                facts.push(Fact::Bad("has our address, and is not ours".to_owned()));
            }
            (Sender::Other, _) => {}
        }
        if let (Some(Message::Vrrp(vrrp)), None) = (&self.message, name) {
            if verdict.is_some() {
                let text = format!("no instance of ours has VRID {}", vrrp.vrid);
                facts.push(Fact::Odd(text));
            }
        }
        facts
    }

    /// Why it is refused, where nothing else has told it.
    fn refusal(&self) -> Option<Fact> {
        let ours = self.verdict.as_ref().is_some_and(|it| it.router.is_some());
        let discard = self.verdict.as_ref()?.discard?;
        let brief = match discard {
            Discard::PacketLength if self.datagram.cut => return None,
            Discard::PacketLength => "wrong length",
            Discard::InvalidType => "type is not 1",
            Discard::CountZero => "no address",
            Discard::NotLinkLocal => "first address is not link-local",
            Discard::Owner => "we own the addresses and listen to nobody",
            Discard::UnicastSource => "not from a unicast_peer",
            Discard::UnicastTtl => "TTL not within that of its unicast_peer",
            Discard::Signed => "signed, ours is not",
            Discard::HmacMissing => "not signed",
            Discard::HmacUnknownKind => "signed in an unknown way",
            Discard::HmacUnknownKey => "signed with a key that we have not",
            Discard::HmacStale => "its clock is too far from ours",
            Discard::HmacReplayed => "signed earlier than another: repeated",
            // What was told says it: all that remains is that it counts.
            _ if ours => "refused",
            _ => return None,
        };
        Some(Fact::Bad(brief.to_owned()))
    }
}

/// What to say of a checksum: where there is only one way to be right, nothing if it is.
fn checksum(vrrp: &Vrrp, family: Family) -> Option<Fact> {
    let choice = vrrp.version == 3 && family == Family::V4;
    match vrrp.checksum {
        Checksum::Message if choice => Some(Fact::Plain("checksum of message".to_owned())),
        Checksum::PseudoHeader if choice => {
            Some(Fact::Plain("checksum with pseudo-header".to_owned()))
        }
        Checksum::Message | Checksum::PseudoHeader | Checksum::Unchecked => None,
        Checksum::Wrong { is, message, pseudo_header } => {
            let should: Vec<_> = message
                .into_iter()
                .chain(pseudo_header)
                .map(|word| format!("0x{word:04x}"))
                .collect();
            let should = should.join(" or ");
            Some(Fact::Bad(format!("wrong checksum 0x{is:04x}, should be {should}")))
        }
    }
}
