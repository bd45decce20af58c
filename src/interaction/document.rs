//! One document on its way into the store, whichever road it came by: who it belongs to, what it replaces, which facts it
//! states, and the plan that writes all of it at once.

use bytes::Bytes;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::contents::{self, Contents};
use super::patient::{self, Chosen};
use super::statements::{self, Statements};
use super::succession::{Replaced, inherited, supersede};
use super::{App, Call, feeding, later, notices, resource};
use crate::access::{MatrixAction, Sight, Span, Standing, labels, person_key};
use crate::fhir::classification;
use crate::fhir::gate::Node;
use crate::fhir::splice::{self, Edit};
use crate::fhir::{Coding, DocumentEntry, Fault, FaultKind, Identifier, Issue, IssueType, Result};
use crate::store::{DocumentRow, DocumentText, NewDocument, Operation, Plan, Precondition, Reader};
use crate::xds;

/// Ids and numbers of a document that is being deposited.
pub(super) struct Slots {
    pub number: i64,
    pub rid: i64,
    pub id: String,
    pub binary_id: String,
}

impl Slots {
    pub(super) fn new(app: &App) -> Self {
        let counters = app.store.counters();
        Self { number: counters.next_document(), rid: counters.next_resource(), id: app.new_id(), binary_id: app.new_id() }
    }

    /// `DocumentReference/id`
    pub(super) fn reference(&self) -> String {
        format!("DocumentReference/{}", self.id)
    }
}

/// Whether the document is here already, as far as this caller may see.
pub(super) enum Known {
    New,
    /// The same bytes: its DocumentReference.
    Same {
        id: String,
    },
}

/// Looks the uniqueId up.
///
/// # Errors
/// `WriteConflict` when other bytes carry it.
pub(super) fn known(reader: &mut Reader<'_>, unique: &Identifier, sha256: &[u8]) -> Result<Known> {
    for row in reader.documents_by_unique(unique)? {
        if row.sha256 != sha256 {
            return Err(Fault::new(FaultKind::WriteConflict, 400, "another document with this uniqueId is stored; a new version needs an id of its own and a relation 'replaces'")
                .at("DocumentReference.masterIdentifier"));
        }
        if let Some(id) = reader.reference_of(&row)? {
            return Ok(Known::Same { id });
        }
    }
    Ok(Known::New)
}

/// A DocumentReference (its bytes) that shows these labels besides its own; everything else stays byte for byte.
pub(super) fn labelled(bytes: Vec<u8>, set: i32) -> Result<Vec<u8>> {
    let value: Value = serde_json::from_slice(&bytes).map_err(|e| Fault::new(FaultKind::Bug, 405, "a resource is not JSON").because(e))?;
    let missing = missing_labels(&value, set);
    if missing.is_empty() {
        return Ok(bytes);
    }
    let node = crate::fhir::gate::parse(&bytes)?;
    let text = missing.iter().map(Value::to_string).collect::<Vec<_>>().join(",");
    let edit = match node.get("securityLabel").and_then(|l| l.items().last()) {
        Some(last) => Edit { start: last.end, end: last.end, text: format!(",{text}") },
        None => Edit { start: node.end - 1, end: node.end - 1, text: format!(",\"securityLabel\":[{text}]") },
    };
    Ok(splice::apply(&bytes, vec![edit]))
}

/// Extension of a DocumentReference with the title that this server gives it, beside its author's.
pub(super) const GENERATED_TITLE: &str = "urn:passerelle:generated-title";

/// Extension of a DocumentReference that remarks what its document's bytes are not: a scan, protected, unread, of another type.
pub(super) const CONTENT_REMARK: &str = "urn:passerelle:content-remark";

/// A DocumentReference (its bytes) with what this server says of the document: its generated title, how many rules a CDA breaks, and
/// what is worth remarking of its bytes.
pub(super) fn described(bytes: Vec<u8>, title: &str, stated: &Statements, contents: &Contents) -> Result<Vec<u8>> {
    let bytes = match title {
        "" => bytes,
        _ => extended(bytes, GENERATED_TITLE, &[json!({"url": GENERATED_TITLE, "valueString": title})])?,
    };
    let bytes = extended(bytes, statements::CDA_FINDINGS, stated.findings.extension().as_slice())?;
    let remarks: Vec<Value> = contents.codings().into_iter().map(|coding| json!({"url": CONTENT_REMARK, "valueCoding": coding})).collect();
    extended(bytes, CONTENT_REMARK, &remarks)
}

