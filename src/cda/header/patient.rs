//! recordTarget → Patient.
//! Spec: CDA R2 §4.2.2.13; FR Core 2.1 fr-core-patient, fr-core-patient-ins; RNIV.

use serde_json::{Map, Value, json};

use super::super::datatypes::{address, attribute, codeable, date_time, family, identifier, instance, plain};
use super::MAX_REPEATS;
use super::actor::{addresses, list, organization, telecoms};
use super::idnat::{organization_identifiers, patient_identifiers};
use super::notes::Notes;
use crate::fhir::xml::Element;

const BIRTH_GIVENS: &str = "https://hl7.fr/ig/fhir/core/StructureDefinition/fr-core-patient-birth-list-given-name";
const PARTNER_NAME: &str = "http://hl7.org/fhir/StructureDefinition/humanname-partner-name";
const BIRTH_PLACE: &str = "http://hl7.org/fhir/StructureDefinition/patient-birthPlace";
const BIRTH_TIME: &str = "http://hl7.org/fhir/StructureDefinition/patient-birthTime";
const ROLE_CODE: &str = "http://terminology.hl7.org/CodeSystem/v3-RoleCode";
const ROLE: &str = "ClinicalDocument/recordTarget/patientRole";

/// The patient of the document, a Patient without id.
pub(super) fn patient(document: &Element, notes: &mut Notes) -> Option<Value> {
    let mut roles = document.all("recordTarget").filter_map(|t| t.child("patientRole"));
    let Some(role) = roles.next() else {
        notes.missing("ClinicalDocument/recordTarget", "the document names no patient");
        return None;
    };
    if roles.next().is_some() {
        notes.value("ClinicalDocument/recordTarget", "the document names several patients: only the first is read");
    }
    let identifiers = patient_identifiers(role, notes);
    if identifiers.is_empty() {
        notes.missing(&format!("{ROLE}/id"), "the patient has no identifier");
    }
    let mut out = Map::new();
    out.insert("resourceType".into(), json!("Patient"));
    let person = role.child("patient");
    list(&mut out, "extension", person.and_then(birth_place).into_iter().collect());
    list(&mut out, "identifier", identifiers);
    list(&mut out, "name", person.map(names).unwrap_or_default());
    list(&mut out, "telecom", telecoms(role));
    if let Some(person) = person {
        traits(person, &mut out, notes);
    }
    list(&mut out, "address", addresses(role));
    if let Some(person) = person {
        relations(person, &mut out);
    }
    let provider = role.child("providerOrganization").and_then(managing);
    out.extend(provider.map(|o| ("managingOrganization".to_owned(), o)));
    Some(Value::Object(out))
}

/// The patient as an author: when an assigned author has one of the patient's own identifiers.
pub(super) fn same_person(document: &Element, assigned: &Element) -> Option<Value> {
    let role = document.at("recordTarget/patientRole")?;
    let own: Vec<_> = role.all("id").take(MAX_REPEATS).filter_map(instance).collect();
    assigned.all("id").take(MAX_REPEATS).filter_map(instance).any(|id| own.contains(&id)).then(|| patient(document, &mut Notes::default())).flatten()
}

/// The birth name (official) and the used name (usual) of each name; a name without qualifiers stays one name without use.
fn names(person: &Element) -> Vec<Value> {
    person.all("name").take(MAX_REPEATS).flat_map(|name| [official(name), usual(name)]).flatten().collect()
}

fn official(name: &Element) -> Option<Value> {
    let birth_family = family(name, Some("BR"));
    let (first, all) = (givens(name, Some("BR")), givens(name, None));
    let qualified = birth_family.is_some() || !first.is_empty();
    let mut out = Map::new();
    if qualified {
        if !all.is_empty() {
            out.insert("extension".into(), json!([{"url": BIRTH_GIVENS, "valueString": all.join(" ")}]));
        }
        out.insert("use".into(), json!("official"));
    }
    // Without a BR part nothing says whose name this is: it stands as one name without use.
    out.extend(birth_family.or_else(|| family(name, None)).map(|f| ("family".to_owned(), json!(f))));
    let given = if first.is_empty() { all } else { first };
    list(&mut out, "given", given.into_iter().map(Value::String).collect());
    for part in ["prefix", "suffix"] {
        list(&mut out, part, name.all(part).filter_map(plain).take(MAX_REPEATS).map(Value::String).collect());
    }
    if !out.contains_key("family") && !out.contains_key("given") {
        // Used parts only, or no parts at all.
        let text = name.elements().next().is_none().then(|| plain(name)).flatten()?;
        out.insert("text".into(), json!(text));
    }
    Some(Value::Object(out))
}

fn usual(name: &Element) -> Option<Value> {
    let (birth, plain_family, partner) = (family(name, Some("BR")), family(name, None), family(name, Some("SP")));
    let beside_birth = plain_family.clone().filter(|_| birth.is_some());
    let used_family = family(name, Some("CL")).or_else(|| partner.clone()).or(beside_birth);
    let used_given = givens(name, Some("CL"));
    if used_family.is_none() && used_given.is_empty() {
        return None;
    }
    // Who is called by another given name keeps the family name.
    let used_family = used_family.or(plain_family).or(birth);
    let given = [used_given, givens(name, Some("BR")), givens(name, None)].into_iter().find(|g| !g.is_empty()).unwrap_or_default();
    let mut out = Map::new();
    out.insert("use".into(), json!("usual"));
    out.extend(used_family.as_ref().map(|f| ("family".to_owned(), json!(f))));
    if let Some(partner) = partner.filter(|p| used_family.as_ref() != Some(p)) {
        out.insert("_family".into(), json!({"extension": [{"url": PARTNER_NAME, "valueString": partner}]}));
    }
    list(&mut out, "given", given.into_iter().map(Value::String).collect());
    Some(Value::Object(out))
}

