//! What routes and lists of addresses need of this host.

use super::super::fib::table_number;
use super::{interface, Interfaces};
use crate::config::error::Report;
use crate::config::route::{Line, RuleAction, Table};
use crate::config::{Config, VrrpInstance};
use crate::wire::Family;
use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

/// A routing table that has no number is an error, and so are more addresses than a packet holds; a
/// missing interface is a warning, for it may come.
pub fn check(config: &Config, there: &Interfaces, report: &mut Report) {
    let mut told = BTreeSet::new();
    for instance in &config.vrrp_instance {
        packet(instance, report);
        for line in instance.virtual_routes.iter().map(|route| &route.line) {
            for (dev, place) in line.devs.iter().filter(|(dev, _)| *dev != instance.interface) {
                if told.insert(dev) {
                    interface(dev, *place, there, report);
                }
            }
        }
        let routes = instance.virtual_routes.iter().map(|it| (&it.route.table, &it.line));
        routes.for_each(|(table, line)| named(table, line, report));
        rules(&instance.virtual_rules, report);
    }
    let routes = config.static_routes.iter().map(|it| (&it.route.table, &it.line));
    routes.for_each(|(table, line)| named(table, line, report));
    rules(&config.static_rules, report);
}

fn rules(rules: &[crate::config::route::VirtualRule], report: &mut Report) {
    for rule in rules {
        if let RuleAction::Table(table) = &rule.rule.action {
            named(table, &rule.line, report);
        }
    }
}

fn named(table: &Table, line: &Line, report: &mut Report) {
    if let Err(error) = table_number(table) {
        report.error(line.place, error);
    }
}

/// So many addresses of a family fit into an advert whatever the MTU: it is 68 at least (RFC 791),
/// and 1280 for IPv6.
const FIT_ANYWHERE: usize = 8;

/// An advert is one packet (RFC 9568 §5.2): it has to carry all addresses.
fn packet(instance: &VrrpInstance, report: &mut Report) {
    if [Family::V4, Family::V6].iter().all(|it| instance.addresses(*it).count() <= FIT_ANYWHERE) {
        return;
    }
    let file = Path::new("/sys/class/net").join(&instance.interface).join("mtu");
    let text = fs::read_to_string(file).ok();
    let Some(mtu) = text.and_then(|text| text.trim().parse::<usize>().ok()) else { return };
    for (family, headers, each) in [(Family::V4, 20, 4), (Family::V6, 40, 16)] {
        // The fixed part of an advert, and the password of VRRPv2.
        let room = mtu.saturating_sub(headers + 8 + 8) / each;
        let count = instance.addresses(family).count();
        if let Some(first) = instance.addresses(family).nth(room) {
            let message = format!(
                "{count} addresses do not fit into one advert on {}, whose packets have {mtu} bytes",
                instance.interface
            );
            let help = format!(
                "{room} of {family} do; of the others those that need not be advertised: put them \
                 into virtual_ipaddress_excluded"
            );
            report.error(first.place, message).help(help);
        }
    }
}
