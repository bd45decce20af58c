//! What a Consent decides: authorisations, blocks and oppositions. What would hold for more, for less or for longer than it is written is
//! refused with the element that is not followed: the patient believes what is stored.
//! Spec: FHIR R4 Consent.provision; CSP R.1111-46 (consent), L.1111-17 (oppositions), R.1111-49; NOS TRE_R248.

use serde_json::Value;

use super::choices::{Choice, ChoiceKind, Resolve, end, holders, is};
use crate::fhir::{Fault, FaultKind, Mode, Result};

/// Code system of the scopes of a Consent.
const SCOPES: &str = "http://terminology.hl7.org/CodeSystem/consentscope";
/// Members of a provision that decides. What else R4 has there (data, class, code, action, securityLabel, dataPeriod, exceptions to the
/// exception) narrows it in ways that no decision of this server follows.
const DECIDES: &[&str] = &["id", "extension", "type", "actor", "purpose", "period"];
/// Members of a root provision that holds those that decide.
const HOLDS: &[&str] = &["id", "extension", "provision", "period"];
/// Members of an actor.
const ACTOR: &[&str] = &["id", "extension", "role", "reference"];

/// A Consent being read at a moment (µs UTC).
struct Reading<'a> {
    consent: &'a Value,
    now_us: i64,
}

/// What a Consent decides about its record; nothing unless it is active.
///
/// # Errors
/// `RuleBroken` for what is not followed, or decides without saying about whom; `BadValue` for a date that is none.
pub(super) fn of_consent(consent: &Value, now_us: i64, resolve: &mut Resolve<'_>) -> Result<Vec<Choice>> {
    if consent.get("status").and_then(Value::as_str) != Some("active") {
        return Ok(Vec::new());
    }
    if consent.get("modifierExtension").is_some() {
        return Err(not_followed("Consent", "modifierExtension"));
    }
    about_the_record(consent)?;
    let at = "Consent.provision";
    let root = consent.get("provision").ok_or_else(|| Fault::new(FaultKind::RuleBroken, 620, "a Consent says in provision what is permitted or denied").at(at))?;
    let reading = Reading { consent, now_us };
    let Some(nested) = root.get("provision").and_then(Value::as_array) else {
        return reading.provision(root, at, resolve);
    };
    only(root, HOLDS, at)?;
    let whole = end(root, now_us, at)?;
    let mut out = Vec::new();
    for (index, provision) in nested.iter().enumerate() {
        out.extend(reading.provision(provision, &format!("{at}.provision[{index}]"), resolve)?);
    }
    // Nothing inside outlasts what holds it.
    out.iter_mut().for_each(|choice| choice.until_us = choice.until_us.min(whole));
    Ok(out)
}

impl Reading<'_> {
    fn provision(&self, provision: &Value, at: &str, resolve: &mut Resolve<'_>) -> Result<Vec<Choice>> {
        only(provision, DECIDES, at)?;
        let mut who = Vec::new();
        for actor in list(provision, "actor") {
            only(actor, ACTOR, &format!("{at}.actor"))?;
            if let Some(reference) = actor.get("reference") {
                who.extend(holders(self.consent, reference, resolve)?);
            }
        }
        let modes = purposes(provision, at)?;
        let until_us = end(provision, self.now_us, at)?;
        let each = |kind: ChoiceKind| who.iter().map(|holder| Choice { holder: holder.clone(), kind, until_us }).collect::<Vec<_>>();
        let opposed: Option<Vec<ChoiceKind>> = modes.iter().map(|m| opposition(*m)).collect();
        match (provision.get("type").and_then(Value::as_str), who.is_empty(), opposed) {
            (Some("permit"), false, _) if modes.iter().all(|m| *m == Mode::Normal) => Ok(each(ChoiceKind::Consent)),
            (Some("deny"), false, _) if modes.is_empty() => Ok(each(ChoiceKind::Blocked)),
            (Some("permit"), true, _) => Err(Fault::new(FaultKind::RuleBroken, 621, "a permit names who may read: a practitioner (RPPS) or a structure in provision.actor").at(at)),
            (Some("deny"), true, _) if modes.is_empty() => Err(Fault::new(
                FaultKind::RuleBroken,
                622,
                "a denial names a practitioner or a structure (block), or a purpose: bris_de_glace or centre_15 (opposition); a record is closed with $close",
            )
            .at(at)),
            (Some("deny"), true, Some(kinds)) => Ok(kinds.into_iter().map(|kind| Choice { holder: String::new(), kind, until_us }).collect()),
            _ => Err(Fault::new(FaultKind::RuleBroken, 623, "provision is permit or deny of actors, or deny of the purposes bris_de_glace and centre_15").at(at)),
        }
    }
}

