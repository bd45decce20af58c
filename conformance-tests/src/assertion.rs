//! Judging a value: every condition that does not hold becomes one line "expected …, came …".

use serde_json::Value;

use crate::pointer;
use crate::register::Registers;
use crate::scenario::Test;

/// Characters of an unexpected value that are shown.
const SHOWN: usize = 240;

impl Test {
    /// What does not hold of `root`; `place` names the root in messages. A value that is missing is `None`.
    #[must_use]
    pub fn failures(&self, root: Option<&Value>, place: &str, registers: &Registers) -> Vec<String> {
        let at = match registers.text(&self.at) {
            Ok(at) => at,
            Err(error) => return vec![error],
        };
        let found = root.and_then(|r| pointer::find(r, &at));
        let place = format!("{place}{at}");
        let mut failures = self.presence(found.as_ref(), &place);
        let Some(value) = found.as_ref() else {
            if self.absent != Some(true) && self.exists != Some(false) && self.lacks.is_none() && failures.is_empty() {
                failures.push(format!("expected {place}, came nothing"));
            }
            return failures;
        };
        failures.extend(self.compared(value, &place, registers));
        failures.extend(self.counted(value, &place));
        failures.extend(self.elements(value, &place, registers));
        for test in &self.all {
            failures.extend(test.failures(Some(value), &place, registers));
        }
        failures
    }

    fn presence(&self, found: Option<&Value>, place: &str) -> Vec<String> {
        let wanted = self.exists.or(self.absent.map(|a| !a));
        match (wanted, found) {
            (Some(true), None) => vec![format!("expected {place} to exist, came nothing")],
            (Some(false), Some(value)) => vec![format!("expected {place} to be absent, came {}", shown(value))],
            _ => Vec::new(),
        }
    }

    /// The conditions that compare with a given value, whose placeholders are filled here.
    fn compared(&self, value: &Value, place: &str, registers: &Registers) -> Vec<String> {
        let mut failures = Vec::new();
        let mut judge = |word: &str, wanted: &Value, holds: fn(&Value, &Value) -> bool| match registers.value(wanted) {
            Ok(wanted) if holds(value, &wanted) => {}
            Ok(wanted) => failures.push(format!("expected {place} {word} {}, came {}", shown(&wanted), shown(value))),
            Err(error) => failures.push(error),
        };
        if let Some(wanted) = &self.equals {
            judge("equal to", wanted, |v, w| v == w);
        }
        if let Some(wanted) = &self.not {
            judge("other than", wanted, |v, w| v != w);
        }
        if let Some(wanted) = &self.one_of {
            judge("one of", wanted, |v, w| w.as_array().is_some_and(|w| w.contains(v)));
        }
        if let Some(wanted) = &self.contains {
            judge("containing", wanted, contains);
        }
        if let Some(wanted) = &self.lacks {
            judge("not containing", wanted, |v, w| !contains(v, w));
        }
        if let Some(wanted) = &self.matches {
            judge("like", &Value::String(wanted.clone()), |v, w| v.as_str().zip(w.as_str()).is_some_and(|(v, w)| matches(v, w)));
        }
        failures
    }

    fn counted(&self, value: &Value, place: &str) -> Vec<String> {
        let size = match value {
            Value::Array(elements) => Some(elements.len()),
            Value::Object(members) => Some(members.len()),
            Value::String(text) => Some(text.chars().count()),
            _ => None,
        };
        let came = size.map_or_else(|| "no array, object or string".to_owned(), |s| s.to_string());
        let mut failures = Vec::new();
        if let Some(wanted) = self.length.filter(|w| size != Some(*w)) {
            failures.push(format!("expected {place} of length {wanted}, came {came}: {}", shown(value)));
        }
        if let Some(wanted) = self.min_length.filter(|w| size.is_none_or(|s| s < *w)) {
            failures.push(format!("expected {place} of length {wanted} or more, came {came}: {}", shown(value)));
        }
        if let Some(wanted) = self.at_least.filter(|w| value.as_f64().is_none_or(|v| v < *w)) {
            failures.push(format!("expected {place} at least {wanted}, came {}", shown(value)));
        }
        failures
    }

    fn elements(&self, value: &Value, place: &str, registers: &Registers) -> Vec<String> {
        if self.every.is_none() && self.any.is_none() && self.none.is_none() {
            return Vec::new();
        }
        let Some(elements) = value.as_array() else { return vec![format!("expected {place} to be an array, came {}", shown(value))] };
        let judged = |test: &Test| -> Vec<Vec<String>> { elements.iter().enumerate().map(|(i, e)| test.failures(Some(e), &format!("{place}/{i}"), registers)).collect() };
        let mut failures = Vec::new();
        if let Some(test) = &self.every {
            failures.extend(judged(test).into_iter().flatten());
        }
        if let Some(test) = &self.any {
            let all = judged(test);
            if all.iter().all(|f| !f.is_empty()) {
                let nearest = all.into_iter().min_by_key(Vec::len).unwrap_or_default().join("; ");
                failures.push(format!("expected one element of {place} to hold, came {} that do not; nearest: {nearest}", elements.len()));
            }
        }
        if let Some(test) = &self.none {
            for (index, _) in judged(test).iter().enumerate().filter(|(_, f)| f.is_empty()) {
                failures.push(format!("expected no such element in {place}, came one at /{index}"));
            }
        }
        failures
    }
}

