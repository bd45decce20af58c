//! A group told in one French line.

use std::borrow::Cow;

use serde_json::Value;

use super::citation::{Citation, recorded, sources};
use super::{effects, medication, observation, plan, remark, report, request};
use crate::keyinfo::Source;
use crate::keyinfo::language::concept::{self, at, get, items, label, short, spoken, text};
use crate::keyinfo::language::tables::FRENCH;
use crate::keyinfo::language::words::fold;
use crate::keyinfo::language::{dates, numbers};
use crate::keyinfo::merge::group::Group;
use crate::keyinfo::merge::regimen::State;
use crate::keyinfo::merge::statement::Statement;
use crate::keyinfo::read::contents::{Fact, Facts};
use crate::keyinfo::read::course::Course;
use crate::keyinfo::read::stated::{Stated, only_a_kind};

/// What lines are made from.
pub struct Context<'a> {
    pub now: &'a str,
    pub now_us: i64,
    pub facts: &'a Facts<'a>,
    pub sources: &'a [&'a Source],
    pub statements: &'a [Statement<'a>],
    /// Of each source, how lines name it.
    pub citations: &'a [Citation],
    /// Of each source, the absolute URL of its DocumentReference.
    pub document_urls: &'a [String],
    /// What was done of what is asked for.
    pub done: &'a request::Done<'a>,
}

/// A line: the thing, what is said of it, and from which documents.
#[derive(Debug, Default)]
pub struct Line {
    pub label: String,
    /// Follows the label: "" or beginning with its own punctuation.
    pub body: String,
    /// Whole sentences after the body: advice, comments.
    pub sentences: Vec<String>,
    pub abnormal: bool,
    /// Stands in the second part of its section.
    pub second: bool,
    /// Differences between documents, each a phrase.
    pub remarks: Vec<String>,
    pub source: String,
}

impl<'a> Context<'a> {
    /// A statement by its index.
    pub fn statement(&self, at: usize) -> Option<&'a Statement<'a>> {
        self.statements.get(at)
    }

