//! What a person has told us beside the configuration: who is drained, and who has another priority.
//! It stands in `vipd.steer` in the run directory, and so outlives reload, upgrade, restart and crash;
//! whoever restarts the machine starts afresh, for that directory is in memory.

use super::state::words::{put, put_if, put_some, put_text, Words};
use super::{Daemon, Happened};
use crate::config::Config;
use crate::sys::host::{boot_id, open_plain};
use crate::vrrp::event::Event;
use crate::vrrp::reason::Span;
use crate::vrrp::time::Instant;
use crate::wire::Priority;
use std::fs::{self, OpenOptions};
use std::io::{self, ErrorKind, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

/// The name of the file.
const NAME: &str = "vipd.steer";
/// What its first line begins with.
const KIND: &str = "vipd-steer";
/// The longest file that is read: 4,096 instances take a quarter of it.
const LONGEST: u64 = 1 << 20;

/// What a person has told us of an instance.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Steer {
    /// The instance.
    pub name: String,
    /// It is drained.
    pub drained: bool,
    /// It stays so even if nobody takes over.
    pub force: bool,
    /// Its priority, instead of the configuration's.
    pub priority: Option<Priority>,
    /// Until when; without it, until a person says otherwise.
    pub until: Option<Instant>,
}

/// All of it.
#[derive(Debug)]
pub struct Steering {
    path: PathBuf,
    all: Vec<Steer>,
}

impl Steering {
    /// What an earlier run was told.
    #[must_use]
    pub fn open(directory: &Path) -> Self {
        let path = directory.join(NAME);
        let all = match read(&path) {
            Ok(text) => parse(&text, boot_id().as_deref()),
            Err(error) if error.kind() == ErrorKind::NotFound => Some(Vec::new()),
            Err(error) => {
                log::error!("cannot read {}: {error}: nobody is drained", path.display());
                Some(Vec::new())
            }
        };
        let all = all.unwrap_or_else(|| {
            log::error!("{} is damaged: nobody is drained", path.display());
            Vec::new()
        });
        Self { path, all }
    }

    /// What was told of an instance.
    #[must_use]
    pub fn of(&self, name: &str) -> Option<&Steer> {
        self.all.iter().find(|it| it.name == name)
    }

    /// When somebody's priority is that of the configuration again.
    #[must_use]
    pub fn deadline(&self) -> Option<Instant> {
        self.all.iter().filter_map(|it| it.until).min()
    }

    /// Changes what is told of an instance.
    fn change(&mut self, name: &str, change: impl FnOnce(&mut Steer)) {
        let at = self.all.iter().position(|it| it.name == name).unwrap_or_else(|| {
            self.all.push(Steer { name: name.to_owned(), ..Steer::default() });
            self.all.len() - 1
        });
        change(&mut self.all[at]);
        self.all.retain(|it| it.drained || it.priority.is_some());
    }

    /// Writes it. What goes wrong is told: then it ends with this run.
    fn save(&self) {
        if let Err(error) = self.write() {
            log::error!(
                "cannot write {}: {error}: who is drained will not be known after a restart",
                self.path.display()
            );
        }
    }

    fn write(&self) -> io::Result<()> {
        let beside = self.path.with_extension("steer.new");
        for old in [&beside].into_iter().chain(self.all.is_empty().then_some(&self.path)) {
            match fs::remove_file(old) {
                Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
                _ => {}
            }
        }
        if self.all.is_empty() {
            return Ok(());
        }
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&beside)?;
        file.write_all(text(&self.all, boot_id().as_deref()).as_bytes())?;
        fs::rename(&beside, &self.path)
    }
}

