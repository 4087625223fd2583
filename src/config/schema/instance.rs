//! `vrrp_instance NAME`

use super::advice::Notes;
use super::family::Families;
use super::settings::Settings;
use super::table::{AUTHENTICATION, VRRP_INSTANCE};
use super::tracked::{self, Sensors};
use super::value::{describe, time, without_unit};
use super::{
    accept, address, election, hmac, implicit, notify, route, rule, strict, track, transport, vmac,
};
use crate::config::error::{quote, Place, Report};
use crate::config::tree::{Data, Section, Word};
use crate::config::{Format, Track, V3Checksum, VipConflict, VrrpInstance};
use crate::vrrp::settings::Election;
use crate::wire::{Interval, Priority, Version, Vrid};
use core::net::IpAddr;
use core::time::Duration;

/// Reads a virtual router. `None` if what it cannot do without is missing.
pub fn read(
    name: &Word,
    section: &Section,
    globals: &Settings<'_>,
    sensors: &Sensors<'_>,
    notes: &mut Notes,
    report: &mut Report,
) -> Option<VrrpInstance> {
    let label = (format!("vrrp_instance {}", name.text), name.place);
    let settings = Settings::read("vrrp_instance", VRRP_INSTANCE, label, &section.entries, report)
        .with_globals(globals);
    let interface = interface(&settings, report);
    let help = report.example("virtual_router_id", "51")
        + ": 1 to 255, the same on all routers of the group";
    settings.need("virtual_router_id", &help, report);
    let virtual_ipaddress = address::read(&settings, report);
    let families = Families::of(&virtual_ipaddress);
    let version = families.version(&settings, report);
    let advert_int = advert_int(&settings, version, families, report);
    let both_versions = families.both_versions(&settings, advert_int, report);
    let nopreempt = nopreempt(&settings, report);
    let auth_pass = authentication(&settings, (version, both_versions), families, notes, report);
    let auth_hmac = hmac::read(&settings, advert_int, report);
    let virtual_ipaddress_excluded = address::excluded(&settings, &virtual_ipaddress, report);
    let transport = transport::read(&settings, globals, &virtual_ipaddress, report);
    let list = |word| settings.value(word);
    let virtual_routes = route::read("virtual_routes", list("virtual_routes"), report);
    let virtual_rules = rule::read("virtual_rules", list("virtual_rules"), report);
    let track_script = track::track_script(&settings, &sensors.scripts, report);
    let mut track = tracked::read(&settings, sensors, interface.as_deref(), report);
    if settings.has("state") && notes.state.is_none() {
        notes.state = Some(settings.place_of("state"));
    }
    let interface = interface?;
    let addresses = virtual_ipaddress.iter().chain(&virtual_ipaddress_excluded);
    // Whoever tracks one of them says itself what that is worth.
    let asked = |it: &Track| track.iter().any(|other| other.tracked == it.tracked);
    let mut implicit = implicit::interfaces(&interface, addresses, &virtual_routes);
    implicit.retain(|it| !asked(it));
    track.extend(implicit);
    let delay = |word| settings.time(word).unwrap_or_default();
    let repeat = |word| settings.octet(word).unwrap_or(1);
    let garp_master_delay = delay("garp_master_delay");
    let garp_master_repeat = repeat("garp_master_repeat");
    let mut instance = VrrpInstance {
        name: name.text.clone(),
        place: name.place,
        interface,
        interface_place: settings.place_of("interface"),
        virtual_router_id: Vrid::new(settings.octet("virtual_router_id")?)?,
        priority: settings.octet("priority").map_or(Priority::DEFAULT, Priority),
        version,
        advert_int,
        nopreempt,
        accept: accept::read(&settings, report),
        vip_lease: accept::vip_lease(&settings),
        fast_handover: settings.flag("fast_handover").unwrap_or(true),
        skip_check_adv_addr: settings.flag("skip_check_adv_addr").unwrap_or(false),
        v3_checksum: v3_checksum(&settings),
        auth_pass,
        auth_hmac,
        virtual_ipaddress,
        virtual_ipaddress_excluded,
        virtual_routes,
        virtual_rules,
        track_script,
        garp_master_delay,
        garp_master_repeat,
        garp_master_refresh: delay("garp_master_refresh"),
        garp_master_refresh_repeat: repeat("garp_master_refresh_repeat"),
        garp_lower_prio_delay: settings.time("garp_lower_prio_delay").unwrap_or(garp_master_delay),
        garp_lower_prio_repeat: settings
            .octet("garp_lower_prio_repeat")
            .unwrap_or(garp_master_repeat),
        election: Election { both_versions, ..election::read(&settings, nopreempt, report) },
        transport,
        track,
        dont_track_primary: settings.flag("dont_track_primary").unwrap_or(false),
        vip_conflict: vip_conflict(&settings),
        use_vmac: vmac::read(&settings, report),
        notify: notify::read(&settings, report),
    };
    if let Some(refresh) = vmac::refresh(&settings, &instance, report) {
        instance.garp_master_refresh = refresh;
    }
    strict::lint(&settings, &instance, report);
    notes.routers.push(settings.place_of("virtual_router_id"));
    Some(instance)
}

