//! A client that asks for addresses all the time. The taps hear who answers.

use super::frames::{Arp, BROADCAST};
use super::frames6::solicitation;
use super::injector::Injector;
use super::tap::Tap;
use super::{pass, Host};
use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::Arc;
use std::time::Duration;

/// From one question to the next.
const PACE: Duration = Duration::from_millis(5);

/// Asks until it is dropped.
pub struct Asking {
    stop: Arc<AtomicBool>,
}

impl Asking {
    /// A client asks, by ARP and by neighbour solicitation, who has these addresses.
    pub fn for_all(client: &Host, addresses: &[IpAddr]) -> Self {
        Self::every(PACE, client, addresses)
    }

    /// The same at another pace: the time from one question for an address to the next.
    pub fn every(pace: Duration, client: &Host, addresses: &[IpAddr]) -> Self {
        let (sender_mac, sender) = (client.mac, client.address);
        let question = |address: &IpAddr| match *address {
            IpAddr::V4(target) => {
                Arp { operation: 1, sender_mac, sender, target_mac: [0; 6], target }
                    .frame(BROADCAST)
            }
            IpAddr::V6(target) => solicitation(sender_mac, target),
        };
        let questions: Vec<Vec<u8>> = addresses.iter().map(question).collect();
        let injector = Injector::open(client);
        let stop = Arc::new(AtomicBool::new(false));
        let until = Arc::clone(&stop);
        std::thread::spawn(move || {
            while !until.load(Ordering::Relaxed) {
                questions.iter().for_each(|question| injector.send(question));
                pass(pace);
            }
        });
        Self { stop }
    }
}

impl Drop for Asking {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
    }
}

/// When a host has answered questions for an address, after a moment.
pub fn answers(tap: &Tap, address: IpAddr, after: u64) -> Vec<u64> {
    let all: Vec<u64> = match address {
        IpAddr::V4(address) => {
            let is_answer = |arp: &Arp| arp.operation == 2 && !arp.is_gratuitous();
            let arps = tap.arps().into_iter();
            arps.filter(|(_, arp)| is_answer(arp) && arp.sender == address).map(|it| it.0).collect()
        }
        IpAddr::V6(address) => {
            let neighbours = tap.neighbours().into_iter();
            neighbours
                .filter(|(_, it)| it.solicited && it.target == address)
                .map(|it| it.0)
                .collect()
        }
    };
    all.into_iter().filter(|at| *at > after).collect()
}
