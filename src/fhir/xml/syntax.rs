//! What the event reader lets through and XML does not: names, the space between attributes, the declaration.
//! Spec: XML 1.0 (5th edition) §2.3, §2.8, §3.1; Namespaces in XML 1.0 §3.

const SPACE: [char; 4] = [' ', '\t', '\r', '\n'];

/// Whether XML allows every character.
pub(super) fn are_characters(text: &str) -> bool {
    !text.bytes().any(|b| b < 0x20 && !matches!(b, b'\t' | b'\n' | b'\r')) && !text.contains('\u{FFFE}') && !text.contains('\u{FFFF}')
}

/// A name without colon.
pub(super) fn is_name(text: &str) -> bool {
    if text.bytes().all(|b| b.is_ascii_alphabetic()) {
        return !text.is_empty();
    }
    let mut letters = text.chars();
    letters.next().is_some_and(starts_name) && letters.all(continues_name)
}

fn starts_name(c: char) -> bool {
    matches!(c, 'A'..='Z' | '_' | 'a'..='z' | '\u{C0}'..='\u{D6}' | '\u{D8}'..='\u{F6}' | '\u{F8}'..='\u{2FF}' | '\u{370}'..='\u{37D}' | '\u{37F}'..='\u{1FFF}'
        | '\u{200C}'..='\u{200D}' | '\u{2070}'..='\u{218F}' | '\u{2C00}'..='\u{2FEF}' | '\u{3001}'..='\u{D7FF}' | '\u{F900}'..='\u{FDCF}'
        | '\u{FDF0}'..='\u{FFFD}' | '\u{10000}'..='\u{EFFFF}')
}

fn continues_name(c: char) -> bool {
    starts_name(c) || matches!(c, '-' | '.' | '0'..='9' | '\u{B7}' | '\u{300}'..='\u{36F}' | '\u{203F}'..='\u{2040}')
}

/// Whether the attributes of a tag, as they stand behind its name, each follow white space and hold no `<`.
pub(super) fn are_attributes(raw: &str) -> bool {
    let mut rest = raw;
    loop {
        let start = rest.trim_start_matches(SPACE);
        if start.is_empty() {
            return true;
        }
        let Some((_, value, after)) = attribute(rest) else {
            return false;
        };
        if value.contains('<') {
            return false;
        }
        rest = after;
    }
}

/// White space, a name, `=`, a quoted value: name, value and what follows.
fn attribute(text: &str) -> Option<(&str, &str, &str)> {
    let start = text.trim_start_matches(SPACE);
    let (name, value) = start.split_once('=').filter(|_| start.len() < text.len())?;
    let value = value.trim_start_matches(SPACE);
    let quote = value.chars().next().filter(|c| matches!(c, '"' | '\''))?;
    let (value, after) = value.strip_prefix(quote)?.split_once(quote)?;
    Some((name.trim_end_matches(SPACE), value, after))
}

/// Whether the inside of `<?xml …?>` (from the name on) is a declaration of XML 1.0.
pub(super) fn is_declaration(text: &str) -> bool {
    declaration(text).is_some()
}

fn declaration(text: &str) -> Option<()> {
    let ("version", "1.0", mut rest) = attribute(text.strip_prefix("xml")?)? else {
        return None;
    };
    if let Some(("encoding", name, after)) = attribute(rest) {
        let legal = name.starts_with(|c: char| c.is_ascii_alphabetic()) && name.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-'));
        rest = legal.then_some(after)?;
    }
    if let Some(("standalone", "yes" | "no", after)) = attribute(rest) {
        rest = after;
    }
    rest.trim_start_matches(SPACE).is_empty().then_some(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_follow_the_grammar_of_names_without_colon() {
        assert!(["a", "_a-1.b", "é", "a·b"].iter().all(|n| is_name(n)));
        assert!(["", "1a", "-a", "a:b", "a+b", "a b", "×"].iter().all(|n| !is_name(n)));
    }

    #[test]
    fn attributes_stand_apart_and_hold_no_tag() {
        assert!(["", " ", " a='1'", "\n a = \"1\" b='>' "].iter().all(|a| are_attributes(a)));
        assert!([" a='1'b='2'", "a='1'", " a=1", " a", " a='<'", " a='1"].iter().all(|a| !are_attributes(a)));
    }

    #[test]
    fn a_declaration_is_complete_and_in_order() {
        assert!(["xml version='1.0'", "xml version=\"1.0\" encoding = 'UTF-8' standalone='no' "].iter().all(|d| is_declaration(d)));
        for bad in [
            "xml",
            "xml version='1.1'",
            "xml encoding='UTF-8' version='1.0'",
            "xml version='1.0'encoding='UTF-8'",
            "xml version='1.0' standalone='YES'",
            "xml version='1.0' encoding=' u'",
        ] {
            assert!(!is_declaration(bad), "{bad}");
        }
    }
}
