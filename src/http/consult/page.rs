//! The pages as HTML, plain for now: what a richer page must show is all here.

use serde_json::Value;

use crate::fhir::html::Html;
use crate::interaction::consult::Traits;

/// What stands around the view on the page.
#[derive(Debug, Default)]
pub(super) struct Frame<'a> {
    /// What the software shows of the patient; never taken from the record.
    pub traits: Option<Traits>,
    /// Whether they are not those of the record.
    pub mismatch: bool,
    /// Address that the page's own addresses begin with, ending with a slash.
    pub home: &'a str,
    /// Under whose name access is traced; empty outside a session.
    pub who: &'a str,
    /// Code of the access mode.
    pub mode: &'a str,
    /// Whether the notice that access is traced must be read.
    pub notice: bool,
    /// What every change carries; empty where there is no session.
    pub token: &'a str,
    /// Instant of the answer.
    pub now: &'a str,
}

/// Content-Security-Policy of a page.
pub(super) fn policy() -> &'static str {
    "default-src 'none'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
}

/// Moves on by itself: the navigation is this site's own, so that the cookie goes with it, and the ticket leaves the history.
pub(super) fn begun(home: &str) -> String {
    let mut out = head("Ouverture du dossier", Some(home));
    out.open("p", &[]);
    out.leaf("a", &[("href", home)], "Ouvrir le dossier");
    out.close("p");
    ended(out)
}

/// The view of a record.
pub(super) fn page(view: &Value, frame: &Frame<'_>) -> String {
    let mut out = head("Dossier du patient", None);
    band(&mut out, frame);
    out.leaf("pre", &[], &serde_json::to_string_pretty(view).unwrap_or_default());
    changes(&mut out, frame);
    ended(out)
}

/// Why nothing is shown, and what may be done about it.
pub(super) fn refused(reason: &str, frame: &Frame<'_>) -> String {
    let mut out = head("Accès refusé", None);
    band(&mut out, frame);
    out.leaf("p", &[], reason);
    changes(&mut out, frame);
    ended(out)
}

/// The identifiers of a document that was taken over.
pub(super) fn imported(identifiers: &Value, frame: &Frame<'_>) -> String {
    let mut out = head("Document importé", None);
    band(&mut out, frame);
    for (name, value) in identifiers.as_object().into_iter().flatten() {
        out.leaf("p", &[], &format!("{name} : {}", value.as_str().unwrap_or_default()));
    }
    out.leaf("a", &[("href", frame.home)], "Retour au dossier");
    ended(out)
}

fn head(title: &str, to: Option<&str>) -> Html {
    let mut out = Html::default();
    out.own("<!DOCTYPE html>\n<html lang=\"fr\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"><link rel=\"icon\" href=\"data:,\">");
    if let Some(to) = to {
        out.open("meta", &[("http-equiv", "refresh"), ("content", &format!("0;url={to}"))]);
    }
    out.leaf("title", &[], title);
    out.own("</head><body>");
    out
}

fn ended(mut out: Html) -> String {
    out.own("</body></html>\n");
    String::from_utf8(out.into_bytes()).unwrap_or_default()
}

fn band(out: &mut Html, frame: &Frame<'_>) {
    if let Some(t) = &frame.traits {
        let parts = [t.family.as_str(), &t.given, &t.birth_date, &t.sex, &t.ins];
        out.leaf("header", &[], &parts.into_iter().filter(|p| !p.is_empty()).collect::<Vec<_>>().join(" · "));
    }
    if frame.mismatch {
        out.leaf("p", &[("role", "alert")], "L'identité transmise par votre logiciel n'est pas celle de ce dossier : vérifiez avant de lire.");
    }
    if !frame.who.is_empty() {
        out.leaf("p", &[], &format!("{} · mode {} · {}", frame.who, frame.mode, frame.now));
    }
}

fn changes(out: &mut Html, frame: &Frame<'_>) {
    if frame.token.is_empty() {
        return;
    }
    if frame.notice {
        form(out, frame, "notice", "Vos accès sont tracés à votre nom et visibles du patient.", "J'ai compris");
    }
    form(out, frame, "consent", "Le patient consent à la consultation de son dossier.", "Enregistrer le consentement");
    form(out, frame, "break-glass", "Bris de glace : le motif est tracé, le patient est prévenu.", "Ouvrir en urgence");
}

fn form(out: &mut Html, frame: &Frame<'_>, action: &str, text: &str, button: &str) {
    out.open("form", &[("method", "post"), ("action", &format!("{}{action}", frame.home))]);
    out.leaf("p", &[], text);
    out.open("input", &[("type", "hidden"), ("name", "token"), ("value", frame.token)]);
    if action == "break-glass" {
        out.open("input", &[("name", "reason"), ("aria-label", "Motif"), ("required", "required")]);
    }
    out.leaf("button", &[], button);
    out.close("form");
}
