//! What the patient decided about a record, read from the resources that say so: Patient (state of the record, médecin traitant),
//! Consent (authorisations, blocks, oppositions; see [`super::consent`]) and CareTeam (équipe de soins).
//! Spec: PDSM4DMP TD0.2; CSP R.1111-40, R.1111-46, L.1111-17; FHIR R4 Consent, CareTeam; NOS TRE_R248.

use serde_json::Value;

use super::consent::of_consent;
use super::visibility::person_key;
use crate::fhir::search::{ParamType, SearchValue, values};
use crate::fhir::{Fault, FaultKind, Identifier, Result, time};

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
    /// Named by a Consent that decides nothing any more: he may still read it.
    Named,
}

impl ChoiceKind {
    const ALL: &'static [Self] =
        &[Self::Closed, Self::OpposesBrisDeGlace, Self::OpposesCentre15, Self::MedecinTraitant, Self::CareTeam, Self::Consent, Self::Blocked, Self::MaskedByHolder, Self::Named];

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
            Self::Named => 9,
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

/// What a resource decides about its record, at a moment (µs UTC).
///
/// # Errors
/// `RuleBroken` when it decides something without saying about whom, or something that is not followed here; `BadValue` for a date that
/// is none.
pub fn choices(resource: &Value, now_us: i64, resolve: &mut Resolve<'_>) -> Result<Vec<Choice>> {
    match resource.get("resourceType").and_then(Value::as_str) {
        Some("Patient") => of_patient(resource, resolve),
        Some("Consent") => of_consent(resource, now_us, resolve),
        Some("CareTeam") => of_care_team(resource, now_us, resolve),
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
        let holders = person(holders(patient, reference, resolve)?, "Patient.extension")?;
        out.extend(holders.into_iter().map(|holder| Choice { holder, kind: ChoiceKind::MedecinTraitant, until_us: i64::MAX }));
    }
    Ok(out)
}

/// SNOMED CT of the médecin traitant among the members of a team: primary care provider.
const PRIMARY_CARE: &str = "446050000";

/// Spec: FHIR R4 CareTeam.participant; CSP L.1110-12, L.162-5-3 CSS (médecin traitant).
fn of_care_team(team: &Value, now_us: i64, resolve: &mut Resolve<'_>) -> Result<Vec<Choice>> {
    if team.get("status").and_then(Value::as_str) != Some("active") {
        return Ok(Vec::new());
    }
    let whole = end(team, now_us, "CareTeam")?;
    let (mut out, mut declared) = (Vec::new(), 0);
    for participant in team.get("participant").and_then(Value::as_array).into_iter().flatten() {
        let at = "CareTeam.participant";
        let Some(member) = participant.get("member") else { continue };
        let until_us = end(participant, now_us, at)?.min(whole);
        let mut holders = holders(team, member, resolve)?;
        let kind = if is_primary_care(participant) { ChoiceKind::MedecinTraitant } else { ChoiceKind::CareTeam };
        if kind == ChoiceKind::MedecinTraitant {
            holders = person(holders, at)?;
            declared += usize::from(until_us > now_us);
        }
        out.extend(holders.into_iter().map(|holder| Choice { holder, kind, until_us }));
    }
    if declared > 1 {
        return Err(Fault::new(FaultKind::RuleBroken, 927, "a patient has one médecin traitant at a time: end the other's period, or leave one out").at("CareTeam.participant"));
    }
    Ok(out)
}

/// The names of a médecin traitant, who is a doctor by his RPPS: a whole structure would read what is masked, and could not be blocked.
/// Spec: L.162-5-3 CSS.
fn person(holders: Vec<String>, at: &str) -> Result<Vec<String>> {
    if holders.iter().all(|h| h.starts_with("ps:")) && holders.iter().any(|h| h.starts_with("ps:8")) {
        return Ok(holders);
    }
    Err(Fault::new(FaultKind::RuleBroken, 929, "the médecin traitant is a doctor: name a person by RPPS, not a structure").at(at))
}

fn is_primary_care(participant: &Value) -> bool {
    let roles = participant.get("role").and_then(Value::as_array).into_iter().flatten();
    let codings = roles.filter_map(|r| r.get("coding")?.as_array()).flatten();
    codings.into_iter().any(|c| is(c, "system", "http://snomed.info/sct") && is(c, "code", PRIMARY_CARE))
}

/// Whether a member is this text.
pub(super) fn is(element: &Value, name: &str, text: &str) -> bool {
    element.get(name).and_then(Value::as_str) == Some(text)
}

/// By how much a caller's clock may be ahead, µs.
const AHEAD_US: i64 = 300_000_000;

/// µs UTC of `period.end`; open when there is none. A decision holds from the moment it is stored: one that begins later is refused.
///
/// # Errors
/// `BadValue` for a date that is none, `RuleBroken` for one that begins later.
pub(super) fn end(element: &Value, now_us: i64, at: &str) -> Result<i64> {
    let moment = |name: &str| element.get("period")?.get(name)?.as_str();
    let wrong = |number: u16, name: &str| Fault::new(FaultKind::BadValue, number, format!("the {name} of the period is no date")).at(format!("{at}.period.{name}"));
    if let Some(text) = moment("start") {
        let (from_us, _) = time::range(text).ok_or_else(|| wrong(926, "start"))?;
        if from_us > now_us.saturating_add(AHEAD_US) {
            let why = "it begins later, and a decision is in force from the moment it is stored: send it when it begins";
            return Err(Fault::new(FaultKind::RuleBroken, 924, why).at(format!("{at}.period.start")));
        }
    }
    moment("end").map_or(Ok(i64::MAX), |text| time::range(text).map(|r| r.1).ok_or_else(|| wrong(624, "end")))
}

/// Under which names a reference means somebody: by its own identifier, by what it contains, or by the resource it names.
pub(super) fn holders(resource: &Value, reference: &Value, resolve: &mut Resolve<'_>) -> Result<Vec<String>> {
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
        choices(resource, 0, &mut |_| Ok(None))
    }

