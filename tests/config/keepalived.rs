//! What becomes of a `keepalived.conf`: for each `keepalived/NAME.conf` the configuration, and below it
//! what is said, are compared with `NAME.snapshot`. `UPDATE=1` writes them anew; read the difference,
//! line by line, against what keepalived would do.

use super::root;
use std::fmt::Write;
use std::fs;
use std::path::Path;
use std::time::Duration;
use vipd::config::{
    read, Command, CommandLine, Config, Format, GlobalDefs, NoAcceptFailure, Notify, Reading,
    ScriptUser,
};
use vipd::config::{
    TrackScript, V3Checksum, VipConflict, VirtualIpAddress, VrrpInstance, VrrpScript,
};
use vipd::vrrp::tracker::Weight;
use vipd::wire::{Priority, Version};

/// A configuration as lines: everything that is set, defaults only where they are an answer to the
/// question what was understood.
#[derive(Default)]
struct Dump(String);

impl Dump {
    fn line(&mut self, text: &str) {
        self.0.push_str(text);
        self.0.push('\n');
    }

    fn word(&mut self, word: &str, value: &str) {
        // Writing to a String cannot fail.
        let _ = writeln!(self.0, "    {word} {value}");
    }

    fn flag(&mut self, word: &str, is: bool) {
        if is {
            self.word(word, "true");
        }
    }

    fn time(&mut self, word: &str, time: Duration, default: Duration) {
        if time != default {
            self.word(word, &format!("{time:?}"));
        }
    }

    fn number(&mut self, word: &str, number: u32, default: u32) {
        if number != default {
            self.word(word, &number.to_string());
        }
    }

    fn user(&mut self, word: &str, user: &Option<ScriptUser>) {
        if let Some(ScriptUser { user, group, place: _ }) = user {
            let group = group.as_ref().map(|group| format!(" {group:?}"));
            self.word(word, &format!("{user:?}{}", group.unwrap_or_default()));
        }
    }

    fn command(&mut self, word: &str, command: &Command) {
        let Command { line, user, place: _ } = command;
        match line {
            CommandLine::Text(text) => self.word(word, &format!("{text:?}")),
            CommandLine::Words(words) => self.word(word, &format!("{words:?}")),
        }
        self.user(&format!("{word}, as"), user);
    }

    fn globals(&mut self, globals: &GlobalDefs) {
        let GlobalDefs { router_id, script_user, no_accept_failure, .. } = globals;
        let GlobalDefs { vrrp_startup_delay, vrrp_delay_after_boot, .. } = globals;
        self.time("vrrp_startup_delay", *vrrp_startup_delay, Duration::ZERO);
        self.time("vrrp_delay_after_boot", *vrrp_delay_after_boot, Duration::ZERO);
        self.line("global_defs");
        if let Some(name) = router_id {
            self.word("router_id", &format!("{name:?}"));
        }
        self.user("script_user", script_user);
        self.flag("no_accept_failure fault", *no_accept_failure == NoAcceptFailure::Fault);
    }

    fn script(&mut self, it: &VrrpScript) {
        let VrrpScript { name, place: _, script, interval, timeout, weight, rise, fall, .. } = it;
        let VrrpScript { user, init_fail, only_while, start_delay, fault_hold, .. } = it;
        self.line(&format!("vrrp_script {name:?}"));
        self.command("script", script);
        self.user("user", user);
        self.time("interval", *interval, Duration::ZERO);
        self.time("timeout", *timeout, *interval);
        self.weight("weight", weight);
        self.number("rise", *rise, 1);
        self.number("fall", *fall, 1);
        self.flag("init_fail", *init_fail);
        if let Some(state) = only_while {
            self.word("only_while", state.as_str());
        }
        self.time("start_delay", *start_delay, *interval);
        self.time("fault_hold", *fault_hold, Duration::from_secs(60));
    }

