//! Claims → actor.
//!
//! | claim | meaning |
//! |---|---|
//! | `sub` | PS_IdNat of a practitioner; any identifier of another role |
//! | `role` | `practitioner` (the default), `auditor`, `administrator`, `holder`, `legal_representative` |
//! | `profession`, `specialty` | codes of TRE_G15 and of the savoir-faire |
//! | `situation_exercice` | the activity chosen: a place, or `place|profession[/savoir-faire]` |
//! | `activities` | every activity of the person, as Struct_IdNat; required choice when there are several |
//! | `exercices` | the same as Pro Santé Connect writes it (SubjectRefPro) |
//! | `mode`, `reason` | TRE_R248 (`normal`), and why the glass is broken |
//! | `auth_level` | `direct`, `air`, `indirect`: absent it is the weakest, but of the development issuer `direct` |
//! | `lps_id`, `lps_nom`, `lps_version` | the software |
//! | `secret` | connexion secrète |
//! | `ins` | of a holder or legal representative: `{"system", "value"}` or `system|value` |
//!
//! Spec: ANS transport of sensitive data 1.2; RFC 9068 §2.2.

use serde_json::Value;

use super::IssuerKind;
use super::error::TokenError;
use super::scope::Scope;
use crate::fhir::{Actor, Identifier, Level, Mode, Person, Role, Software};
use crate::identity::caller::is_person_number;

/// Characters of a short text and of a reason.
const TEXT_MAX_CHARS: usize = 256;
const REASON_MAX_CHARS: usize = 1000;

/// The actor that verified claims describe.
///
/// # Errors
/// `Claim`, `Scope`, `Role` or `Activity`.
pub(super) fn actor(claims: &Value, kind: IssuerKind) -> Result<Actor, TokenError> {
    let role = role(claims, kind)?;
    let patient = matches!(role, Role::Holder | Role::LegalRepresentative);
    Ok(Actor {
        role,
        person: if role == Role::Practitioner { Some(person(claims, kind)?) } else { None },
        subject: if role == Role::Practitioner { String::new() } else { required(claims, "sub")? },
        patient: if patient { Some(ins(claims)?) } else { None },
        software: Software { id: text(claims, "lps_id")?, name: text(claims, "lps_nom")?, version: text(claims, "lps_version")? },
        mode: word(claims, "mode", Mode::of)?.unwrap_or(Mode::Normal),
        reason: within(claims, "reason", REASON_MAX_CHARS)?,
        level: word(claims, "auth_level", Level::of)?.unwrap_or(if kind == IssuerKind::Development { Level::Direct } else { Level::Indirect }),
        secret: flag(claims, "secret")?,
        scopes: scopes(claims, if patient { "patient" } else { "user" })?,
        issuer: required(claims, "iss")?,
        token_id: required(claims, "jti")?,
    })
}

fn role(claims: &Value, kind: IssuerKind) -> Result<Role, TokenError> {
    let role = word(claims, "role", Role::of)?.unwrap_or(Role::Practitioner);
    let patient = matches!(role, Role::Holder | Role::LegalRepresentative);
    let may = match kind {
        IssuerKind::Professional => !patient,
        IssuerKind::Patient => patient,
        IssuerKind::Development => true,
    };
    // A structure's software needs no token: a token that claims to be one would only widen what the certificate says.
    if may && role != Role::Structure { Ok(role) } else { Err(TokenError::Role) }
}

