use super::*;
use crate::sys::{owned, poll_readable, signalfd};
use std::os::fd::AsFd;
use std::time::{Duration, Instant};

fn words(words: &[&str]) -> Vec<CString> {
    words.iter().map(|word| CString::new(*word).unwrap()).collect()
}

fn start(program: &str, arguments: &[&str], identity: Option<&Identity>) -> io::Result<Child> {
    let program = CString::new(program).unwrap();
    let argv = words(arguments);
    let envp = words(&["PATH=/usr/sbin:/usr/bin:/sbin:/bin", "A=b"]);
    let death_signal = libc::SIGKILL;
    let capture = true;
    spawn(&Spawn { program: &program, argv: &argv, envp: &envp, identity, death_signal, capture })
}

fn shell(script: &str) -> Child {
    start("/bin/sh", &["sh", "-c", script], None).unwrap()
}

fn end(child: &Child) -> Exit {
    assert!(poll_readable(child.pidfd.as_fd(), 20_000).unwrap(), "still running");
    child.wait().unwrap().expect("readable means ended")
}

/// Everything that it and those who share its output print.
fn output(child: &Child) -> String {
    let fd = child.output.as_ref().unwrap().as_fd();
    let (mut all, mut buffer) = (Vec::new(), [0; 100]);
    loop {
        assert!(poll_readable(fd, 20_000).unwrap(), "no output");
        match read_output(fd, &mut buffer).unwrap() {
            Some(0) => return String::from_utf8(all).unwrap(),
            Some(length) => all.extend_from_slice(&buffer[..length]),
            None => {}
        }
    }
}

/// Exit and everything it printed.
fn finish(child: &Child) -> (Exit, String) {
    let text = output(child);
    (end(child), text)
}

/// What a script prints, if it ends well.
fn says(script: &str, identity: Option<&Identity>) -> String {
    let (exit, text) = finish(&start("/bin/sh", &["sh", "-c", script], identity).unwrap());
    assert_eq!(exit, Exit::Code(0), "{text}");
    text.trim_end().to_owned()
}

#[test]
fn status_and_output_come_back() {
    let (exit, output) = finish(&shell("echo out; echo err >&2; echo $A $#; exit 3"));
    assert_eq!((exit, output.as_str()), (Exit::Code(3), "out\nerr\nb 0\n"));
    for (script, exit, text) in [
        ("exit 0", Exit::Code(0), "exit 0"),
        ("exit 3", Exit::Code(3), "exit 3"),
        ("kill -TERM $$", Exit::Signal(libc::SIGTERM), "killed by SIGTERM"),
        ("kill -KILL $$", Exit::Signal(libc::SIGKILL), "killed by SIGKILL"),
    ] {
        let child = shell(script);
        let got = end(&child);
        assert_eq!((got, got.to_string().as_str()), (exit, text));
        // It is told once.
        assert_eq!(child.wait().unwrap_err().raw_os_error(), Some(libc::ECHILD));
    }
    assert_eq!(Exit::Signal(99).to_string(), "killed by signal 99");
}

#[test]
fn what_cannot_be_run_is_an_error() {
    let error = start("/no/such/program", &["x"], None).unwrap_err();
    assert!(error.to_string().starts_with("cannot run /no/such/program: No such file"), "{error}");
    assert_eq!(error.kind(), io::ErrorKind::NotFound);
    for program in ["/etc/passwd", "/dev/null"] {
        let error = start(program, &["x"], None).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::PermissionDenied);
    }
}

/// Our children that have ended and that nobody has waited for, by the name that they share with
/// the thread that started them.
fn zombies(name: &str) -> usize {
    let ours = format!("({name}) Z {} ", std::process::id());
    let stat = |entry: io::Result<std::fs::DirEntry>| {
        std::fs::read_to_string(entry.ok()?.path().join("stat")).ok()
    };
    let all = std::fs::read_dir("/proc").unwrap().filter_map(stat);
    all.filter(|stat| stat.contains(&ours)).count()
}

