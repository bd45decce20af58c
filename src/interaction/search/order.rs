//! `_sort`.
//! Spec: FHIR R4 search#sort.

use crate::fhir::search::ParamType;
use crate::interaction::registry::ResourceRow;
use crate::store::Sort;

/// The order asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Order {
    pub by: By,
    /// Newest first.
    pub down: bool,
}

/// What is ordered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum By {
    /// A date parameter.
    Date(String),
    LastUpdated,
}

/// Reads the keys. The first is a date parameter or `_lastUpdated`; it decides, and equal ones come in one fixed order, so that
/// `_lastUpdated` and `_id` are accepted behind it. `None`: not supported.
pub(super) fn read(row: &ResourceRow, text: &str) -> Option<Order> {
    let mut keys = text.split(',').map(|k| (k.trim_start_matches('-'), k.starts_with('-')));
    let (first, down) = keys.next()?;
    let known = row.searched(first) == Some(ParamType::Date) && (row.search.is_none() || first == "date");
    let by = match first {
        "_lastUpdated" => By::LastUpdated,
        code if known => By::Date(code.to_owned()),
        _ => return None,
    };
    keys.all(|(key, _)| matches!(key, "_id" | "_lastUpdated")).then_some(Order { by, down })
}

impl Order {
    /// Of index rows; the resource's own date, newest first, when nothing was asked.
    pub(super) fn of_rows(asked: Option<&Self>) -> Sort {
        match asked.map(|o| (&o.by, o.down)) {
            None | Some((By::Date(_), true)) => Sort::DateDown,
            Some((By::Date(_), false)) => Sort::DateUp,
            Some((By::LastUpdated, true)) => Sort::LastUpdatedDown,
            Some((By::LastUpdated, false)) => Sort::LastUpdatedUp,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::interaction::registry::registry;

    #[test]
    fn the_first_key_decides_and_only_ties_may_follow() {
        let reference = registry().resource("DocumentReference").unwrap();
        assert_eq!(read(reference, "-date,_id"), Some(Order { by: By::Date("date".into()), down: true }));
        assert_eq!(read(reference, "_lastUpdated"), Some(Order { by: By::LastUpdated, down: false }));
        for unsupported in ["-creation", "date,type", "title", "_id", ""] {
            assert_eq!(read(reference, unsupported), None, "{unsupported}");
        }
        assert!(read(registry().resource("Condition").unwrap(), "-recorded-date").is_some());
    }
}
