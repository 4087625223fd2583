//! A command as the configuration has it, made ready to run on this host, or the reason why it
//! cannot be run. What cannot be run is an error of the configuration: nothing fails open.

use crate::config::{Command, CommandLine, ScriptUser};
use crate::sys::user::{self, Identity};
use std::ffi::CString;
use std::fs::{self, Metadata};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// What a shell would do something with. A command without any of these needs no shell.
const SHELL_CHARACTERS: &[char] = &[
    '|', '&', ';', '<', '>', '(', ')', '$', '`', '\\', '"', '\'', '*', '?', '[', ']', '#', '~',
    '=', '%', '!', '{', '}', '\n',
];

/// Words that only a shell can run.
const SHELL_WORDS: [&str; 22] = [
    ".", ":", "[", "alias", "case", "cd", "command", "eval", "exec", "exit", "export", "for", "if",
    "read", "return", "set", "shift", "trap", "type", "umask", "until", "while",
];

const SHELL: &str = "/bin/sh";

/// Where programs are looked for if the environment does not say.
pub const DEFAULT_PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// Commands that are remembered when many are made ready.
const KEPT: usize = 16;

/// A command that can be run.
#[derive(Clone, Debug)]
pub struct Runnable {
    /// The file to execute.
    pub program: CString,
    /// Its arguments, the name it is called by first.
    pub argv: Vec<CString>,
    /// Who runs it; `None` for whoever runs vipd.
    pub identity: Option<Identity>,
    /// Whether a shell reads it: then more arguments are handed on as `"$@"`.
    shell: bool,
}

impl Runnable {
    /// Finds the program and the user, and makes sure that nobody else can change what root runs.
    /// A command that names nobody is run by `default`; if that is `None`, by whoever runs vipd.
    ///
    /// # Errors
    /// A sentence for a person.
    pub fn new(command: &Command, default: Option<&ScriptUser>) -> Result<Self, String> {
        let user = command.user.as_ref().or(default);
        let identity = user.map(identity).transpose()?.flatten();
        let runnable = match &command.line {
            CommandLine::Words(words) => {
                let program = find(words.first().map_or("", String::as_str))?;
                Self { program: c_path(&program)?, argv: c_words(words)?, identity, shell: false }
            }
            CommandLine::Text(line) => from_text(line, identity)?,
        };
        if runnable.runs_as_root() {
            for file in runnable.files(&command.line) {
                only_root_can_change(&file)?;
            }
        }
        Ok(runnable)
    }

    /// A program with arguments that are known to be right, run by whoever runs vipd.
    ///
    /// # Errors
    /// A sentence for a person.
    pub fn of_program(path: &Path, arguments: &[std::ffi::OsString]) -> Result<Self, String> {
        let word = |it: &std::ffi::OsString| CString::new(it.as_bytes());
        let argv = arguments.iter().map(word).collect::<Result<_, _>>();
        let argv = argv.map_err(|_| "a word cannot hold a NUL".to_owned())?;
        Ok(Self { program: c_path(path)?, argv, identity: None, shell: false })
    }

    /// The arguments with more at the end.
    #[must_use]
    pub fn argv_with(&self, more: &[&str]) -> Vec<CString> {
        let mut argv = self.argv.clone();
        if let (true, false, Some(script)) = (self.shell, more.is_empty(), argv.get_mut(2)) {
            let line = [script.as_bytes(), b" \"$@\""].concat();
            *script = CString::new(line).unwrap_or_default();
            argv.push(c"sh".to_owned());
        }
        argv.extend(more.iter().filter_map(|word| CString::new(*word).ok()));
        argv
    }

    /// Whether it is the same program with the same arguments, run by the same user.
    #[must_use]
    pub fn is_same(&self, other: &Self) -> bool {
        let who = |it: &Self| it.identity.as_ref().map(|it| (it.uid, it.gid));
        (&self.program, &self.argv, who(self)) == (&other.program, &other.argv, who(other))
    }

    fn runs_as_root(&self) -> bool {
        self.identity.as_ref().map_or_else(user::effective_uid, |identity| identity.uid) == 0
    }

    /// The files that decide what is run: the program, and behind a shell what it runs first.
    fn files(&self, line: &CommandLine) -> Vec<PathBuf> {
        let program = PathBuf::from(std::ffi::OsStr::from_bytes(self.program.as_bytes()));
        let behind = match line {
            CommandLine::Text(line) if self.shell => first_word(line).and_then(|w| find(w).ok()),
            CommandLine::Text(_) | CommandLine::Words(_) => None,
        };
        [program].into_iter().chain(behind).collect()
    }
}

/// Commands made ready one after the other. Many instances have the same script: it is looked for
/// once.
#[derive(Debug)]
pub struct Runnables<'a> {
    /// Who runs what names nobody.
    default: Option<&'a ScriptUser>,
    known: Vec<(Command, Result<Runnable, String>)>,
}

impl<'a> Runnables<'a> {
    /// Commands that name nobody are run by `default`.
    #[must_use]
    pub const fn new(default: Option<&'a ScriptUser>) -> Self {
        Self { default, known: Vec::new() }
    }

