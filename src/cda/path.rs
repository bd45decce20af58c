//! CDA paths of the tables: `entryRelationship[MFST]/observation[SEV]/value`.
//!
//! A step is a local name, with an optional condition: for an element with a typeCode its value, otherwise the code of its
//! `code` child. `.` is the statement itself.

use crate::fhir::xml::Element;

/// Every element a path selects, in document order.
pub(super) fn select<'a>(from: &'a Element, path: &str) -> Vec<&'a Element> {
    let mut found = vec![from];
    for step in path.split('/').filter(|s| *s != ".") {
        let (name, condition) = split(step);
        found = found.into_iter().flat_map(|e| e.elements()).filter(|e| &*e.name == name && condition.is_none_or(|c| holds(e, c))).collect();
    }
    found
}

/// The first element a path selects.
pub(super) fn first<'a>(from: &'a Element, path: &str) -> Option<&'a Element> {
    select(from, path).into_iter().next()
}

fn split(step: &str) -> (&str, Option<&str>) {
    match step.split_once('[') {
        Some((name, rest)) => (name, rest.strip_suffix(']')),
        None => (step, None),
    }
}

fn holds(e: &Element, condition: &str) -> bool {
    match e.attr("typeCode") {
        Some(code) => code == condition,
        None => e.child("code").and_then(|c| c.attr("code")) == Some(condition),
    }
}

/// Whether a path is written as this module reads it.
pub(super) fn well_formed(path: &str) -> bool {
    path.split('/').all(|step| {
        let (name, condition) = split(step);
        !name.is_empty() && name.chars().all(|c| c.is_ascii_alphabetic() || c == '.') && (step.contains('[') == condition.is_some())
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fhir::xml::{Limits, parse};

    #[test]
    fn steps_select_by_name_type_code_and_code() {
        let e = parse(
            b"<o><entryRelationship typeCode='REFR'><observation><code code='A'/><value v='1'/></observation></entryRelationship>\
              <entryRelationship typeCode='MFST'><observation><code code='B'/><value v='2'/></observation></entryRelationship></o>",
            &Limits::default(),
        )
        .unwrap();
        let got = |p: &str| select(&e, p).iter().filter_map(|x| x.attr("v")).collect::<Vec<_>>().join(",");
        assert_eq!(got("entryRelationship/observation/value"), "1,2");
        assert_eq!(got("entryRelationship[MFST]/observation/value"), "2");
        assert_eq!(got("entryRelationship/observation[A]/value"), "1");
        assert_eq!(&*select(&e, ".").first().unwrap().name, "o");
        assert!(well_formed("a[b]/c") && !well_formed("a[b/c"));
    }
}
