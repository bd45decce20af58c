//! The view model of a screen: sections of scored lines, each with its sources, its trend and why it stands where it does.
//! Spec: Passerelle `$key-info`; `fhir-profiles/key-information/score.toml`, `fhir-profiles/keyinfo-profiles`.

use std::collections::HashSet;

use serde_json::{Map, Value, json};

use super::concept::{items, str_of, text};
use super::group::Group;
use super::line::Context;
use super::rank::{Asked, Ranked, ranked};
use super::score::{self, SCORE};
use super::section::{Absent, Filled};
use super::tables::{SECTIONS, Section};
use super::{Known, narrative, sections};
use crate::fhir::anchor::{fragment_anchor, path_anchor};

/// Extension of a derived resource: where in its document it stands.
const PLACE: &str = "urn:passerelle:cda-source";
/// Documents named for a line.
const MAX_SOURCES: usize = 6;

/// Whether there is a section of this key.
pub fn is_section(key: &str) -> bool {
    SECTIONS.section.iter().any(|s| s.key == key)
}

/// The sections of a view and its counts: `sections`, `new`, `alerts`, `conflicts`.
pub fn view(known: &Known<'_>, asked: &Asked<'_>) -> Map<String, Value> {
    sections(known, |context, filled| Viewer { context, asked }.all(&filled))
}

struct Viewer<'a> {
    context: &'a Context<'a>,
    asked: &'a Asked<'a>,
}

