//! The IPS document: Composition, Patient, author, and every resource that a section names.
//! Spec: IPS 2.0.1 Bundle-uv-ips, Composition-uv-ips; FHIR R4 documents.

use std::collections::HashSet;

use serde_json::{Map, Value, json};

use super::concept::text;
use super::group::Group;
use super::line::Context;
use super::narrative;
use super::references::{named_by, settled};
use super::section::{Absent, Filled};
use super::statement::Statement;
use super::{Source, SummaryInput};

const PROFILES: &str = "http://hl7.org/fhir/uv/ips/StructureDefinition";

/// On `Composition.section.entry`: the document that the entry was taken from.
const SOURCE: &str = "urn:passerelle:source";
/// On `Composition.section.entry`: a repeat of the entry, by URL.
const MERGED: &str = "urn:passerelle:merged";
/// On `Composition.section.entry`: an older value of the same series, by URL.
const EARLIER: &str = "urn:passerelle:earlier";
/// On `Composition.section.entry` or section: a statement that says otherwise.
const DISAGREEMENT: &str = "urn:passerelle:disagreement";
/// On `Composition.section`: a resource told in its text whose type the profile keeps from section.entry.
const TOLD: &str = "urn:passerelle:told";

/// Types that come along when an entry names them.
const SUPPORTING: &[&str] = &["Medication", "Device", "Practitioner", "PractitionerRole", "Organization", "Specimen", "Location", "RelatedPerson", "Substance"];

/// Longest chain of references followed (Observation → Specimen → …).
const MAX_STEPS: usize = 4;

/// The Bundle.
pub(super) fn compose(input: &mut SummaryInput<'_>, context: &Context<'_>, sections: &[Filled]) -> Value {
    let ids = Ids { bundle: (input.new_id)(), composition: (input.new_id)(), author: (input.new_id)() };
    let chosen = chosen(context, sections);
    let patient_url = format!("{}/Patient/{}", input.base_url, text(input.patient, "/id"));
    let mut inside: HashSet<&str> = chosen.iter().filter_map(|f| context.facts.get(*f)).map(|f| f.full_url.as_str()).collect();
    inside.insert(&patient_url);
    let mut entries = vec![
        entry(&format!("urn:uuid:{}", ids.composition), composition(input, context, sections, &ids, &patient_url)),
        entry(&patient_url, settled(input.patient, &inside, input.base_url)),
        entry(&format!("urn:uuid:{}", ids.author), device(&ids.author)),
    ];
    entries.extend(chosen.iter().filter_map(|f| context.facts.get(*f)).map(|f| entry(&f.full_url, settled(&f.resource, &inside, input.base_url))));
    json!({
        "resourceType": "Bundle",
        "id": ids.bundle,
        "meta": {"profile": [format!("{PROFILES}/Bundle-uv-ips")]},
        "language": "fr-FR",
        "identifier": {"system": "urn:ietf:rfc:3986", "value": format!("urn:uuid:{}", ids.bundle)},
        "type": "document",
        "timestamp": input.now,
        "entry": entries,
    })
}

struct Ids {
    bundle: String,
    composition: String,
    author: String,
}

fn entry(full_url: &str, resource: Value) -> Value {
    json!({"fullUrl": full_url, "resource": resource})
}

/// The software that made the summary.
fn device(id: &str) -> Value {
    json!({"resourceType": "Device", "id": id, "deviceName": [{"name": "Passerelle", "type": "user-friendly-name"}]})
}

fn composition(input: &SummaryInput<'_>, context: &Context<'_>, sections: &[Filled], ids: &Ids, patient_url: &str) -> Value {
    let named = &named(input);
    let documents = input.facts.iter().filter_map(|f| f.source).collect::<HashSet<_>>().len();
    json!({
        "resourceType": "Composition",
        "id": ids.composition,
        "meta": {"profile": [format!("{PROFILES}/Composition-uv-ips")]},
        "language": "fr-FR",
        "text": {"status": "generated", "div": narrative::document(documents, input.now)},
        "identifier": {"system": "urn:ietf:rfc:3986", "value": format!("urn:uuid:{}", ids.composition)},
        "status": "final",
        "type": {"coding": [{"system": "http://loinc.org", "code": "60591-5", "display": "Patient summary Document"}]},
        "subject": {"reference": patient_url},
        "date": input.now,
        "author": [{"reference": format!("urn:uuid:{}", ids.author), "display": "Passerelle"}],
        "title": "Synthèse médicale (IPS)",
        "section": sections.iter().map(|s| section(named, context, s)).collect::<Vec<_>>(),
    })
}