/// A DocumentReference (its bytes) with extensions of ours of one address, in the place of the first that a client sent along;
/// everything else stays byte for byte. Without any, what a client sent under our name goes.
fn extended(bytes: Vec<u8>, url: &str, extensions: &[Value]) -> Result<Vec<u8>> {
    let node = crate::fhir::gate::parse(&bytes)?;
    let all = node.get("extension").map(Node::items).unwrap_or_default();
    let sent = all.iter().position(|e| e.get("url").and_then(Node::text) == Some(url));
    let text = extensions.iter().map(Value::to_string).collect::<Vec<_>>().join(",");
    let edit = match (sent, text.is_empty()) {
        (None, true) => return Ok(bytes),
        (Some(at), true) => removal(all, at),
        (Some(at), false) => all.get(at).map(|sent| Edit { start: sent.start, end: sent.end, text }),
        (None, false) => Some(match all.last() {
            Some(last) => Edit { start: last.end, end: last.end, text: format!(",{text}") },
            None => Edit { start: node.end - 1, end: node.end - 1, text: format!(",\"extension\":[{text}]") },
        }),
    };
    Ok(splice::apply(&bytes, edit.into_iter().collect()))
}

/// Takes what a client claims in our name out of several items, with its comma; the only item stays and says that nothing was found.
fn removal(all: &[Node], at: usize) -> Option<Edit> {
    let sent = all.get(at)?;
    let before = at.checked_sub(1).and_then(|i| all.get(i));
    Some(match (before, all.get(at + 1)) {
        (Some(before), _) => Edit { start: before.end, end: sent.end, text: String::new() },
        (None, Some(after)) => Edit { start: sent.start, end: after.start, text: String::new() },
        (None, None) => Edit { start: sent.start, end: sent.end, text: statements::Findings::default().counts().to_string() },
    })
}

/// What is told of a document that says it was made after today.
pub(super) fn from_the_future(call: &Call, entry: &DocumentEntry) -> Option<Issue> {
    const DAY_US: i64 = 86_400_000_000;
    let (made, _) = crate::fhir::time::range(entry.creation.as_deref()?)?;
    (made > call.now_us.saturating_add(DAY_US)).then(|| {
        Issue::warning(
            IssueType::BusinessRule,
            "ClinicalDocument.effectiveTime",
            "the document is dated in the future; it is stored as it says and sorts before everything else: correct the clock of its maker",
        )
    })
}

/// The title that this server gives a document.
pub(super) fn title(call: &Call, entry: &DocumentEntry, stated: &Statements, contents: &Contents) -> String {
    let stated: Vec<(&str, &Value)> = stated.resources.iter().map(|r| (r.path.as_str(), &r.resource)).collect();
    crate::keyinfo::generated_title(entry, &stated, &contents.title, &crate::fhir::time::instant(call.now_us))
}

/// The concepts of the labels of a set that a DocumentReference does not show yet.
fn missing_labels(reference: &Value, set: i32) -> Vec<Value> {
    let shown: Vec<String> = xds::label_codes(reference);
    let all = labels::TABLE.iter().filter(|(bit, code)| set & bit != 0 && !shown.iter().any(|s| s == code));
    all.map(|(_, code)| {
        let coding = xds::confidentiality_coding(code);
        json!({"coding": [{"system": coding.system, "code": coding.code, "display": coding.display}]})
    })
    .map(without_nulls)
    .collect()
}

fn without_nulls(mut concept: Value) -> Value {
    if let Some(Value::Object(coding)) = concept.pointer_mut("/coding/0") {
        coding.retain(|_, v| !v.is_null());
    }
    concept
}

/// Id of the Binary of a stored document, from its DocumentReference.
pub(super) fn binary_of(app: &App, reader: &mut Reader<'_>, id: &str) -> Result<String> {
    let found = reader.found("DocumentReference", id, None)?.map(|f| f.body).unwrap_or_default();
    let value: Value = serde_json::from_slice(&found).unwrap_or_default();
    let url = value.pointer("/content/0/attachment/url").and_then(Value::as_str).unwrap_or("");
    Ok(app.local(url).trim_start_matches("Binary/").to_owned())
}

/// Refuses a document whose own patient is somebody else than the one it is filed under: same kind of identifier, other value.
///
/// # Errors
/// `RuleBroken`.
pub(super) fn same_patient(reader: &mut Reader<'_>, given: Option<&Value>, chosen: &Chosen) -> Result<()> {
    let Some(given) = given else { return Ok(()) };
    let Some(found) = reader.found("Patient", &chosen.id, None)? else { return Ok(()) };
    let stored: Value = serde_json::from_slice(&found.body).map_err(|e| Fault::new(FaultKind::Bug, 403, "a stored resource is damaged").because(e))?;
    let (theirs, ours) = (patient::ordered(given), patient::ordered(&stored));
    if theirs.iter().any(|t| ours.contains(t)) {
        return Ok(());
    }
    let contradicts = theirs.iter().any(|t| ours.iter().any(|o| o.system == t.system && t.system.as_deref().is_some_and(patient::is_ins)));
    if contradicts {
        return Err(Fault::new(FaultKind::RuleBroken, 404, "the document is about another patient (INS) than the one it is filed under; nothing was stored")
            .at("DocumentReference.subject"));
    }
    Ok(())
}

