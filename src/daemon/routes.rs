//! Routes and rules, and what is static, at work: who wants them when.

use super::fib::{self, Heard, Watch};
use super::{Daemon, Source};
use crate::config::{Config, VrrpInstance};
use crate::wire::Family;
use std::net::IpAddr;
use std::time::Duration;

/// How often all routes are asked for again because of changes that may not concern them.
const AGAIN: Duration = Duration::from_millis(50);

/// What is there while we run, by number.
#[derive(Debug, Default)]
pub struct Fixed {
    /// In the table of addresses.
    pub addresses: Vec<usize>,
    /// In the table of routes and rules.
    pub fib: Vec<usize>,
}

impl Daemon {
    /// The routes and rules of an instance, in their order, that go with its virtual router of a
    /// family: those of that family, and those of one that it has no virtual router for.
    pub(super) fn fib_of(&mut self, from: &VrrpInstance, family: Family) -> Vec<usize> {
        let Self { fib, links, .. } = self;
        let goes = |is_ipv6: bool| from.family_of(is_ipv6) == family;
        let routes = from.virtual_routes.iter().filter(|it| goes(it.route.to.address.is_ipv6()));
        let mut numbers: Vec<usize> =
            routes.filter_map(|route| fib.add_route(route, links)).collect();
        let rules = from.virtual_rules.iter().filter(|it| goes(it.rule.is_ipv6));
        numbers.extend(rules.filter_map(|rule| fib.add_rule(rule)));
        numbers
    }

    /// The addresses of an instance that go with its virtual router of a family and are not
    /// advertised.
    pub(super) fn excluded_of(
        &mut self,
        from: &VrrpInstance,
        link: usize,
        family: Family,
    ) -> Vec<usize> {
        let goes = |address: IpAddr| from.family_of(address.is_ipv6()) == family;
        let vips = from.virtual_ipaddress_excluded.iter().filter(|vip| goes(vip.address));
        vips.map(|vip| {
            let link = vip.dev.as_deref().map_or(link, |dev| self.links.watch(dev));
            self.addresses.add(link, vip)
        })
        .collect()
    }

    /// Takes in what is static.
    pub(super) fn add_fixed(&mut self, config: &Config) {
        let Self { fib, links, addresses, fixed, .. } = self;
        for address in &config.static_ipaddress {
            // The configuration was checked: there is one.
            let link = links.watch(address.dev.as_deref().unwrap_or_default());
            fixed.addresses.push(addresses.add_fixed(link, address));
        }
        let routes = config.static_routes.iter().filter_map(|route| fib.add_route(route, links));
        fixed.fib.extend(routes);
        fixed.fib.extend(config.static_rules.iter().filter_map(|rule| fib.add_rule(rule)));
    }

    /// What a crash has left goes, and what is static comes. From now on we hear what is removed.
    /// What somebody wants who goes on as MASTER stays.
    pub(super) fn begin_routes(&mut self) -> std::io::Result<()> {
        match fib::remove_leftovers(|message| self.fib.is_wanted(message)) {
            Ok((0, 0)) => {}
            Ok((routes, rules)) => log::warn!(
                "removing {routes} routes and {rules} rules: an earlier run has left them there"
            ),
            Err(error) => log::error!("cannot look for routes that a crash has left: {error}"),
        }
        self.watch_routes()?;
        for vip in &self.fixed.addresses {
            self.addresses.acquire(*vip, &mut self.links);
        }
        for number in &self.fixed.fib {
            self.fib.acquire(*number, &self.links, self.addresses.batch());
        }
        self.addresses.flush(&mut self.links);
        Ok(())
    }

    /// Hears of routes and rules that are removed, if there are any of ours.
    pub(super) fn watch_routes(&mut self) -> std::io::Result<()> {
        if !self.fib.is_empty() {
            let watch = Watch::open(self.fib.protocols())?;
            self.watch(watch.fd(), Source::RouteEvents)?;
            self.fib_events = Some(watch);
        }
        Ok(())
    }

    /// What is static goes with us.
    pub(super) fn release_fixed(&mut self) {
        let fixed = std::mem::take(&mut self.fixed);
        for number in fixed.fib.iter().rev() {
            self.fib.release(*number, &self.links, self.addresses.batch());
        }
        for vip in &fixed.addresses {
            self.addresses.release(*vip, &mut self.links);
        }
        self.addresses.flush(&mut self.links);
    }

    /// Reads what was removed.
    pub(super) fn read_route_events(&mut self) {
        let Some(events) = &mut self.fib_events else { return };
        let fib = &mut self.fib;
        match events.drain(|message| fib.is_gone(message)) {
            Ok(heard) => {
                self.more_route_events = heard == Heard::More;
                if heard == Heard::Lost {
                    self.set_routes_again();
                }
            }
            Err(error) => log::error!("cannot hear of routes that are removed: {error}"),
        }
    }

    /// Puts back what was removed, unless that was done only just now. The addresses that it needs
    /// are there again.
    pub(super) fn put_routes_back(&mut self) {
        if self.stopping.is_some() {
            return;
        }
        if !self.fib.put_back(self.now, &self.links, self.addresses.batch()) {
            self.upkeep_soon();
        }
        self.addresses.flush(&mut self.links);
    }

    /// Something has changed, perhaps far away: that may have taken routes along. A flood of such news
    /// is no reason to ask again each time.
    pub(super) fn routes_may_be_gone(&mut self) {
        if self.fib.is_empty() {
            return;
        }
        if self.fib.was_set_within(AGAIN, self.now) {
            self.upkeep_within(AGAIN);
        } else {
            self.set_routes_again();
        }
    }

    /// Asks for all routes and rules that are wanted: interfaces or addresses have changed, and
    /// nobody says which routes that took along.
    pub(super) fn set_routes_again(&mut self) {
        if self.stopping.is_none() && !self.fib.is_empty() {
            self.fib.set_again(self.now, &self.links, self.addresses.batch());
            self.addresses.flush(&mut self.links);
        }
    }

    /// Sets the routes and rules of a virtual router, behind its addresses.
    pub(super) fn acquire_routes(&mut self, router: usize) {
        let Self { routers, fib, links, addresses, .. } = self;
        for number in &routers[router].fib {
            fib.acquire(*number, links, addresses.batch());
        }
    }

    /// Removes the routes and rules of a virtual router, before its addresses.
    pub(super) fn release_routes(&mut self, router: usize) {
        let Self { routers, fib, links, addresses, .. } = self;
        for number in routers[router].fib.iter().rev() {
            fib.release(*number, links, addresses.batch());
        }
    }
}
