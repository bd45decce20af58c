//! The entries of a transaction worked into one plan.
//!
//! Order: deletes, patients, documents, patches, everything else, lists, reads: each finds the final names of what it refers to.

use std::collections::{HashMap, HashSet};

use super::super::home::{self, Home};
use super::super::planning::Planned;
use super::super::resource::{self, Sent, Slot};
use super::super::{App, Call, Method, batch, create, delete, dispatch, feeding, patch, patient, read, rights, update};
use super::documents;
use super::step::Step;
use crate::config::Validation;
use crate::fhir::{Fault, FaultKind, Identifier, Issue, IssueType, Result, gate};
use crate::store::{Operation, Plan, Precondition, Reader, VersionRow};
use crate::xds::{self, Change};

/// What a transaction may hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::interaction) enum Offer {
    /// What the registry offers.
    Plain,
    /// ITI-65: SubmissionSets and Folders too, and patients known by their INS.
    ProvideDocuments,
}

/// What became of an entry.
pub(in crate::interaction) enum Answered {
    Written {
        kind: String,
        id: String,
        number: i64,
        created: bool,
        warnings: Vec<Issue>,
    },
    Deleted,
    Read(Vec<u8>),
    /// A search, answered after the commit from what is stored then.
    Search,
    /// A search that failed after the commit.
    Refused(Fault),
    /// Left undone under tolerant validation, with the reason.
    Ignored(Vec<Issue>),
}

/// One plan for all entries; the answers are in request order.
///
/// # Errors
/// The fault of the first entry that cannot be carried out, located at `Bundle.entry[n]`.
pub(in crate::interaction) fn plan(app: &App, call: &Call, bundle: &Sent, offer: Offer) -> Result<Planned<Vec<Answered>>> {
    let node = gate::parse(&bundle.bytes)?;
    let nodes = node.get("entry").map(gate::Node::items).unwrap_or_default();
    let entries = bundle.value.get("entry").and_then(serde_json::Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let mut steps = entries.iter().enumerate().map(|(i, e)| Step::read(i, e, nodes.get(i), &bundle.bytes)).collect::<Result<Vec<_>>>()?;
    let mut work = Work::new(offer, app.config.limits.answer_bytes);
    app.store.read(&call.visibility.feeding(), |reader| {
        for step in &mut steps {
            work.name((app, call), reader, step)?;
        }
        let mut order: Vec<usize> = (0..steps.len()).collect();
        order.sort_by_key(|i| steps.get(*i).map_or(0, rank));
        for step in order.into_iter().filter_map(|i| steps.get(i)) {
            work.carry_out(&Bench { app, call, steps: &steps }, reader, step)?;
        }
        Ok(())
    })?;
    let mut answers: Vec<(usize, Answered)> = work.answers.into_iter().collect();
    answers.sort_by_key(|(i, _)| *i);
    let value = answers.into_iter().map(|(_, a)| a).collect();
    let plan = (!work.plan.operations.is_empty()).then_some(work.plan);
    Ok(Planned { plan, record: work.record, value })
}

fn rank(step: &Step<'_>) -> u8 {
    match (step.method, step.row.kind.as_str()) {
        (Method::Delete, _) => 0,
        (Method::Get, _) => 6,
        (_, "Patient") => 1,
        (Method::Post, "DocumentReference") => 2,
        (Method::Patch, _) => 3,
        (_, "List") => 5,
        _ => 4,
    }
}

/// What stays the same while the entries are worked.
pub(super) struct Bench<'a> {
    pub app: &'a App,
    pub call: &'a Call,
    pub steps: &'a [Step<'a>],
}

