//! A group told in one French line.

use serde_json::Value;

use super::concept::{self, Index, at, items, label, short, spoken, text};
use super::group::Group;
use super::statement::Statement;
use super::tables::FRENCH;
use super::{Fact, Source, dates, medication, numbers, observation, remark};
use crate::fhir::search::fold;

/// Documents named in one line; more are counted (`Composition.section.entry` names all).
const MAX_NAMED: usize = 3;

/// What lines are made from.
pub(super) struct Context<'a> {
    pub now_us: i64,
    pub index: &'a Index<'a>,
    pub facts: &'a [Fact],
    pub sources: &'a [Source],
    pub statements: &'a [Statement<'a>],
}

/// A line: the thing, what is said of it, and from which documents.
#[derive(Debug, Default)]
pub(super) struct Line {
    pub label: String,
    /// Follows the label: "" or beginning with its own punctuation.
    pub body: String,
    pub abnormal: bool,
    /// Differences between documents, each a phrase.
    pub remarks: Vec<String>,
    pub source: String,
}

impl<'a> Context<'a> {
    /// A statement by its index.
    pub fn statement(&self, at: usize) -> Option<&'a Statement<'a>> {
        self.statements.get(at)
    }

    /// The fact of a statement.
    pub fn fact(&self, at: usize) -> Option<&'a Fact> {
        self.facts.get(self.statement(at)?.fact)
    }

    /// `Synthèse médicale, Dr Claire Martin, 12/09/2026`.
    pub fn named(&self, at: usize) -> String {
        let Some(statement) = self.statement(at) else { return String::new() };
        let parts = match statement.source.and_then(|s| self.sources.get(s)) {
            Some(source) => [first(&[&source.title, &source.type_display]), self.author(statement), dates::french(&source.date)],
            None => ["saisie hors document".to_owned(), self.author(statement), dates::french(recorded(statement.resource))],
        };
        parts.into_iter().filter(|p| !p.is_empty()).collect::<Vec<_>>().join(", ")
    }

    /// `Dr Claire Martin, 12/09/2026`: who says it and when.
    pub fn who(&self, at: usize) -> String {
        let Some(statement) = self.statement(at) else { return String::new() };
        let date = statement.source.and_then(|s| self.sources.get(s)).map_or_else(|| recorded(statement.resource), |s| s.date.as_str());
        let author = match self.author(statement) {
            author if author.is_empty() => "auteur non précisé".to_owned(),
            author => author,
        };
        [author, dates::french(date)].into_iter().filter(|p| !p.is_empty()).collect::<Vec<_>>().join(", ")
    }

    fn author(&self, statement: &Statement<'_>) -> String {
        if let Some(source) = statement.source.and_then(|s| self.sources.get(s)) {
            return first(&[&source.author, &source.structure]);
        }
        let pointers = ["/recorder/display", "/asserter/display", "/informationSource/display", "/requester/display", "/performer/0/display", "/performer/0/actor/display"];
        pointers.iter().map(|p| text(statement.resource, p)).find(|t| !t.is_empty()).unwrap_or("").to_owned()
    }
}

fn first(texts: &[&str]) -> String {
    texts.iter().map(|t| t.trim()).find(|t| !t.is_empty()).unwrap_or("").to_owned()
}

fn recorded(resource: &Value) -> &str {
    ["/recordedDate", "/dateAsserted", "/authoredOn", "/recorded", "/issued", "/meta/lastUpdated"].iter().map(|p| text(resource, p)).find(|t| !t.is_empty()).unwrap_or("")
}

/// The line of a group.
pub(super) fn of(context: &Context<'_>, group: &Group) -> Line {
    let Some(lead) = context.statement(group.lead) else { return Line::default() };
    let mut line = match lead.kind {
        "Observation" => result(context, group, lead),
        "DiagnosticReport" => report(lead),
        _ => listed(name(context, lead), details(context, lead)),
    };
    line.remarks = remark::of(context, group, lead);
    line.source = sources(context, group);
    line
}

fn listed(label: String, details: Vec<String>) -> Line {
    let body = details.iter().filter(|d| !d.is_empty()).map(|d| format!(", {d}")).collect();
    Line { label, body, ..Line::default() }
}

