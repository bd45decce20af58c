//! A resource between the wire and the store: gate, structural check, identity, index rows, and cuts.

use std::borrow::Cow;
use std::collections::HashMap;

use serde_json::{Value, json};

use super::registry::{ResourceRow, registry};
use super::{Answer, App, Call, search};
use crate::fhir::search::{ParamType, SearchValue, values};
use crate::fhir::{Fault, FaultKind, Identifier, Issue, IssueType, Result, gate, r4, splice, time};
use crate::store::{Cut, Index, Put, Reader};
use crate::xds;

/// Issues of one answer.
const MAX_ISSUES: usize = 100;
/// Bytes of an indexed value; texts are found by their beginning.
const MAX_KEY: usize = 1000;

/// A resource as a client sent it: its bytes and the same as a tree.
#[derive(Clone)]
pub(super) struct Sent {
    pub bytes: Vec<u8>,
    pub value: Value,
}

impl Sent {
    /// Passes the gate and the structural check.
    ///
    /// # Errors
    /// `Malformed` from the gate, `RuleBroken` with every structural issue, `BadValue` for another type than expected.
    pub(super) fn read(bytes: &[u8], kind: &str) -> Result<Self> {
        if bytes.is_empty() {
            return Err(Fault::new(FaultKind::Malformed, 460, "the request needs a resource as its body"));
        }
        let node = gate::parse(bytes)?;
        if node.get("resourceType").and_then(gate::Node::text) != Some(kind) {
            return Err(Fault::new(FaultKind::BadValue, 461, format!("the body must be a {kind}")).at("resourceType"));
        }
        let mut issues = r4::check(&node, MAX_ISSUES);
        issues.extend(missing_contained(bytes, &node));
        if !issues.is_empty() {
            return Err(Fault::with_issues(FaultKind::RuleBroken, 462, issues));
        }
        let value = serde_json::from_slice(bytes).map_err(|e| Fault::new(FaultKind::Malformed, 463, "the body is not JSON").because(e))?;
        Ok(Self { bytes: bytes.to_vec(), value })
    }

    /// A resource of a Bundle that was checked as a whole, in the client's own bytes.
    ///
    /// # Errors
    /// `BadValue` when it has another type than the address says.
    pub(super) fn of_entry(bytes: &[u8], value: &Value, kind: &str) -> Result<Self> {
        if value.get("resourceType").and_then(Value::as_str) != Some(kind) {
            return Err(Fault::new(FaultKind::BadValue, 464, "the resource has another type than the address says").at("resourceType"));
        }
        Ok(Self { bytes: bytes.to_vec(), value: value.clone() })
    }

    /// The id the client wrote.
    pub(super) fn id(&self) -> Option<&str> {
        self.value.get("id").and_then(Value::as_str)
    }

    /// The bytes with the server's identity spliced in, lastUpdated as placeholder, absolute references to this server made relative.
    ///
    /// # Errors
    /// `Malformed` never, as the bytes passed the gate.
    pub(super) fn with_identity(&self, app: &App, id: &str, version: i64) -> Result<Vec<u8>> {
        let node = gate::parse(&self.bytes)?;
        let mut edits = splice::identity(&self.bytes, &node, id, version, time::PLACEHOLDER);
        edits.extend(local_references(app, &self.bytes, &node));
        Ok(splice::apply(&self.bytes, edits))
    }