/// Refuses a member that is not followed.
fn only(element: &Value, followed: &[&str], at: &str) -> Result<()> {
    let other = element.as_object().into_iter().flatten().find(|(name, _)| !followed.contains(&name.as_str()));
    other.map_or(Ok(()), |(name, _)| Err(not_followed(at, name)))
}

fn not_followed(at: &str, name: &str) -> Fault {
    let why = format!(
        "{name} is not followed here, and a decision is kept only as it is written: a provision has type, actor, purpose and period, or, the root, a period and provisions of that \
         form; what holds for a part of the record is said by the labels of its documents (PATCH securityLabel)"
    );
    Fault::new(FaultKind::RuleBroken, 922, why).at(format!("{at}.{name}"))
}

/// Refuses a Consent that is not about who reads the record.
fn about_the_record(consent: &Value) -> Result<()> {
    let codings = consent.pointer("/scope/coding").and_then(Value::as_array).into_iter().flatten();
    if codings.into_iter().any(|c| is(c, "system", SCOPES) && is(c, "code", "patient-privacy")) {
        return Ok(());
    }
    let why = format!("a Consent decides here who reads the record: scope is {SCOPES}|patient-privacy; one to research, treatment or anything else opens nothing and is not kept");
    Err(Fault::new(FaultKind::RuleBroken, 923, why).at("Consent.scope"))
}

/// TRE_R248, or the purposes of use of HL7 that mean the same.
fn purposes(provision: &Value, at: &str) -> Result<Vec<Mode>> {
    let unknown = || Fault::new(FaultKind::RuleBroken, 925, "a purpose is normal (TREAT), bris_de_glace (BTG) or centre_15").at(format!("{at}.purpose"));
    let mode = |purpose: &Value| match purpose.get("code").and_then(Value::as_str)? {
        "TREAT" => Some(Mode::Normal),
        "BTG" => Some(Mode::BrisDeGlace),
        other => Mode::of(other),
    };
    list(provision, "purpose").map(|p| mode(p).ok_or_else(unknown)).collect()
}

fn list<'a>(element: &'a Value, name: &str) -> impl Iterator<Item = &'a Value> {
    element.get(name).and_then(Value::as_array).into_iter().flatten()
}