fn result(context: &Context<'_>, group: &Group, lead: &Statement<'_>) -> Line {
    let resource = lead.resource;
    let colon = if observation::is_measure(resource) { " " } else { " : " };
    let mut body = format!("{colon}{}", observation::dated(resource, lead.when));
    for detail in observation::flag(resource).map(str::to_owned).into_iter().chain(observation::reference_range(resource)).chain(status(lead)) {
        body.push_str(&format!(", {detail}"));
    }
    if let Some(previous) = group.previous.and_then(|at| context.statement(at)) {
        body.push_str(&format!(" ; précédent {}", observation::dated(previous.resource, previous.when)));
    }
    let label = lead.concept.and_then(spoken).map_or_else(|| "Résultat sans libellé".to_owned(), |l| concept::analyte(&l));
    let label = match lead.isolate.and_then(spoken) {
        Some(organism) => format!("{label} ({organism})"),
        None => label,
    };
    let label = match sites(lead) {
        Some(site) if !fold(&label).contains(&fold(&site)) => format!("{label} ({site})"),
        _ => label,
    };
    Line { label, body, abnormal: observation::abnormal(resource), ..Line::default() }
}

fn report(lead: &Statement<'_>) -> Line {
    let date = if lead.when.is_empty() { String::new() } else { format!(" ({})", dates::french(lead.when)) };
    let rest: String = observation::conclusion(lead.resource).into_iter().chain(status(lead)).map(|d| format!(", {d}")).collect();
    Line { label: lead.concept.and_then(label).unwrap_or_else(|| "Compte rendu".to_owned()), body: format!("{date}{rest}"), ..Line::default() }
}

/// What a line is about.
fn name(context: &Context<'_>, s: &Statement<'_>) -> String {
    let resource = s.resource;
    let said = match s.kind {
        "FamilyMemberHistory" => return family(resource),
        "DeviceUseStatement" => s.concept.and_then(spoken).or_else(|| device(context, resource)),
        kind if kind.starts_with("Medication") => s.concept.and_then(spoken).or_else(|| filled(text(resource, "/medicationReference/display"))),
        "Immunization" => s.concept.and_then(spoken),
        _ => s.concept.and_then(label).map(|l| concept::analyte(&l)),
    };
    said.or_else(|| ["/title", "/description", "/code/text", "/note/0/text"].iter().find_map(|p| filled(text(resource, p)))).unwrap_or_else(|| "sans libellé".to_owned())
}

fn filled(text: &str) -> Option<String> {
    (!text.is_empty()).then(|| short(text, 300))
}

fn device(context: &Context<'_>, resource: &Value) -> Option<String> {
    let named = context
        .index
        .device(context.facts, resource)
        .and_then(|d| ["/deviceName/0/name", "/modelNumber", "/udiCarrier/0/deviceIdentifier"].iter().find_map(|p| filled(text(d, p))));
    named.or_else(|| filled(text(resource, "/device/display")))
}

fn family(resource: &Value) -> String {
    let relation = resource.get("relationship");
    let word = relation.into_iter().flat_map(concept::codes).find_map(|c| FRENCH.word("relation", c)).map(str::to_owned).or_else(|| relation.and_then(spoken));
    let conditions: Vec<String> = items(resource, "condition").filter_map(|c| c.get("code").and_then(label)).collect();
    let who = word.unwrap_or_else(|| "parent non précisé".to_owned());
    if conditions.is_empty() { who } else { format!("{who} : {}", conditions.join(", ")) }
}

fn details(context: &Context<'_>, s: &Statement<'_>) -> Vec<String> {
    match s.kind {
        "Condition" => condition(s),
        "AllergyIntolerance" => allergy(s),
        "Immunization" => immunization(s),
        "Procedure" => sites(s).into_iter().chain(date(s)).chain(reasons(s)).chain(status(s)).collect(),
        "FamilyMemberHistory" => filled(text(s.resource, "/note/0/text")).into_iter().collect(),
        kind if kind.starts_with("Medication") => medication::details(kind, s.resource, &name(context, s), context.now_us),
        _ => sites(s).into_iter().chain(date(s)).chain(reasons(s)).chain(status(s)).chain(filled(text(s.resource, "/note/0/text"))).collect(),
    }
}

fn condition(s: &Statement<'_>) -> Vec<String> {
    let r = s.resource;
    let verification = r.get("verificationStatus").into_iter().flat_map(concept::codes).find_map(|c| FRENCH.word("verification", c)).map(str::to_owned);
    let severity = r.get("severity").and_then(severity);
    let ended = [text(r, "/abatementDateTime"), text(r, "/abatementPeriod/end")].into_iter().find(|t| !t.is_empty()).map(|end| format!("fin {}", dates::on(end)));
    sites(s).into_iter().chain(verification).chain(severity).chain(onset(s)).chain(status(s)).chain(ended).collect()
}

pub(super) fn onset(s: &Statement<'_>) -> Option<String> {
    let r = s.resource;
    match [text(r, "/onsetDateTime"), text(r, "/onsetPeriod/start")].into_iter().find(|t| !t.is_empty()) {
        Some(start) if plain_onset(s) => Some(dates::since(start)),
        Some(start) => Some(dates::on(start)),
        None => r.get("onsetAge").and_then(numbers::quantity).map(|a| format!("à l'âge de {a}")).or_else(|| filled(text(r, "/onsetString"))),
    }
}

