//! Every word that a file of keepalived may hold, and what vipd makes of it: the tables behind
//! `vipd.keepalived(5)`.
//!
//! That is release 2.4.3 with all that can be built into it, and words of older releases that are
//! still found in files. A `virtual_server` and what else balances load is skipped as a whole, so
//! what stands inside is not listed.

/// A table: the section, and `"word" Form Support, note;` for each word.
macro_rules! rows {
    ($section:literal: $($word:literal $form:ident $support:expr, $note:expr;)*) => {
        $crate::config::dialect::Table {
            section: $section,
            cells: &[$($crate::config::dialect::Cell {
                word: $word,
                note: $note,
                form: $crate::config::dialect::Form::$form,
                support: $support,
            }),*],
        }
    };
}

mod global_defs;
mod instance;
mod outermost;
mod rest;
mod routes;

use Support::{Differs, Ignored, Later, Refused, Renamed, Same};

/// What vipd makes of a word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Support {
    /// It means what it means to keepalived.
    Same,
    /// It is there, and something about it is different: the note says what.
    Differs,
    /// An old word for the one of the same section that the note is, which means the same. What
    /// stands in it, if it is a section, is listed there.
    Renamed,
    /// Not supported yet: the note says what that means.
    Later,
    /// Taken, and nothing is done: the note says what is not done, or why nothing has to be.
    Ignored,
    /// An error: the note says why.
    Refused,
}

impl Support {
    /// What the manual calls it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Same => "same",
            Differs => "differs",
            Renamed => "renamed",
            Later => "later",
            Ignored => "ignored",
            Refused => "refused",
        }
    }
}

/// How a word is written in `keepalived.conf`. What is in braces behind a word that comes later or
/// is ignored is not read at all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// `word VALUE...`
    Line,
    /// `word "COMMAND" [USER [GROUP]]`: with quotes and escapes as a shell has them.
    Command,
    /// `word { ... }`, with lines that begin with no keyword.
    List,
    /// `word { ... }`, with lines that begin with a keyword of the section of that name.
    Table,
    /// The same at the outermost level.
    Section,
    /// `word NAME { ... }` at the outermost level.
    NamedSection,
}

/// A word.
#[derive(Clone, Copy, Debug)]
pub struct Row {
    /// The section, table or list it stands in; empty for the outermost level.
    pub section: &'static str,
    /// How it is written.
    pub word: &'static str,
    /// What follows it.
    pub form: Form,
    /// What vipd makes of it.
    pub support: Support,
    /// What is different, what is missing, or why; may be empty. It ends a message behind a colon.
    pub note: &'static str,
}

/// The words of a section, as they are kept: a pointer costs more than what it points at.
struct Table {
    section: &'static str,
    cells: &'static [Cell],
}

/// A [`Row`] without its section.
struct Cell {
    word: &'static str,
    note: &'static str,
    form: Form,
    support: Support,
}

impl Table {
    fn row(&self, cell: &Cell) -> Row {
        let Cell { word, note, form, support } = *cell;
        Row { section: self.section, word, form, support, note }
    }

    fn rows(&'static self) -> impl Iterator<Item = Row> {
        self.cells.iter().map(|cell| self.row(cell))
    }

    fn find(&self, section: &str, word: &str) -> Option<Row> {
        let cells = if self.section == section { self.cells } else { &[] };
        cells.iter().find(|cell| cell.word == word).map(|cell| self.row(cell))
    }
}

// Notes that several tables need.
const BFD: &str = "vipd runs no BFD; a check script can ask a daemon that does";
const BUFFERS: &str = "vipd chooses the size of its buffers itself";
const CHECKSUM: &str =
    "it becomes v3_checksum = \"rfc9568\"; what is received is verified in both \
     forms all the same";
const EXTRA: &str = "all addresses of an instance are announced that has one on another interface";
const IPVS: &str = "vipd balances no load";
const LINKBEAT: &str = "it is not needed, the kernel tells when a link comes and goes";
const LIST: &str = "off means off; without it VRRPv2 discards adverts with other addresses than \
                    ours, where keepalived warns";
