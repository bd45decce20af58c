//! Values of search parameters: taken from a resource by path, and compared with what a query asks.
//! Spec: FHIR R4 search.

use serde_json::Value;

use super::time;

/// How the values of a parameter are read and compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ParamType {
    Token,
    Date,
    String,
    Reference,
    Uri,
}

impl ParamType {
    /// The code as FHIR writes it.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Token => "token",
            Self::Date => "date",
            Self::String => "string",
            Self::Reference => "reference",
            Self::Uri => "uri",
        }
    }
}

/// One value of a parameter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SearchValue {
    /// System ("" when none) and code.
    Token {
        system: String,
        code: String,
    },
    /// [low, high] in µs UTC.
    Date {
        low_us: i64,
        high_us: i64,
    },
    /// Folded: lower case, no accents, single spaces.
    Text(String),
    /// `Type/id` or an absolute URL.
    Reference(String),
    Uri(String),
}

/// Lower case, accents and punctuation gone, single spaces.
pub fn fold(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars().flat_map(char::to_lowercase) {
        match plain(c) {
            Some(s) => out.push_str(s),
            None if c.is_alphanumeric() => out.push(c),
            None if !out.is_empty() && !out.ends_with(' ') => out.push(' '),
            None => {}
        }
    }
    out.truncate(out.trim_end().len());
    out
}

fn plain(c: char) -> Option<&'static str> {
    Some(match c {
        'à' | 'á' | 'â' | 'ã' | 'ä' | 'å' => "a",
        'ç' => "c",
        'è' | 'é' | 'ê' | 'ë' => "e",
        'ì' | 'í' | 'î' | 'ï' => "i",
        'ñ' => "n",
        'ò' | 'ó' | 'ô' | 'õ' | 'ö' => "o",
        'ù' | 'ú' | 'û' | 'ü' => "u",
        'ý' | 'ÿ' => "y",
        'œ' => "oe",
        'æ' => "ae",
        'ß' => "ss",
        _ => return None,
    })
}

/// Every value of a parameter in a resource; `paths` are alternatives, dotted, arrays walked through.
pub fn values(resource: &Value, kind: ParamType, paths: &[String]) -> Vec<SearchValue> {
    let mut out = Vec::new();
    for path in paths {
        let mut nodes = vec![resource];
        for step in path.split('.') {
            nodes = nodes.into_iter().filter_map(|n| n.get(step)).flat_map(each).collect();
        }
        nodes.into_iter().for_each(|node| read(node, kind, &mut out));
    }
    out
}

fn each(node: &Value) -> Vec<&Value> {
    match node {
        Value::Array(items) => items.iter().collect(),
        other => vec![other],
    }
}

fn read(node: &Value, kind: ParamType, out: &mut Vec<SearchValue>) {
    match kind {
        ParamType::Token => token(node, out),
        ParamType::Date => out.extend(date(node)),
        ParamType::String => strings(node, out),
        ParamType::Reference => {
            if let Some(text) = node.get("reference").and_then(Value::as_str) {
                out.push(SearchValue::Reference(text.to_owned()));
            }
        }
        ParamType::Uri => out.extend(node.as_str().map(|s| SearchValue::Uri(s.to_owned()))),
    }
}

fn token(node: &Value, out: &mut Vec<SearchValue>) {
    let text = |name: &str| node.get(name).and_then(Value::as_str).unwrap_or("").to_owned();
    match node {
        Value::String(code) => out.push(SearchValue::Token { system: String::new(), code: code.clone() }),
        Value::Bool(flag) => out.push(SearchValue::Token { system: String::new(), code: flag.to_string() }),
        Value::Object(members) => {
            if let Some(codings) = members.get("coding").and_then(Value::as_array) {
                codings.iter().for_each(|c| token(c, out));
            } else if members.contains_key("code") {
                out.push(SearchValue::Token { system: text("system"), code: text("code") });
            } else if members.contains_key("value") {
                out.push(SearchValue::Token { system: text("system"), code: text("value") });
            }
        }
        _ => {}
    }
}

/// The range of a date, dateTime, instant or Period; an open end reaches to the end of time.
pub fn date(node: &Value) -> Option<SearchValue> {
    if let Some(text) = node.as_str() {
        return time::range(text).map(|(low_us, high_us)| SearchValue::Date { low_us, high_us });
    }
    let (start, end) = (node.get("start").and_then(Value::as_str), node.get("end").and_then(Value::as_str));
    if start.is_none() && end.is_none() {
        return None;
    }
    let low_us = start.and_then(time::range).map_or(i64::MIN, |r| r.0);
    let high_us = end.and_then(time::range).map_or(i64::MAX, |r| r.1);
    Some(SearchValue::Date { low_us, high_us })
}

fn strings(node: &Value, out: &mut Vec<SearchValue>) {
    match node {
        Value::String(text) => out.push(SearchValue::Text(fold(text))),
        Value::Object(members) => {
            for name in ["text", "family", "given", "prefix", "suffix", "line", "city", "postalCode", "country"] {
                if let Some(value) = members.get(name) {
                    each(value).into_iter().for_each(|v| strings(v, out));
                }
            }
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folding_drops_case_and_accents() {
        assert_eq!(fold("  Hélène  LE-GOFF "), "helene le goff");
    }

    #[test]
    fn a_codeable_concept_gives_each_of_its_codings() {
        let resource = serde_json::json!({"code": {"coding": [{"system": "a", "code": "1"}, {"code": "2"}]}});
        assert_eq!(values(&resource, ParamType::Token, &["code".into()]).len(), 2);
    }
}