/// What grows while the entries are worked.
pub(super) struct Work {
    pub offer: Offer,
    /// fullUrl (and conditional reference) → `Type/id`.
    pub names: HashMap<String, String>,
    /// `Patient/id` → record, for patients this transaction makes or has looked up.
    pub records: HashMap<String, i64>,
    /// Numbers of the documents this plan marks superseded already.
    pub superseded: HashSet<i64>,
    /// (type, id) of the resources that entries change.
    pub touched: HashSet<(String, String)>,
    /// Numbers of the documents this Bundle brings, those that were here already included.
    pub documents: Vec<i64>,
    /// (type, identifier) that resources of this plan want for themselves.
    pub claimed: HashSet<(String, Identifier)>,
    /// uniqueIds of the documents this plan brings.
    pub unique: HashSet<Identifier>,
    pub plan: Plan,
    pub record: i64,
    /// Bytes that answers may still hold.
    left: usize,
    pub answers: HashMap<usize, Answered>,
}

impl Work {
    fn new(offer: Offer, left: usize) -> Self {
        Self {
            offer,
            left,
            names: HashMap::new(),
            records: HashMap::new(),
            superseded: HashSet::new(),
            touched: HashSet::new(),
            unique: HashSet::new(),
            documents: Vec::new(),
            claimed: HashSet::new(),
            plan: Plan::default(),
            record: 0,
            answers: HashMap::new(),
        }
    }

    /// Gives a create its id, or finds the resource its If-None-Exist names.
    fn name(&mut self, (app, call): (&App, &Call), reader: &mut Reader<'_>, step: &mut Step<'_>) -> Result<()> {
        if step.method == Method::Post {
            step.id = app.new_id();
            if let Some(condition) = step.if_none_exist
                && let Some((record, found)) =
                    create::existing((app, call), reader, step.row, condition).map_err(|e| e.at(format!("Bundle.entry[{}].request.ifNoneExist", step.index)))?
            {
                step.id.clone_from(&found.id);
                self.records.insert(format!("{}/{}", step.row.kind, found.id), record);
                self.answered(step, found.number, false);
            }
        }
        let identity = (step.row.kind.clone(), step.id.clone());
        if step.method != Method::Get && step.method != Method::Post && !self.touched.insert(identity) {
            return Err(Fault::new(FaultKind::BadValue, 448, "two entries of a transaction name the same resource").at(format!("Bundle.entry[{}].request.url", step.index)));
        }
        if let Some(url) = step.full_url.filter(|_| step.method != Method::Patch) {
            // A relative reference means the entry under the same base, when there is one.
            if let Some((kind, id)) = url.contains("://").then(|| url.rsplit_once('/')).flatten().and_then(|(rest, id)| Some((rest.rsplit_once('/')?.1, id)))
                && kind == step.row.kind
            {
                self.names.entry(format!("{kind}/{id}")).or_insert_with(|| format!("{}/{}", step.row.kind, step.id));
            }
            let known = self.names.insert(url.to_owned(), format!("{}/{}", step.row.kind, step.id));
            if known.is_some() {
                return Err(Fault::new(FaultKind::RuleBroken, 452, "two entries have the same fullUrl").at(format!("Bundle.entry[{}].fullUrl", step.index)));
            }
        }
        Ok(())
    }

    fn carry_out(&mut self, bench: &Bench<'_>, reader: &mut Reader<'_>, step: &Step<'_>) -> Result<()> {
        if self.answers.contains_key(&step.index) {
            return Ok(());
        }
        self.one(bench, reader, step).map_err(|e| located(e, step.index))
    }