const MAIL: &str = "vipd sends no mail; a notify script can";
const OWNER: &str = "in VRRPv2 an owner ignores adverts in any case; off means off";
const PACE: &str = "announcements follow each other without a pause";
const STATIC: &str = "no instance depends on what is static";
const STRICT: &str = "nothing is changed because of it: what departs from the RFCs is warned of";
const UNICAST: &str = "it is on unless it says off: only peers are heeded";
const WEIGHT: &str =
    "a MASTER advertises its new priority at once, and a better BACKUP then waits \
     for its skew time alone";

/// Words of vipd alone that are yet to come.
const COMING: &[Table] = &[rows! { "global_defs":
    "net_namespace"      Line           Later, "start vipd in the namespace instead";
    "instance"           Line           Later,
        "give each vipd a run directory of its own: vipd -r";
    "use_pid_dir"        Line           Later,
        "give each vipd a run directory of its own: vipd -r";
}];

/// Words of vipd alone, which `keepalived.conf` may hold as well.
const OWN: &[Table] = &[
    rows! { "":
        "track_route"        NamedSection   Same, "";
        "track_tcp"          NamedSection   Same, "";
        "track_ping"         NamedSection   Same, "";
    },
    rows! { "track_process":
        "interval"           Line           Same, "";
    },
    rows! { "track_route":
        "to"                 Line           Same, "";
        "table"              Line           Same, "";
        "via"                Line           Same, "";
        "dev"                Line           Same, "";
        "weight"             Line           Same, "";
    },
    rows! { "track_tcp":
        "connect"            Line           Same, "";
        "source"             Line           Same, "";
        "dev"                Line           Same, "";
        "interval"           Line           Same, "";
        "timeout"            Line           Same, "";
        "fall"               Line           Same, "";
        "rise"               Line           Same, "";
        "weight"             Line           Same, "";
    },
    rows! { "track_ping":
        "host"               Line           Same, "";
        "dev"                Line           Same, "";
        "interval"           Line           Same, "";
        "timeout"            Line           Same, "";
        "fall"               Line           Same, "";
        "rise"               Line           Same, "";
        "weight"             Line           Same, "";
    },
    rows! { "global_defs":
        "v3_checksum"        Line           Same, "";
        "fast_handover"      Line           Same, "";
        "notify_timeout"     Line           Same, "";
        "notify_pre_timeout" Line           Same, "";
        "no_accept_failure"  Line           Same, "";
        "vip_conflict"       Line           Same, "";
        "vip_lease"          Line           Same, "";
        "socket_group"       Line           Same, "";
    },
    rows! { "vrrp_script":
        "only_while"         Line           Same, "";
        "start_delay"        Line           Same, "";
        "fault_hold"         Line           Same, "";
    },
    rows! { "vrrp_sync_group":
        "track_route"        List           Same, "";
        "track_tcp"          List           Same, "";
        "track_ping"         List           Same, "";
        "notify_timeout"     Line           Same, "";
    },
    rows! { "vrrp_instance":
        "track_route"        List           Same, "";
        "track_tcp"          List           Same, "";
        "track_ping"         List           Same, "";
        "v3_checksum"        Line           Same, "";
        "fast_handover"      Line           Same, "";
        "vip_conflict"       Line           Same, "";
        "notify_timeout"     Line           Same, "";
        "notify_master_pre"  Command        Same, "";
        "notify_backup_pre"  Command        Same, "";
        "notify_pre_timeout" Line           Same, "";
        "notify_fifo"        Line           Same, "";
        "vip_lease"          Line           Same, "";
    },
    rows! { "vrrp_sync_group":
        "track_route"        List           Same, "";
        "track_tcp"          List           Same, "";
        "track_ping"         List           Same, "";
        "notify_timeout"     Line           Same, "";
    },
];

