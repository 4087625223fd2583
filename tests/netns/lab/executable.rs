//! Files to be executed. A child writes them: had this process one open for writing while another
//! test forks, that fork would hold it until its own exec, and whoever executes the file meanwhile
//! gets ETXTBSY.

use std::path::Path;
use std::process::Command;

/// Copies a file; `mode` is octal.
pub fn copy(from: &Path, to: &Path, mode: &str) {
    let copied = Command::new("install").args(["-m", mode]).arg(from).arg(to).status();
    assert!(copied.expect("install(1) runs").success(), "{} cannot be copied", from.display());
}

/// Writes a text; `mode` is octal.
pub fn write(path: &Path, text: &str, mode: &str) {
    let mut source = path.as_os_str().to_owned();
    source.push(".text");
    std::fs::write(&source, text).expect("a file of the lab");
    copy(Path::new(&source), path, mode);
    std::fs::remove_file(&source).expect("it is ours");
}
