//! The copy of what seed.md prints is what seed.md prints, and vipd takes it as it is.

use std::fs;

/// Where the text is, if it is there: beside the repository.
const SEED: &str = "../shared/seed.md";
/// The check, and the instance with the line that names its notify script.
const CONFIGURATION: &str = "tests/demo/seed/keepalived.conf";
const NOTIFY_SCRIPT: &str = "tests/demo/seed/notify-haproxy.sh";

/// What stands between the lines of back quotes.
fn blocks(markdown: &str) -> Vec<String> {
    let (mut blocks, mut open) = (Vec::new(), None::<String>);
    for line in markdown.split_inclusive('\n') {
        match (line.starts_with("```"), &mut open) {
            (true, None) => open = Some(String::new()),
            (true, Some(_)) => blocks.extend(open.take()),
            (false, Some(block)) => block.push_str(line),
            (false, None) => {}
        }
    }
    blocks
}

#[test]
fn the_copy_is_what_is_printed() {
    let Ok(seed) = fs::read_to_string(super::root().join(SEED)) else {
        eprintln!("skipped: there is no {SEED} to compare with");
        return;
    };
    let blocks = blocks(&seed);
    let [check, instance, with_notify, script] = blocks.as_slice() else {
        panic!("{} blocks", blocks.len());
    };
    // The second instance is the first, for whose lines [...] stands, and one line more.
    let (head, lines) = instance.split_once('\n').expect("lines");
    let lines = lines.strip_suffix("}\n").expect("a brace at the end");
    assert!(with_notify.starts_with(head) && with_notify.contains("  [...]\n"), "{with_notify}");
    let instance = with_notify.replace("  [...]\n", lines);
    assert_eq!(super::text(CONFIGURATION), format!("{check}\n{instance}"));
    assert_eq!(super::text(NOTIFY_SCRIPT), *script);
}

/// Of all that could be said there are two things, and no error.
#[test]
fn it_is_accepted() {
    let output = super::vipd(&["-T", "-f", super::root().join(CONFIGURATION).to_str().unwrap()]);
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success(), "{said}");
    let warnings: Vec<_> = said.lines().filter(|line| line.contains(": warning: ")).collect();
    assert_eq!(warnings.len(), 2, "{said}");
    assert!(
        warnings[0].contains("keepalived.conf:6:10: warning: weight 20: chk_haproxy"),
        "{said}"
    );
    assert!(warnings[1].contains("keepalived.conf:10:9: warning: state has no effect"), "{said}");
}