fn read(path: &Path) -> io::Result<String> {
    let mut bytes = Vec::new();
    open_plain(path)?.take(LONGEST).read_to_end(&mut bytes)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

fn text(all: &[Steer], boot: Option<&str>) -> String {
    let mut text = KIND.to_owned();
    put_some(&mut text, "boot", boot);
    text.push('\n');
    for it in all {
        text.push_str("instance");
        put_text(&mut text, "name", &it.name);
        put_if(&mut text, "drained", it.drained);
        put_if(&mut text, "force", it.force);
        put_some(&mut text, "priority", it.priority);
        put_some(&mut text, "until", it.until.map(Instant::as_nanos));
        text.push('\n');
    }
    put(&mut text, "end", all.len());
    text.push('\n');
    text
}

/// Reads it; `None` if it is damaged. Moments of another run of the machine have passed.
fn parse(text: &str, boot: Option<&str>) -> Option<Vec<Steer>> {
    let mut lines = text.lines();
    let head = Words::of(lines.next()?);
    let same = head.get("boot") == boot && boot.is_some();
    let mut all = Vec::new();
    for line in lines {
        let words = Words::of(line);
        if words.kind.is_empty() {
            let whole = head.kind == KIND && words.read("end") == Some(all.len());
            all.retain(|it: &Steer| it.drained || it.priority.is_some());
            return whole.then_some(all);
        }
        let until = words.read("until").map(Instant::from_nanos);
        let priority = words.read("priority").filter(|it| (1..=254).contains(it)).map(Priority);
        all.push(Steer {
            name: words.text("name")?,
            drained: words.is("drained"),
            force: words.is("force"),
            priority: priority.filter(|_| until.is_none() || same),
            until: until.filter(|_| same),
        });
    }
    None
}

impl Daemon {
    /// The instances that a request is about: one and its group with it, those of a group, or all.
    ///
    /// # Errors
    /// There is no such name.
    pub(super) fn steered(&self, name: Option<&str>) -> Option<Vec<usize>> {
        let Some(name) = name else { return Some((0..self.instances.len()).collect()) };
        let instance = self.instances.iter().position(|it| it.name == name);
        let group = match instance {
            Some(instance) => self.instances[instance].group,
            None => Some(self.groups.iter().position(|it| it.name.as_deref() == Some(name))?),
        };
        Some(match (group, instance) {
            (Some(group), _) => self.groups[group].instances.clone(),
            (None, instance) => instance.into_iter().collect(),
        })
    }

    /// These give up being MASTER, and stay away.
    pub(super) fn drain(&mut self, instances: &[usize], force: bool, by: &str) {
        for instance in instances {
            let name = self.instances[*instance].name.clone();
            let how = if force { ", whoever takes over" } else { "" };
            log::info!("{name}: drained by {by}{how}");
            self.tell_steered(&name, "drained", by);
            self.steering.change(&name, |it| (it.drained, it.force) = (true, force));
        }
        // Before anybody resigns: whoever is killed in between is drained all the same.
        self.steering.save();
        self.feed_all(instances, &Event::Drain { force });
    }

    /// The usual election again; how many of these were drained.
    pub(super) fn end_drain(&mut self, instances: &[usize], by: &str) -> Vec<String> {
        let drained =
            |it: &&usize| self.steering.of(&self.instances[**it].name).is_some_and(|it| it.drained);
        let instances: Vec<usize> = instances.iter().filter(drained).copied().collect();
        let mut names = Vec::new();
        for instance in &instances {
            let name = self.instances[*instance].name.clone();
            log::info!("{name}: not drained any more: {by}");
            self.tell_steered(&name, "resumed", by);
            self.steering.change(&name, |it| (it.drained, it.force) = (false, false));
            names.push(name);
        }
        self.steering.save();
        self.feed_all(&instances, &Event::EndDrain);
        names
    }

    /// Another priority for an instance, until a moment or for ever; without one, that of the
    /// configuration again.
    pub(super) fn set_priority(
        &mut self,
        instance: usize,
        priority: Option<Priority>,
        until: Option<Instant>,
        by: &str,
    ) {
        let name = self.instances[instance].name.clone();
        let configured = self.instances[instance].priority;
        match (priority, until) {
            (Some(priority), Some(until)) => {
                let span = Span(until.since(self.now));
                log::info!("{name}: priority {priority} for {span}, by {by}");
            }
            (Some(priority), None) => log::info!("{name}: priority {priority}, by {by}"),
            (None, _) => log::info!("{name}: the priority of the configuration again: {by}"),
        }
        self.steering.change(&name, |it| (it.priority, it.until) = (priority, until));
        self.steering.save();
        self.feed_all(&[instance], &Event::Priority(priority.unwrap_or(configured)));
        self.touch(super::Object::Steering);
    }

    /// The time of a priority is over.
    pub(super) fn steering_due(&mut self) {
        for instance in 0..self.instances.len() {
            let until = self.steering.of(&self.instances[instance].name).and_then(|it| it.until);
            if until.is_some_and(|until| until <= self.now) {
                self.set_priority(instance, None, None, "its time is over");
            }
        }
        // Of instances that are no more nothing is left.
        let now = self.now;
        self.steering.all.retain(|it| it.until.is_none_or(|until| until > now));
        self.touch(super::Object::Steering);
    }

    /// After the configuration was read: what was told applies to it as well. The virtual routers
    /// have not begun yet.
    pub(super) fn apply_steering(&mut self, config: &Config) {
        let owner = |name: &str| {
            let named = config.vrrp_instance.iter().find(|it| it.name == name);
            named.is_none_or(|it| it.priority == Priority::OWNER)
        };
        let known = |name: &str| self.instances.iter().any(|it| it.name == name);
        let before = self.steering.all.clone();
        for it in &mut self.steering.all {
            if owner(&it.name) {
                (it.priority, it.until) = (None, None);
            }
            it.drained &= known(&it.name);
        }
        self.steering.all.retain(|it| it.drained || it.priority.is_some());
        for it in before.iter().filter(|it| !self.steering.all.contains(it)) {
            log::info!("{}: what vipctl has told of it does not count any more", it.name);
        }
        if before != self.steering.all {
            self.steering.save();
        }
        for instance in 0..self.instances.len() {
            let Some(it) = self.steering.of(&self.instances[instance].name) else { continue };
            let (drained, force, priority) = (it.drained, it.force, it.priority);
            if drained {
                self.feed_all(&[instance], &Event::Drain { force });
            }
            if let Some(priority) = priority {
                self.feed_all(&[instance], &Event::Priority(priority));
            }
        }
        self.spread_drains();
    }

    /// A group is drained as a whole: it may have a new member.
    fn spread_drains(&mut self) {
        for group in 0..self.groups.len() {
            let members = self.groups[group].instances.clone();
            let steer = |it: &usize| self.steering.of(&self.instances[*it].name);
            let drained = |it: &usize| steer(it).is_some_and(|it| it.drained);
            let all = members.iter().all(drained);
            let Some(one) = members.iter().find(|it| drained(it)).filter(|_| !all) else {
                continue;
            };
            let force = steer(one).is_some_and(|it| it.force);
            let new: Vec<usize> = members.iter().filter(|it| !drained(it)).copied().collect();
            self.drain(&new, force, "its group is");
        }
    }

    /// A virtual router has taken its addresses back: nobody of its group is drained any more.
    pub(super) fn nobody_took_over(&mut self, router: usize) {
        let instance = self.routers[router].instance;
        let name = self.instances[instance].name.clone();
        let members = self.steered(Some(&name)).unwrap_or_default();
        self.end_drain(&members, "nobody has taken over");
    }

    fn feed_all(&mut self, instances: &[usize], event: &Event<'static>) {
        for instance in instances {
            for at in 0..self.instances[*instance].routers.len() {
                let router = self.instances[*instance].routers[at];
                self.feed(router, *event);
            }
        }
    }

    fn tell_steered(&mut self, name: &str, to: &str, by: &str) {
        let event = Happened { name, event: "drain", ..Happened::daemon(to, by) };
        self.history.push(&event);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn all() -> Vec<Steer> {
        vec![
            Steer { name: "a b".into(), drained: true, force: true, ..Steer::default() },
            Steer {
                name: "vip".into(),
                priority: Some(Priority(150)),
                until: Some(Instant::ZERO + Duration::from_secs(7)),
                ..Steer::default()
            },
            Steer { name: "%=".into(), priority: Some(Priority(1)), ..Steer::default() },
        ]
    }

    #[test]
    fn what_was_told_comes_back() {
        let text = text(&all(), Some("boot-1"));
        assert_eq!(parse(&text, Some("boot-1")), Some(all()));
        // The machine was started anew, and the directory is not in memory.
        let mut later = all();
        later.remove(1);
        assert_eq!(parse(&text, Some("boot-2")), Some(later));
    }

    #[test]
    fn what_is_damaged_counts_for_nothing() {
        let whole = text(&all(), Some("boot"));
        for end in 0..whole.len() - 1 {
            assert_eq!(parse(&whole[..end], Some("boot")), None, "{}", &whole[..end]);
        }
        let other = whole.replace("priority=150", "priority=255");
        assert_eq!(parse(&other, Some("boot")).map(|all| all.len()), Some(2), "no owner is made");
        assert_eq!(parse("vipd-state boot=x\n end=0\n", None), None);
    }

    #[test]
    fn the_file_is_there_as_long_as_something_is_told() {
        let folder = std::env::temp_dir().join(format!("vipd-steer-{}", std::process::id()));
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir(&folder).unwrap();
        let mut steering = Steering::open(&folder);
        steering.change("vip", |it| it.drained = true);
        steering.save();
        assert!(Steering::open(&folder).of("vip").is_some_and(|it| it.drained));
        steering.change("vip", |it| it.drained = false);
        steering.save();
        assert_eq!(fs::read_dir(&folder).unwrap().count(), 0);
        fs::remove_dir_all(folder).unwrap();
    }
}
