//! `use_vmac`, and what belongs to it.

use super::settings::Settings;
use super::value::{describe, is_interface, time, truth};
use crate::config::error::{quote, Report};
use crate::config::tree::{Data, Value, Word};
use crate::config::{UseVmac, VirtualIpAddress, VrrpInstance};
use crate::wire::Family;
use core::time::Duration;
use std::collections::BTreeMap;

/// The longest `vmac_prefix`: `.255` and the 6 of IPv6 follow.
const PREFIX: usize = 10;
const DEFAULT_PREFIX: &str = "vrrp";
const DAY: Duration = Duration::from_secs(86_400);

/// Reads `use_vmac` of an instance. Names that are not written are given by [`name`].
pub fn read(settings: &Settings<'_>, report: &mut Report) -> Option<UseVmac> {
    let xmit_base = settings.flag("vmac_xmit_base").unwrap_or(false);
    let vrid = settings.octet("virtual_router_id").unwrap_or_default();
    let vmac = settings.value("use_vmac").and_then(|value| use_vmac(value, vrid, report));
    if xmit_base && !settings.has("use_vmac") {
        let message = "vmac_xmit_base without use_vmac changes nothing";
        report.warning(settings.place_of("vmac_xmit_base"), message);
    }
    vmac.map(|vmac| UseVmac { xmit_base, ..vmac })
}

fn use_vmac(value: &Value, vrid: u8, report: &mut Report) -> Option<UseVmac> {
    let vmac = UseVmac { place: value.place, ..UseVmac::default() };
    let items: Option<Vec<_>> = value.items().iter().map(Value::words).collect();
    let words = match (&value.data, items) {
        (Data::Bool(truth), _) => return truth.then_some(vmac),
        (_, Some(words)) => words.concat(),
        (_, None) => {
            let message = format!("use_vmac must be {EXPECTED}, not {}", describe(value));
            report.error(value.place, message);
            return None;
        }
    };
    match words.as_slice() {
        [word] if truth(&word.text).is_some() => truth(&word.text)?.then_some(vmac),
        words => Some(line(words, vrid, vmac, report)),
    }
}

/// What it takes, for messages and the table.
pub const EXPECTED: &str = "true, or a name and perhaps a MAC address for the interface";

/// `[[name] NAME] [MAC] [netlink_notify_msg] [group GROUP]`
fn line(words: &[Word], vrid: u8, mut vmac: UseVmac, report: &mut Report) -> UseVmac {
    let mut words = words.iter();
    while let Some(word) = words.next() {
        let named = match word.text.as_str() {
            "netlink_notify_msg" => continue,
            "group" => {
                words.next();
                let message = "group is not supported: the interface is in the group 0";
                report.warning(word.place, message);
                continue;
            }
            "name" => words.next().unwrap_or(word),
            text if text.contains(':') => {
                let mac = mac(word, vrid, report);
                if mac.is_some() && vmac.mac.is_some() {
                    report.error(word.place, "use_vmac has two MAC addresses");
                }
                vmac.mac = mac.or(vmac.mac);
                continue;
            }
            _ => word,
        };
        if !is_interface(&named.text) {
            let message = format!("{} cannot be the name of an interface", quote(&named.text));
            report.error(named.place, message).help("1 to 15 bytes, no slash, no white space");
        } else if vmac.names.iter().any(|name| !name.is_empty()) {
            let message = format!("use_vmac has two names, the second is {}", quote(&named.text));
            report.error(named.place, message);
        } else {
            vmac.names = [named.text.clone(), named.text.clone()];
        }
    }
    vmac
}

/// Six octets, or five, and the `virtual_router_id` is the last.
fn mac(word: &Word, vrid: u8, report: &mut Report) -> Option<[u8; 6]> {
    let octet = |text: &str| {
        let fits = (1..=2).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_hexdigit());
        fits.then(|| u8::from_str_radix(text, 16).ok()).flatten()
    };
    let octets: Option<Vec<u8>> = word.text.trim_end_matches(':').split(':').map(octet).collect();
    let mac = match octets.as_deref() {
        Some(&[a, b, c, d, e, f]) => Some([a, b, c, d, e, f]),
        Some(&[a, b, c, d, e]) => Some([a, b, c, d, e, vrid]),
        _ => None,
    };
    let wrong = match mac {
        None => "that takes 6 octets, or 5 and the virtual_router_id is the last",
        Some([first, ..]) if first & 1 != 0 => "it is a multicast address",
        Some([0, 0, 0x5e, 0, 1 | 2, _]) => "it is one of the RFC, which needs no mention",
        Some(_) => return mac,
    };
    let message = format!("{} is no MAC address for use_vmac: {wrong}", quote(&word.text));
    report.error(word.place, message).help("write one like 02:00:5e:10:00:05");
    None
}

