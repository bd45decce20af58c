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

/// The table as it is asked, and the names of its rows that no text settles.
struct Roles {
    entries: Entries,
    assumed: Vec<String>,
}

static ROLES: LazyLock<Result<Roles, String>> = LazyLock::new(|| read(TABLE));

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
    embedded(&ROLES).entries.get(&(kind.to_owned(), interaction.to_owned()))
}

impl Need {
    fn reads(&self) -> bool {
        matches!(self, Self::Letter { letter, .. } if READING.contains(letter))
    }
}

/// The rows that no text settles, by their types and interactions.
pub(super) fn assumptions() -> impl Iterator<Item = String> {
    embedded(&ROLES).assumed.iter().map(|row| format!("role {row}"))
}

fn read(text: &str) -> Result<Roles, String> {
    let table: Table = toml::from_str(text).map_err(|e| format!("roles.toml: {e}"))?;
    let mut entries = Entries::new();
    for (i, row) in table.row.iter().enumerate() {
        add(row, &table.group, &mut entries).map_err(|reason| format!("roles.toml: row {} (types {:?}): {reason}", i + 1, row.types))?;
    }
    let assumed = table.row.iter().filter(|row| row.confidence == Confidence::Assumption);
    Ok(Roles { entries, assumed: assumed.map(|row| format!("{}: {}", row.types.join(" "), row.interactions.join(" "))).collect() })
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
    use std::collections::BTreeSet;

    use super::*;

    const P: Role = Role::Practitioner;
    const S: Role = Role::Structure;
    const H: Role = Role::Holder;
    const L: Role = Role::LegalRepresentative;
    const AU: Role = Role::Auditor;
    const AD: Role = Role::Administrator;
    const READING: &[&str] = &["read", "vread", "history-instance", "search-type"];

    const CLINICAL: &[&str] = &[
        "Condition",
        "AllergyIntolerance",
        "MedicationStatement",
        "MedicationRequest",
        "MedicationDispense",
        "MedicationAdministration",
        "Immunization",
        "Observation",
        "DiagnosticReport",
        "Procedure",
        "ServiceRequest",
        "Encounter",
        "FamilyMemberHistory",
        "DeviceUseStatement",
        "Specimen",
        "Device",
        "DeviceRequest",
        "ImagingStudy",
        "Media",
        "CarePlan",
        "Goal",
        "ImmunizationRecommendation",
    ];
    const DIRECTORY: &[&str] = &["Practitioner", "PractitionerRole", "Organization", "Location", "Medication"];

    /// Types, interactions, roles: written apart from the table.
    const EXPECTED: &[(&[&str], &[&str], &[Role])] = &[
        (CLINICAL, READING, &[P, H, L]),
        (CLINICAL, &["create"], &[P, S]),
        (CLINICAL, &["update", "delete"], &[P]),
        (DIRECTORY, READING, &[P, S, H, L, AD]),
        (DIRECTORY, &["create", "update"], &[P, S, AD]),
        (DIRECTORY, &["delete"], &[AD]),
        (&["ConceptMap", "OperationDefinition"], &["read", "search-type"], &[P, S, H, L, AD]),
        (&["Patient"], &["read", "vread", "history-instance"], &[P, H, L, AD]),
        (&["Patient"], &["search-type"], &[P, S, H, L, AD]),
        (&["Patient"], &["create", "update"], &[P, S, AD]),
        (&["Patient"], &["delete", "erase"], &[AD]),
        (&["Patient"], &["close", "reopen"], &[H, L, AD]),
        (&["Patient"], &["export"], &[H, L]),
        (&["Patient"], &["summary", "key-info", "everything", "documents-delta"], &[P, H, L]),
        (&["Patient"], &["key-info-seen", "documents-delta-seen", "authorize"], &[P]),
        (&["DocumentReference"], READING, &[P, H, L]),
        (&["DocumentReference"], &["create", "delete", "generate-metadata"], &[P, S]),
        (&["DocumentReference"], &["patch"], &[P, S, H, L]),
        (&["DocumentReference"], &["render", "validate-cda", "explain-access"], &[P, H, L]),
        (&["List"], READING, &[P, H, L]),
        (&["Binary"], &["read"], &[P, H, L]),
        (&["Binary"], &["create"], &[P, S]),
        (&["Provenance", "Communication"], &["read", "search-type"], &[P, H, L]),
        (&["AuditEvent"], &["read", "search-type"], &[H, L, AU, AD]),
        (&["Consent", "CareTeam"], READING, &[P, H, L, AD]),
        (&["Consent"], &["create", "update"], &[P, H, L, AD]),
        (&["CareTeam"], &["create"], &[P, H, L, AD]),
        (&["CareTeam"], &["update"], &[H, L, AD]),
        (&[SYSTEM], &["deposit", "validate-cda"], &[P, S]),
        (&[SYSTEM], &["transaction", "batch"], &[P, S, H, L, AD]),
    ];

    /// What nobody may.
    const NOBODY: &[(&str, &[&str])] = &[
        ("AuditEvent", &["create", "update", "patch", "delete"]),
        ("DocumentReference", &["update"]),
        ("Consent", &["delete"]),
        ("Patient", &["explain-access"]),
        ("Basic", READING),
        ("condition", READING),
        ("Condition", &["", "READ", "$summary", "search"]),
    ];

    type Pair = (String, String);

    /// Every expected pair with its roles; a pair is written once.
    fn expected() -> BTreeMap<Pair, &'static [Role]> {
        let mut out = BTreeMap::new();
        for (types, interactions, roles) in EXPECTED {
            for (kind, interaction) in types.iter().flat_map(|t| interactions.iter().map(move |i| (*t, *i))) {
                assert!(out.insert((kind.to_owned(), interaction.to_owned()), *roles).is_none(), "{kind} {interaction}");
            }
        }
        out
    }

    /// Every pair that the registry offers, and the two interactions of the base URL.
    fn offered() -> BTreeSet<Pair> {
        let resources: toml::Table = include_str!("../../fhir-profiles/registry/resources.toml").parse().unwrap();
        let operations: toml::Table = include_str!("../../fhir-profiles/registry/operations.toml").parse().unwrap();
        let text = |v: &toml::Value| v.as_str().unwrap().to_owned();
        let mut out: BTreeSet<Pair> = ["transaction", "batch"].map(|i| (SYSTEM.to_owned(), i.to_owned())).into();
        for row in resources["resource"].as_array().unwrap() {
            out.extend(row["interactions"].as_array().unwrap().iter().map(|i| (text(&row["type"]), text(i))));
        }
        for row in operations["operation"].as_array().unwrap() {
            out.insert((row.get("type").map_or(SYSTEM.to_owned(), text), text(&row["name"])));
        }
        out
    }

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
        let nobody = NOBODY.iter().flat_map(|(kind, all)| all.iter().map(move |i| ((kind.to_string(), i.to_string()), &[] as &[Role])));
        for ((kind, interaction), roles) in expected().into_iter().chain(nobody) {
            assert_eq!(roles_of(&kind, &interaction).iter().collect::<BTreeSet<_>>(), roles.iter().collect(), "{kind} {interaction}");
            for role in Role::ALL {
                let answer = may(*role, &all_scopes(*role), &kind, &interaction);
                assert_eq!(answer.is_ok(), roles.contains(role), "{role:?} {kind} {interaction}");
                assert_eq!(answer == Err(Rule::NotOffered), roles.is_empty(), "{role:?} {kind} {interaction}");
            }
        }
    }

    #[test]
    fn what_the_registry_offers_what_has_a_row_and_what_is_expected_are_the_same() {
        let rows: BTreeSet<Pair> = embedded(&ROLES).entries.keys().cloned().collect();
        assert_eq!(rows, offered());
        assert_eq!(rows, expected().into_keys().collect());
    }

    #[test]
    fn rows_that_no_text_settles_are_counted_by_name() {
        let assumed: Vec<String> = assumptions().collect();
        assert_eq!(assumed.len(), TABLE.matches("confidence = \"assumption\"").count());
        assert!(assumed.contains(&"role Patient: erase".to_owned()) && !assumed.iter().any(|row| row.contains("AuditEvent")), "{assumed:?}");
    }

    #[test]
    fn a_structure_never_reads_a_patient_and_an_auditor_reads_the_trail_alone() {
        let directory = ["Practitioner", "PractitionerRole", "Organization", "Location", "Medication", "ConceptMap", "OperationDefinition"];
        let reading = READING.iter().chain(&["summary", "render", "explain-access", "export"]);
        for (kind, interaction) in embedded(&ROLES).entries.keys() {
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
    fn a_row_that_cannot_be_trusted_refuses_the_table_with_its_reason() {
        let good = "[group]\ng = [\"A\", \"B\"]\n[[row]]\ntypes = [\"g\"]\ninteractions = [\"read\"]\nroles = [\"practitioner\"]\nsource = \"s\"\nconfidence = \"sourced\"\n";
        assert_eq!(read(good).unwrap().entries.len(), 2);
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
            let said = read(&text).err().unwrap();
            assert!(said.contains(reason), "{said} ≠ {reason}");
        }
    }
}