fn interface(settings: &Settings<'_>, report: &mut Report) -> Option<String> {
    settings.need("interface", &report.example("interface", "eth0"), report);
    let interface = settings.text("interface")?;
    if interface == "lo" {
        let message = "interface lo: nobody else hears what is sent there";
        settings.error("interface", message.into(), report);
        return None;
    }
    unlikely(&interface, settings.place_of("interface"), report);
    Some(interface)
}

/// Names that the kernel would take, and that yet are something else.
fn unlikely(interface: &str, place: Place, report: &mut Report) {
    if let Some((name, _)) = interface.split_once('@') {
        let message = format!("{interface} is how ip(8) shows an interface, not its name");
        report.warning(place, message).help(format!("its name is {name}"));
    } else if interface.parse::<IpAddr>().is_ok() {
        let message = format!("{interface} is an address, and stands where an interface is named");
        report.warning(place, message);
    } else if interface.contains([';', ',', '<', '>', '(', ')', '{', '}', '$', '%', '"', '\'']) {
        let message = format!("{} is hardly the name of an interface", quote(interface));
        let help = match interface.ends_with(';') {
            true => "leave the semicolon out",
            false => "does it stand for one that was to be put in?",
        };
        report.warning(place, message).help(help);
    }
}

fn advert_int(
    settings: &Settings<'_>,
    version: Version,
    families: Families,
    report: &mut Report,
) -> Interval {
    let Some(value) = settings.value("advert_int") else {
        return Interval::SECOND;
    };
    let fits = |interval: &Interval| families.fits(*interval, version);
    if let Some(interval) = time(value).and_then(interval).filter(fits) {
        return interval;
    }
    let (range, why, other) = match (version, families) {
        (Version::V2, Families::Both) => (
            "1 to 40",
            "VRRPv2 counts in whole seconds, and VRRPv3, for IPv6, to 40.95",
            "version 3 allows 0.01 to 40.95",
        ),
        (Version::V2, Families::V4 | Families::V6) => {
            ("1 to 255", "VRRPv2 counts in whole seconds", "version 3 allows 0.01 to 40.95")
        }
        (Version::V3, Families::V4) => (
            "0.01 to 40.95",
            "VRRPv3 counts in hundredths of a second",
            "version 2 allows 1 to 255",
        ),
        (Version::V3, Families::V6 | Families::Both) => {
            ("0.01 to 40.95", "VRRPv3 counts in hundredths of a second", "")
        }
    };
    let message = format!("advert_int must be a time from {range}, not {}: {why}", describe(value));
    let help = without_unit(value).unwrap_or(other.into());
    settings.error("advert_int", message, report).help(help);
    Interval::SECOND
}

/// `None` if it is no whole number of centiseconds, or out of any version's range.
fn interval(time: Duration) -> Option<Interval> {
    const CENTISECOND: u128 = 10_000_000;
    if time.as_nanos() % CENTISECOND != 0 {
        return None;
    }
    Interval::from_centiseconds(u16::try_from(time.as_nanos() / CENTISECOND).ok()?)
}

fn nopreempt(settings: &Settings<'_>, report: &mut Report) -> bool {
    match (settings.flag("preempt"), settings.flag("nopreempt")) {
        (Some(preempt), Some(nopreempt)) if preempt == nopreempt => {
            let message = format!("preempt and nopreempt are both {preempt}");
            settings.error("nopreempt", message, report).help("write one of the two");
            false
        }
        (Some(preempt), _) => !preempt,
        (None, nopreempt) => nopreempt.unwrap_or(false),
    }
}

