//! One opening of the practitioner's page as its patient reads it: one access, with what was looked at in it inside. A reading of the
//! trail: every event stays what it is, and is found by its own id.
//! Spec: CSP L.1111-19 (who accessed, when); FHIR R4 AuditEvent.period, entity.detail.

use std::collections::HashMap;

use serde_json::{Value, json};

use super::balp::{self, code, purpose, to_fhir};
use super::event::{Event, Outcome};
use super::tde::to_tde;
use crate::fhir::time::instant;

/// Longest time between the first and the last event of an opening, µs: a session of four hours, its ticket, and what runs at its end.
pub const OPENING_US: i64 = 5 * 3_600_000_000;
/// Parts that one entry lists; those beyond are counted, and found by `entity:identifier`.
const MAX_PARTS: usize = 1_000;
/// Documents that one entry names.
const MAX_DOCUMENTS: usize = 100;

/// An entry of a list of accesses: an event, and what belongs to it, oldest first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    pub event: Event,
    pub parts: Vec<Event>,
}

/// Whether an event is the beginning of an opening.
pub fn opens(event: &Event) -> bool {
    !event.opening.is_empty() && event.interaction == "consult" && event.outcome == Outcome::Success
}

/// One entry per opening and per event of none, in the order of the events; what belongs to an opening whose beginning is not among
/// the events stands by itself.
pub fn entries(events: Vec<Event>) -> Vec<Entry> {
    let openings: HashMap<String, String> = events.iter().filter(|e| opens(e)).map(|e| (e.opening.clone(), e.id.clone())).collect();
    let (mut parts, mut out): (HashMap<String, Vec<Event>>, Vec<Entry>) = (HashMap::new(), Vec::new());
    for event in events {
        match openings.get(&event.opening) {
            Some(id) if *id != event.id => parts.entry(id.clone()).or_default().push(event),
            _ => out.push(Entry::alone(event)),
        }
    }
    for entry in &mut out {
        entry.parts = parts.remove(&entry.event.id).unwrap_or_default();
        entry.parts.sort_by(|a, b| (a.at_us, &a.id).cmp(&(b.at_us, &b.id)));
    }
    out
}

impl Entry {
    /// An event without parts.
    pub fn alone(event: Event) -> Self {
        Self { event, parts: Vec::new() }
    }

    /// The event and its parts.
    pub fn all(&self) -> impl Iterator<Item = &Event> {
        [&self.event].into_iter().chain(&self.parts)
    }

    /// As an AuditEvent: of an opening with parts the time it took, the documents it was about, each part by its own AuditEvent, and
    /// every way of access that was used. Its version counts the parts, since an opening that goes on gains some.
    pub fn to_fhir(&self) -> Value {
        let mut out = to_fhir(&self.whole());
        if self.parts.is_empty() {
            return out;
        }
        let Some(members) = out.as_object_mut() else { return out };
        members.insert("period".into(), self.period());
        if let Some(meta) = members.get_mut("meta").and_then(Value::as_object_mut) {
            meta.insert("versionId".into(), json!(self.version().to_string()));
            meta.insert("lastUpdated".into(), json!(instant(self.end_us())));
        }
        let mut purposes: Vec<Value> = Vec::new();
        self.all().flat_map(purpose).for_each(|p| {
            if !purposes.contains(&p) {
                purposes.push(p)
            }
        });
        if !purposes.is_empty() {
            members.insert("purposeOfEvent".into(), Value::Array(purposes));
        }
        if let Some(entities) = members.get_mut("entity").and_then(Value::as_array_mut) {
            entities.extend(self.parts.iter().take(MAX_PARTS).map(part));
            entities.extend((self.parts.len() > MAX_PARTS).then(|| json!({"name": "further parts", "detail": [detail("count", &(self.parts.len() - MAX_PARTS).to_string())]})));
        }
        out
    }

    /// In the form of the ANS traceability volume.
    pub fn to_tde(&self) -> Value {
        let mut out = to_tde(&self.whole());
        if let (Some(members), false) = (out.as_object_mut(), self.parts.is_empty()) {
            members.insert("period".into(), self.period());
        }
        out
    }

    /// The event with the documents of its parts.
    fn whole(&self) -> Event {
        let mut out = self.event.clone();
        for entity in self.parts.iter().flat_map(|p| &p.entities).filter(|e| e.starts_with("DocumentReference/")) {
            if out.entities.len() < MAX_DOCUMENTS && !out.entities.contains(entity) {
                out.entities.push(entity.clone());
            }
        }
        out
    }

    fn period(&self) -> Value {
        let start = self.all().map(|e| e.at_us).min().unwrap_or(self.event.at_us);
        json!({"start": instant(start), "end": instant(self.end_us())})
    }

    /// 1, and one more for each part.
    pub fn version(&self) -> i64 {
        i64::try_from(self.parts.len()).unwrap_or(i64::MAX).saturating_add(1)
    }