    /// References to other entries of a transaction replaced by what they became; conditional ones resolved.
    pub(super) fn renamed(self, names: &HashMap<String, String>, reader: &mut Reader<'_>) -> Result<Self> {
        let node = gate::parse(&self.bytes)?;
        let mut edits = Vec::new();
        for place in splice::references(&self.bytes, &node) {
            if let Some(name) = names.get(&place.target) {
                edits.push(splice::Edit { start: place.start, end: place.end, text: Value::from(name.as_str()).to_string() });
            } else if place.target.starts_with("urn:uuid:") {
                return Err(Fault::new(FaultKind::RuleBroken, 447, "a reference names an entry (urn:uuid) that is not in the Bundle"));
            } else if let Some((kind, query)) = place.target.split_once('?') {
                let name = conditional(reader, kind, query)?;
                edits.push(splice::Edit { start: place.start, end: place.end, text: Value::from(name).to_string() });
            }
        }
        if edits.is_empty() {
            return Ok(self);
        }
        let bytes = splice::apply(&self.bytes, edits);
        let value = serde_json::from_slice(&bytes).map_err(|e| Fault::new(FaultKind::Bug, 465, "an edit broke a resource").because(e))?;
        Ok(Self { bytes, value })
    }

    /// The first `Patient/id` (or other patient reference) of the elements that say whose it is.
    pub(super) fn patient(&self, row: &ResourceRow) -> Option<&str> {
        row.patient.iter().find_map(|path| self.value.get(path)?.get("reference")?.as_str())
    }

    /// The identifier by which those elements name the patient (a logical reference).
    pub(super) fn patient_identifier(&self, row: &ResourceRow) -> Option<Identifier> {
        let identifier = row.patient.iter().find_map(|path| self.value.get(path)?.get("identifier"))?;
        let text = |name: &str| identifier.get(name).and_then(Value::as_str).map(str::to_owned);
        Some(Identifier { system: text("system"), value: text("value").filter(|v| !v.is_empty())? })
    }

    /// The resource as it is stored: its patient named as `Patient/id` where the client named him otherwise (`patient` says how);
    /// everything else stays byte for byte.
    ///
    /// # Errors
    /// `Malformed` never, as the bytes passed the gate.
    pub(super) fn filed(&self, row: &ResourceRow, patient: Option<&str>) -> Result<Cow<'_, Self>> {
        let node = gate::parse(&self.bytes)?;
        let named = row.patient.iter().find_map(|path| node.get(path));
        let (Some(patient), Some(named)) = (patient, named) else { return Ok(Cow::Borrowed(self)) };
        let name = Value::from(patient).to_string();
        let edit = match named.get("reference") {
            Some(old) => splice::Edit { start: old.start, end: old.end, text: name },
            None => splice::Edit { start: named.start + 1, end: named.start + 1, text: format!("\"reference\":{name},") },
        };
        let bytes = splice::apply(&self.bytes, vec![edit]);
        let value = serde_json::from_slice(&bytes).map_err(|e| Fault::new(FaultKind::Bug, 921, "an edit broke a resource").because(e))?;
        Ok(Cow::Owned(Self { bytes, value }))
    }
}

/// References to contained resources that are not there (invariant ref-1). Inside a Bundle each resource has its own.
fn missing_contained(bytes: &[u8], node: &gate::Node<'_>) -> Vec<Issue> {
    if let Some(entries) = node.get("entry").map(gate::Node::items).filter(|e| !e.is_empty()) {
        return entries.iter().filter_map(|e| e.get("resource")).flat_map(|r| missing_contained(bytes, r)).take(MAX_ISSUES).collect();
    }
    let contained = node.get("contained").map(gate::Node::items).unwrap_or_default();
    let there = |id: &str| contained.iter().any(|c| c.get("id").and_then(gate::Node::text) == Some(id));
    let all = splice::references(bytes, node).into_iter();
    let missing = all.filter(|p| p.target.strip_prefix('#').is_some_and(|id| !id.is_empty() && !there(id)));
    let kind = node.get("resourceType").and_then(gate::Node::text).unwrap_or("Resource");
    missing.take(1).map(|_| Issue::error(IssueType::Invariant, kind, "a reference names a contained resource that is not there (ref-1)")).collect()
}

/// Edits that make absolute references to this server relative, so that one form is compared, indexed and cut.
pub(super) fn local_references(app: &App, bytes: &[u8], node: &gate::Node<'_>) -> Vec<splice::Edit> {
    let own = format!("{}/", app.base_url);
    let all = splice::references(bytes, node).into_iter();
    all.filter_map(|p| Some(splice::Edit { start: p.start, end: p.end, text: Value::from(p.target.strip_prefix(&own)?).to_string() })).collect()
}

