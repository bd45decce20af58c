//! Type × interaction × search parameter, from the registry: every one is asked in both worlds, or is listed here with its reason.

use std::collections::BTreeSet;

use serde::Deserialize;
use serde_json::json;

use super::asks::{Dice, Query, get, unordered};
use crate::support::{FHIR_JSON, registry_table};

#[derive(Deserialize)]
struct Resources {
    resource: Vec<Resource>,
}

#[derive(Deserialize)]
struct Resource {
    #[serde(rename = "type")]
    kind: String,
    interactions: Vec<String>,
    #[serde(default)]
    patient: Vec<String>,
    search: Option<String>,
    #[serde(default)]
    parameter: Vec<Parameter>,
}

#[derive(Deserialize)]
struct Indexed {
    parameter: Vec<Parameter>,
}

#[derive(Deserialize, Clone)]
struct Parameter {
    code: String,
    #[serde(rename = "type")]
    kind: String,
    #[serde(default)]
    on: Vec<String>,
    #[serde(default)]
    internal: bool,
}

/// One point: a type, an interaction and, of a search, a parameter.
#[derive(Debug, Clone)]
pub struct Point {
    kind: String,
    interaction: String,
    /// Code and type.
    parameter: Option<(String, String)>,
    of_patient: bool,
}

/// (type, interaction) that are not asked, with the reason.
const NOT_ASKED: &[(&str, &str, &str)] = &[
    ("Patient", "create", "a second patient of the same INS is refused before any document is looked at; the roads are those of numbers.rs"),
    ("Patient", "update", "changes the identity that both worlds share; update is asked of every other type"),
    ("Patient", "delete", "is refused while the record holds anything, and each world holds visible documents"),
    ("Consent", "create", "decides what the asker may see, in both worlds alike; asked while a world is made"),
    ("Consent", "update", "as create"),
    ("CareTeam", "create", "decides what the asker may see, in both worlds alike; asked while a world is made"),
    ("CareTeam", "update", "as create"),
    ("Binary", "create", "waits for a DocumentReference and names no other"),
];

/// The whole space.
pub fn space() -> Vec<Point> {
    let indexed = registry_table::<Indexed>("parameters.toml").parameter;
    let mut out = Vec::new();
    for row in registry_table::<Resources>("resources.toml").resource {
        let asked = row.interactions.iter().filter(|i| !NOT_ASKED.iter().any(|(kind, interaction, _)| *kind == row.kind && interaction == i));
        let of_patient = !row.patient.is_empty() || matches!(row.kind.as_str(), "AuditEvent" | "Provenance");
        let point = |interaction: &str, parameter| Point { kind: row.kind.clone(), interaction: interaction.to_owned(), parameter, of_patient };
        for interaction in asked {
            if interaction != "search-type" {
                out.push(point(interaction, None));
                continue;
            }
            let own = indexed.iter().filter(|p| row.search.is_some() && !p.internal && p.on.contains(&row.kind)).chain(&row.parameter);
            let general = [("_id", "id"), ("_lastUpdated", "date"), ("identifier", "token")].map(|(code, kind)| (code.to_owned(), kind.to_owned()));
            let all: BTreeSet<(String, String)> = own.map(|p| (p.code.clone(), p.kind.clone())).chain(general).collect();
            out.extend(all.into_iter().map(|parameter| point("search-type", Some(parameter))));
        }
    }
    out
}

impl Point {
    /// Its type.
    pub fn kind(&self) -> &str {
        &self.kind
    }

