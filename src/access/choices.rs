//! What the patient decided about a record, read from the resources that say so: Patient (state of the record, médecin traitant),
//! Consent (authorisations, blocks, oppositions) and CareTeam (équipe de soins).
//! Spec: PDSM4DMP TD0.2; CSP R.1111-40, R.1111-46, L.1111-17; FHIR R4 Consent, CareTeam; NOS TRE_R248.

use serde_json::Value;

use super::visibility::person_key;
use crate::fhir::search::{ParamType, SearchValue, values};
use crate::fhir::{Fault, FaultKind, Identifier, Mode, Result};

/// Extension of a Patient: when and why the record was closed.
pub const FERMETURE: &str = "https://interop.esante.gouv.fr/ig/fhir/dmp/StructureDefinition/dmp-fermeture";
/// Extension of a Patient: who the médecin traitant is.
pub const MEDECIN_TRAITANT: &str = "https://interop.esante.gouv.fr/ig/fhir/dmp/StructureDefinition/dmp-medecin-traitant";
/// Extension of a Patient: whether the record belongs to Mon espace santé.
pub const RATTACHEMENT_MES: &str = "https://interop.esante.gouv.fr/ig/fhir/dmp/StructureDefinition/dmp-rattachement-mes";

/// Systems of a person's numbers.
const PERSON_SYSTEMS: &[&str] = &["urn:oid:1.2.250.1.71.4.2.1", "https://rpps.esante.gouv.fr"];
/// System of a structure's numbers.
const STRUCTURE_SYSTEM: &str = "urn:oid:1.2.250.1.71.4.2.2";

/// What a choice says; the number is written into the database.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ChoiceKind {
    Closed,
    OpposesBrisDeGlace,
    OpposesCentre15,
    MedecinTraitant,
    CareTeam,
    Consent,
    Blocked,
    /// The holder masked a document (the row names it by its resource): who deposited it does not lift that.
    MaskedByHolder,
}

impl ChoiceKind {
    const ALL: &'static [Self] =
        &[Self::Closed, Self::OpposesBrisDeGlace, Self::OpposesCentre15, Self::MedecinTraitant, Self::CareTeam, Self::Consent, Self::Blocked, Self::MaskedByHolder];

    /// As the database holds it.
    pub const fn number(self) -> i16 {
        match self {
            Self::Closed => 1,
            Self::OpposesBrisDeGlace => 2,
            Self::OpposesCentre15 => 3,
            Self::MedecinTraitant => 4,
            Self::CareTeam => 5,
            Self::Consent => 6,
            Self::Blocked => 7,
            Self::MaskedByHolder => 8,
        }
    }

    /// What a number of the database stands for.
    pub fn of(number: i16) -> Option<Self> {
        Self::ALL.iter().copied().find(|k| k.number() == number)
    }
}

/// One choice. Holder: `ps:` and a person's number, a canonical structure number, or empty for everybody.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Choice {
    pub holder: String,
    pub kind: ChoiceKind,
    /// µs UTC; `i64::MAX` without an end.
    pub until_us: i64,
}

/// The resource a literal reference names, as JSON.
pub type Resolve<'a> = dyn FnMut(&str) -> Result<Option<Value>> + 'a;

/// What a resource decides about its record.
///
/// # Errors
/// `RuleBroken` when it decides something without saying about whom, `BadValue` for a date that is none.
pub fn choices(resource: &Value, resolve: &mut Resolve<'_>) -> Result<Vec<Choice>> {
    match resource.get("resourceType").and_then(Value::as_str) {
        Some("Patient") => of_patient(resource, resolve),
        Some("Consent") => of_consent(resource, resolve),
        Some("CareTeam") => of_care_team(resource, resolve),
        _ => Ok(Vec::new()),
    }
}

/// Takes from a Patient what decides something: the state of the record and its médecin traitant are not a sender's to say.
pub fn strip(patient: &mut Value) {
    let Some(members) = patient.as_object_mut() else { return };
    members.shift_remove("active");
    let deciding = |e: &Value| e.get("url").and_then(Value::as_str).is_some_and(|u| [FERMETURE, MEDECIN_TRAITANT, RATTACHEMENT_MES].contains(&u));
    if let Some(Value::Array(extensions)) = members.get_mut("extension") {
        extensions.retain(|e| !deciding(e));
        if extensions.is_empty() {
            members.shift_remove("extension");
        }
    }
}

