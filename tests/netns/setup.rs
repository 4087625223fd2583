//! What the tests have in common: two hosts, their ears, and configurations.

use crate::lab::process::Process;
use crate::lab::tap::Tap;
use crate::lab::{poll, Host, Lab, SOON, VIP, VIP_GLOBAL, VIP_LOCAL};
use std::path::Path;
use std::time::Duration;

/// The virtual router id of every test that does not say otherwise.
pub const VRID: u8 = 51;
/// VRRPv3 that is quick enough for a test and slow enough for a busy machine.
pub const V3: &str = "version = 3\nadvert_int = 0.2";
/// The same for IPv6, which has no other version.
pub const V3_INT: &str = "advert_int = 0.2";
/// The same without the second round of announcements, for tests that count them.
pub const V3_ONCE: &str = "version = 3\nadvert_int = 0.2\ngarp_master_delay = 0";
/// The interval of [`V3`].
pub const TICK: Duration = Duration::from_millis(200);

/// The executable under test.
pub fn vipd() -> &'static Path {
    Path::new(env!("CARGO_BIN_EXE_vipd"))
}

/// A configuration with one virtual router.
pub fn toml(priority: u8, more: &str) -> String {
    format!(
        "[vrrp_instance.vip]\n\
         interface = \"eth0\"\n\
         virtual_router_id = {VRID}\n\
         priority = {priority}\n\
         virtual_ipaddress = [\"{VIP}/24\"]\n\
         {more}\n"
    )
}

/// The same for keepalived.
pub fn keepalived(priority: u8, more: &str) -> String {
    format!(
        "vrrp_instance vip {{\n\
         interface eth0\n\
         virtual_router_id {VRID}\n\
         priority {priority}\n\
         virtual_ipaddress {{\n{VIP}/24\n}}\n\
         {more}\n\
         }}\n"
    )
}

/// A configuration with one virtual router of IPv6.
pub fn toml_v6(priority: u8, more: &str) -> String {
    let addresses = format!("\"{VIP_LOCAL}/64\", \"{VIP_GLOBAL}/64\"");
    toml(priority, more).replace(&format!("\"{VIP}/24\""), &addresses)
}

/// A configuration with one instance of both families.
pub fn toml_both(priority: u8, more: &str) -> String {
    let addresses = format!("\"{VIP}/24\", \"{VIP_LOCAL}/64\", \"{VIP_GLOBAL}/64\"");
    toml(priority, more).replace(&format!("\"{VIP}/24\""), &addresses)
}

/// keepalived with both virtual addresses of IPv6.
pub fn keepalived_v6(priority: u8, more: &str) -> String {
    let addresses = format!("{VIP_LOCAL}/64\n{VIP_GLOBAL}/64");
    keepalived(priority, more).replace(&format!("{VIP}/24"), &addresses)
}

/// Gives a host a second interface, `eth1` with 10.88.0.1, which leads nowhere.
pub fn dead_end(host: &Host) {
    host.ip(&[
        "link add eth1 type veth peer name nobody",
        "address add 10.88.0.1/24 dev eth1",
        "link set nobody up",
        "link set eth1 up",
    ]);
}

/// Skew_Time and Master_Down_Interval of VRRPv3, or of VRRPv2 with 1 s, by the formula of the RFC.
pub fn down(priority: u8, interval: Duration) -> (Duration, Duration) {
    let skew = interval * (256 - u32::from(priority)) / 256;
    (skew, 3 * interval + skew)
}

/// Within a factor of what it should be. Late is forgiven more than early: machines are busy.
#[track_caller]
pub fn assert_about(what: &str, is: Duration, should: Duration) {
    let ratio = is.as_secs_f64() / should.as_secs_f64();
    assert!((0.97..2.0).contains(&ratio), "{what}: {is:?}, should be {should:?}");
}

/// Two routers on a segment, and an ear for each.
pub struct Pair {
    /// 10.77.0.1
    pub a: Host,
    /// 10.77.0.2
    pub b: Host,
    /// What `a` sends.
    pub hears_a: Tap,
    /// What `b` sends.
    pub hears_b: Tap,
    /// Their network. The last to be dropped.
    pub lab: Lab,
}