#[test]
fn what_could_not_be_run_leaves_no_zombie() {
    const NAME: &str = "vipd-zombies";
    let test = || {
        for _ in 0..300 {
            assert!(start("/no/such/program", &["x"], None).is_err());
        }
        assert_eq!(zombies(NAME), 0);
        // It would be seen if there were one.
        let child = start("/bin/true", &["true"], None).unwrap();
        assert!(poll_readable(child.pidfd.as_fd(), 20_000).unwrap());
        assert_eq!(zombies("true"), 1);
        assert_eq!(child.wait().unwrap(), Some(Exit::Code(0)));
        assert_eq!(zombies("true"), 0);
    };
    std::thread::Builder::new().name(NAME.to_owned()).spawn(test).unwrap().join().unwrap();
}

#[test]
fn a_group_dies_as_one() {
    let child = shell("sleep 1000 & echo ready; wait");
    assert_eq!(child.wait().unwrap(), None);
    let fd = child.output.as_ref().unwrap().as_fd();
    let mut buffer = [0; 100];
    assert!(poll_readable(fd, 20_000).unwrap());
    assert_eq!(read_output(fd, &mut buffer).unwrap(), Some(6));
    assert_eq!(read_output(fd, &mut buffer).unwrap(), None);
    child.signal_group(libc::SIGTERM).unwrap();
    assert_eq!(end(&child), Exit::Signal(libc::SIGTERM));
    // The end of the output: `sleep`, which held the pipe too, is gone as well.
    assert_eq!(output(&child), "");
}

#[test]
fn environment_directory_and_umask_are_set() {
    assert_eq!(says("echo $A $0; pwd; umask", None), "b sh\n/\n0022");
    assert_eq!(says("env | grep -c CARGO || true", None), "0");
    assert_eq!(says("readlink /proc/$$/fd/0; cat", None), "/dev/null");
}

#[test]
fn without_capture_output_goes_nowhere() {
    let child = spawn(&Spawn {
        program: c"/bin/sh",
        argv: &words(&["sh", "-c", "readlink /proc/$$/fd/1 | grep -q '^/dev/null$'"]),
        envp: &words(&["PATH=/usr/bin:/bin"]),
        identity: None,
        death_signal: 0,
        capture: false,
    })
    .unwrap();
    assert!(child.output.is_none());
    assert_eq!(end(&child), Exit::Code(0));
}

/// A field of a `status` file of /proc, a set of signals.
fn signals(status: &str, field: &str) -> u64 {
    let line = status.lines().find_map(|line| line.strip_prefix(field)).unwrap();
    u64::from_str_radix(line.trim(), 16).unwrap()
}

#[test]
fn a_child_has_no_signal_blocked_or_ignored() {
    signalfd::ignore(libc::SIGPIPE).unwrap();
    let _blocked = signalfd::SignalFd::new(&[libc::SIGUSR2, libc::SIGTERM]).unwrap();
    let status = says("exec cat /proc/self/status", None);
    // Those that the C library keeps for itself are not excepted.
    for field in ["SigBlk:", "SigIgn:", "SigCgt:"] {
        assert_eq!(signals(&status, field), 0, "{status}");
    }
    // And ours are as they were.
    let ours = std::fs::read_to_string("/proc/thread-self/status").unwrap();
    let wanted = 1u64 << (libc::SIGUSR2 - 1) | 1 << (libc::SIGTERM - 1);
    assert_eq!(signals(&ours, "SigBlk:"), wanted);
}

#[test]
fn a_child_has_no_descriptors_of_ours() {
    let (reader, _writer) = pipe().unwrap();
    // A copy that is not close-on-exec.
    // SAFETY: the call has no pointers.
    let _open = owned(unsafe { libc::fcntl(reader.as_raw_fd(), libc::F_DUPFD, 100) }).unwrap();
    // The fourth is the folder that `ls` reads, the last is what ends it with us.
    assert_eq!(says("exec ls /proc/self/fd", None), "0\n1\n2\n3\n63");
}

