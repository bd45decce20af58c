//! What a document states, on its way into the store: one block of derived resources with ids of their own and one Provenance.
//! Spec: FHIR R4 provenance.

use std::collections::HashMap;

use serde_json::{Value, json};

use super::document::Slots;
use super::patient::Chosen;
use super::planning::to_bytes;
use super::registry::registry;
use super::{App, Call, resource, section_texts};
use crate::fhir::{DocumentEntry, Fault, FaultKind, Issue, IssueType, Result, SectionText, Severity, gate, r4, time};
use crate::store::Facts;
use crate::{cda, xds};

/// What a document states, before it has ids.
#[derive(Default)]
pub(super) struct Statements {
    pub resources: Vec<cda::DerivedResource>,
    /// What sections say in words alone.
    pub texts: Vec<SectionText>,
    pub warnings: Vec<Issue>,
    /// What is wrong with a CDA.
    pub findings: Findings,
}

/// What is wrong with a CDA, as far as it is told when one is deposited; `$validate-cda` tells all of it.
#[derive(Default)]
pub(super) struct Findings {
    pub errors: usize,
    pub warnings: usize,
    /// The first ones, errors first.
    told: Vec<Issue>,
}

/// Findings that are told with a deposit.
const MAX_TOLD: usize = 20;

impl Findings {
    fn of(document: &cda::ClinicalDocument) -> Self {
        let mut all = cda::check(document);
        all.retain(|f| !f.rule.is_remark());
        all.sort_by_key(|f| !f.rule.is_error());
        let errors = all.iter().filter(|f| f.rule.is_error()).count();
        Self { errors, warnings: all.len() - errors, told: all.iter().take(MAX_TOLD).map(told).collect() }
    }

    fn is_empty(&self) -> bool {
        self.errors + self.warnings == 0
    }

    /// What an answer says that stores the document all the same: nothing here is an error of the request.
    fn remarks(&self) -> Vec<Issue> {
        if self.is_empty() {
            return Vec::new();
        }
        let sum = format!("the CDA breaks rules ({} errors, {} warnings); $validate-cda lists them", self.errors, self.warnings);
        let softened = self.told.iter().cloned().map(|mut issue| {
            issue.severity = Severity::Warning;
            issue
        });
        std::iter::once(Issue::warning(IssueType::Informational, "ClinicalDocument", sum)).chain(softened).collect()
    }

    /// The extension of a DocumentReference with the number of findings; `None` when there is none.
    pub(super) fn extension(&self) -> Option<Value> {
        (!self.is_empty()).then(|| self.counts())
    }

    pub(super) fn counts(&self) -> Value {
        let count = |url: &str, n: usize| json!({"url": url, "valueUnsignedInt": n});
        json!({"url": CDA_FINDINGS, "extension": [count("errors", self.errors), count("warnings", self.warnings)]})
    }
}

/// Extension of a DocumentReference: how many rules its CDA breaks, by severity, as counted when it was deposited.
pub(super) const CDA_FINDINGS: &str = "urn:passerelle:cda-findings";

fn told(finding: &cda::Finding) -> Issue {
    let said = format!("{} [{}] line {}: {} ({})", finding.rule.severity, finding.rule.id, finding.line, finding.said(), finding.rule.spec);
    let tell = if finding.rule.is_error() { Issue::error } else { Issue::warning };
    tell(IssueType::BusinessRule, finding.xpath.clone(), said)
}

/// Refuses a CDA with errors where the configuration says so.
///
/// # Errors
/// `RuleBroken` with the first findings, errors first.
pub(super) fn accept(app: &App, stated: &Statements) -> Result<()> {
    if stated.findings.errors == 0 || !app.config.documents.refuse_invalid_cda {
        return Ok(());
    }
    Err(Fault::with_issues(FaultKind::RuleBroken, 672, stated.findings.told.clone()))
}

/// The facts of a CDA, whose references to itself and to its patient are those given.
pub(super) fn of_cda(document: &cda::ClinicalDocument, slots: &Slots, chosen: &Chosen) -> Statements {
    let derived = cda::derive(document, &slots.reference(), &chosen.reference());
    let (resources, broken): (Vec<_>, Vec<_>) = derived.resources.into_iter().partition(|r| is_valid(&r.resource));
    let told = broken.iter().map(|r| Issue::warning(IssueType::Informational, &r.path, "the statement cannot be written as a valid resource; it stays in the document only"));
    let findings = Findings::of(document);
    let warnings = derived.warnings.into_iter().chain(told).chain(findings.remarks()).collect();
    let texts = cda::section_texts(document, &resources);
    Statements { resources, texts, warnings, findings }
}

/// Whether a derived resource is what FHIR R4 says it must be.
pub fn is_valid(resource: &Value) -> bool {
    to_bytes(resource).is_ok_and(|bytes| gate::parse(&bytes).is_ok_and(|node| r4::check(&node, 1).is_empty()))
}

/// The facts of a FHIR document.
pub(super) fn of_bundle(bundle: &Value, chosen: &Chosen) -> Statements {
    let found = xds::statements_of_document(bundle, &chosen.reference(), |kind| registry().is_statement(kind));
    let resources = found.into_iter().map(|(path, resource)| cda::DerivedResource { path, resource }).collect();
    Statements { resources, texts: section_texts::of_bundle(bundle), ..Statements::default() }
}

