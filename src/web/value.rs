//! Members of the view, read with tolerance: what is missing or of another kind is empty.

use serde_json::Value;

/// A text member, trimmed; empty when absent.
pub(super) fn text<'a>(of: &'a Value, key: &str) -> &'a str {
    of.get(key).and_then(Value::as_str).map_or("", str::trim)
}

/// An array member; empty when absent.
pub(super) fn list<'a>(of: &'a Value, key: &str) -> &'a [Value] {
    of.get(key).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

/// The texts of an array member.
pub(super) fn texts<'a>(of: &'a Value, key: &str) -> impl Iterator<Item = &'a str> {
    list(of, key).iter().filter_map(Value::as_str).map(str::trim).filter(|t| !t.is_empty())
}

pub(super) fn flag(of: &Value, key: &str) -> bool {
    of.get(key).and_then(Value::as_bool).unwrap_or(false)
}

/// A count; 0 when absent or negative.
pub(super) fn count(of: &Value, key: &str) -> u64 {
    of.get(key).and_then(Value::as_u64).unwrap_or(0)
}

/// `len` as a count.
pub(super) fn long(len: usize) -> u64 {
    u64::try_from(len).unwrap_or(u64::MAX)
}

/// A finite number that leaves room for arithmetic.
pub(super) fn number(of: &Value, key: &str) -> Option<f64> {
    of.get(key).and_then(Value::as_f64).filter(|n| n.abs() < 1e15)
}

/// `1 conflit`, `2 conflits`, `aucun conflit`.
pub(super) fn counted(n: u64, none: &str, one: &str, many: &str) -> String {
    match n {
        0 => format!("{none} {one}"),
        1 => format!("1 {one}"),
        n => format!("{} {many}", grouped(n)),
    }
}

/// `1 000` with a no-break space.
pub(super) fn grouped(n: u64) -> String {
    let digits = n.to_string();
    let mut out = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            out.push('\u{a0}');
        }
        out.push(digit);
    }
    out
}

/// The blanks that French typography does not break: before high punctuation and `%`, inside quotation marks, after `<` and `>`.
pub(super) fn bound(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 8);
    let mut letters = text.chars().peekable();
    let mut before = ' ';
    while let Some(letter) = letters.next() {
        let holds = matches!(before, '«' | '<' | '>') || letters.peek().is_some_and(|next| matches!(next, ':' | ';' | '!' | '?' | '%' | '»'));
        out.push(if letter == ' ' && holds { '\u{a0}' } else { letter });
        before = letter;
    }
    out
}

/// First letter in capital, the rest unchanged.
pub(super) fn capital(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn french_blanks_hold() {
        assert_eq!(bound(" : « élevé » (< 7,0 %) !"), "\u{a0}: «\u{a0}élevé\u{a0}» (<\u{a0}7,0\u{a0}%)\u{a0}!");
        assert_eq!([counted(0, "aucun", "conflit", "conflits"), counted(1200, "", "", "lignes")], ["aucun conflit".to_owned(), "1\u{a0}200 lignes".to_owned()]);
    }
}
