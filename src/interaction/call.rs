//! One request, parsed once: who, what, with which conditions. The event that the audit will hold is filled on the way.

use std::cell::RefCell;

use bytes::Bytes;

use super::App;
use super::Missed;
use super::address::is_id;
use super::dispatch::MAX_FORM;
use super::layers::Layers;
use super::registry::registry;
use super::sent_parameters;
use crate::access::{Rule, Visibility};
use crate::audit::{Action, By, Event, Outcome, packed, unpacked};
use crate::fhir::{Actor, Fault, FaultKind, Result, Role};
use crate::identity::Caller;

/// Methods the API knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Method {
    Get,
    Post,
    Put,
    Patch,
    Delete,
}

/// The Prefer header.
#[derive(Debug, Clone, Default)]
pub struct Prefer {
    /// `handling=strict`.
    pub strict: bool,
    /// `return=minimal`, `representation` or `OperationOutcome`.
    pub returns: Option<String>,
}

/// A request of a known caller.
#[derive(Debug)]
pub struct Call {
    pub caller: Caller,
    /// Who acts through the caller's software, as its access token says; the structure alone without one.
    pub actor: Actor,
    pub visibility: Visibility,
    /// µs UTC at arrival.
    pub now_us: i64,
    pub method: Method,
    /// Decoded path segments below the base.
    pub path: Vec<String>,
    /// Decoded query pairs, in order.
    pub query: Vec<(String, String)>,
    /// The query as it came.
    pub raw_query: String,
    /// JSON or other bytes; FHIR XML has been converted.
    pub body: Bytes,
    /// MIME type of the body without parameters, lower case.
    pub content_type: String,
    /// MIME types of Accept, in order, lower case, without parameters.
    pub accept: Vec<String>,
    pub if_match: Option<String>,
    pub if_none_match: Option<String>,
    pub if_none_exist: Option<String>,
    pub prefer: Prefer,
    pub event: RefCell<Event>,
    /// Set once the event rides in a commit, so that it is not logged twice.
    pub committed: std::cell::Cell<bool>,
    /// Text layers of the files it brings.
    pub layers: RefCell<Layers>,
    /// Patients' numbers that nobody carries, until the end says whether they count.
    pub missed: RefCell<Missed>,
    /// Parameters of an operation that came in its body, once they were asked for.
    pub sent: std::cell::OnceCell<Vec<(String, String)>>,
}

impl Call {
    /// A call of a caller and an actor without conditions, preferences, query or body; `ids` are network address and request id.
    pub fn plain(app: &App, (caller, actor): (Caller, Actor), method: Method, path: Vec<String>, ids: (String, String)) -> Self {
        let now_us = app.now_us();
        let visibility = app.rules.visibility(&caller, &actor, now_us);
        let mut event = Self::event_for(&caller, Some(&actor), now_us, ids);
        event.by = event.by.map(|by| app.named_by(by, &actor));
        event.matrix = visibility.rules().map(|r| r.matrix.version().to_owned()).unwrap_or_default();
        Self {
            visibility,
            event: RefCell::new(event),
            caller,
            actor,
            now_us,
            method,
            path,
            query: Vec::new(),
            raw_query: String::new(),
            body: Bytes::new(),
            content_type: String::new(),
            accept: Vec::new(),
            if_match: None,
            if_none_match: None,
            if_none_exist: None,
            prefer: Prefer::default(),
            committed: std::cell::Cell::new(false),
            layers: RefCell::default(),
            missed: RefCell::default(),
            sent: std::cell::OnceCell::new(),
        }
    }

    /// An event for this caller, to be refined by the interaction.
    pub fn event_for(caller: &Caller, actor: Option<&Actor>, now_us: i64, (address, request_id): (String, String)) -> Event {
        Event {
            at_us: now_us,
            id: uuid::Uuid::new_v4().to_string(),
            interaction: "unknown".into(),
            transaction: None,
            action: Action::E,
            outcome: Outcome::Success,
            structure: caller.structure.to_string(),
            organization: caller.organization.clone(),
            fingerprint: caller.fingerprint_hex(),
            serial: caller.serial.clone(),
            issuer: caller.issuer.clone(),
            address,
            patient: None,
            entities: Vec::new(),
            documents: String::new(),
            query: None,
            request_id,
            // A structure without a token is the caller itself.
            by: actor.filter(|a| a.role != Role::Structure).map(By::from),
            matrix: String::new(),
            fault: 0,
            rule: String::new(),
            opening: String::new(),
            looked_at: Vec::new(),
            also: Vec::new(),
            records: std::collections::BTreeSet::new(),
        }
    }

