//! The IPS document: Composition, Patient, author, and every resource that a section names.
//! Spec: IPS 2.0.1 Bundle-uv-ips, Composition-uv-ips; FHIR R4 documents.

use std::borrow::Cow;
use std::cmp::Reverse;
use std::collections::{HashMap, HashSet};

use super::document::{Bundle, Composition, Concept, Device, DeviceName, Entry, Extension, Identifier, Meta, Narrative, Reference, Resource, Section};
use super::narrative;
use super::references::{Inside, Settled, named_by};
use crate::keyinfo::SummaryInput;
use crate::keyinfo::language::concept::{codes, text};
use crate::keyinfo::language::tables::left_out;
use crate::keyinfo::merge::group::Group;
use crate::keyinfo::merge::statement::Statement;
use crate::keyinfo::tell::citation::Named;
use crate::keyinfo::tell::line::Context;
use crate::keyinfo::tell::section::{Absent, Filled};
use crate::keyinfo::weigh::rank::Marks;

const LOINC: &str = "http://loinc.org";

/// On `Composition.section.entry`: a repeat of the entry, by URL.
const MERGED: &str = "urn:passerelle:merged";
/// On `Composition.section.entry`: an older value of the same series, by URL.
const EARLIER: &str = "urn:passerelle:earlier";
/// On `Composition.section.entry` or section: a statement that says otherwise.
const DISAGREEMENT: &str = "urn:passerelle:disagreement";
/// On `Composition.section`: a resource told in its text which the profile keeps from section.entry: by its type, or as one more of
/// what it lets be there once.
const TOLD: &str = "urn:passerelle:told";

/// On `Composition.section`: a document that tells of it in words alone.
const TEXT_ONLY: &str = "urn:passerelle:text-only";

/// On `Composition.section.entry`, where lines are weighed: 0–100.
const SCORE: &str = "urn:passerelle:score";
/// Why it weighs what it does, in French, one each.
const REASON: &str = "urn:passerelle:reason";
/// Documents contradict each other about it.
const CONFLICT: &str = "urn:passerelle:conflict";
/// It came after the reader's last visit.
const NEW: &str = "urn:passerelle:new";
/// When the first document that says it came.
const FIRST_SEEN: &str = "urn:passerelle:first-seen";

/// Types that stay outside when an entry names them: the Patient is there already, documents are named by their address.
const OUTSIDE: &[&str] = &["Patient", "DocumentReference", "Binary", "List", "Composition"];

/// Longest chain of references followed (Observation → Specimen → …).
const MAX_STEPS: usize = 4;