    /// Who runs what names nobody.
    #[must_use]
    pub const fn default_user(&self) -> Option<&'a ScriptUser> {
        self.default
    }

    /// As [`Runnable::new`].
    ///
    /// # Errors
    /// A sentence for a person.
    pub fn get(&mut self, command: &Command) -> Result<Runnable, String> {
        if let Some((_, known)) = self.known.iter().find(|(known, _)| known == command) {
            return known.clone();
        }
        let found = Runnable::new(command, self.default);
        if self.known.len() < KEPT {
            self.known.push((command.clone(), found.clone()));
        }
        found
    }
}

/// Finds a user.
///
/// # Errors
/// A sentence for a person.
pub fn identity(user: &ScriptUser) -> Result<Option<Identity>, String> {
    let group = user.group.as_deref();
    match user::identity(&user.user, group) {
        Ok(Some(identity)) => Ok(Some(identity)),
        Ok(None) => Err(match group {
            Some(group) => {
                format!("there is no user \"{}\" or no group \"{group}\" here", user.user)
            }
            None => format!("there is no user \"{}\" here", user.user),
        }),
        Err(error) => Err(format!("cannot look up user \"{}\": {error}", user.user)),
    }
}

fn from_text(line: &str, identity: Option<Identity>) -> Result<Runnable, String> {
    let word = first_word(line).unwrap_or_default();
    let plain = !line.contains(SHELL_CHARACTERS);
    if plain && !SHELL_WORDS.contains(&word) {
        let program = find(word)?;
        let words: Vec<String> = line.split_ascii_whitespace().map(str::to_owned).collect();
        return Ok(Runnable {
            program: c_path(&program)?,
            argv: c_words(&words)?,
            identity,
            shell: false,
        });
    }
    // A path that is plain to see must be there, shell or not.
    if word.starts_with('/') && !word.contains(SHELL_CHARACTERS) {
        find(word)?;
    }
    let words = ["sh".to_owned(), "-c".to_owned(), line.to_owned()];
    let program = find(SHELL)?;
    Ok(Runnable { program: c_path(&program)?, argv: c_words(&words)?, identity, shell: true })
}

fn first_word(line: &str) -> Option<&str> {
    line.split_ascii_whitespace().next()
}

/// The file that a word names, by PATH if it is a bare name.
fn find(word: &str) -> Result<PathBuf, String> {
    if word.is_empty() {
        return Err("the command is empty".to_owned());
    }
    if word.contains('/') {
        let path = PathBuf::from(word);
        return match fs::metadata(&path) {
            Err(error) => Err(format!("cannot run {word}: {error}")),
            Ok(meta) if !meta.is_file() => Err(format!("cannot run {word}: it is not a file")),
            Ok(meta) if !executable(&meta) => {
                Err(format!("cannot run {word}: it is not executable; try chmod +x"))
            }
            Ok(_) => Ok(path),
        };
    }
    let path = std::env::var("PATH").unwrap_or_else(|_| DEFAULT_PATH.to_owned());
    let found = std::env::split_paths(&path)
        .filter(|folder| folder.is_absolute())
        .map(|folder| folder.join(word))
        .find(|file| fs::metadata(file).is_ok_and(|meta| meta.is_file() && executable(&meta)));
    found.ok_or_else(|| format!("there is no program \"{word}\" here (looked in {path})"))
}

fn executable(meta: &Metadata) -> bool {
    meta.mode() & 0o111 != 0
}

/// Whoever can write the script, or move another into its place, is as good as root.
fn only_root_can_change(file: &Path) -> Result<(), String> {
    let real = fs::canonicalize(file)
        .map_err(|error| format!("cannot run {}: {error}", file.display()))?;
    for part in real.ancestors() {
        let meta = fs::symlink_metadata(part)
            .map_err(|error| format!("cannot look at {}: {error}", part.display()))?;
        let sticky = meta.is_dir() && meta.mode() & 0o1000 != 0;
        let fault = if meta.uid() != 0 {
            format!("belongs to user {}; chown it to root", meta.uid())
        } else if meta.mode() & 0o002 != 0 && !sticky {
            "can be written by everybody; try chmod o-w".to_owned()
        } else if meta.mode() & 0o020 != 0 && meta.gid() != 0 && !sticky {
            format!("can be written by group {}; try chmod g-w", meta.gid())
        } else {
            continue;
        };
        return Err(format!(
            "{} would run as root, but {} {fault}; or give it a user of its own",
            file.display(),
            part.display()
        ));
    }
    Ok(())
}

fn c_path(path: &Path) -> Result<CString, String> {
    CString::new(path.as_os_str().as_bytes()).map_err(|_| "a path cannot hold a NUL".to_owned())
}