    /// An event of what the server does on its own.
    pub fn event_of_the_server(now_us: i64, id: String, entity: &str) -> Event {
        Event {
            at_us: now_us,
            id,
            interaction: "create".into(),
            transaction: None,
            action: Action::C,
            outcome: Outcome::Success,
            structure: String::new(),
            organization: "Passerelle".into(),
            fingerprint: String::new(),
            serial: String::new(),
            issuer: String::new(),
            address: String::new(),
            patient: None,
            entities: vec![entity.to_owned()],
            documents: String::new(),
            query: None,
            request_id: String::new(),
            by: None,
            matrix: String::new(),
            fault: 0,
            rule: String::new(),
            opening: String::new(),
            looked_at: Vec::new(),
            also: Vec::new(),
            records: std::collections::BTreeSet::new(),
        }
    }

    /// What a request looks like before anything of it was carried out: a refusal must be traced under some name.
    pub fn presumed(method: Option<Method>, path: &[String]) -> (String, Action) {
        let path: Vec<&str> = path.iter().map(String::as_str).collect();
        let operation = path.last().and_then(|p| p.strip_prefix('$'));
        if let Some(name) = operation {
            let known = registry().operations.iter().find(|o| o.name == name);
            return (known.map_or_else(|| "operation".to_owned(), |o| o.name.clone()), if known.is_some_and(|o| o.affects_state) { Action::C } else { Action::R });
        }
        let (name, action) = match (method, path.as_slice()) {
            (Some(Method::Get), ["metadata"]) => ("capabilities", Action::E),
            (Some(Method::Post), []) => ("transaction", Action::E),
            (Some(Method::Get), [_]) | (Some(Method::Post), [_, "_search"]) => ("search-type", Action::E),
            (Some(Method::Get), [_, _, "_history"]) => ("history-instance", Action::R),
            (Some(Method::Get), [_, _, "_history", _]) => ("vread", Action::R),
            (Some(Method::Get), [_, ..]) => ("read", Action::R),
            (Some(Method::Post), _) => ("create", Action::C),
            (Some(Method::Put), _) => ("update", Action::U),
            (Some(Method::Patch), _) => ("patch", Action::U),
            (Some(Method::Delete), _) => ("delete", Action::D),
            _ => ("operation", Action::E),
        };
        (name.to_owned(), action)
    }

    /// Names the interaction before it is known whether it will be carried out.
    pub fn presume(&self) {
        let (name, action) = Self::presumed(Some(self.method), &self.path);
        self.is(&name, action);
    }

    /// Notes how the interaction ended: its outcome, and of a refusal the fault, the rule, and what was asked for.
    pub fn ended(&self, fault: Option<&Fault>, status: u16) {
        if Outcome::of_status(status) != Outcome::Success {
            self.asked_for();
        }
        let mut event = self.event.borrow_mut();
        event.outcome = Outcome::of_status(status);
        event.fault = fault.map_or(0, |f| f.number);
        let rule = fault.and_then(|f| f.cause.as_deref()).and_then(Rule::of);
        event.rule = rule.map(|r| r.code().to_owned()).unwrap_or_default();
    }

    /// Names what the address of a refused request names, and keeps its query when it is a search, however early it was refused.
    fn asked_for(&self) {
        if let Some((kind, id)) = self.addressed() {
            self.touched(format!("{kind}/{id}"));
        }
        let unkept = {
            let event = self.event.borrow();
            event.interaction == "search-type" && event.query.is_none()
        };
        let form = self.body.is_empty() || self.content_type == "application/x-www-form-urlencoded" && self.body.len() <= MAX_FORM;
        if unkept && form {
            self.queried();
        }
    }