fn of_patient(patient: &Value, resolve: &mut Resolve<'_>) -> Result<Vec<Choice>> {
    let mut out = Vec::new();
    if patient.get("active").and_then(Value::as_bool) == Some(false) || extension(patient, FERMETURE).is_some() {
        out.push(Choice { holder: String::new(), kind: ChoiceKind::Closed, until_us: i64::MAX });
    }
    let named = extension(patient, MEDECIN_TRAITANT).and_then(|e| e.get("valueReference")).into_iter();
    for reference in named {
        let holders = holders(patient, reference, resolve)?;
        out.extend(holders.into_iter().map(|holder| Choice { holder, kind: ChoiceKind::MedecinTraitant, until_us: i64::MAX }));
    }
    Ok(out)
}

/// Spec: FHIR R4 Consent.provision.
fn of_consent(consent: &Value, resolve: &mut Resolve<'_>) -> Result<Vec<Choice>> {
    if consent.get("status").and_then(Value::as_str) != Some("active") {
        return Ok(Vec::new());
    }
    let mut out = Vec::new();
    let top = consent.get("provision").ok_or_else(|| Fault::new(FaultKind::RuleBroken, 620, "a Consent says in provision what is permitted or denied").at("Consent.provision"))?;
    let nested = top.get("provision").and_then(Value::as_array).into_iter().flatten();
    let says_something = top.get("type").is_some();
    for provision in nested.chain(says_something.then_some(top)) {
        out.extend(of_provision(consent, provision, resolve)?);
    }
    Ok(out)
}

fn of_provision(consent: &Value, provision: &Value, resolve: &mut Resolve<'_>) -> Result<Vec<Choice>> {
    let at = "Consent.provision";
    let mut who = Vec::new();
    for actor in provision.get("actor").and_then(Value::as_array).into_iter().flatten() {
        if let Some(reference) = actor.get("reference") {
            who.extend(holders(consent, reference, resolve)?);
        }
    }
    let modes: Vec<Mode> = provision.get("purpose").and_then(Value::as_array).into_iter().flatten().filter_map(|p| mode(p.get("code")?.as_str()?)).collect();
    let until_us = end(provision, at)?;
    let one = |kind: ChoiceKind| who.iter().map(|holder| Choice { holder: holder.clone(), kind, until_us }).collect::<Vec<_>>();
    match (provision.get("type").and_then(Value::as_str), who.is_empty(), modes.as_slice()) {
        (Some("permit"), false, []) => Ok(one(ChoiceKind::Consent)),
        (Some("deny"), false, []) => Ok(one(ChoiceKind::Blocked)),
        (Some("deny"), true, [_, ..]) => Ok(modes.iter().filter_map(|m| opposition(*m)).map(|kind| Choice { holder: String::new(), kind, until_us }).collect()),
        (Some("permit"), true, _) => Err(Fault::new(FaultKind::RuleBroken, 621, "a permit names who may read: a practitioner (RPPS) or a structure in provision.actor").at(at)),
        (Some("deny"), true, []) => Err(Fault::new(
            FaultKind::RuleBroken,
            622,
            "a denial names a practitioner or a structure (block), or a purpose: bris_de_glace or centre_15 (opposition); a record is closed with $close",
        )
        .at(at)),
        _ => Err(Fault::new(FaultKind::RuleBroken, 623, "provision is permit or deny of actors, or deny of the purposes bris_de_glace and centre_15").at(at)),
    }
}

/// TRE_R248, or the purposes of use of HL7 that mean the same.
fn mode(code: &str) -> Option<Mode> {
    match code {
        "BTG" => Some(Mode::BrisDeGlace),
        other => Mode::of(other).filter(|m| *m != Mode::Normal),
    }
}

const fn opposition(mode: Mode) -> Option<ChoiceKind> {
    match mode {
        Mode::Normal => None,
        Mode::BrisDeGlace => Some(ChoiceKind::OpposesBrisDeGlace),
        Mode::Centre15 => Some(ChoiceKind::OpposesCentre15),
    }
}

/// SNOMED CT of the médecin traitant among the members of a team: primary care provider.
const PRIMARY_CARE: &str = "446050000";

/// Spec: FHIR R4 CareTeam.participant; CSP L.1110-12, L.162-5-3 CSS (médecin traitant).
fn of_care_team(team: &Value, resolve: &mut Resolve<'_>) -> Result<Vec<Choice>> {
    if team.get("status").and_then(Value::as_str) != Some("active") {
        return Ok(Vec::new());
    }
    let whole = end(team, "CareTeam")?;
    let mut out = Vec::new();
    for participant in team.get("participant").and_then(Value::as_array).into_iter().flatten() {
        let Some(member) = participant.get("member") else { continue };
        let until_us = end(participant, "CareTeam.participant")?.min(whole);
        let kind = if is_primary_care(participant) { ChoiceKind::MedecinTraitant } else { ChoiceKind::CareTeam };
        let holders = holders(team, member, resolve)?;
        out.extend(holders.into_iter().map(|holder| Choice { holder, kind, until_us }));
    }
    Ok(out)
}

