//! What a software sends when it opens a patient's record.
//! Spec: CDS Hooks 2.0 Calling a CDS Service, patient-view 1.0 Context.

use serde_json::{Value, json};

use crate::fhir::{Fault, FaultKind, Result};
use crate::identity::parse_strict;
use crate::interaction::address::is_id;
use crate::interaction::consult::Traits;
use crate::interaction::patient::ins_of;

/// The hook that is answered.
pub(super) const HOOK: &str = "patient-view";
/// Who may look at a screen.
const USERS: [&str; 4] = ["Practitioner", "PractitionerRole", "Patient", "RelatedPerson"];

/// A checked request. What else it holds (`fhirServer`, `fhirAuthorization`, extensions) is not used and not kept.
#[derive(Debug)]
pub(super) struct Request {
    /// `system|value` of the INS that the software passes, else `Patient/ID` of this server.
    pub patient: String,
    /// What the software shows of the patient, when it passes a name and a birth date.
    pub traits: Option<Traits>,
}

impl Request {
    /// Reads a body.
    ///
    /// # Errors
    /// `Malformed`, `MissingElement` or `BadValue` with the place.
    pub fn read(body: &[u8]) -> Result<Self> {
        let sent = parse_strict(body).filter(Value::is_object);
        let sent = sent.ok_or_else(|| Fault::new(FaultKind::Malformed, 800, "the body is a CDS Hooks request, a JSON object: hook, hookInstance, context, prefetch"))?;
        if text(&sent, "/hook")? != HOOK {
            return Err(Fault::new(FaultKind::BadValue, 801, "hook is patient-view here; see GET /cds-services").at("hook"));
        }
        if uuid::Uuid::try_parse(text(&sent, "/hookInstance")?).is_err() {
            return Err(Fault::new(FaultKind::BadValue, 802, "hookInstance is a UUID").at("hookInstance"));
        }
        let user = text(&sent, "/context/userId")?;
        if !user.split_once('/').is_some_and(|(kind, id)| USERS.contains(&kind) && is_id(id)) {
            return Err(Fault::new(FaultKind::BadValue, 803, "userId is a reference to a Practitioner, PractitionerRole, Patient or RelatedPerson").at("context.userId"));
        }
        let named = text(&sent, "/context/patientId")?;
        let id = named.strip_prefix("Patient/").unwrap_or(named);
        if !is_id(id) {
            return Err(Fault::new(FaultKind::BadValue, 804, "patientId is the id of a Patient").at("context.patientId"));
        }
        let shown = shown(&sent)?;
        // The software's own ids are not ours: the INS says who it is.
        let ins = shown.map(ins_of).unwrap_or_default().into_iter().next();
        let patient = ins.map_or_else(|| format!("Patient/{id}"), |i| format!("{}|{}", i.system.unwrap_or_default(), i.value));
        Ok(Self { patient, traits: shown.map(traits).transpose()?.flatten() })
    }
}

/// A text that must be there, by its JSON pointer.
fn text<'a>(sent: &'a Value, pointer: &str) -> Result<&'a str> {
    let place = pointer.trim_start_matches('/').replace('/', ".");
    match sent.pointer(pointer) {
        Some(Value::String(text)) if !text.is_empty() && text.len() <= 256 => Ok(text),
        None | Some(Value::Null) => Err(Fault::new(FaultKind::MissingElement, 805, format!("{place} is missing: CDS Hooks 2.0 requires it for patient-view")).at(place)),
        Some(_) => Err(Fault::new(FaultKind::BadValue, 806, format!("{place} is a text of at most 256 characters")).at(place)),
    }
}

/// The prefetched Patient; a software that found none sends null.
fn shown(sent: &Value) -> Result<Option<&Value>> {
    match sent.pointer("/prefetch/patient").filter(|p| !p.is_null()) {
        None => Ok(None),
        Some(patient) if patient.get("resourceType").and_then(Value::as_str) == Some("Patient") => Ok(Some(patient)),
        Some(_) => Err(Fault::new(FaultKind::BadValue, 809, "prefetch.patient is a Patient resource, or null").at("prefetch.patient")),
    }
}

