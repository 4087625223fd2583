//! `keepalived.conf` to [`Tree`]: see `vipd.keepalived(5)`.

mod comment;
mod define;
mod expand;
mod include;
mod line;
mod sequence;