/// The block of facts: ids given, placeholders resolved, one Provenance for all; none of a document that only says something in words.
pub(super) fn block(app: &App, call: &Call, slots: &Slots, chosen: &Chosen, entry: &DocumentEntry, statements: Statements) -> Result<Option<Facts>> {
    if statements.resources.is_empty() && statements.texts.is_empty() {
        return Ok(None);
    }
    let mut names = HashMap::new();
    let mut ids = Vec::with_capacity(statements.resources.len() + 1);
    for (i, one) in statements.resources.iter().enumerate() {
        let kind = one.resource.get("resourceType").and_then(Value::as_str).unwrap_or("Basic").to_owned();
        let id = app.derived_id(slots.number, &format!("{}#{kind}#{}", one.path, repeat(&statements.resources, i)))?;
        names.entry(format!("path:{}", one.path)).or_insert_with(|| format!("{kind}/{id}"));
        ids.push((kind, id));
    }
    let now = time::instant(call.now_us);
    let mut resources = Vec::with_capacity(ids.len());
    let mut files = Vec::new();
    for (one, (_, id)) in statements.resources.into_iter().zip(&ids) {
        let mut value = one.resource;
        link(&mut value, &names, 0);
        files.extend(file(app, slots, &mut value)?);
        resources.push(resource::dated(value, id, 1, &now));
    }
    let mut provenance_of = None;
    if !ids.is_empty() {
        let id = app.derived_id(slots.number, "provenance")?;
        provenance_of = Some(provenance(&id, &now, slots, entry, &ids));
        ids.push(("Provenance".to_owned(), id));
    }
    ids.extend(files.into_iter().map(|id| ("Binary".to_owned(), id)));
    let block = to_bytes(&json!({"provenance": provenance_of, "resources": resources, "texts": statements.texts}))?;
    Ok(Some(Facts { record: chosen.record, document: slots.number, mapping: cda::mapping_version(), ids, block }))
}

/// Gives the file that a Media names the address of a Binary, whose id is answered.
fn file(app: &App, slots: &Slots, media: &mut Value) -> Result<Option<String>> {
    let url = media.pointer_mut("/content/url").filter(|u| u.as_str().is_some_and(|u| u.starts_with(cda::FILE)));
    let Some((url, number)) = url.and_then(|u| Some((u.as_str()?.strip_prefix(cda::FILE)?.parse().ok()?, u))).map(|(n, u)| (u, n)) else { return Ok(None) };
    let id = file_id(app, slots.number, number)?;
    *url = json!(format!("{}/Binary/{id}", app.base_url));
    Ok(Some(id))
}

/// Id of the Binary of file `n` of a document.
pub(super) fn file_id(app: &App, document: i64, number: usize) -> Result<String> {
    app.derived_id(document, &format!("{}{number}#Binary", cda::FILE))
}

/// How many earlier statements share this one's path: a path may give several resources of a type.
fn repeat(all: &[cda::DerivedResource], index: usize) -> usize {
    let Some(one) = all.get(index) else { return 0 };
    all.iter().take(index).filter(|o| o.path == one.path && o.resource.get("resourceType") == one.resource.get("resourceType")).count()
}

/// Replaces `path:…` placeholders of references by what they name.
fn link(value: &mut Value, names: &HashMap<String, String>, depth: usize) {
    if depth > 32 {
        return;
    }
    match value {
        Value::Object(members) => {
            if let Some(Value::String(text)) = members.get_mut("reference") {
                match names.get(text.as_str()) {
                    Some(name) => text.clone_from(name),
                    // What it names was left out.
                    None if text.starts_with("path:") => {
                        members.shift_remove("reference");
                        members.insert("display".into(), json!("énoncé resté dans le document"));
                    }
                    None => {}
                }
            }
            members.values_mut().for_each(|v| link(v, names, depth + 1));
        }
        Value::Array(items) => items.iter_mut().for_each(|v| link(v, names, depth + 1)),
        _ => {}
    }
}

fn provenance(id: &str, now: &str, slots: &Slots, entry: &DocumentEntry, ids: &[(String, String)]) -> Value {
    let targets: Vec<Value> = ids.iter().map(|(kind, id)| json!({"reference": format!("{kind}/{id}")})).collect();
    let mut agents = vec![json!({
        "type": {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/provenance-participant-type", "code": "assembler"}]},
        "who": {"display": "Passerelle"}
    })];
    if let Some(name) = author_name(entry) {
        agents.push(json!({
            "type": {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/provenance-participant-type", "code": "author"}]},
            "who": {"display": name}
        }));
    }
    json!({
        "resourceType": "Provenance", "id": id, "meta": {"versionId": "1", "lastUpdated": now},
        "target": targets, "recorded": now,
        "activity": {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/v3-DocumentCompletion", "code": "AU"}], "text": cda::mapping_version()},
        "agent": agents,
        "entity": [{"role": "source", "what": {"reference": slots.reference()}}],
    })
}

/// Name of the first author, person or organisation.
pub(super) fn author_name(entry: &DocumentEntry) -> Option<String> {
    let group = entry.authors.first()?;
    let person = group.iter().find(|r| matches!(r.get("resourceType").and_then(Value::as_str), Some("Practitioner" | "Patient")));
    let named = person.and_then(|p| {
        let name = p.get("name")?.get(0)?;
        let part = |k: &str| name.get(k).and_then(|v| v.as_str().map(str::to_owned).or_else(|| Some(v.as_array()?.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(" "))));
        let joined = [part("prefix"), part("given"), part("family")].into_iter().flatten().collect::<Vec<_>>().join(" ");
        (!joined.is_empty()).then_some(joined)
    });
    named.or_else(|| group.iter().find_map(|r| Some(r.get("name")?.as_str()?.to_owned())))
}