#[test]
fn a_child_leads_a_group_of_its_own() {
    let text = says("cut -d' ' -f1,4,5 /proc/$$/stat", None);
    let ids: Vec<u32> = text.split_whitespace().map(|id| id.parse().unwrap()).collect();
    assert_eq!(ids[0], ids[2]);
    assert_eq!(ids[1], std::process::id());
}

#[test]
fn a_child_becomes_somebody_else_for_good() {
    if effective_uid() != 0 {
        println!("skipped: needs root");
        return;
    }
    let nobody = crate::sys::user::identity("nobody", None).unwrap().unwrap();
    let text = says("id", Some(&nobody));
    assert!(text.starts_with(&format!("uid={}(nobody)", nobody.uid)), "{text}");
    assert!(!text.contains("root"), "{text}");
    let identity = Identity { uid: 4711, gid: 4712, groups: vec![4713, 4714] };
    let text = says("grep -E '^(Uid|Gid|Groups|CapEff)' /proc/self/status", Some(&identity));
    let words: Vec<&str> = text.split_whitespace().collect();
    assert_eq!(words[..5], ["Uid:", "4711", "4711", "4711", "4711"]);
    assert_eq!(words[5..10], ["Gid:", "4712", "4712", "4712", "4712"]);
    assert_eq!(words[10..13], ["Groups:", "4713", "4714"]);
    assert_eq!(words[13..], ["CapEff:", "0000000000000000"]);
    assert_eq!(effective_uid(), 0);
}

#[test]
fn a_number_that_is_nobodys_is_refused() {
    if effective_uid() != 0 {
        println!("skipped: needs root");
        return;
    }
    // -1 means "as it is" to some of the kernel's calls: the child would stay root.
    let id = |uid, gid| Identity { uid, gid, groups: vec![4713] };
    for (identity, step) in [(id(u32::MAX, 4712), "user"), (id(4711, u32::MAX), "group")] {
        let error = start("/bin/true", &["true"], Some(&identity)).unwrap_err();
        let text = format!("cannot change the {step} for /bin/true: ");
        assert!(error.to_string().starts_with(&text), "{error}");
    }
}

#[test]
fn who_stays_as_he_is_needs_no_rights() {
    let (uid, gid) = (effective_uid(), effective_gid());
    let same = Identity { uid, gid, groups: vec![gid] };
    assert_eq!(needs_change(&same), uid == 0);
    assert!(needs_change(&Identity { uid: uid + 1, ..same.clone() }));
    assert_eq!(says("id -u", Some(&same)), uid.to_string());
}

#[test]
fn a_child_dies_with_the_thread_that_started_it() {
    let child = std::thread::spawn(|| shell("exec sleep 1000")).join().unwrap();
    assert_eq!(end(&child), Exit::Signal(libc::SIGKILL));
}

#[test]
fn many_children_one_after_the_other_leave_no_descriptor() {
    let count = || std::fs::read_dir("/proc/thread-self/fd").unwrap().count();
    let before = count();
    for _ in 0..200 {
        assert_eq!(end(&shell("exit 0")), Exit::Code(0));
    }
    // Others run at the same time, so some more or less prove nothing; a leak would be 400.
    let patience = Instant::now() + Duration::from_secs(20);
    while count() >= before + 100 {
        assert!(Instant::now() < patience, "{before} before, {} now", count());
    }
}

#[test]
fn the_end_of_any_process_is_told() {
    use std::os::fd::AsFd;
    let mut child = std::process::Command::new("sleep").arg("60").spawn().unwrap();
    let fd = pidfd(child.id()).unwrap();
    assert!(!super::super::poll_readable(fd.as_fd(), 0).unwrap());
    child.kill().unwrap();
    // Even before anybody has waited for it.
    assert!(super::super::poll_readable(fd.as_fd(), 20_000).unwrap());
    child.wait().unwrap();
    assert_eq!(pidfd(child.id()).unwrap_err().raw_os_error(), Some(libc::ESRCH));
}
