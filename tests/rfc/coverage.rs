//! Which requirement has a test: the table against the names of the tests in the source.

use crate::requirements::{Proof, REQUIREMENTS};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// Where the numbers of tests are found, by number.
type Found = BTreeMap<String, BTreeSet<PathBuf>>;

#[test]
fn every_requirement_is_where_the_table_says() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut found = Found::new();
    for folder in ["src", "tests"] {
        scan(root, &root.join(folder), &mut found);
    }
    let namespaces = root.join("tests/netns").exists();
    let mut wrong = Vec::new();
    for (number, title, proof) in REQUIREMENTS {
        let places = found.remove(*number).unwrap_or_default();
        let complaint = judge(*proof, &places, namespaces);
        println!("{number}  {proof:?}  {title}  {places:?}");
        wrong.extend(complaint.map(|complaint| format!("{number} ({title}): {complaint}")));
    }
    for (number, places) in found {
        wrong.push(format!("{number} is not in the table, but in {places:?}"));
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

/// What is wrong with a row, given where its tests are.
fn judge(proof: Proof, places: &BTreeSet<PathBuf>, namespaces: bool) -> Option<&'static str> {
    let there = |place: &PathBuf| place.starts_with("tests/netns");
    match proof {
        Proof::Tested if places.iter().all(there) => Some("no test of the core has this number"),
        Proof::InNamespaces if namespaces && !places.iter().any(there) => {
            Some("no test in tests/netns has this number")
        }
        Proof::NotYet(_) | Proof::NotApplicable(_) if !places.is_empty() => {
            Some("there is a test: the table claims too little")
        }
        Proof::Tested | Proof::InNamespaces | Proof::NotYet(_) | Proof::NotApplicable(_) => None,
    }
}

/// Finds the tests' numbers in all sources of a folder.
fn scan(root: &Path, folder: &Path, found: &mut Found) {
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            scan(root, &path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let text = fs::read_to_string(&path).expect("a source");
            let place = path.strip_prefix(root).unwrap_or(&path);
            for number in text.lines().zip(text.lines().skip(1)).flat_map(numbers) {
                found.entry(number).or_default().insert(place.to_owned());
            }
        }
    }
}

/// The numbers in the name of a test: a function right below `#[test]`.
fn numbers((attribute, line): (&str, &str)) -> Vec<String> {
    let name = line.trim_start().strip_prefix("fn ").and_then(|rest| rest.split('(').next());
    let Some(name) = name.filter(|_| attribute.trim() == "#[test]") else { return Vec::new() };
    let words: Vec<&str> = name.split('_').collect();
    let pair = |pair: &[&str]| match pair {
        [kind @ ("v3" | "v2" | "v2a"), number] if number.bytes().all(|b| b.is_ascii_digit()) => {
            Some(format!("{kind}_{number}"))
        }
        _ => None,
    };
    words.windows(2).filter_map(pair).collect()
}

#[test]
fn a_name_may_carry_several_numbers() {
    let read = |attribute, name| numbers((attribute, name));
    let line = "    fn v3_005_v3_040_v2_003_ttl_is_255() {";
    assert_eq!(read("    #[test]", line), ["v3_005", "v3_040", "v2_003"]);
    assert_eq!(read("#[test]", "fn v2a_01_v3_is_no_number() {"), ["v2a_01"]);
    assert_eq!(read("", line), [""; 0]);
}

#[test]
fn the_table_is_judged() {
    let core = BTreeSet::from([PathBuf::from("src/wire/advert.rs")]);
    let netns = BTreeSet::from([PathBuf::from("tests/netns/main.rs")]);
    let none = BTreeSet::new();
    let wrong = |proof, places: &BTreeSet<PathBuf>| judge(proof, places, true).is_some();
    assert!(!wrong(Proof::Tested, &core) && wrong(Proof::Tested, &none));
    assert!(wrong(Proof::Tested, &netns));
    assert!(!wrong(Proof::InNamespaces, &netns) && wrong(Proof::InNamespaces, &core));
    assert!(judge(Proof::InNamespaces, &none, false).is_none());
    assert!(wrong(Proof::NotYet(""), &core) && !wrong(Proof::NotYet(""), &none));
    assert!(wrong(Proof::NotApplicable(""), &netns));
}

#[test]
fn the_table_is_in_order_and_complete() {
    let last = |kind: &str| {
        let of_kind = REQUIREMENTS.iter().filter(|(number, ..)| number.starts_with(kind));
        of_kind.map(|(number, ..)| *number).next_back()
    };
    assert_eq!(
        [last("v3_"), last("v2_"), last("v2a_")],
        [Some("v3_122"), Some("v2_020"), Some("v2a_06")]
    );
    let unique: BTreeSet<_> = REQUIREMENTS.iter().map(|(number, ..)| number).collect();
    assert_eq!(unique.len(), REQUIREMENTS.len());
}
