//! `vipd.state` in the run directory: what the next run of the daemon needs to go on if this one is
//! killed. It is written anew when something in it has changed, and takes the place of the old one
//! in one step.
//!
//! ```text
//!   vipd-state 1 boot=… suspended=… beat=0000001a2b3c4d5e,1     as wide always
//!   …                                                           lines of words
//!   end 1a2b3c4d                                                a checksum of them
//! ```
//!
//! The heartbeat in the first line says when an advert last went out, and behind it whether the lines
//! are true. It is written in place, in one system call that a kill does not tear. Not through a
//! mapping, which would cost none: whoever cuts the file short would kill us with that.

use super::words::{put, Words};
use crate::daemon::shortage::RETRY;
use crate::sys::{clock, host, user};
use crate::vrrp::time::Instant;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{FileExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// The name of the file.
const NAME: &str = "vipd.state";
/// What its first line begins with: of this format, in which unknown words are passed over.
pub const KIND: &str = "vipd-state";
/// The number of this format.
pub const FORMAT: u32 = 1;
/// Why it is not read.
const NO_FILE: &str = "it is no file of vipd";
/// Digits of a heartbeat.
const DIGITS: usize = 16;
/// With a comma behind them, and whether the lines are true.
const BEAT: usize = DIGITS + 2;
/// The longest file that is read: 4096 instances take half of it.
const LONGEST: u64 = 16 << 20;
/// Between two writes at least, and so many times as long as one takes.
const PAUSE: Duration = Duration::from_millis(20);
/// The clocks are not read at the same moment.
const TOLERANCE: Duration = Duration::from_millis(100);

/// The file that we write.
#[derive(Debug)]
pub struct StateFile {
    path: PathBuf,
    /// Which run of the machine this is; without it a state is of no use.
    boot: Option<String>,
    /// Something has changed: what stands there is not true any more.
    pub changed: bool,
    /// It is to be written anew all the same.
    pub refresh: bool,
    /// An advert has gone out in this turn, and none was refused.
    pub advertised: bool,
    /// When it may be written again.
    next: Instant,
    /// What is in place, and where the heartbeat stands in it.
    file: Option<(File, u64)>,
    /// It could not be written, and that was told.
    failed: bool,
    failures: u32,
}

/// What an earlier run has left.
#[derive(Debug, PartialEq, Eq)]
pub struct Left {
    /// When an advert of it last went out; `None` if its lines were not true any more at its end.
    pub beat: Option<Instant>,
    /// Lines of words.
    pub text: String,
}

impl StateFile {
    /// In a run directory. Nothing is written yet.
    #[must_use]
    pub fn new(directory: &Path) -> Self {
        Self {
            path: directory.join(NAME),
            boot: host::boot_id(),
            changed: true,
            refresh: false,
            advertised: false,
            next: Instant::ZERO,
            file: None,
            failed: false,
            failures: 0,
        }
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// What an earlier run has left, if that is of any use: of this run of the machine, whole, and
    /// nobody else's.
    ///
    /// # Errors
    /// What is wrong with it; that there is none is no error.
    pub fn read(&self) -> Result<Option<Left>, String> {
        let Some(boot) = &self.boot else { return Ok(None) };
        let bytes = match read(&self.path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error.to_string()),
        };
        parse(&bytes, boot, suspended())
    }

    /// A turn has ended. If an advert has gone out in it, the file says so; and once, that its lines
    /// are not true any more, if they are not written in this turn.
    pub fn beat(&mut self, now: Instant) {
        let advertised = std::mem::take(&mut self.advertised);
        let Some((file, at)) = &self.file else { return };
        if !advertised && !self.changed {
            return;
        }
        match file.write_all_at(&beat(now, !self.changed), *at) {
            // Nothing in it counts until it is written anew.
            Ok(()) if self.changed => self.file = None,
            Ok(()) => {}
            Err(_) => {
                self.remove();
                self.changed = true;
            }
        }
    }

    /// When it is to be written, if it is.
    #[must_use]
    pub fn due_at(&self) -> Option<Instant> {
        let wanted = self.changed || self.refresh;
        (wanted && self.boot.is_some()).then_some(self.next)
    }

    /// It is not written before a moment: what an earlier run has left is still true so long.
    pub fn put_off(&mut self, until: Instant) {
        self.next = self.next.max(until);
    }

    /// How often it could not be written.
    #[must_use]
    pub const fn failures(&self) -> u32 {
        self.failures
    }

    /// Writes it; what goes wrong is told once, and tried again every second. `lines` end with a
    /// newline each. `clock`: how late it is when it is done.
    pub fn write(&mut self, now: Instant, lines: &str, clock: impl Fn() -> Instant) {
        let Some(boot) = &self.boot else { return };
        let written = write(&self.path, boot, now, lines);
        let done = clock();
        self.next = done + PAUSE.max(done.since(now) * 20);
        match written {
            Ok(file) => {
                if std::mem::take(&mut self.failed) {
                    log::info!("{} can be written again", self.path.display());
                }
                self.file = Some(file);
                (self.changed, self.refresh) = (false, false);
            }
            Err(error) => {
                if !std::mem::replace(&mut self.failed, true) {
                    log::error!(
                        "cannot write {}: {error}: after a crash the next start joins as BACKUP; \
                         trying again",
                        self.path.display()
                    );
                }
                self.failures = self.failures.saturating_add(1);
                self.changed = true;
                self.next = self.next.max(done + RETRY);
                // What is not true any more is worse than nothing.
                self.remove();
            }
        }
    }

    /// Nobody is to go on where we were.
    pub fn remove(&mut self) {
        if let Some((file, at)) = self.file.take() {
            // Should its name not go away.
            let _ = file.write_all_at(&beat(Instant::ZERO, false), at);
        }
        for path in [&self.path, &beside(&self.path)] {
            match fs::remove_file(path) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => {
                    log::debug!("cannot remove {}: {error}", path.display());
                }
                _ => {}
            }
        }
    }
}

