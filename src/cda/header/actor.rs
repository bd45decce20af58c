//! Authors, legal authenticator and custodian as groups of resources ready to be contained.
//! Spec: CDA R2 §4.2.2; FHIR R4 PractitionerRole, Practitioner, Organization, Device.

use serde_json::{Map, Value, json};

use super::super::datatypes::{address, codeable, human_name, identifier, plain, telecom};
use super::MAX_REPEATS;
use super::idnat::{organization_identifiers, practitioner_identifiers};
use super::notes::Notes;
use super::patient;
use crate::fhir::xml::Element;

/// Every author, in order: a professional (PractitionerRole first), a device, or the patient.
pub(super) fn authors(document: &Element, notes: &mut Notes) -> Vec<Vec<Value>> {
    let mut out = Vec::new();
    for author in document.all("author").take(MAX_REPEATS) {
        let _ = notes.moment(author.child("time"), "ClinicalDocument/author/time");
        let Some(assigned) = author.child("assignedAuthor") else { continue };
        let id = format!("author-{}", out.len() + 1);
        let group = if let Some(device) = assigned.child("assignedAuthoringDevice") {
            device_group(assigned, device, &id)
        } else if let Some(own) = patient::same_person(document, assigned) {
            vec![with_id(own, &id)]
        } else {
            role_group(assigned, author.child("functionCode"), &id)
        };
        if !group.is_empty() {
            out.push(group);
        }
    }
    out
}

/// The legal authenticator, in the shape of an author.
pub(super) fn legal_authenticator(document: &Element, notes: &mut Notes) -> Option<Vec<Value>> {
    let legal = document.child("legalAuthenticator")?;
    let _ = notes.moment(legal.child("time"), "ClinicalDocument/legalAuthenticator/time");
    Some(role_group(legal.child("assignedEntity")?, None, "authenticator")).filter(|group| !group.is_empty())
}

/// The custodian, an Organization without id.
pub(super) fn custodian(document: &Element) -> Option<Value> {
    organization(document.at("custodian/assignedCustodian/representedCustodianOrganization")?, None)
}

/// PractitionerRole, Practitioner and Organization of an assigned entity; empty when nothing is known.
fn role_group(assigned: &Element, function: Option<&Element>, id: &str) -> Vec<Value> {
    let (person_id, organization_id) = (format!("{id}-practitioner"), format!("{id}-organization"));
    let practitioner = practitioner(assigned, &person_id);
    let organization = assigned.child("representedOrganization").and_then(|o| organization(o, Some(&organization_id)));
    if practitioner.is_none() && organization.is_none() {
        return Vec::new();
    }
    let mut role = resource("PractitionerRole", Some(id));
    if practitioner.is_some() {
        role.insert("practitioner".into(), reference(&person_id));
    }
    if organization.is_some() {
        role.insert("organization".into(), reference(&organization_id));
    }
    list(&mut role, "code", function.and_then(|f| codeable(f, None)).into_iter().collect());
    list(&mut role, "specialty", assigned.child("code").and_then(|c| codeable(c, None)).into_iter().collect());
    list(&mut role, "telecom", telecoms(assigned));
    std::iter::once(Value::Object(role)).chain(practitioner).chain(organization).collect()
}

fn practitioner(assigned: &Element, id: &str) -> Option<Value> {
    let mut out = resource("Practitioner", Some(id));
    let bare = out.len();
    list(&mut out, "identifier", practitioner_identifiers(assigned));
    let names = ["assignedPerson", "informationRecipient"].iter().filter_map(|p| assigned.child(p)).flat_map(|p| p.all("name")).take(MAX_REPEATS);
    list(&mut out, "name", names.filter_map(human_name).collect());
    if out.len() == bare {
        return None;
    }
    list(&mut out, "address", addresses(assigned));
    Some(Value::Object(out))
}