/// Gives the interfaces their names, when all instances are read: each has to have one of its own.
/// Names that are written come before those that are made.
pub fn name(globals: &Settings<'_>, instances: &mut [Option<VrrpInstance>], report: &mut Report) {
    let prefix = prefix(globals, report);
    let mut taken = Taken::new();
    for instance in instances.iter().flatten() {
        taken
            .insert(instance.interface.clone(), format!("vrrp_instance {} uses it", instance.name));
    }
    for written in [true, false] {
        for instance in instances.iter_mut().flatten() {
            let families: Vec<Family> = [Family::V4, Family::V6]
                .into_iter()
                .filter(|family| instance.addresses(*family).next().is_some())
                .collect();
            if written {
                stay_below(instance, report);
            }
            let (name, vrid) = (&instance.name, instance.virtual_router_id.get());
            let Some(vmac) = &mut instance.use_vmac else { continue };
            if vmac.names[0].is_empty() == written {
                continue;
            }
            let whose = format!("the virtual MAC address of {name} has it");
            if written {
                own_names(vmac, &families, &whose, &mut taken, report);
            } else {
                for family in families {
                    let made = made_name(&prefix, vrid, family, &taken);
                    if !is_interface(&made) {
                        let message = format!("{made} is too long for the name of an interface");
                        report.error(vmac.place, message).help("give use_vmac a name");
                    }
                    taken.insert(made.clone(), whose.clone());
                    vmac.names[family as usize] = made;
                }
            }
        }
    }
}

/// What is written as the interface of the instance is not on its virtual MAC address.
fn stay_below(instance: &VrrpInstance, report: &mut Report) {
    let interface = &instance.interface;
    let below = |vip: &&VirtualIpAddress| vip.dev.as_ref() == Some(interface);
    let all = instance.virtual_ipaddress.iter().filter(|_| instance.use_vmac.is_some());
    for vip in all.filter(below) {
        let message = format!(
            "{} goes to {interface} and has its MAC address: use_vmac is not for it",
            vip.address
        );
        report.warning(vip.dev_place, message).help("leave dev out");
    }
}

/// Names of interfaces, and who has them.
type Taken = BTreeMap<String, String>;

/// A name that is written is that for the first family; for IPv6 beside IPv4 a 6 follows.
fn own_names(
    vmac: &mut UseVmac,
    families: &[Family],
    whose: &str,
    taken: &mut Taken,
    report: &mut Report,
) {
    if let [_, second, ..] = families {
        vmac.names[*second as usize].push('6');
        if vmac.mac.is_some() {
            let message = "use_vmac has one MAC address, and the instance is two virtual routers: \
                           for IPv4 and for IPv6";
            report.error(vmac.place, message).help("make two instances of it");
        }
    }
    for name in families.iter().map(|family| &vmac.names[*family as usize]) {
        if !is_interface(name) {
            let message = format!("{name} is too long for the name of the interface for IPv6");
            report.error(vmac.place, message).help("write a name of 1 to 14 bytes");
        } else if let Some(other) = taken.insert(name.clone(), whose.to_owned()) {
            let message = format!("use_vmac cannot name its interface {name}: {other}");
            report.error(vmac.place, message).help("choose another name");
        }
    }
}

/// `vrrp.51`, `vrrp6.51`; if there is one already, `vrrp-2.51` and so on.
fn made_name(prefix: &str, vrid: u8, family: Family, taken: &Taken) -> String {
    let six = if family == Family::V6 { "6" } else { "" };
    let mut name = format!("{prefix}{six}.{vrid}");
    let mut number = 1;
    while taken.contains_key(&name) {
        number += 1;
        name = format!("{prefix}{six}-{number}.{vrid}");
    }
    name
}

fn prefix(globals: &Settings<'_>, report: &mut Report) -> String {
    let prefix = globals.text("vmac_prefix").unwrap_or_else(|| DEFAULT_PREFIX.into());
    if prefix.len() <= PREFIX && is_interface(&prefix) {
        return prefix;
    }
    let message = format!("{} cannot begin the name of an interface", quote(&prefix));
    let help = format!("1 to {PREFIX} bytes, no slash, no white space");
    globals.error("vmac_prefix", message, report).help(help);
    DEFAULT_PREFIX.into()
}

/// `garp_extra_if [all] SECONDS`: announces again what stands on another interface than the one the
/// adverts leave through, where no switch would learn of it otherwise. What `garp_master_refresh`
/// becomes by it, for it announces all addresses.
pub fn refresh(
    settings: &Settings<'_>,
    instance: &VrrpInstance,
    report: &mut Report,
) -> Option<Duration> {
    let value = settings.special("garp_extra_if", "vrrp_garp_extra_if")?;
    let (all, every) = extra(value, report)?;
    let elsewhere =
        |dev: &Option<String>| dev.as_ref().is_some_and(|dev| *dev != instance.interface);
    let apart = instance.use_vmac.as_ref().is_some_and(|vmac| vmac.xmit_base)
        || all && instance.virtual_ipaddress.iter().any(|vip| elsewhere(&vip.dev));
    let own = Some(instance.garp_master_refresh).filter(|own| !own.is_zero());
    (apart && !every.is_zero()).then(|| own.map_or(every, |own| own.min(every)))
}

fn extra(value: &Value, report: &mut Report) -> Option<(bool, Duration)> {
    let words = value.words().unwrap_or_default();
    let (all, every) = match words.as_slice() {
        [all, every] if all.text == "all" => {
            (true, time(&Value { data: Data::Line(vec![every.clone()]), place: every.place }))
        }
        _ => (false, time(value)),
    };
    let every = every.filter(|time| time.subsec_nanos() == 0 && *time <= DAY);
    if every.is_none() {
        let message = format!("garp_extra_if must be {EXTRA}, not {}", describe(value));
        report.error(value.place, message);
    }
    every.map(|every| (all, every))
}

/// What `garp_extra_if` takes.
pub const EXTRA: &str = "whole seconds from 0 to 1 day, and perhaps all before them";
