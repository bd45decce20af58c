//! Names of search parameters, with the type and the modifier they carry.
//! Spec: FHIR R4 search#modifiers, search#chain; PDSm 3.1.1 (`source.Patient.given`).

/// A name taken apart: `author:Practitioner.family:contains` is code `author.family`, target `Practitioner`, modifier `contains`.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::interaction) struct Name {
    /// As the query wrote it.
    pub whole: String,
    pub code: String,
    pub target: Option<String>,
    pub modifier: String,
}

/// Reads a name in each of its spellings: `subject:Patient`, `source.Patient.given` (as PDSm writes it), `related:identifier`.
pub(in crate::interaction) fn spelt(name: &str) -> Option<Name> {
    let steps: Vec<&str> = name.split('.').collect();
    let (head, middle, tail) = match steps.as_slice() {
        [head] => (*head, None, None),
        [head, tail] => (*head, None, Some(*tail)),
        [head, middle, tail] if starts_upper(middle) => (*head, Some(*middle), Some(*tail)),
        _ => return None,
    };
    let (base, mut after) = head.split_once(':').unwrap_or((head, ""));
    let mut target = middle;
    if starts_upper(after) && target.is_none() {
        target = Some(after);
        after = "";
    }
    let base = if base == "relatesTo" { "relatesto" } else { base };
    let (code, modifier) = match tail {
        Some(_) if !after.is_empty() => return None,
        Some(tail) => {
            let (tail, modifier) = tail.split_once(':').unwrap_or((tail, ""));
            (format!("{base}.{tail}"), modifier)
        }
        None if after == "identifier" => (format!("{base}:identifier"), ""),
        None => (base.to_owned(), after),
    };
    Some(Name { whole: name.to_owned(), code, target: target.map(str::to_owned), modifier: modifier.to_owned() })
}

fn starts_upper(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_uppercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_spelling_of_a_name_is_taken_apart() {
        let name = |text: &str| spelt(text).map(|n| (n.code, n.target.unwrap_or_default(), n.modifier)).unwrap();
        let is = |code: &str, target: &str, modifier: &str| (code.to_owned(), target.to_owned(), modifier.to_owned());
        assert_eq!(name("author:Practitioner.family"), is("author.family", "Practitioner", ""));
        assert_eq!(name("source.Patient.given"), is("source.given", "Patient", ""));
        assert_eq!(name("subject:Patient"), is("subject", "Patient", ""));
        assert_eq!(name("patient:identifier"), is("patient:identifier", "", ""));
        assert_eq!(name("relatesTo"), is("relatesto", "", ""));
        assert_eq!(name("author.family:contains"), is("author.family", "", "contains"));
        assert_eq!(name("type:not"), is("type", "", "not"));
        assert_eq!(spelt("a.b.c"), None);
        assert_eq!(spelt("a:not.b"), None);
    }
}