fn section(named: &[Value], context: &Context<'_>, filled: &Filled) -> Value {
    let (mut extensions, mut entries) = (Vec::new(), Vec::new());
    for (group, _) in &filled.entries {
        for at in std::iter::once(group.lead).chain(group.previous).chain(group.discordant.iter().copied()) {
            let Some(reference) = reference(named, context, group, at) else { continue };
            match context.statement(at) {
                Some(s) if filled.row.entry_types.iter().any(|t| t == s.kind) => entries.push(reference),
                _ => extensions.push(json!({"url": TOLD, "valueReference": reference})),
            }
        }
    }
    for absent in &filled.absences {
        told_absent(named, context, filled, absent, (&mut extensions, &mut entries));
    }
    let mut out = Map::new();
    if !extensions.is_empty() {
        out.insert("extension".into(), Value::Array(extensions));
    }
    out.insert("title".into(), filled.row.title.as_str().into());
    out.insert("code".into(), json!({"coding": [{"system": "http://loinc.org", "code": filled.row.code, "display": filled.row.display}]}));
    out.insert("text".into(), json!({"status": "generated", "div": narrative::section(context, filled)}));
    if !entries.is_empty() {
        out.insert("entry".into(), Value::Array(entries));
    } else if filled.entries.is_empty() {
        // A section that only tells resources the profile keeps from section.entry is not empty: ips-comp-1 does not bind it.
        out.insert("emptyReason".into(), empty_reason(filled));
    }
    Value::Object(out)
}

/// A statement of absence: an entry when nothing contradicts it, else a disagreement beside the entries.
fn told_absent(named: &[Value], context: &Context<'_>, filled: &Filled, absent: &Absent, out: (&mut Vec<Value>, &mut Vec<Value>)) {
    let (extensions, entries) = out;
    if absent.contradicted {
        for at in &absent.statements {
            let Some(fact) = context.fact(*at) else { continue };
            let reference = json!({"extension": source(named, context, *at).into_iter().collect::<Vec<_>>(), "reference": fact.full_url, "display": absent.absence.sentence});
            extensions.push(json!({"url": DISAGREEMENT, "valueReference": without_empty(reference)}));
        }
        return;
    }
    let mut affirming = absent.statements.iter().copied().filter(|at| is_entry(context, filled, absent, *at));
    if let Some(lead) = affirming.next() {
        let group = Group { lead, merged: affirming.collect(), ..Group::default() };
        entries.extend(reference(named, context, &group, lead));
    }
}

/// A denied "none known" reads as a double negation, and "nothing known" is what emptyReason is for: neither is an entry.
fn is_entry(context: &Context<'_>, filled: &Filled, absent: &Absent, at: usize) -> bool {
    let told = |s: &Statement<'_>| s.against.is_none() && filled.row.entry_types.iter().any(|t| t == s.kind);
    absent.absence.known && !absent.contradicted && context.statement(at).is_some_and(told)
}

fn without_empty(mut reference: Value) -> Value {
    if let Some(map) = reference.as_object_mut() {
        map.retain(|_, v| !v.as_array().is_some_and(Vec::is_empty));
    }
    reference
}

/// nilknown only when a source says so.
fn empty_reason(filled: &Filled) -> Value {
    let (code, display) =
        if filled.absences.iter().any(|a| a.absence.known && a.absence.scope.is_none() && !a.contradicted) { ("nilknown", "Nil Known") } else { ("unavailable", "Unavailable") };
    json!({"coding": [{"system": "http://terminology.hl7.org/CodeSystem/list-empty-reason", "code": code, "display": display}]})
}