/// Everything the plan of one document is made from.
pub(super) struct Ready<'a> {
    pub slots: &'a Slots,
    pub chosen: &'a Chosen,
    pub entry: &'a DocumentEntry,
    pub content: Bytes,
    /// The DocumentReference as it will be stored (id, meta with the lastUpdated placeholder, rewritten references).
    pub reference: Vec<u8>,
    pub statements: Statements,
    pub contents: Contents,
    pub replaced: &'a [Replaced],
    /// The document that replaces it and came before it.
    pub successor: Option<&'a DocumentRow>,
    /// Its Binary was sent before and has its id already.
    pub adopted: bool,
    /// What the depositor may see of the record.
    pub sight: Sight,
}

/// Adds one document to a plan.
///
/// # Errors
/// `Forbidden` for a type that the matrix closes to the depositor's profession, `Bug` when something cannot be written as JSON.
pub(super) fn add(app: &App, call: &Call, plan: &mut Plan, ready: Ready<'_>) -> Result<()> {
    let Ready { slots, chosen, entry, content, reference, statements: stated, contents, replaced, successor, adopted, sight } = ready;
    let shown: Value = serde_json::from_slice(&reference).map_err(|e| Fault::new(FaultKind::Bug, 406, "a resource is not JSON").because(e))?;
    let own = labels::set(entry.confidentiality.iter().map(|c| c.code.as_str()));
    let all = own | inherited(replaced) | successor.map_or(0, |row| row.labels & labels::VISIBILITY);
    let document = NewDocument {
        number: slots.number,
        record: chosen.record,
        rid: slots.rid,
        chain: replaced.first().map(|r| &r.row).or(successor).map_or(slots.number, |row| row.chain),
        unique: entry.unique_id.clone(),
        sha256: Sha256::digest(&content).into(),
        mime: entry.mime.clone(),
        labels: all,
        archived: xds::is_archived(&shown),
        superseded: shown.get("status").and_then(Value::as_str) == Some("superseded"),
        visible_from_us: visible_from(call, all, replaced.iter().map(|r| &r.row).chain(successor)),
        type_code: code(entry.type_code.as_ref()),
        class_code: class(entry),
        behind: behind(call, entry),
        binary_id: if adopted { String::new() } else { slots.binary_id.clone() },
        content,
    };
    let action = if replaced.is_empty() { MatrixAction::Add } else { MatrixAction::Replace };
    feeding::habilitated(call, action, &document.type_code, &document.class_code)?;
    plan.preconditions.push(Precondition::UniqueIdUnused { unique: entry.unique_id.clone(), visibility: call.visibility.feeding(), sight: Sight { strange: Vec::new(), ..sight } });
    if document.labels & labels::INVISIBLE_PATIENT != 0 {
        plan.operations.push(notices::hidden(call, slots.number, document.visible_from_us)?);
    }
    let visible_from_us = document.visible_from_us;
    plan.operations.push(Operation::NewDocument(Box::new(document)));
    if contents.is_late {
        plan.operations.push(later::job(slots.number, 0, call.now_us)?);
    }
    let words = contents::of_metadata(entry, &shown) + &contents.words;
    plan.operations.push(Operation::Text(Box::new(DocumentText { record: chosen.record, document: slots.number, words, layers: contents.layers })));
    let slot = resource::Slot { kind: "DocumentReference", id: &slots.id, record: chosen.record, rid: slots.rid, number: 1, document: slots.number };
    plan.operations.push(Operation::Put(Box::new(resource::put(slot, reference)?)));
    if let Some(facts) = statements::block(app, call, slots, chosen, entry, stated)? {
        plan.operations.push(Operation::Facts(Box::new(facts)));
    }
    for old in replaced {
        supersede(plan, old, own, visible_from_us)?;
    }
    call.touched(slots.reference());
    Ok(())
}

/// Bytes of a structure's identifier; a longer one names no structure.
const MAX_STRUCTURE: usize = 200;

