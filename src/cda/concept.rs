//! Coded concepts and the words that name them.
//! Spec: CDA R2 CD.

use serde_json::{Value, json};

use super::codes;
use super::datatypes::{attribute, codeable, coding};
use super::narrative::{Narrative, clean, folded};
use crate::fhir::xml::Element;

/// A CodeableConcept with its label: displayName, else the words of the narrative, else a translation's displayName.
/// A code that only says «autre …» takes its words from the narrative. Qualifiers are said after the label.
pub(super) fn concept(e: &Element, narrative: &Narrative) -> Option<Value> {
    labelled(e, narrative, None, None)
}

/// The same, where neither displayName nor original text names the concept: the thing's own `name` does before a translation, whose
/// class or substance says less (`APIXABAN 5 mg` under ATC), and `spare` words after it.
pub(super) fn labelled(e: &Element, narrative: &Narrative, name: Option<String>, spare: Option<String>) -> Option<Value> {
    let display = e.attr("displayName").and_then(clean);
    let words = e.child("originalText").and_then(|t| narrative.words(t)).filter(|w| !is_answer(w));
    let (name, spare) = (name.filter(|w| !is_answer(w)), spare.filter(|w| !is_answer(w)));
    let named = if says_other(e, display.as_deref()) { words.or_else(|| name.clone().or_else(|| spare.clone())).or(display) } else { display.or(words) };
    let coded = codes_of(e).next().is_some();
    let label = named.or(name).or_else(|| translated(e)).or(spare).filter(|l| coded || !(void(l) || denies(l))).map(|l| qualified(e, l));
    codeable(&stripped(e), label)
}

/// The concept without originalText, whose words were resolved already.
fn stripped(e: &Element) -> Element {
    let mut copy = e.clone();
    copy.children.retain(|c| !matches!(c, crate::fhir::xml::Node::Element(x) if &*x.name == "originalText"));
    copy
}

/// Words that deny («aucun traitement», «no known …»): without a code they assert nothing.
pub(super) fn denies(words: &str) -> bool {
    folded(words).split(' ').next().is_some_and(|first| codes::within("denial-starts", first))
}

/// Words that answer a question name nothing.
pub(super) fn is_answer(words: &str) -> bool {
    let word = folded(words);
    ["answers-yes", "answers-no", "answers-unknown"].iter().any(|set| codes::within(set, &word)) && !word.starts_with("aucun")
}

/// A nullFlavor written as text, once or several times («UNK UNK»).
pub(super) fn void(text: &str) -> bool {
    let text = folded(text);
    codes::within("void-words", &text) || (!text.is_empty() && text.split(' ').all(|w| codes::within("void-words", w)))
}

fn says_other(e: &Element, display: Option<&str>) -> bool {
    codes_of(e).any(|c| codes::within("residual", c)) || display.is_some_and(|d| folded(d).starts_with("autre"))
}

fn translated(e: &Element) -> Option<String> {
    e.all("translation").find_map(|t| t.attr("displayName").and_then(clean))
}

fn qualified(e: &Element, label: String) -> String {
    let said: Vec<String> =
        e.all("qualifier").filter_map(|q| measured(q).or_else(|| ["value", "name"].iter().find_map(|n| q.child(n)?.attr("displayName").and_then(clean)))).collect();
    if said.is_empty() { label } else { format!("{label} ({})", said.join(", ")) }
}

/// A qualifier with a number: `Age : 50`, `Age : 50 ans`.
fn measured(qualifier: &Element) -> Option<String> {
    let value = qualifier.child("value")?;
    let number = attribute(value, "value")?;
    let name = qualifier.child("name").and_then(|n| n.attr("displayName")).and_then(clean).map(|n| format!("{n} : ")).unwrap_or_default();
    let unit = attribute(value, "unit").map(|u| format!(" {}", codes::worded("age-unit", u).unwrap_or(u))).unwrap_or_default();
    Some(format!("{name}{number}{unit}"))
}

/// The code of an element, trimmed; blank is none.
pub(super) fn code_of(e: &Element) -> Option<&str> {
    e.attr("code").map(str::trim).filter(|c| !c.is_empty())
}

/// The codes of a concept and of its direct translations.
pub(super) fn codes_of(e: &Element) -> impl Iterator<Item = &str> {
    std::iter::once(e).chain(e.all("translation")).filter_map(code_of)
}

