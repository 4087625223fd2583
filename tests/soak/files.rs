//! The configurations of the routers: the same in TOML and as keepalived.conf.

use crate::world::{
    group_of, vip, vrid, World, ADDRESSES, CHECK_COUNT, CHECK_INTERVAL, GROUPS, WEIGHT,
};
use std::fmt::Write;
use std::path::Path;

/// The file that a check looks for.
pub fn flag(router: usize, check: &str) -> String {
    format!("{}-{check}", World::name(router))
}

/// The addresses of a virtual router.
fn addresses(world: &World, group: usize) -> Vec<String> {
    let its = |address: &usize| group_of(*address) == group && world.has(*address);
    (0..ADDRESSES).filter(its).map(|address| format!("{}/32", vip(address))).collect()
}

/// `vipd.toml`.
pub fn toml(world: &World, router: usize, directory: &Path) -> String {
    let lease = world.vip_lease.map(|lease| format!("vip_lease = \"{lease}\"\n"));
    let mut text = format!("[global_defs]\n{}\n", lease.unwrap_or_default());
    for check in ["sound", "fit"] {
        let weight = if check == "fit" { format!("weight = -{WEIGHT}\n") } else { String::new() };
        let file = directory.join(flag(router, check));
        let _ = write!(
            text,
            "[vrrp_script.{check}]\nscript = [\"/usr/bin/test\", \"-e\", \"{}\"]\n\
             interval = {}\nfall = {CHECK_COUNT}\nrise = {CHECK_COUNT}\n{weight}\n",
            file.display(),
            CHECK_INTERVAL.as_secs(),
        );
    }
    for group in 0..GROUPS {
        let _ = write!(
            text,
            "[vrrp_instance.v{id}]\ninterface = \"eth0\"\nvirtual_router_id = {id}\nversion = 3\n\
             advert_int = {}\npriority = {}\nvirtual_ipaddress = {:?}\n\
             track_script = [\"sound\", \"fit\"]\n\n",
            world.advert_int.as_secs_f64(),
            world.configured(router, group),
            addresses(world, group),
            id = vrid(group),
        );
    }
    text
}

/// `keepalived.conf`.
pub fn keepalived(world: &World, router: usize, directory: &Path) -> String {
    let mut text = "global_defs {\nscript_user root\nenable_script_security\n}\n".to_owned();
    for check in ["sound", "fit"] {
        let weight = if check == "fit" { format!("weight -{WEIGHT}\n") } else { String::new() };
        let file = directory.join(flag(router, check));
        let _ = write!(
            text,
            "vrrp_script {check} {{\nscript \"/usr/bin/test -e {}\"\n\
             interval {}\nfall {CHECK_COUNT}\nrise {CHECK_COUNT}\n{weight}}}\n",
            file.display(),
            CHECK_INTERVAL.as_secs(),
        );
    }
    for group in 0..GROUPS {
        let _ = write!(
            text,
            "vrrp_instance v{id} {{\ninterface eth0\nvirtual_router_id {id}\nversion 3\n\
             advert_int {}\npriority {}\nvirtual_ipaddress {{\n{}\n}}\n\
             track_script {{\nsound\nfit\n}}\n}}\n",
            world.advert_int.as_secs_f64(),
            world.configured(router, group),
            addresses(world, group).join("\n"),
            id = vrid(group),
        );
    }
    text
}
