//! Folding of words, where most letters are ASCII.

use crate::fhir::search;

/// As [`search::fold`] folds: lower case, without accents, words parted by one space.
pub fn fold(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        let (head, tail) = rest.split_at(c.len_utf8());
        if c.is_ascii_alphanumeric() {
            out.push(c.to_ascii_lowercase());
        } else if c.is_ascii() {
            part(&mut out);
        } else {
            match search::fold(head) {
                letters if letters.is_empty() => part(&mut out),
                letters => out.push_str(&letters),
            }
        }
        rest = tail;
    }
    out.truncate(out.trim_end().len());
    out
}

fn part(out: &mut String) {
    if !out.is_empty() && !out.ends_with(' ') {
        out.push(' ');
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_fold_as_search_folds_them() {
        for text in ["  Hélène  LE-GOFF ", "Œdème d'Été — « côté » GAUCHE", "", "ß 5 µg/L", "…fin.", "HbA1c\u{a0}(%)", "日本 X"] {
            assert_eq!(fold(text), search::fold(text), "{text}");
        }
    }
}