/// Writes of the Bundle what `write` makes of it.
pub fn compose<T>(input: &mut SummaryInput<'_>, context: &Context<'_>, (sections, marks): (&[Filled<'_>], &HashMap<usize, Marks>), write: impl FnOnce(&Bundle<'_>) -> T) -> T {
    let ids = Ids { bundle: (input.new_id)(), composition: (input.new_id)(), author: (input.new_id)() };
    let (patient, base_url) = (input.patient, input.known.base_url);
    let chosen = chosen(context, sections);
    let only = input.asked.map_or("", |asked| asked.only);
    let patient_url = format!("{base_url}/Patient/{}", text(patient, "/id"));
    let facts = || chosen.iter().filter_map(|f| context.facts.get(*f));
    let inside = Inside::new(facts().map(|f| f.full_url.as_str()).chain([patient_url.as_str()]), base_url);
    let own = |id: &str| Cow::Owned(format!("urn:uuid:{id}"));
    let mut entry = Vec::with_capacity(chosen.len() + 3);
    entry.push(Entry { full_url: own(&ids.composition), resource: Resource::Composition(Box::new(composition(context, (sections, marks), &ids, (&patient_url, only)))) });
    entry.push(Entry { full_url: Cow::Borrowed(&patient_url), resource: Resource::Stored(Settled::resource(patient, &inside)) });
    entry.push(Entry { full_url: own(&ids.author), resource: Resource::Device(device(&ids.author)) });
    entry.extend(facts().map(|f| Entry { full_url: Cow::Borrowed(&f.full_url), resource: Resource::Stored(Settled::resource(f.resource, &inside)) }));
    write(&Bundle {
        resource_type: "Bundle",
        id: &ids.bundle,
        meta: Meta { profile: ["http://hl7.org/fhir/uv/ips/StructureDefinition/Bundle-uv-ips"] },
        language: "fr-FR",
        identifier: Identifier::uuid(&ids.bundle),
        r#type: "document",
        timestamp: context.now,
        entry,
    })
}

struct Ids {
    bundle: String,
    composition: String,
    author: String,
}

fn device(id: &str) -> Device<'_> {
    Device { resource_type: "Device", id, device_name: [DeviceName { name: "Passerelle", r#type: "user-friendly-name" }] }
}

fn composition<'a>(
    context: &'a Context<'a>,
    (sections, marks): (&'a [Filled<'a>], &'a HashMap<usize, Marks>),
    ids: &'a Ids,
    (patient_url, only): (&'a str, &str),
) -> Composition<'a> {
    let mut named = Naming { named: Named::new(context.sources), marks };
    let documents = context.facts.held().filter(|(held, _)| held.source.is_some() && !held.contents.facts.is_empty()).count();
    Composition {
        resource_type: "Composition",
        id: &ids.composition,
        meta: Meta { profile: ["http://hl7.org/fhir/uv/ips/StructureDefinition/Composition-uv-ips"] },
        language: "fr-FR",
        text: Narrative::generated(narrative::document(documents, context.now, only)),
        identifier: Identifier::uuid(&ids.composition),
        status: "final",
        r#type: Concept::one(LOINC, "60591-5", "Patient summary Document"),
        subject: Reference::to(patient_url),
        date: context.now,
        author: [Reference { display: Cow::Borrowed("Passerelle"), ..Reference::to(format!("urn:uuid:{}", ids.author)) }],
        title: "Synthèse médicale (IPS)",
        section: sections.iter().map(|s| section(&mut named, context, s)).collect(),
    }
}

/// What entries are named with: documents already told, and the marks of lines.
struct Naming<'a> {
    named: Named<'a>,
    marks: &'a HashMap<usize, Marks>,
}

fn section<'a>(named: &mut Naming<'a>, context: &'a Context<'a>, filled: &'a Filled<'a>) -> Section<'a> {
    let (mut extension, mut entry) = (Vec::new(), Vec::new());
    let spare = spare(context, filled);
    for (group, _) in &filled.entries {
        for at in group.shown() {
            let Some(reference) = reference(named, context, group, at) else { continue };
            match context.statement(at) {
                Some(s) if filled.row.entry_types.iter().any(|t| t == s.kind) && !spare.contains(&at) => entry.push(reference),
                _ => extension.push(Extension::reference(TOLD, reference)),
            }
        }
    }
    for absent in &filled.absences {
        told_absent(named, context, filled, absent, (&mut extension, &mut entry));
    }
    let texts = filled.texts.iter().flat_map(|told| &told.sources).map(|(source, _)| *source);
    extension.extend(texts.filter_map(|source| named.named.document(context, source)).map(|r| Extension::reference(TEXT_ONLY, r)));
    // A section that only tells resources the profile keeps from section.entry is not empty: ips-comp-1 does not bind it.
    let empty_reason = (entry.is_empty() && filled.entries.is_empty()).then(|| empty_reason(filled));
    Section {
        extension,
        title: &filled.row.title,
        code: Concept::one(LOINC, &filled.row.code, &filled.row.display),
        text: Narrative::generated(narrative::section(context, filled)),
        entry,
        empty_reason,
    }
}

/// Statements of what the profile lets be an entry once, but for the newest.
fn spare(context: &Context<'_>, filled: &Filled<'_>) -> HashSet<usize> {
    let when = |at: &usize| context.statement(*at).map(|s| Reverse(s.when_us.unwrap_or(s.said_us)));
    let of = |code: &String| {
        let is = |at: &usize| context.statement(*at).and_then(|s| s.concept).is_some_and(|c| codes(c).any(|c| c == code));
        let mut all: Vec<usize> = filled.entries.iter().flat_map(|(group, _)| group.shown()).filter(is).collect();
        all.sort_by_key(when);
        all.into_iter().skip(1)
    };
    filled.row.single.iter().flat_map(of).collect()
}

