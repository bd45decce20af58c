//! What the address of the page asks for: the view, the bound of the list of documents, and its filters. All of it is in the address,
//! so that it works without the script, can be seen, and can be taken away one by one.

use std::fmt::Write as _;

use super::links::encoded;

/// Characters of one value; a longer one asks for nothing.
const MAX_CHARS: usize = 200;

/// Parameters of the list of documents in the order they are told, with their French name.
pub(super) const FILTERS: &[(&str, &str)] = &[("text", "Mots"), ("type", "Type"), ("practice", "Spécialité"), ("period", "Période"), ("author", "Auteur")];
/// The view, and the bound of the list.
const OTHERS: &[&str] = &["specialty", "window"];

/// Whether a parameter is a filter of the list of documents: the page's alone, and none of the view's.
pub fn is_filter(name: &str) -> bool {
    FILTERS.iter().any(|(filter, _)| *filter == name)
}

/// What is asked for, by parameter; an empty value asks for nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Asked(Vec<(&'static str, String)>);

impl Asked {
    /// Reads the parameters of an address; of one that is named twice, the last. Any other is none of the page's.
    pub fn read(query: &[(String, String)]) -> Self {
        let known = OTHERS.iter().chain(FILTERS.iter().map(|(name, _)| name));
        let value = |name: &str| query.iter().rev().find(|(n, _)| n == name).map(|(_, v)| v.trim()).filter(|v| !v.is_empty() && v.chars().count() <= MAX_CHARS);
        Self(known.filter_map(|name| Some((*name, value(name)?.to_owned()))).collect())
    }

    /// The value of a parameter; empty where it is not asked for.
    pub(super) fn of(&self, name: &str) -> &str {
        self.0.iter().find(|(n, _)| *n == name).map_or("", |(_, v)| v)
    }

    /// The same without a parameter.
    pub(super) fn without(&self, name: &str) -> Self {
        Self(self.0.iter().filter(|(n, _)| *n != name).cloned().collect())
    }

    /// The same with another value of a parameter.
    pub(super) fn with(&self, name: &'static str, value: &str) -> Self {
        let mut out = self.without(name);
        out.0.push((name, value.to_owned()));
        out
    }

    /// The same without any filter of the list of documents.
    pub(super) fn unfiltered(&self) -> Self {
        Self(self.0.iter().filter(|(n, _)| OTHERS.contains(n)).cloned().collect())
    }

    /// Behind an address: empty, or `?specialty=…&type=…`.
    pub(super) fn query(&self) -> String {
        let mut out = String::new();
        for (name, value) in &self.0 {
            let _ = write!(out, "{}{name}={}", if out.is_empty() { '?' } else { '&' }, encoded(value));
        }
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_asked_for_goes_into_addresses_and_can_be_taken_out_of_them() {
        let pairs = |all: &[(&str, &str)]| all.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect::<Vec<_>>();
        let asked = Asked::read(&pairs(&[("type", "a&b"), ("type", "CR d'imagerie"), ("text", " "), ("window", "all"), ("mode", "x"), ("author", &"x".repeat(201))]));
        assert_eq!(asked.query(), "?window=all&type=CR%20d%27imagerie");
        assert_eq!(asked.without("window").query(), "?type=CR%20d%27imagerie");
        assert_eq!((asked.unfiltered().query(), asked.with("window", "P2Y").of("window")), ("?window=all".to_owned(), "P2Y"));
        assert_eq!(Asked::default().query(), "");
    }
}
