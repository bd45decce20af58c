//! What this server offers, as data: resource types × interactions with their search parameters, and operations.
//! Routes, CapabilityStatement and the refusals derive from the tables under `fhir-profiles/registry`.

use std::collections::HashMap;
use std::sync::LazyLock;

use serde::Deserialize;

use crate::fhir::search::ParamType;

/// One resource type.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ResourceRow {
    #[serde(rename = "type")]
    pub kind: String,
    pub interactions: Vec<String>,
    /// It states something about the patient: taken from documents, and into summaries.
    #[serde(default)]
    pub statement: bool,
    /// Its resources come with the program and are nobody's: none is stored.
    #[serde(default)]
    pub embedded: bool,
    /// Elements that say whose record the resource belongs to.
    #[serde(default)]
    pub patient: Vec<String>,
    /// Why one of this type may name no patient: it is nobody's then, and open to whoever reads the type. Without it each names one.
    #[serde(default)]
    pub shared: Option<String>,
    /// Interactions refused on purpose, with the reason the caller reads.
    #[serde(default)]
    pub refused: HashMap<String, String>,
    /// Profiles supported on top of the base type.
    #[serde(default)]
    pub profiles: Vec<String>,
    /// What a client should know of the type.
    #[serde(default)]
    pub note: Option<String>,
    /// `document-sharing` when the index rows of that table are used instead of `parameter`.
    #[serde(default)]
    pub search: Option<String>,
    #[serde(default)]
    pub parameter: Vec<ParameterRow>,
}

/// One search parameter.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ParameterRow {
    pub code: String,
    #[serde(rename = "type")]
    pub kind: ParamType,
    pub path: Vec<String>,
}

/// One search parameter of DocumentReference or List, kept as index rows.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct IndexedRow {
    pub code: String,
    /// As written into the database.
    pub number: i16,
    #[serde(rename = "type")]
    pub kind: ParamType,
    /// Resource types that have it.
    pub on: Vec<String>,
    /// Types a reference given as a bare id may mean.
    #[serde(default)]
    pub targets: Vec<String>,
    /// Asked of the words of documents instead of index rows.
    #[serde(default)]
    pub content: bool,
    /// Asked by the server itself only.
    #[serde(default)]
    pub internal: bool,
    pub spec: String,
}

/// One operation.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OperationRow {
    pub name: String,
    pub level: Vec<String>,
    #[serde(rename = "type", default)]
    pub kind: Option<String>,
    pub affects_state: bool,
    /// Its body is a document in its own type, not a FHIR resource.
    #[serde(default)]
    pub takes_document: bool,
    /// What it answers instead of a resource.
    #[serde(default)]
    pub media: Option<String>,
    /// The name of `media` in `_format`, when it is answered only on demand.
    #[serde(default)]
    pub format: Option<String>,
    pub definition: String,
    pub summary: String,
    pub parameters: Vec<String>,
    pub spec: String,
}

#[derive(Deserialize)]
struct Resources {
    resource: Vec<ResourceRow>,
}

#[derive(Deserialize)]
struct Parameters {
    parameter: Vec<IndexedRow>,
}

#[derive(Deserialize)]
struct Operations {
    operation: Vec<OperationRow>,
}

/// The tables, read once.
pub struct Registry {
    pub resources: Vec<ResourceRow>,
    pub operations: Vec<OperationRow>,
    pub indexed: Vec<IndexedRow>,
    by_type: HashMap<String, usize>,
}

static REGISTRY: LazyLock<Result<Registry, String>> = LazyLock::new(|| {
    let resources: Resources = toml::from_str(include_str!("../../fhir-profiles/registry/resources.toml")).map_err(|e| e.to_string())?;
    let operations: Operations = toml::from_str(include_str!("../../fhir-profiles/registry/operations.toml")).map_err(|e| e.to_string())?;
    let parameters: Parameters = toml::from_str(include_str!("../../fhir-profiles/registry/parameters.toml")).map_err(|e| e.to_string())?;
    let by_type = resources.resource.iter().enumerate().map(|(i, r)| (r.kind.clone(), i)).collect();
    Ok(Registry { resources: resources.resource, operations: operations.operation, indexed: parameters.parameter, by_type })
});

