//! What users read agrees with what the program does: samples, options, keywords, messages, links.

mod dialect;
mod markdown;
mod mdoc;
mod messages;
mod seed;
mod uci;

use mdoc::Page;
use std::collections::BTreeSet;
use std::fs;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use vipd::config::schema;
use vipd::wire::Discard;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn text(file: &str) -> String {
    fs::read_to_string(root().join(file)).unwrap_or_else(|error| panic!("{file}: {error}"))
}

fn page(file: &str) -> Page {
    Page::new(&text(file))
}

fn vipd(arguments: &[&str]) -> Output {
    called("vipd", arguments)
}

/// The program by one of its names.
fn called(name: &str, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_vipd")).arg0(name).args(arguments).output().unwrap()
}

/// What is in one and not in the other, if anything.
fn assert_same(what: &str, in_program: &BTreeSet<String>, in_manual: &BTreeSet<String>) {
    let undocumented: Vec<_> = in_program.difference(in_manual).collect();
    let invented: Vec<_> = in_manual.difference(in_program).collect();
    assert!(undocumented.is_empty(), "{what} that the manual does not have: {undocumented:#?}");
    assert!(invented.is_empty(), "{what} that the manual alone has: {invented:#?}");
}

/// Every sample of a configuration, with where it is from.
fn samples() -> Vec<(String, String)> {
    let mut samples = Vec::new();
    for file in ["man/vipd.8", "man/vipd.toml.5"] {
        let blocks = page(file).literal_blocks();
        let configurations = blocks.into_iter().filter(|block| is_configuration(block));
        samples.extend(configurations.map(|block| (file.to_owned(), block)));
    }
    for file in ["README.md", "CONTRIBUTING.md"] {
        let blocks = markdown::blocks(&text(file), "toml");
        samples.extend(blocks.into_iter().map(|block| (file.to_owned(), block)));
    }
    for entry in fs::read_dir(root().join("conf")).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "toml") {
            samples.push((path.display().to_string(), fs::read_to_string(&path).unwrap()));
        }
    }
    samples
}

fn is_configuration(block: &str) -> bool {
    block
        .lines()
        .any(|line| schema::sections().any(|(_, word)| line.starts_with(&format!("[{word}"))))
}

#[test]
fn every_sample_is_accepted() {
    let samples = samples();
    for file in ["man/vipd.8", "man/vipd.toml.5", "README.md", "vipd.toml"] {
        assert!(samples.iter().any(|(from, _)| from.ends_with(file)), "no sample in {file}");
    }
    for (number, (from, sample)) in samples.iter().enumerate() {
        let file = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("sample-{number}.toml"));
        fs::write(&file, sample).unwrap();
        let output = vipd(&["-T", "-f", file.to_str().unwrap()]);
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{from}:\n{said}\n{sample}");
    }
}

/// So that `every_sample_is_accepted` is worth something.
#[test]
fn a_wrong_sample_would_not_be_accepted() {
    let file = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("wrong.toml");
    fs::write(&file, "[vrrp_instance.a]\ninterfacce = \"eth0\"\n").unwrap();
    let output = vipd(&["-T", "-f", file.to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(78));
}

/// In vipd.toml(5) a literal block that is no configuration would go unchecked.
#[test]
fn the_manual_of_the_configuration_shows_configurations_only() {
    for block in page("man/vipd.toml.5").literal_blocks() {
        assert!(is_configuration(&block), "no configuration:\n{block}");
    }
}

#[test]
fn every_shell_script_can_be_parsed() {
    let mut scripts = markdown::blocks(&text("README.md"), "sh");
    scripts.extend(page("man/vipd.8").literal_blocks());
    scripts.retain(|script| script.starts_with("#!/bin/sh"));
    assert!(scripts.len() >= 2, "only {} scripts", scripts.len());
    for script in scripts {
        let output = Command::new("sh").args(["-n", "-c", &script]).output().unwrap();
        assert!(output.status.success(), "{}\n{script}", String::from_utf8_lossy(&output.stderr));
    }
}

/// What a shell completes: `script` is told where vipctl is, where we are, and the words so far.
fn completed(shell: &str, script: &str, line: &[&str]) -> String {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("completion-{shell}"));
    fs::create_dir_all(&folder).unwrap();
    let _ = std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_vipd"), folder.join("vipctl"));
    let output = Command::new(shell)
        .args(["-c", script, shell, folder.to_str().unwrap(), root().to_str().unwrap()])
        .args(line)
        .output()
        .unwrap();
    assert!(output.status.success(), "{line:?}: {output:?}");
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}

/// zsh offers what the program has, and picks what fits itself.
#[test]
fn the_completion_of_zsh_knows_the_commands() {
    let script = "PATH=$1:$PATH; here=$2; shift 2; words=(\"$@\"); CURRENT=$#; \
                  compadd() { shift; print -r -- \"$@\"; }; . $here/conf/completion/_vipctl";
    for (line, offered) in [
        (&["vipctl", ""][..], "doctor"),
        (&["vipctl", "-r", "x", ""], "is-master"),
        (&["vipctl", "drain", "--"], "--force"),
        (&["vipctl", "notify", "vip", ""], "FAULT"),
    ] {
        let said = completed("zsh", script, line);
        assert!(said.split_whitespace().any(|word| word == offered), "{line:?}: {said}");
    }
}

