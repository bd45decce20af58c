//! `Patient/[id]/$close` and `$reopen`: the holder closes the record at any time and may reopen it.
//! Spec: CSP R.1111-40; PDSM4DMP TD0.2 (Patient.active, dmp-fermeture).

use std::sync::LazyLock;

use serde::Deserialize;
use serde_json::{Value, json};

use super::planning::{Planned, to_bytes};
use super::registry::registry;
use super::rights::{self, Deciding};
use super::{Answer, App, Call, read, resource};
use crate::access::{Confidence, FERMETURE};
use crate::audit::Action;
use crate::fhir::{Fault, FaultKind, Result, time};
use crate::store::{Operation, Plan, Precondition};

/// Code system of the reasons.
const MOTIF: &str = "https://interop.esante.gouv.fr/ig/fhir/dmp/CodeSystem/dmp-motif-fermeture";
/// Characters of a reason in words.
const MAX_REASON: usize = 500;

/// A code of the reasons.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Motif {
    code: String,
    #[cfg_attr(not(test), expect(dead_code, reason = "read by whoever corrects the table"))]
    source: String,
    #[expect(dead_code, reason = "read by whoever corrects the table; its spelling is checked")]
    confidence: Confidence,
}

#[derive(Deserialize, Default)]
struct Table {
    motif: Vec<Motif>,
}

// The table is part of the program; a test proves that it parses.
static MOTIFS: LazyLock<Vec<Motif>> = LazyLock::new(|| toml::from_str::<Table>(include_str!("../../fhir-profiles/access-matrix/closing.toml")).unwrap_or_default().motif);

/// What becomes of the record.
#[derive(Clone, Copy, PartialEq, Eq)]
enum To {
    Closed,
    Open,
}

/// POST Patient/[id]/$close, with Parameters `motif` (code, or words) and `raison` (words), both optional.
pub(super) fn close(app: &App, call: &Call, id: &str) -> Result<Answer> {
    call.is("close", Action::U);
    change(app, call, id, To::Closed)
}

/// POST Patient/[id]/$reopen
pub(super) fn reopen(app: &App, call: &Call, id: &str) -> Result<Answer> {
    call.is("reopen", Action::U);
    change(app, call, id, To::Open)
}

fn change(app: &App, call: &Call, id: &str, to: To) -> Result<Answer> {
    let said = said(&call.body)?;
    let (outcome, written) = app.plan_and_commit(call, || plan(app, call, id, to, &said))?;
    let row = registry().resource("Patient").ok_or_else(|| Fault::new(FaultKind::Bug, 638, "the registry has no Patient"))?;
    let mut answer = resource::answer_written(call, row, outcome, written.map_or(call.now_us, |w| w.at_us))?;
    answer.location = None;
    Ok(answer)
}

/// Reason of a closing: a CodeableConcept, and words.
struct Said {
    motif: Option<Value>,
    raison: Option<String>,
}

fn said(body: &[u8]) -> Result<Said> {
    if body.is_empty() {
        return Ok(Said { motif: None, raison: None });
    }
    let sent = resource::Sent::read(body, "Parameters")?;
    let parameters = sent.value.get("parameter").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let named = |name: &str, values: &[&str]| {
        let one = parameters.iter().find(|p| p.get("name").and_then(Value::as_str) == Some(name))?;
        values.iter().find_map(|v| one.get(v)?.as_str()).map(str::to_owned)
    };
    let raison = named("raison", &["valueString"]);
    if raison.as_ref().is_some_and(|r| r.chars().count() > MAX_REASON) {
        return Err(too_long("raison"));
    }
    let is_known = |code: &String| MOTIFS.iter().any(|known| known.code == *code);
    let motif = match (named("motif", &["valueCode"]), named("motif", &["valueString"])) {
        (Some(code), _) | (None, Some(code)) if is_known(&code) => Some(json!({"coding": [{"system": MOTIF, "code": code}]})),
        (Some(_), _) => return Err(unknown_motif()),
        (None, Some(words)) if words.chars().count() > MAX_REASON => return Err(too_long("motif")),
        (None, words) => words.map(|words| json!({"text": words})),
    };
    Ok(Said { motif, raison })
}

fn too_long(name: &str) -> Fault {
    Fault::new(FaultKind::BadValue, 639, format!("{name} may hold {MAX_REASON} characters")).at("Parameters.parameter")
}

fn unknown_motif() -> Fault {
    let known: Vec<&str> = MOTIFS.iter().map(|m| m.code.as_str()).collect();
    Fault::new(FaultKind::RuleBroken, 942, format!("motif is a code of dmp-motif-fermeture ({}); what has no code is said in words, as valueString or in raison", known.join(", ")))
        .at("Parameters.parameter")
}

