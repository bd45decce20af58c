//! What the profiles of the summary require and a stored resource lacks: written as absent, never made up.
//! Spec: IPS 2.0.1 Design Conventions, absent data; FHIR R4 extension data-absent-reason. Rows: `fhir-profiles/key-information/required.toml`.

use std::collections::HashMap;
use std::sync::LazyLock;

use serde::Deserialize;
use serde_json::{Map, Value, json};

const REASON: &str = "http://hl7.org/fhir/StructureDefinition/data-absent-reason";

/// The elements of each type, with what is written where one is missing.
static REQUIRED: LazyLock<HashMap<String, Vec<Required>>> = LazyLock::new(|| {
    let table: Table = toml::from_str(include_str!("../../../fhir-profiles/key-information/required.toml")).unwrap_or_default();
    let mut out: HashMap<String, Vec<Required>> = HashMap::new();
    for row in table.element {
        out.entry(row.kind.clone()).or_default().push(Required { absent: row.absent(), row });
    }
    out
});

#[derive(Default, Deserialize)]
struct Table {
    element: Vec<Row>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Row {
    #[serde(rename = "type")]
    kind: String,
    /// `x[x]` stands for any type.
    element: String,
    write: String,
    within: Option<String>,
    #[serde(rename = "spec")]
    _spec: String,
}

struct Required {
    row: Row,
    absent: Value,
}

impl Row {
    fn absent(&self) -> Value {
        let unknown = json!({"extension": [{"url": REASON, "valueCode": "unknown"}]});
        match &self.within {
            Some(member) => json!([{ member: unknown }]),
            None => unknown,
        }
    }

    fn is_of(&self, member: &str) -> bool {
        let member = member.strip_prefix('_').unwrap_or(member);
        match self.element.strip_suffix("[x]") {
            Some(stem) => member.starts_with(stem),
            None => member == self.element,
        }
    }
}

/// The members to be written besides those that a resource has.
pub fn absent(resource: &Map<String, Value>) -> impl Iterator<Item = (&'static str, &'static Value)> {
    let rows = resource.get("resourceType").and_then(Value::as_str).and_then(|kind| REQUIRED.get(kind));
    let lacks = |r: &&Required| !resource.keys().any(|member| r.row.is_of(member));
    rows.into_iter().flatten().filter(lacks).map(|r| (r.row.write.as_str(), &r.absent))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn added(resource: Value) -> Vec<&'static str> {
        absent(resource.as_object().unwrap()).map(|(name, _)| name).collect()
    }

    #[test]
    fn what_is_missing_is_said_to_be_absent_and_what_is_there_stays() {
        assert_eq!(added(json!({"resourceType": "Observation", "code": {}})), ["_effectiveDateTime"]);
        assert!(added(json!({"resourceType": "Observation", "effectivePeriod": {"start": "2024"}})).is_empty());
        assert!(added(json!({"resourceType": "Observation", "_effectiveDateTime": {"extension": []}})).is_empty());
        assert_eq!(added(json!({"resourceType": "Procedure", "performer": []})), ["_performedDateTime", "code"]);
        assert_eq!(added(json!({"resourceType": "Patient"})), ["_birthDate", "name"]);
        assert!(added(json!({"resourceType": "Encounter"})).is_empty());
    }

    #[test]
    fn every_row_writes_what_it_asks_for() {
        assert!(REQUIRED.len() > 5);
        assert!(REQUIRED.values().flatten().all(|r| r.row.is_of(&r.row.write)));
    }
}