    /// Time of the last part, µs UTC.
    pub fn end_us(&self) -> i64 {
        self.all().map(|e| e.at_us).max().unwrap_or(self.event.at_us)
    }
}

/// A part as an entity: its AuditEvent, and in detail when it was, what was done, how it ended, what was looked at.
fn part(event: &Event) -> Value {
    let mut details = vec![detail("recorded", &instant(event.at_us)), detail("interaction", &event.interaction), detail("outcome", event.outcome.code())];
    details.extend(event.looked_at.iter().map(|(kind, what)| detail(kind, what)));
    details.extend(event.entities.iter().map(|entity| detail("entity", entity)));
    json!({"what": {"reference": format!("AuditEvent/{}", event.id)}, "type": code(balp::RESOURCE, "AuditEvent"), "detail": details})
}

/// Spec: FHIR R4 AuditEvent.entity.detail.
pub(super) fn detail(kind: &str, value: &str) -> Value {
    json!({"type": kind, "valueString": value})
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(id: &str, at_us: i64, interaction: &str, opening: &str, entities: &[&str]) -> Event {
        let json = json!({"at_us": at_us, "id": id, "interaction": interaction, "transaction": null, "action": "E", "outcome": "Success", "structure": "3", "organization": "Cabinet",
            "fingerprint": "f", "serial": "1", "issuer": "CN=AC", "address": "127.0.0.1", "patient": "p", "entities": entities, "query": null, "request_id": opening, "opening": opening});
        serde_json::from_value(json).unwrap()
    }

    fn shape(entries: &[Entry]) -> Vec<(&str, Vec<&str>)> {
        entries.iter().map(|e| (e.event.id.as_str(), e.parts.iter().map(|p| p.id.as_str()).collect())).collect()
    }

    #[test]
    fn an_opening_is_one_entry_and_nothing_is_lost() {
        let refused = Event { outcome: Outcome::Refused, ..event("r", 6, "consult", "o", &[]) };
        let all = vec![
            event("z", 9, "read", "", &[]),
            refused,
            event("b", 5, "render", "o", &["DocumentReference/2"]),
            event("x", 4, "key-info", "other", &[]),
            event("a", 3, "key-info", "o", &["Patient/p"]),
            event("h", 2, "consult", "o", &[]),
            event("l", 1, "launch", "o", &[]),
        ];
        let found = entries(all.clone());
        assert_eq!(shape(&found), [("z", vec![]), ("x", vec![]), ("h", vec!["l", "a", "b", "r"])]);
        assert_eq!(found.iter().flat_map(Entry::all).count(), all.len());
        // Without its beginning an opening is its events.
        assert_eq!(entries(all.into_iter().filter(|e| e.id != "h").collect()).len(), 6);
    }

    #[test]
    fn its_detail_is_inside_and_it_is_a_valid_resource() {
        let glass = json!({"role": "practitioner", "person": "899700218896", "mode": "bris_de_glace", "reason": "Coma", "level": "direct"});
        let broken = Event { by: serde_json::from_value(glass).unwrap(), ..event("g", 4_000_000, "break-glass", "o", &[]) };
        let section = Event { looked_at: vec![("section".into(), "results".into())], ..event("s", 3_000_000, "key-info", "o", &["Patient/p"]) };
        let found = entries(vec![event("d", 5_000_000, "render", "o", &["DocumentReference/2"]), broken, section, event("h", 2_000_000, "consult", "o", &[])]);
        let [entry] = found.as_slice() else { panic!("{found:?}") };
        let made = entry.to_fhir();
        assert_eq!((&made["id"], &made["meta"]["versionId"]), (&json!("h"), &json!("4")));
        assert_eq!(made["period"], json!({"start": "1970-01-01T00:00:02.000Z", "end": "1970-01-01T00:00:05.000Z"}));
        assert_eq!(made["purposeOfEvent"][0]["text"], "Coma", "a broken glass is not buried in the detail");
        let text = made.to_string();
        for shown in ["AuditEvent/s", "AuditEvent/g", "AuditEvent/d", "\"valueString\":\"results\"", "\"reference\":\"DocumentReference/2\"", "\"valueString\":\"render\""] {
            assert!(text.contains(shown), "{shown} in {text}");
        }
        for value in [made, entry.to_tde()] {
            let issues = crate::fhir::r4::check(&crate::fhir::gate::parse(&serde_json::to_vec(&value).unwrap()).unwrap(), 10);
            assert!(issues.is_empty(), "{issues:?}");
        }
    }

    #[test]
    fn an_event_alone_is_what_it_always_was() {
        let one = event("e", 1, "read", "", &["Patient/p"]);
        assert_eq!((Entry::alone(one.clone()).to_fhir(), Entry::alone(one.clone()).to_tde()), (to_fhir(&one), to_tde(&one)));
    }
}
