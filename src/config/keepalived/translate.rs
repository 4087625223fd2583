//! What keepalived makes of values that vipd would not take: harmless ones are put right, as it does,
//! and told.

use super::addresses::{address_words, addresses, default_dev, is_ipv6};
use super::checks::{first_of_a_name, late, tracked};
use super::routes::routes;
use crate::config::error::{quote, Place, Report};
use crate::config::schema;
use crate::config::tree::{Data, Entry, LeftOut, Section, Tree, Value, Word};
use core::time::Duration;

/// The longest password that an advert carries.
const PASSWORD: usize = 8;

/// Puts the values of a tree right.
pub fn translate(tree: &mut Tree, report: &mut Report) {
    let (mut version, mut is_strict) = ("2".to_owned(), false);
    for section in tree.sections.iter_mut().filter(|s| s.keyword.text == "global_defs") {
        globals(section, report);
        version = word_of(section, "vrrp_version").unwrap_or(version);
        is_strict = strict(section, "vrrp_strict").unwrap_or(is_strict);
    }
    first_of_a_name(tree, report);
    late(tree, report);
    for section in tree.sections.iter_mut().filter(|s| s.keyword.text == "vrrp_script") {
        script(section, report);
    }
    for section in tree.sections.iter_mut().filter(|s| s.keyword.text == "track_process") {
        exactly(section);
    }
    let left_out = &mut tree.left_out;
    for section in tree.sections.iter_mut().filter(|s| s.keyword.text == "vrrp_instance") {
        let is_strict = strict(section, "strict_mode").unwrap_or(is_strict);
        instance(section, (&version, is_strict), left_out, report);
    }
    let fixed = tree.sections.iter_mut().filter(|s| s.keyword.text == "static_ipaddress");
    for entry in fixed.flat_map(|section| &mut section.entries) {
        address_words("static_ipaddress", &mut entry.value, left_out, report);
        addresses(&mut entry.value, report);
        default_dev(&mut entry.value, report);
    }
    routes(tree, report);
}

/// The one word behind a keyword.
fn word_of(section: &Section, keyword: &str) -> Option<String> {
    let entry = section.entries.iter().find(|entry| entry.word.text == keyword)?;
    Some(entry.value.word()?.text)
}

fn line(text: &str, place: Place) -> Value {
    Value { data: Data::Line(vec![Word { text: text.into(), place }]), place }
}

/// Whether a flag without a value, or with one, is on.
fn is_on(value: &Value) -> bool {
    value.word().is_none_or(|word| schema::truth(&word.text) != Some(false))
}

/// keepalived takes 1 where 0 makes no sense.
fn one_for_none(section: &mut Section, keyword: &str, report: &mut Report) {
    for entry in section.entries.iter_mut().filter(|entry| entry.word.text == keyword) {
        if schema::time(&entry.value).is_some_and(|time| time.is_zero()) {
            report.warning(entry.value.place, format!("{keyword} 0 is taken for 1"));
            entry.value = line("1", entry.value.place);
        }
    }
}

fn globals(section: &mut Section, report: &mut Report) {
    literally(section, report);
    checksum(section);
    for word in ["vrrp_garp_master_repeat", "vrrp_garp_master_refresh_repeat"] {
        one_for_none(section, word, report);
    }
    let Some(at) = section.entries.iter().position(|entry| entry.word.text == "vrrp_min_garp")
    else {
        return;
    };
    let entry = section.entries.remove(at);
    if !is_on(&entry.value) {
        return;
    }
    for (word, value) in [("vrrp_garp_master_repeat", "1"), ("vrrp_garp_master_delay", "0")] {
        if word_of(section, word).is_none() {
            let word = Word { text: word.into(), place: entry.word.place };
            section.entries.push(Entry { word, value: line(value, entry.word.place) });
        }
    }
}

/// `v3_checksum_as_v2` is one of three ways here.
fn checksum(section: &mut Section) {
    let is = |entry: &Entry| entry.word.text == "v3_checksum_as_v2";
    section.entries.retain(|entry| !is(entry) || is_on(&entry.value));
    for entry in section.entries.iter_mut().filter(|entry| is(entry)) {
        entry.word.text = "v3_checksum".into();
        entry.value = line("rfc9568", entry.word.place);
    }
}

fn script(section: &mut Section, report: &mut Report) {
    literally(section, report);
    for word in ["interval", "timeout"] {
        one_for_none(section, word, report);
    }
}