impl Viewer<'_> {
    fn all(&self, filled: &[Filled]) -> Map<String, Value> {
        let ranked: Vec<(&Filled, Vec<Ranked<'_>>)> = filled.iter().map(|f| (f, ranked(self.context, self.asked, f))).collect();
        let all = || ranked.iter().flat_map(|(_, lines)| lines);
        let count = |test: &dyn Fn(&Ranked<'_>) -> bool| all().filter(|r| test(r)).count();
        let mut out = Map::new();
        out.insert("new".into(), json!(count(&|r| r.new)));
        out.insert("alerts".into(), json!(count(&|r| r.alert)));
        let disputed = filled.iter().filter(|f| disputed(f).next().is_some()).count();
        out.insert("conflicts".into(), json!(disputed + count(&|r| score::conflicts(self.context, r.group))));
        let wanted = SCORE.order.iter().filter(|key| self.asked.section.is_none_or(|s| s == key.as_str()));
        let shown: Vec<Value> = wanted.filter_map(|key| SECTIONS.section.iter().find(|s| s.key == *key)).map(|row| self.section(row, &ranked)).collect();
        out.insert("sections".into(), Value::Array(shown));
        out
    }

    fn section(&self, row: &Section, ranked: &[(&Filled, Vec<Ranked<'_>>)]) -> Value {
        let mut out = Map::new();
        out.insert("key".into(), json!(row.key));
        out.insert("title".into(), json!(row.title));
        let own = ranked.iter().find(|(f, _)| f.row.key == row.key);
        let lines: Vec<&Ranked<'_>> = if row.key == "alerts" {
            let mut all: Vec<&Ranked<'_>> = ranked.iter().flat_map(|(_, lines)| lines).filter(|r| r.alert).collect();
            all.sort_by_key(|r| std::cmp::Reverse(r.weighed.score));
            all
        } else {
            own.map(|(_, lines)| lines.iter().collect()).unwrap_or_default()
        };
        let (state, said) = self.state(row, own.map(|(f, _)| *f), lines.is_empty());
        out.insert("state".into(), json!(state));
        if !said.is_empty() {
            out.insert("said".into(), json!(said));
        }
        if let Some((filled, _)) = own {
            self.disputed(filled, &mut out);
        }
        let shown: Vec<Value> = lines.iter().skip(self.asked.offset).take(self.asked.most).map(|r| self.line(r)).collect();
        let more = lines.len().saturating_sub(self.asked.offset + shown.len());
        out.insert("total".into(), json!(lines.len()));
        out.insert("lines".into(), Value::Array(shown));
        if more > 0 {
            out.insert("more".into(), json!(more));
        }
        Value::Object(out)
    }

    /// Documents that declare "there is none" beside lines that say otherwise: a conflict of the section, each with its place.
    fn disputed(&self, filled: &Filled, out: &mut Map<String, Value>) {
        let said: Vec<String> = disputed(filled).map(|absent| narrative::disagreement(self.context, absent)).collect();
        if said.is_empty() {
            return;
        }
        out.insert("said".into(), json!(said.join(" ")));
        out.insert("conflict".into(), json!(true));
        let (sources, more) = self.sources(disputed(filled).flat_map(|absent| absent.statements.iter().copied()));
        out.insert("sources".into(), Value::Array(sources));
        if more > 0 {
            out.insert("moreSources".into(), json!(more));
        }
    }

    /// Present, known absent, not found, or not for this profession; with a sentence for what is not there.
    fn state(&self, row: &Section, filled: Option<&Filled>, empty: bool) -> (&'static str, String) {
        if !empty {
            return ("present", String::new());
        }
        if self.asked.closed.contains(&row.key.as_str()) {
            return ("not-permitted", "Votre profession n'a pas accès aux documents qui alimentent cette rubrique.".to_owned());
        }
        let known = filled.into_iter().flat_map(|f| &f.absences).find(|a| a.absence.known && !a.contradicted);
        match known.and_then(|a| Some((a, a.statements.first()?))) {
            Some((absent, at)) => ("absent", format!("{} ({})", absent.absence.sentence.trim_end_matches('.'), self.context.who(*at))),
            None => ("not-found", "Rien dans les documents que vous pouvez lire.".to_owned()),
        }
    }

    fn line(&self, r: &Ranked<'_>) -> Value {
        let mut out = Map::new();
        let lead = self.context.statement(r.group.lead);
        out.insert("id".into(), json!(self.id(r.group)));
        out.insert("label".into(), json!(r.line.label));
        out.insert("body".into(), json!(r.line.body));
        let mut flag = |name: &str, holds: bool| drop(holds.then(|| out.insert(name.into(), json!(true))));
        flag("conflict", score::conflicts(self.context, r.group));
        flag("abnormal", r.line.abnormal);
        flag("second", r.line.second);
        flag("past", r.group.regimen.as_ref().is_some_and(|regimen| regimen.past));
        flag("new", r.new);
        for (name, texts) in [("sentences", &r.line.sentences), ("remarks", &r.line.remarks)] {
            if !texts.is_empty() {
                out.insert(name.into(), json!(texts));
            }
        }
        if let Some(regimen) = &r.group.regimen {
            out.insert("state".into(), json!(regimen.state.code()));
            out.insert("stateReason".into(), json!(regimen.reason));
        }
        let date = lead.map(|s| s.when).filter(|w| !w.is_empty());
        out.extend(date.map(|d| ("date".to_owned(), json!(d))));
        out.insert("score".into(), json!(r.weighed.score));
        if self.asked.explain {
            out.insert("reasons".into(), json!(r.weighed.reasons));
        }
        let members = r.group.shown().chain(r.group.against.iter().copied()).chain(r.group.merged.iter().copied());
        let (sources, more) = self.sources(members);
        out.insert("sources".into(), Value::Array(sources));
        if more > 0 {
            out.insert("moreSources".into(), json!(more));
        }
        out.extend(r.trend.as_ref().map(|t| ("trend".to_owned(), t.shown())));
        Value::Object(out)
    }

    /// The documents of statements with the place in each, in their order; and how many more there are. Of a line the newest comes first,
    /// who denies it before its repeats.
    fn sources(&self, members: impl Iterator<Item = usize>) -> (Vec<Value>, usize) {
        let mut seen = HashSet::new();
        let mut out = Vec::new();
        for s in members.filter_map(|at| self.context.statement(at)) {
            let Some(source) = s.source.filter(|at| !seen.contains(at)).and_then(|at| Some((at, self.context.sources.get(at)?))) else { continue };
            seen.insert(source.0);
            if out.len() >= MAX_SOURCES {
                continue;
            }
            let citation = self.context.citation(s);
            let mut one = json!({"document": source.1.document_reference, "title": citation.title, "author": citation.author, "date": source.1.date});
            if let (Some(anchor), Some(members)) = (anchor(s.resource), one.as_object_mut()) {
                members.insert("anchor".into(), json!(anchor));
            }
            out.push(one);
        }
        let more = seen.len() - out.len();
        (out, more)
    }

    fn id(&self, group: &Group) -> &str {
        self.context.statement(group.lead).map(|s| text(s.resource, "/id")).unwrap_or_default()
    }
}

/// Absences of a section that its lines contradict; not those that were true before what the lines tell.
fn disputed(filled: &Filled) -> impl Iterator<Item = &Absent> {
    filled.absences.iter().filter(|a| a.contradicted && !a.outdated)
}

/// The anchor of a derived resource on the page of its document: its words, else its entry.
fn anchor(resource: &Value) -> Option<String> {
    let place = items(resource, "extension").find(|e| str_of(e, "url") == Some(PLACE))?;
    let part = |name: &str| items(place, "extension").find(|e| str_of(e, "url") == Some(name)).map(|e| text(e, "/valueString")).filter(|t| !t.is_empty());
    // The page has an anchor for each entry of a section, not for what stands below it.
    let entry = |path: &str| path.split_inclusive('/').scan(false, |over, step| (!std::mem::replace(over, step.starts_with("entry["))).then_some(step)).collect::<String>();
    part("fragment").map(fragment_anchor).or_else(|| part("path").map(|p| path_anchor(entry(p).trim_end_matches('/'))))
}
