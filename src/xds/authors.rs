//! Authors, authenticator, custodian and sourcePatientInfo of a DocumentEntry as references to contained resources.
//! Spec: IHE MHD 4.2 comprehensive DocumentReference (aggregation contained).

use serde_json::Value;

use super::contained::Contained;
use crate::fhir::DocumentEntry;

/// References to what was contained; `None` for what the entry does not know.
pub(super) struct People {
    pub authors: Vec<Value>,
    pub authenticator: Option<Value>,
    pub custodian: Option<Value>,
    pub patient: Option<Value>,
    pub contained: Contained,
}

impl People {
    /// Contains everybody a DocumentEntry names.
    pub(super) fn of(entry: &DocumentEntry) -> Self {
        let mut contained = Contained::default();
        let mut authors: Vec<Value> = Vec::new();
        for (i, group) in entry.authors.iter().enumerate() {
            let author = contained.group(&format!("author{}", i + 1), group);
            authors.extend(author.filter(|a| !authors.contains(a)));
        }
        let authenticator = entry.legal_authenticator.as_deref().and_then(|group| contained.group("authenticator", group));
        let custodian = entry.custodian.as_ref().and_then(|one| contained.group("custodian", std::slice::from_ref(one)));
        let patient = entry.patient.as_ref().and_then(|one| contained.group("patient", std::slice::from_ref(one)));
        Self { authors, authenticator, custodian, patient, contained }
    }
}
