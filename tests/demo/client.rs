//! Somebody who asks over HTTP, again and again, and remembers every answer.

use crate::lab::{pass, wall_clock, Host};
use crate::story::VIP;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// From one request to the next.
pub const INTERVAL: Duration = Duration::from_millis(20);
/// A request that takes longer is lost.
const TIMEOUT: Duration = Duration::from_millis(150);
/// So many ask in turn, so that one that waits for its timeout holds up nobody.
const WORKERS: u32 = 10;

/// One request.
#[derive(Clone, Debug)]
pub struct Request {
    /// When it was sent, in nanoseconds since 1970.
    pub at: u64,
    /// Which router has answered; `None` if nobody has.
    pub answer: Option<String>,
}

/// The client at work. It goes on until the program ends.
pub struct Client {
    requests: Arc<Mutex<Vec<Request>>>,
}

impl Client {
    /// Begins to ask.
    pub fn start(host: &Host) -> Self {
        let requests = Arc::new(Mutex::new(Vec::new()));
        let begin = Instant::now();
        for worker in 0..WORKERS {
            let requests = Arc::clone(&requests);
            host.namespace.spawn(move || work(begin + INTERVAL * worker, &requests));
        }
        Self { requests }
    }

    /// The requests since a moment whose answer is known.
    pub fn since(&self, at: u64) -> Vec<Request> {
        let all = self.requests.lock().unwrap_or_else(PoisonError::into_inner);
        let mut since: Vec<Request> = all.iter().filter(|it| it.at >= at).cloned().collect();
        since.sort_by_key(|request| request.at);
        since
    }

    /// The first request since a moment that this router has answered.
    pub fn first_answer(&self, router: &str, since: u64) -> Option<u64> {
        let all = self.since(since);
        let found = all.iter().find(|request| request.answer.as_deref() == Some(router));
        found.map(|request| request.at)
    }
}

fn work(mut due: Instant, requests: &Mutex<Vec<Request>>) {
    loop {
        pass(due.saturating_duration_since(Instant::now()));
        let at = wall_clock();
        let answer = ask().ok();
        requests.lock().unwrap_or_else(PoisonError::into_inner).push(Request { at, answer });
        due += INTERVAL * WORKERS;
    }
}

/// The page of a router is its name.
fn ask() -> std::io::Result<String> {
    let address = SocketAddr::from((VIP, 80));
    let mut stream = TcpStream::connect_timeout(&address, TIMEOUT)?;
    stream.set_read_timeout(Some(TIMEOUT))?;
    stream.write_all(b"GET / HTTP/1.0\r\n\r\n")?;
    let mut page = String::new();
    stream.read_to_string(&mut page)?;
    match page.split_once("\r\n\r\n") {
        Some((head, body)) if head.contains(" 200 ") => Ok(body.trim().to_owned()),
        _ => Err(std::io::ErrorKind::InvalidData.into()),
    }
}