/// `param_match` alone means exact.
fn exactly(section: &mut Section) {
    for entry in section.entries.iter_mut().filter(|entry| entry.word.text == "param_match") {
        if matches!(&entry.value.data, Data::Line(words) if words.is_empty()) {
            entry.value = line("exact", entry.value.place);
        }
    }
}

fn instance(
    section: &mut Section,
    (global_version, is_strict): (&str, bool),
    left_out: &mut Vec<LeftOut>,
    report: &mut Report,
) {
    literally(section, report);
    checksum(section);
    // Without a script it only chooses a word for the FIFO.
    section.entries.retain(|Entry { word, value }| {
        let bare = matches!(&value.data, Data::Line(words) if words.is_empty());
        !(bare && word.text == "notify_deleted")
    });
    for word in ["garp_master_repeat", "garp_master_refresh_repeat"] {
        one_for_none(section, word, report);
    }
    let version = version(section, global_version, report);
    state(section, report);
    if section.entries.iter().any(|entry| entry.word.text == "auth_hmac") {
        let help = "leave it out";
        no_authentication(section, "there is auth_hmac", help, report);
    }
    if version == "3" {
        let help = match is_ipv6(section) {
            true => "leave it out",
            false => "leave it out, or use version 2",
        };
        no_authentication(section, "VRRPv3 has none", help, report);
        hundredths(section, report);
    } else {
        unknown_type(section, report);
        if is_strict {
            let help = "leave out authentication or vrrp_strict, on all routers";
            no_authentication(section, "keepalived has none with vrrp_strict", help, report);
        }
        match version.as_str() {
            "2+3" => hundredths(section, report),
            _ => whole_seconds(section, report),
        }
    }
    for entry in &mut section.entries {
        match entry.word.text.as_str() {
            "authentication" => password(&mut entry.value, report),
            "virtual_ipaddress" | "virtual_ipaddress_excluded" => {
                address_words("virtual_ipaddress", &mut entry.value, left_out, report);
                addresses(&mut entry.value, report);
            }
            "track_script" | "track_interface" | "track_file" | "track_process" => {
                tracked(&mut entry.value, report)
            }
            _ => {}
        }
    }
}

/// IPv6 has VRRPv3 alone, whatever is asked for.
fn version(section: &mut Section, global: &str, report: &mut Report) -> String {
    if !is_ipv6(section) {
        return word_of(section, "version").unwrap_or_else(|| global.into());
    }
    section.entries.retain(|entry| {
        let word = entry.value.word().filter(|word| word.text == "2");
        let Some(word) = word.filter(|_| entry.word.text == "version") else {
            return true;
        };
        let message = "version 2 is passed over: IPv6 has VRRPv3 alone";
        report.warning(word.place, message).help(
            "a keepalived that is not strict speaks VRRPv2 \
            there with its like: write version 3 on all routers",
        );
        false
    });
    "3".into()
}

/// A state that is none has no effect, as one that is one has none.
fn state(section: &mut Section, report: &mut Report) {
    let is_state = |word: &str| ["MASTER", "BACKUP"].contains(&word);
    let said = word_of(section, "state");
    section.entries.retain(|entry| {
        let word = entry.value.word().filter(|word| !is_state(&word.text));
        let Some(word) = word.filter(|_| entry.word.text == "state") else {
            return true;
        };
        let message = format!("unknown state {}: it is passed over", quote(&word.text));
        report
            .warning(word.place, message)
            .help("MASTER or BACKUP, and neither has an effect: the priority decides");
        false
    });
    let master = said.is_some_and(|state| state == "MASTER");
    if master && word_of(section, "priority").is_none() {
        let place = section.name.as_ref().map_or(section.keyword.place, |name| name.place);
        let message =
            "state MASTER without priority: keepalived takes priority 255 then, and so it \
                       is here";
        report.warning(place, message).help("write a priority");
        let word = Word { text: "priority".into(), place };
        section.entries.push(Entry { word, value: line("255", place) });
    }
}

/// Words that keepalived makes something else of than they say, or nothing. Here they mean what they
/// say, and whoever relies on the rest is told.
fn literally(section: &Section, report: &mut Report) {
    const OFF_IS_ON: [&str; 6] = [
        "accept",
        "no_accept",
        "nopreempt",
        "skip_check_adv_addr",
        "vrrp_skip_check_adv_addr",
        "v3_checksum_as_v2",
    ];
    let master = word_of(section, "state").is_some_and(|state| state == "MASTER");
    let owner = word_of(section, "priority").is_some_and(|priority| priority == "255");
    for Entry { word, value } in &section.entries {
        let message = match word.text.as_str() {
            off if OFF_IS_ON.contains(&off) && !is_on(value) => {
                format!("keepalived takes even this for {off}: here it means what it says")
            }
            "nopreempt" if owner => {
                "nopreempt has no effect with priority 255: an owner takes its \
                                     addresses back"
                    .into()
            }
            "nopreempt" if master => "keepalived drops nopreempt where state is MASTER: here it \
                                      holds, this router does not take over from one of lower \
                                      priority"
                .into(),
            "init_fail" if is_on(value) => "init_fail is without effect in keepalived: here the \
                                            check has failed until it first succeeds"
                .into(),
            _ => continue,
        };
        report.warning(word.place, message);
    }
}

