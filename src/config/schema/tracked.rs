//! What can be tracked: its sections, and the lists of instances beside `track_script`.

use super::advice::Notes;
use super::settings::Settings;
use super::track::{self, Known, List};
use super::value::is_interface;
use super::{named, probe, script, track_file, track_process};
use crate::config::error::{quote, Report};
use crate::config::tree::{Section, Tree, Word};
use crate::config::{
    Track, TrackFile, TrackPing, TrackProcess, TrackRoute, TrackTcp, Tracked, VrrpScript,
};
use crate::vrrp::bounds;
use crate::vrrp::tracker::Weight;
use std::collections::BTreeMap;

/// The names of the sections of a kind, and which of them has each.
pub type Names<'a> = BTreeMap<&'a str, usize>;

/// The sections of a kind.
pub struct Kind<'a, T> {
    keyword: &'a str,
    names: Names<'a>,
    all: Vec<Option<T>>,
}

impl<'a, T> Kind<'a, T> {
    /// Reads all sections with this keyword, `most` at most.
    fn read(
        tree: &'a Tree,
        (keyword, most): (&'a str, usize),
        report: &mut Report,
        mut one: impl FnMut(&Word, &'a Section, &mut Report) -> Option<T>,
    ) -> Self {
        let sections = named(tree, keyword, most, report);
        let names = sections.iter().enumerate().map(|(at, (name, _))| (name.text.as_str(), at));
        let names = names.collect();
        let all = sections.iter().map(|(name, section)| one(name, section, report)).collect();
        Self { keyword, names, all }
    }

    fn known(&self, weight: fn(&T) -> Weight) -> Known<'_> {
        let weights = self.all.iter().map(|it| it.as_ref().map(weight).unwrap_or_default());
        Known { section: self.keyword, names: &self.names, weights: weights.collect() }
    }

    /// Those that could be read: all, if the report has no error.
    pub fn readable(self) -> Vec<T> {
        self.all.into_iter().flatten().collect()
    }
}

/// The sections that can be tracked.
pub struct Found<'a> {
    /// `vrrp_script`
    pub scripts: Kind<'a, VrrpScript>,
    /// `track_file`
    pub files: Kind<'a, TrackFile>,
    /// `track_process`
    pub processes: Kind<'a, TrackProcess>,
    /// `track_route`
    pub routes: Kind<'a, TrackRoute>,
    /// `track_tcp`
    pub tcp: Kind<'a, TrackTcp>,
    /// `track_ping`
    pub ping: Kind<'a, TrackPing>,
}

impl<'a> Found<'a> {
    /// Reads them all.
    pub fn read(tree: &'a Tree, notes: &mut Notes, report: &mut Report) -> Self {
        Self {
            scripts: Kind::read(
                tree,
                ("vrrp_script", bounds::SCRIPTS),
                report,
                |name, it, report| script::read(name, it, notes, report),
            ),
            files: Kind::read(tree, ("track_file", bounds::FILES), report, track_file::read),
            processes: Kind::read(
                tree,
                ("track_process", bounds::PROCESSES),
                report,
                track_process::read,
            ),
            routes: Kind::read(tree, ("track_route", bounds::ROUTES), report, probe::route),
            tcp: Kind::read(tree, ("track_tcp", bounds::PROBES), report, probe::tcp),
            ping: Kind::read(tree, ("track_ping", bounds::PROBES), report, probe::ping),
        }
    }

    /// The same, for those who track them.
    pub fn sensors(&self) -> Sensors<'_> {
        Sensors {
            scripts: self.scripts.known(|it| it.weight),
            files: self.files.known(|it| it.weight),
            processes: self.processes.known(|it| it.weight),
            routes: self.routes.known(|it| it.weight),
            tcp: self.tcp.known(|it| it.schedule.weight),
            ping: self.ping.known(|it| it.schedule.weight),
        }
    }
}

/// What entries of lists can name.
pub struct Sensors<'a> {
    /// `vrrp_script`
    pub scripts: Known<'a>,
    files: Known<'a>,
    processes: Known<'a>,
    routes: Known<'a>,
    tcp: Known<'a>,
    ping: Known<'a>,
}

/// Reads the lists of everything but scripts. `own` is the interface of the instance.
pub fn read(
    settings: &Settings<'_>,
    sensors: &Sensors<'_>,
    own: Option<&str>,
    report: &mut Report,
) -> Vec<Track> {
    let mut all = interfaces(settings, own, report);
    type Make = fn(usize) -> Tracked;
    let lists: [(&Known<'_>, i16, Make); 5] = [
        (&sensors.files, bounds::HEAVIEST, Tracked::File),
        (&sensors.processes, bounds::HEAVIEST, Tracked::Process),
        (&sensors.routes, bounds::WEIGHT, Tracked::Route),
        (&sensors.tcp, bounds::WEIGHT, Tracked::Tcp),
        (&sensors.ping, bounds::WEIGHT, Tracked::Ping),
    ];
    for (known, most, make) in lists {
        let list = known.read(settings, (known.section, most), report);
        all.extend(list.into_iter().map(|(index, weight, place)| Track {
            tracked: make(index),
            weight,
            implicit: false,
            place,
        }));
    }
    all
}

/// `track_interface`
fn interfaces(settings: &Settings<'_>, own: Option<&str>, report: &mut Report) -> Vec<Track> {
    let list =
        List { word: "track_interface", most: bounds::WEIGHT, is_name: &|name| is_interface(name) };
    let mut found = Vec::new();
    for entry in track::read(settings, &list, report) {
        let name = &entry.name;
        if !is_interface(&name.text) {
            let message = format!("{} cannot be the name of an interface", quote(&name.text));
            report.error(name.place, message);
            continue;
        }
        let anyway = settings.flag("dont_track_primary") != Some(true);
        if own == Some(name.text.as_str()) && anyway {
            let message = format!(
                "track_interface {}: {} is FAULT anyway while its own interface is down",
                name.text, settings.label
            );
            report.warning(name.place, message).help("leave it out, or add dont_track_primary");
        }
        let tracked = Tracked::Interface(name.text.clone());
        let weight = entry.weight(Weight::default());
        found.push(Track { tracked, weight, implicit: false, place: entry.place });
    }
    found
}