/// The new file, before it takes its place.
fn beside(path: &Path) -> PathBuf {
    path.with_extension("state.new")
}

/// How long the machine was suspended since it was started.
fn suspended() -> Duration {
    Duration::from_nanos(clock::boottime().saturating_sub(clock::monotonic()))
}

/// A heartbeat as it stands in the file.
fn beat(now: Instant, is_true: bool) -> [u8; BEAT] {
    let mut bytes = [b','; BEAT];
    let digits = now.as_nanos().to_be_bytes();
    let nibbles = digits.iter().flat_map(|byte| [byte >> 4, byte & 15]);
    for (at, nibble) in nibbles.enumerate() {
        bytes[at] = b"0123456789abcdef"[usize::from(nibble)];
    }
    bytes[BEAT - 1] = if is_true { b'1' } else { b'0' };
    bytes
}

/// FNV-1a, of 32 bits: tells damage, not malice.
#[must_use]
pub fn checksum(bytes: &[u8]) -> u32 {
    let step = |sum: u32, byte: &u8| (sum ^ u32::from(*byte)).wrapping_mul(0x0100_0193);
    bytes.iter().fold(0x811c_9dc5, step)
}

/// Writes the file and puts it in place; returns it, and where the heartbeat stands.
fn write(path: &Path, boot: &str, now: Instant, lines: &str) -> io::Result<(File, u64)> {
    let mut text = format!("{KIND} {FORMAT}");
    put(&mut text, "boot", boot);
    put(&mut text, "suspended", suspended().as_nanos());
    put(&mut text, "beat", "");
    let at = text.len() as u64;
    text.extend(beat(now, true).map(char::from));
    text.push('\n');
    text.reserve(lines.len() + 16);
    text.push_str(lines);
    text.push_str(&format!("end {:08x}\n", checksum(lines.as_bytes())));
    let new = beside(path);
    let _ = fs::remove_file(&new);
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&new)?;
    file.write_all(text.as_bytes())?;
    fs::rename(&new, path)?;
    Ok((file, at))
}

