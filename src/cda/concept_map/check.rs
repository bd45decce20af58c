//! What is wrong with a ConceptMap that is to map codes, by line.
//! Spec: FHIR R4 ConceptMap, cmd-1.

use std::collections::HashMap;

use super::super::maps::{Wrong, line};
use super::{NO_TARGET, OURS, own, target_of};
use crate::fhir::gate::{self, Node};
use crate::fhir::r4;

/// The name of a map that holds; it is a ConceptMap of R4 whose every code has one target.
///
/// # Errors
/// Line and reason of the first thing that is wrong.
pub(in crate::cda) fn check(text: &str) -> Result<String, Wrong> {
    serde_json::from_str::<serde::de::IgnoredAny>(text).map_err(|e| (e.line(), e.to_string()))?;
    let root = gate::parse(text.as_bytes()).map_err(|fault| (byte_of(&fault).map_or(1, |at| line(text, at)), said(&fault.issues)))?;
    if root.get("resourceType").and_then(Node::text) != Some("ConceptMap") {
        return Err((1, "resourceType is not ConceptMap".to_owned()));
    }
    let issues = r4::check(&root, 1);
    if let Some(issue) = issues.first() {
        let place = issue.expression.as_deref().unwrap_or_default();
        return Err((line(text, at(&root, place).start), format!("{place}: {}", issue.diagnostics)));
    }
    let mut map = Map { text, target: None, seen: HashMap::new() };
    let name = map.head(&root)?;
    for group in root.get("group").map(Node::items).unwrap_or_default() {
        map.group(group)?;
    }
    Ok(name)
}

/// A map while it is walked.
struct Map<'a> {
    text: &'a str,
    target: Option<String>,
    /// Code → its target; `None` without one.
    seen: HashMap<String, Option<String>>,
}

impl Map<'_> {
    fn wrong<T>(&self, node: &Node<'_>, reason: impl Into<String>) -> Result<T, Wrong> {
        Err((line(self.text, node.start), reason.into()))
    }

    fn head(&mut self, root: &Node<'_>) -> Result<String, Wrong> {
        let Some(url) = root.get("url").and_then(Node::text) else {
            return self.wrong(root, format!("url is missing: {OURS}NAME adds to the map NAME of this program, any other is a map of its own"));
        };
        if root.get("description").is_none() {
            return self.wrong(root, "description is missing: each map says where it comes from");
        }
        if root.get("group").is_none() {
            return self.wrong(root, "group is missing: a map without codes maps nothing");
        }
        let name = url.strip_prefix(OURS);
        let Some(id) = root.get("id") else { return self.wrong(root, "id is missing: the map is served under it") };
        if name.is_none() && id.text().is_some_and(|id| own().contains_key(id)) {
            return self.wrong(id, "a map of this program has this id; give yours another");
        }
        self.target = name.and_then(|name| target_of(own().get(name)?).map(str::to_owned));
        match name {
            Some(name) if self.target.is_none() => self.wrong(root, format!("this program has no map {name:?}; give yours an address of your own")),
            _ => Ok(name.unwrap_or(url).to_owned()),
        }
    }

    fn group(&mut self, group: &Node<'_>) -> Result<(), Wrong> {
        let Some(target) = group.get("target") else { return self.wrong(group, "group.target is missing: the code system of what is written") };
        let system = target.text().unwrap_or_default().to_owned();
        if *self.target.get_or_insert_with(|| system.clone()) != system {
            return self.wrong(target, "group.target differs from that of the other groups, or of the map it adds to: a map has one target system");
        }
        if let Some(unmapped) = group.get("unmapped") {
            return self.wrong(unmapped, "group.unmapped is not understood here: a code without element has no target");
        }
        group.get("element").map(Node::items).unwrap_or_default().iter().try_for_each(|element| self.element(element))
    }

    fn element(&mut self, element: &Node<'_>) -> Result<(), Wrong> {
        let Some(code) = element.get("code").and_then(Node::text) else { return self.wrong(element, "element.code is missing") };
        let [target] = element.get("target").map(Node::items).unwrap_or_default() else {
            return self.wrong(element, "element.target is one here: a code has one target (equivalence unmatched, without code, says that it has none)");
        };
        if let Some(condition) = target.get("dependsOn").or_else(|| target.get("product")) {
            return self.wrong(condition, "dependsOn and product are not understood here");
        }
        let equivalence = target.get("equivalence").and_then(Node::text).unwrap_or_default();
        if matches!(equivalence, "narrower" | "inexact") && target.get("comment").is_none() {
            return self.wrong(target, "a narrower or inexact target has a comment that says why (cmd-1)");
        }
        let to = target.get("code").and_then(Node::text).map(str::to_owned);
        if to.is_none() != NO_TARGET.contains(&equivalence) {
            return self.wrong(target, "a target has a code, or one of the equivalences unmatched and disjoint");
        }
        match self.seen.insert(code.to_owned(), to.clone()) {
            Some(before) if before != to => self.wrong(element, format!("code {code:?} has another target above: codes are looked up whatever their system")),
            _ => Ok(()),
        }
    }
}

