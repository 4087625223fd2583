//! A virtual router whose adverts are signed.

use super::Router;
use crate::vrrp::auth_hmac::{AntiReplay, AuthHmac, Mode};
use crate::vrrp::event::{Action, Remark};
use crate::wire::advert::Advert;
use crate::wire::trailer::{Signature, Stamp};
use crate::wire::Discard;
use alloc::vec::Vec;
use core::net::IpAddr;

impl Router {
    /// Adverts are signed from now on, as this says.
    pub fn set_auth_hmac(&mut self, auth_hmac: AuthHmac) {
        self.auth_hmac = Some(auth_hmac);
    }

    /// How adverts are signed, if they are.
    #[must_use]
    pub const fn auth_hmac(&self) -> Option<&AuthHmac> {
        self.auth_hmac.as_ref()
    }

    /// What the next advert is to be signed with. `clock`: what it shows now.
    pub fn sign(&mut self, clock: Stamp) -> Option<Signature<'_>> {
        self.auth_hmac.as_mut()?.sign(clock)
    }

    /// Whether an advert is to be believed. Its version is looked at first, as keepalived does it:
    /// another one is what a person can put right.
    pub(super) fn accepts(
        &mut self,
        source: IpAddr,
        clock: Stamp,
        advert: &Advert<'_>,
    ) -> Result<(), Discard> {
        if !self.settings.speaks(advert.version) {
            return Err(Discard::Version);
        }
        match (&mut self.auth_hmac, advert.trailer) {
            (Some(auth_hmac), _) => auth_hmac.verify(source, advert, clock)?,
            (None, Some(_)) => return Err(Discard::Signed),
            (None, None) => {}
        }
        self.settings.accepts(advert, self.effective_priority)
    }

    /// What the next step of a roll-out would part us from, and a clock that is about to.
    pub(super) fn watch_signature(
        &mut self,
        source: IpAddr,
        clock: Stamp,
        advert: &Advert<'_>,
        out: &mut Vec<Action>,
    ) {
        let Some(auth_hmac) = &self.auth_hmac else { return };
        let settings = auth_hmac.settings();
        if advert.trailer.is_none() && settings.mode == Mode::Permissive {
            self.remarks.make(Remark::NotSigned { source }, out);
            return;
        }
        let (Some(behind), AntiReplay::Time(window)) =
            (auth_hmac.behind(advert, clock), settings.anti_replay)
        else {
            return;
        };
        if behind.unsigned_abs() > u32::from(window) / 2 {
            self.remarks.make(Remark::ClockApart { source, behind }, out);
        }
    }
}
