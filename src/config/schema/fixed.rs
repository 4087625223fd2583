//! `static_ipaddress`, `static_routes`, `static_rules`: what is there while vipd runs.

use super::settings::Settings;
use super::table::{Key, STATIC_IPADDRESS, STATIC_ROUTES, STATIC_RULES};
use super::{address, route, rule};
use crate::config::error::Report;
use crate::config::route::{VirtualRoute, VirtualRule};
use crate::config::tree::Tree;
use crate::config::VirtualIpAddress;

/// What the three sections say.
pub type Fixed = (Vec<VirtualIpAddress>, Vec<VirtualRoute>, Vec<VirtualRule>);

/// Reads them, each if it is there.
pub fn read(tree: &Tree, report: &mut Report) -> Fixed {
    let addresses = section(tree, "static_ipaddress", STATIC_IPADDRESS, report);
    let addresses = addresses.map(|it| address::fixed(&it, report)).unwrap_or_default();
    let routes = section(tree, "static_routes", STATIC_ROUTES, report);
    let routes = routes.map(|it| route::read("static_routes", it.value("route"), report));
    let rules = section(tree, "static_rules", STATIC_RULES, report);
    let rules = rules.map(|it| rule::read("static_rules", it.value("rule"), report));
    (addresses, routes.unwrap_or_default(), rules.unwrap_or_default())
}

/// The section with this keyword; there is one at most.
fn section<'a>(
    tree: &'a Tree,
    keyword: &str,
    table: &'static [Key],
    report: &mut Report,
) -> Option<Settings<'a>> {
    let mut sections = tree.sections.iter().filter(|section| section.keyword.text == keyword);
    let first = sections.next()?;
    for section in sections {
        report.error(section.keyword.place, format!("{keyword} is there twice"));
    }
    let label = (keyword.to_owned(), first.keyword.place);
    Some(Settings::read(keyword, table, label, &first.entries, report))
}