/// A statement of absence: an entry when nothing contradicts it, else a disagreement beside the entries.
fn told_absent<'a>(named: &mut Naming<'a>, context: &'a Context<'a>, filled: &'a Filled<'a>, absent: &'a Absent, out: (&mut Vec<Extension<'a>>, &mut Vec<Reference<'a>>)) {
    let (extensions, entries) = out;
    if absent.contradicted {
        for at in &absent.statements {
            let Some(fact) = context.fact(*at) else { continue };
            let extension = named.named.source(context, *at).into_iter().collect();
            let reference = Reference { extension, display: Cow::Borrowed(&absent.absence.sentence), ..Reference::to(&*fact.full_url) };
            extensions.push(Extension::reference(DISAGREEMENT, reference));
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
fn is_entry(context: &Context<'_>, filled: &Filled<'_>, absent: &Absent, at: usize) -> bool {
    let told = |s: &Statement<'_>| s.against.is_none() && filled.row.entry_types.iter().any(|t| t == s.kind);
    absent.absence.known && !absent.contradicted && context.statement(at).is_some_and(told)
}

/// nilknown only when a source says so.
fn empty_reason(filled: &Filled<'_>) -> Concept<'static> {
    let none = filled.absences.iter().any(|a| a.absence.known && a.absence.scope.is_none() && !a.contradicted);
    let (code, display) = if none { ("nilknown", "Nil Known") } else { ("unavailable", "Unavailable") };
    Concept::one("http://terminology.hl7.org/CodeSystem/list-empty-reason", code, display)
}

/// An entry with its documents, repeats, older values and denials.
fn reference<'a>(named: &mut Naming<'a>, context: &'a Context<'a>, group: &Group, at: usize) -> Option<Reference<'a>> {
    let fact = context.fact(at)?;
    let mut extension = Vec::new();
    let url = |at: usize| context.fact(at).map(|f| f.full_url.as_str());
    if at == group.lead {
        extension.extend(named.marks.get(&at).into_iter().flat_map(marked));
        named.named.distinct(context, group, &mut extension);
        extension.extend(group.merged.iter().filter_map(|m| Some(Extension::uri(MERGED, url(*m)?))));
        extension.extend(group.earlier.iter().filter_map(|m| Some(Extension::uri(EARLIER, url(*m)?))));
        let denial = |m: &usize| Some(Reference { display: Cow::Owned(context.who(*m)), ..Reference::to(url(*m)?) });
        extension.extend(group.against.iter().filter_map(denial).map(|r| Extension::reference(DISAGREEMENT, r)));
    } else {
        extension.extend(named.named.source(context, at));
    }
    Some(Reference { extension, ..Reference::to(&*fact.full_url) })
}

fn marked(marks: &Marks) -> impl Iterator<Item = Extension<'_>> {
    let yes = |url, holds: bool| holds.then(|| Extension::boolean(url, true));
    std::iter::once(Extension::integer(SCORE, marks.score))
        .chain(marks.reasons.iter().map(|r| Extension::string(REASON, r)))
        .chain(yes(CONFLICT, marks.conflict))
        .chain(yes(NEW, marks.new))
        .chain(marks.first_seen.iter().map(|at| Extension::instant(FIRST_SEEN, at)))
}

/// Facts that the Bundle holds: every entry, then what they name, without repeats.
fn chosen(context: &Context<'_>, sections: &[Filled<'_>]) -> Vec<usize> {
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
            for at in group.shown() {
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
        for (at, fact) in out.get(from..upto).unwrap_or_default().iter().filter_map(|at| Some((*at, context.facts.get(*at)?))) {
            named_by(fact.resource, &mut |text| found.extend(may_come(text).then(|| context.facts.named_by(at, text)).flatten()));
        }
        found.retain(|f| context.facts.get(*f).is_some_and(|f| !left_out(f.resource)));
        out.extend(found.into_iter().filter(|f| seen.insert(*f)));
        from = upto;
    }
}

/// Whether a reference can name what comes along; of other forms than `…/Type/id` it may.
fn may_come(reference: &str) -> bool {
    let mut parts = reference.rsplit('/');
    let (_, kind) = (parts.next(), parts.next());
    kind.is_none_or(|kind| !OUTSIDE.contains(&kind))
}