    fn one(&mut self, bench: &Bench<'_>, reader: &mut Reader<'_>, step: &Step<'_>) -> Result<()> {
        let sharing = self.offer == Offer::ProvideDocuments && step.row.kind == "List" && matches!(step.method, Method::Post | Method::Put);
        if !sharing {
            dispatch::offered(bench.call, step.row, if step.is_search { "search-type" } else { interaction(step.method) })?;
        }
        match step.method {
            Method::Get if step.is_search => {
                self.answers.insert(step.index, Answered::Search);
            }
            Method::Get if self.written(step).is_some() => {
                let bytes = self.written(step).unwrap_or_default();
                self.answers.insert(step.index, Answered::Read(bytes));
            }
            Method::Get => {
                let one = reader.answering(|reader| read::one(reader, &step.row.kind, &step.id, None))?;
                bench.call.in_record(one.record());
                bench.call.touched(format!("{}/{}", step.row.kind, step.id));
                let bytes = match one {
                    read::One::Fact(_, bytes) => bytes,
                    read::One::Stored(found) if found.row.deleted => return Err(read::gone()),
                    read::One::Stored(found) => found.body,
                };
                self.left = self.left.checked_sub(bytes.len()).ok_or_else(batch::too_much)?;
                self.answers.insert(step.index, Answered::Read(bytes));
            }
            Method::Delete => {
                let planned = delete::plan_in(bench.app, reader, bench.call, step.row, &step.id, step.if_match)?;
                bench.call.touched(format!("{}/{}", step.row.kind, step.id));
                self.merge(planned.plan, planned.record);
                self.answers.insert(step.index, Answered::Deleted);
            }
            Method::Patch => self.patch(bench, reader, step)?,
            Method::Post if step.row.kind == "DocumentReference" => self.document(bench, reader, step)?,
            Method::Post if step.row.kind == "Binary" => self.binary(bench, step)?,
            Method::Post | Method::Put => self.write(bench, reader, step)?,
        }
        Ok(())
    }

    /// FHIRPath Patch of a DocumentReference's metadata.
    fn patch(&mut self, bench: &Bench<'_>, reader: &mut Reader<'_>, step: &Step<'_>) -> Result<()> {
        let changes = patch::changes(step.bytes, "application/fhir+json")?;
        if let Some(target) = patch::target(reader, &step.id)? {
            update::matches(step.if_match, Some(target.version))?;
            if self.superseded.contains(&target.row.number) {
                // A document of this Bundle replaces it: that it is superseded is done, and nothing else may be lost.
                if !changes.iter().all(|c| matches!(c, Change::Status(status) if status == "superseded")) {
                    return Err(Fault::new(
                        FaultKind::RuleBroken,
                        496,
                        "a document of this Bundle replaces the one to be changed; send the other changes in a request of their own",
                    ));
                }
                self.answered(step, target.version + 1, false);
                return Ok(());
            }
            bench.call.in_record(target.row.record);
            let number = patch::plan_in(reader, bench.call, &mut self.plan, &target, &changes)?;
            self.superseded.insert(target.row.number);
            bench.call.touched(format!("DocumentReference/{}", step.id));
            self.answered(step, number, false);
            return Ok(());
        }
        if self.offer == Offer::ProvideDocuments && bench.app.config.documents.validation == Validation::Tolerant {
            let why = "PartialReplaceContentNotProcessed: the DocumentReference to be marked superseded is not known here";
            self.answers.insert(step.index, Answered::Ignored(vec![Issue::warning(IssueType::NotFound, format!("Bundle.entry[{}]", step.index), why)]));
            return Ok(());
        }
        Err(Fault::new(FaultKind::NotFound, 453, "the DocumentReference to be changed is not known here"))
    }

