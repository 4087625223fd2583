//! Real users' files: what vipd says of each, beside what keepalived says of it.
//!
//! They are third-party data and stay outside of the repository. The files are those of the folder
//! `CORPUS`, by default `../shared/corpus/open`; beside a folder `NAME` stands `oracle-NAME.tsv`,
//! which holds for each file its name, the exit status of `keepalived -t`, and what that printed,
//! with ` | ` between the messages. Where there is no folder, there is no test.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;
use vipd::config::dialect::known;
use vipd::config::error::{Problem, Report, Severity};
use vipd::config::{read, read_tree, Format, Reading};

/// A file is read in this time, whatever is in it.
const DEADLINE: Duration = Duration::from_secs(5);

/// What keepalived complains of and vipd need not, with the reason.
const NOT_OURS: &[(&str, &str)] = &[
    ("SECURITY VIOLATION", "scripts of root are always checked, by vipd -t"),
    ("since not found/accessible", "whether a script is there is told by vipd -t"),
    ("due to insecure", "whether a script is safe is told by vipd -t"),
    ("Unable to set default user", "the user of scripts is looked for by vipd -t"),
    ("uid/gid", "the user of scripts is looked for by vipd -t"),
    ("doesn't exist", "whether an interface is there is told by vipd -t"),
    ("realpath() error", "whether the folder of a file is there is told by vipd -t"),
    ("specified for up/down delay", "whether an interface is there is told by vipd -t"),
    ("Non-existent interface", "an interface that is missing is waited for"),
    ("unicast with use_vmac requires", "unicast leaves through the interface itself, always"),
    ("is not a private macvlan", "what has the name of a virtual MAC address is found out at work"),
];

/// Complaints that vipd has in another place, or of what they come from: words of keepalived's
/// message, and words of ours one of which must be there for it.
const ELSEWHERE: &[(&str, &[&str])] = &[
    ("No VIP specified", &["has no virtual_ipaddress", "virtual_ipaddress is empty", "IP address"]),
    ("No script set for", &["has no script"]),
    ("track script", &["has no script"]),
    ("No file set for track_file", &["has no file"]),
    ("track file", &["has no file"]),
    ("with weights due to address_owner", &["255 is never moved"]),
    ("with weights due to SYNC group", &["vrrp_sync_group"]),
    ("nopreempt will not work", &["nopreempt"]),
    ("preempt delay will not work", &["preempt_delay"]),
    ("since own interface", &["track_interface"]),
    ("track_interface", &["track_interface"]),
    ("Sync group", &["vrrp_sync_group", "there is no vrrp_instance"]),
    ("sync group", &["vrrp_sync_group"]),
    ("Strict mode", &["vrrp_strict", "strict_mode"]),
    ("strict mode", &["vrrp_strict", "strict_mode"]),
    ("State MASTER must match", &["vrrp_strict", "strict_mode"]),
    ("no password given", &["has no auth_pass"]),
    ("does not support authentication", &["VRRPv3 has none"]),
    ("embedded NULs", &["null byte", "UTF-16"]),
    ("Unknown interface", &["has no interface", "interface must be"]),
    ("AH authentication", &["auth_type AH"]),
    ("A unicast keyword", &["unicast_src_ip", "unicast_peer", "unicast_ttl"]),
    ("Unicast instances", &["has no interface"]),
    ("promote_secondaries", &["promote_secondaries"]),
    ("unknown state", &["state is there twice"]),
    ("virtual router id must be set", &["has no virtual_router_id", "virtual_router_id must"]),
    ("both use VRID", &["virtual_router_id"]),
    ("irtual server", &["virtual_server"]),
    ("quorum", &["virtual_server"]),
    ("missing '}'s", &["} is missing", "no { for this }"]),
    ("Unknown keyword", &["keepalived ends the definition"]),
    ("Truncating auth_pass", &["there is no authentication"]),
];

/// The same where keepalived names a line with `$NAME` or `~SEQ`, and vipd the one that is meant.
const DEFINED: &[(&str, &[&str])] = &[
    ("invalid number '$", &["nothing is defined for \"$"]),
    ("Priority not valid", &["priority must be"]),
    ("parsed invalid IP", &["is no IP address", "IPv6"]),
    ("Truncating auth_pass", &["auth_pass has"]),
    ("BFD instance", &["bfd_instance"]),
    ("track file", &["track_file"]),
];