    /// The statements of the same document.
    pub fn beside(&self, statement: &Statement<'_>) -> &'a [Statement<'a>] {
        let all = self.statements;
        let from = all.partition_point(|s| s.home < statement.home);
        let upto = all.partition_point(|s| s.home <= statement.home);
        all.get(from..upto).unwrap_or_default()
    }

    /// The fact of a statement.
    pub fn fact(&self, at: usize) -> Option<&'a Fact<'a>> {
        self.facts.get(self.statement(at)?.fact)
    }

    /// `Synthèse médicale, Dr Claire Martin, 12/09/2026`.
    pub fn named(&self, at: usize) -> String {
        self.statement(at).map(|s| self.citation(s).told(&[])).unwrap_or_default()
    }

    /// `Dr Claire Martin, 12/09/2026`: who says it and when.
    pub fn who(&self, at: usize) -> String {
        let Some(citation) = self.statement(at).map(|s| self.citation(s)) else { return String::new() };
        let author = if citation.author.is_empty() { "auteur non précisé" } else { &citation.author };
        [author, &citation.date].into_iter().filter(|p| !p.is_empty()).collect::<Vec<_>>().join(", ")
    }

    /// The document of a statement, as it is named; of one without a document its own author and date.
    pub fn citation(&self, statement: &Statement<'_>) -> Cow<'a, Citation> {
        if let Some(known) = statement.source.and_then(|s| self.citations.get(s)) {
            return Cow::Borrowed(known);
        }
        let pointers = ["/recorder/display", "/asserter/display", "/informationSource/display", "/requester/display", "/performer/0/display", "/performer/0/actor/display"];
        let author = pointers.iter().map(|p| text(statement.resource, p)).find(|t| !t.is_empty()).unwrap_or("").to_owned();
        Cow::Owned(Citation { title: "saisie hors document".to_owned(), author, date: dates::french(recorded(statement.resource)) })
    }
}

/// The line of a group.
pub fn of(context: &Context<'_>, group: &Group) -> Line {
    let Some(lead) = context.statement(group.lead) else { return Line::default() };
    let mut line = match lead.kind {
        "Observation" => result(context, group, lead),
        "DiagnosticReport" => report::line(context, lead),
        "Goal" => plan::goal(lead.resource, name(lead)),
        "CarePlan" => plan::line(lead.resource, name(lead), date(lead).into_iter().chain(status(lead))),
        _ => listed(name(lead), details(context, lead)),
    };
    if lead.kind.starts_with("Medication") {
        line.second = group.regimen.as_ref().is_some_and(|r| r.state == State::Stopped);
        line.sentences = medication::advice(lead.resource);
        let dosage = dosage_besides(context, group, lead).map(|(dosage, at)| format!(", {dosage} (selon {})", context.who(at)));
        line.body.insert_str(0, &dosage.unwrap_or_default());
    }
    line.second |= request::answered(context, lead).is_some() || is_over(lead);
    if let Some(word) = lead.against {
        line.second = true;
        if !line.body.contains(word) {
            line.body.push_str(&format!(", {word}"));
        }
    }
    line.sentences.extend(comment(lead, &line));
    line.remarks = remark::of(context, group, lead);
    line.source = sources(context, group);
    line
}

/// Whether what was aimed at or asked for is no longer to be done, as it says itself.
fn is_over(lead: &Statement<'_>) -> bool {
    matches!((lead.kind, text(lead.resource, "/lifecycleStatus")), ("Goal", "completed" | "cancelled" | "rejected"))
}

/// The dosage of a treatment that goes on and of which the newest word is a dispensing that says none: the newest of those in force.
pub fn dosage_besides<'a>(context: &Context<'a>, group: &Group, lead: &Statement<'_>) -> Option<(&'a str, usize)> {
    let open = group.regimen.as_ref().is_none_or(|r| r.state != State::Stopped);
    let silent = lead.kind == "MedicationDispense" && lead.variants().first().is_none_or(|v| v.words.is_empty());
    let said = |at: &usize| {
        let s = context.statement(*at).filter(|s| s.taken.is_none_or(|t| t.at(context.now_us) == Course::Current))?;
        s.stated().variants().first().map(|dosage| (dosage.words.as_str(), *at)).filter(|(dosage, _)| !dosage.is_empty())
    };
    if open && silent { group.merged.iter().find_map(said) } else { None }
}

/// The notes of a resource, when the line does not say them already.
fn comment(lead: &Statement<'_>, line: &Line) -> Option<String> {
    let notes = observation::notes(lead.resource)?;
    let told = |part: &String| fold(part).contains(&fold(&notes));
    (!told(&line.label) && !told(&line.body) && !line.sentences.iter().any(told)).then_some(notes)
}

fn listed(label: String, details: Vec<String>) -> Line {
    let body = details.iter().filter(|d| !d.is_empty()).map(|d| format!(", {d}")).collect();
    Line { label, body, ..Line::default() }
}

fn result(context: &Context<'_>, group: &Group, lead: &Statement<'_>) -> Line {
    let resource = lead.resource;
    let colon = if observation::is_measure(resource) { " " } else { " : " };
    let mut body = format!("{colon}{}", observation::dated(resource, lead.when));
    body.push_str(&said_on(context, lead));
    let outside = if observation::abnormal(resource) { None } else { lead.reading().and_then(|r| r.drawn.as_ref()?.outside()) };
    let flag = outside.map(|side| observation::outside(resource, side)).or_else(|| observation::flag(resource).map(str::to_owned));
    for detail in flag.into_iter().chain(observation::reference_range(resource)).chain(status(lead)) {
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
    Line { label, body, abnormal: outside.is_some() || observation::abnormal(resource), ..Line::default() }
}

/// Of a state without a day of its own the day of the document that says it, of one that ended its end.
fn said_on(context: &Context<'_>, lead: &Statement<'_>) -> String {
    let end = text(lead.resource, "/effectivePeriod/end");
    let day = &context.citation(lead).date;
    match (lead.when.is_empty(), end.is_empty()) {
        (true, true) if !day.is_empty() => format!(" (noté le {day})"),
        (_, false) if dates::french(end) != dates::french(lead.when) => format!(", {}", dates::until(end)),
        _ => String::new(),
    }
}

/// What a line is about.
fn name(s: &Statement<'_>) -> String {
    let resource = s.resource;
    let said = match s.kind {
        "FamilyMemberHistory" => return family(resource),
        "DeviceUseStatement" => s.concept.and_then(spoken).or_else(|| device(s)),
        kind if kind.starts_with("Medication") => s.concept.and_then(concept::product).or_else(|| filled(text(resource, "/medicationReference/display"))),
        "Immunization" => s.concept.and_then(spoken),
        "Encounter" => s.concept.and_then(appointment),
        "AllergyIntolerance" if s.concept.is_some_and(only_a_kind) => s.concept.and_then(spoken),
        _ => s.concept.and_then(label).map(|l| concept::analyte(&l)),
    };
    said.or_else(|| ["/title", "/description", "/code/text", "/note/0/text"].iter().find_map(|p| filled(text(resource, p))))
        .unwrap_or_else(|| if s.kind == "AdverseEvent" { "Effet indésirable" } else { "sans libellé" }.to_owned())
}

/// A visit to come: of a class of visits (ambulatory, at home) or of words that it is one.
fn appointment(concept: &Value) -> Option<String> {
    let coded = |c: &Value| text(c, "/system") != "http://terminology.hl7.org/CodeSystem/v3-ActCode";
    let name = label(concept)?;
    if items(concept, "coding").any(coded) { Some(name) } else { Some(format!("Rendez-vous : {}", concept::lower(&name))) }
}

fn filled(text: &str) -> Option<String> {
    (!text.is_empty()).then(|| short(text, 300))
}

fn device(s: &Statement<'_>) -> Option<String> {
    let named = s.device.and_then(|d| ["/deviceName/0/name", "/modelNumber", "/udiCarrier/0/deviceIdentifier"].iter().find_map(|p| filled(text(d, p))));
    named.or_else(|| filled(text(s.resource, "/device/display")))
}

fn family(resource: &Value) -> String {
    let relation = get(resource, "relationship");
    let word = relation.into_iter().flat_map(concept::codes).find_map(|c| FRENCH.relation.word(c)).map(str::to_owned).or_else(|| relation.and_then(spoken));
    let conditions: Vec<String> = items(resource, "condition").filter_map(|c| get(c, "code").and_then(label)).collect();
    let who = word.unwrap_or_else(|| "parent non précisé".to_owned());
    if conditions.is_empty() { who } else { format!("{who} : {}", conditions.join(", ")) }
}

fn details(context: &Context<'_>, s: &Statement<'_>) -> Vec<String> {
    match s.kind {
        "Condition" => condition(s),
        "AllergyIntolerance" => allergy(s),
        "Immunization" => immunization(s),
        // What its document dates after itself had not begun.
        "Procedure" if is_to_come(s) => sites(s).into_iter().chain(date(s).map(|on| format!("prévu {on}"))).chain(reasons(s)).collect(),
        "Procedure" => sites(s).into_iter().chain(date(s)).chain(reasons(s)).chain(status(s)).collect(),
        "FamilyMemberHistory" => Vec::new(),
        "AdverseEvent" => effects::details(s.resource).into_iter().chain(date(s)).collect(),
        "Encounter" => request::details(context, s),
        kind if request::asks(kind) => sites(s).into_iter().chain(request::details(context, s)).chain(reasons(s)).chain(status(s)).collect(),
        kind if kind.starts_with("Medication") => medication::details(kind, s.resource, &name(s), context.now_us),
        _ => sites(s).into_iter().chain(date(s)).chain(reasons(s)).chain(status(s)).collect(),
    }
}

fn condition(s: &Statement<'_>) -> Vec<String> {
    let r = s.resource;
    let verification = get(r, "verificationStatus").into_iter().flat_map(concept::codes).find_map(|c| FRENCH.verification.word(c)).map(str::to_owned);
    let severity = get(r, "severity").and_then(severity);
    let ended = [text(r, "/abatementDateTime"), text(r, "/abatementPeriod/end")].into_iter().find(|t| !t.is_empty()).map(dates::on);
    let state = match (status(s), ended) {
        (Some(state), Some(ended)) => Some(format!("{state} {ended}")),
        (None, Some(ended)) => Some(format!("fin {ended}")),
        (state, None) => state,
    };
    sites(s).into_iter().chain(verification).chain(severity).chain(onset(s)).chain(state).collect()
}

pub fn onset(s: &Stated<'_>) -> Option<String> {
    let r = s.resource;
    match [text(r, "/onsetDateTime"), text(r, "/onsetPeriod/start")].into_iter().find(|t| !t.is_empty()) {
        Some(start) if s.goes_on => Some(dates::since(start)),
        Some(start) => Some(dates::on(start)),
        None => get(r, "onsetAge").and_then(numbers::quantity).map(|a| format!("à l'âge de {a}")).or_else(|| filled(text(r, "/onsetString"))),
    }
}

fn severity(concept: &Value) -> Option<String> {
    concept::codes(concept).find_map(|c| FRENCH.severity.word(c)).map(str::to_owned).or_else(|| label(concept).map(|l| format!("sévérité : {l}")))
}

fn allergy(s: &Statement<'_>) -> Vec<String> {
    let r = s.resource;
    let mut out: Vec<String> = FRENCH.allergy_type.word(text(r, "/type")).map(str::to_owned).into_iter().collect();
    let reactions: Vec<String> = items(r, "reaction").filter_map(reaction).collect();
    if !reactions.is_empty() {
        out.push(format!("réaction : {}", reactions.join(", ")));
    }
    out.extend(FRENCH.criticality.word(text(r, "/criticality")).map(str::to_owned));
    out.extend(get(r, "verificationStatus").into_iter().flat_map(concept::codes).find_map(|c| match c {
        "unconfirmed" => Some("non confirmée".to_owned()),
        "presumed" => Some("présumée".to_owned()),
        _ => None,
    }));
    out.extend(onset(s));
    out.extend(status(s));
    out
}

pub fn reaction(reaction: &Value) -> Option<String> {
    let signs: Vec<String> = items(reaction, "manifestation").filter_map(label).map(|l| concept::lower(&l)).collect();
    let words = if signs.is_empty() { filled(text(reaction, "/description"))? } else { signs.join(", ") };
    let severity = FRENCH.severity.word(text(reaction, "/severity")).map(|s| format!(" ({s})")).unwrap_or_default();
    Some(format!("{words}{severity}"))
}

fn immunization(s: &Statement<'_>) -> Vec<String> {
    let r = s.resource;
    let mut out = vec![date(s).unwrap_or_else(|| match text(r, "/occurrenceString") {
        said if FRENCH.is_unsaid(said) && s.against.is_some() => String::new(),
        said if FRENCH.is_unsaid(said) => "date inconnue".to_owned(),
        said => said.to_owned(),
    })];
    let protocol = at(r, "/protocolApplied/0").unwrap_or(&Value::Null);
    out.extend(
        get(protocol, "doseNumberPositiveInt")
            .map(|n| format!("dose n° {n}"))
            .or_else(|| filled(text(protocol, "/doseNumberString")).filter(|d| !FRENCH.is_unsaid(d)).map(|d| format!("dose {d}"))),
    );
    let series = text(protocol, "/series");
    out.extend(filled(FRENCH.series.word(series).unwrap_or(series)).map(|s| concept::lower(&s)));
    let diseases: Vec<String> = items(protocol, "targetDisease").filter_map(label).collect();
    if !diseases.is_empty() {
        out.push(format!("contre {}", diseases.join(", ")));
    }
    out.extend(filled(text(r, "/lotNumber")).map(|lot| format!("lot {lot}")));
    out.extend(reasons(s));
    out.extend(effects::after(r));
    out
}

/// Whether an act that is said to go on is of a day after the one on which that was said.
pub fn is_to_come(s: &Statement<'_>) -> bool {
    const DAY_US: i64 = 86_400_000_000;
    text(s.resource, "/status") == "in-progress" && s.when_us.is_some_and(|us| us > s.said_us.saturating_add(DAY_US))
}

fn date(s: &Statement<'_>) -> Option<String> {
    (!s.when.is_empty()).then(|| dates::on(s.when))
}

fn reasons(s: &Statement<'_>) -> Option<String> {
    let all: Vec<String> = ["reasonCode", "statusReason"].iter().flat_map(|name| items(s.resource, name)).filter_map(label).collect();
    if all.is_empty() { None } else { Some(format!("motif : {}", all.join(", "))) }
}

pub fn sites(s: &Stated<'_>) -> Option<String> {
    let all: Vec<String> = items(s.resource, "bodySite").filter_map(label).collect();
    if all.is_empty() { None } else { Some(all.join(", ")) }
}

pub fn status(s: &Stated<'_>) -> Option<String> {
    let clinical = get(s.resource, "clinicalStatus").into_iter().flat_map(concept::codes).next();
    let code = clinical.unwrap_or_else(|| text(s.resource, "/status"));
    FRENCH.status(s.kind, code).and_then(filled)
}
