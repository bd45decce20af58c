//! The few pages that are not the record's: the one that begins a session, and a sentence with a way back.

use crate::fhir::html::Html;

/// Content-Security-Policy of these pages.
pub(super) const POLICY: &str = "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// Moves on by itself: the navigation is this site's own, so that the cookie goes with it, and the ticket leaves the history.
pub(super) fn begun(home: &str) -> String {
    let mut out = head("Ouverture du dossier", Some(home));
    out.open("p", &[]);
    out.leaf("a", &[("href", home)], "Ouvrir le dossier");
    out.close("p");
    ended(out)
}

/// One sentence; `home` is the record's page, empty where none is open.
pub(super) fn said(title: &str, text: &str, home: &str) -> String {
    let mut out = head(title, None);
    out.leaf("h1", &[], title);
    out.leaf("p", &[], text);
    if !home.is_empty() {
        out.open("p", &[]);
        out.leaf("a", &[("href", home)], "Revenir au dossier");
        out.close("p");
    }
    ended(out)
}

fn head(title: &str, to: Option<&str>) -> Html {
    let mut out = Html::default();
    out.own("<!DOCTYPE html>\n<html lang=\"fr\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">");
    if let Some(to) = to {
        out.open("meta", &[("http-equiv", "refresh"), ("content", &format!("0;url={to}"))]);
    }
    out.leaf("title", &[], title);
    out.own("</head><body>");
    out
}

fn ended(mut out: Html) -> String {
    out.own("</body></html>\n");
    out.as_str().to_owned()
}
