//! Mapping tables of the operator, added to ours before the first document is read.
//!
//! The files have the names and the form of `fhir-profiles/cda-maps`; a ConceptMap may have any name that ends in `.json`. A row comes
//! before ours, and takes the place of one with the same `from`, `to` and `only`; codes are added to a set or to the map of the same
//! address, templates to a kind. Sets and kinds are asked for by name: no new ones. A new map is for new rows.

use std::collections::BTreeSet;
use std::collections::HashSet;
use std::sync::OnceLock;

use sha2::{Digest, Sha256};

use super::{codes, concept_map, path, table, transform};

static ADDED: OnceLock<Added> = OnceLock::new();

/// Checked tables.
struct Added {
    /// File name and text.
    files: Vec<(String, String)>,
    /// First digits of the SHA-256 of all of them.
    digest: String,
}

/// The text of an added file.
pub(super) fn added(name: &str) -> Option<&'static str> {
    ADDED.get()?.files.iter().find(|(n, _)| n == name).map(|(_, text)| text.as_str())
}

/// The texts of the added ConceptMaps.
pub(super) fn added_concept_maps() -> impl Iterator<Item = &'static str> {
    ADDED.get().into_iter().flat_map(|added| &added.files).filter(|(name, _)| is_concept_map(name)).map(|(_, text)| text.as_str())
}

fn is_concept_map(name: &str) -> bool {
    name.ends_with(".json")
}

/// Checks the tables of a folder (file name, text) and adds them to ours, for the whole process. To be called before anything is read.
///
/// # Errors
/// File, line and reason of the first thing that is wrong; nothing is added then.
pub fn add_maps(mut files: Vec<(String, String)>) -> Result<(), String> {
    files.sort();
    let mut maps: BTreeSet<String> = concept_map::own_names().collect();
    let mut addresses = BTreeSet::new();
    let wrong = |name: &str, (line, reason): Wrong| format!("{name}, line {line}: {reason}");
    // Rows may name maps that are added with them.
    for (name, text) in files.iter().filter(|(name, _)| is_concept_map(name)) {
        let map = concept_map::check(text).map_err(|w| wrong(name, w))?;
        if !addresses.insert(map.clone()) {
            return Err(wrong(name, (header(text, "\"url\""), "another file has the same url".to_owned())));
        }
        maps.insert(map);
    }
    for (name, text) in files.iter().filter(|(name, _)| !is_concept_map(name)) {
        check(name, text, &maps).map_err(|w| wrong(name, w))?;
    }
    let all: Vec<String> = files.iter().map(|(name, text)| format!("{name}\n{text}")).collect();
    let digest = Sha256::digest(all.join("\n").as_bytes()).iter().take(4).map(|b| format!("{b:02x}")).collect();
    ADDED.set(Added { files, digest }).map_err(|_| "the mapping tables are in use already".to_owned())
}

/// Which tables facts are derived by: the version of ours, and a digest of what was added.
pub fn mapping_version() -> String {
    let own = concat!("cda-maps/", env!("CARGO_PKG_VERSION"));
    ADDED.get().map_or_else(|| own.to_owned(), |added| format!("{own}+{}", added.digest))
}

/// Line and reason.
pub(super) type Wrong = (usize, String);

fn check(name: &str, text: &str, maps: &BTreeSet<String>) -> Result<(), Wrong> {
    let syntax = |e: toml::de::Error| (e.span().map_or(1, |s| line(text, s.start)), e.message().to_owned());
    match name {
        codes::CODES_NAME => codes::check_codes(text).map_err(syntax)?.map_or(Ok(()), |(what, reason)| Err((header(text, &what), reason))),
        codes::TEMPLATES_NAME => codes::check_templates(text).map_err(syntax)?.map_or(Ok(()), |(what, reason)| Err((header(text, &what), reason))),
        _ if table::is_file(name) => rows(text, maps, syntax),
        _ => Err((1, format!("no such table; the files are {}, and ConceptMaps (.json)", table::file_names().join(", ")))),
    }
}

