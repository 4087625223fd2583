//! UCI: the same configuration, whoever wrote the layout.

use super::{accepted, case, cases, survives};
use std::fs;
use std::time::{Duration, Instant};
use vipd::config::convert::{convert, Target};
use vipd::config::{read, read_tree, Format, Reading};

/// The two cases of a seed are one configuration.
#[test]
fn the_seed_in_uci_is_the_same() {
    let text = case("uci-seed.uci");
    let (config, report) = read("f", text.as_bytes(), &Reading::strict(Format::Uci), &|_, _| {});
    assert_eq!(config, Some(accepted(&case("seed.toml"))), "{report}");
}

/// A file of OpenWrt's package of keepalived: what its names stand for, and what `0` means.
#[test]
fn the_layout_of_openwrt_is_understood() {
    let text = case("uci-openwrt.uci");
    let (config, report) = read("f", text.as_bytes(), &Reading::strict(Format::Uci), &|_, _| {});
    let same = "
        [global_defs]
        router_id = 'gw1'
        vrrp_startup_delay = 5
        [vrrp_script.chk_dns]
        script = '/usr/bin/nslookup example.org 127.0.0.1'
        interval = 5
        timeout = 3
        weight = '10 reverse'
        [vrrp_script.chk_wan]
        script = '/usr/bin/ping -c1 198.51.100.1'
        weight = -20
        fall = 2
        rise = 3
        [vrrp_instance.lan]
        interface = 'br-lan'
        virtual_router_id = 10
        priority = 120
        authentication = { auth_type = 'PASS', auth_pass = 's3cret' }
        garp_master_delay = 2
        virtual_ipaddress = ['192.168.1.1/24 dev br-lan label br-lan:vip', '192.168.7.1',
                             '192.168.8.1/24 dev br-guests.100']
        virtual_routes = '0.0.0.0/0 via 198.51.100.1 dev eth1'
        track_script = ['chk_dns', 'chk_wan']
        track_interface = ['eth1 weight 10']
        [interface_up_down_delays.eth1]
        down_delay = 1.99609375
        [vrrp_instance.'wan.1']
        interface = 'eth1'
        virtual_router_id = 11
        version = 3
        nopreempt = true
        virtual_ipaddress = '198.51.100.2/29 dev eth1 label eth1:gw'
        unicast_peer = ['192.168.1.3', '198.51.100.4']
        track_script = ['chk_dns', 'chk_wan']
        [vrrp_sync_group.both]
        group = ['lan', 'wan.1']
        [static_ipaddress]
        address = '192.168.7.1 dev eth0'
    ";
    assert_eq!(config, Some(accepted(same)), "{report}");
    let said = report.to_string();
    assert!(!said.contains("s3cret") && !said.contains("use_vmac") && !said.contains("polling"));
}

/// What the file says and the tree does not is there for people, without passwords.
#[test]
fn what_uci_leaves_out_is_kept() {
    let text = case("uci-openwrt.uci") + "config vrrp_script\n# two\n";
    let (tree, report) = read_tree("f", text.as_bytes(), &Reading::strict(Format::Uci));
    let tree = tree.unwrap_or_else(|| panic!("{report}"));
    let left_out: Vec<_> = tree.left_out.iter().map(|it| it.text.as_str()).collect();
    for line in [
        "list notification_email 'root@example.org'",
        "option sync_mode 'send'",
        "option auth_type 'PASS'",
        "config url 'index'",
    ] {
        assert_eq!(left_out.iter().filter(|it| **it == line).count(), 1, "{line} {left_out:#?}");
    }
    assert!(!report.to_string().contains("s3cret"), "{report}");
    let comments: Vec<_> = tree.comments.iter().map(|it| it.text.as_str()).collect();
    let first = "Two routers of an office, as the package writes and LuCI edits it.";
    assert_eq!(comments, [first, "two"]);
}

/// Whatever UCI can say, it says the same.
#[test]
fn what_is_converted_from_and_to_uci_stays_the_same() {
    let mut converted = 0;
    for (path, format) in cases() {
        let bytes = fs::read(&path).unwrap();
        let (Some(config), _) = read("f", &bytes, &Reading::strict(format), &|_, _| {}) else {
            continue;
        };
        // keepalived runs without any instance, and nobody else does.
        if config.vrrp_instance.is_empty() {
            continue;
        }
        for (to, target) in [(Format::Toml, Target::Toml), (Format::Uci, Target::Uci)] {
            let (text, report) = convert("f", &bytes, &Reading::strict(format), target);
            if report.has_errors() {
                continue;
            }
            let text = text.unwrap_or_else(|| panic!("{}: {report}", path.display()));
            let (again, report) = read("f", text.as_bytes(), &Reading::strict(to), &|_, _| {});
            assert_eq!(again.as_ref(), Some(&config), "{}\n{report}\n{text}", path.display());
            converted += 1;
        }
    }
    assert!(converted >= 22, "only {converted} were converted");
}

