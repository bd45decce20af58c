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

#[cfg(test)]
mod tests {
    use super::*;

    const P: Role = Role::Practitioner;
    const S: Role = Role::Structure;
    const H: Role = Role::Holder;
    const L: Role = Role::LegalRepresentative;
    const AU: Role = Role::Auditor;
    const AD: Role = Role::Administrator;
    const READING: &[&str] = &["read", "vread", "history-instance", "search-type"];

    /// Type, interactions, roles: written apart from the table.
    const EXPECTED: &[(&str, &[&str], &[Role])] = &[
        ("Condition", READING, &[P, H, L]),
        ("Observation", READING, &[P, H, L]),
        ("Device", READING, &[P, H, L]),
        ("Condition", &["create"], &[P, S]),
        ("Condition", &["update", "delete"], &[P]),
        ("Practitioner", READING, &[P, S, H, L, AD]),
        ("Location", &["create", "update"], &[P, S, AD]),
        ("Organization", &["delete"], &[AD]),
        ("Patient", &["read", "vread", "history-instance"], &[P, H, L, AD]),
        ("Patient", &["search-type"], &[P, S, H, L, AD]),
        ("Patient", &["create", "update"], &[P, S, AD]),
        ("Patient", &["delete", "erase"], &[AD]),
        ("Patient", &["close", "reopen"], &[H, L, AD]),
        ("Patient", &["export"], &[H, L]),
        ("Patient", &["summary", "key-info", "everything", "explain-access"], &[P, H, L]),
        ("Patient", &["key-info-seen"], &[P]),
        ("Patient", &["authorize"], &[P]),
        ("DocumentReference", READING, &[P, H, L]),
        ("DocumentReference", &["create", "delete", "generate-metadata"], &[P, S]),
        ("DocumentReference", &["patch"], &[P, S, H, L]),
        ("DocumentReference", &["render", "validate-cda", "explain-access"], &[P, H, L]),
        ("system", &["validate-cda"], &[P, S]),
        ("List", READING, &[P, H, L]),
        ("Binary", &["read"], &[P, H, L]),
        ("Binary", &["create"], &[P, S]),
        ("Provenance", &["read", "search-type"], &[P, H, L]),
        ("AuditEvent", &["read", "search-type"], &[H, L, AU, AD]),
        ("Consent", READING, &[P, H, L, AD]),
        ("Consent", &["create", "update"], &[P, H, L, AD]),
        ("CareTeam", READING, &[P, H, L, AD]),
        ("CareTeam", &["create"], &[P, H, L, AD]),
        ("CareTeam", &["update"], &[H, L, AD]),
        ("Communication", READING, &[P, H, L]),
        ("system", &["deposit"], &[P, S]),
        ("system", &["transaction", "batch"], &[P, S, H, L, AD]),
        ("AuditEvent", &["create", "update", "patch", "delete"], &[]),
        ("DocumentReference", &["update"], &[]),
        ("Consent", &["delete"], &[]),
        ("Basic", READING, &[]),
        ("condition", READING, &[]),
        ("Condition", &["", "READ", "$summary", "search"], &[]),
    ];

    fn all_scopes(role: Role) -> Vec<String> {
        let context = match role {
            H | L => "patient",
            S => "system",
            _ => "user",
        };
        vec![format!("{context}/*.cruds")]
    }

    #[test]
    fn each_role_may_what_is_written_and_nothing_else() {
        for (kind, interactions, roles) in EXPECTED {
            for interaction in *interactions {
                assert_eq!(roles_of(kind, interaction).iter().collect::<std::collections::BTreeSet<_>>(), roles.iter().collect(), "{kind} {interaction}");
                for role in Role::ALL {
                    let answer = may(*role, &all_scopes(*role), kind, interaction);
                    assert_eq!(answer.is_ok(), roles.contains(role), "{role:?} {kind} {interaction}");
                    assert_eq!(answer == Err(Rule::NotOffered), roles.is_empty(), "{role:?} {kind} {interaction}");
                }
            }
        }
    }

    #[test]
    fn a_structure_never_reads_a_patient_and_an_auditor_reads_the_trail_alone() {
        let directory = ["Practitioner", "PractitionerRole", "Organization", "Location", "Medication", "ConceptMap", "OperationDefinition"];
        let reading = READING.iter().chain(&["summary", "render", "explain-access", "export"]);
        for (kind, interaction) in embedded(&ENTRIES).keys() {
            let told = reading.clone().any(|i| i == interaction) && !directory.contains(&kind.as_str());
            if told && (kind.as_str(), interaction.as_str()) != ("Patient", "search-type") {
                assert_eq!(may(S, &[], kind, interaction), Err(Rule::Indirect), "{kind} {interaction}");
            }
            if may(AU, &all_scopes(AU), kind, interaction).is_ok() {
                assert_eq!(kind, "AuditEvent");
            }
        }
        assert_eq!(may(S, &[], "Condition", "delete"), Err(Rule::RoleRefused));
        assert_eq!(may(H, &all_scopes(H), "Condition", "create"), Err(Rule::RoleRefused));
    }

