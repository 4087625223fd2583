//! The keys of `auth_hmac`, and the clock of the day that goes with them.

use crate::config::error::Report;
use crate::config::hmac::{decode, AuthHmac, HmacKey, KeyValue, Secret};
use crate::config::Config;
use crate::sys::clock;
use crate::vrrp::auth_hmac::{self, AntiReplay};
use crate::vrrp::router::Router;
use crate::wire::sha256::Key;
use crate::wire::trailer::Stamp;
use std::fs;
use std::io::Read;
use std::os::unix::fs::MetadataExt;

/// No file with a key in it is longer: `hex:`, 64 bytes as digits with blanks, and an end of line.
const LONGEST: u64 = 256;
/// Permissions of everybody but the owner.
const OTHERS: u32 = 0o077;

/// What the clock of the day shows.
pub fn stamp() -> Stamp {
    let (seconds, nanos) = clock::realtime();
    Stamp::of_clock(seconds as u64, nanos)
}

/// Adds to a report what is wrong with the files that keys are in.
pub fn check(config: &Config, report: &mut Report) {
    for hmac in config.vrrp_instance.iter().filter_map(|instance| instance.auth_hmac.as_ref()) {
        for HmacKey { id, value, place } in &hmac.key {
            let KeyValue::File(path) = value else { continue };
            match load(path) {
                Ok((_, mode)) if mode & OTHERS != 0 => {
                    let message = format!(
                        "{path}: others than its owner may read or change this key (mode {mode:o})"
                    );
                    report.warning(*place, message).help("chmod 600 lets nobody else").secret(true);
                }
                Ok(_) => {}
                Err(error) => {
                    report.error(*place, format!("key {id}: {path} {error}")).secret(true);
                }
            }
        }
    }
}

/// What signs and verifies, with the keys out of their files. One that has become unreadable since
/// the configuration was checked is missing: what is signed with it is refused then.
pub fn build(from: &AuthHmac, instance: &str) -> auth_hmac::AuthHmac {
    let mut keys = Vec::with_capacity(from.key.len());
    for HmacKey { id, value, .. } in &from.key {
        match value {
            KeyValue::Here(secret) => keys.push((*id, Key::new(&secret.0))),
            KeyValue::File(path) => match load(path) {
                Ok((secret, _)) => keys.push((*id, Key::new(&secret.0))),
                Err(error) => log::error!("{instance}: key {id}: {path} {error}"),
            },
        }
    }
    auth_hmac::AuthHmac::new(from.settings, keys)
}

/// How far the clock was that a virtual router would not believe, in words.
pub fn how_stale(router: &Router) -> String {
    let stale = router.auth_hmac().map_or(0, auth_hmac::AuthHmac::stale);
    format!(" (theirs is {} s {} ours)", stale.unsigned_abs(), direction(stale))
}

/// Where a clock is that is so many seconds behind ours.
pub const fn direction(behind: i32) -> &'static str {
    if behind < 0 {
        "ahead of"
    } else {
        "behind"
    }
}

/// `time_window` of a virtual router, in seconds; 0 if clocks do not matter to it.
pub fn window(router: &Router) -> u16 {
    match router.auth_hmac().map(|it| it.settings().anti_replay) {
        Some(AntiReplay::Time(window)) => window,
        Some(AntiReplay::Monotonic) | None => 0,
    }
}

/// The key in a file, and the permissions of that.
fn load(path: &str) -> Result<(Secret, u32), String> {
    let cannot = |error: std::io::Error| format!("cannot be read: {error}");
    let metadata = fs::metadata(path).map_err(cannot)?;
    // A named pipe would not let go of us.
    if !metadata.is_file() {
        return Err("is not a file".into());
    }
    let mut bytes = Vec::new();
    let file = fs::File::open(path).map_err(cannot)?;
    file.take(LONGEST + 1).read_to_end(&mut bytes).map_err(cannot)?;
    if bytes.len() as u64 > LONGEST {
        return Err(format!("is longer than {LONGEST} bytes: it is no key"));
    }
    let end = bytes.iter().rposition(|byte| !matches!(byte, b'\n' | b'\r')).map_or(0, |at| at + 1);
    bytes.truncate(end);
    Ok((decode(&bytes)?, metadata.mode() & 0o777))
}
