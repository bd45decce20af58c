//! The conclusion of a report, quoted from the text of its PDF: found by the headings of a table, never worded anew.

use std::sync::LazyLock;

use serde::Deserialize;

use crate::keyinfo::language::words::fold;

/// Characters of what is quoted.
const MAX_QUOTED: usize = 1200;
/// Characters of it in a title.
const MAX_TITLE: usize = 110;
/// Characters at the start of a line in which its heading is.
const MAX_HEADING: usize = 60;
/// Words of a line that is the heading of the next part.
const MAX_HEADING_WORDS: usize = 6;

static TABLE: LazyLock<Table> = LazyLock::new(|| toml::from_str(include_str!("../../../fhir-profiles/key-information/conclusions.toml")).unwrap_or_default());

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Table {
    place: Vec<Place>,
    end: End,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Place {
    words: Vec<String>,
    form: Form,
    #[expect(dead_code, reason = "read by people")]
    source: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct End {
    words: Vec<String>,
    #[serde(default)]
    #[expect(dead_code, reason = "read by people")]
    source: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Form {
    Heading,
    Opening,
}

/// What a text says it concludes, in its own words; a line for each point of a list. `None` when it names no conclusion.
pub fn quoted_conclusion(text: &str) -> Option<String> {
    let lines: Vec<&str> = text.split(['\n', '\u{c}']).map(str::trim).collect();
    TABLE.place.iter().find_map(|place| (0..lines.len()).rev().find_map(|at| quoted(&lines, at, place)))
}

/// `Conclusion : « … »`, short enough for a title.
pub fn quotation(conclusion: &str) -> String {
    format!("Conclusion : « {} »", cut(conclusion, MAX_TITLE))
}

fn quoted(lines: &[&str], at: usize, place: &Place) -> Option<String> {
    let line = bare(lines.get(at)?);
    let rest = place.words.iter().filter_map(|words| behind(line, words)).min_by_key(|rest| rest.len())?;
    let first = said(line, rest, place.form)?;
    let mut out = first.to_owned();
    for next in lines.iter().skip(at + 1) {
        match next.is_empty() {
            true if out.is_empty() => continue,
            true => break,
            false if ends(next) || out.chars().count() > MAX_QUOTED => break,
            false => {}
        }
        join(&mut out, next);
    }
    let letters = out.chars().filter(|c| c.is_alphabetic()).count();
    let points: Vec<&str> = out.lines().filter(|l| !l.trim().is_empty()).collect();
    (letters >= 3).then(|| if out.chars().count() > MAX_QUOTED { cut(&out, MAX_QUOTED) } else { points.join("\n") })
}

/// What stands on the line of a heading itself; `None` when the words are only part of a sentence.
fn said<'a>(line: &str, rest: &'a str, form: Form) -> Option<&'a str> {
    let trimmed = rest.trim_start();
    let after = trimmed.trim_start_matches([':', '-', '–', '—', '.', ',', ' ', '\u{a0}']);
    let heading = line.get(..line.len() - rest.len()).unwrap_or_default();
    let shouted = !heading.chars().any(char::is_lowercase);
    let set_off = trimmed.is_empty() || trimmed.starts_with([':', '-', '–', '—', '.']) || shouted;
    (form == Form::Opening || set_off).then_some(after)
}

/// A line without its number or bullet.
fn bare(line: &str) -> &str {
    let line = line.trim_start_matches(['•', '-', '–', '*', '■', '►', ' ']);
    let numbered = line.split_once(['.', ')', '-', '/']).filter(|(number, _)| (1..=4).contains(&number.trim().len()) && number.trim().chars().all(|c| "0123456789IVX".contains(c)));
    numbered.map_or(line, |(_, rest)| rest.trim_start())
}

/// What follows some folded words at the start of a line.
fn behind<'a>(line: &'a str, words: &str) -> Option<&'a str> {
    let ends = line.char_indices().map(|(at, c)| at + c.len_utf8()).take(MAX_HEADING);
    ends.filter_map(|end| line.split_at_checked(end))
        .filter(|(head, tail)| head.ends_with(char::is_alphanumeric) && !tail.starts_with(char::is_alphanumeric))
        .find(|(head, _)| fold(head) == words)
        .map(|(_, tail)| tail)
}

