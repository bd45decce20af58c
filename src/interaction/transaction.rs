//! transaction and batch; a Provide Document Bundle goes to ITI-65.
//! Spec: FHIR R4 http#transaction.

use std::collections::HashMap;

use serde_json::Value;

use super::planning::{Planned, raw_bundle};
use super::registry::{ResourceRow, registry};
use super::resource::{self, Outcome, Slot};
use super::{Answer, App, Body, Call, Method, delete, dispatch, iti65, update};
use crate::audit::Action;
use crate::fhir::{Fault, FaultKind, Result, time};
use crate::store::{Operation, Plan, Precondition, Reader};
use crate::xds;

/// POST [base]
pub(super) fn process(app: &App, call: &Call) -> Result<Answer> {
    call.is("transaction", Action::E);
    let sent = resource::Sent::read(&call.body, "Bundle")?;
    let entries = sent.value.get("entry").and_then(Value::as_array).map_or(0, Vec::len);
    if entries > app.config.limits.bundle_entries {
        return Err(Fault::new(FaultKind::TooCostly, 450, format!("a Bundle may hold {} entries", app.config.limits.bundle_entries)).at("Bundle.entry"));
    }
    match sent.value.get("type").and_then(Value::as_str) {
        Some("transaction") if xds::is_provide_bundle(&sent.value) => iti65::provide(app, call, &sent),
        Some("transaction") => transaction(app, call, &sent.value),
        Some("batch") => {
            call.is("batch", Action::E);
            Ok(batch(app, call, &sent.value))
        }
        _ => Err(Fault::new(FaultKind::RuleBroken, 451, "the base URL takes a Bundle of type transaction or batch; a document Bundle goes to $deposit").at("Bundle.type")),
    }
}

/// One entry, understood.
struct Step<'a> {
    index: usize,
    method: Method,
    row: &'static ResourceRow,
    /// id in the address, or the one given to a create.
    id: String,
    full_url: Option<&'a str>,
    resource: Option<&'a Value>,
    if_match: Option<String>,
    if_none_exist: Option<&'a str>,
}

fn transaction(app: &App, call: &Call, bundle: &Value) -> Result<Answer> {
    let entries = bundle.get("entry").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let (outcomes, written) = app.plan_and_commit(call, || plan(app, call, entries))?;
    let at = time::instant(written.map_or(call.now_us, |w| w.at_us));
    let responses: Vec<String> = outcomes.into_iter().map(|o| response(o, &at)).collect();
    Ok(Answer::resource(raw_bundle("transaction-response", None, &[], &responses)))
}

fn response(outcome: Answered, at: &str) -> String {
    match outcome {
        Answered::Written { kind, outcome } => {
            let status = if outcome.created { "201 Created" } else { "200 OK" };
            format!(
                "{{\"response\":{{\"status\":\"{status}\",\"location\":\"{kind}/{}/_history/{}\",\"etag\":\"W/\\\"{}\\\"\",\"lastModified\":\"{at}\"}}}}",
                outcome.id, outcome.number, outcome.number
            )
        }
        Answered::Deleted => "{\"response\":{\"status\":\"204 No Content\"}}".to_owned(),
        Answered::Read(bytes) => format!("{{\"resource\":{},\"response\":{{\"status\":\"200 OK\"}}}}", String::from_utf8_lossy(&bytes)),
    }
}

enum Answered {
    Written { kind: String, outcome: Outcome },
    Deleted,
    Read(Vec<u8>),
}

/// One plan for all entries; answers in request order.
fn plan(app: &App, call: &Call, entries: &[Value]) -> Result<Planned<Vec<Answered>>> {
    let mut steps = entries.iter().enumerate().map(|(i, e)| step(app, i, e)).collect::<Result<Vec<_>>>()?;
    steps.sort_by_key(|s| match s.method {
        Method::Delete => 0,
        Method::Post => 1,
        Method::Put | Method::Patch => 2,
        Method::Get => 3,
    });
    let mut work = Work { names: HashMap::new(), records: HashMap::new(), plan: Plan::default(), record: 0, answers: HashMap::new() };
    app.store.read(&call.visibility, |reader| {
        for s in &mut steps {
            work.name(app, reader, s)?;
        }
        for s in steps.iter().filter(|s| s.row.kind == "Patient") {
            work.carry_out(app, call, reader, s)?;
        }
        for s in steps.iter().filter(|s| s.row.kind != "Patient") {
            work.carry_out(app, call, reader, s)?;
        }
        Ok(())
    })?;
    let mut answers: Vec<(usize, Answered)> = work.answers.into_iter().collect();
    answers.sort_by_key(|(i, _)| *i);
    let value = answers.into_iter().map(|(_, a)| a).collect();
    let plan = (!work.plan.operations.is_empty()).then_some(work.plan);
    Ok(Planned { plan, record: work.record, value })
}

struct Work {
    /// fullUrl (and conditional reference) → `Type/id`.
    names: HashMap<String, String>,
    /// `Patient/id` → record, for patients this transaction makes.
    records: HashMap<String, i64>,
    plan: Plan,
    record: i64,
    answers: HashMap<usize, Answered>,
}

