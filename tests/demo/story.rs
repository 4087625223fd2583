//! The story: two acts, one for each way to write the check.

use crate::client::{Client, INTERVAL};
use crate::lab::process::Process;
use crate::lab::router::{signal_vipd, Router, SEED};
use crate::lab::{holds_within, span, wall_clock, Lab};
use crate::timeline::Timeline;
use std::net::Ipv4Addr;
use std::path::Path;
use std::time::{Duration, Instant};

/// The address that is shared: the one of seed.md.
pub const VIP: Ipv4Addr = Ipv4Addr::new(192, 168, 1, 100);
/// How long an address may take to move. The slowest way there: two checks that fail, two seconds
/// apart, and then nearly four seconds until the other router is sure.
const DEADLINE: Duration = Duration::from_secs(15);
/// From one of the MASTER's adverts to the next, and a little more.
const INTERVAL_OF_ADVERTS: Duration = Duration::from_millis(1100);
/// The gateway that the second act's routers look for.
const GATEWAY: &str = "192.168.1.254";

/// What a router is configured with: the name of the file, which says the syntax, and its text.
type Configuration = (&'static str, String);

/// What seed.md prints, but for state and priority, in the other syntax. The check adds 20 to the
/// priority while haproxy runs, which is on the MASTER alone: 120 against 110 while all is well, 100
/// against 110 when haproxy fails.
fn seed_in_toml(state: &str, priority: u8) -> Configuration {
    let text = format!(
        r#"[vrrp_script.chk_haproxy]
script   = "killall -0 haproxy"
interval = 2
fall     = 2
rise     = 2
weight   = 20

[vrrp_instance.api_vip]
state             = "{state}"
interface         = "eth0"
virtual_router_id = 5
priority          = {priority}
advert_int        = 1
virtual_ipaddress = ["{VIP}/32 dev eth0"]
track_script      = ["chk_haproxy"]
notify            = "/usr/local/bin/notify-haproxy.sh"
"#
    );
    ("vipd.toml", text)
}

/// Without a weight: a check that has failed puts the router in FAULT. haproxy is looked for on the
/// MASTER alone, the gateway on both routers.
fn without_weight(priority: u8) -> Configuration {
    let text = format!(
        r#"[vrrp_script.chk_haproxy]
script     = "killall -0 haproxy"
interval   = 1
fall       = 2
rise       = 2
only_while = "MASTER"
fault_hold = 5

[vrrp_script.chk_gateway]
script   = "ping -q -c 1 -W 1 {GATEWAY}"
interval = 1
fall     = 2
rise     = 2

[vrrp_instance.api_vip]
interface         = "eth0"
virtual_router_id = 5
priority          = {priority}
advert_int        = 1
virtual_ipaddress = ["{VIP}/32 dev eth0"]
track_script      = ["chk_haproxy", "chk_gateway"]
notify            = "/usr/local/bin/notify-haproxy.sh"
"#
    );
    ("vipd.toml", text)
}

/// One time that the address moved.
struct Move {
    what: String,
    from: String,
    to: String,
    /// From the cause to a check that says so, if a check has found out.
    noticed: Option<Duration>,
    /// From the cause to the new MASTER.
    moved: Duration,
    /// From the cause to the new MASTER's first answer to the client.
    answered: Duration,
    lost: usize,
    asked: usize,
}

/// Two routers, a client, and what has happened.
struct Stage {
    timeline: Timeline,
    client: Client,
    routers: [Router; 2],
    processes: [Option<Process>; 2],
    moves: Vec<Move>,
    lab: Lab,
}

/// Tells it all. The error says what did not happen.
pub fn tell(vipd: &Path) -> Result<(), String> {
    println!(
        "Two routers, r1 (192.168.1.1) and r2 (192.168.1.2), share the address {VIP} by VRRP.\n\
         haproxy runs on the MASTER only: the notify script starts and stops it. A client asks\n\
         http://{VIP}/ every {} ms, all the time.\n\n\
         What you will read: seconds, who, what. r1 and r2 are the logs of vipd as they are, and after\n\
         \"script:\" what the notify script was called with and what it did. ---- is what we do.\n",
        INTERVAL.as_millis()
    );
    let mut moves = first_act(vipd)?;
    println!();
    moves.extend(second_act(vipd)?);
    summary(&moves);
    Ok(())
}

fn first_act(vipd: &Path) -> Result<Vec<Move>, String> {
    println!(
        "ACT 1. The check has a weight: it adds 20 to the priority while haproxy runs.\n\
         r1 has 100 + 20 and r2 has 110; when haproxy fails on r1, that is 100 and 110.\n\n\
         r1 runs from a file that was written for keepalived, not a letter of it or of its notify\n\
         script changed: vipd -n -f keepalived.conf. r2 says the same in TOML: vipd -n -f vipd.toml."
    );
    let configurations = [("keepalived.conf", SEED.to_owned()), seed_in_toml("BACKUP", 110)];
    show("keepalived.conf of r1", &configurations[0]);
    show("vipd.toml of r2", &configurations[1]);
    let mut stage = Stage::new(vipd, &configurations);

    stage.step("r1 starts, alone");
    stage.start(0);
    stage.wait_state(0, "MASTER")?;
    stage.wait_answer(0)?;
    stage.wait_line(0, 0, "priority 100 -> 120")?;
    stage.say("r2 starts: it has 110, r1 has 120");
    stage.start(1);
    stage.wait_state(1, "BACKUP")?;

    stage.step("(a) haproxy is stopped on r1, by hand");
    let cause = wall_clock();
    stage.routers[0].stop_haproxy()?;
    stage.moved("haproxy stopped on r1", cause, 0, 1, Some("chk_haproxy: has failed now"))?;
    stage.wait_line(1, 0, "priority 110 -> 130")?;

    stage.step("(b) vipd is killed on r2, with SIGKILL; haproxy goes on there");
    stage.kill_and_follow(1, 0, "vipd killed on r2")?;

    stage.step("(c) everything is brought back, once the check has succeeded twice on r1");
    stage.wait_line(0, 1, "priority 100 -> 120")?;
    stage.say("haproxy still runs on r2, where nobody was left to stop it: stopped by hand");
    stage.routers[1].stop_haproxy()?;
    stage.start(1);
    stage.wait_state(1, "BACKUP")?;
    stage.wait_haproxy_only_on(0)?;
    stage.say("what r2 says of itself (SIGUSR1)");
    stage.wait_status(
        1,
        "api_vip: BACKUP for",
        "priority 110 of 110, MASTER is 192.168.1.1 with 120",
    )?;
    Ok(stage.finish())
}

fn second_act(vipd: &Path) -> Result<Vec<Move>, String> {
    println!(
        "ACT 2. The checks have no weight: a failed one puts the router in FAULT, a good one leads\n\
         back. haproxy is looked for on the MASTER only (only_while), the gateway on both."
    );
    let configurations = [without_weight(110), without_weight(100)];
    show("vipd.toml of r1 (r2: priority = 100)", &configurations[0]);
    let mut stage = Stage::new(vipd, &configurations);

    stage.step("both start");
    stage.start(0);
    stage.start(1);
    stage.wait_state(0, "MASTER")?;
    stage.wait_answer(0)?;

    stage.step("(a) haproxy is stopped on r1, by hand");
    let cause = wall_clock();
    stage.routers[0].stop_haproxy()?;
    stage.moved("haproxy stopped on r1", cause, 0, 1, Some("chk_haproxy: has failed now"))?;
    stage.say("r1 stays away for fault_hold, 5 s; then it is preferred again");
    let cause = stage.wait_line(0, 0, "FAULT -> BACKUP")?;
    stage.moved("fault_hold over on r1", cause, 1, 0, None)?;

    stage.step("(b) r1 loses its way to the gateway");
    let cause = wall_clock();
    stage.routers[0].host.ip(&[&format!("route add unreachable {GATEWAY}/32")]);
    stage.moved("gateway lost on r1", cause, 0, 1, Some("chk_gateway: has failed now"))?;
    stage.say("r1 finds the gateway again: two successes lead back");
    let cause = wall_clock();
    stage.routers[0].host.ip(&[&format!("route delete unreachable {GATEWAY}/32")]);
    stage.moved("gateway found again", cause, 1, 0, Some("chk_gateway: is fine now"))?;

    stage.step("(c) vipd is killed on r1, with SIGKILL; haproxy goes on there");
    stage.kill_and_follow(0, 1, "vipd killed on r1")?;
    stage.say("vipd is started again on r1");
    let cause = wall_clock();
    stage.start(0);
    stage.moved("vipd restarted on r1", cause, 1, 0, None)?;
    stage.wait_haproxy_only_on(0)?;
    Ok(stage.finish())
}

impl Stage {
    fn new(vipd: &Path, configurations: &[Configuration; 2]) -> Self {
        let lab = Lab::new();
        let hosts = [lab.host("r1", "192.168.1.1/24"), lab.host("r2", "192.168.1.2/24")];
        let client = lab.host("client", "192.168.1.200/24");
        lab.host("gateway", &format!("{GATEWAY}/24"));
        let mut timeline = Timeline::new(lab.directory());
        let mut number = 0;
        let routers = hosts.map(|host| {
            let (file, text) = &configurations[number];
            let router = Router::new(&lab, host, vipd, file, text);
            timeline.watch_calls(&router);
            number += 1;
            router
        });
        let client = Client::start(&client);
        Self { timeline, client, routers, processes: [None, None], moves: Vec::new(), lab }
    }

    fn say(&mut self, text: &str) {
        self.timeline.say(text);
    }

    /// Something new begins.
    fn step(&mut self, text: &str) {
        self.timeline.pause();
        self.timeline.say(text);
    }

    fn start(&mut self, router: usize) {
        let process = self.routers[router].start(&self.lab);
        self.timeline.watch_log(&process);
        self.processes[router] = Some(process);
    }

    /// Waits for something while the timeline goes on.
    fn wait<T>(
        &mut self,
        what: &str,
        mut found: impl FnMut(&Self) -> Option<T>,
    ) -> Result<T, String> {
        let mut result = None;
        holds_within(DEADLINE, || {
            self.timeline.pump();
            result = found(self);
            result.is_some()
        });
        result.ok_or_else(|| {
            self.say("this is where the story ends");
            format!("not within {} s: {what}", DEADLINE.as_secs())
        })
    }

    /// Waits for a line in a router's log after the first `skip` of its kind; returns its time.
    fn wait_line(&mut self, router: usize, skip: usize, text: &str) -> Result<u64, String> {
        let what = format!("{} logs \"{text}\"", self.routers[router].name());
        self.wait(&what, |stage| {
            let process = stage.processes[router].as_ref()?;
            process.lines(text).get(skip).map(|line| line.at)
        })
    }

    fn wait_state(&mut self, router: usize, state: &str) -> Result<(), String> {
        self.wait_line(router, 0, &format!("api_vip: {}", arrow(state))).map(drop)
    }

    /// Waits until a router answers the client.
    fn wait_answer(&mut self, router: usize) -> Result<u64, String> {
        let name = self.routers[router].name().to_owned();
        let now = wall_clock();
        let what = format!("{name} answers the client");
        self.wait(&what, |stage| stage.client.first_answer(&name, now))
    }

    fn wait_haproxy_only_on(&mut self, router: usize) -> Result<(), String> {
        let what = format!("haproxy runs on {} only", self.routers[router].name());
        self.wait(&what, |stage| {
            let [first, second] = &stage.routers;
            let runs = [first.has_haproxy(), second.has_haproxy()];
            (runs[router] && !runs[1 - router]).then_some(())
        })
    }

    /// Asks a router how it is, once an interval, until it says what it should.
    fn wait_status(&mut self, router: usize, begin: &str, end: &str) -> Result<(), String> {
        let what = format!("{} says: {begin} ... {end}", self.routers[router].name());
        let mut next = Instant::now() + INTERVAL_OF_ADVERTS;
        self.wait(&what, |stage| {
            if Instant::now() < next {
                return None;
            }
            next += INTERVAL_OF_ADVERTS;
            let process = stage.processes[router].as_ref()?;
            let asked = process.lines("status: interface").len();
            signal_vipd(process, "USR1");
            holds_within(DEADLINE, || process.lines("status: interface").len() > asked);
            let lines = process.lines(begin);
            lines.iter().any(|line| line.text.ends_with(end)).then_some(())
        })
    }

    /// Kills a vipd, and waits until the other router has the address.
    fn kill_and_follow(&mut self, from: usize, to: usize, what: &str) -> Result<(), String> {
        let cause = wall_clock();
        if let Some(process) = &self.processes[from] {
            signal_vipd(process, "KILL");
        }
        self.moved(what, cause, from, to, None)
    }

    /// Waits until the address has moved and the client has an answer from there, and says what it
    /// cost. `notice` is what the router that gives it up logs when it has found out.
    fn moved(
        &mut self,
        what: &str,
        cause: u64,
        from: usize,
        to: usize,
        notice: Option<&str>,
    ) -> Result<(), String> {
        let (old, new) = (self.routers[from].name().to_owned(), self.routers[to].name().to_owned());
        let deadline = format!("the address moves from {old} to {new} ({what})");
        let moved = self.wait(&deadline, |stage| {
            let lines = stage.processes[to].as_ref()?.lines("api_vip: BACKUP -> MASTER");
            lines.iter().map(|line| line.at).find(|at| *at >= cause)
        })?;
        let host = self.routers[to].host.clone();
        self.wait(&deadline, |_| host.holds(VIP).then_some(()))?;
        let answered = self.wait(&format!("{new} answers the client"), |stage| {
            stage.client.first_answer(&new, cause)
        })?;
        let asked = self.client.since(cause);
        let asked: Vec<_> = asked.iter().filter(|request| request.at <= answered).collect();
        let lost = asked.iter().filter(|request| request.answer.is_none()).count();
        let noticed = notice.and_then(|text| {
            let by = if text.contains("fine") { to } else { from };
            let lines = self.processes[by].as_ref()?.lines(text);
            lines.iter().map(|line| line.at).find(|at| *at >= cause).map(|at| span(cause, at))
        });
        let (moved, answered) = (span(cause, moved), span(cause, answered));
        let (what, asked) = (what.to_owned(), asked.len());
        let it = Move { what, from: old, to: new, noticed, moved, answered, lost, asked };
        let text = it.text();
        self.moves.push(it);
        self.say(&text);
        Ok(())
    }

    /// The moves of an act; the network is gone afterwards.
    fn finish(mut self) -> Vec<Move> {
        self.timeline.finish();
        self.moves
    }
}

impl Move {
    fn text(&self) -> String {
        format!(
            "=> {VIP} moved from {} to {} after {} ms; first answer after {} ms; requests lost: {}",
            self.from,
            self.to,
            self.moved.as_millis(),
            self.answered.as_millis(),
            self.lost
        )
    }
}

/// How a log says that a state was entered.
fn arrow(state: &str) -> &'static str {
    match state {
        "MASTER" => "BACKUP -> MASTER",
        _ => "INIT -> BACKUP",
    }
}

