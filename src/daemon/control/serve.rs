//! What clients are told, a piece in each turn.

use super::{Client, Daemon, Doing, Failure, Object, Request, AGAIN, CLIENTS};
use crate::exit;
use crate::json::{Array, Object as Json};

/// Virtual routers that are described in one turn: a tenth of a millisecond.
const ROUTERS: usize = 16;
/// The longest report or list of changes that is told, in octets.
const LONGEST: usize = 256 * 1024;

impl Daemon {
    pub(super) fn begin_request(&mut self, slot: usize, request: Request) {
        let doing = match request {
            Request::Status(name) => self.begin_status(name),
            Request::Peers => Ok(self.begin_peers()),
            Request::Events { follow } => Ok(Doing::Events { next: 0, follow }),
            Request::Drain { name, force } => self.drain_for(slot, name.as_deref(), force),
            Request::Resume(name) => self.resume_for(slot, name.as_deref()),
            Request::Priority { name, priority, time } => {
                self.prioritize_for(slot, &name, priority, time)
            }
            Request::Reload => {
                log::info!("{} wants a reload", self.who(slot));
                self.want_reload();
                Ok(Doing::Reload { begun: false })
            }
            Request::Stop { keep } => {
                self.stop_for(slot, keep);
                Ok(Doing::Stop)
            }
            Request::Diff(file) => Ok(Doing::Diff(Some(file))),
            Request::Check(name) => self.try_check(slot, &name),
            Request::Notify(name, state) => self.try_notify(slot, &name, &state),
        };
        let Some(client) = &mut self.control.clients[slot] else { return };
        match doing {
            Ok(doing) => client.doing = doing,
            Err(Failure { code, message }) => client.fail(code, &message),
        }
        self.control.more = true;
    }

    fn stop_for(&mut self, slot: usize, keep: bool) {
        let who = self.who(slot);
        match keep {
            false => self.stop(&who),
            true => {
                log::info!("{who} stops vipd: addresses and states stay for the next run");
                self.control.keep = true;
            }
        }
    }

    /// At the end of a turn.
    pub(in crate::daemon) fn serve_clients(&mut self) {
        self.control.more = false;
        if self.control.is_idle() {
            return;
        }
        for slot in 0..CLIENTS {
            let Some(mut client) = self.control.clients[slot].take() else { continue };
            self.tell_client(&mut client);
            let stays = client.write(self.now);
            let more = match &client.doing {
                Doing::Status(_) | Doing::Peers(_) => true,
                Doing::Events { next, follow } => !follow || *next < self.history.next(),
                _ => false,
            };
            self.control.more |= stays && more && client.has_room();
            self.control.clients[slot] = Some(client);
            if !stays {
                self.drop_client(slot);
            }
        }
        self.touch(Object::Control);
    }

    /// Adds to what a client is told.
    fn tell_client(&mut self, client: &mut Client) {
        match &mut client.doing {
            Doing::Status(cursor) => {
                let mut ended = false;
                for _ in 0..ROUTERS {
                    if ended || client.output.len() > 64 * 1024 {
                        break;
                    }
                    ended = self.write_status(cursor, &mut client.output);
                }
                if ended {
                    client.end();
                }
            }
            Doing::Peers(next) => {
                let mut ended = false;
                for _ in 0..ROUTERS {
                    ended = ended || self.write_peers(next, &mut client.output);
                }
                if ended {
                    client.end();
                }
            }
            Doing::Events { next, follow } => {
                let follow = *follow;
                let mut number = *next;
                while client.has_room() {
                    let Some((found, line)) = self.history.get(number) else { break };
                    client.output.push_str(line);
                    client.output.push('\n');
                    number = found + 1;
                }
                client.doing = Doing::Events { next: number, follow };
                if !follow && number >= self.history.next() {
                    client.end();
                }
            }
            Doing::Drain(names, begin) => {
                let (names, begin) = (std::mem::take(names), *begin);
                self.tell_drained(client, names, begin);
            }
            Doing::Notify { teller, any } if self.is_notified(*teller) => match *any {
                true => client.end(),
                false => client.fail(exit::OSERR, "they could not be started: see the log"),
            },
            _ => {}
        }
    }

