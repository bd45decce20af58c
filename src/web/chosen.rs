//! The documents that the filters in force leave, and the values there are to choose from. The script does the same in the browser;
//! `conformance-tests/page/check.py` compares both.

use std::collections::BTreeMap;

use chrono::{Days, NaiveDate};
use serde_json::Value;

use super::asked::Asked;
use super::value::text;
use super::{Frame, dates};
use crate::fhir::search::fold;

/// Periods to choose from: value in the address, days, words.
pub(super) const PERIODS: &[(&str, u64, &str)] =
    &[("P3M", 91, "3 derniers mois"), ("P6M", 183, "6 derniers mois"), ("P1Y", 366, "12 derniers mois"), ("P2Y", 731, "2 dernières années"), ("P5Y", 1827, "5 dernières années")];

/// The values of one member over all documents: each with its rank in the alphabet and its count.
pub(super) struct Values<'a> {
    key: &'static str,
    pub all: BTreeMap<&'a str, (usize, u64)>,
}

impl<'a> Values<'a> {
    fn new(key: &'static str, documents: &'a [Value]) -> Self {
        let mut all: BTreeMap<&str, (usize, u64)> = BTreeMap::new();
        for value in documents.iter().map(|d| text(d, key)).filter(|v| !v.is_empty()) {
            all.entry(value).or_default().1 += 1;
        }
        for (rank, (_, entry)) in all.iter_mut().enumerate() {
            entry.0 = rank;
        }
        Self { key, all }
    }

    /// The rank of a document's value as text; empty when it has none.
    pub(super) fn rank(&self, document: &Value) -> String {
        self.all.get(text(document, self.key)).map_or_else(String::new, |(rank, _)| rank.to_string())
    }
}

/// The three members that a list is chosen by.
pub(super) struct Choices<'a> {
    pub kind: Values<'a>,
    pub practice: Values<'a>,
    pub author: Values<'a>,
}

impl<'a> Choices<'a> {
    pub(super) fn new(documents: &'a [Value]) -> Self {
        Self { kind: Values::new("type", documents), practice: Values::new("speciality", documents), author: Values::new("author", documents) }
    }
}

/// The filters of an address, ready to be compared.
pub(super) struct Filter<'a> {
    asked: &'a Asked,
    words: Vec<String>,
    /// First day of the period, `2026-05-26`.
    from: String,
}

impl<'a> Filter<'a> {
    pub(super) fn new(frame: &'a Frame<'a>) -> Self {
        let words = fold(frame.asked.of("text")).split_whitespace().map(str::to_owned).collect();
        let days = PERIODS.iter().find(|(value, ..)| *value == frame.asked.of("period")).map(|(_, days, _)| *days);
        let today = dates::machine(frame.now).and_then(|day| day.parse::<NaiveDate>().ok());
        let from = days.zip(today).and_then(|(days, today)| today.checked_sub_days(Days::new(days)));
        Self { asked: frame.asked, words, from: from.map(|d| d.to_string()).unwrap_or_default() }
    }

    /// Whether a document answers all of them.
    pub(super) fn takes(&self, document: &Value) -> bool {
        let same = |name: &str, key: &str| Some(self.asked.of(name)).filter(|v| !v.is_empty()).is_none_or(|wanted| text(document, key) == wanted);
        let recent = || self.from.is_empty() || dates::machine(text(document, "date")).is_some_and(|day| day >= self.from);
        let worded = || {
            let day = dates::day(text(document, "date"));
            let all = fold(&[day.as_str(), title(document), text(document, "given"), text(document, "author"), text(document, "structure")].join(" "));
            self.words.iter().all(|w| all.contains(w.as_str()))
        };
        same("type", "type") && same("practice", "speciality") && same("author", "author") && recent() && (self.words.is_empty() || worded())
    }
}

/// A filter in force, in words; empty when it is not.
pub(super) fn told(asked: &Asked, name: &str) -> String {
    let value = asked.of(name);
    match name {
        _ if value.is_empty() => String::new(),
        "text" if fold(value).is_empty() => String::new(),
        "text" => format!("« {value} »"),
        "period" => PERIODS.iter().find(|p| p.0 == value).map(|p| p.2.to_owned()).unwrap_or_default(),
        _ => value.to_owned(),
    }
}

/// What the row of a document is called.
pub(super) fn title(of: &Value) -> &str {
    [text(of, "title"), text(of, "given"), text(of, "type"), "Document sans titre"].into_iter().find(|t| !t.is_empty()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn takes(query: &[(&str, &str)], document: &Value) -> bool {
        let pairs: Vec<(String, String)> = query.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect();
        let asked = Asked::read(&pairs);
        Filter::new(&Frame { asked: &asked, now: "2026-11-25T11:00:00.000Z", ..Frame::default() }).takes(document)
    }

    #[test]
    fn a_document_answers_every_filter_or_is_not_shown() {
        let of = json!({"title": "CR d'examens · 12/09/2026 · HbA1c 7,9 %", "type": "CR d'examens", "speciality": "Biologie", "author": "Dr Zoé Bœuf", "structure": "Labo", "date": "2026-09-12"});
        for good in
            [&[][..], &[("text", "hba1c BOEUF 7,9")], &[("type", "CR d'examens"), ("author", "Dr Zoé Bœuf")], &[("period", "P3M")], &[("practice", "Biologie")], &[("text", "…")]]
        {
            assert!(takes(good, &of), "{good:?}");
        }
        for other in [&[("text", "hba1c irm")][..], &[("type", "CR")], &[("type", "CR d'examens"), ("practice", "Radiologie")], &[("author", "Dr Zoé")]] {
            assert!(!takes(other, &of), "{other:?}");
        }
        let old = json!({"title": "x", "date": "2026-08"});
        assert!(!takes(&[("period", "P3M")], &old) && takes(&[("period", "P6M")], &old) && takes(&[("period", "P9X")], &old), "a period that is none is not in force");
        assert!(!takes(&[("period", "P6M")], &json!({"title": "sans date"})));
    }
}
