//! Why a virtual MAC address cannot be used, for people.

use super::kernel::Refusal;
use super::settings::Failure;
use std::io;

/// The name is taken.
pub fn taken(name: &str, mac: [u8; 6], on: &str) -> String {
    format!(
        "there is another interface {name}, which is no macvlan with the MAC address {} on {on}: \
         remove it, or give use_vmac another name",
        text(mac)
    )
}

/// The kernel has not made it.
pub fn not_made(name: &str, on: &str, refusal: Option<&Refusal>) -> String {
    let Some(Refusal { error, .. }) = refusal else {
        return format!("{name} has vanished as soon as it was made");
    };
    let hint = match error.kind() {
        io::ErrorKind::Unsupported => {
            "; use_vmac needs the kernel's option CONFIG_MACVLAN (OpenWrt: kmod-macvlan)"
        }
        io::ErrorKind::InvalidInput => "; is that an Ethernet interface?",
        io::ErrorKind::ResourceBusy => "; is that a port of a bridge or a bond?",
        _ => "",
    };
    format!("cannot make {name} on {on}: {error}{hint}")
}

/// The kernel has not set it up.
pub fn not_up(mac: [u8; 6], error: &io::Error) -> String {
    let hint = match error.kind() {
        io::ErrorKind::ResourceBusy | io::ErrorKind::AddrInUse => {
            "; does somebody else use that MAC address here?"
        }
        _ => "",
    };
    format!("cannot set up the interface with {}: {error}{hint}", text(mac))
}

/// Tells of settings that stay what they are.
pub fn tell(failures: &[Failure]) {
    for Failure { what, error } in failures {
        log::warn!("cannot set {what}: {error}; hosts may learn the wrong MAC address");
    }
}

/// A MAC address as people write it.
pub fn text(mac: [u8; 6]) -> String {
    mac.map(|octet| format!("{octet:02x}")).join(":")
}
