//! Reading the trace as BALP AuditEvents: writes from the database, reads from the log, its tail included.
//! Spec: IHE ITI-81; FHIR R4 AuditEvent.

use serde_json::Value;

use super::planning::{raw_bundle, to_bytes};
use super::{Answer, App, Call};
use crate::audit::{Action, Event, to_fhir};
use crate::fhir::{Fault, FaultKind, Result, time};

/// Events one search looks back over.
const MAX_EVENTS: usize = 10_000;

/// GET AuditEvent?date=…&patient=…&_count=…: newest first.
pub(super) fn search(app: &App, call: &Call, query: &[(String, String)]) -> Result<Answer> {
    call.is("search-type", Action::E);
    let asked = Asked::read(app, query)?;
    let mut events: Vec<Event> = between(app, call, asked.low, asked.high)?.into_iter().filter(|e| asked.fits(e)).collect();
    events.sort_by_key(|e| std::cmp::Reverse(e.at_us));
    let total = events.len();
    events.truncate(asked.count);
    let entries: Vec<String> = events
        .iter()
        .map(|e| {
            Ok(format!(
                "{{\"fullUrl\":\"{}/AuditEvent/{}\",\"resource\":{},\"search\":{{\"mode\":\"match\"}}}}",
                app.base_url,
                e.id,
                String::from_utf8_lossy(&to_bytes(&to_fhir(e))?)
            ))
        })
        .collect::<Result<_>>()?;
    Ok(Answer::resource(raw_bundle("searchset", Some(total), &[], &entries)))
}

/// GET AuditEvent/[id]
pub(super) fn read(app: &App, call: &Call, id: &str) -> Result<Answer> {
    let found = between(app, call, 0, i64::MAX)?.into_iter().find(|e| e.id == id).ok_or_else(super::read::not_here)?;
    Ok(Answer::resource(to_bytes(&to_fhir(&found))?))
}

struct Asked {
    low: i64,
    high: i64,
    patient: Option<String>,
    action: Option<String>,
    outcome: Option<String>,
    entity: Option<String>,
    count: usize,
}

impl Asked {
    fn read(app: &App, query: &[(String, String)]) -> Result<Self> {
        let mut out = Self { low: 0, high: i64::MAX, patient: None, action: None, outcome: None, entity: None, count: app.config.limits.page };
        for (name, value) in query {
            let local = |v: &str| v.trim_start_matches("Patient/").to_owned();
            match name.as_str() {
                "date" | "_lastUpdated" => out.date(value)?,
                "patient" => out.patient = Some(local(value)),
                "action" => out.action = Some(value.clone()),
                "outcome" => out.outcome = Some(value.rsplit('|').next().unwrap_or(value).to_owned()),
                "entity" => out.entity = Some(value.clone()),
                "_count" => out.count = value.parse::<usize>().unwrap_or(app.config.limits.page).min(app.config.limits.page_max),
                _ => {}
            }
        }
        Ok(out)
    }

    fn date(&mut self, text: &str) -> Result<()> {
        let (prefix, rest) = match text.get(..2) {
            Some(p @ ("ge" | "gt" | "sa" | "le" | "lt" | "eb" | "eq")) => (p, text.get(2..).unwrap_or("")),
            _ => ("eq", text),
        };
        let (low, high) = time::range(rest).ok_or_else(|| Fault::new(FaultKind::BadValue, 330, "the date is not a FHIR date").at("date"))?;
        match prefix {
            "ge" => self.low = self.low.max(low),
            "gt" | "sa" => self.low = self.low.max(high + 1),
            "le" => self.high = self.high.min(high),
            "lt" | "eb" => self.high = self.high.min(low - 1),
            _ => {
                self.low = self.low.max(low);
                self.high = self.high.min(high);
            }
        }
        Ok(())
    }

    fn fits(&self, event: &Event) -> bool {
        let letter = format!("{:?}", event.action);
        self.patient.as_ref().is_none_or(|p| event.patient.as_ref() == Some(p))
            && self.action.as_ref().is_none_or(|a| a == &letter)
            && self.outcome.as_ref().is_none_or(|o| o == event.outcome.code())
            && self.entity.as_ref().is_none_or(|e| event.entities.contains(e))
    }
}

/// Events with low ≤ at ≤ high, from both sources, at most [`MAX_EVENTS`] of each.
fn between(app: &App, call: &Call, low: i64, high: i64) -> Result<Vec<Event>> {
    let written = app.store.read(&call.visibility, |r| r.audit_lines(low, high, i64::try_from(MAX_EVENTS).unwrap_or(i64::MAX)))?;
    let inside = |e: &Event| (low..=high).contains(&e.at_us);
    let logged = app.read_log.lines(MAX_EVENTS, |line| event_of(line).is_some_and(|e| inside(&e)))?;
    Ok(written.iter().chain(&logged).filter_map(|l| event_of(l)).collect())
}

/// The event inside a chained line.
fn event_of(line: &str) -> Option<Event> {
    let mut value: Value = serde_json::from_str(line).ok()?;
    serde_json::from_value(value.get_mut("event")?.take()).ok()
}
