//! `accept` and `no_accept`: whether the MASTER takes packets for its addresses. And `vip_lease`: how
//! long the kernel does when nobody looks after it.

use super::settings::Settings;
use crate::config::error::Report;
use crate::config::{NoAcceptFailure, VipLease};

/// Whether an instance accepts packets for its addresses: RFC 9568's Accept_Mode.
pub fn read(settings: &Settings<'_>, report: &mut Report) -> bool {
    match (settings.flag("accept"), settings.flag("no_accept")) {
        (Some(accept), Some(no_accept)) if accept == no_accept => {
            let message = format!("accept and no_accept are both {accept}");
            settings.error("no_accept", message, report).help("write one of the two");
            true
        }
        (Some(accept), _) => accept,
        (None, no_accept) => !no_accept.unwrap_or(false),
    }
}

/// What happens where the kernel cannot help.
pub fn failure(globals: &Settings<'_>) -> NoAcceptFailure {
    match globals.choice("no_accept_failure") {
        Some(1) => NoAcceptFailure::Fault,
        _ => NoAcceptFailure::Warn,
    }
}

/// What takes the addresses away from us when we cannot; `None` for the best that the kernel has.
pub fn vip_lease(settings: &Settings<'_>) -> Option<VipLease> {
    match settings.choice("vip_lease")? {
        0 => Some(VipLease::Nft),
        1 => Some(VipLease::Lifetime),
        _ => Some(VipLease::Off),
    }
}
