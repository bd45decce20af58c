//! The filters of the document list: always visible, each removable. They are shown by the script, which alone can apply them.
//! Spec: WCAG 2.2 1.3.1, 3.3.2, 4.1.3.

use std::collections::BTreeMap;

use serde_json::Value;

use super::value::{long, text};
use crate::fhir::html::Html;

/// Periods in days.
const PERIODS: &[(&str, &str)] = &[("", "Toutes les dates"), ("91", "3 derniers mois"), ("183", "6 derniers mois"), ("366", "12 derniers mois"), ("731", "2 dernières années")];

/// The values of one member over all documents: each with its rank in the alphabet and its count.
pub(super) struct Choice<'a> {
    key: &'static str,
    values: BTreeMap<&'a str, (usize, u64)>,
}

impl<'a> Choice<'a> {
    pub(super) fn new(key: &'static str, documents: &'a [Value]) -> Self {
        let mut values: BTreeMap<&str, (usize, u64)> = BTreeMap::new();
        for value in documents.iter().map(|d| text(d, key)).filter(|v| !v.is_empty()) {
            values.entry(value).or_default().1 += 1;
        }
        for (rank, (_, entry)) in values.iter_mut().enumerate() {
            entry.0 = rank;
        }
        Self { key, values }
    }

    /// The rank of a document's value as text; empty when it has none.
    pub(super) fn rank(&self, document: &Value) -> String {
        self.values.get(text(document, self.key)).map_or_else(String::new, |(rank, _)| rank.to_string())
    }

    fn select(&self, name: &'static str, label: &str, all: &str, out: &mut Html) {
        out.open("p", &[("class", "field")]);
        out.leaf("label", &[("for", name)], label);
        out.open("select", &[("id", name), ("autocomplete", "off")]);
        out.leaf("option", &[("value", "")], all);
        for (value, (rank, count)) in &self.values {
            out.leaf("option", &[("value", &rank.to_string())], &format!("{value} ({count})"));
        }
        out.close("select");
        out.close("p");
    }
}

/// The three members that a list is chosen by.
pub(super) struct Choices<'a> {
    pub kind: Choice<'a>,
    pub speciality: Choice<'a>,
    pub author: Choice<'a>,
}

impl<'a> Choices<'a> {
    pub(super) fn new(documents: &'a [Value]) -> Self {
        Self { kind: Choice::new("type", documents), speciality: Choice::new("speciality", documents), author: Choice::new("author", documents) }
    }
}

/// The filters, hidden until the script can apply them.
pub(super) fn filters(choices: &Choices<'_>, documents: usize, out: &mut Html) {
    out.own("<div id=\"filters\" class=\"filters\" role=\"search\" aria-label=\"Filtrer les documents\" hidden>");
    out.own("<p class=\"field wide\"><label for=\"f-text\">Mots du titre, de l'auteur ou de la structure</label>");
    out.own("<input id=\"f-text\" type=\"search\" autocomplete=\"off\" spellcheck=\"false\"></p>");
    choices.kind.select("f-type", "Type", "Tous les types", out);
    choices.speciality.select("f-speciality", "Spécialité", "Toutes les spécialités", out);
    out.own("<p class=\"field\"><label for=\"f-period\">Période</label><select id=\"f-period\" autocomplete=\"off\">");
    for (days, words) in PERIODS {
        out.leaf("option", &[("value", days)], words);
    }
    out.own("</select></p>");
    choices.author.select("f-author", "Auteur", "Tous les auteurs", out);
    out.own("</div><div class=\"chips\"><ul id=\"chips\" aria-label=\"Filtres en vigueur\" hidden></ul>");
    out.leaf("p", &[("id", "found"), ("role", "status"), ("aria-live", "polite"), ("data-total", &long(documents).to_string())], "");
    out.own("</div>");
}
