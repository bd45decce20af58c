//! The structural check: every element known, of its type, as often as allowed, its primitives in their grammar.

use super::super::gate::{Kind, Member, Node};
use super::super::{Issue, IssueType};
use super::narrative;
use super::path::Path;
use super::primitive::{JsonKind, Primitive};
use super::table::{Content, Element, Table, table};

/// Checks a whole resource, contained and bundled ones included, against the R4 definitions. At most `max_issues` issues, in
/// the order of the document; none means structurally valid. Not checked: profiles, invariants other than ele-1, ext-1 and txt-1,
/// references, bindings of other types than code.
///
/// Recursion is bounded by the depth of the gate. Spec: FHIR R4 json, structuredefinition, elementdefinition#ele-1, extensibility#ext-1.
pub fn check(node: &Node<'_>, max_issues: usize) -> Vec<Issue> {
    let table = table();
    let mut walk = Walk { table, element: table.shape_of("Element"), extension: table.shape_of("Extension"), issues: Vec::new(), max: max_issues };
    walk.resource(node, None);
    walk.issues
}

struct Walk {
    table: &'static Table,
    element: Option<u16>,
    extension: Option<u16>,
    issues: Vec<Issue>,
    max: usize,
}

impl Walk {
    fn issue(&mut self, code: IssueType, path: &Path<'_>, text: &str) {
        if !self.full() {
            self.issues.push(Issue::error(code, path.spell(), text));
        }
    }

    fn full(&self) -> bool {
        self.issues.len() >= self.max
    }

    fn resource(&mut self, node: &Node<'_>, path: Option<&Path<'_>>) {
        let name = node.get("resourceType").and_then(Node::text);
        let root = Path::Root(name.unwrap_or("Resource"));
        let path = path.unwrap_or(&root);
        if !matches!(node.kind, Kind::Object(_)) {
            return self.issue(IssueType::Structure, path, "a resource must be a JSON object");
        }
        let Some(name) = name else {
            return self.issue(IssueType::Structure, path, "resourceType is missing or no string: name the type of the resource");
        };
        match self.table.resource(name) {
            Some(shape) => self.object(node, shape, path, Own::Resource),
            None => self.issue(IssueType::Structure, path, "resourceType is not a resource type of R4: use a type of FHIR 4.0.1"),
        }
    }

    fn object(&mut self, node: &Node<'_>, number: u16, path: &Path<'_>, own: Own) {
        let (Kind::Object(members), Some(shape)) = (&node.kind, self.table.shape(number)) else {
            return self.issue(IssueType::Structure, path, "this element must be a JSON object");
        };
        let shadows = members.iter().any(|m| m.key.starts_with('_'));
        let mut seen = 0u128;
        for member in members {
            if self.full() {
                return;
            }
            if member.key == "resourceType" && own == Own::Resource {
                continue;
            }
            let (name, shadow) = member.key.strip_prefix('_').map_or((&*member.key, false), |name| (name, true));
            let here = Path::Member(path, &member.key);
            let Some(element) = self.table.member(number, name) else {
                self.issue(IssueType::Structure, &here, &format!("R4 defines no such element in {}: correct the name, remove it, or send an extension", shape.path));
                continue;
            };
            let bit = 1u128.checked_shl(u32::from(element.slot)).unwrap_or(0);
            if element.choice && seen & bit != 0 && self.rival(members, number, element) {
                self.issue(IssueType::Structure, &here, "only one type of a choice ([x]) may be present: keep one");
            }
            seen |= bit;
            self.member(members, member, element, shadow, shadows, &here);
        }
        self.absent(shape.required & !seen, &shape.slots, path);
        self.empty(members, number, path, own);
    }

