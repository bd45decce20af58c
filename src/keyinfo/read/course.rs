//! The course of a treatment: prescribed when, from when to when, current or over.

use serde_json::Value;

use crate::fhir::time;
use crate::keyinfo::language::concept::{at, get, items, text};
use crate::keyinfo::language::dates;
use crate::keyinfo::language::numbers;
use crate::keyinfo::language::tables::FRENCH;
use crate::keyinfo::language::words::fold;

/// How a treatment stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Course {
    /// Its period begins later.
    Planned,
    Current,
    /// Stopped before its time: the status says so, or the words of the document do of a treatment whose period is over.
    Stopped,
    /// Said completed, or the end of its period is past.
    Over,
}

/// What a medication resource says of its course, whatever the day.
#[derive(Debug, Clone, Copy)]
pub struct Taken {
    /// What the status says, but for a current one.
    status: Option<Course>,
    /// A note says that it was stopped.
    noted: bool,
    /// The first and the last µs of its period.
    start_us: Option<i64>,
    end_us: Option<i64>,
}

impl Taken {
    pub fn of(resource: &Value) -> Self {
        let status = match text(resource, "/status") {
            "stopped" => Some(Course::Stopped),
            "completed" if matches!(text(resource, "/resourceType"), "MedicationStatement" | "MedicationRequest") => Some(Course::Over),
            _ => None,
        };
        let (start, end) = (time::range(start(resource)), time::range(end(resource)));
        Self { status, noted: said_stopped(resource), start_us: start.map(|r| r.0), end_us: end.map(|r| r.1) }
    }

    /// How the treatment stands at a moment.
    pub fn at(self, now_us: i64) -> Course {
        let past = self.end_us.is_some_and(|end| end < now_us);
        match self.status {
            Some(Course::Stopped) => Course::Stopped,
            _ if past && self.noted => Course::Stopped,
            Some(Course::Over) => Course::Over,
            _ if past => Course::Over,
            _ if self.start_us.is_some_and(|start| start > now_us) => Course::Planned,
            _ => Course::Current,
        }
    }
}

/// `prescrit du 05/10/2026 au 04/01/2027`, `en cours depuis mai 2021`, `administré à partir de mars 2013, arrêté le 09/06/2026`.
pub fn told(kind: &str, resource: &Value, now_us: i64) -> Vec<String> {
    let (start, end) = (start(resource), end(resource));
    let origin = origin(kind, resource);
    match Taken::of(resource).at(now_us) {
        Course::Planned => {
            let until = if end.is_empty() { None } else { Some(dates::until(end)) };
            origin.into_iter().chain([format!("{} {}", FRENCH.course.planned, dates::of(start))]).chain(until).collect()
        }
        Course::Current => {
            let status = FRENCH.status(kind, text(resource, "/status")).filter(|w| !w.is_empty()).map(str::to_owned);
            let period = dates::span(start, end);
            match (origin, status, period) {
                (Some(origin), None, Some(period)) if is_bare(&origin) => vec![format!("{origin} {period}")],
                (None, Some(status), Some(period)) if status == FRENCH.course.current => vec![format!("{status} {period}")],
                (origin, status, period) => origin.into_iter().chain(status).chain(period).collect(),
            }
        }
        course => {
            let word = if course == Course::Stopped { &FRENCH.course.stopped } else { &FRENCH.course.over };
            let ended = if end.is_empty() { word.clone() } else { format!("{word} {}", dates::on(end)) };
            let begun = !start.is_empty() && start != end;
            match origin {
                Some(origin) if begun && is_bare(&origin) => vec![format!("{origin} à partir {}", dates::of(start)), ended],
                origin => origin.into_iter().chain(begun.then(|| format!("{} {}", FRENCH.course.begun, dates::on(start)))).chain([ended]).collect(),
            }
        }
    }
}

/// Whether an origin has neither date nor quantity, so that a period may follow it.
fn is_bare(origin: &str) -> bool {
    !origin.contains(' ')
}

/// What the status alone says of it, to hold against another document; "" when it says nothing.
pub fn state(kind: &str, resource: &Value) -> &'static str {
    match text(resource, "/status") {
        "active" => &FRENCH.course.current,
        "stopped" => &FRENCH.course.stopped,
        "completed" if kind == "MedicationStatement" => &FRENCH.course.over,
        "on-hold" | "unknown" => FRENCH.status(kind, text(resource, "/status")).unwrap_or(""),
        _ => "",
    }
}

