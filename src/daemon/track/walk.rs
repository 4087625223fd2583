//! The way to a file: which folders to watch, and for which name in each, so that nothing that
//! changes what the path means goes unnoticed.
//!
//! That is the folder of the file; the folder of each symbolic link on the way; and if the way ends
//! early, the folder that lacks the next name. Of all other folders on the way only their own end
//! matters.

use std::collections::VecDeque;
use std::ffi::{OsStr, OsString};
use std::fs;
use std::io;
use std::path::{Component, Path, PathBuf};

/// So many symbolic links are followed, as the kernel does it.
const LINKS: usize = 40;

/// A way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Walk {
    /// Where it turns or ends: a folder, and a name in it that matters. The name is empty where it
    /// only passes.
    pub steps: Vec<(PathBuf, OsString)>,
    /// The file at its end, without symbolic links, or why there is none.
    pub end: Result<PathBuf, End>,
}

/// Why there is no file at the end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum End {
    /// Nothing of a name on the way.
    Missing,
    /// What the kernel says.
    Refused(String),
}

/// Goes the way of an absolute path.
#[must_use]
pub fn walk(path: &Path) -> Walk {
    let mut steps = Vec::new();
    let end = follow(path, &mut steps);
    Walk { steps, end }
}

fn follow(path: &Path, steps: &mut Vec<(PathBuf, OsString)>) -> Result<PathBuf, End> {
    let (mut at, mut ahead) = (PathBuf::from("/"), VecDeque::new());
    let mut links = 0;
    push_front(path, &mut ahead);
    while let Some(name) = ahead.pop_front() {
        if name == *".." {
            at.pop();
            continue;
        }
        let next = at.join(&name);
        let found = fs::symlink_metadata(&next);
        let is_link = found.as_ref().is_ok_and(|it| it.file_type().is_symlink());
        let is_folder = found.as_ref().is_ok_and(fs::Metadata::is_dir);
        if !is_link && is_folder && !ahead.is_empty() {
            at = next;
            steps.push((at.clone(), OsString::new()));
            continue;
        }
        steps.push((at.clone(), name));
        if let Err(error) = found {
            return Err(end(&error));
        }
        if !is_link {
            // A name behind one that is no folder does not exist.
            return if ahead.is_empty() { Ok(next) } else { Err(End::Missing) };
        }
        links += 1;
        if links > LINKS {
            return Err(End::Refused("too many symbolic links".into()));
        }
        let target = fs::read_link(&next).map_err(|error| end(&error))?;
        if target.is_absolute() {
            at = PathBuf::from("/");
        }
        push_front(&target, &mut ahead);
    }
    // Only a path that ends with `..` or is the root gets here.
    Ok(at)
}

fn end(error: &io::Error) -> End {
    match error.kind() {
        io::ErrorKind::NotFound => End::Missing,
        _ => End::Refused(error.to_string()),
    }
}

/// Puts the names of a path before those that are still to be gone.
fn push_front(path: &Path, ahead: &mut VecDeque<OsString>) {
    let name = |part: Component<'_>| match part {
        Component::Normal(name) => Some(name.to_owned()),
        Component::ParentDir => Some(OsStr::new("..").to_owned()),
        Component::Prefix(_) | Component::RootDir | Component::CurDir => None,
    };
    let names: Vec<OsString> = path.components().filter_map(name).collect();
    names.into_iter().rev().for_each(|name| ahead.push_front(name));
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    struct Folder(PathBuf);

    impl Folder {
        fn new(name: &str) -> Self {
            let folder = std::env::temp_dir().join(format!("vipd-{name}-{}", std::process::id()));
            let _ = fs::remove_dir_all(&folder);
            fs::create_dir_all(&folder).unwrap();
            Self(folder.canonicalize().unwrap())
        }

        /// The steps within the folder, as text, and the end. Those that only pass are left out.
        fn walk(&self, path: &str) -> (Vec<String>, Result<PathBuf, End>) {
            let Walk { steps, end } = walk(&self.0.join(path));
            let inside =
                |path: &Path| path.strip_prefix(&self.0).unwrap_or(path).display().to_string();
            let text = |(folder, name): &(PathBuf, OsString)| {
                format!("{}:{}", inside(folder), name.to_string_lossy())
            };
            let end = end.map(|path| PathBuf::from(inside(&path)));
            let turns = steps.iter().filter(|(_, name)| !name.is_empty());
            (turns.map(text).collect(), end)
        }
    }

    impl Drop for Folder {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    fn steps(of: &[&str]) -> Vec<String> {
        of.iter().map(|step| (*step).to_owned()).collect()
    }

    #[test]
    fn the_folder_of_the_file_is_watched() {
        let folder = Folder::new("walk-plain");
        fs::create_dir(folder.0.join("a")).unwrap();
        assert_eq!(folder.walk("a/f"), (steps(&["a:f"]), Err(End::Missing)));
        fs::write(folder.0.join("a/f"), "1").unwrap();
        assert_eq!(folder.walk("a/f"), (steps(&["a:f"]), Ok("a/f".into())));
        assert_eq!(folder.walk("a/./../a/f"), (steps(&["a:f"]), Ok("a/f".into())));
        assert_eq!(folder.walk("a/f/x"), (steps(&["a:f"]), Err(End::Missing)));
    }

    #[test]
    fn every_folder_on_the_way_is_watched_for_its_end() {
        let folder = Folder::new("walk-ancestors");
        fs::create_dir_all(folder.0.join("a/b")).unwrap();
        let Walk { steps, .. } = walk(&folder.0.join("a/b/f"));
        let passed: Vec<_> =
            steps.iter().filter(|step| step.1.is_empty()).map(|it| &it.0).collect();
        for path in [&folder.0, &folder.0.join("a"), &folder.0.join("a/b")] {
            assert!(passed.contains(&path), "{path:?} is not in {passed:?}");
        }
    }

    #[test]
    fn what_is_missing_is_waited_for_where_the_way_ends() {
        let folder = Folder::new("walk-missing");
        assert_eq!(folder.walk("a/b/f"), (steps(&[":a"]), Err(End::Missing)));
        fs::create_dir(folder.0.join("a")).unwrap();
        assert_eq!(folder.walk("a/b/f"), (steps(&["a:b"]), Err(End::Missing)));
    }

    /// Links of the file and of folders, absolute and relative, and one that leads nowhere yet.
    #[test]
    fn every_link_is_watched() {
        let folder = Folder::new("walk-links");
        let at = |path: &str| folder.0.join(path);
        fs::create_dir_all(at("data/one")).unwrap();
        symlink("one", at("data/now")).unwrap();
        symlink(at("data/now/f"), at("f")).unwrap();
        let way = steps(&[":f", "data:now", "data/one:f"]);
        assert_eq!(folder.walk("f"), (way.clone(), Err(End::Missing)));
        fs::write(at("data/one/f"), "1").unwrap();
        assert_eq!(folder.walk("f"), (way, Ok("data/one/f".into())));
        symlink("loop", at("loop")).unwrap();
        let (way, end) = folder.walk("loop");
        assert_eq!(way.len(), LINKS + 1);
        assert!(matches!(end, Err(End::Refused(_))));
    }
}
