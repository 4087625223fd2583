//! UCI as the daemon's file: in a folder `/etc/config` it needs no option.

use crate::keepalived_conf::judge;
use crate::lab::{Lab, SOON, VIP};
use crate::scripts::status;
use crate::setup::{vipd, VRID};
use std::path::PathBuf;

/// A file with one virtual router, in vipd's own layout.
fn uci(lab: &Lab, name: &str, more: &str) -> PathBuf {
    let folder = lab.directory().join("etc/config");
    std::fs::create_dir_all(folder).expect("a directory of the lab");
    let text = format!(
        "config vrrp_instance 'vip'\n\
         \toption interface 'eth0'\n\
         \toption virtual_router_id '{VRID}'\n\
         \toption version '3'\n\
         \toption advert_int '0.2'\n\
         \tlist virtual_ipaddress '{VIP}/24'\n\
         {more}"
    );
    lab.file(&format!("etc/config/{name}"), &text)
}

#[test]
fn the_text_and_the_host_are_judged() {
    let lab = Lab::new();
    let good = uci(&lab, "good", "");
    assert_eq!(judge(&["-T"], &good), (0, String::new()));
    let odd = lab.file("odd.conf", &std::fs::read_to_string(&good).expect("it was written"));
    assert_eq!(judge(&["-T"], &odd).0, 78);
    assert_eq!(judge(&["-T", "-F", "uci"], &odd), (0, String::new()));

    let missing = uci(&lab, "missing", "\toption notify '/no/such/script'\n");
    let place = format!("{}:7:", missing.display());
    for option in ["-t", "-n"] {
        let (code, said) = judge(&[option], &missing);
        let told = said.contains(&place) && said.contains("error: cannot run /no/such/script: ");
        assert!(code == 78 && told, "{option}: {code}: {said}");
    }
    assert_eq!(judge(&["-T"], &missing), (0, String::new()));

    let typo = uci(&lab, "typo", "\toption prioritty '5'\n");
    let place = format!("{}:7:", typo.display());
    for option in ["-t", "-T", "-n"] {
        let (code, said) = judge(&[option], &typo);
        let told = said.contains(&place) && said.contains("unknown word \"prioritty\"");
        assert!(code == 78 && told, "{option}: {code}: {said}");
    }
}

#[test]
fn a_router_runs_with_it_and_skips_what_is_wrong() {
    let lab = Lab::new();
    let a = lab.host("a", "10.77.0.1/24");
    let file = uci(&lab, "vipd", "\toption prioritty '5'\n");
    let process = lab.vipd_of(vipd(), &a, &file, &["--lenient"]);
    process.wait_log("skipped: unknown word \"prioritty\"", SOON);
    let all = "is used without what is wrong in it (--lenient): 1 skipped";
    process.wait_log(&format!("{all}, see the warnings above"), SOON);
    process.wait_log("vip: BACKUP -> MASTER", SOON);
    lab.wait_holder(&a, SOON);
    assert!(status(&process, &file.display().to_string()).ends_with(all));
}
