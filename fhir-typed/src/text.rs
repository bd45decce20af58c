//! Texts of callers as R4 primitives: what the type does not allow is replaced or left out.
//! Spec: FHIR R4 datatypes#primitive.

/// A string or markdown: none when blank; characters that neither FHIR nor XML 1.0 can carry become U+FFFD.
pub(crate) fn string(text: &str) -> Option<String> {
    if text.trim().is_empty() {
        return None;
    }
    if !text.contains(unwritable) {
        return Some(text.to_owned());
    }
    Some(text.replace(unwritable, "\u{FFFD}"))
}

/// A code: outer space removed; none when blank or when inner space is anything but single blanks.
pub(crate) fn code(text: &str) -> Option<String> {
    let text = text.trim();
    let odd = |c: char| unwritable(c) || (c.is_whitespace() && c != ' ');
    (!text.is_empty() && !text.contains("  ") && !text.contains(odd)).then(|| text.to_owned())
}

/// A uri, url or canonical: outer space removed; none when blank or when a space remains.
pub(crate) fn uri(text: &str) -> Option<String> {
    let text = text.trim();
    let odd = |c: char| unwritable(c) || c.is_whitespace();
    (!text.is_empty() && !text.contains(odd)).then(|| text.to_owned())
}

/// A dateTime, by its shape; none for anything else.
pub(crate) fn date_time(text: &str) -> Option<String> {
    let shape: String = text.chars().map(|c| if c.is_ascii_digit() { '0' } else { c }).collect();
    let Some((day, time)) = shape.split_once('T') else {
        return matches!(shape.as_str(), "0000" | "0000-00" | "0000-00-00").then(|| text.to_owned());
    };
    let rest = time.strip_prefix("00:00:00")?;
    let zone = if rest.starts_with(".0") { rest.trim_start_matches('.').trim_start_matches('0') } else { rest };
    let holds = day == "0000-00-00" && matches!(zone, "Z" | "+00:00" | "-00:00");
    holds.then(|| text.to_owned())
}

/// The texts that `each` keeps, in their order, as a list of the model.
pub(crate) fn list<T: From<String>>(texts: &[String], each: fn(&str) -> Option<String>) -> Vec<T> {
    texts.iter().filter_map(|t| each(t)).map(T::from).collect()
}

fn unwritable(c: char) -> bool {
    (c < ' ' && !matches!(c, '\t' | '\n' | '\r')) || matches!(c, '\u{FFFE}' | '\u{FFFF}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blank_texts_are_absent_and_unwritable_characters_are_shown_as_replaced() {
        assert_eq!(string(" \n\t"), None);
        assert_eq!(string("a\u{0}b\u{1f}c\u{FFFF}\td"), Some("a\u{FFFD}b\u{FFFD}c\u{FFFD}\td".to_owned()));
        assert_eq!(string("  é \"<&\\ "), Some("  é \"<&\\ ".to_owned()));
    }

    #[test]
    fn codes_and_uris_keep_only_what_their_type_allows() {
        assert_eq!(code(" application/fhir+json; fhirVersion=4.0 "), Some("application/fhir+json; fhirVersion=4.0".to_owned()));
        for bad in ["", " ", "a  b", "a\tb", "a\nb", "a\u{0}"] {
            assert_eq!(code(bad), None, "{bad:?}");
            assert_eq!(uri(bad), None, "{bad:?}");
        }
        assert_eq!(uri(" urn:a "), Some("urn:a".to_owned()));
        assert_eq!(uri("urn:a b"), None);
    }

    #[test]
    fn a_date_time_has_the_shape_of_one() {
        for good in ["2026", "2026-11", "2026-11-24", "2026-11-24T10:00:00Z", "2026-11-24T10:00:00.125+01:00", "2026-11-24T10:00:00-02:00"] {
            assert_eq!(date_time(good), Some(good.to_owned()));
        }
        for bad in [
            "",
            "24/11/2026",
            "2026-11-24T10:00",
            "2026-11-24T10:00:00",
            "2026-11-24T10:00:00.Z",
            "2026-11-24T10:00:00.+01:00",
            "2026-11-24T10:00:00.1",
            "2026-11-24T10:00:00.1.1Z",
            "2026-11T10:00:00Z",
            "2026-11-24 10:00:00Z",
            "é",
        ] {
            assert_eq!(date_time(bad), None, "{bad:?}");
        }
    }
}
