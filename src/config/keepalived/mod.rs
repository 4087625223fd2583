//! `keepalived.conf` to [`Tree`]: see `vipd.keepalived(5)`.
//!
//! A text becomes lines ([`expand`]: includes, definitions, sequences, lines for other routers),
//! lines become words and braces ([`word`]), these become statements with blocks ([`block`]), and
//! statements become sections with entries ([`shape`], by the table [`super::dialect`]).

mod addresses;
mod block;
mod checks;
mod command;
mod comment;
mod define;
mod delays;
mod expand;
mod gather;
mod habit;
mod include;
mod line;
mod routes;
mod sequence;
mod shape;
mod translate;
mod word;

use super::error::Report;
use super::tree::Tree;
use expand::Expander;
pub(super) use translate::translate;

/// Reads a text, which is that of the first source of the report. Complains of everything that is
/// wrong, and makes the best of it: `None` only if there is too much of something.
pub fn parse(text: &str, config_id: &str, report: &mut Report) -> Option<Tree> {
    let mut expander = Expander::new(text, config_id, report);
    let statements = block::statements(&mut expander)?;
    let (comments, left_out) = (expander.comments, expander.left_out);
    let tree = Tree { comments, left_out, ..Tree::default() };
    Some(shape::shape(statements, tree, report))
}
