//! The answer: a Parameters resource. A Bundle could not say what was removed without the words of a deletion, nor the other changes without
//! extensions that its reader may overlook; here a reader who knows a code acts on it, and one who does not sees that there is one.

use serde_json::{Value, json};
use uuid::Uuid;

use super::changes::{Change, Code};
use super::cursor;
use crate::access::Rule;
use crate::fhir::{Fault, FaultKind, Identifier, Result, time};
use crate::interaction::planning::{json_bytes, to_bytes};
use crate::interaction::{App, Call, listing};
use crate::store::{Given, Reader};

/// What an answer is made from.
pub(super) struct Parts<'a> {
    pub app: &'a App,
    pub call: &'a Call,
    /// Id of the Patient.
    pub patient: &'a str,
    pub record: i64,
    pub since: Option<Given>,
    pub changes: Vec<Change<'a>>,
    /// Changes of this answer.
    pub count: usize,
    /// Why the record is not open any more.
    pub refusal: Option<Rule>,
}

impl Parts<'_> {
    /// The bytes. The trace names the documents that are shown.
    pub(super) fn written(&self, reader: &mut Reader<'_>) -> Result<Vec<u8>> {
        let shown = self.changes.get(..self.count).unwrap_or(&self.changes);
        let mut parameters = self.head(reader, shown)?;
        self.call.used(shown.iter().filter_map(|c| c.now).map(|now| now.row.document));
        let gone: Vec<String> = shown.iter().filter(|c| c.now.is_none()).map(|c| c.id.to_string()).collect();
        let names = reader.named_before(self.record, &gone)?;
        for change in shown {
            parameters.push(match change.now {
                Some(_) => self.here(reader, change)?,
                None => part(said(change, names.get(&change.id.to_string())), None)?,
            });
        }
        let mut out = b"{\"resourceType\":\"Parameters\",\"parameter\":[".to_vec();
        out.extend(parameters.join(&b','));
        out.extend(b"]}");
        Ok(out)
    }

    fn head(&self, reader: &Reader<'_>, shown: &[Change<'_>]) -> Result<Vec<Vec<u8>>> {
        let given = self.given(reader.commit(), shown);
        let counts: Vec<Value> = Code::ALL
            .iter()
            .map(|code| (code.word(), self.changes.iter().filter(|c| c.says(*code)).count()))
            .filter(|(_, n)| *n > 0)
            .map(|(word, n)| json!({"name": word, "valueInteger": n}))
            .collect();
        let mut out = vec![
            json!({"name": "patient", "valueReference": {"reference": format!("Patient/{}", self.patient)}}),
            json!({"name": "generated", "valueInstant": time::instant(self.call.now_us)}),
        ];
        out.extend(self.since.as_ref().map(|since| json!({"name": "since", "valueInstant": time::instant(since.at_us)})));
        out.push(json!({"name": "cursor", "valueString": cursor::seal(self.app, self.call, self.record, &given)?}));
        out.push(json!({"name": "more", "valueInteger": self.changes.len() - shown.len()}));
        out.extend((!counts.is_empty()).then(|| json!({"name": "count", "part": counts})));
        out.extend(self.refusal.map(|rule| json!({"name": "refusal", "valueString": rule.caller()})));
        out.iter().map(to_bytes).collect()
    }

    /// What the caller has been given once he has this answer.
    fn given(&self, commit: i64, shown: &[Change<'_>]) -> Given {
        let mut given = Given { commit, at_us: self.call.now_us, documents: self.since.as_ref().map(|s| s.documents.clone()).unwrap_or_default() };
        for change in shown {
            match change.now {
                Some(now) => given.documents.insert(change.id, now.stated),
                None => given.documents.remove(&change.id),
            };
        }
        given
    }

    /// A document that is here: its three identifiers, and what changed as a resource; who holds it needs the identifiers alone.
    fn here(&self, reader: &mut Reader<'_>, change: &Change<'_>) -> Result<Vec<u8>> {
        let Some(now) = change.now else { return Ok(Vec::new()) };
        let found = reader.with_body(now.row.clone())?;
        self.call.touched(format!("DocumentReference/{}", now.row.id));
        let reference: Value = serde_json::from_slice(&found.body).map_err(|e| Fault::new(FaultKind::Bug, 851, "a stored resource is damaged").because(e))?;
        let mut members = said(change, Some(&now.unique));
        members.extend(listing::entry_uuid(&reference).map(|entry| json!({"name": "entryUUID", "valueUri": entry})));
        members.extend(change.replaced_by.map(|by| json!({"name": "replacedBy", "valueReference": {"reference": reference_to(by)}})));
        members.extend(change.replaces.iter().map(|old| json!({"name": "replaces", "valueReference": {"reference": reference_to(*old)}})));
        part(members, (change.codes != [Code::Held]).then_some(&found.body))
    }
}

fn reference_to(id: Uuid) -> String {
    format!("DocumentReference/{id}")
}

/// What is said of every document: its changes, and by what the caller knows it.
fn said(change: &Change<'_>, unique: Option<&Identifier>) -> Vec<Value> {
    let mut out: Vec<Value> = change.codes.iter().map(|code| json!({"name": "change", "valueCode": code.word()})).collect();
    out.push(json!({"name": "reference", "valueReference": {"reference": reference_to(change.id)}}));
    out.push(json!({"name": "logicalId", "valueId": change.id.to_string()}));
    out.extend(unique.map(|unique| {
        let mut identifier = json!({"value": unique.value});
        if let (Some(members), Some(system)) = (identifier.as_object_mut(), &unique.system) {
            members.insert("system".into(), json!(system));
        }
        json!({"name": "uniqueId", "valueIdentifier": identifier})
    }));
    out
}

/// One document of the answer; the resource goes in byte for byte.
fn part(members: Vec<Value>, resource: Option<&Vec<u8>>) -> Result<Vec<u8>> {
    let mut out = b"{\"name\":\"document\",\"part\":".to_vec();
    out.extend(json_bytes(&members)?);
    if let Some(resource) = resource {
        out.pop();
        out.extend(b",{\"name\":\"resource\",\"resource\":");
        out.extend(resource);
        out.extend(b"}]");
    }
    out.push(b'}');
    Ok(out)
}