    fn write(&mut self, bench: &Bench<'_>, reader: &mut Reader<'_>, step: &Step<'_>) -> Result<()> {
        let (app, call) = (bench.app, bench.call);
        update::not_reserved(&step.id)?;
        let sent = step.sent()?;
        if let Some(subject) = sent.patient(step.row).map(str::to_owned) {
            self.subject(bench, reader, &subject, None)?;
        }
        let sent = sent.renamed(&self.names, reader)?;
        if step.row.kind == "Patient" {
            feeding::qualified(call, &sent.value)?;
        }
        if step.row.kind == "Patient" && step.method == Method::Post && self.known_patient(bench, reader, step, &sent)? {
            return Ok(());
        }
        let current = if step.method == Method::Put { reader.version(&step.row.kind, &step.id, None)? } else { None };
        if step.method == Method::Put && current.is_none() && reader.is_taken(&step.row.kind, &step.id)? {
            return Err(read::not_here());
        }
        update::matches(step.if_match, current.as_ref().filter(|c| !c.deleted).map(|c| c.number))?;
        if step.row.kind == "List"
            && let Some(current) = &current
        {
            folder(reader, current)?;
        }
        let known = sent.patient(step.row).and_then(|p| self.records.get(p).copied());
        if !rights::is_choice(&step.row.kind) {
            sent.patient(step.row).map_or(Ok(()), |name| documents::identity(bench, name))?;
        }
        let home = match (known, &current) {
            (Some(record), None) => Home::known(record),
            _ => home::record_for((app, call), reader, step.row, &sent, current.as_ref().map(|c| c.record))?,
        };
        let record = home.record;
        self.plan.operations.extend(home.operations);
        self.plan.preconditions.extend(home.preconditions);
        self.claim(bench, reader, step, &sent, current.as_ref().map(|c| c.rid))?;
        if step.row.kind == "Patient" {
            self.records.insert(format!("Patient/{}", step.id), record);
            call.about(&step.id);
        }
        call.in_record(current.as_ref().map_or(0, |c| c.record));
        let (rid, number): (i64, i64) = current.as_ref().map_or_else(|| (app.store.counters().next_resource(), 1), |c| (c.rid, c.number + 1));
        self.plan.preconditions.push(match &current {
            Some(c) => Precondition::VersionIs { kind: step.row.kind.clone(), id: step.id.clone(), number: c.number },
            None => Precondition::IdUnused { kind: step.row.kind.clone(), id: step.id.clone() },
        });
        let decision = update::decided(app, call, reader, step.row, &sent, &update::Going { record, rid, current: current.as_ref(), planned: &self.plan.operations })?;
        let bytes = sent.filed(step.row, home.patient.as_deref())?.with_identity(app, &step.id, number)?;
        let document = if step.method == Method::Post && xds::is_submission_set(&sent.value) { self.seen_with(record, rid) } else { 0 };
        let slot = Slot { kind: &step.row.kind, id: &step.id, record, rid, number, document };
        self.plan.operations.push(Operation::Put(Box::new(resource::put(slot, bytes)?)));
        self.plan.operations.extend(decision);
        self.record = record;
        call.touched(format!("{}/{}", step.row.kind, step.id));
        self.answered(step, number, current.is_none_or(|c| c.deleted));
        Ok(())
    }

    /// Identifiers that no other resource may carry: the INS of a Patient, and what If-None-Exist asks for.
    fn claim(&mut self, bench: &Bench<'_>, reader: &mut Reader<'_>, step: &Step<'_>, sent: &Sent, own: Option<i64>) -> Result<()> {
        let condition = step.if_none_exist.filter(|_| step.method == Method::Post).and_then(create::identifier_of);
        let mut wanted: HashSet<Identifier> = HashSet::new();
        if let Some(identifier) = condition {
            let free = reader.unseen(&step.row.kind, &identifier)?;
            self.claim_all(vec![free])?;
        }
        if step.row.kind == "Patient" {
            patient::refuse_known(bench.app, bench.call, reader, &sent.value, &step.id)?;
            wanted.extend(patient::ins_of(&sent.value));
        }
        let kind = &step.row.kind;
        self.claim_all(wanted.into_iter().map(|identifier| Precondition::IdentifierUnused { kind: kind.clone(), identifier, but: own }).collect())
    }

    /// Adds preconditions to the plan; two entries that want the same identifier for themselves contradict each other.
    pub(super) fn claim_all(&mut self, preconditions: Vec<Precondition>) -> Result<()> {
        for one in &preconditions {
            if let Precondition::IdentifierUnused { kind, identifier, .. } | Precondition::IdentifierUnseen { kind, identifier, .. } = one
                && !self.claimed.insert((kind.clone(), identifier.clone()))
            {
                return Err(Fault::new(FaultKind::RuleBroken, 497, "two resources of the Bundle would carry the same identifier; send it once and refer to it"));
            }
        }
        self.plan.preconditions.extend(preconditions);
        Ok(())
    }

