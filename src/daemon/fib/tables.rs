//! Names of routing tables, as ip(8) has them: `/etc/iproute2/rt_tables` and what stands beside it.

use crate::config::route::Table;
use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};

/// Where names are kept; the first file that has one counts.
const FILES: [&str; 3] =
    ["/etc/iproute2/rt_tables", "/usr/share/iproute2/rt_tables", "/usr/lib/iproute2/rt_tables"];
/// Files of other packages.
const FOLDER: &str = "/etc/iproute2/rt_tables.d";
/// So much of a file is read.
const LONGEST: u64 = 256 << 10;
/// So many files of the folder.
const MOST: usize = 100;

/// The number of a table.
///
/// # Errors
/// That no file has its name.
pub fn number(table: &Table) -> Result<u32, String> {
    let name = match table {
        Table::Number(number) => return Ok(*number),
        Table::Name(name) => name,
    };
    let files = FILES.iter().map(PathBuf::from).chain(others());
    let found = files.filter_map(|file| read(&file)).find_map(|text| find(&text, name));
    found.ok_or_else(|| format!("there is no routing table {name}: {} does not have it", FILES[0]))
}

fn others() -> Vec<PathBuf> {
    let Ok(folder) = fs::read_dir(FOLDER) else { return Vec::new() };
    let mut files: Vec<_> = folder.flatten().take(MOST).map(|entry| entry.path()).collect();
    files.retain(|file| file.extension().is_some_and(|extension| extension == "conf"));
    files.sort();
    files
}

fn read(file: &Path) -> Option<String> {
    let mut bytes = Vec::new();
    File::open(file).ok()?.take(LONGEST).read_to_end(&mut bytes).ok()?;
    Some(String::from_utf8_lossy(&bytes).into_owned())
}

/// `NUMBER NAME`, line by line; the number is decimal, or begins with `0x`.
fn find(text: &str, name: &str) -> Option<u32> {
    text.lines().find_map(|line| {
        let mut words = line.split_whitespace();
        let number = words.next()?;
        let number = match number.strip_prefix("0x") {
            Some(digits) => u32::from_str_radix(digits, 16),
            None => number.parse(),
        };
        number.ok().filter(|number| *number != 0 && words.next() == Some(name))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_have_names() {
        let text = "# comment\n255 local\n\n0x64\twan # a comment\n7\n0 unspec\nx y\n";
        assert_eq!((find(text, "local"), find(text, "wan")), (Some(255), Some(100)));
        for name in ["comment", "unspec", "y", "lan", ""] {
            assert_eq!(find(text, name), None, "{name}");
        }
        assert_eq!(number(&Table::Number(5)), Ok(5));
        let error = number(&Table::Name("no-such-table".into())).unwrap_err();
        assert!(error.contains("no-such-table: /etc/iproute2/rt_tables does not"), "{error}");
    }
}