    fn weight(&mut self, word: &str, weight: &Weight) {
        if *weight != Weight::default() {
            let reverse = if weight.reverse() { " reverse" } else { "" };
            self.word(word, &format!("{}{reverse}", weight.value()));
        }
    }

    fn instance(&mut self, it: &VrrpInstance, scripts: &[VrrpScript]) {
        let VrrpInstance { name, place: _, interface, interface_place: _, .. } = it;
        let VrrpInstance { virtual_router_id, priority: Priority(priority), version, .. } = it;
        let VrrpInstance { advert_int, nopreempt, fast_handover, skip_check_adv_addr, .. } = it;
        let VrrpInstance { v3_checksum, auth_pass, virtual_ipaddress, track_script, .. } = it;
        self.line(&format!("vrrp_instance {name:?}"));
        self.word("interface", interface);
        self.word("virtual_router_id", &virtual_router_id.get().to_string());
        self.word("priority", &priority.to_string());
        self.word("version", if *version == Version::V2 { "2" } else { "3" });
        let centiseconds = u64::from(advert_int.centiseconds());
        self.word("advert_int", &format!("{:?}", Duration::from_millis(10 * centiseconds)));
        self.flag("nopreempt", *nopreempt);
        self.flag("no_accept", !it.accept);
        if let Some(vip_lease) = it.vip_lease {
            self.word("vip_lease", &format!("{vip_lease:?}"));
        }
        if !fast_handover {
            self.word("fast_handover", "false");
        }
        self.flag("skip_check_adv_addr", *skip_check_adv_addr);
        if it.vip_conflict != VipConflict::Detect {
            self.word("vip_conflict", &format!("{:?}", it.vip_conflict));
        }
        if *v3_checksum != V3Checksum::Auto {
            self.word("v3_checksum", &format!("{v3_checksum:?}"));
        }
        if let Some(password) = auth_pass {
            self.word("auth_pass", &password.escape_ascii().to_string());
        }
        for vip in virtual_ipaddress {
            self.address("virtual_ipaddress", vip);
        }
        for vip in &it.virtual_ipaddress_excluded {
            self.address("virtual_ipaddress_excluded", vip);
        }
        for route in &it.virtual_routes {
            self.word("virtual_routes", &route.line.text);
        }
        for rule in &it.virtual_rules {
            self.word("virtual_rules", &rule.line.text);
        }
        for TrackScript { script, weight, place: _ } in track_script {
            self.word("track_script", &format!("{:?}", scripts[*script].name));
            self.weight("track_script, with weight", weight);
        }
        self.announcements(it);
        self.others(it);
        self.notifications(&it.notify);
    }

    fn address(&mut self, list: &str, vip: &VirtualIpAddress) {
        let VirtualIpAddress { address, prefix_len, dev, dev_place: _, .. } = vip;
        let VirtualIpAddress { label, brd, scope, place: _, .. } = vip;
        let mut text = format!("{address}/{prefix_len}");
        let words = [
            ("dev", dev.clone()),
            ("label", label.clone()),
            ("brd", brd.map(|brd| brd.to_string())),
            ("scope", (*scope != 0).then(|| scope.to_string())),
        ];
        for (word, value) in words.iter().filter_map(|(word, it)| it.as_ref().map(|it| (word, it)))
        {
            let _ = write!(text, " {word} {value}");
        }
        self.word(list, &text);
    }

    fn announcements(&mut self, it: &VrrpInstance) {
        let VrrpInstance { garp_master_delay, garp_master_repeat, .. } = it;
        let VrrpInstance { garp_master_refresh, garp_master_refresh_repeat, .. } = it;
        let VrrpInstance { garp_lower_prio_delay, garp_lower_prio_repeat, .. } = it;
        self.time("garp_master_delay", *garp_master_delay, Duration::from_secs(5));
        self.number("garp_master_repeat", (*garp_master_repeat).into(), 5);
        self.time("garp_master_refresh", *garp_master_refresh, Duration::ZERO);
        self.number("garp_master_refresh_repeat", (*garp_master_refresh_repeat).into(), 1);
        self.time("garp_lower_prio_delay", *garp_lower_prio_delay, *garp_master_delay);
        let (repeat, default) = (*garp_lower_prio_repeat, *garp_master_repeat);
        self.number("garp_lower_prio_repeat", repeat.into(), default.into());
    }

