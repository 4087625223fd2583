//! The state, to the log (SIGUSR1).

use super::track::{Kind, Sense};
use super::Daemon;
use crate::vrrp::reason::Span;
use crate::vrrp::statistics::Statistics;
use crate::vrrp::tracker::Verdict;

impl Daemon {
    /// A few lines for each instance, each check and each interface, after one that says that the
    /// configuration is not all used.
    pub(super) fn log_status(&mut self) {
        self.count_strangers();
        if self.skipped > 0 {
            let (file, skipped) = (&self.load.file, self.skipped);
            log::info!(
                "status: {file} is used without what is wrong in it (--lenient): {skipped} skipped"
            );
        }
        for instance in 0..self.instances.len() {
            self.log_instance(instance);
        }
        self.log_duplicates();
        for group in &self.groups {
            if let Some(name) = &group.name {
                let members = group.instances.iter().map(|member| &self.instances[*member]);
                let members: Vec<String> =
                    members.map(|it| format!("{} {}", it.name, it.state)).collect();
                log::info!("status: group {name}: {}: {}", group.state, members.join(", "));
            }
        }
        self.log_leases();
        for script in &self.scripts {
            let verdict = in_words(script.check.verdict());
            log::info!("status: check {}: {verdict}, {}", script.name, script.last_result());
        }
        for tracker in &self.trackers {
            let says = match tracker.kind {
                Kind::Script(_) | Kind::NoAccept => continue,
                Kind::Tcp(probe) | Kind::Ping(probe) => self.probes[probe].last_result(),
                Kind::File(_) | Kind::Process(_) | Kind::Interface(_) | Kind::Route(_) => {
                    tracker.says.clone()
                }
            };
            let verdict = match tracker.sense {
                Sense::Verdict(verdict) => in_words(verdict).to_owned(),
                Sense::Number(number) => number.to_string(),
            };
            log::info!("status: {}: {verdict}, {says}", tracker.label());
        }
        let lacks = self.lacks().filter(|(_, count)| *count > 0);
        let shortage: String = lacks.map(|(name, count)| format!(" {name} {count}")).collect();
        if !shortage.is_empty() {
            log::info!("status: shortage:{shortage}");
        }
        for net in self.nets.iter().filter(|net| net.vmac.is_none()) {
            let name = &self.links.get(net.link).name;
            let family = net.family;
            log::info!(
                "status: interface {name} {family}: send_errors {}{}",
                net.send_errors,
                errors(&net.statistics)
            );
        }
    }

    fn log_instance(&self, instance: usize) {
        let it = &self.instances[instance];
        for router in &it.routers {
            let (name, router) = (self.router_name(*router), &self.routers[*router].core);
            let master = match router.master() {
                Some(heard) => format!(", MASTER is {} with {}", heard.address, heard.priority),
                None => String::new(),
            };
            let drained = if router.is_drained() { ", drained," } else { "" };
            log::info!(
                "status: {name}: {}{drained} for {} ({}), priority {} of {}{master}",
                router.state(),
                Span(self.now.since(it.since)),
                it.reason,
                router.effective_priority(),
                it.priority,
            );
            log::info!("status: {name}:{}", counters(router.statistics()));
        }
    }
}

const fn in_words(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Unknown => "not known yet",
        Verdict::Up => "OK",
        Verdict::Down => "failed",
    }
}

/// ` name value` for each counter, the errors only if they are not 0.
fn counters(statistics: &Statistics) -> String {
    let counted = |(name, value)| format!(" {name} {value}");
    statistics.named().take(Statistics::TRAFFIC).map(counted).collect::<String>()
        + &errors(statistics)
}

/// ` name value` for each counter of errors that is not 0.
fn errors(statistics: &Statistics) -> String {
    let errors = statistics.named().skip(Statistics::TRAFFIC);
    errors.filter(|(_, value)| *value > 0).map(|(name, value)| format!(" {name} {value}")).collect()
}
