//! `Patient/[id]/$authorize`: a practitioner records, in one call, the consent the patient gave him for this consultation.
//! Spec: CSP R.1111-46; DMP TD0.3 (authorisation), whose FHIR form no guide gives: a Consent is made.

use serde_json::{Value, json};

use super::planning::{Planned, to_bytes};
use super::registry::{ResourceRow, registry};
use super::rights::{self, Deciding};
use super::{Answer, App, Call, read, resource};
use crate::access::Span;
use crate::audit::Action;
use crate::fhir::{Fault, FaultKind, Person, Result, time};
use crate::store::{Operation, Plan};

/// POST Patient/[id]/$authorize
pub(super) fn authorize(app: &App, call: &Call, id: &str) -> Result<Answer> {
    call.is("authorize", Action::C);
    let person = person(call)?;
    let (outcome, written) = app.plan_and_commit(call, || plan(app, call, id, person))?;
    resource::answer_written(call, consents()?, outcome, written.map_or(call.now_us, |w| w.at_us))
}

/// Who records the consent for himself.
fn person(call: &Call) -> Result<&Person> {
    let actor = call.visibility.rules().map(|r| &r.actor);
    let none = || Fault::new(FaultKind::Forbidden, 636, "an authorisation is recorded by the practitioner it is for, with a token of his own (and access.policy = enforced)");
    actor.and_then(|a| a.person.as_ref()).ok_or_else(none)
}

fn consents() -> Result<&'static ResourceRow> {
    registry().resource("Consent").ok_or_else(|| Fault::new(FaultKind::Bug, 637, "the registry has no Consent"))
}

fn plan(app: &App, call: &Call, patient: &str, person: &Person) -> Result<Planned<resource::Outcome>> {
    app.store.read(&call.visibility.feeding(), |reader| {
        let record = reader.version("Patient", patient, None)?.filter(|p| !p.deleted).ok_or_else(read::not_here)?.record;
        call.about(patient);
        let value = consent(call, patient, person);
        let (id, rid) = (app.new_id(), app.store.counters().next_resource());
        let deciding = Deciding { kind: "Consent", record, rid, after: Some(&value), planned: &[] };
        let decision = rights::decide(app, call, reader, &deciding)?;
        let bytes = to_bytes(&resource::stamped(value, &id, 1))?;
        let slot = resource::Slot { kind: "Consent", id: &id, record, rid, number: 1, document: 0 };
        let mut plan = Plan::default();
        plan.operations.push(Operation::Put(Box::new(resource::put(slot, bytes.clone())?)));
        plan.operations.extend(decision);
        call.touched(format!("Consent/{id}"));
        Ok(Planned { plan: Some(plan), record, value: resource::Outcome { id, number: 1, bytes, created: true } })
    })
}

/// The consent as FHIR says it: verified with the patient by the practitioner, until the consultation is over.
fn consent(call: &Call, patient: &str, person: &Person) -> Value {
    let (now, end) = (time::instant(call.now_us), time::instant(Span::Consultation.after(call.now_us)));
    let who = json!({"type": "Practitioner", "identifier": {"system": "urn:oid:1.2.250.1.71.4.2.1", "value": person.id}});
    let subject = json!({"reference": format!("Patient/{patient}")});
    json!({
        "resourceType": "Consent",
        "status": "active",
        "scope": {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/consentscope", "code": "patient-privacy"}]},
        "category": [{"coding": [{"system": "http://loinc.org", "code": "59284-0"}], "text": "Accord du patient pour la consultation de son dossier"}],
        "patient": subject,
        "dateTime": now,
        "performer": [subject],
        "organization": [{"type": "Organization", "identifier": {"system": "urn:oid:1.2.250.1.71.4.2.2", "value": call.visibility.structure()}}],
        "policyRule": {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": "OPTIN"}]},
        "verification": [{"verified": true, "verifiedWith": subject, "verificationDate": now}],
        "provision": {
            "type": "permit",
            "period": {"start": now, "end": end},
            "actor": [{"role": {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/v3-ParticipationType", "code": "IRCP"}]}, "reference": who}]
        }
    })
}
