use super::{gate, Issue};
pub fn check(_: &gate::Node<'_>, _: usize) -> Vec<Issue> { unimplemented!() }