/// The absent-or-unknown code (IPS) a concept stands for.
pub(super) fn absent(e: &Element) -> Option<&'static str> {
    codes_of(e).find_map(|c| codes::mapped("absent", c))
}

/// Whether a concept asserts nothing: a placeholder code.
pub(super) fn placeholder(e: &Element) -> bool {
    codes_of(e).any(|c| codes::within("no-statement", c)) || e.attr("displayName").is_some_and(|d| matches!(folded(d).as_str(), "aucun" | "aucune"))
}

/// A CodeableConcept of one code of a map's system.
pub(super) fn mapped_concept(map: &str, code: &str, text: Option<String>) -> Option<Value> {
    let table = codes::map(map)?;
    let mut coding = json!({"code": table.get(code)?});
    if let (Some(system), Some(members)) = (&table.system, coding.as_object_mut()) {
        members.insert("system".into(), json!(system));
    }
    let mut out = json!({"coding": [coding]});
    if let (Some(text), Some(members)) = (text, out.as_object_mut()) {
        members.insert("text".into(), json!(text));
    }
    Some(out)
}

/// A CodeableConcept of one code in the system of a map.
pub(super) fn coded(map: &str, code: &str) -> Value {
    match codes::map(map).and_then(|m| m.system.as_ref()) {
        Some(system) => json!({"coding": [{"system": system, "code": code}]}),
        None => json!({"coding": [{"code": code}]}),
    }
}

/// A CodeableConcept of the IPS absent-or-unknown code, with the words of the document.
pub(super) fn absent_concept(code: &str, said: Option<&Element>, narrative: &Narrative) -> Value {
    let system = codes::map("absent").and_then(|m| m.system.clone()).unwrap_or_default();
    let mut coding = json!({"system": system, "code": code});
    let words = said.and_then(|e| concept(e, narrative)).and_then(|c| c.get("text").cloned());
    if let (Some(words), Some(members)) = (&words, coding.as_object_mut()) {
        members.insert("display".into(), words.clone());
    }
    match words {
        Some(text) => json!({"coding": [coding], "text": text}),
        None => json!({"coding": [coding]}),
    }
}

/// Whether the code's system (its OID) is in a set.
pub(super) fn system_within(e: &Element, set: &str) -> bool {
    coding(e).is_some() && e.attr("codeSystem").is_some_and(|s| codes::within(set, s.trim()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fhir::xml::{Limits, parse};

    fn of(xml: &str) -> Option<Value> {
        let root = parse(format!("<d><section><text><c ID='w'>mots du récit</c></text></section>{xml}</d>").as_bytes(), &Limits::default()).unwrap();
        concept(root.child("code").unwrap(), &Narrative::of(&root))
    }

    #[test]
    fn the_label_is_the_display_name_before_the_narrative() {
        let both = of("<code code='1' codeSystem='1.2.3' displayName='nom'><originalText><reference value='#w'/></originalText></code>").unwrap();
        assert_eq!(both["text"], "nom");
        let words = of("<code code='1' codeSystem='1.2.3'><originalText><reference value='#w'/></originalText></code>").unwrap();
        assert_eq!(words["text"], "mots du récit");
    }

    #[test]
    fn a_residual_code_is_named_by_the_narrative() {
        let c = of("<code code='X' codeSystem='1.2.3' displayName='Autre acte'><originalText><reference value='#w'/></originalText></code>").unwrap();
        assert_eq!(c["text"], "mots du récit");
    }

    #[test]
    fn a_null_code_with_a_dangling_reference_is_nothing() {
        assert_eq!(of("<code nullFlavor='NA'><originalText><reference value='#no'/></originalText></code>"), None);
        assert_eq!(of("<code nullFlavor='NA'><originalText><reference value='#w'/></originalText></code>").unwrap()["text"], "mots du récit");
    }

    #[test]
    fn qualifiers_are_said() {
        let c = of("<code code='1' codeSystem='1.2.3' displayName='masse'><qualifier><value code='7' displayName='gauche'/></qualifier></code>").unwrap();
        assert_eq!(c["text"], "masse (gauche)");
        let aged = |unit: &str| {
            of(&format!("<code code='1' codeSystem='1.2.3' displayName='tumeur'><qualifier><name code='30525-0' displayName='Age'/><value value='50' {unit}/></qualifier></code>"))
                .unwrap()
        };
        assert_eq!((&aged("")["text"], &aged("unit='a'")["text"]), (&json!("tumeur (Age : 50)"), &json!("tumeur (Age : 50 ans)")));
    }
}
