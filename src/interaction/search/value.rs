//! Values of search parameters as a query writes them: alternatives, tokens, dates with prefixes, strings, references.
//! Spec: FHIR R4 search (escaping, token, date, prefix, string, reference).

use super::parameters::safe;
use crate::fhir::search::fold;
use crate::fhir::{Fault, FaultKind, Result, time};
use crate::interaction::App;
use crate::store::{DatePrefix, DateTest};

/// Alternatives of one parameter; more are refused, never dropped.
const MAX_ALTERNATIVES: usize = 100;

/// System and code: no system = any, empty system = none, empty code = any.
pub(super) type Token = (Option<String>, String);

/// The parts between unescaped commas, still escaped; empty ones do not count.
pub(super) fn alternatives(text: &str, name: &str) -> Result<Vec<String>> {
    let parts: Vec<String> = split(text, ',').into_iter().filter(|p| !p.is_empty()).collect();
    match parts.len() {
        0 => Err(bad(name)),
        n if n > MAX_ALTERNATIVES => {
            Err(Fault::new(FaultKind::TooCostly, 273, format!("a parameter takes at most {MAX_ALTERNATIVES} alternatives; ask in several searches")).at(safe(name)))
        }
        _ => Ok(parts),
    }
}

/// Cuts at a character that no backslash escapes.
fn split(text: &str, at: char) -> Vec<String> {
    let mut out = vec![String::new()];
    let mut escaped = false;
    for c in text.chars() {
        if c == at && !escaped {
            out.push(String::new());
            continue;
        }
        escaped = c == '\\' && !escaped;
        if let Some(last) = out.last_mut() {
            last.push(c);
        }
    }
    out
}

/// Takes the backslash from `\,` `\|` `\$` `\\`.
pub(super) fn unescape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match chars.peek() {
            Some(next) if c == '\\' && ",|$\\".contains(*next) => out.extend(chars.next()),
            _ => out.push(c),
        }
    }
    out
}

/// `system|code`, `|code`, `system|`, `code`; neither system nor code is no token.
pub(super) fn token(text: &str, name: &str) -> Result<Token> {
    let mut parts = split(text, '|').into_iter().map(|p| unescape(&p));
    let first = parts.next().unwrap_or_default();
    let rest: Vec<String> = parts.collect();
    let token = if rest.is_empty() { (None, first) } else { (Some(first), rest.join("|")) };
    let empty = token.1.is_empty() && token.0.as_ref().is_none_or(String::is_empty);
    if empty { Err(bad(name)) } else { Ok(token) }
}

/// A date with its prefix. `ap` widens the range by a tenth of its distance from `now_us` and asks for an overlap.
pub(super) fn date(text: &str, name: &str, now_us: i64) -> Result<DateTest> {
    let found = text.get(..2).and_then(prefix);
    let rest = if found.is_some() { text.get(2..).unwrap_or("") } else { text };
    let (mut low_us, mut high_us) = range(rest).ok_or_else(|| bad(name))?;
    let prefix = found.unwrap_or(DatePrefix::Eq);
    if prefix == DatePrefix::Ap {
        let gap = if now_us > high_us { now_us.saturating_sub(high_us) } else { low_us.saturating_sub(now_us).max(0) } / 10;
        (low_us, high_us) = (low_us.saturating_sub(gap), high_us.saturating_add(gap));
    }
    Ok(DateTest { prefix, low_us, high_us })
}

fn prefix(text: &str) -> Option<DatePrefix> {
    Some(match text {
        "eq" => DatePrefix::Eq,
        "ne" => DatePrefix::Ne,
        "gt" => DatePrefix::Gt,
        "lt" => DatePrefix::Lt,
        "ge" => DatePrefix::Ge,
        "le" => DatePrefix::Le,
        "sa" => DatePrefix::Sa,
        "eb" => DatePrefix::Eb,
        "ap" => DatePrefix::Ap,
        _ => return None,
    })
}

/// The range of a date. A `+` that came unescaped is a space by now; minutes with a zone, which FHIR allows in searches alone,
/// are read as that whole minute.
fn range(text: &str) -> Option<(i64, i64)> {
    let text = text.trim().replace(' ', "+");
    let (minutes, zone) = (text.get(..16), text.get(16..));
    match (minutes, zone) {
        (Some(minutes), Some(zone)) if zone.starts_with(['Z', '+', '-']) => {
            let (low_us, _) = time::range(&format!("{minutes}:00{zone}"))?;
            Some((low_us, low_us + 59_999_999))
        }
        _ => time::range(&text),
    }
}

/// A string as index rows hold it; one of nothing but punctuation finds nothing on purpose and is refused.
pub(super) fn folded(text: &str, name: &str) -> Result<String> {
    let folded = fold(&unescape(text));
    if folded.is_empty() { Err(bad(name)) } else { Ok(folded) }
}

/// A reference as it is stored: relative when it names this server. A bare id is one of `targets`, or of any type when there are none.
pub(super) fn reference(app: &App, text: &str, targets: &[String]) -> Vec<String> {
    let text = relative(app, &unescape(text));
    if text.contains(['/', ':']) || targets.is_empty() {
        return vec![text];
    }
    targets.iter().map(|t| format!("{t}/{text}")).collect()
}

/// Without this server's address.
pub(super) fn relative(app: &App, text: &str) -> String {
    app.local(text).to_owned()
}

pub(super) fn bad(name: &str) -> Fault {
    Fault::new(FaultKind::BadValue, 271, "the value does not fit the parameter's type; see metadata").at(safe(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_escaped_comma_or_bar_is_part_of_the_value() {
        assert_eq!(alternatives(r"a\,b,c,,", "x").unwrap(), [r"a\,b", "c"]);
        assert_eq!(token(r"s|a\|b\,c", "x").unwrap(), (Some("s".into()), "a|b,c".into()));
        assert_eq!(token("s|", "x").unwrap(), (Some("s".into()), String::new()));
        assert!(token("|", "x").is_err() && alternatives(",", "x").is_err());
    }

    #[test]
    fn a_hundred_and_one_alternatives_are_too_costly() {
        assert_eq!(alternatives(&vec!["a"; 101].join(","), "x").unwrap_err().kind, FaultKind::TooCostly);
        assert!(alternatives(&vec!["a"; 100].join(","), "x").is_ok());
    }

    #[test]
    fn a_minute_with_a_zone_is_a_whole_minute() {
        let (low, high) = range("2026-03-10T09:00Z").unwrap();
        assert_eq!(high - low, 59_999_999);
        assert_eq!(range("2026-03-10T10:00 01:00"), Some((low, high)));
        assert_eq!(range("2026-03-10T10:00:00.000+01:00").map(|r| r.0), Some(low));
        assert_eq!(range("2026-03-10Tnoon+01:00"), None);
    }

    #[test]
    fn approximately_is_a_tenth_of_the_distance_from_now() {
        let day = 86_400_000_000;
        let now = range("2026-11-25").unwrap().0;
        let test = date("ap2026-11-05", "date", now).unwrap();
        assert_eq!(test.prefix, DatePrefix::Ap);
        assert!((range("2026-11-05").unwrap().0 - test.low_us - 19 * day / 10).abs() < 2);
        let today = date("ap2026-11-25", "date", now).unwrap();
        assert_eq!((today.low_us, today.high_us), range("2026-11-25").unwrap());
    }
}