/// A note or dosage text that begins with a word of stopping.
fn said_stopped(resource: &Value) -> bool {
    let notes = items(resource, "note").map(|n| text(n, "/text"));
    let reasons = items(resource, "statusReason").map(|r| text(r, "/text"));
    notes.chain(reasons).any(|t| fold(t).split(' ').next().is_some_and(|first| FRENCH.course.stop_words.iter().any(|w| w == first)))
}

/// `prescrit le …`, `délivré le …`, `administré le …`.
fn origin(kind: &str, resource: &Value) -> Option<String> {
    let (word, pointers): (&str, &[&str]) = match kind {
        "MedicationRequest" => ("prescrit", &["/authoredOn"]),
        "MedicationDispense" => ("délivré", &["/whenHandedOver", "/whenPrepared"]),
        // A period is told by itself.
        "MedicationAdministration" => ("administré", &["/effectiveDateTime"]),
        _ => return None,
    };
    let date = pointers.iter().map(|p| text(resource, p)).find(|t| !t.is_empty());
    let quantity = get(resource, "quantity").and_then(numbers::quantity).map(|q| format!(" ({q})")).unwrap_or_default();
    Some(format!("{word}{}{quantity}", date.map(|d| format!(" {}", dates::on(d))).unwrap_or_default()))
}

/// The periods of a treatment: its own, which may stand in a first dosage that is no step, else those of its steps.
fn periods(resource: &Value) -> Vec<&Value> {
    let mut steps = items(resource, "dosageInstruction").chain(items(resource, "dosage")).filter_map(|d| Some((d, at(d, "/timing/repeat/boundsPeriod")?))).peekable();
    let above = steps.peek().filter(|(d, _)| get(d, "sequence").is_none()).map(|(_, period)| *period);
    match get(resource, "effectivePeriod").or(above) {
        Some(own) => vec![own],
        None => steps.map(|(_, period)| period).collect(),
    }
}

/// The start of its period, "" when none is said.
pub fn start(resource: &Value) -> &str {
    let starts = periods(resource).into_iter().map(|p| text(p, "/start").trim()).filter(|t| !t.is_empty());
    match starts.min().unwrap_or("") {
        "" if text(resource, "/resourceType") == "MedicationStatement" => text(resource, "/effectiveDateTime"),
        start => start,
    }
}

/// The end of its last step, "" when none is said or a step goes on.
pub fn end(resource: &Value) -> &str {
    let ends: Vec<&str> = periods(resource).into_iter().map(|p| text(p, "/end").trim()).collect();
    if ends.contains(&"") { "" } else { ends.into_iter().max().unwrap_or("") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn now() -> i64 {
        dates::start_us("2026-11-25").unwrap()
    }

    #[test]
    fn an_active_statement_whose_period_is_over_is_not_called_current() {
        let statement = json!({"resourceType": "MedicationStatement", "status": "active", "effectivePeriod": {"start": "2020-01-01", "end": "2020-02-01"}});
        assert_eq!(told("MedicationStatement", &statement, now()), ["débuté le 01/01/2020", "terminé le 01/02/2020"]);
        assert_eq!(Taken::of(&statement).at(now()), Course::Over);
    }

    #[test]
    fn a_period_over_is_stopped_when_the_document_says_so() {
        let mut given = json!({"resourceType": "MedicationAdministration", "status": "completed", "effectivePeriod": {"start": "2013-03", "end": "2026-06-09"}});
        assert_eq!(told("MedicationAdministration", &given, now()), ["administré à partir de mars 2013", "terminé le 09/06/2026"]);
        given["note"] = json!([{"text": "Arrêt définitif"}]);
        assert_eq!(told("MedicationAdministration", &given, now()), ["administré à partir de mars 2013", "arrêté le 09/06/2026"]);
        given["effectivePeriod"]["end"] = json!("2027-01-01");
        assert_eq!(Taken::of(&given).at(now()), Course::Current, "a note of stopping does not end a period to come");
    }

    #[test]
    fn a_prescription_reads_as_one_phrase() {
        let mut request = json!({"resourceType": "MedicationRequest", "status": "active", "dosageInstruction": [{"timing": {"repeat": {"boundsPeriod": {"start": "2026-10-05", "end": "2027-01-04"}}}}]});
        assert_eq!(told("MedicationRequest", &request, now()), ["prescrit du 05/10/2026 au 04/01/2027"]);
        request["authoredOn"] = json!("2026-10-05");
        assert_eq!(told("MedicationRequest", &request, now()), ["prescrit le 05/10/2026", "du 05/10/2026 au 04/01/2027"]);
    }
}