/// The person in the activity chosen. What the token says of it must agree with itself, and a choice must be one that the token's own
/// list of activities knows; the development issuer alone may name a place without such a list.
fn person(claims: &Value, kind: IssuerKind) -> Result<Person, TokenError> {
    let id = required(claims, "sub")?;
    if !is_person_number(&id) {
        return Err(TokenError::Claim("sub"));
    }
    let situation = text(claims, "situation_exercice")?;
    let chosen = match claims.get("exercices") {
        None => None,
        Some(listed) => Some(choose_activity(&activities(listed).ok_or(TokenError::Claim("exercices"))?, &situation).cloned().ok_or(TokenError::Activity)?),
    };
    let listed = claims.get("activities").map(|listed| listed_place(listed, &situation)).transpose()?;
    if chosen.is_none() && listed.is_none() && !situation.is_empty() && kind != IssuerKind::Development {
        return Err(TokenError::Activity);
    }
    let named = Named::read(&situation);
    let own = |of: fn(&Activity) -> &String| chosen.as_ref().map(|c| of(c).as_str()).unwrap_or_default();
    let place = if named.place.is_empty() { listed.unwrap_or_else(|| chosen.as_ref().map(|c| c.place().to_owned()).unwrap_or_default()) } else { named.place.to_owned() };
    Ok(Person {
        id,
        profession: agreed([&text(claims, "profession")?, own(|a| &a.profession), named.profession.unwrap_or_default()])?,
        specialty: agreed([&text(claims, "specialty")?, own(|a| &a.specialty), named.specialty.unwrap_or_default()])?,
        situation: place,
    })
}

/// The place of the only activity listed, or of the one that the situation names.
fn listed_place(listed: &Value, situation: &str) -> Result<String, TokenError> {
    let words = listed.as_array().and_then(|all| all.iter().map(Value::as_str).collect::<Option<Vec<_>>>());
    let (words, named) = (words.ok_or(TokenError::Claim("activities"))?, Named::read(situation));
    match (words.as_slice(), named.place) {
        ([], "") => Ok(String::new()),
        ([only], "") => Ok(Named::read(only).place.to_owned()),
        (all, place) if all.contains(&place) || all.contains(&situation) => Ok(place.to_owned()),
        _ => Err(TokenError::Activity),
    }
}

/// What all that is said says, empty when nothing is.
fn agreed(said: [&str; 3]) -> Result<String, TokenError> {
    let mut words = said.into_iter().filter(|w| !w.is_empty());
    let first = words.next().unwrap_or_default();
    if words.all(|w| w == first) { Ok(first.to_owned()) } else { Err(TokenError::Activity) }
}

/// The number of a practitioner in a subject as Pro Santé Connect writes it: the PS_IdNat, or `f:…:PS_IdNat`.
pub fn practitioner_number(subject: &str) -> Option<&str> {
    let number = subject.rsplit(':').next().unwrap_or(subject);
    (is_person_number(number) && (number.len() == subject.len() || subject.starts_with("f:"))).then_some(number)
}

/// One activity of a person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Activity {
    pub profession: String,
    pub specialty: String,
    /// Every identifier of the place, in the forms of Struct_IdNat and as it stands.
    pub places: Vec<String>,
}

/// The activities in the `exercices` of a SubjectRefPro; none when it is not the shape it should be.
/// Spec: Pro Santé Connect, UserInfo, SubjectRefPro.
pub fn activities(exercices: &Value) -> Option<Vec<Activity>> {
    let mut out = Vec::new();
    for exercice in exercices.as_array()? {
        let text = |v: &Value, name: &str| v.get(name).and_then(Value::as_str).unwrap_or("").to_owned();
        for activity in exercice.get("activities").and_then(Value::as_array).into_iter().flatten() {
            let prefixed = [("1", "numeroFinessSite"), ("3", "numeroSiretSite"), ("2", "numeroSirenSite"), ("1", "numeroFinessetablissementJuridique")];
            let mut places: Vec<String> = Vec::new();
            for (prefix, name) in prefixed {
                let number = text(activity, name);
                if !number.is_empty() {
                    places.extend([format!("{prefix}{number}"), number]);
                }
            }
            places.extend(["identifiantTechniqueDeLaStructure", "ancienIdentifiantDeLaStructure"].into_iter().map(|n| text(activity, n)).filter(|t| !t.is_empty()));
            out.push(Activity { profession: text(exercice, "codeProfession"), specialty: text(exercice, "codeSavoirFaire"), places });
        }
    }
    Some(out)
}

impl Activity {
    /// The place in the form that others know best; empty when none is told.
    pub fn place(&self) -> &str {
        self.places.first().map(String::as_str).unwrap_or_default()
    }

