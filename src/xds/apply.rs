//! Metadata changes carried out on a DocumentReference.
//!
//! Labels are a set, so that masking does not lose the level and unmasking does not lose another label. A client that
//! writes MASQUE_PS over slot 0 masks and keeps N; one that writes N over the slot of a visibility code takes that code away;
//! one that writes the level over itself (the published way to unmask) takes the only visibility code away, and is asked to say
//! which when there are several.
//! Spec: PDSm 3.1.1 flux 03; PDSM4DMP 0.1.0 TD3.3a, TD3.3b, TD3.3d.

use serde_json::{Value, json};

use super::change::{Change, LabelChange, broken, not_offered};
use super::confidentiality::{confidentiality_coding, label, set};
use super::json::{concept, extensions, items, text};
use super::uris;
use crate::fhir::Result;

/// Carries out the changes in their order. On an error the resource is as it was.
///
/// # Errors
/// `RuleBroken` for a slot that is not there (716) or an ambiguous unmasking (717); `MethodNotAllowed` (710) when an extension
/// named by its place is not isArchived.
pub fn apply_metadata(reference: &mut Value, changes: &[Change]) -> Result<()> {
    let mut out = reference.clone();
    let mut labels = Labels::of(reference);
    for change in changes {
        match change {
            Change::Status(code) => put(&mut out, "status", json!(code)),
            Change::SecurityLabel(change) => labels.change(change)?,
            Change::Archived(value) => archive(&mut out, *value),
            Change::ArchivedAt { index, value } => {
                let named = items(&out, "extension").get(*index).and_then(|e| text(e, "url"));
                if named != Some(uris::IS_ARCHIVED) {
                    return Err(not_offered(format!("DocumentReference.extension[{index}]")));
                }
                archive(&mut out, *value);
            }
        }
    }
    if changes.iter().any(|c| matches!(c, Change::SecurityLabel(_))) {
        let written = labels.written(reference);
        put(&mut out, "securityLabel", written);
    }
    *reference = out;
    Ok(())
}

/// Whether the document is archived. Spec: PDSm 3.1.1 pdsm-ext-is-archived.
pub fn is_archived(resource: &Value) -> bool {
    extensions(resource, uris::IS_ARCHIVED).any(|e| e.get("valueBoolean") == Some(&Value::Bool(true)))
}

/// The labels of a document as a set: one level, then the visibility codes.
pub fn label_codes(reference: &Value) -> Vec<String> {
    set(codes(reference).iter().flatten().map(String::as_str)).into_iter().map(str::to_owned).collect()
}

/// The label codes of each item of securityLabel.
fn codes(reference: &Value) -> Vec<Vec<String>> {
    items(reference, "securityLabel").iter().map(of_concept).collect()
}

fn of_concept(concept: &Value) -> Vec<String> {
    items(concept, "coding").iter().filter_map(|c| text(c, "code")).filter(|c| label(c).is_some()).map(str::to_owned).collect()
}

fn put(resource: &mut Value, name: &str, value: Value) {
    if let Some(members) = resource.as_object_mut() {
        members.insert(name.to_owned(), value);
    }
}

fn archive(resource: &mut Value, value: bool) {
    let own = json!({"url": uris::IS_ARCHIVED, "valueBoolean": value});
    let Some(members) = resource.as_object_mut() else { return };
    match members.get_mut("extension") {
        Some(Value::Array(all)) => match all.iter_mut().find(|e| text(e, "url") == Some(uris::IS_ARCHIVED)) {
            Some(old) => *old = own,
            None => all.push(own),
        },
        _ => {
            members.insert("extension".into(), json!([own]));
        }
    }
}

/// The labels while they are being changed.
struct Labels {
    /// As a client sees them, place by place.
    slots: Vec<Vec<String>>,
    level: String,
    visibility: Vec<String>,
}

impl Labels {
    fn of(reference: &Value) -> Self {
        Self::from_slots(codes(reference))
    }

