//! `track_file NAME`

use super::settings::Settings;
use super::table::TRACK_FILE;
use super::value::describe;
use crate::config::error::{quote, Report};
use crate::config::tree::{Data, Section, Word};
use crate::config::{InitFile, TrackFile};
use crate::vrrp::bounds;

/// Reads a tracked file. `None` if it has no `file`.
pub fn read(name: &Word, section: &Section, report: &mut Report) -> Option<TrackFile> {
    let label = (format!("track_file {}", name.text), name.place);
    let settings = Settings::read("track_file", TRACK_FILE, label, &section.entries, report);
    let help = report.example("file", "/run/maintenance") + ": the file with the number";
    settings.need("file", &help, report);
    let init_file = init_file(&settings, report);
    let file = settings.text("file")?;
    let wrong = match () {
        () if !file.starts_with('/') => "does not begin with /",
        () if file.ends_with(['/', '.']) && is_folder(&file) => "names a folder",
        () => "",
    };
    if !wrong.is_empty() {
        let message = format!("file {} {wrong}", quote(&file));
        settings.error("file", message, report).help("write the whole path of a file");
    }
    Some(TrackFile {
        name: name.text.clone(),
        place: name.place,
        file,
        file_place: settings.place_of("file"),
        weight: settings.weight("weight").unwrap_or_default(),
        init_file,
    })
}

fn is_folder(path: &str) -> bool {
    matches!(path.rsplit('/').next(), Some("" | "." | ".."))
}

/// `[NUMBER] [overwrite]`, in any order.
fn init_file(settings: &Settings<'_>, report: &mut Report) -> Option<InitFile> {
    let value = settings.value("init_file")?;
    let mut init = InitFile { value: 0, overwrite: false };
    if let Data::Integer(number) = value.data {
        init.value = in_range(number, settings, report)?;
        return Some(init);
    }
    let Some(words) = value.words() else {
        let message = format!("init_file must be {WHAT}, not {}", describe(value));
        settings.error("init_file", message, report);
        return None;
    };
    let mut number = None;
    for Word { text, place } in words {
        match text.parse::<i64>() {
            Ok(found) if number.is_none() => number = Some(found),
            Err(_) if text == "overwrite" && !init.overwrite => init.overwrite = true,
            _ => {
                let message = format!("unknown word {} behind init_file", quote(&text));
                report.error(place, message).help(format!("write {WHAT}"));
                return None;
            }
        }
    }
    init.value = in_range(number.unwrap_or(0), settings, report)?;
    Some(init)
}

const WHAT: &str = "a number, and perhaps overwrite";

fn in_range(number: i64, settings: &Settings<'_>, report: &mut Report) -> Option<i32> {
    let most = bounds::HEAVIEST;
    let fits = (-i64::from(most)..=i64::from(most)).contains(&number);
    if !fits {
        let message = format!("init_file must be from -{most} to {most}, not {number}");
        settings.error("init_file", message, report);
    }
    i32::try_from(number).ok().filter(|_| fits)
}