    #[test]
    fn the_scope_has_the_letter_of_the_interaction_on_the_type() {
        let letters = [("read", 'r'), ("vread", 'r'), ("history-instance", 'r'), ("search-type", 's'), ("create", 'c'), ("update", 'u'), ("delete", 'd')];
        for (interaction, letter) in letters {
            for given in "cruds".chars() {
                let answer = may(P, &[format!("user/Condition.{given}")], "Condition", interaction);
                assert_eq!(answer, if given == letter { Ok(()) } else { Err(Rule::ScopeMissing) }, "{interaction} {given}");
            }
        }
        assert_eq!(may(P, &["user/DocumentReference.u".to_owned()], "DocumentReference", "patch"), Ok(()));
        assert_eq!(may(P, &["user/Observation.r".to_owned()], "Condition", "read"), Err(Rule::ScopeMissing));
        assert_eq!(may(P, &["patient/Condition.r".to_owned()], "Condition", "read"), Err(Rule::ScopeMissing));
        assert_eq!(may(P, &[], "Condition", "read"), Err(Rule::ScopeMissing));
    }

    #[test]
    fn an_operation_needs_the_scope_its_row_writes() {
        let ask = |role, scope: &str, kind, operation| may(role, &[scope.to_owned()], kind, operation);
        assert_eq!(ask(P, "user/DocumentReference.c", SYSTEM, "deposit"), Ok(()));
        assert_eq!(ask(P, "user/DocumentReference.r", SYSTEM, "deposit"), Err(Rule::ScopeMissing));
        assert_eq!(ask(P, "user/*.r", "Patient", "summary"), Ok(()));
        assert_eq!(ask(P, "user/Patient.r", "Patient", "summary"), Err(Rule::ScopeMissing), "a summary shows every type");
        assert_eq!(ask(P, "user/Consent.c", "Patient", "authorize"), Ok(()));
        assert_eq!(ask(H, "patient/Patient.u", "Patient", "close"), Ok(()));
        assert_eq!(ask(AD, "user/Patient.d", "Patient", "erase"), Ok(()));
    }

    #[test]
    fn a_structure_without_a_token_needs_no_scope_and_one_with_a_token_does() {
        assert_eq!(may(S, &[], "DocumentReference", "create"), Ok(()));
        assert_eq!(may(S, &["system/DocumentReference.c".to_owned()], "DocumentReference", "create"), Ok(()));
        assert_eq!(may(S, &["system/DocumentReference.r".to_owned()], "DocumentReference", "create"), Err(Rule::ScopeMissing));
        assert_eq!(may(S, &["user/DocumentReference.c".to_owned()], "DocumentReference", "create"), Err(Rule::ScopeMissing));
    }

    #[test]
    fn a_transaction_has_no_scope_of_its_own() {
        for role in [P, S, H, L, AD] {
            assert_eq!((may(role, &[], SYSTEM, "transaction"), may(role, &[], SYSTEM, "batch")), (Ok(()), Ok(())), "{role:?}");
        }
        assert_eq!(may(AU, &[], SYSTEM, "batch"), Err(Rule::RoleRefused));
    }

    #[test]
    fn everything_the_registry_offers_has_a_row() {
        let resources: toml::Table = include_str!("../../fhir-profiles/registry/resources.toml").parse().unwrap();
        let operations: toml::Table = include_str!("../../fhir-profiles/registry/operations.toml").parse().unwrap();
        for row in resources["resource"].as_array().unwrap() {
            let kind = row["type"].as_str().unwrap();
            for interaction in row["interactions"].as_array().unwrap() {
                let interaction = interaction.as_str().unwrap();
                assert!(!roles_of(kind, interaction).is_empty(), "roles.toml has no row for {kind} {interaction}");
            }
        }
        for row in operations["operation"].as_array().unwrap() {
            let (kind, name) = (row.get("type").and_then(|t| t.as_str()).unwrap_or(SYSTEM), row["name"].as_str().unwrap());
            assert!(!roles_of(kind, name).is_empty(), "roles.toml has no row for the operation {kind} {name}");
        }
    }

    #[test]
    fn a_row_that_cannot_be_trusted_refuses_the_table_with_its_reason() {
        let good = "[group]\ng = [\"A\", \"B\"]\n[[row]]\ntypes = [\"g\"]\ninteractions = [\"read\"]\nroles = [\"practitioner\"]\nsource = \"s\"\nconfidence = \"sourced\"\n";
        assert_eq!(read(good).unwrap().len(), 2);
        let again = good.split_once("[[row]]").unwrap().1.replace("\"g\"", "\"B\"");
        let cases = [
            (format!("{good}[[row]]{again}"), "row 2 (types [\"B\"]): B read is given twice"),
            (good.replace("practitioner", "médecin"), "unknown variant `médecin`"),
            (good.replace("\"s\"", "\" \""), "row 1 (types [\"g\"]): it names no source"),
            (good.replace("source =", "sources ="), "unknown field `sources`"),
            (good.replace("\"read\"", "\"fly\""), "fly needs a scope"),
            (good.replace("roles =", "scope = \"Patient.cr\"\nroles ="), "the scope \"Patient.cr\" is not Type.letter"),
            (good.replace("roles =", "scope = \"patient.c\"\nroles ="), "is not Type.letter"),
            (good.replace("roles =", "scope = \"\"\nroles ="), "is not Type.letter"),
            (good.replace("roles =", "scope = \"Patient\"\nroles ="), "is not Type.letter"),
        ];
        for (text, reason) in cases {
            let said = read(&text).unwrap_err();
            assert!(said.contains(reason), "{said} ≠ {reason}");
        }
    }
}