    fn from_slots(slots: Vec<Vec<String>>) -> Self {
        let all = set(slots.iter().flatten().map(String::as_str));
        let (levels, visibility): (Vec<&str>, Vec<&str>) = all.into_iter().partition(|c| is_level(c));
        Self { slots, level: levels.first().copied().unwrap_or("N").to_owned(), visibility: visibility.into_iter().map(str::to_owned).collect() }
    }

    fn change(&mut self, change: &LabelChange) -> Result<()> {
        match change {
            LabelChange::All(codes) => *self = Self::from_slots(codes.iter().map(|c| vec![c.clone()]).collect()),
            LabelChange::Add(code) => self.add(code),
            LabelChange::Slot { index: 0, code } if self.slots.is_empty() => self.add(code),
            LabelChange::Slot { index, code } => self.slot(*index, code)?,
            LabelChange::RemoveSlot(index) => {
                if *index >= self.slots.len() {
                    return Err(no_slot(*index));
                }
                let gone = self.slots.remove(*index);
                self.forget(&gone);
            }
            LabelChange::Remove(code) => {
                self.slots.iter_mut().for_each(|s| s.retain(|c| c != code));
                self.forget(std::slice::from_ref(code));
            }
        }
        Ok(())
    }

    fn add(&mut self, code: &str) {
        self.slots.push(vec![code.to_owned()]);
        self.take(code);
    }

    fn take(&mut self, code: &str) {
        if is_level(code) {
            code.clone_into(&mut self.level);
        } else if !self.visibility.iter().any(|v| v == code) {
            self.visibility.push(code.to_owned());
        }
    }

    fn slot(&mut self, index: usize, code: &str) -> Result<()> {
        let slot = self.slots.get_mut(index).ok_or_else(|| no_slot(index))?;
        let old = std::mem::replace(slot, vec![code.to_owned()]);
        let hidden = old.iter().any(|c| !is_level(c));
        if is_level(code) && code == self.level && !hidden {
            if self.visibility.len() > 1 {
                return Err(broken(
                    717,
                    format!("DocumentReference.securityLabel[{index}]"),
                    "several visibility labels are set: remove the one meant, or replace securityLabel as a whole",
                ));
            }
            self.visibility.clear();
        }
        self.visibility.retain(|v| !old.contains(v));
        self.take(code);
        Ok(())
    }

    /// Labels that are in no slot any more; the level falls back to what the other slots say.
    fn forget(&mut self, gone: &[String]) {
        self.visibility.retain(|v| !gone.contains(v));
        if gone.contains(&self.level) {
            self.level = Self::from_slots(self.slots.clone()).level;
        }
    }

    /// One concept per label, as it was where it was there; other labels behind.
    fn written(&self, before: &Value) -> Value {
        let old = items(before, "securityLabel");
        let all = std::iter::once(self.level.as_str()).chain(self.visibility.iter().map(String::as_str));
        let mut out: Vec<Value> =
            set(all).into_iter().map(|code| old.iter().find(|c| of_concept(c) == [code]).cloned().unwrap_or_else(|| concept(&confidentiality_coding(code)))).collect();
        out.extend(old.iter().filter(|c| of_concept(c).is_empty()).cloned());
        Value::Array(out)
    }
}

fn is_level(code: &str) -> bool {
    label(code).is_some_and(|l| l.level > 0)
}

