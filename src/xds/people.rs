//! The contained resources that a reference leads to: an author, its person, its organisation.
//! Spec: FHIR R4 references#contained.

use std::collections::HashSet;

use serde_json::Value;

use super::json::{items, text};

/// Resources that one reference may lead to.
const MAX_REACHED: usize = 16;
/// Levels of JSON that are searched for references.
const MAX_DEPTH: usize = 32;

/// The contained resource of an id (without `#`).
pub(super) fn contained<'a>(owner: &'a Value, id: &str) -> Option<&'a Value> {
    items(owner, "contained").iter().find(|r| text(r, "id") == Some(id))
}

/// The contained resources a Reference leads to, itself first, each once, at most 16; nothing for a reference elsewhere.
pub(super) fn reached<'a>(owner: &'a Value, reference: &'a Value) -> Vec<&'a Value> {
    let mut out: Vec<&Value> = Vec::new();
    let mut seen = HashSet::new();
    let mut next: Vec<&str> = local(reference).into_iter().collect();
    while let Some(id) = next.first().copied() {
        next.remove(0);
        if out.len() >= MAX_REACHED || !seen.insert(id) {
            continue;
        }
        if let Some(found) = contained(owner, id) {
            out.push(found);
            links(found, &mut next, 0);
        }
    }
    out
}

/// The id of a reference to a contained resource.
pub(super) fn local(reference: &Value) -> Option<&str> {
    text(reference, "reference")?.strip_prefix('#').filter(|id| !id.is_empty())
}

fn links<'a>(value: &'a Value, out: &mut Vec<&'a str>, depth: usize) {
    if depth > MAX_DEPTH || out.len() > MAX_REACHED {
        return;
    }
    match value {
        Value::Object(members) => {
            out.extend(local(value));
            members.values().for_each(|v| links(v, out, depth + 1));
        }
        Value::Array(items) => items.iter().for_each(|v| links(v, out, depth + 1)),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_role_leads_to_its_person_and_its_organisation_and_a_loop_ends() {
        let owner = json!({"contained": [
            {"resourceType": "Practitioner", "id": "p", "extension": [{"valueReference": {"reference": "#r"}}]},
            {"resourceType": "PractitionerRole", "id": "r", "practitioner": {"reference": "#p"}, "organization": {"reference": "#o"}},
            {"resourceType": "Organization", "id": "o"}
        ]});
        let reference = json!({"reference": "#r"});
        let kinds: Vec<_> = reached(&owner, &reference).iter().filter_map(|r| text(r, "resourceType")).collect();
        assert_eq!(kinds, ["PractitionerRole", "Practitioner", "Organization"]);
        assert!(reached(&owner, &json!({"reference": "Practitioner/p"})).is_empty());
    }
}