impl Pair {
    /// 10.77.0.1 and 10.77.0.2.
    pub fn new() -> Self {
        Self::with("10.77.0.1/24", "10.77.0.2/24")
    }

    /// With these addresses.
    pub fn with(a: &str, b: &str) -> Self {
        let lab = Lab::new();
        let (a, b) = (lab.host("a", a), lab.host("b", b));
        let (hears_a, hears_b) = (lab.tap(&a), lab.tap(&b));
        Self { a, b, hears_a, hears_b, lab }
    }

    /// Starts vipd on `a`.
    pub fn start_a(&self, toml: &str) -> Process {
        self.lab.vipd(vipd(), &self.a, toml)
    }

    /// Starts vipd on `b`.
    pub fn start_b(&self, toml: &str) -> Process {
        self.lab.vipd(vipd(), &self.b, toml)
    }

    /// Starts vipd on both; returns when `a` is MASTER and `b` follows it.
    pub fn start_both(&self, a: &str, b: &str) -> (Process, Process) {
        let first = self.start_a(a);
        first.wait_log("vip: BACKUP -> MASTER", SOON);
        let second = self.start_b(b);
        second.wait_log("vip: INIT -> BACKUP", SOON);
        self.lab.wait_holder(&self.a, SOON);
        // It has heard the MASTER: until then its timer runs for itself.
        let mark = second.mark();
        poll(SOON, "the second follows the first", || {
            second.signal("USR1");
            let master = format!("MASTER is {}", self.a.address);
            !second.lines_after(mark, &master).is_empty()
        });
        (first, second)
    }
}

/// Until whoever is awake has advertised so long after a moment.
#[track_caller]
pub fn wait_slept(awake: &Tap, stopped: u64, time: Duration) {
    awake.wait_advert(stopped + time.as_nanos() as u64, 2 * SOON);
}

/// A virtual router of its own that has nothing to do with the others: where all others sleep, its
/// adverts tell for how long.
pub struct Awake {
    tap: Tap,
    _process: Process,
}

impl Awake {
    pub fn start(lab: &Lab) -> Self {
        let host = lab.host("awake", "10.77.0.9/24");
        let other = toml(100, V3).replace(&VIP.to_string(), "10.77.0.109");
        let other = other.replace(&format!("= {VRID}"), "= 109");
        let tap = lab.tap(&host);
        Self { _process: lab.vipd(vipd(), &host, &other), tap }
    }

    /// Until so much time has passed since a moment.
    #[track_caller]
    pub fn wait_slept(&self, stopped: u64, time: Duration) {
        wait_slept(&self.tap, stopped, time);
    }
}

/// Waits until it is MASTER: because nobody else is, or because it was before it was killed.
#[track_caller]
pub fn wait_master(process: &Process) {
    let is = |text| !process.lines(text).is_empty();
    poll(SOON, "it is MASTER", || is(" -> MASTER: ") || is(": still MASTER: "));
}

/// A number out of the counters that SIGUSR1 writes to the log: of the newest line that begins with
/// `status: WHOSE:` and has the counter; 0 if the line leaves it out.
pub fn counter(process: &Process, whose: &str, name: &str) -> u64 {
    let mark = process.mark();
    process.signal("USR1");
    let begin = format!("status: {whose}:");
    let mut line = String::new();
    poll(SOON, "it says its counters", || {
        let counts = ["master_transitions", "send_errors"].map(|word| format!("{begin} {word} "));
        let lines = process.lines_after(mark, &begin);
        let found = lines.into_iter().find(|it| counts.iter().any(|some| it.text.contains(some)));
        line = found.map(|it| it.text).unwrap_or_default();
        !line.is_empty()
    });
    let words: Vec<&str> = line.split_whitespace().collect();
    let found = words.windows(2).find(|pair| pair[0] == name);
    found.map_or(0, |pair| pair[1].parse().expect("a number"))
}

/// Gives a daemon another configuration, and waits until it has read it; where its log stood before.
#[track_caller]
pub fn reload(lab: &Lab, host: &str, process: &Process, toml: &str) -> usize {
    lab.file(&format!("{host}.toml"), toml);
    let mark = process.mark();
    process.signal("HUP");
    process.wait_log_after(mark, "reload: ", SOON);
    mark
}