impl Work {
    /// Gives a create its id, or finds the resource its If-None-Exist names.
    fn name(&mut self, app: &App, reader: &mut Reader<'_>, step: &mut Step<'_>) -> Result<()> {
        if step.method == Method::Post {
            step.id = app.new_id();
            if let Some(condition) = step.if_none_exist
                && let Some((_, found)) = super::create::existing(reader, step.row, condition)?
            {
                step.id.clone_from(&found.id);
                self.answers.insert(step.index, Answered::Written { kind: step.row.kind.clone(), outcome: found });
            }
        }
        if let Some(url) = step.full_url {
            let known = self.names.insert(url.to_owned(), format!("{}/{}", step.row.kind, step.id));
            if known.is_some() {
                return Err(Fault::new(FaultKind::RuleBroken, 452, "two entries have the same fullUrl").at(format!("Bundle.entry[{}].fullUrl", step.index)));
            }
        }
        Ok(())
    }

    fn carry_out(&mut self, app: &App, call: &Call, reader: &mut Reader<'_>, step: &Step<'_>) -> Result<()> {
        if self.answers.contains_key(&step.index) {
            return Ok(());
        }
        let answer = self.one(app, call, reader, step).map_err(|e| located(e, step.index))?;
        self.answers.insert(step.index, answer);
        Ok(())
    }

    fn one(&mut self, app: &App, call: &Call, reader: &mut Reader<'_>, step: &Step<'_>) -> Result<Answered> {
        let interaction = match step.method {
            Method::Get => "read",
            Method::Post => "create",
            Method::Put => "update",
            Method::Delete => "delete",
            Method::Patch => "patch",
        };
        dispatch::offered(step.row, interaction)?;
        match step.method {
            Method::Get => match super::read::one(reader, &step.row.kind, &step.id, None)? {
                super::read::One::Fact(bytes) => Ok(Answered::Read(bytes)),
                super::read::One::Stored(found) => Ok(Answered::Read(found.body)),
            },
            Method::Delete => {
                let planned = delete::plan_in(reader, call, step.row, &step.id)?;
                self.merge(planned.plan, planned.record);
                Ok(Answered::Deleted)
            }
            Method::Patch => Err(Fault::new(FaultKind::MethodNotAllowed, 453, "PATCH inside a transaction is part of ITI-65 only")),
            Method::Post | Method::Put => self.write(app, call, reader, step),
        }
    }

    fn write(&mut self, app: &App, call: &Call, reader: &mut Reader<'_>, step: &Step<'_>) -> Result<Answered> {
        update::not_reserved(&step.id)?;
        if matches!(step.row.kind.as_str(), "DocumentReference" | "Binary") {
            return Err(Fault::new(FaultKind::RuleBroken, 454, "documents come by ITI-65 (with a SubmissionSet), ITI-105 or $deposit"));
        }
        let resource = step.resource.ok_or_else(|| Fault::new(FaultKind::MissingElement, 455, "the entry has no resource"))?;
        let sent = resource::Sent::of_value(resource, &step.row.kind)?.renamed(&self.names, reader)?;
        let current = if step.method == Method::Put { reader.version(&step.row.kind, &step.id, None)? } else { None };
        update::matches(step.if_match.as_deref(), current.as_ref().filter(|c| !c.deleted).map(|c| c.number))?;
        let known = sent.patient(step.row).and_then(|p| self.records.get(p).copied());
        let (record, operations) = match (known, &current) {
            (Some(record), None) => (record, Vec::new()),
            _ => resource::record_for(app, reader, step.row, &sent, current.as_ref().map(|c| c.record))?,
        };
        self.plan.operations.extend(operations);
        if step.row.kind == "Patient" {
            self.records.insert(format!("Patient/{}", step.id), record);
            call.about(&step.id);
        }
        let (rid, number) = current.as_ref().map_or_else(|| (app.store.counters().next_resource(), 1), |c| (c.rid, c.number + 1));
        self.plan.preconditions.push(match &current {
            Some(c) => Precondition::VersionIs { kind: step.row.kind.clone(), id: step.id.clone(), number: c.number },
            None => Precondition::IdUnused { kind: step.row.kind.clone(), id: step.id.clone() },
        });
        let bytes = sent.with_identity(&step.id, number)?;
        let slot = Slot { kind: &step.row.kind, id: &step.id, record, rid, number, document: 0 };
        self.plan.operations.push(Operation::Put(Box::new(resource::put(slot, bytes.clone())?)));
        self.record = record;
        call.touched(format!("{}/{}", step.row.kind, step.id));
        Ok(Answered::Written { kind: step.row.kind.clone(), outcome: Outcome { id: step.id.clone(), number, bytes, created: current.is_none() } })
    }

    fn merge(&mut self, plan: Option<Plan>, record: i64) {
        if let Some(plan) = plan {
            self.plan.operations.extend(plan.operations);
            self.plan.preconditions.extend(plan.preconditions);
            self.record = record;
        }
    }
}