/// An Organization with its identifiers, name, sector, telecommunication addresses and addresses; `None` when it has none of them.
pub(super) fn organization(element: &Element, id: Option<&str>) -> Option<Value> {
    let mut out = resource("Organization", id);
    let bare = out.len();
    list(&mut out, "identifier", organization_identifiers(element));
    list(&mut out, "type", element.child("standardIndustryClassCode").and_then(|c| codeable(c, None)).into_iter().collect());
    let mut names = element.all("name").filter_map(plain).take(MAX_REPEATS);
    if let Some(name) = names.next() {
        out.insert("name".into(), json!(name));
    }
    list(&mut out, "alias", names.map(Value::String).collect());
    list(&mut out, "telecom", telecoms(element));
    list(&mut out, "address", addresses(element));
    (out.len() > bare).then_some(Value::Object(out))
}

fn device_group(assigned: &Element, device: &Element, id: &str) -> Vec<Value> {
    let organization_id = format!("{id}-organization");
    let organization = assigned.child("representedOrganization").and_then(|o| organization(o, Some(&organization_id)));
    let mut out = resource("Device", Some(id));
    // A device may borrow the root of professionals; its identifier is not one of a professional for all that.
    list(&mut out, "identifier", assigned.all("id").take(MAX_REPEATS).filter_map(identifier).collect());
    let names = [("softwareName", "user-friendly-name"), ("manufacturerModelName", "model-name")];
    let names = names.iter().filter_map(|(part, kind)| Some(json!({"name": label(device.child(part)?)?, "type": kind})));
    list(&mut out, "deviceName", names.collect());
    let kinds: Vec<Value> = [device, assigned].iter().filter_map(|e| e.child("code")).filter_map(|c| codeable(c, None)).collect();
    out.extend(merged(kinds).map(|kind| ("type".to_owned(), kind)));
    if organization.is_some() {
        out.insert("owner".into(), reference(&organization_id));
    }
    std::iter::once(Value::Object(out)).chain(organization).collect()
}

/// One concept of several: the first one's text, every coding.
fn merged(kinds: Vec<Value>) -> Option<Value> {
    let mut kinds = kinds.into_iter();
    let mut first = kinds.next()?;
    for other in kinds {
        if let (Some(Value::Array(into)), Some(Value::Array(from))) = (first.get_mut("coding"), other.get("coding")) {
            into.extend(from.iter().cloned());
        }
    }
    Some(first)
}

/// The text of an SC, or the display name of its code; a mere punctuation mark is none.
fn label(element: &Element) -> Option<String> {
    plain(element).or_else(|| element.attr("displayName").map(str::to_owned)).filter(|text| text.chars().any(char::is_alphanumeric))
}

/// Telecommunication addresses of a role or an organisation.
pub(super) fn telecoms(element: &Element) -> Vec<Value> {
    element.all("telecom").take(MAX_REPEATS).filter_map(telecom).collect()
}

/// Addresses of a role or an organisation.
pub(super) fn addresses(element: &Element) -> Vec<Value> {
    element.all("addr").take(MAX_REPEATS).filter_map(address).collect()
}

/// A list under a name, left out when empty.
pub(super) fn list(out: &mut Map<String, Value>, name: &str, values: Vec<Value>) {
    if !values.is_empty() {
        out.insert(name.into(), Value::Array(values));
    }
}

fn resource(kind: &str, id: Option<&str>) -> Map<String, Value> {
    let mut out = Map::new();
    out.insert("resourceType".into(), json!(kind));
    if let Some(id) = id {
        out.insert("id".into(), json!(id));
    }
    out
}

fn with_id(value: Value, id: &str) -> Value {
    let Value::Object(members) = value else { return value };
    let kind = members.get("resourceType").and_then(Value::as_str).unwrap_or_default();
    let mut out = resource(kind, Some(id));
    out.extend(members.into_iter().filter(|(name, _)| name != "resourceType"));
    Value::Object(out)
}

fn reference(id: &str) -> Value {
    json!({"reference": format!("#{id}")})
}