    /// The document whose visibility holds for the SubmissionSet of this Bundle: its only one; of several, each counts (0).
    fn seen_with(&mut self, record: i64, rid: i64) -> i64 {
        match self.documents.as_slice() {
            [only] => *only,
            [] => 0,
            several => {
                self.plan.operations.push(Operation::SetOf { record, rid, documents: several.to_vec() });
                0
            }
        }
    }

    /// What an earlier entry of this transaction writes under the address of a GET.
    fn written(&self, step: &Step<'_>) -> Option<Vec<u8>> {
        self.plan.operations.iter().rev().find_map(|o| match o {
            Operation::Put(p) if p.kind == step.row.kind && p.id == step.id && !p.deleted => Some(p.body.clone()),
            _ => None,
        })
    }

    /// ITI-65 sends the Patient along: one whose INS is known here is used as it stands.
    fn known_patient(&mut self, bench: &Bench<'_>, reader: &mut Reader<'_>, step: &Step<'_>, sent: &Sent) -> Result<bool> {
        if self.offer != Offer::ProvideDocuments {
            return Ok(false);
        }
        let Some(known) = patient::known(bench.app, bench.call, reader, &sent.value)? else { return Ok(false) };
        self.records.insert(known.reference(), known.record);
        if let Some(url) = step.full_url {
            self.names.insert(url.to_owned(), known.reference());
        }
        let number = reader.version("Patient", &known.id, None)?.map_or(1, |v| v.number);
        self.plan.preconditions.extend(known.preconditions);
        self.answers.insert(step.index, Answered::Written { kind: "Patient".into(), id: known.id, number, created: false, warnings: Vec::new() });
        Ok(true)
    }

    /// Remembers what an entry answers.
    pub(super) fn answered(&mut self, step: &Step<'_>, number: i64, created: bool) {
        let answer = Answered::Written { kind: step.row.kind.clone(), id: step.id.clone(), number, created, warnings: Vec::new() };
        self.answers.insert(step.index, answer);
    }

    fn merge(&mut self, plan: Option<Plan>, record: i64) {
        if let Some(plan) = plan {
            self.plan.operations.extend(plan.operations);
            self.plan.preconditions.extend(plan.preconditions);
            self.record = record;
        }
    }
}

/// A List that is changed is a Folder of a record that is open to the caller: what was submitted stays as it was submitted.
/// Spec: IHE MHD 4.2 §3.65.4.1.2 (Folders alone are updated).
fn folder(reader: &mut Reader<'_>, current: &VersionRow) -> Result<()> {
    reader.answering(|r| r.open_to_caller(current.record))?;
    let found = reader.with_body(current.clone())?;
    let stored: serde_json::Value = serde_json::from_slice(&found.body).map_err(|e| Fault::new(FaultKind::Bug, 666, "a stored resource is damaged").because(e))?;
    if xds::is_submission_set(&stored) {
        return Err(Fault::new(FaultKind::Forbidden, 667, "a SubmissionSet is not changed after it was sent; deposit again, or change a Folder"));
    }
    Ok(())
}

fn interaction(method: Method) -> &'static str {
    match method {
        Method::Get => "read",
        Method::Post => "create",
        Method::Put => "update",
        Method::Delete => "delete",
        Method::Patch => "patch",
    }
}

/// Puts the entry in front of where an issue is. What would be 405 alone breaks a rule of this Bundle: POST itself is allowed here.
fn located(mut fault: Fault, index: usize) -> Fault {
    if fault.kind == FaultKind::MethodNotAllowed {
        fault.kind = FaultKind::RuleBroken;
    }
    for issue in &mut fault.issues {
        let inner = issue.expression.take();
        issue.expression = Some(match inner {
            Some(path) if path.starts_with("Bundle.") => path,
            Some(path) => format!("Bundle.entry[{index}].resource.{}", path.split_once('.').map_or(path.as_str(), |p| p.1)),
            None => format!("Bundle.entry[{index}]"),
        });
    }
    fault
}
