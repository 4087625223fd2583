//! What the daemon itself knows to be wrong with its instances.

use super::{Finding, Patient};

/// FAULT, addresses that were refused or that somebody else has, leases.
pub fn check(patient: &Patient<'_>) -> Vec<Finding> {
    let mut findings = Vec::new();
    if patient.status.at("skipped").integer() > 0 {
        let file = patient.status.at("file").text();
        findings.push(Finding::wrong(
            format!("{file} has mistakes in {} places", patient.status.at("skipped").integer()),
            "With --lenient they are not used.",
            format!("vipd -t -f {file} shows them."),
        ));
    }
    for router in patient.routers() {
        let (it, name) = (router.it, router.name());
        if it.at("fault").is_some() {
            findings.push(Finding::wrong(
                format!("{name} is in FAULT: {}", it.at("fault").text()),
                "It cannot be MASTER, and no other router hears of it.",
                format!("Mend that; vipctl explain {} says more.", it.at("name").text()),
            ));
        }
        for refused in it.at("refused").list() {
            let (address, error) = (refused.at("address").text(), refused.at("error").text());
            findings.push(Finding::wrong(
                format!("{name}: the kernel does not take {address}: {error}"),
                "Nobody can reach that address, though this router is MASTER.",
                "Look at the address, its prefix and its dev in the configuration.",
            ));
        }
        findings.extend(lease(&name, it));
    }
    for row in patient.status.at("duplicates").list() {
        let mac = row.at("mac").show();
        let by = if mac.is_empty() { String::new() } else { format!(" by {mac}") };
        let (address, kind) = (row.at("address").text(), row.at("kind").text());
        findings.push(Finding::wrong(
            format!("{}: {kind} {address} is used{by}, too", row.at("name").text()),
            "Clients reach the one or the other.",
            "Take it away from there; or that is a router of the same group that hears nothing of \
             this one.",
        ));
    }
    if findings.is_empty() {
        let count = patient.status.at("instances").list().count();
        findings.push(Finding::Fine(format!("{count}, none in FAULT; all have what they want")));
    }
    findings
}

/// What takes the addresses away if the daemon stands still.
fn lease(name: &str, it: super::super::node::Node<'_>) -> Option<Finding> {
    let (wanted, is) = (it.at("vip_lease_wanted").text(), it.at("vip_lease").text());
    let what = match (wanted, is) {
        ("off", _) | (_, "" | "nft") | ("lifetime" | "", "lifetime") => return None,
        (_, "off") => format!("{name}: vip_lease is not available"),
        (_, is) => format!("{name}: vip_lease nft is not available; {is} is used"),
    };
    Some(Finding::wrong(
        what,
        "If vipd is killed or stands still, this router has the addresses together with the one \
         that takes over: for longer than it should.",
        "The log says what is missing: mostly nftables for what comes in on an interface \
         (CONFIG_NF_TABLES_NETDEV; OpenWrt: kmod-nft-netdev).",
    ))
}

#[cfg(test)]
mod tests {
    use super::super::super::node::{parse, Node};

    #[test]
    fn a_lease_is_missed_where_it_is_wanted() {
        for (wanted, is, missed) in [
            ("null", "\"nft\"", false),
            ("null", "\"lifetime\"", false),
            ("null", "null", false),
            ("null", "\"off\"", true),
            ("\"nft\"", "\"lifetime\"", true),
            ("\"off\"", "\"off\"", false),
            ("\"lifetime\"", "\"off\"", true),
        ] {
            let text = format!("{{\"vip_lease_wanted\":{wanted},\"vip_lease\":{is}}}");
            let value = parse(&text).unwrap();
            assert_eq!(super::lease("vip", Node::new(&value)).is_some(), missed, "{text}");
        }
    }
}
