//! The kernel's settings for an interface, in `/proc/sys/net`: those of our network namespace.

use std::fs;
use std::io;
use std::path::PathBuf;

/// Reads a setting of an interface: `ipv4` or `ipv6`, and its name as in `arp_ignore`.
///
/// # Errors
/// If there is no such interface or setting, or it is no number.
pub fn get(family: &str, interface: &str, name: &str) -> io::Result<i32> {
    let text = fs::read_to_string(path(family, interface, name)?)?;
    text.trim().parse().map_err(|_| io::Error::from(io::ErrorKind::InvalidData))
}

/// Writes a setting of an interface.
///
/// # Errors
/// If there is no such interface or setting, if we have no right to it, or if the kernel does not
/// take the value.
pub fn set(family: &str, interface: &str, name: &str, value: i32) -> io::Result<()> {
    fs::write(path(family, interface, name)?, value.to_string())
}

/// The name of an interface must not lead elsewhere.
fn path(family: &str, interface: &str, name: &str) -> io::Result<PathBuf> {
    if matches!(interface, "" | "." | "..") || interface.contains('/') {
        return Err(io::ErrorKind::InvalidInput.into());
    }
    Ok(["/proc/sys/net", family, "conf", interface, name].iter().collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sys::testnet::with_pair;

    #[test]
    fn a_setting_is_changed_in_this_namespace_alone() {
        with_pair(|pair| {
            pair.to_b();
            assert!(get("ipv4", "a0", "arp_ignore").is_err(), "it is the other one's");
            pair.to_a();
            assert_eq!(get("ipv4", "a0", "arp_ignore").unwrap(), 0);
            set("ipv4", "a0", "arp_ignore", 1).unwrap();
            assert_eq!(get("ipv4", "a0", "arp_ignore").unwrap(), 1);
            assert!(set("ipv4", "a0", "arp_ignore_not", 1).is_err());
            assert!(set("ipv4", "b0", "arp_ignore", 1).is_err());
        });
    }

    #[test]
    fn a_name_leads_nowhere_else() {
        for name in ["", ".", "..", "a/b", "../../../../tmp"] {
            let error = get("ipv4", name, "arp_ignore").unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::InvalidInput, "{name}");
        }
    }
}
