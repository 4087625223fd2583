//! `wire` and `vrrp` know no clock, no file, no socket, no thread and no log: the compiler says so.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::{env, fs, process};

/// A folder of its own for each test, removed when it is done with.
struct Scratch(PathBuf);

impl Scratch {
    fn new(name: &str) -> Self {
        let folder = env::temp_dir().join(format!("vipd-no-std-{name}-{}", process::id()));
        fs::create_dir_all(&folder).expect("a folder for the output");
        Self(folder)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // It lies where such things are cleaned up anyway.
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// The compiler that has compiled us: RUSTC, or rustc beside cargo, or in the PATH.
fn rustc() -> PathBuf {
    if let Some(rustc) = env::var_os("RUSTC") {
        return rustc.into();
    }
    let beside = Path::new(env!("CARGO")).with_file_name("rustc");
    if beside.exists() {
        beside
    } else {
        "rustc".into()
    }
}

/// Compiles a file of this folder as a library, as far as its types are checked.
fn compile(file: &str) -> Output {
    let scratch = Scratch::new(file);
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/no_std").join(file);
    Command::new(rustc())
        .args(["--edition=2021", "--crate-type=lib", "--crate-name=core_alone"])
        .args(["--emit=metadata", "--cap-lints=allow", "--out-dir"])
        .args([&scratch.0, &source])
        .output()
        .expect("rustc")
}

#[test]
fn the_core_compiles_without_the_standard_library() {
    let output = compile("lib.rs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

/// The method works: it is the missing standard library that is complained about.
#[test]
fn a_clock_does_not() {
    let output = compile("impure.rs");
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success() && errors.contains("E0433"), "{errors}");
}

/// `use` goes one way: `vrrp` to `wire`, and neither to anything else of ours.
#[test]
fn the_core_uses_only_itself() {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    uses_only(&source.join("wire"), &["crate::wire"]);
    uses_only(&source.join("vrrp"), &["crate::vrrp", "crate::wire"]);
}

/// Looks at every source in a folder and below it.
fn uses_only(folder: &Path, allowed: &[&str]) {
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            uses_only(&path, allowed);
            continue;
        }
        let text = fs::read_to_string(&path).expect("a source");
        for line in text.lines().filter(|line| line.contains("crate::")) {
            let inward = allowed.iter().any(|path| line.contains(path));
            assert!(inward, "{}: {line}", path.display());
        }
    }
}
