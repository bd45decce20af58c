//! The text of a section as XHTML.
//! Spec: FHIR R4 narrative#xhtml (a subset without scripts, links or styles).

use crate::keyinfo::language::dates;
use crate::keyinfo::language::tables::FRENCH;
use crate::keyinfo::tell::line::{Context, Line};
use crate::keyinfo::tell::section::{Absent, Filled};
use crate::keyinfo::tell::texts;

const OPEN: &str = "<div xmlns=\"http://www.w3.org/1999/xhtml\" lang=\"fr-FR\" xml:lang=\"fr-FR\">";

/// The div of a section.
pub fn section(context: &Context<'_>, section: &Filled<'_>) -> String {
    let mut out = String::from(OPEN);
    // "No information" beside entries says nothing.
    for absent in section.absences.iter().filter(|a| a.absence.known || section.entries.is_empty()) {
        absence(context, absent, &mut out);
    }
    let nothing = section.entries.is_empty() && section.absences.is_empty();
    if nothing && section.texts.is_empty() {
        paragraph(&format!("{}.", FRENCH.nothing), &mut out);
    }
    quotations(context, section, &mut out);
    lines(section, &mut out);
    match texts::sentence(context, &section.texts, !nothing) {
        said if said.is_empty() => {}
        said => paragraph(&said, &mut out),
    }
    out.push_str("</div>");
    out
}

/// The div of the whole document.
pub fn document(documents: usize, now: &str, only: &str) -> String {
    let mut out = String::from(OPEN);
    let from = match documents {
        0 => "sans document lisible".to_owned(),
        n => format!("à partir de {}", dates::plural(i64::try_from(n).unwrap_or(i64::MAX), "document")),
    };
    paragraph(&format!("Synthèse établie automatiquement le {} {from}. Chaque ligne renvoie au document dont elle est tirée.", dates::french_moment(now)), &mut out);
    if !only.is_empty() {
        paragraph(&format!("Cette synthèse n'est pas entière : elle est limitée aux documents de provenance {only}."), &mut out);
    }
    out.push_str("</div>");
    out
}

/// What is told in the words of its documents.
fn quotations(context: &Context<'_>, section: &Filled<'_>, out: &mut String) {
    let told: Vec<&texts::Told<'_>> = section.texts.iter().filter(|t| t.quoted).collect();
    if told.is_empty() {
        return;
    }
    out.push_str("<ul>");
    for one in told {
        item(&Line { label: one.label().to_owned(), body: one.quotation(), source: one.named(context), ..Line::default() }, out);
    }
    out.push_str("</ul>");
}

fn lines(section: &Filled<'_>, out: &mut String) {
    list(section, false, out);
    if section.entries.iter().any(|(_, line)| line.second) {
        paragraph(&format!("{} :", section.row.second), out);
        list(section, true, out);
    }
}

/// One part of a section: every flagged line and the first others.
fn list(section: &Filled<'_>, second: bool, out: &mut String) {
    let mut left = section.row.first_view.unwrap_or(usize::MAX);
    let mut hidden = 0_usize;
    let mut any = false;
    for line in section.entries.iter().map(|(_, line)| line).filter(|l| l.second == second) {
        if !line.abnormal && left == 0 {
            hidden += 1;
            continue;
        }
        left -= usize::from(!line.abnormal);
        if !any {
            out.push_str("<ul>");
            any = true;
        }
        item(line, out);
    }
    if any {
        out.push_str("</ul>");
    }
    if hidden > 0 {
        let them = if hidden > 1 { "autres résultats plus anciens, joints" } else { "autre résultat plus ancien, joint" };
        paragraph(&format!("Et {hidden} {them} à cette synthèse."), out);
    }
}

fn item(line: &Line, out: &mut String) {
    out.push_str("<li><b>");
    escape(&capital(&line.label), out);
    out.push_str("</b>");
    let mut stop = line.body.trim_end().ends_with(['.', '!', '?', '…']);
    escape(&line.body, out);
    for sentence in &line.sentences {
        out.push_str(if stop { " " } else { ". " });
        escape(&capital(sentence), out);
        stop = sentence.ends_with(['.', '!', '?', '…']);
    }
    if !line.sentences.is_empty() && !stop {
        out.push('.');
    }
    for remark in &line.remarks {
        out.push_str(" — ");
        escape(remark, out);
    }
    source(&line.source, out);
    out.push_str("</li>");
}

fn absence(context: &Context<'_>, absent: &Absent, out: &mut String) {
    let Some(newest) = absent.statements.first() else { return };
    let text = if absent.contradicted { disagreement(context, absent) } else { format!("{} (déclaré par {}).", absent.absence.sentence, context.who(*newest)) };
    out.push_str("<p>");
    escape(&text, out);
    source(&context.named(*newest), out);
    out.push_str("</p>");
}

/// That a document states an absence which lines of the section contradict, or which was true before them.
pub fn disagreement(context: &Context<'_>, absent: &Absent) -> String {
    let who = absent.statements.first().map(|at| context.who(*at)).unwrap_or_default();
    if absent.outdated {
        return format!("« {} » avait été déclaré par {who}, avant les éléments ci-dessous.", absent.absence.sentence);
    }
    format!("Désaccord entre documents : « {} » est déclaré par {who}, alors que des éléments figurent ci-dessous.", absent.absence.sentence)
}

fn source(source: &str, out: &mut String) {
    if source.is_empty() {
        return;
    }
    let word = if source.contains(" ; ") { "sources" } else { "source" };
    out.push_str(" <i>(");
    escape(&format!("{word} : {source}"), out);
    out.push_str(")</i>");
}

fn paragraph(text: &str, out: &mut String) {
    out.push_str("<p>");
    escape(text, out);
    out.push_str("</p>");
}

/// First letter in upper case.
pub fn capital(text: &str) -> String {
    let mut chars = text.chars();
    match chars.next() {
        Some(first) => first.to_uppercase().chain(chars).collect(),
        None => String::new(),
    }
}

/// XML text: markup escaped, characters that XML forbids dropped.
fn escape(text: &str, out: &mut String) {
    let mut rest = text;
    while let Some(at) = rest.bytes().position(|b| matches!(b, b'&' | b'<' | b'>' | b'"' | 0..=0x1f | 0xef)) {
        let (plain, special) = rest.split_at_checked(at).unwrap_or((rest, ""));
        out.push_str(plain);
        let mut chars = special.chars();
        match chars.next() {
            Some('&') => out.push_str("&amp;"),
            Some('<') => out.push_str("&lt;"),
            Some('>') => out.push_str("&gt;"),
            Some('"') => out.push_str("&quot;"),
            Some('\t' | '\n' | '\r') => out.push(' '),
            Some('\u{0}'..='\u{1f}' | '\u{fffe}' | '\u{ffff}') | None => {}
            Some(c) => out.push(c),
        }
        rest = chars.as_str();
    }
    out.push_str(rest);
}
