//! Reports of examinations: which examination, of when, and what it concludes.

use serde_json::Value;

use super::line::{Context, Line, sites, status};
use crate::keyinfo::Source;
use crate::keyinfo::language::concept::{codes, items, label, short, str_of, text};
use crate::keyinfo::language::dates;
use crate::keyinfo::language::tables::FRENCH;
use crate::keyinfo::language::words::fold;
use crate::keyinfo::merge::statement::Statement;

/// Longest conclusion told in a line, in characters.
const MAX_CONCLUSION: usize = 700;

/// `IRM du genou droit du 02/09/2026 — conclusion : …`.
pub fn line(context: &Context<'_>, lead: &Statement<'_>) -> Line {
    let own = lead.concept.and_then(label);
    let part = lead.concept.and_then(|c| codes(c).find_map(|code| FRENCH.report_part.iter().position(|p| p.code == code)));
    let examination = part.and_then(|_| examination(context, lead));
    let when = if lead.when.is_empty() { examination.as_ref().map_or("", |e| e.when) } else { lead.when };
    let date = if when.is_empty() { String::new() } else { format!(" {}", dates::of(when)) };
    let word = part.and_then(|p| FRENCH.report_part.get(p)).map_or("conclusion", |p| p.word.as_str());
    let said = conclusion(lead.resource);
    let status = status(lead).map(|s| format!(", {s}")).unwrap_or_default();
    let name = examination.map(|e| e.name).or_else(|| own.filter(|_| part.is_none()));
    let (label, body) = match (name, said) {
        (Some(name), Some(said)) => (name, format!("{date}{status} — {word} : {said}")),
        (Some(name), None) => (name, format!("{date}{status}")),
        (None, Some(said)) => (word.to_owned(), format!("{date}{status} : {said}")),
        (None, None) => ("Compte rendu".to_owned(), format!("{date}{status}")),
    };
    Line { label, body, second: true, ..Line::default() }
}

/// The order in which the parts of one report are read: conclusions first.
pub fn order(lead: &Statement<'_>) -> usize {
    lead.concept.and_then(|c| codes(c).find_map(|code| FRENCH.report_part.iter().position(|p| p.code == code))).unwrap_or(0)
}

struct Examination<'a> {
    name: String,
    when: &'a str,
}

/// The examination that a part of a report is of: as the title of the document names it, else the one procedure of the document.
fn examination<'a>(context: &Context<'a>, lead: &Statement<'_>) -> Option<Examination<'a>> {
    let source = context.sources.get(lead.source?)?;
    let mut procedures = context.beside(lead).iter().filter(|s| s.kind == "Procedure" && s.against.is_none());
    let only = procedures.next().filter(|_| procedures.next().is_none());
    let when = only.map(|p| p.when).filter(|w| !w.is_empty()).unwrap_or(&source.date);
    let procedure = || {
        let one = only?;
        let name = label(one.concept?)?;
        Some(sites(one).filter(|s| !fold(&name).contains(&fold(s))).map_or_else(|| name.clone(), |s| format!("{name}, {s}")))
    };
    titled(source).or_else(procedure).map(|name| Examination { name, when })
}

/// `IRM du genou droit` of `CR d'imagerie médicale - IRM du genou droit`; `None` when the title only names a kind of document.
fn titled(source: &Source) -> Option<String> {
    let folded = |t: &str| fold(t);
    let kind = FRENCH.report_titles.iter().find(|k| folded(&source.title).starts_with(k.as_str()))?;
    let (head, rest) = [" - ", " – ", " — ", " : "].iter().filter_map(|by| source.title.split_once(by)).min_by_key(|(head, _)| head.len())?;
    let rest = rest.trim();
    (folded(head).starts_with(kind.as_str()) && !rest.is_empty()).then(|| rest.to_owned())
}

/// What a report concludes.
pub fn conclusion(report: &Value) -> Option<String> {
    let words = text(report, "/conclusion");
    let coded: Vec<String> = items(report, "conclusionCode").filter_map(label).collect();
    let all = if words.is_empty() { coded.join(", ") } else { words.to_owned() };
    let attached = || items(report, "presentedForm").find_map(|f| str_of(f, "title")).map(|t| format!("document joint « {t} »"));
    if all.is_empty() { attached() } else { Some(short(&all, MAX_CONCLUSION)) }
}