    /// Whether another type of the same choice is present.
    fn rival(&self, members: &[Member<'_>], shape: u16, element: &Element) -> bool {
        let named = |m: &Member<'_>| self.table.member(shape, m.key.strip_prefix('_').unwrap_or(&m.key)).is_some_and(|e| e.slot == element.slot && e.name != element.name);
        members.iter().any(named)
    }

    fn absent(&mut self, missing: u128, slots: &[&str], path: &Path<'_>) {
        if missing == 0 {
            return;
        }
        for (slot, name) in slots.iter().enumerate() {
            if missing >> slot & 1 == 1 {
                self.issue(IssueType::Required, path, &format!("{name} is required here (minimum 1): add it"));
            }
        }
    }

    /// ele-1 and ext-1.
    fn empty(&mut self, members: &[Member<'_>], shape: u16, path: &Path<'_>, own: Own) {
        if own == Own::Element && members.iter().all(|m| m.key == "id") {
            self.issue(IssueType::Invariant, path, "an element must have a value or children (ele-1): fill it or remove it");
        }
        if Some(shape) == self.extension {
            let nested = members.iter().any(|m| m.key == "extension");
            let valued = members.iter().any(|m| m.key.trim_start_matches('_').starts_with("value"));
            if nested == valued {
                self.issue(IssueType::Invariant, path, "an extension has either a value[x] or extensions, not both and not neither (ext-1)");
            }
        }
    }

    fn member(&mut self, members: &[Member<'_>], member: &Member<'_>, element: &Element, shadow: bool, shadows: bool, path: &Path<'_>) {
        match element.content {
            Content::Primitive(kind) if !shadow => {
                let other = if shadows { members.iter().find(|m| m.key.strip_prefix('_') == Some(&member.key)) } else { None };
                self.primitive(element, kind, Some(&member.value), other.map(|m| &m.value), path);
            }
            Content::Primitive(Primitive::Xhtml) => self.issue(IssueType::Structure, path, "xhtml takes no extensions: remove this member"),
            Content::Primitive(_) if element.attribute => self.issue(IssueType::Structure, path, "this element is an attribute in XML and takes no extensions: remove this member"),
            Content::Primitive(kind) => {
                if !members.iter().any(|m| m.key == element.name) {
                    self.primitive(element, kind, None, Some(&member.value), path);
                }
            }
            _ if shadow => self.issue(IssueType::Structure, path, "only primitive elements have a member with an underscore: put id and extension inside the element"),
            content if element.many => {
                let Kind::Array(items) = &member.value.kind else {
                    return self.issue(IssueType::Structure, path, "this element repeats: send a JSON array");
                };
                for (index, item) in items.iter().enumerate() {
                    self.content(item, content, &Path::Item(path, index));
                }
            }
            content => self.content(&member.value, content, path),
        }
    }

    fn content(&mut self, node: &Node<'_>, content: Content, path: &Path<'_>) {
        if self.full() {
            return;
        }
        match (content, &node.kind) {
            (_, Kind::Array(_)) => self.issue(IssueType::Structure, path, "this element does not repeat: send one value, not a JSON array"),
            (Content::Resource, _) => self.resource(node, Some(path)),
            (Content::Shape(shape), _) => self.object(node, shape, path, Own::Element),
            (Content::Primitive(_), _) => {}
        }
    }

    /// A primitive and its member with an underscore; in arrays the two run side by side, and the shorter ends in nulls.
    fn primitive(&mut self, element: &Element, kind: Primitive, value: Option<&Node<'_>>, shadow: Option<&Node<'_>>, path: &Path<'_>) {
        if !element.many {
            return self.single(element, kind, value, shadow, path);
        }
        if [value, shadow].into_iter().flatten().any(|n| !matches!(n.kind, Kind::Array(_))) {
            return self.issue(IssueType::Structure, path, "this element repeats: send a JSON array");
        }
        let (values, shadows) = (value.map(Node::items).unwrap_or_default(), shadow.map(Node::items).unwrap_or_default());
        for index in 0..values.len().max(shadows.len()) {
            if self.full() {
                return;
            }
            let present = |n: &&Node<'_>| !matches!(n.kind, Kind::Null);
            self.single(element, kind, values.get(index).filter(present), shadows.get(index).filter(present), &Path::Item(path, index));
        }
    }

    fn single(&mut self, element: &Element, kind: Primitive, value: Option<&Node<'_>>, shadow: Option<&Node<'_>>, path: &Path<'_>) {
        if let Some(value) = value {
            self.value(element, kind, value, path);
        }
        match (shadow, self.element) {
            (Some(shadow), Some(shape)) if matches!(shadow.kind, Kind::Object(_)) => {
                self.object(shadow, shape, path, if value.is_some() { Own::Shadow } else { Own::Element });
            }
            (Some(_), _) => self.issue(IssueType::Structure, path, "the member with an underscore must be an object with id or extension (null only beside a value in an array)"),
            (None, _) if value.is_none() => self.issue(IssueType::Structure, path, "null stands only where the other array has the value or the extension: remove it"),
            _ => {}
        }
    }

    fn value(&mut self, element: &Element, kind: Primitive, node: &Node<'_>, path: &Path<'_>) {
        let text = match (kind.json_kind(), &node.kind) {
            (JsonKind::Bool, Kind::Bool(_)) => return,
            (JsonKind::Number, Kind::Number(text)) => text,
            (JsonKind::Text, Kind::String(text)) => &**text,
            (_, Kind::Array(_)) => return self.issue(IssueType::Structure, path, "this element does not repeat: send one value, not a JSON array"),
            (_, Kind::Null) => return self.issue(IssueType::Structure, path, "null stands only inside arrays: leave the element out"),
            _ => return self.issue(IssueType::Value, path, &format!("the JSON value is not of the type of this element ({})", kind.rule())),
        };
        if !kind.allows(text) {
            self.issue(IssueType::Value, path, &format!("the value is against the rule of {}", kind.rule()));
        } else if let Some(fault) = (kind == Primitive::Xhtml).then(|| narrative::fault(text)).flatten() {
            self.issue(IssueType::Value, path, fault);
        } else if !self.table.allows(element, text) {
            self.issue(IssueType::CodeInvalid, path, "the code is not in the value set that R4 requires here: use one of its codes");
        }
    }
}

/// What an object is, for ele-1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Own {
    Resource,
    Element,
    /// id and extension beside a value.
    Shadow,
}

#[cfg(test)]
mod tests {
    use super::super::super::gate;
    use super::*;

    fn issues(text: &str) -> Vec<(IssueType, String)> {
        let node = gate::parse(text.as_bytes()).unwrap();
        check(&node, 100).into_iter().map(|i| (i.code, i.expression.unwrap_or_default())).collect()
    }

    fn one(text: &str, code: IssueType, path: &str) {
        assert_eq!(issues(text), [(code, path.to_owned())], "{text}");
    }

    #[test]
    fn a_valid_resource_has_no_issue() {
        let patient = r#"{"resourceType":"Patient","id":"p","text":{"status":"generated","div":"<div xmlns=\"http://www.w3.org/1999/xhtml\">x</div>"},
            "contained":[{"resourceType":"Organization","id":"o","name":"O"}],"_birthDate":{"extension":[{"url":"urn:x","valueBoolean":true}]},
            "name":[{"given":["A",null],"_given":[null,{"id":"g","extension":[{"url":"urn:x","valueDecimal":1.50}]}]}],"deceasedBoolean":false,"gender":"female"}"#;
        assert_eq!(issues(patient), []);
        let bundle = format!(r#"{{"resourceType":"Bundle","type":"collection","entry":[{{"resource":{patient}}}]}}"#);
        assert_eq!(issues(&bundle), []);
    }

    #[test]
    fn unknown_types_and_elements_are_located() {
        one(r#"{"resourceType":"Patients"}"#, IssueType::Structure, "Patients");
        one(r#"{"id":"x"}"#, IssueType::Structure, "Resource");
        one(r#"[1]"#, IssueType::Structure, "Resource");
        one(r#"{"resourceType":"Patient","contact":[{"gender":"male"},{"name":{"familly":"x"}}]}"#, IssueType::Structure, "Patient.contact[1].name.familly");
        one(r#"{"resourceType":"Patient","Jean Dupont":"x"}"#, IssueType::Structure, "Patient.?");
        one(r#"{"resourceType":"Patient","contained":[{"resourceType":"HumanName"}]}"#, IssueType::Structure, "Patient.contained[0]");
        one(r#"{"resourceType":"Patient","name":[{"resourceType":"HumanName","text":"x"}]}"#, IssueType::Structure, "Patient.name[0].resourceType");
    }

    #[test]
    fn arrays_stand_where_elements_repeat_and_only_there() {
        one(r#"{"resourceType":"Patient","name":{"text":"x"}}"#, IssueType::Structure, "Patient.name");
        one(r#"{"resourceType":"Patient","gender":["male"]}"#, IssueType::Structure, "Patient.gender");
        one(r#"{"resourceType":"Patient","name":[{"given":"x"}]}"#, IssueType::Structure, "Patient.name[0].given");
        one(r#"{"resourceType":"Patient","maritalStatus":[{"text":"x"}]}"#, IssueType::Structure, "Patient.maritalStatus");
        one(r#"{"resourceType":"Patient","name":[null]}"#, IssueType::Structure, "Patient.name[0]");
        one(r#"{"resourceType":"Patient","name":[{"given":["a",null]}]}"#, IssueType::Structure, "Patient.name[0].given[1]");
        one(r#"{"resourceType":"Patient","gender":null}"#, IssueType::Structure, "Patient.gender");
    }

    #[test]
    fn required_elements_are_named_and_an_extension_fills_them() {
        one(r#"{"resourceType":"Observation","code":{"text":"x"}}"#, IssueType::Required, "Observation");
        assert_eq!(issues(r#"{"resourceType":"Observation","code":{"text":"x"},"_status":{"extension":[{"url":"urn:x","valueCode":"y"}]}}"#), []);
        one(r#"{"resourceType":"Patient","extension":[{"valueCode":"y"}]}"#, IssueType::Required, "Patient.extension[0]");
    }

    #[test]
    fn one_type_of_a_choice_and_an_allowed_one() {
        one(r#"{"resourceType":"Patient","deceasedBoolean":true,"deceasedDateTime":"2020"}"#, IssueType::Structure, "Patient.deceasedDateTime");
        one(r#"{"resourceType":"Patient","deceasedString":"x"}"#, IssueType::Structure, "Patient.deceasedString");
        assert_eq!(issues(r#"{"resourceType":"Patient","_deceasedBoolean":{"id":"a"},"deceasedBoolean":true}"#), []);
    }

    #[test]
    fn primitives_have_their_json_kind_and_grammar() {
        one(r#"{"resourceType":"Patient","active":"true"}"#, IssueType::Value, "Patient.active");
        one(r#"{"resourceType":"Patient","birthDate":"1980-02-30"}"#, IssueType::Value, "Patient.birthDate");
        one(r#"{"resourceType":"Patient","multipleBirthInteger":1.5}"#, IssueType::Value, "Patient.multipleBirthInteger");
        one(r#"{"resourceType":"Patient","id":"a b"}"#, IssueType::Value, "Patient.id");
        one(r#"{"resourceType":"Patient","name":[{"text":{"a":1}}]}"#, IssueType::Value, "Patient.name[0].text");
        one(r#"{"resourceType":"Patient","gender":"F"}"#, IssueType::CodeInvalid, "Patient.gender");
        one(r#"{"resourceType":"Patient","text":{"status":"empty","div":"<p>x</p>"}}"#, IssueType::Value, "Patient.text.div");
    }

    #[test]
    fn members_with_an_underscore_hold_id_and_extension_of_primitives() {
        one(r#"{"resourceType":"Patient","_gender":{"value":"x"}}"#, IssueType::Structure, "Patient._gender.value");
        one(r#"{"resourceType":"Patient","_gender":["x"]}"#, IssueType::Structure, "Patient._gender");
        one(r#"{"resourceType":"Patient","_gender":{"id":"x"}}"#, IssueType::Invariant, "Patient._gender");
        one(r#"{"resourceType":"Patient","_name":[{"id":"x"}]}"#, IssueType::Structure, "Patient._name");
        one(r#"{"resourceType":"Patient","extension":[{"url":"urn:x","_url":{"id":"x"},"valueCode":"y"}]}"#, IssueType::Structure, "Patient.extension[0]._url");
        one(r#"{"resourceType":"Patient","extension":[{"url":"urn:x"}]}"#, IssueType::Invariant, "Patient.extension[0]");
        one(r#"{"resourceType":"Patient","maritalStatus":{"id":"x"}}"#, IssueType::Invariant, "Patient.maritalStatus");
    }

    #[test]
    fn the_number_of_issues_is_bounded_and_no_value_is_told() {
        let many: String = (0..500).map(|i| format!(r#","x{i}":"secret""#)).collect();
        let text = format!(r#"{{"resourceType":"Patient"{many}}}"#);
        let found = check(&gate::parse(text.as_bytes()).unwrap(), 10);
        assert_eq!(found.len(), 10);
        assert!(found.iter().all(|i| !i.diagnostics.contains("secret")));
        assert!(check(&gate::parse(text.as_bytes()).unwrap(), 0).is_empty());
    }
}