    /// A reload begins: the numbers of things change, and who waits for one waits for this.
    pub(in crate::daemon) fn reload_begins(&mut self) {
        for client in self.control.clients.iter_mut().flatten() {
            if let Doing::Reload { begun } = &mut client.doing {
                *begun = true;
            }
        }
    }

    /// The tables are made anew: what is half told is not true any more.
    pub(in crate::daemon) fn interrupt_clients(&mut self) {
        for client in self.control.clients.iter_mut().flatten() {
            if matches!(client.doing, Doing::Status(_) | Doing::Peers(_)) {
                client.output.push('\n');
                client.fail(AGAIN, "the configuration was reloaded meanwhile: ask again");
            }
        }
        self.control.more = true;
    }

    /// A reload has ended.
    pub(in crate::daemon) fn reload_ended(&mut self, result: &Result<Vec<String>, String>) {
        for client in self.control.clients.iter_mut().flatten() {
            if !matches!(client.doing, Doing::Reload { begun: true }) {
                continue;
            }
            match result {
                Ok(changes) => {
                    let mut it = Json::new(&mut client.output);
                    put_lines(it.array("changes"), changes);
                    drop(it);
                    client.end();
                }
                Err(report) => client.fail(exit::CONFIG, cut(report)),
            }
        }
        self.control.more = true;
    }

    /// A file that somebody wants compared with the configuration, one after the other.
    pub(in crate::daemon) fn take_diff(&mut self) -> Option<String> {
        self.control.clients.iter_mut().flatten().find_map(|client| {
            let Doing::Diff(file) = &mut client.doing else { return None };
            file.take()
        })
    }

    /// What a reload of another file would do, for whoever asked.
    pub(in crate::daemon) fn tell_diff(
        &mut self,
        result: Result<(Vec<String>, Vec<String>), String>,
    ) {
        let waits = |client: &&mut Client| matches!(client.doing, Doing::Diff(None));
        let Some(client) = self.control.clients.iter_mut().flatten().find(waits) else { return };
        match result {
            Ok((changes, transitions)) => {
                let mut it = Json::new(&mut client.output);
                put_lines(it.array("changes"), &changes);
                put_lines(it.array("transitions"), &transitions);
                drop(it);
                client.end();
            }
            Err(report) => client.fail(exit::CONFIG, cut(&report)),
        }
        self.control.more = true;
    }

    /// Something is done that somebody has waited for.
    pub(super) fn answer(&mut self, slot: usize, write: impl FnOnce(&mut Json<'_>)) {
        let Some(client) = &mut self.control.clients[slot] else { return };
        let mut it = Json::new(&mut client.output);
        write(&mut it);
        drop(it);
        client.end();
        self.control.more = true;
    }

    /// Before we end: who waits for that is told what happens to be told already.
    pub(in crate::daemon) fn last_words(&mut self) {
        for client in self.control.clients.iter_mut().flatten() {
            let _ = client.stream.set_nonblocking(true);
            if matches!(client.doing, Doing::Stop) {
                let mut it = Json::new(&mut client.output);
                it.put("stopped", true);
                drop(it);
                client.end();
            }
            client.write(self.now);
        }
        self.control.remove();
    }
}

fn put_lines(mut array: Array<'_>, lines: &[String]) {
    let mut left = LONGEST;
    for line in lines {
        left = left.saturating_sub(line.len());
        if left == 0 {
            array.put("and more");
            return;
        }
        array.put(line.as_str());
    }
}

/// As much of a report as is told.
fn cut(report: &str) -> &str {
    let end = report.char_indices().map(|(at, _)| at).find(|at| *at > LONGEST);
    report.get(..end.unwrap_or(report.len())).unwrap_or_default().trim_end()
}
