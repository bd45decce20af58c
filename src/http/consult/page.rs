//! The page that begins a session.

use crate::fhir::html::Html;

/// Content-Security-Policy of this page.
pub(super) const POLICY: &str = "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// Moves on by itself: the navigation is this site's own, so that the cookie goes with it, and the ticket leaves the history.
pub(super) fn begun(home: &str) -> String {
    let mut out = Html::default();
    out.own("<!DOCTYPE html>\n<html lang=\"fr\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">");
    out.open("meta", &[("http-equiv", "refresh"), ("content", &format!("0;url={home}"))]);
    out.own("<title>Ouverture du dossier</title></head><body><p>");
    out.leaf("a", &[("href", home)], "Ouvrir le dossier");
    out.own("</p></body></html>\n");
    out.as_str().to_owned()
}
