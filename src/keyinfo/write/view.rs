//! The view model of a screen: sections of scored lines, each with its sources, its trend and why it stands where it does.
//! Spec: Passerelle `$key-info`; `fhir-profiles/key-information/score.toml`, `fhir-profiles/keyinfo-profiles`.

use std::collections::HashSet;

use serde_json::{Map, Value, json};

use super::narrative;
use crate::fhir::SectionText;
use crate::fhir::anchor::{fragment_anchor, path_anchor};
use crate::keyinfo::language::concept::{get, items, short, str_of, text};
use crate::keyinfo::language::tables::{SECTIONS, Section};
use crate::keyinfo::merge::group::Group;
use crate::keyinfo::tell::line::Context;
use crate::keyinfo::tell::section::{Absent, Filled};
use crate::keyinfo::tell::texts::{self, Told};
use crate::keyinfo::weigh::rank::{Asked, Ranked, ranked};
use crate::keyinfo::weigh::score::{self, SCORE};
use crate::keyinfo::{Known, sections};

/// Extension of a derived resource: where in its document it stands.
const PLACE: &str = "urn:passerelle:cda-source";
/// Documents named for a line.
const MAX_SOURCES: usize = 6;
/// Characters of the words of a section beside its document.
const MAX_QUOTE: usize = 240;

/// Whether there is a section of this key.
pub fn is_section(key: &str) -> bool {
    SECTIONS.section.iter().any(|s| s.key == key)
}

/// The keys of all sections, the alerts among them.
pub fn section_keys() -> impl Iterator<Item = &'static str> {
    SECTIONS.section.iter().map(|s| s.key.as_str()).chain(SCORE.order.iter().map(String::as_str).filter(|key| !is_section(key)))
}

/// The sections of a view and its counts: `sections`, `new`, `alerts`, `conflicts`.
pub fn view(known: &Known<'_>, asked: &Asked<'_>) -> Map<String, Value> {
    sections(known, |context, filled| Viewer { context, asked }.all(&filled))
}

/// What a line is made of.
enum Shown<'a> {
    Line(&'a Ranked<'a>),
    Quotation(&'a Told<'a>),
}

struct Viewer<'a> {
    context: &'a Context<'a>,
    asked: &'a Asked<'a>,
}