    /// How it is asked this time.
    pub fn query(&self, d: &mut Dice) -> Query {
        let kind = &self.kind;
        let id = match kind.as_str() {
            "DocumentReference" => format!("{{doc:{}}}", d.document()),
            "Binary" => format!("{{binary:{}}}", d.document()),
            "Patient" => "{record}".to_owned(),
            _ => format!("{{fact:{kind}:{}}}", d.document()),
        };
        let json = vec![("Content-Type", FHIR_JSON.into())];
        match self.interaction.as_str() {
            "read" => get(format!("{kind}/{id}")),
            "vread" => get(format!("{kind}/{id}/_history/{}", 1 + d.roll(2))),
            "history-instance" => get(format!("{kind}/{id}/_history")),
            "delete" => Query { method: "DELETE", headers: vec![("If-Match", "W/\"99\"".into())], ..get(format!("{kind}/{id}")) },
            "patch" => Query { method: "PATCH", headers: json, body: "{}".into(), ..get(format!("{kind}/{id}")) },
            "create" => Query { method: "POST", headers: json, body: self.body(d, None), ..get(kind.clone()) },
            "update" => Query { method: "PUT", headers: json, body: self.body(d, Some(&id)), ..get(format!("{kind}/{id}")) },
            _ => self.search(d),
        }
    }

    fn body(&self, d: &mut Dice, id: Option<&str>) -> String {
        let mut body = json!({"resourceType": self.kind, "subject": {"reference": "{patient}"}, "code": {"text": "x"}, "status": "completed", "intent": "order",
            "basedOn": [{"reference": format!("DocumentReference/{{doc:{}}}", d.document())}]});
        if let Some(id) = id {
            body["id"] = json!(id);
        }
        body.to_string()
    }

    fn search(&self, d: &mut Dice) -> Query {
        let (code, kind) = self.parameter.clone().unwrap();
        let document = d.document();
        let value = match (code.as_str(), kind.as_str()) {
            ("_id", _) if self.kind == "DocumentReference" => format!("{{doc:{document}}}"),
            ("_id", _) => format!("{{fact:{}:{document}}}", self.kind),
            ("patient" | "subject", _) => "{patient}".to_owned(),
            ("patient.identifier" | "subject.identifier", _) => "258027511234534".to_owned(),
            ("identifier", _) if self.kind == "Patient" => "258027511234534".to_owned(),
            ("identifier" | "related:identifier", _) => format!("urn:ietf:rfc:3986|urn:oid:{}", super::world::unique(document)),
            (_, "date") => (*d.pick(&["ge2020-01-01", "lt2026-03-11", "2026"])).to_owned(),
            (_, "reference") => (*d.pick(&["DocumentReference/{doc:masked}", "DocumentReference/{doc:kept}", "{patient}", "Practitioner/x"])).to_owned(),
            (_, "string") => (*d.pick(&["a", "martin", "signaler"])).to_owned(),
            _ => (*d.pick(&["current", "11488-4", "active", "final", "x"])).to_owned(),
        };
        let patient = if self.of_patient && !code.starts_with("patient") && !code.starts_with("subject") { "patient={patient}&" } else { "" };
        let count = if self.kind == "AuditEvent" { "_summary=count" } else { "_count=500" };
        let query = get(format!("{}?{patient}{code}={value}&{count}", self.kind));
        if matches!(self.kind.as_str(), "DocumentReference" | "List") { query } else { unordered(query) }
    }
}

#[test]
fn what_is_not_asked_is_offered_and_says_why() {
    let resources = registry_table::<Resources>("resources.toml").resource;
    for (kind, interaction, why) in NOT_ASKED {
        assert!(!why.is_empty() && resources.iter().any(|r| r.kind == *kind && r.interactions.iter().any(|i| i == interaction)), "{kind} {interaction}");
    }
    let points = space();
    for row in &resources {
        for interaction in &row.interactions {
            let here = points.iter().any(|p| p.kind == row.kind && p.interaction == *interaction);
            let listed = NOT_ASKED.iter().any(|(kind, named, _)| *kind == row.kind && named == interaction);
            assert!(here != listed, "{} {interaction}", row.kind);
        }
        for parameter in row.parameter.iter() {
            assert!(points.iter().any(|p| p.kind == row.kind && p.parameter.as_ref().is_some_and(|(code, _)| *code == parameter.code)), "{}?{}", row.kind, parameter.code);
        }
    }
    assert!(points.len() > 300, "{}", points.len());
}