/// Reads a file that nobody but we may have written. Whatever it is, nobody is waited for.
fn read(path: &Path) -> io::Result<Vec<u8>> {
    let refuse = |why: &str| Err(io::Error::other(why));
    // To open a device may do something.
    if !fs::symlink_metadata(path)?.is_file() {
        return refuse(NO_FILE);
    }
    let file: File = host::open_plain(path)?;
    let it = file.metadata()?;
    if !it.is_file() || it.len() > LONGEST {
        return refuse(NO_FILE);
    }
    if it.uid() != user::effective_uid() || it.mode() & 0o022 != 0 {
        return refuse("somebody else may have written it");
    }
    let mut bytes = Vec::new();
    file.take(LONGEST).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// What the file says, if it is of this run of the machine. Nothing in it is trusted.
///
/// # Errors
/// What is wrong with it.
pub fn parse(bytes: &[u8], boot: &str, suspended: Duration) -> Result<Option<Left>, String> {
    let damaged = || "it is damaged".to_owned();
    let text = std::str::from_utf8(bytes).map_err(|_| damaged())?;
    let (head, rest) = text.split_once('\n').ok_or_else(damaged)?;
    let words = Words::of(head);
    if words.kind != KIND {
        return Err(NO_FILE.into());
    }
    if words.get("boot") != Some(boot) {
        return Ok(None);
    }
    let lines = rest.rfind("end ").and_then(|end| rest.split_at_checked(end));
    let (lines, end) = lines.ok_or_else(damaged)?;
    let sum = end.strip_prefix("end ").and_then(|sum| u32::from_str_radix(sum.trim_end(), 16).ok());
    if sum != Some(checksum(lines.as_bytes())) {
        return Err(damaged());
    }
    let (beat, is_true) =
        words.get("beat").and_then(|it| it.split_once(',')).ok_or_else(damaged)?;
    let beat = u64::from_str_radix(beat, 16).map_err(|_| damaged())?;
    let before = words.read("suspended").map(Duration::from_nanos);
    let slept = before.is_none_or(|before| suspended.abs_diff(before) > TOLERANCE);
    // Who sleeps is not there, and lines that were out of date when the end came were not true.
    let beat = Some(Instant::from_nanos(beat)).filter(|_| !slept && is_true == "1");
    Ok(Some(Left { beat, text: lines.to_owned() }))
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Instant = Instant::from_nanos(0x1234_5678_9abc);

    fn file(directory: &str) -> StateFile {
        let directory =
            std::env::temp_dir().join(format!("vipd-state-{directory}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&directory);
        fs::create_dir_all(&directory).unwrap();
        StateFile::new(&directory)
    }

    fn bytes(file: &StateFile) -> Vec<u8> {
        fs::read(&file.path).unwrap()
    }

    #[test]
    fn what_was_written_is_read_with_the_last_advert() {
        let mut it = file("round");
        assert_eq!(it.read(), Ok(None), "none is no error");
        it.write(NOW, "a x=1\nb\n", || NOW);
        let later = NOW + Duration::from_secs(7);
        it.advertised = true;
        it.beat(later);
        // A turn without an advert says nothing new.
        it.beat(later + Duration::from_secs(1));
        let text = "a x=1\nb\n".to_owned();
        assert_eq!(it.read(), Ok(Some(Left { beat: Some(later), text: text.clone() })));
        // What is out of date is of no use, and does not become true by an advert.
        for advertised in [false, true] {
            (it.changed, it.advertised) = (true, advertised);
            it.beat(later);
            assert_eq!(it.read(), Ok(Some(Left { beat: None, text: text.clone() })));
        }
        it.write(later, "c\n", || later);
        assert!(matches!(it.read(), Ok(Some(Left { beat: Some(_), .. }))));
        it.remove();
        assert_eq!(it.read(), Ok(None));
    }

    /// By whoever cuts it short, or takes it away.
    #[test]
    fn a_heartbeat_in_what_is_not_there_any_more_harms_nobody() {
        let mut it = file("short");
        it.write(NOW, "a\n", || NOW);
        File::create(&it.path).unwrap();
        it.advertised = true;
        it.beat(NOW);
        assert_eq!(it.read(), Err("it is damaged".into()));
        it.write(NOW, "a\n", || NOW);
        fs::remove_file(&it.path).unwrap();
        it.advertised = true;
        it.beat(NOW);
        assert_eq!(it.read(), Ok(None));
    }

    #[test]
    fn what_is_no_file_is_not_read_and_nobody_is_waited_for() {
        use std::os::unix::fs::{symlink, PermissionsExt};
        let it = file("strange");
        let (path, other) = (it.path.clone(), it.path.with_extension("other"));
        fs::write(&other, "x").unwrap();
        let strange: [(&str, &dyn Fn()); 6] = [
            (NO_FILE, &|| symlink(&other, &path).unwrap()),
            (NO_FILE, &|| symlink("/nowhere", &path).unwrap()),
            (NO_FILE, &|| fs::create_dir(&path).unwrap()),
            (NO_FILE, &|| {
                let made = std::process::Command::new("mkfifo").arg(&path).status();
                assert!(made.unwrap().success());
            }),
            (NO_FILE, &|| File::create(&path).unwrap().set_len(LONGEST + 1).unwrap()),
            ("somebody else may have written it", &|| {
                fs::write(&path, "x").unwrap();
                fs::set_permissions(&path, fs::Permissions::from_mode(0o666)).unwrap();
            }),
        ];
        for (says, make) in strange {
            make();
            assert_eq!(it.read(), Err(says.to_owned()));
            let _ = fs::remove_file(&path).or_else(|_| fs::remove_dir(&path));
        }
        fs::write(&path, b"vipd-state 1 \xff").unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        assert_eq!(it.read(), Err("it is damaged".into()));
    }

    #[test]
    fn what_is_damaged_is_told_and_what_is_of_another_boot_is_not() {
        let mut it = file("damage");
        it.write(NOW, "a x=1\n", || NOW);
        let whole = bytes(&it);
        let boot = it.boot.clone().unwrap();
        assert!(matches!(parse(&whole, &boot, suspended()), Ok(Some(_))));
        assert_eq!(parse(&whole, "another", suspended()), Ok(None));
        let slept = suspended() + Duration::from_secs(1);
        assert!(matches!(parse(&whole, &boot, slept), Ok(Some(Left { beat: None, .. }))));
        for end in 0..whole.len() - 1 {
            assert!(!matches!(parse(&whole[..end], &boot, suspended()), Ok(Some(_))), "{end}");
        }
        for at in 0..whole.len() {
            let mut damaged = whole.clone();
            damaged[at] ^= 0x80;
            assert!(!matches!(parse(&damaged, &boot, suspended()), Ok(Some(_))), "{at}");
        }
    }

    #[test]
    fn it_cannot_be_written_and_then_it_can() {
        let mut it = file("full");
        let directory = it.path.parent().unwrap().to_owned();
        fs::remove_dir_all(&directory).unwrap();
        it.write(NOW, "a\n", || NOW);
        assert_eq!((it.due_at(), it.failures()), (Some(NOW + RETRY), 1));
        it.write(NOW, "a\n", || NOW);
        assert_eq!(it.failures(), 2);
        fs::create_dir_all(&directory).unwrap();
        it.write(NOW, "a\n", || NOW);
        assert!(matches!(it.read(), Ok(Some(_))));
        assert_eq!(it.due_at(), None);
    }

    /// As on a file system that becomes read-only.
    #[test]
    fn what_cannot_be_told_to_be_out_of_date_goes() {
        let mut it = file("stuck");
        it.write(NOW, "a\n", || NOW);
        let (_, at) = it.file.take().unwrap();
        it.file = Some((File::open(&it.path).unwrap(), at));
        it.changed = true;
        it.beat(NOW);
        assert!(!it.path.exists());
        assert!(it.changed);
    }
}
