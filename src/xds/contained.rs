//! The contained resources of a resource that the server makes: ids that cannot collide, groups written once.
//! Spec: FHIR R4 references#contained.

use serde_json::{Map, Value, json};

/// Levels of JSON that are searched for references between members of a group.
const MAX_DEPTH: usize = 32;

/// What has been contained so far.
#[derive(Debug, Default)]
pub(super) struct Contained {
    resources: Vec<Value>,
    /// Groups as they were given, and the id of their first member.
    groups: Vec<(Vec<Value>, String)>,
}

impl Contained {
    /// Contains a group of resources that point at each other by `#id`; a reference to the first of them, or to the one
    /// written before when the same group comes again. `None` for an empty group.
    pub(super) fn group(&mut self, name: &str, members: &[Value]) -> Option<Value> {
        if members.is_empty() {
            return None;
        }
        if let Some((_, id)) = self.groups.iter().find(|(known, _)| known == members) {
            return Some(json!({"reference": format!("#{id}")}));
        }
        let ids: Vec<String> = (0..members.len()).map(|i| if i == 0 { name.to_owned() } else { format!("{name}-{}", i + 1) }).collect();
        let names: Vec<(String, String)> = members.iter().zip(&ids).filter_map(|(m, id)| Some((format!("#{}", m.get("id")?.as_str()?), format!("#{id}")))).collect();
        for (member, id) in members.iter().zip(&ids) {
            let mut value = with_id(member, id);
            rename(&mut value, &names, 0);
            self.resources.push(value);
        }
        self.groups.push((members.to_vec(), name.to_owned()));
        Some(json!({"reference": format!("#{name}")}))
    }

    /// The resources, null when there are none.
    pub(super) fn into_value(self) -> Value {
        if self.resources.is_empty() { Value::Null } else { Value::Array(self.resources) }
    }
}

fn with_id(member: &Value, id: &str) -> Value {
    let Some(members) = member.as_object() else { return member.clone() };
    let mut out = Map::new();
    out.insert("resourceType".into(), members.get("resourceType").cloned().unwrap_or(Value::Null));
    out.insert("id".into(), json!(id));
    out.extend(members.iter().filter(|(k, _)| *k != "resourceType" && *k != "id").map(|(k, v)| (k.clone(), v.clone())));
    Value::Object(out)
}

fn rename(value: &mut Value, names: &[(String, String)], depth: usize) {
    if depth > MAX_DEPTH {
        return;
    }
    match value {
        Value::Object(members) => {
            if let Some(Value::String(reference)) = members.get_mut("reference")
                && let Some((_, new)) = names.iter().find(|(old, _)| old == reference)
            {
                reference.clone_from(new);
            }
            members.values_mut().for_each(|v| rename(v, names, depth + 1));
        }
        Value::Array(items) => items.iter_mut().for_each(|v| rename(v, names, depth + 1)),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups_with_the_same_ids_do_not_collide_and_the_same_group_is_written_once() {
        let group = |family: &str| {
            vec![
                json!({"resourceType": "PractitionerRole", "id": "r", "practitioner": {"reference": "#p"}}),
                json!({"resourceType": "Practitioner", "id": "p", "name": [{"family": family}]}),
            ]
        };
        let mut contained = Contained::default();
        assert_eq!(contained.group("author1", &group("A")), Some(json!({"reference": "#author1"})));
        assert_eq!(contained.group("author2", &group("B")), Some(json!({"reference": "#author2"})));
        assert_eq!(contained.group("authenticator", &group("A")), Some(json!({"reference": "#author1"})));
        let all = contained.into_value();
        assert_eq!(all.as_array().map(Vec::len), Some(4));
        assert_eq!(all.pointer("/2/practitioner/reference"), Some(&json!("#author2-2")));
        assert_eq!(all.pointer("/3/id"), Some(&json!("author2-2")));
    }
}