    fn is(&self, named: &Named<'_>) -> bool {
        let fits = |said: Option<&str>, own: &str| said.is_none_or(|s| s == own);
        self.places.iter().any(|p| p == named.place) && fits(named.profession, &self.profession) && fits(named.specialty, &self.specialty)
    }
}

/// A situation d'exercice as it is named: `place`, `place|profession` or `place|profession/savoir-faire`.
struct Named<'a> {
    place: &'a str,
    profession: Option<&'a str>,
    specialty: Option<&'a str>,
}

impl<'a> Named<'a> {
    fn read(situation: &'a str) -> Self {
        let (place, rest) = situation.split_once('|').map_or((situation, None), |(place, rest)| (place, Some(rest)));
        let (profession, specialty) = rest.map_or((None, None), |r| r.split_once('/').map_or((Some(r), None), |(p, s)| (Some(p), Some(s))));
        Self { place, profession, specialty }
    }
}

/// The activity that a situation names, or the only one there is when none is named. None when two are meant that differ in
/// profession or savoir-faire: they open different documents, so nothing is chosen silently.
pub fn choose_activity<'a>(all: &'a [Activity], situation: &str) -> Option<&'a Activity> {
    if situation.is_empty() {
        return if let [only] = all { Some(only) } else { None };
    }
    let named = Named::read(situation);
    let mut meant = all.iter().filter(|a| a.is(&named));
    let first = meant.next()?;
    meant.all(|a| a.profession == first.profession && a.specialty == first.specialty).then_some(first)
}

fn ins(claims: &Value) -> Result<Identifier, TokenError> {
    let wrong = TokenError::Claim("ins");
    let (system, value) = match claims.get("ins") {
        Some(Value::String(both)) => both.split_once('|').ok_or(wrong)?,
        Some(Value::Object(o)) => (o.get("system").and_then(Value::as_str).ok_or(wrong)?, o.get("value").and_then(Value::as_str).ok_or(wrong)?),
        _ => return Err(wrong),
    };
    let plain = |t: &str| !t.is_empty() && t.len() <= 128 && t.bytes().all(|b| b.is_ascii_graphic());
    if plain(system) && plain(value) { Ok(Identifier { system: Some(system.to_owned()), value: value.to_owned() }) } else { Err(wrong) }
}

/// The words of `scope` that say something here, for this kind of caller.
fn scopes(claims: &Value, context: &str) -> Result<Vec<String>, TokenError> {
    let all = claims.get("scope").and_then(Value::as_str).ok_or(TokenError::Scope)?;
    let ours: Vec<String> = all.split(' ').filter(|w| Scope::read(w).is_some_and(|s| s.context == context)).map(str::to_owned).collect();
    if ours.is_empty() { Err(TokenError::Scope) } else { Ok(ours) }
}

fn required(claims: &Value, name: &'static str) -> Result<String, TokenError> {
    let found = text(claims, name)?;
    if found.is_empty() { Err(TokenError::Claim(name)) } else { Ok(found) }
}

fn text(claims: &Value, name: &'static str) -> Result<String, TokenError> {
    within(claims, name, TEXT_MAX_CHARS)
}

/// A text without control characters, empty when the claim is absent.
fn within(claims: &Value, name: &'static str, max: usize) -> Result<String, TokenError> {
    match claims.get(name) {
        None => Ok(String::new()),
        Some(Value::String(t)) if t.chars().count() <= max && !t.chars().any(char::is_control) => Ok(t.clone()),
        Some(_) => Err(TokenError::Claim(name)),
    }
}

fn word<T>(claims: &Value, name: &'static str, of: fn(&str) -> Option<T>) -> Result<Option<T>, TokenError> {
    match claims.get(name) {
        None => Ok(None),
        Some(value) => value.as_str().and_then(of).map(Some).ok_or(TokenError::Claim(name)),
    }
}

fn flag(claims: &Value, name: &'static str) -> Result<bool, TokenError> {
    match claims.get(name) {
        None => Ok(false),
        Some(value) => value.as_bool().ok_or(TokenError::Claim(name)),
    }
}
