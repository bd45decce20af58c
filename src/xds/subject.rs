//! Whether two subjects of one submission can be the same patient, as far as the bundle itself tells.
//! Spec: IHE ITI TF-3 §4.2.1.4 (one patient per submission); FHIR R4 references.

use serde_json::Value;

use super::bundle_parts::PatientPart;
use super::json::{items, read_identifier, text};
use super::people::{contained, local};

/// What a subject is known by.
#[derive(Debug, Default)]
pub(super) struct Known {
    /// `Patient/id`, or the fullUrl of an entry.
    literal: Option<String>,
    /// (system, value)
    identifiers: Vec<(String, String)>,
}

impl Known {
    /// The subject of a resource; the Patient of the bundle, where it is meant, adds its identifiers.
    pub(super) fn of(owner: &Value, patient: Option<&PatientPart<'_>>) -> Self {
        let mut known = Self::default();
        let Some(subject) = owner.get("subject") else { return known };
        known.identify(subject.get("identifier"));
        if let Some(id) = local(subject) {
            known.all(contained(owner, id));
        } else if let Some(reference) = text(subject, "reference") {
            known.refer(reference);
            let own = patient.filter(|p| p.full_url == Some(reference) || (p.url.contains('/') && known.literal.as_deref() == Some(p.url)));
            if let Some(patient) = own {
                known.absorb(patient);
            }
        }
        known
    }

    /// The Patient entry itself.
    pub(super) fn entry(patient: &PatientPart<'_>) -> Self {
        let mut known = Self { literal: patient.full_url.map(str::to_owned), identifiers: Vec::new() };
        known.absorb(patient);
        known
    }

    /// Whether the bundle shows that these are two patients.
    pub(super) fn contradicts(&self, other: &Self) -> bool {
        if self.identifiers.iter().any(|i| other.identifiers.contains(i)) {
            return false;
        }
        if let (Some(a), Some(b)) = (&self.literal, &other.literal) {
            return a != b;
        }
        self.identifiers.iter().any(|(system, _)| other.identifiers.iter().any(|(s, _)| s == system))
    }

    /// Whether it says anything.
    pub(super) fn is_known(&self) -> bool {
        self.literal.is_some() || !self.identifiers.is_empty()
    }

    fn refer(&mut self, reference: &str) {
        match reference.split_once('?') {
            Some((_, query)) => self.condition(query),
            None => {
                let mut parts = reference.rsplit('/');
                let (id, kind) = (parts.next().unwrap_or_default(), parts.next());
                self.literal = Some(if kind == Some("Patient") { format!("Patient/{id}") } else { reference.to_owned() });
            }
        }
    }

    fn condition(&mut self, query: &str) {
        for value in query.split('&').filter_map(|pair| pair.strip_prefix("identifier=")) {
            if let Some((system, value)) = decoded(value).split_once('|') {
                self.identifiers.push((system.to_owned(), value.to_owned()));
            }
        }
    }

    fn absorb(&mut self, patient: &PatientPart<'_>) {
        self.all(patient.resource);
        if patient.method == "POST" {
            self.literal = patient.full_url.map(str::to_owned);
        } else {
            self.refer(patient.url);
        }
    }

    fn all(&mut self, patient: Option<&Value>) {
        items(patient.unwrap_or(&Value::Null), "identifier").iter().take(32).for_each(|i| self.identify(Some(i)));
    }

    fn identify(&mut self, identifier: Option<&Value>) {
        if let Some(i) = identifier.and_then(read_identifier) {
            self.identifiers.push((i.system.unwrap_or_default(), i.value));
        }
    }
}

/// Percent-encoding undone; what is not valid stays as it is.
fn decoded(text: &str) -> String {
    let mut out = Vec::with_capacity(text.len());
    let mut bytes = text.bytes();
    while let Some(b) = bytes.next() {
        let mut ahead = bytes.clone();
        let digit = |b: Option<u8>| b.and_then(|b| char::from(b).to_digit(16)).and_then(|d| u8::try_from(d).ok());
        match (b, digit(ahead.next()), digit(ahead.next())) {
            (b'%', Some(high), Some(low)) => {
                out.push(high * 16 + low);
                bytes = ahead;
            }
            _ => out.push(b),
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn known(reference: &str) -> Known {
        Known::of(&json!({"subject": {"reference": reference}}), None)
    }

    #[test]
    fn two_subjects_contradict_only_when_the_bundle_shows_it() {
        assert!(known("Patient/1").contradicts(&known("Patient/2")));
        assert!(!known("Patient/1").contradicts(&known("https://example.org/fhir/Patient/1")));
        assert!(!known("Patient/1").contradicts(&known("Patient?identifier=urn:oid:1.2|9")));
        assert!(known("Patient?identifier=urn:oid:1.2|8").contradicts(&known("Patient?identifier=urn:oid:1.2|9")));
        assert!(!known("Patient?identifier=urn%3Aoid%3A1.2%7C9").contradicts(&known("Patient?identifier=urn:oid:1.2|9")));
    }
}