/// The traits a software shows; none without both a name and a birth date.
fn traits(patient: &Value) -> Result<Option<Traits>> {
    let names: Vec<&Value> = patient.get("name").and_then(Value::as_array).into_iter().flatten().collect();
    let name = names.iter().find(|n| n.get("use").and_then(Value::as_str) == Some("official")).or(names.first());
    let of = |from: Option<&&Value>, member: &str| from.and_then(|v| v.get(member)).and_then(Value::as_str).unwrap_or_default().to_owned();
    let (family, birth_date) = (of(name, "family"), of(Some(&patient), "birthDate"));
    if family.is_empty() || birth_date.is_empty() {
        return Ok(None);
    }
    let given: Vec<&str> = name.and_then(|n| n.get("given")).and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str).collect();
    let ins = ins_of(patient).into_iter().next().map(|i| i.value).unwrap_or_default();
    let traits = json!({"family": family, "given": given.join(" "), "birthDate": birth_date, "sex": of(Some(&patient), "gender"), "ins": ins});
    Traits::read(Some(&traits)).map(Some)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request() -> Value {
        json!({"hook": "patient-view", "hookInstance": "d1577c69-dfbe-44ad-ba6d-3e05e953b2ea", "fhirServer": "https://logiciel.example/fhir",
            "context": {"userId": "Practitioner/abc", "patientId": "p1"},
            "prefetch": {"patient": {"resourceType": "Patient", "id": "p1", "birthDate": "1970-03-12", "gender": "female",
                "identifier": [{"system": "urn:oid:1.2.250.1.213.1.4.10", "value": "258027511234534"}],
                "name": [{"family": "USAGE"}, {"use": "official", "family": "ESSAI", "given": ["Anne", "Zoé"]}]}}})
    }

    fn read(value: &Value) -> Result<Request> {
        Request::read(value.to_string().as_bytes())
    }

    #[test]
    fn the_ins_says_who_it_is_and_the_official_name_what_is_shown() {
        let asked = read(&request()).unwrap();
        assert_eq!(asked.patient, "urn:oid:1.2.250.1.213.1.4.10|258027511234534");
        let traits = asked.traits.unwrap();
        assert_eq!((traits.family.as_str(), traits.given.as_str(), traits.sex.as_str()), ("ESSAI", "Anne Zoé", "female"));
        let mut bare = request();
        bare["prefetch"] = json!({"patient": null});
        let asked = read(&bare).unwrap();
        assert_eq!((asked.patient.as_str(), asked.traits), ("Patient/p1", None));
    }

    #[test]
    fn a_missing_or_wrong_field_is_refused_with_its_place() {
        for (pointer, value, place) in [
            ("/hook", json!("order-sign"), "hook"),
            ("/hook", json!(null), "hook"),
            ("/hookInstance", json!("1"), "hookInstance"),
            ("/hookInstance", json!(7), "hookInstance"),
            ("/context/userId", json!("abc"), "context.userId"),
            ("/context/userId", json!("Device/abc"), "context.userId"),
            ("/context/patientId", json!("a b"), "context.patientId"),
            ("/context/patientId", json!(""), "context.patientId"),
            ("/context", json!(null), "context.userId"),
            ("/prefetch/patient", json!({"resourceType": "Basket"}), "prefetch.patient"),
        ] {
            let mut asked = request();
            *asked.pointer_mut(pointer).unwrap() = value;
            let fault = read(&asked).unwrap_err();
            assert_eq!((fault.kind.row().status, fault.issues[0].expression.as_deref()), (400, Some(place)), "{pointer}");
        }
        for body in ["", "[]", "{", "{\"hook\": \"a\", \"hook\": \"b\"}"] {
            assert_eq!(Request::read(body.as_bytes()).unwrap_err().kind, FaultKind::Malformed);
        }
    }
}
