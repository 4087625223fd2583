//! A virtual router as a member of a sync group.

use super::backup::Backup;
use super::{Router, State};
use crate::vrrp::event::{Action, Remark};
use crate::vrrp::group::{Command, Stand};
use crate::vrrp::reason::Reason;
use crate::vrrp::time::Instant;
use alloc::vec::Vec;

impl Router {
    /// Where we stand, for [`decide`](crate::vrrp::group::decide).
    #[must_use]
    pub fn stand(&self) -> Stand {
        match &self.state {
            State::Init => Stand::Init,
            State::Fault(_) if self.own_fault().is_some() => Stand::Fault,
            State::Fault(_) => Stand::Waits,
            State::Backup(backup) => backup.stand(self.held()),
            State::Master(_) => Stand::Master,
        }
    }

    /// We would be MASTER if we were alone.
    pub(super) fn group_waits(&mut self, now: Instant, out: &mut Vec<Action>) {
        let held = self.held();
        let State::Backup(backup) = &mut self.state else { return };
        if backup.group_waits_at.is_some_and(|at| now >= at) {
            backup.group_waits_at = None;
            let silent = now.since(backup.master.map_or(backup.since, |master| master.at));
            if self.drained {
                self.remarks.make(Remark::DrainedAlone { silent }, out);
            } else if !held {
                self.remarks.make(Remark::GroupWaits { silent }, out);
            }
        }
    }

    /// What the group says, if it is news to us.
    pub(super) fn group(&mut self, now: Instant, command: Command, out: &mut Vec<Action>) {
        let interval = self.settings.advert_int.duration();
        let held = self.held();
        match (command, &mut self.state) {
            (Command::Master, State::Backup(_)) if !held => self.take_over(now, out),
            (Command::Backup { rank }, State::Master(_)) => {
                let mut backup = Backup::new(now, &self.settings, self.effective_priority);
                backup.wait_longer(interval * u32::from(rank), now + interval);
                out.push(Action::Release);
                self.change(State::Backup(backup), Reason::GroupBackup, out);
            }
            (Command::Backup { rank }, State::Backup(backup)) if backup.yielded => {
                backup.yielded = false;
                backup.wait_longer(interval * u32::from(rank), now + interval);
            }
            (Command::Announce, State::Master(_)) => self.announce_after_contest(now, out),
            (Command::Master | Command::Backup { .. } | Command::Announce, _) => {}
            (Command::Fault, _) => {
                self.group_fault = true;
                self.settle(now, out);
            }
            (Command::Recover, _) => {
                self.group_fault = false;
                self.settle(now, out);
            }
        }
    }
}
