//! The view model of a screen: sections of scored lines, each with its sources, its trend and why it stands where it does.
//! Spec: Passerelle `$key-info`; `fhir-profiles/key-information/score.toml`, `fhir-profiles/keyinfo-profiles`.

use serde_json::{Map, Value, json};

use super::concept::{items, str_of, text};
use super::group::Group;
use super::line::{Context, Line};
use super::profile::Profile;
use super::score::{self, Around, SCORE, Weighed};
use super::section::Filled;
use super::tables::{SECTIONS, Section};
use super::{Fact, Source, sections, trend};
use crate::fhir::anchor::{fragment_anchor, path_anchor};

/// Extension of a derived resource: where in its document it stands.
const PLACE: &str = "urn:passerelle:cda-source";
/// Documents named for a line.
const MAX_SOURCES: usize = 6;

/// How a view is asked for.
pub struct Asked<'a> {
    pub profile: &'a Profile,
    /// Last visit of this reader, µs UTC.
    pub since_us: Option<i64>,
    /// One section alone.
    pub section: Option<&'a str>,
    /// Lines of a section that were shown before.
    pub offset: usize,
    /// Lines of a section, 1–500.
    pub most: usize,
    /// Whether lines say why they stand where they do.
    pub explain: bool,
    /// Of each source: when it came (µs UTC), and whether this reader deposited it.
    pub came: &'a [(i64, bool)],
    /// Keys of the sections that the reader's profession may not see.
    pub closed: &'a [&'a str],
    /// FHIR date, "" when it is not known.
    pub born: &'a str,
}

/// Whether there is a section of this key.
pub fn is_section(key: &str) -> bool {
    SECTIONS.section.iter().any(|s| s.key == key)
}

/// The sections of a view and its counts: `sections`, `new`, `alerts`, `conflicts`.
pub fn view(facts: &[Fact<'_>], sources: &[Source], base_url: &str, now: &str, asked: &Asked<'_>) -> Map<String, Value> {
    sections(facts, sources, base_url, (now, asked.born), |context, filled| Viewer { context, asked }.all(&filled))
}

struct Viewer<'a> {
    context: &'a Context<'a>,
    asked: &'a Asked<'a>,
}

/// A line with what it weighs.
struct Ranked<'a> {
    group: &'a Group,
    line: &'a Line,
    new: bool,
    trend: Option<trend::Trend<'a>>,
    weighed: Weighed,
    alert: bool,
}

impl Viewer<'_> {
    fn all(&self, filled: &[Filled]) -> Map<String, Value> {
        let ranked: Vec<(&Filled, Vec<Ranked<'_>>)> = filled.iter().map(|f| (f, self.ranked(f))).collect();
        let all = || ranked.iter().flat_map(|(_, lines)| lines);
        let count = |test: &dyn Fn(&Ranked<'_>) -> bool| all().filter(|r| test(r)).count();
        let mut out = Map::new();
        out.insert("new".into(), json!(count(&|r| r.new)));
        out.insert("alerts".into(), json!(count(&|r| r.alert)));
        out.insert("conflicts".into(), json!(count(&|r| score::conflicts(self.context, r.group))));
        let wanted = SCORE.order.iter().filter(|key| self.asked.section.is_none_or(|s| s == key.as_str()));
        let shown: Vec<Value> = wanted.filter_map(|key| SECTIONS.section.iter().find(|s| s.key == *key)).map(|row| self.section(row, &ranked)).collect();
        out.insert("sections".into(), Value::Array(shown));
        out
    }

    fn ranked<'a>(&'a self, filled: &'a Filled) -> Vec<Ranked<'a>> {
        let mut out: Vec<Ranked<'a>> = filled.entries.iter().map(|(group, line)| self.rank(filled, group, line)).collect();
        // What stands in the second part of a section stays there; ties go to the newer, then to the words: the same on every server.
        out.sort_by_cached_key(|r| {
            (r.line.second, std::cmp::Reverse(r.weighed.score), std::cmp::Reverse(self.day(r.group)), [&r.line.label, "\n", &r.line.body, "\n", &r.line.source].concat())
        });
        out
    }

    fn rank<'a>(&'a self, filled: &Filled, group: &'a Group, line: &'a Line) -> Ranked<'a> {
        let codes = score::about(self.context, group);
        let trend = trend::of(self.context, group, &codes);
        let new = self.is_new(group);
        let weighed = score::of(self.context, group, line, self.asked.profile, &Around { section: &filled.row.key, new, trend: trend.as_ref() });
        let alert = filled.row.key == "alerts" || score::alert(self.context, group, line).is_some();
        Ranked { group, line, new, trend, weighed, alert }
    }

    /// Whether the newest statement came after the last visit, from somebody else.
    fn is_new(&self, group: &Group) -> bool {
        let source = self.context.statement(group.lead).and_then(|s| s.source);
        let came = source.and_then(|s| self.asked.came.get(s));
        self.asked.since_us.zip(came).is_some_and(|(since, (at, own))| *at > since && !own)
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
        let shown: Vec<Value> = lines.iter().skip(self.asked.offset).take(self.asked.most).map(|r| self.line(r)).collect();
        let more = lines.len().saturating_sub(self.asked.offset + shown.len());
        out.insert("total".into(), json!(lines.len()));
        out.insert("lines".into(), Value::Array(shown));
        if more > 0 {
            out.insert("more".into(), json!(more));
        }
        Value::Object(out)
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
        out.insert("sources".into(), Value::Array(self.sources(r.group)));
        out.extend(r.trend.as_ref().map(|t| ("trend".to_owned(), t.shown())));
        Value::Object(out)
    }

    /// The documents of a line, the newest first, with the place in each.
    fn sources(&self, group: &Group) -> Vec<Value> {
        let mut seen = Vec::new();
        let mut out = Vec::new();
        for s in group.shown().chain(group.merged.iter().copied()).filter_map(|at| self.context.statement(at)) {
            let Some(source) = s.source.filter(|at| !seen.contains(at)).and_then(|at| Some((at, self.context.sources.get(at)?))) else { continue };
            seen.push(source.0);
            if out.len() >= MAX_SOURCES {
                break;
            }
            let citation = self.context.citation(s);
            let mut one = json!({"document": source.1.document_reference, "title": citation.title, "author": citation.author, "date": source.1.date});
            if let (Some(anchor), Some(members)) = (anchor(s.resource), one.as_object_mut()) {
                members.insert("anchor".into(), json!(anchor));
            }
            out.push(one);
        }
        out
    }

    fn id(&self, group: &Group) -> &str {
        self.context.statement(group.lead).map(|s| text(s.resource, "/id")).unwrap_or_default()
    }

    fn day(&self, group: &Group) -> i64 {
        self.context.statement(group.lead).map_or(i64::MIN, |s| s.when_us.unwrap_or(s.said_us).div_euclid(86_400_000_000))
    }
}

/// The anchor of a derived resource on the page of its document: its words, else its entry.
fn anchor(resource: &Value) -> Option<String> {
    let place = items(resource, "extension").find(|e| str_of(e, "url") == Some(PLACE))?;
    let part = |name: &str| items(place, "extension").find(|e| str_of(e, "url") == Some(name)).map(|e| text(e, "/valueString")).filter(|t| !t.is_empty());
    // The page has an anchor for each entry of a section, not for what stands below it.
    let entry = |path: &str| path.split_inclusive('/').scan(false, |over, step| (!std::mem::replace(over, step.starts_with("entry["))).then_some(step)).collect::<String>();
    part("fragment").map(fragment_anchor).or_else(|| part("path").map(|p| path_anchor(entry(p).trim_end_matches('/'))))
}
