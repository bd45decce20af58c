//! The one card: counts, or in a sentence why there are none. No content, no name, no code.
//! Spec: CDS Hooks 2.0 CDS Service Response (summary under 140 characters).

use serde_json::{Value, json};

use crate::fhir::{FaultKind, Result};
use crate::interaction::consult::Visit;
use crate::interaction::key_info::Counts;

/// How far a look came.
#[derive(Default)]
pub struct Seen {
    /// The request was understood, and its caller may ask.
    pub asked: bool,
    /// The patient was found.
    pub visit: Option<Visit>,
    /// His record is open to the caller.
    pub counts: Option<Counts>,
}

/// What a card says.
struct Words {
    summary: String,
    detail: String,
    warning: bool,
}

/// The answer of a look; `link` is the address of the page. A patient who is not here and a record that is not open are cards in the
/// words of the refusal, since a software asks for every patient it opens; any other refusal stays one.
///
/// # Errors
/// The outcome's own.
pub fn card(seen: &Seen, outcome: Result<()>, link: Option<&str>) -> Result<Value> {
    let words = match outcome {
        Ok(()) => seen.counts.as_ref().map_or_else(mismatch, counted),
        Err(fault) if fault.kind == FaultKind::NotFound && seen.asked && seen.visit.is_none() => absent(),
        Err(fault) if fault.kind == FaultKind::Forbidden && seen.visit.is_some() => closed(fault.issues.first().map(|i| i.diagnostics.as_str()).unwrap_or_default()),
        Err(fault) => return Err(fault),
    };
    let mut card = json!({
        "summary": words.summary,
        "detail": words.detail,
        "indicator": if words.warning { "warning" } else { "info" },
        "source": {"label": "Passerelle"}
    });
    if let (Some(url), Some(members)) = (link, card.as_object_mut()) {
        members.insert("links".into(), json!([{"label": "Ouvrir les informations clés", "url": url, "type": "absolute"}]));
    }
    Ok(json!({"cards": [card]}))
}

fn counted(counts: &Counts) -> Words {
    let pressing = [number(counts.alerts, "alerte", "alertes"), number(counts.conflicts, "point à vérifier", "points à vérifier")];
    let fresh = [number(counts.new_lines, "élément nouveau", "éléments nouveaux"), number(counts.new_documents, "document nouveau", "documents nouveaux")];
    // On a first visit everything is new: its documents are counted instead.
    let fresh = fresh.into_iter().flatten().filter(|_| counts.visited);
    let said: Vec<String> = pressing.into_iter().flatten().chain(fresh).collect();
    let (documents, first) = (number(counts.documents, "document", "documents"), !counts.visited);
    let said = match documents {
        None if said.is_empty() => "aucun document consultable".to_owned(),
        Some(documents) if first && said.is_empty() => format!("{documents}, aucune alerte relevée"),
        Some(documents) if first => format!("{documents}, {}", said.join(", ")),
        _ if said.is_empty() => "rien de nouveau, aucune alerte relevée".to_owned(),
        _ => said.join(", "),
    };
    let since = if first { "" } else { " Nouveau : depuis votre dernière consultation." };
    Words {
        summary: format!("Dossier partagé : {said}"),
        detail: format!("Le contenu s'affiche à votre demande. Chaque accès est tracé à votre nom.{since}"),
        warning: counts.alerts > 0 || counts.conflicts > 0,
    }
}

/// A count in words, none for 0.
fn number(count: u64, one: &str, many: &str) -> Option<String> {
    match count {
        0 => None,
        1 => Some(format!("1 {one}")),
        2..1000 => Some(format!("{count} {many}")),
        _ => Some(format!("plus de 999 {many}")),
    }
}

fn mismatch() -> Words {
    Words {
        summary: "Dossier partagé : identité à vérifier".to_owned(),
        detail: "Les traits d'identité transmis par votre logiciel ne sont pas ceux du dossier. Vérifiez l'identité du patient.".to_owned(),
        warning: true,
    }
}

fn absent() -> Words {
    Words { summary: "Aucun dossier partagé pour ce patient".to_owned(), detail: "Aucun document n'a été déposé pour lui sur ce serveur.".to_owned(), warning: false }
}

fn closed(reason: &str) -> Words {
    Words { summary: "Dossier partagé : il ne vous est pas ouvert".to_owned(), detail: reason.to_owned(), warning: false }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fhir::Fault;

    fn summary(counts: Counts) -> (String, String) {
        let seen = Seen { counts: Some(counts), ..Seen::default() };
        let answer = card(&seen, Ok(()), None).unwrap();
        let text = |name: &str| answer["cards"][0][name].as_str().unwrap().to_owned();
        (text("summary"), text("indicator"))
    }

    #[test]
    fn the_summary_counts_and_stays_under_140_characters() {
        let all = |n: u64| Counts { new_lines: n, new_documents: n, alerts: n, conflicts: n, documents: n, visited: true };
        assert_eq!(summary(all(1)).0, "Dossier partagé : 1 alerte, 1 point à vérifier, 1 élément nouveau, 1 document nouveau");
        assert_eq!(summary(all(2)).1, "warning");
        for visited in [true, false] {
            let long = summary(Counts { visited, ..all(u64::MAX) }).0;
            assert!(long.chars().count() < 140, "{long}");
        }
        assert_eq!(summary(Counts { documents: 9, ..all(0) }), ("Dossier partagé : rien de nouveau, aucune alerte relevée".into(), "info".into()));
        assert_eq!(summary(Counts { documents: 9, visited: false, ..all(0) }).0, "Dossier partagé : 9 documents, aucune alerte relevée");
        assert_eq!(summary(Counts { visited: false, ..all(0) }).0, "Dossier partagé : aucun document consultable");
    }

    #[test]
    fn only_refusals_of_the_record_become_cards() {
        let refused = |kind| Err(Fault::new(kind, 0, "raison"));
        assert!(card(&Seen::default(), refused(FaultKind::Forbidden), None).is_err());
        assert!(card(&Seen::default(), refused(FaultKind::NotFound), None).is_err());
        let asked = Seen { asked: true, ..Seen::default() };
        assert!(card(&asked, refused(FaultKind::NotFound), None).is_ok() && card(&asked, refused(FaultKind::Busy), None).is_err());
    }
}
