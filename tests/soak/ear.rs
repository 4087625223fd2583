//! A client that asks for all addresses all the time, and hears everybody who answers.
//!
//! It listens on its own interface, so it hears what a host of the segment hears, and its own
//! questions too: who has answered one of them before the next is who holds the address then.

use crate::lab::asking::Asking;
use crate::lab::frames::Arp;
use crate::lab::{wall_clock, Host};
use crate::world::{vip, ADDRESSES};
use std::net::IpAddr;
use std::os::fd::AsFd;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use vipd::sys::netns::interface_index;
use vipd::sys::packet::PacketSocket;
use vipd::sys::poll_readable;

/// From one question to the next, for each address.
const PACE: Duration = Duration::from_millis(10);
/// What is shorter is no news: a question or its answer came late.
const FLICKER: Duration = Duration::from_millis(50);
/// The newest question must not be older.
const FRESH: Duration = Duration::from_millis(200);
/// How often it looks whether it is still wanted.
const LOOK: i32 = 100;

/// Routers, a bit for each.
pub type Holders = u8;

/// Questions one after another that had the same answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Run {
    /// The first of them, in nanoseconds since 1970.
    pub from: u64,
    /// The next one that had other answers, or the last one so far.
    pub to: u64,
    /// How many there were.
    pub questions: u32,
    pub holders: Holders,
}

impl Run {
    pub fn length(&self) -> Duration {
        Duration::from_nanos(self.to.saturating_sub(self.from))
    }
}

/// What has been heard of one address.
#[derive(Clone, Debug, Default)]
pub struct History {
    pub runs: Vec<Run>,
    /// Gratuitous ARP: when, and by which router.
    pub announced: Vec<(u64, usize)>,
    /// The newest question, and who has answered it so far.
    open: Option<(u64, Holders)>,
}

impl History {
    fn ask(&mut self, at: u64) {
        let Some((asked, holders)) = self.open.replace((at, 0)) else { return };
        match self.runs.last_mut() {
            Some(run) if run.holders == holders => {
                run.to = at;
                run.questions += 1;
            }
            _ => self.runs.push(Run { from: asked, to: at, questions: 1, holders }),
        }
    }

    fn answer(&mut self, router: usize) {
        if let Some((_, holders)) = &mut self.open {
            *holders |= 1 << router;
        }
    }

    fn forget(&mut self) {
        self.runs.drain(..self.runs.len().saturating_sub(1));
        self.announced.clear();
    }

    /// Since when these routers and no others hold it, up to now; `None` if they do not. `ignored`
    /// may or may not.
    pub fn since(&self, holders: Holders, ignored: Holders) -> Option<u64> {
        let newest = self.runs.last()?;
        if newest.to + (FRESH.as_nanos() as u64) < wall_clock() {
            return None;
        }
        let mut since = None;
        for run in self.runs.iter().rev() {
            if (run.holders ^ holders) & !ignored == 0 {
                since = Some(run.from);
            } else if run.length() >= FLICKER {
                break;
            }
        }
        since
    }

    /// When a router is first heard after a moment; its answers do not count if it gave them all
    /// the time.
    pub fn first(&self, router: usize, after: u64, with_answers: bool) -> Option<u64> {
        let bit: Holders = 1 << router;
        let announced = self.announced.iter().filter(|it| it.1 == router && it.0 > after);
        let answers = self.runs.iter().filter(|run| with_answers && run.holders & bit != 0);
        let answers = answers.map(|run| run.from).filter(|at| *at > after);
        announced.map(|it| it.0).chain(answers).min()
    }
}

/// Listens and asks until it is dropped.
pub struct Ear {
    heard: Arc<Mutex<Vec<History>>>,
    _asking: Asking,
}

impl Ear {
    /// `macs` are those of the routers.
    pub fn open(client: &Host, macs: &[[u8; 6]]) -> Self {
        let socket = client.namespace.run(|| {
            let index = interface_index("eth0").expect("the client has an eth0");
            PacketSocket::capture(index).expect("root may capture")
        });
        let heard = Arc::new(Mutex::new(vec![History::default(); ADDRESSES]));
        let (ours, macs, own) = (Arc::downgrade(&heard), macs.to_vec(), client.mac);
        std::thread::spawn(move || {
            let mut buffer = [0; 2048];
            while let Some(heard) = ours.upgrade() {
                let _ = poll_readable(socket.as_fd(), LOOK);
                while let Ok(Some(frame)) = socket.receive(&mut buffer) {
                    let bytes = &buffer[..frame.len];
                    let arp = bytes.get(14..).filter(|_| bytes[12..14] == [8, 6]);
                    if let Some(arp) = arp.and_then(Arp::parse) {
                        take(&mut lock(&heard), frame.time_ns, &arp, own, &macs);
                    }
                }
            }
        });
        let addresses: Vec<IpAddr> = (0..ADDRESSES).map(|address| vip(address).into()).collect();
        Self { heard, _asking: Asking::every(PACE, client, &addresses) }
    }

    /// What has been heard of an address.
    pub fn history(&self, address: usize) -> History {
        lock(&self.heard)[address].clone()
    }

    /// Forgets what is over.
    pub fn forget(&self) {
        lock(&self.heard).iter_mut().for_each(History::forget);
    }
}

fn take(heard: &mut [History], at: u64, arp: &Arp, own: [u8; 6], macs: &[[u8; 6]]) {
    let router = macs.iter().position(|mac| *mac == arp.sender_mac);
    for (address, history) in heard.iter_mut().enumerate() {
        let vip = vip(address);
        if arp.sender_mac == own && arp.operation == 1 && arp.target == vip {
            history.ask(at);
        } else if let Some(router) = router.filter(|_| arp.sender == vip) {
            if arp.is_gratuitous() {
                history.announced.push((at, router));
            } else if arp.operation == 2 {
                history.answer(router);
            }
        }
    }
}

fn lock(heard: &Mutex<Vec<History>>) -> MutexGuard<'_, Vec<History>> {
    heard.lock().unwrap_or_else(PoisonError::into_inner)
}

#[test]
fn a_late_answer_is_no_news_and_another_holder_is() {
    let begin = wall_clock() - 2_000_000_000;
    let at = |question: u64| begin + question * 10_000_000;
    let mut history = History::default();
    for question in 0..=200 {
        history.ask(at(question));
        match question {
            20 => {}
            0..=39 => history.answer(0),
            40..=59 => {}
            60..=69 => [0, 1].into_iter().for_each(|router| history.answer(router)),
            _ => history.answer(1),
        }
    }
    assert_eq!(history.since(0b10, 0), Some(at(70)));
    assert_eq!(history.since(0b10, 0b1), Some(at(60)));
    assert_eq!((history.since(0b1, 0), history.since(0, 0)), (None, None));
    assert_eq!(history.first(1, at(0), true), Some(at(60)));
    let lengths: Vec<u32> = history.runs.iter().map(|run| run.questions).collect();
    assert_eq!(lengths, [20, 1, 19, 20, 10, 130]);
    let mut earlier = history.clone();
    earlier.runs.truncate(3);
    let last = earlier.runs.len() - 1;
    earlier.runs[last].to = wall_clock();
    assert_eq!(earlier.since(0b1, 0), Some(at(0)));
}