/// What tells that keepalived misread a brace.
const ASTRAY: &[&str] = &["Unexpected '{'", "Extra '}'", "missing '}'s"];
/// What follows from that.
const FOLLOWS: &[&str] =
    &["No VIP specified", "router id must be set", "both use VRID", "resetting nopreempt"];

/// What may be said of the file as a whole.
const WHOLE: &[&str] = &["there is no vrrp_instance", "this is UTF-16"];

/// What keeps a file from being used, even leniently, that keepalived would run with.
const NEVER: &[(&str, &str)] = &[
    ("this is UTF-16", "nothing of it can be read, and keepalived runs with nothing, too"),
    (
        "auth_pass",
        "without the password the others discard our adverts: there would be two MASTERs",
    ),
    ("script_user", "the script would run as somebody else"),
    ("user", "the script would run as somebody else"),
];

/// What keepalived takes and vipd refuses, if not leniently.
const ODD: &[(&str, &str)] =
    &[("is not UTF-8", "what a broken letter in a command or a password means is not known")];

struct File {
    name: String,
    bytes: Vec<u8>,
    /// The exit status of keepalived.
    exit: String,
    messages: Vec<String>,
}

impl File {
    /// Whether keepalived would run with it.
    fn runs(&self) -> bool {
        matches!(self.exit.as_str(), "0" | "5" | "6")
    }

    /// What keepalived complains of in the file itself.
    fn complaints(&self) -> impl Iterator<Item = &String> {
        let ours = |text: &&String| !NOT_OURS.iter().any(|(words, _)| text.contains(words));
        self.messages.iter().filter(ours).filter(|text| !self.has_removed(text))
    }

    /// Whether a script is not found because nobody is there to run it.
    fn has_removed(&self, message: &str) -> bool {
        let name = message.split_once("track script ").and_then(|it| it.1.split_once(' '));
        let removed = |name: &str| format!("vrrp script {name} - removing");
        let nobody = |text: &String| text.contains("Unable to set uid/gid for script");
        let told = |name: &str| self.messages.iter().any(|it| it.contains(&removed(name)));
        name.is_some_and(|it| told(it.0) || self.messages.iter().any(nobody))
    }
}

/// What vipd made of a file.
#[derive(Default)]
struct Outcome {
    accepted: bool,
    shown: String,
    problems: Vec<Said>,
    /// Lines of statements that were left out, with their blocks.
    left_out: Vec<(usize, usize)>,
}

impl Outcome {
    /// Whether every error is one of these.
    fn is_refused_for(&self, reasons: &[(&str, &str)]) -> bool {
        let mut errors = self.problems.iter().filter(|it| it.error);
        !self.accepted && errors.all(|it| reasons.iter().any(|(text, _)| it.text.contains(text)))
    }
}

struct Said {
    error: bool,
    /// Of the file itself; `None` if it is about the file as a whole.
    line: Option<usize>,
    text: String,
}

fn folder() -> PathBuf {
    let beside = || Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/corpus/open");
    std::env::var_os("CORPUS").map_or_else(beside, PathBuf::from)
}

/// The files with what keepalived says of them; `None` if there are none here.
fn files() -> Option<Vec<File>> {
    let folder = folder();
    if !folder.is_dir() {
        assert!(std::env::var_os("CORPUS").is_none(), "no folder {}", folder.display());
        println!("skipped: there is no folder {}", folder.display());
        return None;
    }
    let name = folder.file_name()?.to_str()?;
    let oracle = folder.with_file_name(format!("oracle-{name}.tsv"));
    let said = fs::read_to_string(&oracle).unwrap_or_else(|e| panic!("{}: {e}", oracle.display()));
    let file = |line: &str| {
        let mut parts = line.split('\t');
        let name = parts.next().unwrap_or_default().to_owned();
        let exit = parts.next().unwrap_or_default().to_owned();
        let messages = parts.next().unwrap_or_default().split(" | ").map(str::trim);
        let messages = messages.filter(|text| !text.is_empty()).map(str::to_owned).collect();
        let bytes = fs::read(folder.join(&name)).unwrap_or_else(|e| panic!("{name}: {e}"));
        File { name, bytes, exit, messages }
    };
    let files: Vec<_> = said.lines().filter(|line| !line.is_empty()).map(file).collect();
    assert!(files.len() >= 20, "only {} files", files.len());
    Some(files)
}

