//! placeholder
#[allow(missing_docs)]
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Place;