fn v3_checksum(settings: &Settings<'_>) -> V3Checksum {
    match settings.choice("v3_checksum") {
        Some(1) => V3Checksum::Rfc9568,
        Some(2) => V3Checksum::PseudoHeader,
        _ => V3Checksum::Auto,
    }
}

fn vip_conflict(settings: &Settings<'_>) -> VipConflict {
    match settings.choice("vip_conflict") {
        Some(0) => VipConflict::Off,
        Some(2) => VipConflict::Probe,
        _ => VipConflict::Detect,
    }
}

fn authentication(
    instance: &Settings<'_>,
    (version, both_versions): (Version, bool),
    families: Families,
    notes: &mut Notes,
    report: &mut Report,
) -> Option<[u8; 8]> {
    let value = instance.value("authentication")?;
    let Data::Table(entries) = &value.data else {
        let message = format!("authentication must be a table, not {}", value.data.kind());
        let help = "write authentication = { auth_type = \"PASS\", auth_pass = \"...\" }";
        report.error(value.place, message).help(help).secret(true);
        return None;
    };
    let label = (format!("authentication of {}", instance.label), value.place);
    let settings = Settings::read("authentication", AUTHENTICATION, label, entries, report);
    if both_versions {
        let message =
            "authentication is for adverts of version 2 alone: those of version 3 have none";
        report.warning(value.place, message).secret(true);
    } else if version == Version::V3 {
        let help = match families {
            Families::V4 | Families::Both => "leave authentication out, or use version 2",
            Families::V6 => "leave authentication out; IPv6 has VRRPv3 alone",
        };
        settings.error("", "VRRPv3 has no authentication".into(), report).help(help);
    } else if families == Families::Both {
        let message = "authentication is for IPv4 alone: IPv6 has VRRPv3, which has none";
        report.warning(value.place, message).secret(true);
    }
    settings.need("auth_type", &report.example("auth_type", "PASS"), report);
    if settings.choice("auth_type") == Some(1) {
        let message = "auth_type AH is not supported: RFC 3768 removed it from VRRP in 2004";
        settings.error("auth_type", message.into(), report).help(
            "use PASS or none, on all routers at once: without it this one and those with AH do not \
             hear each other",
        );
        return None;
    }
    let password = password(&settings, report)?;
    notes.password.get_or_insert(settings.place_of("auth_pass"));
    Some(password)
}

/// Never says what it found.
fn password(settings: &Settings<'_>, report: &mut Report) -> Option<[u8; 8]> {
    let value = settings.need(
        "auth_pass",
        &(report.example("auth_pass", "...") + ", 1 to 8 bytes"),
        report,
    )?;
    let Some(Word { text, .. }) = value.word() else {
        let bare = report.format() == Format::Keepalived;
        let (message, help) = match bare {
            true => ("auth_pass has no value".into(), "write 1 to 8 bytes behind it"),
            false => {
                let kind = value.data.kind();
                (format!("auth_pass must be a string, not {kind}"), "put it in quotes")
            }
        };
        settings.error("auth_pass", message, report).help(help);
        return None;
    };
    let mut password = [0; 8];
    // In keepalived.conf the rest has been told of, and may begin within a letter.
    let most = if report.format() == Format::Keepalived { 8 } else { usize::MAX };
    let bytes = text.as_bytes().get(..most.min(text.len())).unwrap_or_default();
    match password.get_mut(..bytes.len()) {
        Some(start) if !text.is_empty() => start.copy_from_slice(bytes),
        _ => {
            let message = format!("auth_pass has {} bytes; VRRPv2 carries 1 to 8", text.len());
            settings.error("auth_pass", message, report).help("shorten it, on all routers");
            return None;
        }
    }
    Some(password)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn intervals_are_whole_centiseconds() {
        for (micros, centiseconds) in [
            (10_000, Some(1)),
            (1_000_000, Some(100)),
            (40_950_000, Some(4095)),
            (255_000_000, Some(25_500)),
            (0, None),
            (5_000, None),
            (15_000, None),
            (256_000_000, None),
            (86_400_000_000, None),
        ] {
            let interval = interval(Duration::from_micros(micros));
            assert_eq!(interval.map(Interval::centiseconds), centiseconds, "{micros}");
        }
    }
}