/// Words that the reader of `keepalived.conf` puts into words of our own, and these.
const TRANSLATED: &[(&str, &str, &str)] = &[
    ("global_defs", "v3_checksum_as_v2", "v3_checksum = \"rfc9568\""),
    ("vrrp_instance", "v3_checksum_as_v2", "v3_checksum = \"rfc9568\""),
    ("global_defs", "vrrp_min_garp", "vrrp_garp_master_repeat = 1 and vrrp_garp_master_delay = 0"),
];

/// The words of keepalived.
fn tables() -> impl Iterator<Item = &'static Table> {
    let tables =
        [outermost::TABLES, global_defs::TABLES, instance::TABLES, routes::TABLES, rest::TABLES];
    tables.into_iter().flatten()
}

/// The words of keepalived, section by section.
pub fn rows() -> impl Iterator<Item = Row> {
    tables().flat_map(Table::rows)
}

/// What `keepalived.conf` may hold here: the words of keepalived and our own.
pub fn known() -> impl Iterator<Item = Row> {
    tables().chain(OWN).flat_map(Table::rows)
}

/// What is to be said of a word of [`known`] in a section.
#[must_use]
pub fn find_known(section: &str, word: &str) -> Option<Row> {
    tables().chain(OWN).find_map(|table| table.find(section, word))
}

/// What is to be said of a word in a section: one of keepalived, or one that is yet to come.
#[must_use]
pub fn find(section: &str, word: &str) -> Option<Row> {
    tables().chain(COMING).find_map(|table| table.find(section, word))
}

/// What the absence of a word means, if it is one that is missing here and not misspelt.
#[must_use]
pub fn absent(section: &str, word: &str) -> Option<&'static str> {
    let row = find(section, word)?;
    match row.support {
        Later | Ignored | Refused => Some(row.note),
        Same | Differs | Renamed => None,
    }
}

/// Whether a word that is renamed is the one that keepalived has now.
#[must_use]
pub fn is_current(word: &str) -> bool {
    word == "vrrp_track_process"
}

