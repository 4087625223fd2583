//! `interface_up_down_delays`

use super::named;
use super::settings::Settings;
use super::table::INTERFACE_UP_DOWN_DELAYS;
use super::value::{is_interface, seconds};
use crate::config::error::{quote, Place, Report};
use crate::config::probe::InterfaceDelays;
use crate::config::tree::{Section, Tree, Word};
use crate::config::VrrpInstance;
use crate::vrrp::bounds;
use core::time::Duration;

/// The longest delay, as keepalived has it.
const LONGEST: Duration = Duration::from_secs(255);

/// Reads all of them.
pub fn read(tree: &Tree, instances: &[&VrrpInstance], report: &mut Report) -> Vec<InterfaceDelays> {
    let sections = named(tree, "interface_up_down_delays", bounds::INSTANCES, report);
    let all = sections.iter().filter_map(|(name, section)| one(name, section, report)).collect();
    limit(all, instances, report)
}

/// Reads the delays of one interface, and where the longer of them may be complained of. `None` if
/// there is none that can be read.
fn one(name: &Word, section: &Section, report: &mut Report) -> Option<(InterfaceDelays, Place)> {
    let keyword = "interface_up_down_delays";
    let label = (format!("{keyword} {}", name.text), name.place);
    let settings =
        Settings::read(keyword, INTERFACE_UP_DOWN_DELAYS, label, &section.entries, report);
    if !is_interface(&name.text) {
        let message = format!("{} cannot be the name of an interface", quote(&name.text));
        report.error(name.place, message);
    }
    let help = report.example("down_delay", "1");
    settings.need("down_delay", &help, report)?;
    let delay = |word: &str, report: &mut Report| {
        let delay = settings.time(word)?;
        if delay > LONGEST {
            let message = format!("{word} must be 0 to 255 s, not {}", seconds(delay));
            settings.error(word, message, report);
        }
        Some(delay)
    };
    let down_delay = delay("down_delay", report)?;
    // What keepalived's manual says. Its code takes 0.
    let up_delay = delay("up_delay", report).unwrap_or(down_delay);
    let (name, place) = (name.text.clone(), name.place);
    let delays = InterfaceDelays { name, place, down_delay, up_delay };
    Some((delays, settings.place_of("down_delay")))
}

/// While an interface that is down counts as up, a BACKUP on it hears nothing. It must know why
/// before it takes over.
fn limit(
    delays: Vec<(InterfaceDelays, Place)>,
    instances: &[&VrrpInstance],
    report: &mut Report,
) -> Vec<InterfaceDelays> {
    let mut limited = Vec::new();
    for (mut it, place) in delays {
        let on_it = instances.iter().filter(|instance| instance.interface == it.name);
        let shortest = on_it.min_by_key(|instance| patience(instance));
        if let Some((instance, most)) = shortest.map(|instance| (instance, patience(instance))) {
            if it.down_delay > most {
                let message = format!(
                    "down_delay {} of {} is cut down to {}: {} would take over before it counts \
                     as down",
                    seconds(it.down_delay),
                    it.name,
                    seconds(most),
                    instance.name
                );
                report.warning(place, message);
                it.up_delay = if it.up_delay == it.down_delay { most } else { it.up_delay };
                it.down_delay = most;
            }
        }
        limited.push(it);
    }
    limited
}

/// The longest delay that an instance stands: a little less than all but one of the intervals that
/// it waits for an advert.
fn patience(instance: &VrrpInstance) -> Duration {
    let interval = instance.advert_int.duration();
    let most = interval * u32::from(instance.election.down_timer_adverts.saturating_sub(1));
    most.saturating_sub(interval / 256)
}