/// bash completes what the program has.
#[test]
fn the_completion_of_bash_knows_the_commands() {
    let script = "PATH=$1:$PATH; . $2/conf/completion/vipctl.bash; shift 2; COMP_WORDS=(\"$@\"); \
                  COMP_CWORD=$(($# - 1)); _vipctl; echo \"${COMPREPLY[*]}\"";
    for (line, completed) in [
        (&["vipctl", "st"][..], "status stop"),
        (&["vipctl", "-r", "x", "is"], "is-master"),
        (&["vipctl", "drain", "--fo"], "--force"),
        (&["vipctl", "notify", "vip", "F"], "FAULT"),
    ] {
        assert_eq!(self::completed("bash", script, line), completed, "{line:?}");
    }
}

#[test]
fn every_option_is_documented() {
    for (name, some) in [("vipctl", ["-i", "--to"]), ("vipd", ["-f", "--use-file"])] {
        let output = called(name, &["-h"]);
        assert!(output.status.success());
        let help = String::from_utf8(output.stdout).unwrap();
        let in_program: BTreeSet<String> = help
            .lines()
            .flat_map(|line| line.split_whitespace().take(2))
            .filter(|word| word.starts_with('-'))
            .map(|word| word.trim_end_matches(',').to_owned())
            .collect();
        assert!(some.iter().all(|option| in_program.contains(*option)), "{help}");
        let page = page(&format!("man/{name}.8"));
        assert_same(&format!("options of {name}"), &in_program, &page.options());
    }
}

#[test]
fn every_keyword_is_documented() {
    let name = |(section, word): (&str, &str)| format!("{section}: {word}");
    let in_program: BTreeSet<String> = schema::keywords().map(name).collect();
    assert!(in_program.len() > 50, "only {} keywords", in_program.len());
    let keywords = page("man/vipd.toml.5").keywords();
    let in_manual = keywords.iter().map(|(section, word)| name((section, word))).collect();
    assert_same("keywords", &in_program, &in_manual);
}

#[test]
fn every_message_is_documented() {
    // What src/exit.rs says, both programs say.
    let of = |other: &str| {
        let mut messages = messages::of_the_program(root());
        messages.retain(|(file, _)| !file.starts_with(other));
        messages
    };
    let messages = of("src/control/");
    let mut client = of("src/main.rs");
    client.retain(|(file, _)| is_of_the_client(file));
    assert!(messages.len() > 40 && client.len() > 5, "{} and {}", messages.len(), client.len());
    same_messages("man/vipctl.8", &client);
    same_messages("man/vipd.8", &messages);
}

fn is_of_the_client(file: &str) -> bool {
    file.starts_with("src/control/") || file == "src/exit.rs"
}

fn same_messages(file: &str, messages: &[(String, messages::Message)]) {
    let items = page(file).items("DIAGNOSTICS");
    let told = |item: &str| {
        messages.iter().any(|(_, message)| message.describes(item))
            || Discard::ALL.iter().any(|reason| reason.text() == item)
    };
    let undocumented: Vec<_> = messages
        .iter()
        .filter(|(_, message)| !items.iter().any(|item| message.describes(item)))
        .map(|(file, message)| format!("{file}: {message}"))
        .collect();
    let invented: Vec<_> = items.iter().filter(|item| !told(item)).collect();
    assert!(undocumented.is_empty(), "messages that {file} does not have: {undocumented:#?}");
    assert!(invented.is_empty(), "messages that {file} alone has: {invented:#?}");
}

#[test]
fn every_reason_for_discarding_is_documented() {
    let items = page("man/vipd.8").items("DIAGNOSTICS");
    for reason in Discard::ALL {
        assert!(items.iter().any(|item| item == reason.text()), "{}", reason.text());
    }
}

#[test]
fn the_manual_pages_are_well_formed() {
    if Command::new("mandoc").arg("-T").arg("lint").arg("/dev/null").output().is_err() {
        eprintln!("skipped: mandoc is not installed");
        return;
    }
    for file in
        ["man/vipd.8", "man/vipctl.8", "man/vipd.toml.5", "man/vipd.keepalived.5", "man/vipd.uci.5"]
    {
        let path = root().join(file);
        let output = Command::new("mandoc")
            .args(["-T", "lint", "-W", "warning"])
            .arg(path)
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success() && said.is_empty(), "{file}:\n{said}");
    }
}

#[test]
fn every_link_leads_somewhere() {
    let mut links = 0;
    for file in ["README.md", "CONTRIBUTING.md", "CHANGELOG.md"] {
        let text = text(file);
        for link in markdown::links(&text).filter(|link| !link.contains("://")) {
            links += 1;
            let (path, heading) = link.split_once('#').unwrap_or((link, ""));
            assert!(root().join(path).exists(), "{file} links to {path}");
            let known = heading.is_empty() || markdown::headings(&text).any(|it| it == heading);
            assert!(known, "{file} links to #{heading}");
        }
    }
    assert!(links >= 8, "only {links} links");
}