/// Why a syntax of our own does not take a word of keepalived: the message, and what to write
/// instead, which may be empty. `None` if it is no such word.
#[must_use]
pub fn refusal(section: &str, word: &str) -> Option<(String, String)> {
    let ours = TRANSLATED.iter().find(|(home, old, _)| (*home, *old) == (section, word));
    if let Some((.., ours)) = ours {
        return Some((format!("{word} is for keepalived.conf alone"), format!("write {ours}")));
    }
    let Row { support, note, .. } = find(section, word)?;
    let message = match support {
        Same | Differs => return None,
        Renamed if is_current(word) => format!("{word} is {note} here"),
        Renamed => format!("{word} is an old word for {note}"),
        Later => format!("{word} is not supported yet: {note}"),
        Ignored | Refused => format!("{word} is not supported: {note}"),
    };
    Some((message, String::new()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::schema;

    fn all() -> impl Iterator<Item = Row> {
        rows().chain(COMING.iter().flat_map(Table::rows))
    }

    /// Words of the tables of TOML, which lines do without.
    const OF_TABLES: &[(&str, &str)] = &[
        ("virtual_ipaddress", "address"),
        ("unicast_peer", "address"),
        ("static_ipaddress", "address"),
        ("static_routes", "route"),
        ("static_rules", "rule"),
        ("track_script", "name"),
        ("track_interface", "name"),
        ("interface_up_down_delays", "down_delay"),
        ("interface_up_down_delays", "up_delay"),
        ("unicast_peer", "address"),
        ("command", "script"),
        ("command", "user"),
    ];

    fn is_ours(section: &str, word: &str) -> bool {
        OF_TABLES.contains(&(section, word))
            || OWN.iter().any(|table| table.find(section, word).is_some())
    }

    /// Words that the reader of `keepalived.conf` uses up, and the schema never sees.
    fn is_read_elsewhere(row: &Row) -> bool {
        row.word.starts_with("include") && row.section.is_empty()
            || (row.section, row.word) == ("track_script", "noreverse")
            || matches!(row.section, "track_file" | "track_process")
                && matches!(row.word, "reverse" | "noreverse")
            || TRANSLATED.iter().any(|(home, word, _)| (*home, *word) == (row.section, row.word))
    }

    #[test]
    fn what_is_said_to_be_there_is_there() {
        let known: Vec<_> = schema::keywords().chain(schema::sections()).collect();
        for row in rows().filter(|row| matches!(row.support, Same | Differs)) {
            let there = known.contains(&(row.section, row.word));
            assert!(there != is_read_elsewhere(&row), "{} {}", row.section, row.word);
        }
    }

    #[test]
    fn what_is_there_is_said_to_be_there() {
        for (section, word) in schema::keywords().chain(schema::sections()) {
            let ours = is_ours(section, word);
            let support = find(section, word).map(|row| row.support);
            assert_eq!(ours, support.is_none(), "{section} {word}");
            assert!(ours || matches!(support, Some(Same | Differs)), "{section} {word}");
            assert_eq!(absent(section, word), None, "{section} {word}");
            assert_eq!(refusal(section, word), None, "{section} {word}");
        }
    }

    #[test]
    fn every_word_is_there_once() {
        let mut words: Vec<_> = all().map(|row| (row.section, row.word)).collect();
        assert!(words.len() > 300, "only {}", words.len());
        words.sort_unstable();
        for pair in words.windows(2) {
            assert_ne!(pair[0], pair[1]);
        }
    }

    /// What stands in braces has a row of its own, and is of a form that has braces.
    #[test]
    fn every_section_is_a_word_itself() {
        for row in all().filter(|row| !row.section.is_empty()) {
            let home = all().find(|home| home.word == row.section);
            let home = home.unwrap_or_else(|| panic!("{} {}", row.section, row.word));
            assert!(!matches!(home.form, Form::Line | Form::Command), "{}", home.word);
        }
        for row in all() {
            let outermost = matches!(row.form, Form::Section | Form::NamedSection);
            assert!(!outermost || row.section.is_empty(), "{}", row.word);
            assert!(row.form != Form::Table || !row.section.is_empty(), "{}", row.word);
        }
    }

    #[test]
    fn a_note_says_what_there_is_to_say() {
        for Row { section, word, support, note, .. } in all() {
            match support {
                Same => assert_eq!(note, "", "{section} {word}"),
                Renamed => {
                    let new = find(section, note).unwrap_or_else(|| panic!("{word}: {note}"));
                    assert!(new.support != Renamed, "{section} {word}");
                }
                Differs | Later | Ignored | Refused => {
                    let fits = (10..=140).contains(&note.len())
                        && note.starts_with(|c: char| c.is_lowercase() || c.is_ascii_digit())
                        && !note.ends_with(['.', ' ']);
                    let names = ["AH", "IPv6", "VRRPv2", "VRRPv3", "SIGUSR1"];
                    let fits = fits || names.iter().any(|name| note.starts_with(name));
                    assert!(fits, "{section} {word}: {note}");
                }
            }
        }
    }

    #[test]
    fn what_is_refused_is_said_by_its_kind() {
        for (section, word, message, help) in [
            ("", "garp_group", "garp_group is not supported yet: announcements ", ""),
            ("global_defs", "smtp_server", "smtp_server is not supported: vipd sends no mail", ""),
            ("vrrp_instance", "vmac_garp_intvl", "vmac_garp_intvl is an old word for g", ""),
            ("global_defs", "vrrp_min_garp", "vrrp_min_garp is for keepalived.conf", "write vrrp"),
        ] {
            let (said, remedy) = refusal(section, word).unwrap();
            assert!(said.starts_with(message) && remedy.starts_with(help), "{said} {remedy}");
            assert_eq!(help.is_empty(), remedy.is_empty(), "{word}");
        }
        assert_eq!(refusal("vrrp_instance", "priorty"), None);
    }
}