/// Reads a file, in time.
fn outcome(file: &File, lenient: bool) -> Outcome {
    let (done, result) = mpsc::channel();
    let (path, bytes) = (folder().join(&file.name).display().to_string(), file.bytes.clone());
    thread::spawn(move || {
        let how = Reading { lenient, config_id: "test", ..Reading::strict(Format::Keepalived) };
        let (config, report) = read(&path, &bytes, &how, &|_, _| {});
        let (tree, _) = read_tree(&path, &bytes, &how);
        let left_out = tree.iter().flat_map(|tree| &tree.left_out);
        let lines = |start: usize| block(&String::from_utf8_lossy(&bytes), start);
        let outcome = Outcome {
            accepted: config.is_some(),
            shown: report.to_string(),
            problems: report
                .errors()
                .chain(report.warnings())
                .map(|it| said(it, &report))
                .collect(),
            left_out: left_out.map(|it| lines(it.place.start())).collect(),
        };
        let _ = done.send(outcome);
    });
    result.recv_timeout(DEADLINE).unwrap_or_else(|_| panic!("{} takes too long", file.name))
}

fn said(problem: &Problem, report: &Report) -> Said {
    let (line, _) = report.line_and_column(problem.place);
    let whole = problem.place.is_empty() && problem.place.start() == 0;
    let text = format!("{} {}", problem.message, problem.help);
    Said { error: problem.severity == Severity::Error, line: (!whole).then_some(line), text }
}

/// The first and the last line of the statement that begins there.
fn block(text: &str, start: usize) -> (usize, usize) {
    let number = |at: usize| 1 + text.get(..at).unwrap_or(text).matches('\n').count();
    let (mut depth, mut quoted, mut comment) = (0, false, false);
    let mut end = text.len();
    for (at, char) in text.char_indices().skip_while(|(at, _)| *at < start) {
        match char {
            '\n' if depth == 0 && !text[at..].trim_start().starts_with('{') => {
                end = at;
                break;
            }
            '\n' => (quoted, comment) = (false, false),
            _ if comment => {}
            '"' => quoted = !quoted,
            '#' | '!' if !quoted => comment = true,
            '{' if !quoted => depth += 1,
            '}' if !quoted => {
                depth -= 1;
                if depth <= 0 {
                    end = at;
                    break;
                }
            }
            _ => {}
        }
    }
    (number(start), number(end))
}

/// The line that a message of keepalived names.
fn line(message: &str) -> Option<usize> {
    message.split_once("Line ")?.1.split_once(')')?.0.parse().ok()
}

/// Whether vipd complains of what keepalived complains of.
fn is_answered(message: &str, text: &str, ours: &Outcome) -> bool {
    let there = |line: usize| {
        ours.problems.iter().any(|it| it.line == Some(line))
            || ours.left_out.iter().any(|(first, last)| (*first..=*last).contains(&line))
    };
    let elsewhere = |needles: &[&str]| {
        needles.iter().any(|needle| ours.problems.iter().any(|it| it.text.contains(needle)))
    };
    let by = |table: &[(&str, &[&str])]| {
        table.iter().any(|(words, needles)| message.contains(words) && elsewhere(needles))
    };
    line(message).is_some_and(there) || by(ELSEWHERE) || (text.contains(['$', '~']) && by(DEFINED))
}

/// Whether a message follows from a brace that keepalived misread, and is not of a word that nobody
/// knows.
fn follows(message: &str, line: &str, text: &str) -> bool {
    let Some((_, behind)) = message.split_once("Unknown keyword '") else {
        return ASTRAY.iter().chain(FOLLOWS).any(|words| message.contains(words));
    };
    let word = behind.split_once('\'').map_or(behind, |it| it.0);
    let keyword = |char: char| char.is_ascii_lowercase() || char == '_';
    !word.chars().all(keyword)
        || line.split_whitespace().next() != Some(word)
        || known().any(|row| row.word == word)
        || text.contains(&format!("vrrp_script {word} "))
}

