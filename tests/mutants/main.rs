//! Would model and simulation find a bug? A dozen are put into copies of the core, one at a time, most
//! of them seen in other daemons; every one has to be found.
//!
//! `cargo test --test mutants -- --nocapture` prints who finds them first, and with THOROUGH=1 who does at
//! all; `BUG=name cargo test --test mutants -- --nocapture` the story that gives one away.

mod bugs;

use bugs::{Bug, BUGS};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::{env, fs, process, thread};

/// What of the tree a judge needs.
const COPIED: &[&str] = &["src/vrrp", "src/wire", "src/daemon/state", "tests/sim", "tests/model"];

/// The core as a library that is called vipd, and what reads and writes its memory.
const LIBRARY: &str = "\
extern crate alloc;
pub mod vrrp;
pub mod wire;
pub mod daemon {
    pub mod state {
        pub mod memory;
        pub mod words;
    }
}
";

/// Who judges, and by which tests: the fastest first.
const JUDGES: &[(&str, &[&str])] = &[
    ("stories", &["stories::", "groups::", "interop::"]),
    ("seeds", &["seeds::seeds"]),
    ("model", &["quick::"]),
];

/// A tree of its own for each bug, removed when it is done with.
struct Tree(PathBuf);

impl Tree {
    fn new(name: &str) -> Self {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let tree = Self(env::temp_dir().join(format!("vipd-mutant-{name}-{}", process::id())));
        COPIED.iter().for_each(|folder| copy(&root.join(folder), &tree.0.join(folder)));
        fs::write(tree.0.join("src/lib.rs"), LIBRARY).expect("room for the library");
        tree
    }

    fn plant(&self, bug: &Bug) {
        let file = self.0.join(bug.file);
        let text = fs::read_to_string(&file).expect("a source");
        let found = text.matches(bug.right).count();
        assert_eq!(found, 1, "{}: {:?} is {found} times in {}", bug.name, bug.right, bug.file);
        fs::write(&file, text.replace(bug.right, bug.wrong)).expect("room for a bug");
    }

    fn rustc(&self, arguments: &[&str]) -> Output {
        let all = ["--edition=2021", "--cap-lints=allow", "-Cdebug-assertions=on"];
        let output = Command::new(rustc()).current_dir(&self.0).args(all).args(arguments).output();
        output.expect("rustc")
    }

    /// Whether library and judge could be built.
    fn build(&self) -> Result<(), String> {
        let library = ["--crate-type=rlib", "--crate-name=vipd", "src/lib.rs"];
        let judge =
            ["--test", "--extern=vipd=libvipd.rlib", "-L.", "-ojudge", "tests/model/judge.rs"];
        for arguments in [&library[..], &judge[..]] {
            let output = self.rustc(arguments);
            if !output.status.success() {
                return Err(String::from_utf8_lossy(&output.stderr).into_owned());
            }
        }
        Ok(())
    }

    /// How many of these tests fail, and all that they say.
    fn judge(&self, tests: &[&str]) -> (usize, String) {
        let mut judge = Command::new(self.0.join("judge"));
        let output = judge.args(tests).env("SEEDS", "100").env("RUST_BACKTRACE", "0").output();
        let output = output.expect("the judge");
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        let failed = said.lines().filter(|line| line.ends_with(" ... FAILED")).count();
        // Whoever is ended by a signal has found something as well.
        (failed.max(usize::from(!output.status.success())), said)
    }
}

impl Drop for Tree {
    fn drop(&mut self) {
        // It lies where such things are cleaned up anyway.
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// The compiler that has compiled us: RUSTC, or rustc beside cargo, or in the PATH.
fn rustc() -> PathBuf {
    let beside = Path::new(env!("CARGO")).with_file_name("rustc");
    match env::var_os("RUSTC") {
        Some(rustc) => rustc.into(),
        None if beside.exists() => beside,
        None => "rustc".into(),
    }
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("a folder");
    for entry in fs::read_dir(from).expect("a folder") {
        let path = entry.expect("an entry").path();
        let target = to.join(path.file_name().expect("a name"));
        if path.is_dir() {
            copy(&path, &target);
        } else {
            fs::copy(&path, &target).expect("room for a copy");
        }
    }
}

/// Whether somebody finds it. Without THOROUGH nobody looks any more when one has.
fn is_found(bug: &Bug) -> bool {
    let tree = Tree::new(bug.name);
    tree.plant(bug);
    tree.build().unwrap_or_else(|errors| panic!("{} does not compile:\n{errors}", bug.name));
    let thorough = env::var_os("THOROUGH").is_some();
    let mut found = Vec::new();
    for (judge, tests) in JUDGES.iter() {
        if !thorough && !found.is_empty() {
            break;
        }
        let (failed, said) = tree.judge(tests);
        if env::var_os("BUG").is_some() {
            println!("{said}");
        }
        found.extend((failed > 0).then(|| format!("{judge} ({failed} tests)")));
    }
    println!("{:28}found by {}", bug.name, found.join(", "));
    !found.is_empty()
}

/// On as many cores as there are.
#[test]
fn every_bug_is_found() {
    let only = env::var("BUG").ok();
    let wanted = |bug: &&Bug| only.as_ref().is_none_or(|name| name == bug.name);
    let bugs: Vec<&Bug> = BUGS.iter().filter(wanted).collect();
    let (next, overlooked) = (AtomicUsize::new(0), std::sync::Mutex::new(Vec::new()));
    let work = || {
        while let Some(bug) = bugs.get(next.fetch_add(1, Ordering::Relaxed)) {
            if !is_found(bug) {
                overlooked.lock().expect("no panic").push(bug.name);
            }
        }
    };
    thread::scope(|scope| {
        let cores = thread::available_parallelism().map_or(1, usize::from);
        (0..cores).for_each(|_| drop(scope.spawn(work)));
    });
    let overlooked = overlooked.into_inner().expect("no panic");
    assert!(overlooked.is_empty(), "not found: {overlooked:?}");
    assert!(!bugs.is_empty(), "no such bug");
}

/// The judges judge the bug, and not the copy. (The model passes in a test of its own.)
#[test]
fn the_core_as_it_is_passes() {
    let tree = Tree::new("none");
    tree.build().unwrap_or_else(|errors| panic!("{errors}"));
    for (_, tests) in &JUDGES[..2] {
        let (failed, said) = tree.judge(tests);
        assert!(failed == 0 && said.contains(" passed"), "{said}");
    }
}