/// A type that is none is no authentication: it must be that on all routers or on none.
fn unknown_type(section: &mut Section, report: &mut Report) {
    section.entries.retain(|entry| {
        let Data::Table(entries) = &entry.value.data else {
            return true;
        };
        let mut types = entries.iter().filter(|entry| entry.word.text == "auth_type");
        let unknown = types.find_map(|entry| {
            entry.value.word().filter(|word| !["PASS", "AH"].contains(&word.text.as_str()))
        });
        let Some(word) = unknown.filter(|_| entry.word.text == "authentication") else {
            return true;
        };
        let message =
            format!("unknown auth_type {}: there is no authentication", quote(&word.text));
        report
            .warning(word.place, message)
            .help("keepalived does the same. It knows PASS; write it so, on all routers at once");
        false
    });
}

/// Whether keepalived is told to be strict. What little that means here is done at once.
fn strict(section: &Section, word: &str) -> Option<bool> {
    section.entries.iter().find(|entry| entry.word.text == word).map(|entry| is_on(&entry.value))
}

/// Adverts must carry what those of the others carry: where keepalived passes a password over, none.
fn no_authentication(section: &mut Section, reason: &str, help: &str, report: &mut Report) {
    section.entries.retain(|entry| {
        if entry.word.text != "authentication" {
            return true;
        }
        report
            .warning(entry.word.place, format!("authentication is passed over: {reason}"))
            .help(help);
        false
    });
}

/// VRRPv2 counts in whole seconds, and keepalived rounds.
fn whole_seconds(section: &mut Section, report: &mut Report) {
    for entry in section.entries.iter_mut().filter(|entry| entry.word.text == "advert_int") {
        let Some((word, time)) = entry.value.word().zip(schema::time(&entry.value)) else {
            continue;
        };
        if time.subsec_nanos() != 0 && time.as_secs() < 255 {
            let up = u64::from(time.subsec_nanos() >= 500_000_000);
            let rounded = (time.as_secs() + up).max(1);
            let message = format!(
                "advert_int {} is taken for {rounded}: VRRPv2 counts in whole seconds",
                word.text
            );
            report.warning(word.place, message).help("version 3 allows hundredths of a second");
            entry.value = line(&rounded.to_string(), entry.value.place);
        }
    }
}

/// VRRPv3 counts in hundredths of a second, and keepalived rounds.
fn hundredths(section: &mut Section, report: &mut Report) {
    const LEAST: Duration = Duration::from_millis(10);
    const MOST: Duration = Duration::from_millis(40_955);
    for entry in section.entries.iter_mut().filter(|entry| entry.word.text == "advert_int") {
        let Some((word, time)) = entry.value.word().zip(schema::time(&entry.value)) else {
            continue;
        };
        if time.subsec_nanos() % 10_000_000 != 0 && (LEAST..MOST).contains(&time) {
            let count = (time.as_micros() + 5000) / 10_000;
            let rounded = format!("{}.{:02}", count / 100, count % 100);
            let message = format!(
                "advert_int {} is taken for {rounded}: VRRPv3 counts in hundredths of a second",
                word.text
            );
            report.warning(word.place, message);
            entry.value = line(&rounded, entry.value.place);
        }
    }
}

fn password(value: &mut Value, report: &mut Report) {
    let Data::Table(entries) = &mut value.data else {
        return;
    };
    for entry in entries.iter_mut().filter(|entry| entry.word.text == "auth_pass") {
        let Some(word) = entry.value.word().filter(|word| word.text.len() > PASSWORD) else {
            continue;
        };
        let message =
            format!("auth_pass has {} bytes: the first {PASSWORD} count", word.text.len());
        report
            .warning(word.place, message)
            .secret(true)
            .help("keepalived does the same: shorten it, here and on all other routers");
        // Half a letter cannot be said here: the schema cuts it.
        if let Some(text) = word.text.get(..PASSWORD) {
            entry.value = line(text, entry.value.place);
        }
    }
}
