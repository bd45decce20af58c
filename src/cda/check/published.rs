//! Numbers of nobody: the series that tests and published examples use.

use std::sync::LazyLock;

use serde::Deserialize;

const TABLE: &str = include_str!("../../../fhir-profiles/cda-rules/published-numbers.toml");

/// What a number stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Of {
    Person,
    Structure,
}

/// What is wrong with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Breaks {
    Form,
    Key,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Table {
    series: Vec<Series>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Series {
    of: Of,
    breaks: Breaks,
    starts: Vec<String>,
    #[allow(dead_code, reason = "read by whoever corrects the table; a test asks for it")]
    source: String,
}

static SERIES: LazyLock<Vec<Series>> = LazyLock::new(|| toml::from_str::<Table>(TABLE).map(|t| t.series).unwrap_or_default());

/// Whether a number that breaks this belongs to a series of tests or published examples.
pub(super) fn is_published(of: Of, breaks: Breaks, number: &str) -> bool {
    SERIES.iter().any(|s| s.of == of && s.breaks == breaks && s.starts.iter().any(|start| number.starts_with(start.as_str())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_series_is_read_and_says_where_it_is_published() {
        let table = toml::from_str::<Table>(TABLE).unwrap();
        assert!(table.series.iter().all(|s| s.source.len() > 10 && !s.starts.is_empty() && s.starts.iter().all(|start| start.len() >= 2)));
    }
}