fn said(issues: &[crate::fhir::Issue]) -> String {
    issues.first().map(|i| i.diagnostics.clone()).unwrap_or_default()
}

/// The byte that a refusal of the gate names.
fn byte_of(fault: &crate::fhir::Fault) -> Option<usize> {
    said(&fault.issues).rsplit_once("(byte ")?.1.trim_end_matches(')').parse().ok()
}

/// The node of a FHIRPath such as `ConceptMap.group[0].target`, or the last one on the way there.
fn at<'n, 'a>(root: &'n Node<'a>, path: &str) -> &'n Node<'a> {
    let mut node = root;
    for step in path.split('.').skip(1) {
        let (name, index) = step.split_once('[').map_or((step, None), |(name, index)| (name, index.trim_end_matches(']').parse::<usize>().ok()));
        let Some(member) = node.get(name) else { break };
        node = index.and_then(|i| member.items().get(i)).unwrap_or(member);
    }
    node
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A map of one element a line.
    fn map(head: &str, elements: &str) -> String {
        format!(
            "{{\"resourceType\": \"ConceptMap\", \"id\": \"own\", \"status\": \"active\", \"description\": \"x\", {head}, \"group\": [{{\n\"target\": \"urn:t\", \"element\": [\n{elements}]}}]}}"
        )
    }

    const OWN: &str = "\"url\": \"https://example.org/ConceptMap/own\"";

    fn one(code: &str, target: &str) -> String {
        format!("{{\"code\": \"{code}\", \"target\": [{{{target}}}]}}")
    }

    #[test]
    fn a_wrong_map_is_refused_by_line_and_reason() {
        let fine = one("a", "\"code\": \"b\", \"equivalence\": \"equal\"");
        assert_eq!(check(&map(OWN, &fine)), Ok("https://example.org/ConceptMap/own".to_owned()));
        for (text, at, reason) in [
            (map(OWN, &format!("{fine},")), 3, "expected value"),
            (map(OWN, &format!("{fine},\n{}", one("c", "\"code\": \"b\", \"equivalence\": \"same\""))), 4, "ConceptMap.group[0].element[1].target[0].equivalence"),
            (map(OWN, &format!("{fine},\n{}", one("c", "\"code\": \"b\", \"equivalence\": \"inexact\""))), 4, "comment"),
            (map(OWN, &format!("{fine},\n{}", one("a", "\"code\": \"z\", \"equivalence\": \"equal\""))), 4, "another target above"),
            (map(OWN, &one("a", "\"equivalence\": \"equal\"")), 3, "a target has a code"),
            (map(OWN, "{\"code\": \"a\"}"), 3, "element.target is one here"),
            (map(OWN, &one("a", "\"code\": \"b\", \"code\": \"c\", \"equivalence\": \"equal\"")), 3, "twice"),
            (map("\"url\": \"urn:passerelle:ConceptMap:nothing\"", &fine), 1, "no map \"nothing\""),
            (map("\"url\": \"urn:passerelle:ConceptMap:criticality\"", &fine), 2, "group.target differs"),
            (map("\"name\": \"A\"", &fine), 1, "url is missing"),
            (map(OWN, &fine).replace("\"own\"", "\"absent\""), 1, "another"),
            (map(OWN, &fine).replace("\"id\": \"own\", ", ""), 1, "id is missing"),
            (map(&OWN.replace("url", "adress"), &fine), 1, "adress"),
            (map(OWN, &fine).replace("\"ConceptMap\"", "\"ValueSet\""), 1, "resourceType"),
        ] {
            let (line, said) = check(&text).expect_err(reason);
            assert!(line == at && said.contains(reason), "expected {at}: {reason}; got {line}: {said}");
        }
    }
}