fn show(title: &str, (_, text): &Configuration) {
    println!("\n{title}:\n");
    for line in text.lines() {
        println!("{}", format!("    {line}").trim_end());
    }
}

fn summary(moves: &[Move]) {
    println!(
        "\nThe address moved {} times. Milliseconds since the cause until a check had found out, the\n\
         other router was MASTER, and the client had its answer; and the requests lost meanwhile:\n",
        moves.len()
    );
    println!(
        "    {:<24} {:<10} {:>8} {:>8} {:>13} {:>15}",
        "what happened", "moved", "noticed", "MASTER", "first answer", "requests lost"
    );
    for it in moves {
        let noticed = it.noticed.map_or("-".to_owned(), |span| span.as_millis().to_string());
        println!(
            "    {:<24} {:<10} {:>8} {:>8} {:>13} {:>15}",
            it.what,
            format!("{} -> {}", it.from, it.to),
            noticed,
            it.moved.as_millis(),
            it.answered.as_millis(),
            format!("{} of {}", it.lost, it.asked)
        );
    }
    println!(
        "\nA check has failed when it has failed twice in a row (fall = 2). A MASTER that gives up\n\
         says so, and the other router waits for its skew time, here 0.6 s. One that was killed says\n\
         nothing: then it takes three intervals and the skew time, here 3.6 s."
    );
}