/// Whether it still goes on, as far as the statement says.
pub(super) fn plain_onset(s: &Statement<'_>) -> bool {
    let over = s.resource.get("clinicalStatus").into_iter().flat_map(concept::codes).any(|c| matches!(c, "inactive" | "resolved" | "remission"));
    !over && s.resource.get("abatementDateTime").is_none() && s.resource.get("abatementPeriod").is_none()
}

fn severity(concept: &Value) -> Option<String> {
    concept::codes(concept).find_map(|c| FRENCH.word("severity", c)).map(str::to_owned).or_else(|| label(concept).map(|l| format!("sévérité : {l}")))
}

fn allergy(s: &Statement<'_>) -> Vec<String> {
    let r = s.resource;
    let mut out: Vec<String> = FRENCH.word("allergy_type", text(r, "/type")).map(str::to_owned).into_iter().collect();
    let reactions: Vec<String> = items(r, "reaction").filter_map(reaction).collect();
    if !reactions.is_empty() {
        out.push(format!("réaction : {}", reactions.join(", ")));
    }
    out.extend(FRENCH.word("criticality", text(r, "/criticality")).map(str::to_owned));
    out.extend(r.get("verificationStatus").into_iter().flat_map(concept::codes).find_map(|c| match c {
        "unconfirmed" => Some("non confirmée".to_owned()),
        "presumed" => Some("présumée".to_owned()),
        _ => None,
    }));
    out.extend(onset(s));
    out.extend(status(s));
    out
}

pub(super) fn reaction(reaction: &Value) -> Option<String> {
    let signs: Vec<String> = items(reaction, "manifestation").filter_map(label).collect();
    let words = if signs.is_empty() { filled(text(reaction, "/description"))? } else { signs.join(", ") };
    let severity = FRENCH.word("severity", text(reaction, "/severity")).map(|s| format!(" ({s})")).unwrap_or_default();
    Some(format!("{words}{severity}"))
}

fn immunization(s: &Statement<'_>) -> Vec<String> {
    let r = s.resource;
    let mut out = vec![date(s).unwrap_or_else(|| match text(r, "/occurrenceString") {
        "" | "inconnue" | "unknown" => "date inconnue".to_owned(),
        said => said.to_owned(),
    })];
    let protocol = at(r, "/protocolApplied/0").unwrap_or(&Value::Null);
    out.extend(protocol.get("doseNumberPositiveInt").map(|n| format!("dose n° {n}")).or_else(|| filled(text(protocol, "/doseNumberString")).map(|d| format!("dose {d}"))));
    out.extend(filled(FRENCH.word("series", text(protocol, "/series")).unwrap_or(text(protocol, "/series"))));
    let diseases: Vec<String> = items(protocol, "targetDisease").filter_map(label).collect();
    if !diseases.is_empty() {
        out.push(format!("contre {}", diseases.join(", ")));
    }
    out.extend(filled(text(r, "/lotNumber")).map(|lot| format!("lot {lot}")));
    out
}

fn date(s: &Statement<'_>) -> Option<String> {
    (!s.when.is_empty()).then(|| dates::on(s.when))
}

fn reasons(s: &Statement<'_>) -> Option<String> {
    let all: Vec<String> = items(s.resource, "reasonCode").filter_map(label).collect();
    if all.is_empty() { None } else { Some(format!("motif : {}", all.join(", "))) }
}

fn sites(s: &Statement<'_>) -> Option<String> {
    let all: Vec<String> = items(s.resource, "bodySite").filter_map(label).collect();
    if all.is_empty() { None } else { Some(all.join(", ")) }
}

pub(super) fn status(s: &Statement<'_>) -> Option<String> {
    let clinical = s.resource.get("clinicalStatus").into_iter().flat_map(concept::codes).next();
    let code = clinical.unwrap_or_else(|| text(s.resource, "/status"));
    FRENCH.word("status", &format!("{}.{code}", s.kind)).and_then(filled)
}

/// The documents of a group: the newest few named, the others counted.
fn sources(context: &Context<'_>, group: &Group) -> String {
    let mut names: Vec<String> = Vec::new();
    let mut seen: Vec<Option<usize>> = Vec::new();
    let mut more = 0;
    for at in group.affirming().chain(group.previous) {
        let Some(statement) = context.statement(at) else { continue };
        if statement.source.is_some() && seen.contains(&statement.source) {
            continue;
        }
        seen.push(statement.source);
        if names.len() < MAX_NAMED {
            names.push(context.named(at));
        } else {
            more += 1;
        }
    }
    names.dedup();
    if more > 0 {
        names.push(format!("et {}", dates::plural(more, "autre")));
    }
    names.join(" ; ")
}