/// Puts the entry in front of where an issue is.
fn located(mut fault: Fault, index: usize) -> Fault {
    for issue in &mut fault.issues {
        let inner = issue.expression.take().map(|e| format!(".resource({e})")).unwrap_or_default();
        issue.expression = Some(format!("Bundle.entry[{index}]{inner}"));
    }
    fault
}

fn step<'a>(_app: &App, index: usize, entry: &'a Value) -> Result<Step<'a>> {
    let at = |what: &str| format!("Bundle.entry[{index}].request.{what}");
    let request = |name: &str| entry.pointer(&format!("/request/{name}")).and_then(Value::as_str);
    let method = match request("method") {
        Some("GET") => Method::Get,
        Some("POST") => Method::Post,
        Some("PUT") => Method::Put,
        Some("DELETE") => Method::Delete,
        Some("PATCH") => Method::Patch,
        _ => return Err(Fault::new(FaultKind::MissingElement, 456, "the entry needs request.method GET, POST, PUT or DELETE").at(at("method"))),
    };
    let bad = || Fault::new(FaultKind::BadValue, 457, "request.url is Type or Type/id, relative to the base").at(at("url"));
    let url = request("url").ok_or_else(bad)?;
    let mut parts = url.split('/');
    let (kind, id, rest) = (parts.next().unwrap_or(""), parts.next().unwrap_or(""), parts.next());
    let row = registry().resource(kind).ok_or_else(bad)?;
    let needs_id = method != Method::Post;
    if rest.is_some() || needs_id != !id.is_empty() || (needs_id && !dispatch::is_id(id)) {
        return Err(bad());
    }
    Ok(Step {
        index,
        method,
        row,
        id: id.to_owned(),
        full_url: entry.get("fullUrl").and_then(Value::as_str),
        resource: entry.get("resource"),
        if_match: request("ifMatch").map(str::to_owned),
        if_none_exist: request("ifNoneExist"),
    })
}

/// Each entry on its own, as a request of its own with an event of its own.
fn batch(app: &App, call: &Call, bundle: &Value) -> Answer {
    let entries = bundle.get("entry").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let responses: Vec<String> = entries.iter().map(|e| batch_entry(app, call, e)).collect();
    Answer::resource(raw_bundle("batch-response", None, &[], &responses))
}

fn batch_entry(app: &App, call: &Call, entry: &Value) -> String {
    match sub_call(call, entry).and_then(|sub| {
        let answer = super::dispatch(app, &sub)?;
        if !sub.committed.get() {
            app.trace(&sub.event.borrow())?.wait()?;
        }
        Ok(answer)
    }) {
        Ok(answer) => {
            let location = answer.location.map(|l| format!(",\"location\":\"{l}\"")).unwrap_or_default();
            let etag = answer.version.map(|v| format!(",\"etag\":\"W/\\\"{v}\\\"\"")).unwrap_or_default();
            let resource = match answer.body {
                Body::Resource(bytes) => format!("\"resource\":{},", String::from_utf8_lossy(&bytes)),
                _ => String::new(),
            };
            format!("{{{resource}\"response\":{{\"status\":\"{}\"{location}{etag}}}}}", answer.status)
        }
        Err(e) => format!(
            "{{\"response\":{{\"status\":\"{}\",\"outcome\":{}}}}}",
            e.kind.row().status,
            String::from_utf8_lossy(&super::planning::outcome_of(&e))
        ),
    }
}

/// The request an entry stands for; it goes through the same door as any other.
fn sub_call(call: &Call, entry: &Value) -> Result<Call> {
    let request = |name: &str| entry.pointer(&format!("/request/{name}")).and_then(Value::as_str);
    let bad = |what: &str| Fault::new(FaultKind::BadValue, 458, format!("request.{what} of the entry is missing or wrong"));
    let method = match request("method") {
        Some("GET") => Method::Get,
        Some("POST") => Method::Post,
        Some("PUT") => Method::Put,
        Some("PATCH") => Method::Patch,
        Some("DELETE") => Method::Delete,
        _ => return Err(bad("method")),
    };
    let url = request("url").filter(|u| !u.contains("://") && !u.contains("..") && !u.starts_with('/')).ok_or_else(|| bad("url"))?;
    let (path, query) = url.split_once('?').unwrap_or((url, ""));
    if path.is_empty() {
        return Err(bad("url"));
    }
    let body = entry.get("resource").map(super::planning::to_bytes).transpose()?.unwrap_or_default();
    let mut event = call.event.borrow().clone();
    event.id = uuid::Uuid::new_v4().to_string();
    event.entities.clear();
    Ok(Call {
        caller: call.caller.clone(),
        visibility: call.visibility.clone(),
        now_us: call.now_us,
        method,
        path: path.split('/').map(str::to_owned).collect(),
        query: dispatch::form_pairs(query),
        raw_query: query.to_owned(),
        body,
        content_type: "application/fhir+json".into(),
        accept: vec!["application/fhir+json".into()],
        if_match: request("ifMatch").map(str::to_owned),
        if_none_match: request("ifNoneMatch").map(str::to_owned),
        if_none_exist: request("ifNoneExist").map(str::to_owned),
        prefer: call.prefer.clone(),
        event: std::cell::RefCell::new(event),
        committed: std::cell::Cell::new(false),
    })
}