fn givens(name: &Element, qualifier: Option<&str>) -> Vec<String> {
    name.all("given").filter(|g| attribute(g, "qualifier") == qualifier).take(MAX_REPEATS).filter_map(plain).collect()
}

fn traits(person: &Element, out: &mut Map<String, Value>, notes: &mut Notes) {
    if let Some(gender) = person.child("administrativeGenderCode") {
        match gender_of(gender) {
            Some(code) => _ = out.insert("gender".into(), json!(code)),
            None => notes.value(&format!("{ROLE}/patient/administrativeGenderCode"), "the administrative gender is not a code of HL7 AdministrativeGender: left out"),
        }
    }
    birth(person, out, notes);
    let death = notes.moment(person.child("deceasedTime"), &format!("{ROLE}/patient/deceasedTime"));
    if let Some(at) = death {
        out.insert("deceasedDateTime".into(), json!(at));
    } else if let Some(dead) = flag(person, "deceasedInd") {
        out.insert("deceasedBoolean".into(), json!(dead));
    }
    if let Some(status) = person.child("maritalStatusCode").and_then(|c| codeable(c, None)) {
        out.insert("maritalStatus".into(), status);
    }
    let order = person.child("multipleBirthOrderNumber").and_then(|e| attribute(e, "value")).and_then(|v| v.parse::<u8>().ok());
    if let Some(order) = order {
        out.insert("multipleBirthInteger".into(), json!(order));
    } else if let Some(multiple) = flag(person, "multipleBirthInd") {
        out.insert("multipleBirthBoolean".into(), json!(multiple));
    }
}

fn gender_of(element: &Element) -> Option<&'static str> {
    match attribute(element, "code") {
        Some("F") => Some("female"),
        Some("M") => Some("male"),
        Some("UN") => Some("other"),
        Some("U" | "UNK") => Some("unknown"),
        Some(_) => None,
        None => attribute(element, "nullFlavor").map(|_| "unknown"),
    }
}

/// birthDate, and the time of birth where the document gives one.
fn birth(person: &Element, out: &mut Map<String, Value>, notes: &mut Notes) {
    let Some(raw) = person.child("birthTime").and_then(|e| attribute(e, "value")) else { return };
    let Some(at) = date_time(raw) else {
        notes.value(&format!("{ROLE}/patient/birthTime"), "the birth date is not a valid HL7 time: left out");
        return;
    };
    let date = at.split('T').next().unwrap_or_default();
    out.insert("birthDate".into(), json!(date));
    if at.contains('T') && !at.contains("T00:00:00") {
        out.insert("_birthDate".into(), json!({"extension": [{"url": BIRTH_TIME, "valueDateTime": at}]}));
    }
}

fn flag(person: &Element, name: &str) -> Option<bool> {
    match person.child(name).and_then(|e| attribute(e, "value")) {
        Some("true" | "1") => Some(true),
        Some("false" | "0") => Some(false),
        _ => None,
    }
}

/// The place of birth: its INSEE code (COG) is the district.
fn birth_place(person: &Element) -> Option<Value> {
    let place = person.at("birthplace/place")?;
    let mut value = place.child("addr").and_then(address).and_then(|a| if let Value::Object(a) = a { Some(a) } else { None }).unwrap_or_default();
    if let Some(name) = place.child("name").and_then(plain)
        && !value.contains_key("text")
    {
        value.insert("text".into(), json!(name));
    }
    (!value.is_empty()).then(|| json!({"url": BIRTH_PLACE, "valueAddress": value}))
}

fn relations(person: &Element, out: &mut Map<String, Value>) {
    list(out, "contact", person.all("guardian").take(MAX_REPEATS).filter_map(guardian).collect());
    list(out, "communication", person.all("languageCommunication").take(MAX_REPEATS).filter_map(communication).collect());
}

fn guardian(guardian: &Element) -> Option<Value> {
    let mut out = Map::new();
    let mut relationship = vec![json!({"coding": [{"system": ROLE_CODE, "code": "GUARD"}]})];
    relationship.extend(guardian.child("code").and_then(|c| codeable(c, None)));
    list(&mut out, "relationship", relationship);
    let bare = out.len();
    let name = guardian.at("guardianPerson/name").and_then(super::super::datatypes::human_name);
    out.extend(name.map(|n| ("name".to_owned(), n)));
    list(&mut out, "telecom", telecoms(guardian));
    out.extend(guardian.child("addr").and_then(address).map(|a| ("address".to_owned(), a)));
    out.extend(guardian.child("guardianOrganization").and_then(managing).map(|o| ("organization".to_owned(), o)));
    // An empty guardian element says nothing about anyone.
    (out.len() > bare).then_some(Value::Object(out))
}

fn communication(element: &Element) -> Option<Value> {
    let code = element.child("languageCode").and_then(|c| attribute(c, "code"))?;
    let mut out = Map::new();
    out.insert("language".into(), json!({"coding": [{"system": "urn:ietf:bcp:47", "code": code}]}));
    out.extend(flag(element, "preferenceInd").map(|p| ("preferred".to_owned(), json!(p))));
    Some(Value::Object(out))
}

/// An organisation as a reference by identifier and name.
fn managing(element: &Element) -> Option<Value> {
    let mut out = Map::new();
    let first = organization_identifiers(element).into_iter().next().or_else(|| element.child("id").and_then(identifier));
    out.extend(first.map(|id| ("identifier".to_owned(), id)));
    let name = organization(element, None).and_then(|o| o.get("name").cloned());
    out.extend(name.map(|n| ("display".to_owned(), n)));
    (!out.is_empty()).then_some(Value::Object(out))
}
