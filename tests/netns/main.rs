//! The real daemon in network namespaces. Needs root; touches nothing outside of the namespaces
//! that it makes. The tests run side by side, most of them are waiting.

mod accept;
mod checks;
mod dissect;
mod dual_stack;
mod elections;
mod frr;
mod hostile;
mod interop;
mod ipv6;
mod ipv6_world;
mod itself;
mod keepalived_conf;
mod lab;
mod lifecycle;
mod misbehaving;
mod notify;
mod options;
mod routes;
mod rules;
mod scripts;
mod seed;
mod setup;
mod track_file;
mod track_hosts;
mod track_interface;
mod track_process;
mod track_route;
mod uci;
mod unicast;
mod vmac;
mod vmac_devices;
mod vmac_interop;
mod vmac_v6;
mod world;