fn no_slot(index: usize) -> crate::fhir::Fault {
    broken(716, format!("DocumentReference.securityLabel[{index}]"), "there is no label at this place; read the document again, or add the label with add /securityLabel/-")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(codes: &[&str]) -> Value {
        json!({"resourceType": "DocumentReference", "status": "current", "securityLabel": codes.iter().map(|c| concept(&confidentiality_coding(c))).collect::<Vec<_>>()})
    }

    fn after(codes: &[&str], changes: &[LabelChange]) -> Vec<String> {
        let mut reference = with(codes);
        let changes: Vec<Change> = changes.iter().cloned().map(Change::SecurityLabel).collect();
        apply_metadata(&mut reference, &changes).unwrap();
        label_codes(&reference)
    }

    fn slot(index: usize, code: &str) -> LabelChange {
        LabelChange::Slot { index, code: code.into() }
    }

    #[test]
    fn masking_over_slot_0_keeps_the_level_and_other_labels() {
        assert_eq!(after(&["N"], &[slot(0, "MASQUE_PS")]), ["N", "MASQUE_PS"]);
        assert_eq!(after(&["R", "INVISIBLE_PATIENT"], &[slot(0, "MASQUE_PS")]), ["R", "MASQUE_PS", "INVISIBLE_PATIENT"]);
    }

    #[test]
    fn unmasking_works_as_published_and_is_refused_when_ambiguous() {
        assert_eq!(after(&["N", "MASQUE_PS"], &[slot(0, "N")]), ["N"]);
        assert_eq!(after(&["N", "MASQUE_PS"], &[slot(1, "N")]), ["N"]);
        assert_eq!(after(&["MASQUE_PS", "INVISIBLE_PATIENT"], &[slot(0, "N")]), ["N", "INVISIBLE_PATIENT"]);
        let mut reference = with(&["N", "MASQUE_PS", "INVISIBLE_PATIENT"]);
        let before = reference.clone();
        let fault = apply_metadata(&mut reference, &[Change::Status("superseded".into()), Change::SecurityLabel(slot(0, "N"))]).unwrap_err();
        assert_eq!((fault.number, reference), (717, before));
    }

    #[test]
    fn labels_are_added_removed_and_replaced_as_a_set() {
        assert_eq!(after(&["N"], &[LabelChange::Add("R".into()), LabelChange::Add("MASQUE_PS".into())]), ["R", "MASQUE_PS"]);
        assert_eq!(after(&["N", "MASQUE_PS", "INVISIBLE_PATIENT"], &[LabelChange::RemoveSlot(1)]), ["N", "INVISIBLE_PATIENT"]);
        assert_eq!(after(&["N", "MASQUE_PS"], &[LabelChange::Remove("MASQUE_PS".into())]), ["N"]);
        assert_eq!(after(&["N", "MASQUE_PS"], &[LabelChange::All(vec!["INVISIBLE_PATIENT".into()])]), ["N", "INVISIBLE_PATIENT"]);
        assert_eq!(after(&["V"], &[LabelChange::RemoveSlot(0)]), ["N"]);
        assert!(apply_metadata(&mut with(&["N"]), &[Change::SecurityLabel(slot(3, "N"))]).is_err());
    }

    #[test]
    fn labels_of_others_and_displays_stay() {
        let mut reference = json!({"securityLabel": [{"coding": [{"system": "urn:x", "code": "LOCAL"}]}, {"coding": [{"code": "N", "display": "own"}], "text": "kept"}]});
        apply_metadata(&mut reference, &[Change::SecurityLabel(LabelChange::Add("MASQUE_PS".into()))]).unwrap();
        assert_eq!(reference.pointer("/securityLabel/0/text"), Some(&json!("kept")));
        assert_eq!(reference.pointer("/securityLabel/2/coding/0/code"), Some(&json!("LOCAL")));
    }

    #[test]
    fn archiving_makes_the_extension_and_changes_it_in_place() {
        let mut reference = json!({"extension": [{"url": "urn:other", "valueString": "x"}]});
        apply_metadata(&mut reference, &[Change::Archived(true)]).unwrap();
        assert!(is_archived(&reference));
        apply_metadata(&mut reference, &[Change::ArchivedAt { index: 1, value: false }]).unwrap();
        assert!(!is_archived(&reference));
        assert_eq!(reference["extension"].as_array().map(Vec::len), Some(2));
        assert_eq!(apply_metadata(&mut reference, &[Change::ArchivedAt { index: 0, value: true }]).unwrap_err().number, 710);
    }
}
