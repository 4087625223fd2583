//! What a reload of another file would do: said beforehand, not done.

use super::{changes, Heirs};
use crate::config::{Config, Format};
use crate::daemon::load::Load;
use crate::daemon::router::settings;
use crate::daemon::Daemon;
use crate::vrrp::StateName;
use mio::Events;

impl Daemon {
    /// Reads a file as a reload would, and says what differs, and which instances would change their
    /// state.
    ///
    /// # Errors
    /// What is wrong with the file.
    pub(in crate::daemon) fn diff(
        &mut self,
        file: String,
        events: &mut Events,
    ) -> Result<(Vec<String>, Vec<String>), String> {
        let format = match file == self.load.file {
            true => self.load.format,
            false => Format::of_file(&file),
        };
        let load = Load { file, format, ..self.load.clone() };
        let (config, report) = self.read_file(&load, events)?;
        let Some(config) = config else { return Err(report.to_string()) };
        Ok((changes::between(&self.config, &config), self.transitions(&config)))
    }

    /// One line for each instance that would change its state, by what is known now.
    fn transitions(&self, config: &Config) -> Vec<String> {
        let heirs = Heirs::of_routers(self, config);
        let mut lines = Vec::new();
        let new = config.vrrp_instance.iter().flat_map(|instance| {
            instance.families().map(move |family| (instance, settings(instance, family)))
        });
        for (before, (instance, wanted)) in heirs.predecessors.iter().zip(new) {
            match before {
                None => lines.push(format!("{}: begins as BACKUP: it is new", instance.name)),
                Some(before) => {
                    let core = &self.routers[*before].core;
                    let it = &self.instances[self.routers[*before].instance];
                    let steered =
                        self.steering.of(&it.name).is_some_and(|it| it.priority.is_some());
                    let shift = match steered {
                        true => 0,
                        false => i16::from(wanted.priority.0) - i16::from(it.priority.0),
                    };
                    let ours = (i16::from(core.effective_priority().0) + shift).clamp(1, 255);
                    let stronger = core.master().filter(|heard| {
                        core.state() == StateName::Backup && i16::from(heard.priority.0) < ours
                    });
                    if let Some(heard) = stronger.filter(|_| shift > 0 && wanted.preempts()) {
                        lines.push(format!(
                            "{}: BACKUP -> MASTER: {} has priority {}, lower than our {ours} to be",
                            instance.name, heard.address, heard.priority
                        ));
                    } else if shift < 0 && core.state() == StateName::Master {
                        lines.push(format!(
                            "{}: MASTER -> BACKUP, if somebody is there with more than our {ours} to \
                             be",
                            instance.name
                        ));
                    }
                }
            }
        }
        for (old, _) in heirs.routers.iter().enumerate().filter(|(_, heir)| heir.is_none()) {
            let (name, state) = (self.router_name(old), self.routers[old].core.state());
            lines.push(match state {
                StateName::Master => format!("{name}: MASTER -> gone: it resigns"),
                state => format!("{name}: {state} -> gone"),
            });
        }
        // Both families of an instance say the same.
        lines.dedup();
        lines
    }
}