/// An entry with its documents, repeats, older values and denials.
fn reference(named: &[Value], context: &Context<'_>, group: &Group, at: usize) -> Option<Value> {
    let fact = context.fact(at)?;
    let mut extensions = Vec::new();
    let url = |name: &str, at: &usize| Some(json!({"url": name, "valueUri": context.fact(*at)?.full_url}));
    if at == group.lead {
        extensions.extend(distinct(named, context, group.affirming()));
        extensions.extend(group.merged.iter().filter_map(|m| url(MERGED, m)));
        extensions.extend(group.earlier.iter().filter_map(|m| url(EARLIER, m)));
        extensions.extend(
            group.against.iter().filter_map(|m| Some(json!({"url": DISAGREEMENT, "valueReference": {"reference": context.fact(*m)?.full_url, "display": context.who(*m)}}))),
        );
    } else {
        extensions.extend(source(named, context, at));
    }
    Some(without_empty(json!({"extension": extensions, "reference": fact.full_url})))
}

fn distinct(named: &[Value], context: &Context<'_>, statements: impl Iterator<Item = usize>) -> Vec<Value> {
    let mut seen = HashSet::new();
    statements.filter(|at| context.statement(*at).is_some_and(|s| s.source.is_some() && seen.insert(s.source))).filter_map(|at| source(named, context, at)).collect()
}

/// The document of a statement.
fn source(named: &[Value], context: &Context<'_>, at: usize) -> Option<Value> {
    named.get(context.statement(at)?.source?).cloned()
}

/// The extension that names each document.
fn named(input: &SummaryInput<'_>) -> Vec<Value> {
    let one = |source: &Source| {
        let parts = [first(&source.title, &source.type_display).to_owned(), first(&source.author, &source.structure).to_owned(), super::dates::french(&source.date)];
        let display = parts.into_iter().filter(|p| !p.is_empty()).collect::<Vec<_>>().join(" — ");
        let url = format!("{}/{}", input.base_url, source.document_reference);
        let reference = if display.is_empty() { json!({"reference": url}) } else { json!({"reference": url, "display": display}) };
        json!({"url": SOURCE, "valueReference": reference})
    };
    input.sources.iter().map(one).collect()
}

fn first<'a>(a: &'a str, b: &'a str) -> &'a str {
    if a.trim().is_empty() { b.trim() } else { a.trim() }
}

/// Facts that the Bundle holds: every entry, then what they name, without repeats.
fn chosen(context: &Context<'_>, sections: &[Filled]) -> Vec<usize> {
    let mut out = Vec::new();
    let mut seen = HashSet::new();
    let mut add = |at: usize, out: &mut Vec<usize>| {
        if let Some(s) = context.statement(at)
            && seen.insert(s.fact)
        {
            out.push(s.fact);
        }
    };
    for filled in sections {
        for (group, _) in &filled.entries {
            for at in std::iter::once(group.lead).chain(group.previous).chain(group.discordant.iter().copied()) {
                add(at, &mut out);
            }
        }
        for absent in &filled.absences {
            let one = absent.statements.iter().find(|at| is_entry(context, filled, absent, **at));
            if let Some(at) = one {
                add(*at, &mut out);
            }
        }
    }
    follow(context, &mut out, seen);
    out
}

fn follow(context: &Context<'_>, out: &mut Vec<usize>, mut seen: HashSet<usize>) {
    let mut from = 0;
    for _ in 0..MAX_STEPS {
        let upto = out.len();
        let mut found = Vec::new();
        for fact in out.get(from..upto).unwrap_or_default().iter().filter_map(|f| context.facts.get(*f)) {
            named_by(&fact.resource, &mut |text| found.extend(context.index.find(text)));
        }
        found.retain(|f| context.facts.get(*f).is_some_and(|f| SUPPORTING.contains(&text(&f.resource, "/resourceType"))));
        out.extend(found.into_iter().filter(|f| seen.insert(*f)));
        from = upto;
    }
}
