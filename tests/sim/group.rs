//! Sync groups on the LAN: hosts with a router on each of several segments.

use crate::lan::Lan;
use crate::node::{Life, Outcome};
use vipd::vrrp::group::{decide, Command, Stand};
use vipd::vrrp::StateName;

impl Lan {
    pub fn host(&self, node: usize) -> usize {
        node / self.members
    }

    pub fn hosts(&self) -> usize {
        self.nodes.len() / self.members
    }

    pub fn segment(&self, node: usize) -> usize {
        node % self.members
    }

    pub fn members_of(&self, host: usize) -> std::ops::Range<usize> {
        host * self.members..(host + 1) * self.members
    }

    /// On this segment the addresses of the hosts are in the other order.
    pub fn reverse_addresses(&mut self, segment: usize) {
        let on_segment = (segment..self.nodes.len()).step_by(self.members);
        let addresses: Vec<_> = on_segment.clone().map(|node| self.nodes[node].address).collect();
        for (node, address) in on_segment.rev().zip(addresses) {
            self.nodes[node].set_address(address);
        }
    }

    /// Which hosts hold the addresses of all segments; nobody may hold those of one alone.
    pub fn whole_holders(&self) -> Vec<usize> {
        (0..self.hosts())
            .filter(|host| {
                let mut members = self.members_of(*host);
                let holding = self.members_of(*host).filter(|node| self.nodes[*node].holds).count();
                let runs = self.members_of(*host).all(|it| self.nodes[it].life != Life::Dead);
                if runs && holding != 0 && holding != self.members {
                    self.fail(&format!("host {host} holds the addresses of {holding} segments"));
                }
                members.all(|node| self.nodes[node].holds)
            })
            .collect()
    }

    /// The end of a host's turn: the group decides until there is nothing left to decide. From
    /// then on all are MASTER or none is.
    pub fn settle(&mut self, host: usize) {
        let members = self.members_of(host);
        let running =
            |lan: &Self| lan.members_of(host).all(|node| lan.nodes[node].life == Life::Running);
        if self.members == 1 || !running(self) {
            return;
        }
        self.give_up_drains(host);
        for _ in 0..4 {
            let Some(command) = decide(members.clone().map(|node| self.nodes[node].router.stand()))
            else {
                break;
            };
            for node in members.clone() {
                self.command(node, command);
            }
        }
        let stands: Vec<Stand> =
            members.clone().map(|node| self.nodes[node].router.stand()).collect();
        if decide(stands.iter().copied()).is_some() {
            self.fail(&format!("host {host} never agrees with itself: {stands:?}"));
        }
        let alike = |state: StateName| {
            let count = members.clone().filter(|node| self.nodes[*node].state() == state).count();
            count == 0 || count == self.members
        };
        if !alike(StateName::Master) || !alike(StateName::Fault) {
            self.fail(&format!("host {host} is not of one mind: {stands:?}"));
        }
    }

    fn command(&mut self, node: usize, command: Command) {
        let mut outcome = Outcome::default();
        let result = self.nodes[node].command(self.now, command, &mut outcome);
        self.after(node, outcome, result);
    }

    /// The loser of a contest leaves the other segments without a word.
    pub fn announce_everywhere(&mut self, node: usize) {
        for other in self.members_of(self.host(node)).filter(|other| *other != node) {
            self.command(other, Command::Announce);
        }
    }
}
