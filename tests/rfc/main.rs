//! One test for each requirement of the RFCs, named by its number; `coverage` compares the numbers
//! with the table in `requirements`. The `v3` numbers are RFC 9568's, `v2` RFC 3768's, `v2a`
//! RFC 2338's authentication; the title of each is in the table.

mod backup;
mod bench;
mod coverage;
mod election;
mod fields;
mod group;
mod initialize;
mod ipv6;
mod master;
mod receive;
mod remarks;
mod requirements;
mod v2;
mod versions;