/// From when the patient sees a document of these labels: at once, or a month from now; what was kept from him before, of what it
/// replaces, has its month already.
/// Spec: CSP R.1111-53.
fn visible_from<'a>(call: &Call, set: i32, replaced: impl Iterator<Item = &'a DocumentRow>) -> i64 {
    let begun = replaced.map(|row| row.visible_from_us).filter(|at_us| *at_us != 0).min();
    begun.unwrap_or_else(|| if set & labels::INVISIBLE_PATIENT == 0 { 0 } else { Span::HiddenEnd.after(call.now_us) })
}

/// The code of a concept, empty without one.
fn code(coding: Option<&Coding>) -> String {
    coding.map(|c| c.code.clone()).unwrap_or_default()
}

/// The class a document says it has, else that of its type.
fn class(entry: &DocumentEntry) -> String {
    let of_type = || entry.type_code.as_ref().and_then(classification::class_of);
    code(entry.class_code.clone().or_else(of_type).as_ref())
}

/// Who stands behind a document: its authors and its legal authenticator, marked as such, its custodian and whoever deposits it.
/// Spec: CSP R.1111-49; DMP EX_2.1-1140 (a person by its number, a structure by its own).
fn behind(call: &Call, entry: &DocumentEntry) -> Vec<String> {
    let authors: Vec<String> = entry.authors.iter().flatten().flat_map(named).collect();
    let signs: Vec<String> = entry.legal_authenticator.iter().flatten().flat_map(named).collect();
    let persons_named = authors.iter().chain(&signs).any(|who| who.starts_with("ps:"));
    let short = |who: &String| who.len() <= MAX_STRUCTURE;
    let marked = [(Standing::Author, &authors), (Standing::LegalAuthenticator, &signs)];
    let marks = marked.into_iter().flat_map(|(standing, all)| all.iter().filter(move |who| short(who)).map(move |who| standing.mark(who)));
    let keeps = entry.custodian.iter().flat_map(named).filter(|who| !who.starts_with("ps:"));
    let names = authors.iter().chain(&signs).cloned().chain(keeps).filter(short);
    names.chain(marks).chain(call.visibility.depositors(persons_named)).collect()
}

/// Under which names the persons and structures of a resource stand behind documents.
fn named(resource: &Value) -> Vec<String> {
    let persons = numbers(resource, &["urn:oid:1.2.250.1.71.4.2.1", "https://rpps.esante.gouv.fr"]).map(|id| person_key(&id));
    let structures = numbers(resource, &["urn:oid:1.2.250.1.71.4.2.2"]).map(|id| crate::identity::canonical_structure(&id));
    persons.chain(structures).collect()
}

/// Values of a resource's identifiers of some systems.
fn numbers<'a>(resource: &'a Value, systems: &'a [&str]) -> impl Iterator<Item = String> + 'a {
    let all = resource.get("identifier").and_then(Value::as_array).into_iter().flatten();
    all.filter(|i| i.get("system").and_then(Value::as_str).is_some_and(|s| systems.contains(&s))).filter_map(|i| i.get("value")?.as_str().map(str::to_owned))
}

/// Adds the labels of a set to those a DocumentReference shows.
pub(super) fn show_labels(reference: &mut Value, set: i32) {
    let missing = missing_labels(reference, set);
    let Some(members) = reference.as_object_mut() else { return };
    match members.get_mut("securityLabel") {
        Some(Value::Array(all)) => all.extend(missing),
        _ if !missing.is_empty() => {
            members.insert("securityLabel".into(), Value::Array(missing));
        }
        _ => {}
    }
}

/// Makes a DocumentReference show exactly these visibility labels; its level stays.
pub(super) fn only_labels(reference: &mut Value, set: i32) {
    let stays = |label: &Value| label.pointer("/coding/0/code").and_then(Value::as_str).and_then(labels::bit).is_none_or(|bit| bit & labels::VISIBILITY == 0 || bit & set != 0);
    if let Some(Value::Array(all)) = reference.get_mut("securityLabel") {
        all.retain(stays);
    }
    show_labels(reference, set);
}

/// Base64 SHA-1, as XDS and MHD want it.
pub(super) fn sha1_base64(bytes: &[u8]) -> String {
    use base64::Engine;
    base64::engine::general_purpose::STANDARD.encode(sha1::Sha1::digest(bytes))
}

/// The patient resource of the metadata, or a refusal.
pub(super) fn patient_of(entry: &DocumentEntry) -> Result<&Value> {
    entry.patient.as_ref().ok_or_else(|| Fault::new(FaultKind::MissingElement, 402, "the document names no patient"))
}

/// Chooses the record of a CDA's patient.
pub(super) fn choose(app: &App, call: &Call, reader: &mut Reader<'_>, entry: &DocumentEntry) -> Result<Chosen> {
    let chosen = patient::choose(app, call, reader, patient_of(entry)?)?;
    call.about(&chosen.id);
    Ok(chosen)
}