/// `Type?identifier=system|value` with exactly one match.
fn conditional(reader: &mut Reader<'_>, kind: &str, query: &str) -> Result<String> {
    let pairs = super::address::form_pairs(query);
    let value = pairs.iter().find(|(n, _)| n == "identifier").map(|(_, v)| v.as_str());
    let value = value.ok_or_else(|| Fault::new(FaultKind::BadValue, 466, "a conditional reference is supported on identifier=system|value"))?;
    let found = reader.by_identifier(kind, &Identifier::asked(value))?;
    match found.as_slice() {
        [one] => Ok(format!("{kind}/{}", one.id)),
        _ => Err(Fault::new(FaultKind::MultipleMatches, 467, "a conditional reference must match exactly one resource")),
    }
}

/// What a write answers.
pub(super) struct Outcome {
    pub id: String,
    pub number: i64,
    pub bytes: Vec<u8>,
    pub created: bool,
}

/// The answer of a create or update.
pub(super) fn answer_written(call: &Call, row: &ResourceRow, outcome: Outcome, at_us: i64) -> Result<Answer> {
    let location = format!("{}/{}/_history/{}", row.kind, outcome.id, outcome.number);
    let mut bytes = outcome.bytes;
    stamp(&mut bytes, at_us)?;
    let mut answer = Answer::resource(bytes).versioned(outcome.number, at_us);
    if call.prefer.returns.as_deref() == Some("minimal") {
        answer.body = super::Body::Empty;
    }
    answer.location = Some(location);
    answer.status = if outcome.created { 201 } else { 200 };
    Ok(answer)
}

/// Writes lastUpdated over its placeholder.
///
/// # Errors
/// `Malformed` never, as the bytes passed the gate.
pub(super) fn stamp(bytes: &mut [u8], at_us: i64) -> Result<()> {
    let offset = stamp_offset(bytes)?;
    if let Some(slot) = usize::try_from(offset).ok().and_then(|o| bytes.get_mut(o..o + time::PLACEHOLDER.len())) {
        slot.copy_from_slice(time::instant(at_us).as_bytes());
    }
    Ok(())
}

/// Where a version goes.
#[derive(Debug, Clone, Copy)]
pub(super) struct Slot<'a> {
    pub kind: &'a str,
    pub id: &'a str,
    pub record: i64,
    pub rid: i64,
    pub number: i64,
    pub document: i64,
}

/// The write of one version: index rows, identifiers, cuts and stamp are read from the bytes themselves.
///
/// # Errors
/// `Malformed` or `Bug` when the bytes are not what the gate let through.
pub(super) fn put(slot: Slot<'_>, bytes: Vec<u8>) -> Result<Put> {
    let value: Value = serde_json::from_slice(&bytes).map_err(|e| Fault::new(FaultKind::Bug, 468, "a resource is not JSON").because(e))?;
    let cuts = cuts(&bytes)?;
    let stamp = stamp_offset(&bytes)?;
    let (index, date_us) = index(slot.kind, &value);
    let identifiers = identifiers(&value);
    bounded(&index, &identifiers)?;
    Ok(Put {
        record: slot.record,
        rid: slot.rid,
        kind: slot.kind.to_owned(),
        id: slot.id.to_owned(),
        number: slot.number,
        document: slot.document,
        deleted: false,
        date_us: date_us.unwrap_or(0),
        identifiers,
        body: bytes,
        stamp,
        cuts,
        index,
    })
}

/// What is looked up by its whole value has a length that both databases can index.
fn bounded(index: &Index, identifiers: &[Identifier]) -> Result<()> {
    let tokens = index.tokens.iter().flat_map(|(_, system, code)| [system, code]);
    let names = identifiers.iter().flat_map(|i| i.system.iter().chain([&i.value]));
    if tokens.chain(names).chain(index.references.iter().map(|(_, target)| target)).any(|text| text.len() > MAX_KEY) {
        return Err(Fault::new(FaultKind::RuleBroken, 499, format!("an identifier, code, system or reference is longer than {MAX_KEY} bytes")));
    }
    Ok(())
}