/// Whether a line begins what is no longer the conclusion.
fn ends(line: &str) -> bool {
    let line = bare(line);
    let heading = line.trim_end().ends_with(':') && line.split_whitespace().count() <= MAX_HEADING_WORDS;
    heading || TABLE.end.words.iter().any(|words| behind(line, words).is_some())
}

/// A line behind the others; a word cut at the end of a line is made whole.
fn join(out: &mut String, line: &str) {
    let broken = out.ends_with('-') && out.chars().rev().nth(1).is_some_and(char::is_alphabetic) && line.starts_with(char::is_lowercase);
    if broken {
        out.pop();
    } else if !out.is_empty() {
        out.push(if line.starts_with(['-', '•', '–', '■', '►']) { '\n' } else { ' ' });
    }
    out.push_str(line);
}

/// One line, cut behind a word.
fn cut(text: &str, characters: usize) -> String {
    let flat = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let Some((end, _)) = flat.char_indices().nth(characters) else { return flat };
    let head = flat.get(..end).unwrap_or_default();
    let head = head.rsplit_once(' ').map_or(head, |(head, _)| head);
    format!("{}…", head.trim_end_matches([' ', ',', ';', ':', '.', '-']))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(text: &str) -> Option<String> {
        quoted_conclusion(text)
    }

    #[test]
    fn every_word_of_the_table_is_folded() {
        assert!(TABLE.place.len() >= 4 && !TABLE.end.words.is_empty());
        for word in TABLE.place.iter().flat_map(|p| &p.words).chain(&TABLE.end.words) {
            assert_eq!(&fold(word), word);
        }
    }

    #[test]
    fn a_conclusion_is_quoted_from_its_heading_to_what_ends_it() {
        assert_eq!(said("Technique : sans injection\nCONCLUSION :\n\nPas de lésion sus-\npecte.\nDr Claire MARTIN").as_deref(), Some("Pas de lésion suspecte."));
        assert_eq!(said("4. Conclusion : entorse bénigne\n\nParis, le 2 mars").as_deref(), Some("entorse bénigne"));
        assert_eq!(said("Au total, patient de 54 ans\nsans récidive.\nBien confraternellement").as_deref(), Some("patient de 54 ans sans récidive."));
        assert_eq!(said("CONCLUSION Foie normal").as_deref(), Some("Foie normal"));
        assert_eq!(said("Conclusion\nNormal.\nConduite à tenir : repos").as_deref(), Some("Normal."));
        assert_eq!(said("Conclusion : stable.\n- Repos.\n- Revoir dans\nun an.\n\nDr X").as_deref(), Some("stable.\n- Repos.\n- Revoir dans un an."));
        assert_eq!(said("Conclusion .... 4\n\u{c}Conclusion\nDeux.").as_deref(), Some("Deux."));
    }

    #[test]
    fn what_names_no_conclusion_is_not_quoted() {
        for text in ["", "Conclusion", "Conclusion :\n\n", "En l'absence de conclusion formelle", "Conclusion d'un contrat d'assurance", "Glycémie 1,1 g/L", "Conclusion : 12"] {
            assert_eq!(said(text), None, "{text}");
        }
    }

    #[test]
    fn a_title_is_cut_behind_a_word() {
        let title = quotation(&"Pas de lésion suspecte ".repeat(20));
        assert!(title.starts_with("Conclusion : « Pas de lésion") && title.ends_with("… »") && title.chars().count() < 130, "{title}");
        assert!(title.contains("suspecte…") || title.contains("lésion…") || title.contains("Pas…") || title.contains("de…"), "{title}");
        assert_eq!(quotation("Normal."), "Conclusion : « Normal. »");
    }
}