fn is_primary_care(participant: &Value) -> bool {
    let roles = participant.get("role").and_then(Value::as_array).into_iter().flatten();
    let codings = roles.filter_map(|r| r.get("coding")?.as_array()).flatten();
    codings.into_iter().any(|c| c.get("system").and_then(Value::as_str) == Some("http://snomed.info/sct") && c.get("code").and_then(Value::as_str) == Some(PRIMARY_CARE))
}

/// µs UTC of `period.end`; open when there is none.
fn end(element: &Value, at: &str) -> Result<i64> {
    let Some(text) = element.pointer("/period/end").and_then(Value::as_str) else { return Ok(i64::MAX) };
    let range = crate::fhir::time::range(text);
    range.map(|r| r.1).ok_or_else(|| Fault::new(FaultKind::BadValue, 624, "the end of the period is no date").at(format!("{at}.period.end")))
}

/// Under which names a reference means somebody: by its own identifier, by what it contains, or by the resource it names.
fn holders(resource: &Value, reference: &Value, resolve: &mut Resolve<'_>) -> Result<Vec<String>> {
    if reference.get("type").and_then(Value::as_str).is_some_and(is_nobody) {
        return Ok(Vec::new());
    }
    if let Some(identifier) = reference.get("identifier") {
        return key(identifier).map(|k| vec![k]).ok_or_else(not_understood);
    }
    let Some(text) = reference.get("reference").and_then(Value::as_str) else { return Err(not_understood()) };
    if text.split('/').rev().nth(1).is_some_and(is_nobody) {
        return Ok(Vec::new());
    }
    let named = match text.strip_prefix('#') {
        Some(id) => resource.get("contained").and_then(Value::as_array).into_iter().flatten().find(|c| c.get("id").and_then(Value::as_str) == Some(id)).cloned(),
        None => resolve(text)?,
    };
    let Some(named) = named else {
        return Err(Fault::new(FaultKind::RuleBroken, 625, "who is meant is not known here; give an identifier (RPPS, PS_IdNat or Struct_IdNat) instead of a reference"));
    };
    let own = identifiers(&named).iter().filter_map(|i| key_of(i.system.as_deref().unwrap_or(""), &i.value)).collect::<Vec<_>>();
    // A role stands for its practitioner.
    match (own.is_empty(), named.get("practitioner")) {
        (true, Some(practitioner)) => holders(&named, practitioner, resolve),
        (true, None) if !named.get("resourceType").and_then(Value::as_str).is_some_and(is_nobody) => Err(not_understood()),
        _ => Ok(own),
    }
}

/// Who is named in a Consent or a CareTeam without a right of access following from it.
fn is_nobody(kind: &str) -> bool {
    matches!(kind, "Patient" | "RelatedPerson" | "Group" | "Device")
}

/// A choice that would have no effect is refused: the patient believes it.
fn not_understood() -> Fault {
    Fault::new(
        FaultKind::RuleBroken,
        626,
        "who is meant is not understood: give a PS_IdNat or RPPS (urn:oid:1.2.250.1.71.4.2.1, https://rpps.esante.gouv.fr) or a Struct_IdNat (urn:oid:1.2.250.1.71.4.2.2)",
    )
}

fn identifiers(resource: &Value) -> Vec<Identifier> {
    let found = values(resource, ParamType::Token, &["identifier".to_owned()]).into_iter();
    found.filter_map(|v| if let SearchValue::Token { system, code } = v { Some(Identifier { system: Some(system), value: code }) } else { None }).collect()
}

fn key(identifier: &Value) -> Option<String> {
    key_of(identifier.get("system")?.as_str()?, identifier.get("value")?.as_str()?)
}

fn key_of(system: &str, value: &str) -> Option<String> {
    if PERSON_SYSTEMS.contains(&system) {
        return Some(person_key(value.trim()));
    }
    (system == STRUCTURE_SYSTEM).then(|| value.trim().to_owned())
}