/// Whatever is misspelt in UCI, its password is not shown.
#[test]
fn no_mutation_shows_a_password() {
    let text = case("uci-openwrt.uci");
    let start = text.find("config vrrp_instance").unwrap();
    let text = &text[start..];
    let blank = text.find("auth_pass").unwrap() + "auth_pass".len();
    let text = text.as_bytes();
    let shows = |bytes: &[u8]| {
        let (_, report) = read("f", bytes, &Reading::strict(Format::Uci), &|_, _| {});
        let said = report.to_string();
        assert!(!said.contains("s3cret"), "{}\n{said}", String::from_utf8_lossy(bytes));
    };
    // Without the blank behind it the password is a part of the keyword.
    for at in (0..text.len()).filter(|at| *at != blank) {
        let mut mutant = text.to_vec();
        for byte in b"\0\"';#\n\\ -x_" {
            mutant[at] = *byte;
            shows(&mutant);
        }
        mutant.remove(at);
        shows(&mutant);
        shows(&text[..at]);
    }
}

#[test]
fn a_megabyte_of_any_uci_ends() {
    const SIZE: usize = 1 << 20;
    let begin = Instant::now();
    for piece in [
        "config",
        "config\n",
        "config a\n",
        "config a a\n",
        "option",
        "o a b\n",
        "o a b;",
        "l a b\n",
        "'",
        "\"",
        "'\n",
        "\"\n",
        "\\",
        "\\\"\n",
        "\\\n",
        "#",
        "#\n",
        ";",
        " ",
        "\n",
        "\r\n",
        "a ",
        "o a '\n",
        "o a \"\n",
        "o a '\"\n",
        "l a '\no a \"'\n",
        "package a\n",
        "漢",
        "\0",
        "config ipaddress a\n",
        "c ipaddress\no name a\no address 1\n",
        "\u{feff}",
        "c vrrp_instance\no virtual_ipaddress a\n",
        "c vrrp_instance a\n",
        "c vrrp_script\no aut x\n",
    ] {
        let text = piece.repeat(SIZE / piece.len());
        for before in [
            "",
            "config vrrp_instance a\n",
            "config vrrp_instance a\n\toption virtual_ipaddress '",
            "config ipaddress a\n\toption address 192.0.2.1\nconfig vrrp_instance b\n\tlist \
             virtual_ipaddress \"",
        ] {
            survives(format!("{before}{text}").as_bytes(), Format::Uci);
        }
    }
    assert!(begin.elapsed() < Duration::from_secs(60), "{:?}", begin.elapsed());
}

/// One short name for a long line, again and again: what it stands for fits into memory.
#[test]
fn names_in_uci_do_not_multiply() {
    let mut text = String::from("config ipaddress a\n\toption address '192.0.2.1 ");
    text += &format!("{}'\n", "x ".repeat(100));
    for n in 0..2048 {
        text +=
            &format!("c vrrp_instance i{n}\n\toption virtual_ipaddress '{}'\n", "a ".repeat(99));
    }
    let begin = Instant::now();
    let (config, report) = read("f", text.as_bytes(), &Reading::strict(Format::Uci), &|_, _| {});
    assert!(config.is_none());
    assert!(report.errors().any(|problem| problem.message.contains("more than 65536 names")));
    assert!(begin.elapsed() < Duration::from_secs(20), "{:?}", begin.elapsed());
}

/// What OpenWrt's package handed on is read as keepalived reads it; what was written for vipd is not.
#[test]
fn habits_of_keepalived_are_taken_in_its_layout_alone() {
    let file = |globals: &str| {
        format!(
            "config {globals}\nconfig vrrp_instance\n\toption name 'a'\n\toption interface 'eth0'\n\
             \toption virtual_router_id '5'\n\toption auth_type 'PASS'\n\
             \toption auth_pass 'longer-than-eight'\n\tlist virtual_ipaddress '192.0.2.1/24'\n\
             config vrrp_instance\n\toption name 'b'\n\toption interface 'eth0'\n\
             \toption virtual_router_id '6'\n\toption version '2'\n\
             \tlist virtual_ipaddress '2001:db8::1/64'\n"
        )
    };
    let read = |text: String| read("f", text.as_bytes(), &Reading::strict(Format::Uci), &|_, _| {});
    let (config, report) = read(file("globals 'globals'\n\toption enabled '1'"));
    let config = config.unwrap_or_else(|| panic!("{report}"));
    assert_eq!(config.vrrp_instance.len(), 2);
    assert_eq!(config.vrrp_instance[0].auth_pass, Some(*b"longer-t"));
    assert!(report.to_string().contains("version 2 is passed over"), "{report}");
    let (config, report) = read(file("global_defs"));
    assert!(config.is_none() && report.error_count() == 2, "{report}");
}