/// What keepalived complains of and vipd does not.
fn untold(file: &File, ours: &Outcome) -> Vec<String> {
    let text = String::from_utf8_lossy(&file.bytes);
    let mut untold = Vec::new();
    let astray = |text: &String| ASTRAY.iter().any(|words| text.contains(words));
    let astray = file.complaints().any(astray);
    // What follows from a fault is excused if that is told.
    let mut told = false;
    for message in file.complaints() {
        let number = line(message).unwrap_or_default().wrapping_sub(1);
        let line = text.lines().nth(number).unwrap_or_default().trim();
        let answered = is_answered(message, line, ours);
        told |= answered;
        let excused = astray && told && follows(message, line, &text);
        if !answered && !excused {
            untold.push(format!("{message} [{line}]"));
        }
    }
    untold
}

/// The passwords of a file that stand nowhere else in it.
fn passwords(text: &str) -> Vec<String> {
    let (with, without): (Vec<_>, Vec<_>) =
        text.lines().partition(|line| line.contains("auth_pass"));
    let others = without.join("\n");
    let value = |line: &&str| {
        let behind = line.split_once("auth_pass").map(|it| it.1).unwrap_or_default();
        Some(behind.split_whitespace().next()?.trim_matches(['"', ';']).to_owned())
    };
    let values = with.iter().filter_map(value);
    values.filter(|it| it.len() > 3 && !others.contains(it.as_str())).collect()
}

#[test]
fn real_files_are_read_as_keepalived_reads_them() {
    let Some(files) = files() else {
        return;
    };
    let mut figures: BTreeMap<&str, usize> = BTreeMap::new();
    let mut wrong = Vec::new();
    for file in &files {
        let [strict, lenient] = [false, true].map(|lenient| outcome(file, lenient));
        let mut count = |what| *figures.entry(what).or_default() += 1;
        let clean = file.runs() && file.complaints().next().is_none();
        count(match (clean, file.runs(), strict.accepted) {
            (true, _, true) => "keepalived is content: accepted",
            (true, _, false) => "keepalived is content: refused",
            (_, true, true) => "keepalived complains: accepted",
            (_, true, false) => "keepalived complains: refused",
            (_, false, true) => "keepalived does not run: accepted",
            (_, false, false) => "keepalived does not run: refused",
        });
        count(if lenient.accepted { "leniently accepted" } else { "leniently refused" });
        let mut complain = |what: String| wrong.push(format!("{}: {what}", file.name));
        if clean && !strict.is_refused_for(ODD) && !strict.accepted {
            complain(format!("is refused:\n{}", strict.shown));
        }
        if file.runs() && !lenient.is_refused_for(NEVER) && !lenient.accepted {
            complain(format!("is refused leniently:\n{}", lenient.shown));
        }
        for message in untold(file, &strict) {
            complain(format!("not told: {message}"));
        }
        check_form(file, &strict, &mut complain);
        check_form(file, &lenient, &mut complain);
    }
    for (what, count) in figures {
        println!("{count:4} {what}");
    }
    assert!(wrong.is_empty(), "{} differences\n{}", wrong.len(), wrong.join("\n"));
}

/// Places and passwords.
fn check_form(file: &File, ours: &Outcome, complain: &mut impl FnMut(String)) {
    for said in ours.problems.iter().filter(|said| said.line.is_none()) {
        if !WHOLE.iter().any(|text| said.text.starts_with(text)) {
            complain(format!("has no place: {}", said.text));
        }
    }
    if ours.accepted && ours.problems.iter().any(|said| said.error) {
        complain("is accepted with an error".into());
    }
    for password in passwords(&String::from_utf8_lossy(&file.bytes)) {
        if ours
            .shown
            .replace(&folder().join(&file.name).display().to_string(), "")
            .contains(&password)
        {
            complain(format!("the password {password} is shown"));
        }
    }
}