fn extension<'a>(resource: &'a Value, url: &str) -> Option<&'a Value> {
    resource.get("extension")?.as_array()?.iter().find(|e| e.get("url").and_then(Value::as_str) == Some(url))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const DOCTOR: &str = "ps:899700218896";

    fn read(resource: &Value) -> Result<Vec<Choice>> {
        choices(resource, &mut |_| Ok(None))
    }

    fn doctor() -> Value {
        json!({"identifier": {"system": "https://rpps.esante.gouv.fr", "value": "99700218896"}})
    }

    fn consent(provision: Value) -> Value {
        json!({"resourceType": "Consent", "status": "active", "provision": provision})
    }

    #[test]
    fn a_closed_record_and_the_medecin_traitant_are_read_from_the_patient() {
        let patient = json!({"resourceType": "Patient", "active": false, "extension": [{"url": MEDECIN_TRAITANT, "valueReference": doctor()}]});
        let found = read(&patient).unwrap();
        assert_eq!(found[0].kind, ChoiceKind::Closed);
        assert_eq!((found[1].kind, found[1].holder.as_str()), (ChoiceKind::MedecinTraitant, DOCTOR));
        assert!(read(&json!({"resourceType": "Patient", "active": true})).unwrap().is_empty());
    }

    #[test]
    fn a_permit_a_block_and_an_opposition_are_told_apart() {
        let permit = read(&consent(json!({"type": "permit", "period": {"end": "2026-11-25T12:00:00Z"}, "actor": [{"reference": doctor()}]}))).unwrap();
        assert_eq!((permit[0].kind, permit[0].holder.as_str()), (ChoiceKind::Consent, DOCTOR));
        assert!(permit[0].until_us < i64::MAX);
        let block = read(&consent(json!({"type": "deny", "actor": [{"reference": doctor()}]}))).unwrap();
        assert_eq!(block[0].kind, ChoiceKind::Blocked);
        let opposes = read(&consent(json!({"type": "deny", "purpose": [{"code": "bris_de_glace"}, {"code": "centre_15"}]}))).unwrap();
        assert_eq!(opposes.iter().map(|c| c.kind).collect::<Vec<_>>(), [ChoiceKind::OpposesBrisDeGlace, ChoiceKind::OpposesCentre15]);
        let both = read(&consent(json!({"provision": [{"type": "deny", "actor": [{"reference": doctor()}]}, {"type": "deny", "purpose": [{"code": "BTG"}]}]}))).unwrap();
        assert_eq!(both.len(), 2);
    }

    #[test]
    fn what_is_not_active_decides_nothing_and_what_names_nobody_is_refused() {
        let ended = json!({"resourceType": "Consent", "status": "inactive", "provision": {"type": "permit"}});
        assert!(read(&ended).unwrap().is_empty());
        for (provision, number) in
            [(json!({"type": "permit"}), 621), (json!({"type": "deny"}), 622), (json!({"type": "permit", "actor": [{"reference": doctor()}], "purpose": [{"code": "BTG"}]}), 623)]
        {
            assert_eq!(read(&consent(provision)).unwrap_err().number, number);
        }
        assert_eq!(read(&consent(json!({"type": "permit", "actor": [{"reference": {"reference": "Practitioner/x"}}]}))).unwrap_err().number, 625);
        assert_eq!(read(&consent(json!({"type": "permit", "period": {"end": "bientôt"}, "actor": [{"reference": doctor()}]}))).unwrap_err().number, 624);
    }

    #[test]
    fn a_team_ends_with_its_period_or_with_its_members() {
        let team = json!({"resourceType": "CareTeam", "status": "active", "period": {"end": "2026-12-31"}, "participant": [
            {"member": doctor(), "period": {"end": "2026-06-30"}, "role": [{"coding": [{"system": "http://snomed.info/sct", "code": "446050000"}]}]},
            {"member": {"reference": "#s"}}, {"member": {"reference": "PractitionerRole/r"}}],
            "contained": [{"resourceType": "Organization", "id": "s", "identifier": [{"system": STRUCTURE_SYSTEM, "value": "1759999991"}]}]});
        let role = json!({"resourceType": "PractitionerRole", "practitioner": doctor()});
        let found = choices(&team, &mut |r| Ok((r == "PractitionerRole/r").then(|| role.clone()))).unwrap();
        assert_eq!(found.iter().map(|c| c.holder.as_str()).collect::<Vec<_>>(), [DOCTOR, "1759999991", DOCTOR]);
        assert!(found[0].until_us < found[1].until_us && found[1].until_us == found[2].until_us);
        assert_eq!(found.iter().map(|c| c.kind).collect::<Vec<_>>(), [ChoiceKind::MedecinTraitant, ChoiceKind::CareTeam, ChoiceKind::CareTeam]);
    }

    #[test]
    fn numbers_are_read_back() {
        assert!(ChoiceKind::ALL.iter().all(|k| ChoiceKind::of(k.number()) == Some(*k)));
        assert_eq!(ChoiceKind::of(0), None);
    }
}
