//! Which role may do what: resource type × interaction → roles, and the scope its token needs. What has no row is denied.
//! Spec: FHIR R4 http (interactions); SMART App Launch 2 scopes; the table roles.toml gives the source of each row.

use std::collections::{BTreeMap, HashMap};
use std::sync::LazyLock;

use serde::Deserialize;

use super::confidence::{Confidence, embedded};
use super::rule::Rule;
use super::scope::{ANY, granted};
use crate::fhir::Role;

const TABLE: &str = include_str!("../../fhir-profiles/access-matrix/roles.toml");
/// The `kind` of interactions and operations on the whole server.
pub const SYSTEM: &str = "system";
/// Interactions that find or read.
const READING: [char; 2] = ['r', 's'];

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Table {
    group: BTreeMap<String, Vec<String>>,
    row: Vec<Row>,
}

/// Some types × some interactions → roles. `types` holds types and names of groups.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Row {
    types: Vec<String>,
    interactions: Vec<String>,
    roles: Vec<Role>,
    scope: Option<String>,
    source: String,
    #[expect(dead_code, reason = "read by whoever corrects the table; its spelling is checked")]
    confidence: Confidence,
}

/// What one (type, interaction) asks.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Entry {
    roles: Vec<Role>,
    need: Need,
}

/// The scope of a token: a letter on a type, on the type asked, or none.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Need {
    Nothing,
    Letter { on: Option<String>, letter: char },
}

/// (type, interaction) → entry.
type Entries = HashMap<(String, String), Entry>;

static ENTRIES: LazyLock<Result<Entries, String>> = LazyLock::new(|| read(TABLE));

/// May somebody in this role, with a token of these scopes, do this? `kind` is a resource type or [`SYSTEM`]; `interaction` a name of
/// FHIR R4 http (`read`, `search-type` …) or of an operation without its `$`. A structure without a token needs no scope.
///
/// # Errors
/// [`Rule::NotOffered`], [`Rule::RoleRefused`], [`Rule::Indirect`] (a structure that would read) or [`Rule::ScopeMissing`].
pub fn may(role: Role, scopes: &[String], kind: &str, interaction: &str) -> Result<(), Rule> {
    let entry = entry(kind, interaction).ok_or(Rule::NotOffered)?;
    if !entry.roles.contains(&role) {
        return Err(if role == Role::Structure && entry.need.reads() { Rule::Indirect } else { Rule::RoleRefused });
    }
    match &entry.need {
        Need::Letter { on, letter } if !(role == Role::Structure && scopes.is_empty()) => {
            let on = on.as_deref().unwrap_or(kind);
            if granted(scopes, role, on, *letter) { Ok(()) } else { Err(Rule::ScopeMissing) }
        }
        _ => Ok(()),
    }
}

/// The roles that may do this, in the order of the table; none when it has no row.
pub fn roles_of(kind: &str, interaction: &str) -> &'static [Role] {
    entry(kind, interaction).map_or(&[], |e| e.roles.as_slice())
}

fn entry(kind: &str, interaction: &str) -> Option<&'static Entry> {
    embedded(&ENTRIES).get(&(kind.to_owned(), interaction.to_owned()))
}

impl Need {
    fn reads(&self) -> bool {
        matches!(self, Self::Letter { letter, .. } if READING.contains(letter))
    }
}

fn read(text: &str) -> Result<Entries, String> {
    let table: Table = toml::from_str(text).map_err(|e| format!("roles.toml: {e}"))?;
    let mut entries = Entries::new();
    for (i, row) in table.row.iter().enumerate() {
        add(row, &table.group, &mut entries).map_err(|reason| format!("roles.toml: row {} (types {:?}): {reason}", i + 1, row.types))?;
    }
    Ok(entries)
}

fn add(row: &Row, groups: &BTreeMap<String, Vec<String>>, entries: &mut Entries) -> Result<(), String> {
    if row.source.trim().is_empty() {
        return Err("it names no source".to_owned());
    }
    for name in &row.types {
        let types = groups.get(name).map_or(std::slice::from_ref(name), Vec::as_slice);
        for (kind, interaction) in types.iter().flat_map(|t| row.interactions.iter().map(move |i| (t, i))) {
            let entry = Entry { roles: row.roles.clone(), need: need(row.scope.as_deref(), interaction)? };
            if entries.insert((kind.clone(), interaction.clone()), entry).is_some() {
                return Err(format!("{kind} {interaction} is given twice"));
            }
        }
    }
    Ok(())
}

/// The scope as written in the row, or the letter of the interaction.
fn need(scope: Option<&str>, interaction: &str) -> Result<Need, String> {
    let on_kind = |letter| Ok(Need::Letter { on: None, letter });
    match (scope, interaction) {
        (Some("none"), _) => Ok(Need::Nothing),
        (Some(written), _) => written_need(written),
        (None, "read" | "vread" | "history-instance") => on_kind('r'),
        (None, "search-type") => on_kind('s'),
        (None, "create") => on_kind('c'),
        (None, "update" | "patch") => on_kind('u'),
        (None, "delete") => on_kind('d'),
        (None, _) => Err(format!("{interaction} needs a scope: Type.letter, or none")),
    }
}

fn written_need(written: &str) -> Result<Need, String> {
    let mut parts = written.splitn(2, '.');
    let (on, letter) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
    let named = on == ANY || on.starts_with(|c: char| c.is_ascii_uppercase());
    match letter {
        "c" | "r" | "u" | "d" | "s" if named => Ok(Need::Letter { on: Some(on.to_owned()), letter: letter.chars().next().unwrap_or_default() }),
        _ => Err(format!("the scope {written:?} is not Type.letter")),
    }
}
