//! Interfaces that are tracked without being asked for: those that addresses and routes go through.

use crate::config::error::Place;
use crate::config::route::VirtualRoute;
use crate::config::{Track, Tracked, VirtualIpAddress};
use crate::vrrp::tracker::Weight;

/// The interfaces beside that of the instance, each once, where it is named first. One that is down
/// is a FAULT: there is nothing to be MASTER of.
pub fn interfaces<'a>(
    own: &str,
    addresses: impl Iterator<Item = &'a VirtualIpAddress>,
    routes: &'a [VirtualRoute],
) -> Vec<Track> {
    let named = addresses.filter(|vip| !vip.no_track);
    let named = named.filter_map(|vip| Some((vip.dev.as_deref()?, vip.dev_place)));
    let lines = routes.iter().map(|route| &route.line).filter(|line| !line.no_track);
    let routed = lines.flat_map(|line| &line.devs).map(|(dev, place)| (dev.as_str(), *place));
    let mut list: Vec<(&str, Place)> = Vec::new();
    // Neither is ever down but by hand.
    for (dev, place) in named.chain(routed).filter(|(dev, _)| *dev != own && *dev != "lo") {
        if !list.iter().any(|(known, _)| *known == dev) {
            list.push((dev, place));
        }
    }
    let track = |(dev, place): (&str, Place)| Track {
        tracked: Tracked::Interface(dev.to_owned()),
        weight: Weight::default(),
        implicit: true,
        place,
    };
    list.into_iter().map(track).collect()
}