    fn doctor() -> Value {
        json!({"identifier": {"system": "https://rpps.esante.gouv.fr", "value": "99700218896"}})
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
    fn a_team_ends_with_its_period_or_with_its_members() {
        let team = json!({"resourceType": "CareTeam", "status": "active", "period": {"end": "2026-12-31"}, "participant": [
            {"member": doctor(), "period": {"end": "2026-06-30"}, "role": [{"coding": [{"system": "http://snomed.info/sct", "code": "446050000"}]}]},
            {"member": {"reference": "#s"}}, {"member": {"reference": "PractitionerRole/r"}}],
            "contained": [{"resourceType": "Organization", "id": "s", "identifier": [{"system": STRUCTURE_SYSTEM, "value": "1759999991"}]}]});
        let role = json!({"resourceType": "PractitionerRole", "practitioner": doctor()});
        let found = choices(&team, 0, &mut |r| Ok((r == "PractitionerRole/r").then(|| role.clone()))).unwrap();
        assert_eq!(found.iter().map(|c| c.holder.as_str()).collect::<Vec<_>>(), [DOCTOR, "1759999991", DOCTOR]);
        assert!(found[0].until_us < found[1].until_us && found[1].until_us == found[2].until_us);
        assert_eq!(found.iter().map(|c| c.kind).collect::<Vec<_>>(), [ChoiceKind::MedecinTraitant, ChoiceKind::CareTeam, ChoiceKind::CareTeam]);
    }

    /// A team of one médecin traitant each, and a period.
    fn treating(members: &[(Value, Value)]) -> Value {
        let role = json!([{"coding": [{"system": "http://snomed.info/sct", "code": "446050000"}]}]);
        let all: Vec<Value> = members.iter().map(|(member, period)| json!({"member": member, "period": period, "role": role})).collect();
        json!({"resourceType": "CareTeam", "status": "active", "participant": all})
    }

    #[test]
    fn the_medecin_traitant_is_one_doctor_at_a_time() {
        let numbered = |system: &str, value: &str| json!({"identifier": {"system": system, "value": value}});
        let (ever, over) = (json!({}), json!({"end": "1969-12-31"}));
        let other = numbered("urn:oid:1.2.250.1.71.4.2.1", "899700000001");
        for nobody in [numbered(STRUCTURE_SYSTEM, "1759999991"), numbered("urn:oid:1.2.250.1.71.4.2.1", "0012345678"), json!({"reference": "RelatedPerson/1"})] {
            assert_eq!(read(&treating(&[(nobody, ever.clone())])).unwrap_err().number, 929);
        }
        let structure = json!({"resourceType": "Patient", "extension": [{"url": MEDECIN_TRAITANT, "valueReference": numbered(STRUCTURE_SYSTEM, "1759999991")}]});
        assert_eq!(read(&structure).unwrap_err().number, 929);
        assert_eq!(read(&treating(&[(doctor(), ever.clone()), (other.clone(), ever.clone())])).unwrap_err().number, 927);
        assert_eq!(read(&treating(&[(doctor(), over), (other, ever)])).unwrap().len(), 2);
    }

    #[test]
    fn a_team_begins_when_it_is_stored() {
        let mut team = treating(&[(doctor(), json!({"start": "2030-01-01"}))]);
        assert_eq!(read(&team).unwrap_err().number, 924);
        team["participant"][0]["period"] = json!({});
        team["period"] = json!({"start": "2030-01-01"});
        assert_eq!(read(&team).unwrap_err().number, 924);
    }

    #[test]
    fn numbers_are_read_back() {
        assert!(ChoiceKind::ALL.iter().all(|k| ChoiceKind::of(k.number()) == Some(*k)));
        assert_eq!(ChoiceKind::of(0), None);
    }
}