impl Viewer<'_> {
    fn all(&self, filled: &[Filled<'_>]) -> Map<String, Value> {
        let ranked: Vec<(&Filled<'_>, Vec<Ranked<'_>>)> = filled.iter().map(|f| (f, ranked(self.context, self.asked, f))).collect();
        let all = || ranked.iter().flat_map(|(_, lines)| lines);
        let count = |test: &dyn Fn(&Ranked<'_>) -> bool| all().filter(|r| test(r)).count();
        let mut out = Map::new();
        let quotations = || filled.iter().flat_map(|f| &f.texts).filter(|t| t.quoted);
        out.insert("new".into(), json!(count(&|r| r.new) + quotations().filter(|t| self.is_new(t)).count()));
        out.insert("alerts".into(), json!(count(&|r| r.alert) + quotations().count()));
        let disputed = filled.iter().filter(|f| disputed(f).next().is_some()).count();
        out.insert("conflicts".into(), json!(disputed + count(&|r| score::conflicts(self.context, r.group))));
        let wanted = SCORE.order.iter().filter(|key| self.asked.section.is_none_or(|s| s == key.as_str()));
        let shown: Vec<Value> = wanted.filter_map(|key| SECTIONS.section.iter().find(|s| s.key == *key)).map(|row| self.section(row, &ranked)).collect();
        out.insert("sections".into(), Value::Array(shown));
        out
    }

    fn section(&self, row: &Section, ranked: &[(&Filled<'_>, Vec<Ranked<'_>>)]) -> Value {
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
        let quotations: Vec<&Told<'_>> = own.iter().flat_map(|(f, _)| &f.texts).filter(|t| t.quoted).collect();
        self.standing(own.map(|(f, _)| *f), row, lines.is_empty() && quotations.is_empty(), &mut out);
        let total = quotations.len() + lines.len();
        let all = quotations.iter().map(|told| Shown::Quotation(told)).chain(lines.into_iter().map(Shown::Line));
        let shown: Vec<Value> = all.skip(self.asked.offset).take(self.asked.most).map(|shown| self.shown(&shown)).collect();
        let more = total.saturating_sub(self.asked.offset + shown.len());
        out.insert("total".into(), json!(total));
        out.insert("lines".into(), Value::Array(shown));
        if more > 0 {
            out.insert("more".into(), json!(more));
        }
        Value::Object(out)
    }

    /// The state of a section, with a sentence and its documents for what lines do not tell: that it is denied altogether, what there is
    /// in words alone, why there is nothing.
    fn standing(&self, filled: Option<&Filled<'_>>, row: &Section, empty: bool, out: &mut Map<String, Value>) {
        let (state, said) = self.state(row, filled, empty);
        let texts = filled.map(|f| f.texts.as_slice()).unwrap_or_default();
        let worded = texts::sentence(self.context, texts, matches!(state, "present" | "absent"));
        let disputed: Vec<&Absent> = filled.into_iter().flat_map(disputed).collect();
        let denied = disputed.iter().map(|absent| narrative::disagreement(self.context, absent));
        let said: Vec<String> = std::iter::once(said).chain(denied).chain([worded]).filter(|s| !s.is_empty()).collect();
        out.insert("state".into(), json!(state));
        if !said.is_empty() {
            out.insert("said".into(), json!(said.join(" ")));
        }
        if !disputed.is_empty() {
            out.insert("conflict".into(), json!(true));
        }
        let (mut sources, mut more) = self.sources(disputed.iter().flat_map(|absent| absent.statements.iter().copied()));
        let worded = texts.iter().filter(|t| !t.quoted).flat_map(|t| &t.sources);
        let all: Vec<Value> = worded.filter_map(|(at, text)| self.worded(*at, text)).collect();
        more += all.len().saturating_sub(MAX_SOURCES.saturating_sub(sources.len()));
        sources.extend(all);
        sources.truncate(MAX_SOURCES);
        if !sources.is_empty() {
            out.insert("sources".into(), Value::Array(sources));
        }
        if more > 0 {
            out.insert("moreSources".into(), json!(more));
        }
    }

    /// Present, in words alone, known absent, not found, or not for this profession; with a sentence for what is not there.
    fn state(&self, row: &Section, filled: Option<&Filled<'_>>, empty: bool) -> (&'static str, String) {
        if !empty {
            return ("present", String::new());
        }
        let known = filled.into_iter().flat_map(|f| &f.absences).find(|a| a.absence.known && !a.contradicted);
        if let Some((absent, at)) = known.and_then(|a| Some((a, a.statements.first()?))) {
            return ("absent", format!("{} ({}).", absent.absence.sentence.trim_end_matches('.'), self.context.who(*at)));
        }
        if filled.is_some_and(|f| !f.texts.is_empty()) {
            return ("text-only", String::new());
        }
        if self.asked.closed.contains(&row.key.as_str()) {
            return ("not-permitted", "Votre profession n'a pas accès aux documents qui alimentent cette rubrique.".to_owned());
        }
        ("not-found", "Rien dans les documents que vous pouvez lire.".to_owned())
    }

    fn shown(&self, shown: &Shown<'_>) -> Value {
        match shown {
            Shown::Line(ranked) => self.line(ranked),
            Shown::Quotation(told) => self.quotation(told),
        }
    }

    /// A line that is the words of its documents: it weighs what its section does, and what concerns safety.
    fn quotation(&self, told: &Told<'_>) -> Value {
        let sources: Vec<Value> = told.sources.iter().filter_map(|(at, text)| self.cited(*at, Some(&text.anchor))).collect();
        let weighed = score::of_words(self.asked.profile, "alerts", self.is_new(told));
        let mut out = Map::new();
        let place = |s: &Value| format!("{}#{}", text(s, "/document"), text(s, "/anchor"));
        out.insert("id".into(), json!(sources.first().map(place).unwrap_or_default()));
        out.insert("label".into(), json!(told.label()));
        out.insert("body".into(), json!(told.quotation()));
        out.insert("quotation".into(), json!(true));
        if self.is_new(told) {
            out.insert("new".into(), json!(true));
        }
        out.extend(sources.first().and_then(|s| get(s, "date")).map(|date| ("date".to_owned(), date.clone())));
        out.insert("score".into(), json!(weighed.score));
        if self.asked.explain {
            out.insert("reasons".into(), json!(weighed.reasons));
        }
        let more = sources.len().saturating_sub(MAX_SOURCES);
        out.insert("sources".into(), Value::Array(sources.into_iter().take(MAX_SOURCES).collect()));
        if more > 0 {
            out.insert("moreSources".into(), json!(more));
        }
        Value::Object(out)
    }

    fn is_new(&self, told: &Told<'_>) -> bool {
        told.sources.iter().all(|(at, _)| self.asked.came.get(*at).is_some_and(|(_, new)| *new))
    }

    /// A document with the section that tells of it in words, and the beginning of these.
    fn worded(&self, source: usize, said: &SectionText) -> Option<Value> {
        let mut one = self.cited(source, Some(&said.anchor))?;
        one.as_object_mut()?.insert("quote".into(), json!(short(&said.words, MAX_QUOTE)));
        Some(one)
    }

    fn cited(&self, source: usize, anchor: Option<&str>) -> Option<Value> {
        let (given, citation) = (self.context.sources.get(source)?, self.context.citations.get(source)?);
        let mut one = json!({"document": given.document_reference, "title": citation.title, "author": citation.author, "date": given.date});
        one.as_object_mut()?.extend(anchor.map(|a| ("anchor".to_owned(), json!(a))));
        Some(one)
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
            out.extend(self.cited(source.0, anchor(s.resource).as_deref()));
        }
        let more = seen.len() - out.len();
        (out, more)
    }

    fn id(&self, group: &Group) -> &str {
        self.context.statement(group.lead).map(|s| text(s.resource, "/id")).unwrap_or_default()
    }
}

/// Absences of a section that its lines contradict; not those that were true before what the lines tell.
fn disputed<'a>(filled: &'a Filled<'_>) -> impl Iterator<Item = &'a Absent> {
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