fn contains(value: &Value, wanted: &Value) -> bool {
    match (value, wanted) {
        (Value::String(value), Value::String(wanted)) => value.contains(wanted.as_str()),
        (Value::Array(elements), wanted) => elements.contains(wanted),
        (Value::Object(members), Value::String(name)) => members.contains_key(name),
        _ => false,
    }
}

/// Whether a text is like a pattern in which `*` stands for any characters and `?` for one.
#[must_use]
pub fn matches(text: &str, pattern: &str) -> bool {
    let (text, pattern): (Vec<char>, Vec<char>) = (text.chars().collect(), pattern.chars().collect());
    let (mut t, mut p) = (0, 0);
    // Where the last star stood, and how much text it has taken: on a mismatch it takes one more.
    let mut star: Option<(usize, usize)> = None;
    while t < text.len() {
        match pattern.get(p) {
            Some('*') => {
                star = Some((p + 1, t));
                p += 1;
            }
            Some(c) if *c == '?' || text.get(t) == Some(c) => {
                t += 1;
                p += 1;
            }
            _ => match star {
                Some((after, taken)) => {
                    star = Some((after, taken + 1));
                    (t, p) = (taken + 1, after);
                }
                None => return false,
            },
        }
    }
    pattern.iter().skip(p).all(|c| *c == '*')
}

/// A value for a message, cut to a bearable length.
#[must_use]
pub fn shown(value: &Value) -> String {
    let text = value.to_string();
    if text.chars().count() <= SHOWN { text } else { text.chars().take(SHOWN).collect::<String>() + "…" }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn holds(test: Value, value: &Value) -> bool {
        let test: Test = serde_json::from_value(test).unwrap();
        test.failures(Some(value), "", &Registers::default()).is_empty()
    }

    #[test]
    fn each_assertion_holds_and_fails() {
        let value = json!({"a": 1, "s": "W/\"1\"", "l": [1, 2], "e": [{"k": "x", "n": 1}, {"k": "y"}]});
        let good = [
            json!({"at": "/a", "equals": 1}),
            json!({"at": "/a", "exists": true, "not": 2, "one_of": [1, 3], "at_least": 1}),
            json!({"at": "/b", "absent": true}),
            json!({"at": "/b", "exists": false}),
            json!({"at": "/b", "lacks": "x"}),
            json!({"at": "/s", "matches": "W/\"*\"", "contains": "W/", "lacks": "2"}),
            json!({"at": "/l", "length": 2, "min_length": 1, "contains": 2, "lacks": 3}),
            json!({"at": "/e", "any": {"all": [{"at": "/k", "equals": "x"}, {"at": "/n", "exists": true}]}, "every": {"at": "/k", "exists": true}, "none": {"at": "/k", "equals": "z"}}),
            json!({"at": "/e/*/k", "equals": ["x", "y"]}),
        ];
        for test in good {
            assert!(holds(test.clone(), &value), "{test}");
        }
        let bad = [
            json!({"at": "/a", "equals": 2}),
            json!({"at": "/a", "equals": "1"}),
            json!({"at": "/b", "exists": true}),
            json!({"at": "/b", "equals": 1}),
            json!({"at": "/a", "absent": true}),
            json!({"at": "/a", "at_least": 2}),
            json!({"at": "/a", "length": 1}),
            json!({"at": "/l", "min_length": 3}),
            json!({"at": "/l", "lacks": 2}),
            json!({"at": "/e", "any": {"all": [{"at": "/k", "equals": "y"}, {"at": "/n", "exists": true}]}}),
            json!({"at": "/e", "every": {"at": "/n", "exists": true}}),
            json!({"at": "/e", "none": {"at": "/k", "equals": "x"}}),
            json!({"at": "/a", "every": {"exists": true}}),
        ];
        for test in bad {
            assert!(!holds(test.clone(), &value), "{test}");
        }
    }

    #[test]
    fn a_pattern_has_stars_and_question_marks() {
        for (text, pattern) in [("abc", "abc"), ("abc", "*"), ("abc", "a*c"), ("aXbXc", "a*b*c"), ("abc", "a?c"), ("", "*"), ("aab", "*ab"), ("201 Created", "201*")] {
            assert!(matches(text, pattern), "{text} {pattern}");
        }
        for (text, pattern) in [("abc", "ab"), ("abc", "b*"), ("", "?"), ("abc", "a?"), ("abc", "")] {
            assert!(!matches(text, pattern), "{text} {pattern}");
        }
    }

    #[test]
    fn a_failure_says_what_was_expected_and_what_came() {
        let test: Test = serde_json::from_value(json!({"at": "/total", "equals": 1})).unwrap();
        assert_eq!(test.failures(Some(&json!({"total": 2})), "", &Registers::default()), ["expected /total equal to 1, came 2"]);
    }
}
