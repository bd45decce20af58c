//! The page of a refused access: why, and the two ways that the law leaves open.
//! Spec: CSP R.1111-46 (consent for this consultation), L.1111-17 (bris de glace).

use super::Frame;
use super::band::{band, form, name, notices};
use super::page::document;
use crate::fhir::html::Html;

/// The page when access is refused. `reason`: in words, for the practitioner.
pub fn refused(reason: &str, opens: bool, frame: &Frame<'_>) -> String {
    let mut body = Html::default();
    band(None, frame, &mut body);
    body.own("<main id=\"main\" class=\"refused\" tabindex=\"-1\">");
    notices(None, frame, &mut body);
    body.own("<section class=\"box\" aria-labelledby=\"refused\"><h2 id=\"refused\">Ce dossier ne vous est pas ouvert</h2>");
    body.leaf("p", &[("class", "reason")], if reason.trim().is_empty() { "Vos droits ne permettent pas d'y accéder." } else { reason });
    body.own("</section>");
    if opens {
        consent(frame, &mut body);
        break_glass(frame, &mut body);
    }
    body.own("</main>");
    traced(frame, &mut body);
    document(&format!("Accès refusé · {}", name(frame)), "", &body)
}

fn consent(frame: &Frame<'_>, out: &mut Html) {
    out.own("<section class=\"box\" aria-labelledby=\"consent\"><h2 id=\"consent\">Le patient est d'accord</h2>");
    out.own("<p>Informez le patient et recueillez son accord ; il vaut pour cette consultation et il est enregistré.</p>");
    form("consent", frame, out);
    out.own("<button type=\"submit\" class=\"main\">Le patient donne son accord pour cette consultation</button></form></section>");
}

fn break_glass(frame: &Frame<'_>, out: &mut Html) {
    out.own("<section class=\"box glass\" aria-labelledby=\"glass\"><h2 id=\"glass\">Bris de glace</h2>");
    out.own(
        "<p id=\"glass-rule\">Réservé au patient hors d'état d'exprimer sa volonté, dont la situation comporte un risque immédiat pour sa santé. Le patient en est informé.</p>",
    );
    form("break-glass", frame, out);
    out.own("<p class=\"field wide\"><label for=\"reason\">Motif (obligatoire)</label>");
    out.own("<textarea id=\"reason\" name=\"reason\" rows=\"3\" required maxlength=\"500\" aria-describedby=\"glass-rule\"></textarea></p>");
    out.own("<button type=\"submit\" class=\"danger\">Accéder en bris de glace</button></form></section>");
}

fn traced(frame: &Frame<'_>, out: &mut Html) {
    out.own("<footer><p>");
    let who = if frame.who.is_empty() { String::new() } else { format!(" au nom de {}", frame.who) };
    out.text(&format!("Cette demande d'accès est enregistrée{who}."));
    out.own("</p></footer>");
}