    /// Whatever was said of a group of words, as Rust shows it.
    fn others(&mut self, it: &VrrpInstance) {
        let VrrpInstance { election, transport, dont_track_primary, track, .. } = it;
        if *election != Default::default() {
            self.word("election", &format!("{election:?}"));
        }
        if *transport != Default::default() {
            self.word("transport", &format!("{transport:?}"));
        }
        self.flag("dont_track_primary", *dont_track_primary);
        for track in track {
            self.word("track", &format!("{:?}", track.tracked));
            self.weight("track, with weight", &track.weight);
        }
    }

    fn notifications(&mut self, it: &Notify) {
        let Notify { notify_master, notify_backup, notify_fault, notify_stop, .. } = it;
        let Notify { notify, notify_timeout, .. } = it;
        for (word, command) in [
            ("notify_master", notify_master),
            ("notify_backup", notify_backup),
            ("notify_fault", notify_fault),
            ("notify_stop", notify_stop),
            ("notify", notify),
        ] {
            if let Some(command) = command {
                self.command(word, command);
            }
        }
        self.time("notify_timeout", *notify_timeout, Duration::from_secs(60));
    }

    fn config(&mut self, config: &Config) {
        let Config { global_defs, vrrp_script, vrrp_instance, vrrp_sync_group, .. } = config;
        self.globals(global_defs);
        vrrp_script.iter().for_each(|script| self.script(script));
        vrrp_instance.iter().for_each(|instance| self.instance(instance, vrrp_script));
        for vip in &config.static_ipaddress {
            self.address("static_ipaddress", vip);
        }
        for route in &config.static_routes {
            self.word("static_routes", &route.line.text);
        }
        for rule in &config.static_rules {
            self.word("static_rules", &rule.line.text);
        }
        for group in vrrp_sync_group {
            self.line(&format!("vrrp_sync_group {:?}", group.name));
            for member in &group.group {
                self.word("group", &vrrp_instance[*member].name);
            }
            self.notifications(&group.notify);
        }
    }
}

fn differs(path: &Path) -> Option<String> {
    let bytes = fs::read(path).unwrap();
    let how = Reading { config_id: "main", ..Reading::strict(Format::Keepalived) };
    let (config, report) = read(path.to_str().unwrap(), &bytes, &how, &|_, _| {});
    let mut dump = Dump::default();
    match config {
        Some(config) => dump.config(&config),
        None => dump.line("refused"),
    }
    dump.line("");
    let folder = format!("{}/", path.parent().unwrap().display());
    dump.0.push_str(&report.to_string().replace(&folder, ""));
    let expected = path.with_extension("snapshot");
    if std::env::var_os("UPDATE").is_some() {
        fs::write(&expected, &dump.0).unwrap();
    }
    let name = path.file_name().unwrap().to_str().unwrap();
    let expected = fs::read_to_string(&expected).unwrap_or_default();
    (dump.0 != expected)
        .then(|| format!("--- {name}, expected:\n{expected}--- but was:\n{}", dump.0))
}

#[test]
fn a_keepalived_conf_becomes_what_keepalived_would_make_of_it() {
    let entries = fs::read_dir(root().join("tests/config/keepalived")).unwrap();
    let mut paths: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "conf"));
    paths.sort();
    assert!(paths.len() >= 12, "only {} files", paths.len());
    let differences: Vec<_> = paths.iter().filter_map(|path| differs(path)).collect();
    assert!(differences.is_empty(), "{}", differences.join("\n"));
}