fn plan(app: &App, call: &Call, id: &str, to: To, said: &Said) -> Result<Planned<resource::Outcome>> {
    app.store.read(&call.visibility.feeding(), |reader| {
        let found = reader.found("Patient", id, None)?.filter(|f| !f.row.deleted).ok_or_else(read::not_here)?;
        call.about(id);
        call.touched(format!("Patient/{id}"));
        let before: Value = serde_json::from_slice(&found.body).map_err(|e| Fault::new(FaultKind::Bug, 640, "a stored resource is damaged").because(e))?;
        let after = with_state(before, to, said, call.now_us);
        let row = found.row;
        let deciding = Deciding { kind: "Patient", record: row.record, rid: row.rid, after: Some(&after), planned: &[] };
        let decision = rights::decide(app, call, reader, &deciding)?;
        let number = row.number + 1;
        let bytes = to_bytes(&resource::stamped(after, id, number))?;
        let slot = resource::Slot { kind: "Patient", id, record: row.record, rid: row.rid, number, document: 0 };
        let mut plan = Plan::default();
        plan.preconditions.push(Precondition::VersionIs { kind: "Patient".into(), id: id.to_owned(), number: row.number });
        plan.operations.push(Operation::Put(Box::new(resource::put(slot, bytes.clone())?)));
        plan.operations.extend(decision);
        Ok(Planned { plan: Some(plan), record: row.record, value: resource::Outcome { id: id.to_owned(), number, bytes, created: false } })
    })
}

/// The Patient with `active` and the extension that says when and why the record was closed.
fn with_state(mut patient: Value, to: To, said: &Said, now_us: i64) -> Value {
    let Some(members) = patient.as_object_mut() else { return patient };
    members.insert("active".into(), json!(to == To::Open));
    let mut extensions = match members.shift_remove("extension") {
        Some(Value::Array(all)) => all,
        _ => Vec::new(),
    };
    extensions.retain(|e| e.get("url").and_then(Value::as_str) != Some(FERMETURE));
    if to == To::Closed {
        extensions.push(json!({"url": FERMETURE, "extension": closing(said, now_us)}));
    }
    if !extensions.is_empty() {
        members.insert("extension".into(), Value::Array(extensions));
    }
    patient
}

fn closing(said: &Said, now_us: i64) -> Vec<Value> {
    let day = time::instant(now_us).get(..10).unwrap_or_default().to_owned();
    let mut out = vec![json!({"url": "dateFermeture", "valueDate": day})];
    out.extend(said.motif.as_ref().map(|motif| json!({"url": "motifFermeture", "valueCodeableConcept": motif})));
    out.extend(said.raison.as_ref().map(|text| json!({"url": "raisonFermeture", "valueString": text})));
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_is_a_known_code_or_words() {
        assert!(!MOTIFS.is_empty() && MOTIFS.iter().all(|m| !m.source.trim().is_empty()));
        let sent = |parameters: Value| said(json!({"resourceType": "Parameters", "parameter": parameters}).to_string().as_bytes());
        assert_eq!(sent(json!([{"name": "motif", "valueCode": "patient-demande"}])).unwrap().motif.unwrap()["coding"][0]["code"], "patient-demande");
        assert_eq!(sent(json!([{"name": "motif", "valueString": "patient-demande"}])).unwrap().motif.unwrap()["coding"][0]["code"], "patient-demande");
        assert_eq!(sent(json!([{"name": "motif", "valueString": "Demande du titulaire"}])).unwrap().motif, Some(json!({"text": "Demande du titulaire"})));
        assert_eq!(sent(json!([{"name": "motif", "valueString": "x".repeat(501)}])).err().unwrap().number, 639);
        let refused = sent(json!([{"name": "motif", "valueCode": "n'importe quoi"}])).err().unwrap();
        assert!(refused.number == 942 && refused.issues[0].diagnostics.contains("patient-demande"), "{refused:?}");
        assert_eq!(sent(json!([{"name": "raison", "valueString": "Décès"}])).unwrap().raison.as_deref(), Some("Décès"));
    }

    #[test]
    fn closing_says_when_and_why_and_reopening_takes_it_back() {
        let patient = json!({"resourceType": "Patient", "extension": [{"url": "x"}]});
        let said = Said { motif: Some(json!({"coding": [{"system": MOTIF, "code": "patient-demande"}]})), raison: Some("À ma demande".into()) };
        let closed = with_state(patient, To::Closed, &said, 1_790_000_000_000_000);
        assert_eq!(closed["active"], false);
        assert_eq!(closed.pointer("/extension/1/extension/1/valueCodeableConcept/coding/0/code").unwrap(), "patient-demande");
        let again = with_state(closed.clone(), To::Closed, &Said { motif: None, raison: None }, 0);
        assert_eq!(again["extension"].as_array().unwrap().len(), 2, "closed twice is said once");
        let open = with_state(closed, To::Open, &said, 0);
        assert_eq!((open["active"].as_bool(), open["extension"].as_array().unwrap().len()), (Some(true), 1));
    }
}