    /// Type and id of the resource that the address is about.
    pub(super) fn addressed(&self) -> Option<(&str, &str)> {
        let [kind, id, ..] = self.path.as_slice() else { return None };
        (is_id(id) && registry().resource(kind).is_some()).then_some((kind, id))
    }

    /// Names the interaction in the event.
    pub fn is(&self, interaction: &str, action: Action) {
        let mut event = self.event.borrow_mut();
        interaction.clone_into(&mut event.interaction);
        event.action = action;
    }

    /// Names the IHE transaction.
    pub fn is_transaction(&self, name: &str) {
        self.event.borrow_mut().transaction = Some(name.to_owned());
    }

    /// Adds what was touched (at most 100 are kept).
    pub fn touched(&self, reference: String) {
        let mut event = self.event.borrow_mut();
        if event.entities.len() < 100 && !event.entities.contains(&reference) {
            event.entities.push(reference);
        }
    }

    /// Notes the documents that the answer is made from, by number: who read one is found by them, whichever way it was read.
    pub fn used(&self, documents: impl IntoIterator<Item = i64>) {
        let mut event = self.event.borrow_mut();
        event.documents = packed(unpacked(&event.documents).chain(documents));
    }

    /// Notes what more was looked at (at most 10 are kept), in words of the program's own tables.
    pub fn looked_at(&self, kind: &str, what: &str) {
        let mut event = self.event.borrow_mut();
        if event.looked_at.len() < 10 && !what.is_empty() {
            event.looked_at.push((kind.to_owned(), what.to_owned()));
        }
    }

    /// Names a patient; each one gets an event.
    pub fn about(&self, patient: &str) {
        let mut event = self.event.borrow_mut();
        match &event.patient {
            None => event.patient = Some(patient.to_owned()),
            Some(first) if first == patient || event.also.iter().any(|p| p == patient) => {}
            Some(_) => event.also.push(patient.to_owned()),
        }
    }

    /// Notes the record of something touched, whose patient the trace will name; 0, the shared record, has none.
    pub fn in_record(&self, record: i64) {
        if record != 0 {
            self.event.borrow_mut().records.insert(record);
        }
    }

    /// Keeps the query of a search as it came: `Type?address`, with the form behind it after POST.
    /// Spec: BALP 1.1 Query (entity.query is the raw request, base64).
    pub fn queried(&self) {
        use base64::Engine;
        let form = if self.method == Method::Post { &self.body[..] } else { &[] };
        let mut raw = format!("{}?{}", self.path.join("/"), self.raw_query).into_bytes();
        if !self.raw_query.is_empty() && !form.is_empty() {
            raw.push(b'&');
        }
        raw.extend_from_slice(form);
        self.event.borrow_mut().query = Some(base64::engine::general_purpose::STANDARD.encode(raw));
    }

    /// The last value of a parameter in the query, else in the Parameters resource that an operation was sent.
    pub fn parameter(&self, name: &str) -> Option<&str> {
        let of_query = self.query.iter().rev().find(|(n, _)| n == name).map(|(_, v)| v.as_str());
        of_query.or_else(|| self.asked().filter(|(n, _)| *n == name).last().map(|(_, v)| v))
    }

    /// Every value of a parameter.
    pub fn parameters<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> + 'a {
        self.asked().filter(move |(n, _)| *n == name).map(|(_, v)| v)
    }

    /// Refuses a body of an operation that is no Parameters resource that can be read.
    ///
    /// # Errors
    /// `Malformed` with the reason.
    pub fn sent_is_readable(&self) -> Result<()> {
        match sent_parameters::unreadable(&self.body) {
            Some(why) => Err(Fault::new(FaultKind::Malformed, 889, format!("{why}; send a Parameters resource as JSON, or the parameters in the address"))),
            None => Ok(()),
        }
    }

    /// Every parameter with its value, in order.
    pub fn asked(&self) -> impl Iterator<Item = (&str, &str)> {
        let sent = self.sent.get_or_init(|| sent_parameters::read(&self.path, &self.body));
        self.query.iter().chain(sent).map(|(n, v)| (n.as_str(), v.as_str()))
    }
}