/// The registry. The tables are part of the program and read by a test, so a broken one never ships.
#[expect(clippy::panic, reason = "the tables are compiled in and checked by a test")]
pub fn registry() -> &'static Registry {
    match &*REGISTRY {
        Ok(registry) => registry,
        Err(e) => panic!("the registry tables are broken: {e}"),
    }
}

impl Registry {
    /// The row of a type.
    pub fn resource(&self, kind: &str) -> Option<&ResourceRow> {
        self.by_type.get(kind).and_then(|i| self.resources.get(*i))
    }

    /// The types that state something about a patient.
    pub fn statements(&self) -> impl Iterator<Item = &str> {
        self.resources.iter().filter(|r| r.statement).map(|r| r.kind.as_str())
    }

    /// Whether a type states something about a patient.
    pub fn is_statement(&self, kind: &str) -> bool {
        self.resource(kind).is_some_and(|r| r.statement)
    }

    /// The indexed parameter of a code on a type, internal ones included.
    pub fn indexed(&self, kind: &str, code: &str) -> Option<&IndexedRow> {
        self.indexed.iter().find(|p| p.code == code && p.on.iter().any(|t| t == kind))
    }

    /// The operation of a name at a level (`system`, `type`, `instance`).
    pub fn operation(&self, name: &str, level: &str, kind: Option<&str>) -> Option<&OperationRow> {
        self.operations.iter().find(|o| o.name == name && o.level.iter().any(|l| l == level) && (level == "system" || o.kind.as_deref() == kind))
    }
}

/// Whether the body of an address is a document in its own type.
pub fn takes_document(path: &[String]) -> bool {
    let [operation] = path else { return false };
    operation.strip_prefix('$').and_then(|name| registry().operation(name, "system", None)).is_some_and(|o| o.takes_document)
}

/// What an operation at an address answers instead of a resource, and the name that `_format` must give it.
pub fn media_of(path: &[String]) -> Option<(&'static str, Option<&'static str>)> {
    let [kind, .., operation] = path else { return None };
    let row = registry().operation(operation.strip_prefix('$')?, if path.len() == 3 { "instance" } else { "type" }, Some(kind))?;
    Some((row.media.as_deref()?, row.format.as_deref()))
}

impl ResourceRow {
    /// Type of the search parameter of a code, `None` when the type has none.
    pub fn searched(&self, code: &str) -> Option<ParamType> {
        match &self.search {
            Some(_) => registry().indexed(&self.kind, code).filter(|p| !p.internal).map(|p| p.kind),
            None => self.parameter(code).map(|p| p.kind),
        }
    }

    /// Whether the interaction is offered.
    pub fn offers(&self, interaction: &str) -> bool {
        self.interactions.iter().any(|i| i == interaction)
    }

    /// The parameter of a code, read from the resource itself.
    pub fn parameter(&self, code: &str) -> Option<&ParameterRow> {
        self.parameter.iter().find(|p| p.code == code)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_is_readable_and_a_refused_interaction_is_not_offered() {
        for row in &registry().resources {
            for refused in row.refused.keys() {
                assert!(!row.offers(refused), "{} {refused}", row.kind);
            }
        }
        let mut numbers: Vec<i16> = registry().indexed.iter().map(|p| p.number).collect();
        numbers.sort_unstable();
        assert!(numbers.windows(2).all(|w| w.first() != w.last()), "a number stands for one parameter");
        assert!(registry().indexed.iter().all(|p| !p.spec.is_empty() && p.on.iter().all(|t| registry().resource(t).is_some_and(|r| r.search.is_some()))));
        assert!(registry().operation("summary", "instance", Some("Patient")).is_some());
    }
}