fn stamp_offset(bytes: &[u8]) -> Result<i32> {
    let node = gate::parse(bytes)?;
    let place = node.get("meta").and_then(|m| m.get("lastUpdated")).filter(|n| n.text() == Some(time::PLACEHOLDER));
    Ok(place.and_then(|n| i32::try_from(n.start + 1).ok()).unwrap_or(-1))
}

/// References that may have to go on the way out: those to documents and to what was derived from one.
fn cuts(bytes: &[u8]) -> Result<Vec<Cut>> {
    let node = gate::parse(bytes)?;
    let hideable = |t: &str| t.starts_with("DocumentReference/") || t.starts_with("Binary/") || t.contains(&format!("/{}", App::DERIVED));
    let u = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
    Ok(splice::references(bytes, &node)
        .into_iter()
        .filter(|p| hideable(&p.target))
        .map(|p| Cut { start: u(p.cut.0), end: u(p.cut.1), member_start: u(p.member.0), member_end: u(p.member.1), target: p.target })
        .collect())
}

fn index(kind: &str, value: &Value) -> (Index, Option<i64>) {
    let Some(row) = registry().resource(kind) else { return (Index::default(), None) };
    if row.search.is_none() {
        return (Index::default(), search::own_date(row, value));
    }
    let mut out = Index::default();
    let mut date = None;
    for (code, found) in xds::search_values(value) {
        let Some(param) = search::parameter_number(&code) else { continue };
        if code == "date"
            && let SearchValue::Date { low_us, .. } = &found
        {
            date = date.or(Some(*low_us));
        }
        match found {
            SearchValue::Token { system, code } => out.tokens.push((param, system, code)),
            SearchValue::Date { low_us, high_us } => out.dates.push((param, low_us, high_us)),
            SearchValue::Text(mut text) => {
                text.truncate(text.floor_char_boundary(MAX_KEY));
                out.strings.push((param, text));
            }
            SearchValue::Reference(target) | SearchValue::Uri(target) => out.references.push((param, target)),
        }
    }
    (out, date)
}

fn identifiers(value: &Value) -> Vec<Identifier> {
    let paths = ["identifier".to_owned(), "masterIdentifier".to_owned()];
    values(value, ParamType::Token, &paths)
        .into_iter()
        .filter_map(|v| match v {
            SearchValue::Token { system, code } if !code.is_empty() => Some(Identifier { system: (!system.is_empty()).then_some(system), value: code }),
            _ => None,
        })
        .collect()
}

/// A resource made by the server: type, id and meta first, lastUpdated as placeholder; other members of meta kept.
pub(super) fn stamped(value: Value, id: &str, version: i64) -> Value {
    dated(value, id, version, time::PLACEHOLDER)
}

/// [`stamped`] with a lastUpdated that is known already, for what lies inside a block of facts.
pub(super) fn dated(value: Value, id: &str, version: i64, last_updated: &str) -> Value {
    let Value::Object(mut members) = value else { return value };
    let mut meta = serde_json::Map::new();
    meta.insert("versionId".into(), json!(version.to_string()));
    meta.insert("lastUpdated".into(), json!(last_updated));
    if let Some(Value::Object(old)) = members.shift_remove("meta") {
        meta.extend(old.into_iter().filter(|(k, _)| k != "versionId" && k != "lastUpdated"));
    }
    members.shift_remove("id");
    let mut out = serde_json::Map::new();
    out.insert("resourceType".into(), members.shift_remove("resourceType").unwrap_or(Value::Null));
    out.insert("id".into(), json!(id));
    out.insert("meta".into(), Value::Object(meta));
    out.extend(members);
    Value::Object(out)
}