const fn opposition(mode: Mode) -> Option<ChoiceKind> {
    match mode {
        Mode::Normal => None,
        Mode::BrisDeGlace => Some(ChoiceKind::OpposesBrisDeGlace),
        Mode::Centre15 => Some(ChoiceKind::OpposesCentre15),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::fhir::time::range;

    const DOCTOR: &str = "ps:899700218896";

    fn now() -> i64 {
        range("2026-11-25T10:00:00Z").unwrap().0
    }

    fn read(consent: &Value) -> Result<Vec<Choice>> {
        of_consent(consent, now(), &mut |_| Ok(None))
    }

    fn doctor() -> Value {
        json!({"identifier": {"system": "https://rpps.esante.gouv.fr", "value": "99700218896"}})
    }

    fn consent(provision: Value) -> Value {
        json!({"resourceType": "Consent", "status": "active", "scope": {"coding": [{"system": SCOPES, "code": "patient-privacy"}]}, "provision": provision})
    }

    fn permit(more: Value) -> Value {
        let mut provision = json!({"type": "permit", "actor": [{"reference": doctor()}]});
        provision.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        provision
    }

    fn refusal(consent: &Value) -> (u16, String) {
        let fault = read(consent).unwrap_err();
        (fault.number, fault.issues[0].expression.clone().unwrap_or_default())
    }

    #[test]
    fn a_consent_permits_blocks_and_opposes() {
        let one = read(&consent(permit(json!({"period": {"end": "2026-11-25T20:00:00Z"}})))).unwrap();
        assert_eq!((one[0].kind, one[0].holder.as_str()), (ChoiceKind::Consent, DOCTOR));
        assert!(one[0].until_us < i64::MAX);
        assert_eq!(read(&consent(permit(json!({"purpose": [{"code": "TREAT"}, {"code": "normal"}]})))).unwrap().len(), 1);
        let block = read(&consent(json!({"type": "deny", "actor": [{"reference": doctor()}]}))).unwrap();
        assert_eq!(block[0].kind, ChoiceKind::Blocked);
        let opposes = read(&consent(json!({"type": "deny", "purpose": [{"code": "bris_de_glace"}, {"code": "centre_15"}]}))).unwrap();
        assert_eq!(opposes.iter().map(|c| c.kind).collect::<Vec<_>>(), [ChoiceKind::OpposesBrisDeGlace, ChoiceKind::OpposesCentre15]);
        let both = read(&consent(json!({"provision": [{"type": "deny", "actor": [{"reference": doctor()}]}, {"type": "deny", "purpose": [{"code": "BTG"}]}]}))).unwrap();
        assert_eq!(both.len(), 2);
    }

    #[test]
    fn what_is_not_active_decides_nothing_and_what_names_nobody_is_refused() {
        let ended = json!({"resourceType": "Consent", "status": "inactive", "provision": {"type": "permit", "data": []}});
        assert!(read(&ended).unwrap().is_empty());
        for (provision, number) in [
            (json!({}), 623),
            (json!({"type": "permit"}), 621),
            (json!({"type": "deny"}), 622),
            (permit(json!({"purpose": [{"code": "BTG"}]})), 623),
            (json!({"type": "deny", "purpose": [{"code": "normal"}]}), 623),
            (json!({"type": "deny", "actor": [{"reference": doctor()}], "purpose": [{"code": "normal"}]}), 623),
            (json!({"type": "permit", "actor": [{"reference": {"reference": "Practitioner/x"}}]}), 625),
            (permit(json!({"period": {"end": "bientôt"}})), 624),
            (permit(json!({"period": {"start": "bientôt"}})), 926),
        ] {
            assert_eq!(refusal(&consent(provision.clone())).0, number, "{provision}");
        }
    }

    /// Every member that R4 gives a provision, and one that it may give one day, is followed or refused where it stands.
    #[test]
    fn a_provision_is_followed_whole_or_refused() {
        for name in ["action", "securityLabel", "class", "code", "dataPeriod", "data", "provision", "modifierExtension", "_type", "tomorrow"] {
            let inner = permit(json!({name: [permit(json!({}))]}));
            let there = format!("Consent.provision.provision[1].{name}");
            assert_eq!(refusal(&consent(json!({"provision": [permit(json!({})), inner.clone()]}))), (922, there), "{name}");
            if name != "provision" {
                assert_eq!(refusal(&consent(inner)), (922, format!("Consent.provision.{name}")), "{name}");
            }
        }
        // A root that decides and holds: which of the two is the exception is not followed.
        assert_eq!(refusal(&consent(permit(json!({"provision": [permit(json!({}))]})))).0, 922);
        assert_eq!(
            refusal(&consent(json!({"type": "permit", "actor": [{"reference": doctor(), "modifierExtension": []}]}))),
            (922, "Consent.provision.actor.modifierExtension".into())
        );
        assert_eq!(refusal(&consent(permit(json!({"purpose": [{"code": "HRESCH"}]})))), (925, "Consent.provision.purpose".into()));
        let mut other = consent(permit(json!({})));
        other["scope"] = json!({"coding": [{"system": SCOPES, "code": "research"}]});
        assert_eq!(refusal(&other), (923, "Consent.scope".into()));
        other["modifierExtension"] = json!([]);
        assert_eq!(refusal(&other).0, 922);
    }

    #[test]
    fn a_decision_begins_now_and_nothing_outlasts_what_holds_it() {
        assert_eq!(refusal(&consent(permit(json!({"period": {"start": "2030-01-01"}})))), (924, "Consent.provision.period.start".into()));
        assert_eq!(refusal(&consent(json!({"period": {"start": "2030-01-01"}, "provision": [permit(json!({}))]}))).0, 924);
        for start in ["2026-11-25", "2026-11-25T10:00:30Z", "2020"] {
            assert_eq!(read(&consent(permit(json!({"period": {"start": start}})))).unwrap().len(), 1, "{start}");
        }
        let ended = read(&consent(json!({"period": {"end": "2020-01-01"}, "provision": [permit(json!({"period": {"end": "2099-01-01"}})), permit(json!({}))]}))).unwrap();
        assert!(ended.len() == 2 && ended.iter().all(|c| c.until_us < now()), "{ended:?}");
    }
}