fn c_words(words: &[String]) -> Result<Vec<CString>, String> {
    words
        .iter()
        .map(|word| CString::new(word.as_str()).map_err(|_| "a word cannot hold a NUL".to_owned()))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::error::Place;
    use std::os::unix::fs::PermissionsExt;

    fn runnable(line: &str) -> Result<Runnable, String> {
        let line = CommandLine::Text(line.to_owned());
        Runnable::new(&Command { line, user: None, place: Place::default() }, None)
    }

    fn user(name: &str) -> ScriptUser {
        ScriptUser { user: name.to_owned(), group: None, place: Place::default() }
    }

    fn words(argv: &[CString]) -> Vec<&str> {
        argv.iter().map(|word| word.to_str().unwrap()).collect()
    }

    #[test]
    fn a_plain_program_runs_without_a_shell() {
        let plain = runnable("true -0 haproxy").unwrap();
        assert!(plain.program.to_str().unwrap().ends_with("/true"));
        assert_eq!(words(&plain.argv), ["true", "-0", "haproxy"]);
        let more = plain.argv_with(&["INSTANCE", "a b"]);
        assert_eq!(words(&more), ["true", "-0", "haproxy", "INSTANCE", "a b"]);
    }

    #[test]
    fn shell_characters_and_shell_words_need_one() {
        for line in ["true | true", "exit 0", "test -f x && true", "[ -f /etc/x ]", "A=1 true"] {
            let shell = runnable(line).unwrap();
            assert_eq!(words(&shell.argv), ["sh", "-c", line]);
            let more = shell.argv_with(&["INSTANCE", "vip"]);
            let with_arguments = format!("{line} \"$@\"");
            assert_eq!(words(&more), ["sh", "-c", &with_arguments, "sh", "INSTANCE", "vip"]);
        }
    }

    #[test]
    fn what_is_not_there_is_said() {
        for (line, says) in [
            ("no-such-program-here -x", "there is no program \"no-such-program-here\""),
            ("/no/such/file -x", "cannot run /no/such/file: "),
            ("/no/such/file | true", "cannot run /no/such/file: "),
            ("/etc/passwd", "cannot run /etc/passwd: it is not executable"),
            ("/etc", "cannot run /etc: it is not a file"),
            ("", "the command is empty"),
        ] {
            let error = runnable(line).unwrap_err();
            assert!(error.starts_with(says), "{line}: {error}");
        }
    }

    #[test]
    fn an_unknown_user_is_an_error() {
        let line = CommandLine::Text("true".to_owned());
        let mut command = Command { line, user: None, place: Place::default() };
        let nobody = user("no-such-user");
        let error = Runnable::new(&command, Some(&nobody)).unwrap_err();
        assert_eq!(error, "there is no user \"no-such-user\" here");
        command.user = Some(nobody);
        assert_eq!(Runnable::new(&command, Some(&user("root"))).unwrap_err(), error);
    }

    #[test]
    fn the_user_of_a_command_comes_before_the_default() {
        let line = CommandLine::Text("true".to_owned());
        let mut command = Command { line, user: None, place: Place::default() };
        let uid = |command: &Command, default: Option<&ScriptUser>| {
            Runnable::new(command, default).unwrap().identity.map(|identity| identity.uid)
        };
        let default = user("12345");
        assert_eq!((uid(&command, None), uid(&command, Some(&default))), (None, Some(12345)));
        command.user = Some(user("54321"));
        for default in [None, Some(&default)] {
            assert_eq!(uid(&command, default), Some(54321));
        }
    }

    /// The rule of a script that root runs, on a file that others may write, directly and behind
    /// a link and a shell.
    #[test]
    fn what_others_can_write_does_not_run_as_root() {
        if user::effective_uid() != 0 {
            return;
        }
        let folder = std::env::temp_dir().join(format!("vipd-command-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        let (script, link) = (folder.join("script"), folder.join("link"));
        fs::write(&script, "#!/bin/sh\n").unwrap();
        std::os::unix::fs::symlink(&script, &link).unwrap();
        let mode = |file: &Path, mode| fs::set_permissions(file, PermissionsExt::from_mode(mode));
        mode(&folder, 0o755).unwrap();
        mode(&script, 0o755).unwrap();
        let through_shell = format!("{} | true", link.display());
        let link = link.display().to_string();
        let other = user("12345");
        assert!(runnable(&link).is_ok() && runnable(&through_shell).is_ok());
        for (file, bits) in [(&script, 0o757), (&folder, 0o777)] {
            mode(file, bits).unwrap();
            for line in [&link, &through_shell] {
                let error = runnable(line).unwrap_err();
                assert!(error.contains("can be written by everybody"), "{error}");
                let line = CommandLine::Text(line.clone());
                let own = |name| {
                    let user = Some(user(name));
                    let command = Command { line: line.clone(), user, place: Place::default() };
                    Runnable::new(&command, Some(&other))
                };
                assert!(own("54321").is_ok(), "another user may run what everybody can write");
                assert_eq!(own("root").unwrap_err(), error);
            }
            mode(file, 0o755).unwrap();
        }
        mode(&folder, 0o1777).unwrap();
        assert!(runnable(&link).is_ok(), "a sticky folder passes");
        fs::remove_dir_all(&folder).unwrap();
    }
}