fn rows(text: &str, maps: &BTreeSet<String>, syntax: impl Fn(toml::de::Error) -> Wrong) -> Result<(), Wrong> {
    let mut seen = HashSet::new();
    for spanned in table::raw(text).map_err(syntax)? {
        let at = line(text, spanned.span().start);
        let row = spanned.into_inner();
        let wrong = |reason: String| Err((at, reason));
        if transform::transform(&row.transform).is_none() {
            return wrong(format!("as = {:?} is no transform; they are {}", row.transform, transform::names().join(", ")));
        }
        if !path::well_formed(&row.from) {
            return wrong(format!("from = {:?} is no path: names of elements with / between them, [code] behind one", row.from));
        }
        if row.to.is_empty() || !row.to.chars().all(|c| c.is_ascii_alphanumeric() || ".[]".contains(c)) {
            return wrong(format!("to = {:?} is no element of the resource", row.to));
        }
        if row.map.is_some() != row.transform.starts_with("mapped_") {
            return wrong("map goes with the mapped_… transforms, and only with them".to_owned());
        }
        if let Some(map) = row.map.as_ref().filter(|m| !maps.contains(*m)) {
            return wrong(format!("map = {map:?} is no ConceptMap"));
        }
        if row.spec.trim().is_empty() {
            return wrong("spec is missing: each row says where it comes from".to_owned());
        }
        if !seen.insert((row.from, row.to, row.only)) {
            return wrong("the same from, to and only stand in this file already".to_owned());
        }
    }
    Ok(())
}

/// The line of a byte, from 1.
pub(super) fn line(text: &str, byte: usize) -> usize {
    text.bytes().take(byte).filter(|b| *b == b'\n').count() + 1
}

/// The line that names something.
fn header(text: &str, what: &str) -> usize {
    text.find(what).map_or(1, |at| line(text, at))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(name: &str, text: &str) -> String {
        match check(name, text, &concept_map::own_names().collect()) {
            Ok(()) => String::new(),
            Err((line, reason)) => format!("{line}: {reason}"),
        }
    }

    #[test]
    fn a_wrong_table_is_refused_by_line_and_reason() {
        let row = |more: &str| format!("# one\n[[row]]\nfrom = \"code\"\nto = \"code\"\n{more}");
        for (text, expected) in [
            (row("as = \"concept\"\nspec = \"x\""), ""),
            (row("as = \"magic\"\nspec = \"x\""), "2: as = \"magic\" is no transform"),
            (row("as = \"concept\""), "2: spec is missing"),
            (row("as = \"mapped_code\"\nmap = \"nothing\"\nspec = \"x\""), "2: map = \"nothing\" is no ConceptMap"),
            (row("as = \"concept\"\nmap = \"criticality\"\nspec = \"x\""), "2: map goes with"),
            (row("as = \"concept\"\nspec = \"x\"\n[[row]]\nfrom = \"code\"\nto = \"code\"\nas = \"concept\"\nspec = \"y\""), "7: the same from"),
            (row("as = \"concept\"\nspec = \"x\"").replace("\"code\"\nto", "\"co de/\"\nto"), "2: from = "),
            (row("as = concept"), "5: "),
            (row("as = \"concept\"\nspec = \"x\"\nunknown = 1"), "7: unknown field"),
        ] {
            assert!(
                told("condition.toml", &text).starts_with(expected) && told("condition.toml", &text).is_empty() == expected.is_empty(),
                "{expected}: {}",
                told("condition.toml", &text)
            );
        }
        assert!(told("conditions.toml", "").starts_with("1: no such table"));
        assert!(told("codes.toml", "[set.new]\nspec = \"x\"\ncodes = [\"a\"]").starts_with("1: "));
        assert!(told("templates.toml", "\n[[kind]]\nname = \"new\"\nelement = \"act\"\ntemplates = []").contains("new"));
        assert!(told("codes.toml", "\n[words.new]\nspec = \"x\"\nwords = { a = \"b\" }").starts_with("2: no rule asks for words.new"));
        assert_eq!(told("codes.toml", "[set.residual]\nspec = \"x\"\ncodes = [\"a\"]\n[words.relationship]\nspec = \"x\"\nwords = { a = \"b\" }"), "");
        assert!(told("codes.toml", "\n[map.own]\nspec = \"x\"\ncodes = { a = \"b\" }").starts_with("2: unknown field `map`"), "maps are ConceptMaps");
    }
}
