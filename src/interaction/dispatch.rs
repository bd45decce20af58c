//! Method and path → interaction. The registry says what is offered; what is not is refused with its reason.

use super::address::{form_pairs, is_id};
use super::registry::{ResourceRow, registry};
use super::{Answer, App, Call, Method};
use super::{
    audit_event, authorize, capability, create, delete, delta, deposit, erase, everything, explain, export, generate_metadata, history, key_info, notices, patch, patient, read,
    record_state, refused, render, search, summary, transaction, update, validate_cda,
};
use crate::access::{SYSTEM, may};
use crate::fhir::{Fault, FaultKind, Result};

/// Bytes of the form of a search.
pub const MAX_FORM: usize = 64 << 10;

/// Carries out a request below the base URL; whoever must be told of an access in an emergency will be, and the event of a refusal says
/// whose record it was about.
///
/// # Errors
/// Every kind of the error table.
pub fn dispatch(app: &App, call: &Call) -> Result<Answer> {
    carried_out(app, call).or_else(|fault| refused::name(app, call).and(Err(fault)))
}

fn carried_out(app: &App, call: &Call) -> Result<Answer> {
    notices::within_limit(app, call)?;
    let answer = route(app, call).inspect_err(|e| patient::contradicted(app, call, e));
    app.throttle.settle(call, answer.as_ref().err());
    let answer = answer?;
    notices::announce(app, call)?;
    Ok(answer)
}

fn route(app: &App, call: &Call) -> Result<Answer> {
    let path: Vec<&str> = call.path.iter().map(String::as_str).collect();
    match (call.method, path.as_slice()) {
        (Method::Get, ["metadata"]) => capability::statement(app, call),
        (Method::Post, []) => permitted(call, SYSTEM, "transaction").and_then(|()| transaction::process(app, call)),
        (_, []) => Err(not_allowed(210, "the base URL takes POST of a transaction or batch Bundle")),
        (method, [operation]) if operation.starts_with('$') => run_system(app, call, method, operation),
        (method, [kind, rest @ ..]) => below(app, call, method, row(kind)?, rest),
    }
}

fn below(app: &App, call: &Call, method: Method, row: &ResourceRow, rest: &[&str]) -> Result<Answer> {
    match (method, rest) {
        (Method::Get, []) => offered(call, row, "search-type").and_then(|()| find(app, call, row, &call.query)),
        (Method::Post, ["_search"]) => offered(call, row, "search-type").and_then(|()| search_by_post(app, call, row)),
        (Method::Post, []) => offered(call, row, "create").and_then(|()| create::create(app, call, row)),
        (Method::Patch, []) => offered(call, row, "patch").and_then(|()| patch::conditional(app, call, row)),
        (_, [operation]) if operation.starts_with('$') => run(app, call, method, row, None, operation),
        (_, [id, ..]) if !is_id(id) => Err(Fault::new(FaultKind::NotFound, 211, "an id has 1 to 64 letters, digits, '-' and '.'")),
        (Method::Get, [id]) => offered(call, row, "read").and_then(|()| read::read(app, call, row, id)),
        (Method::Put, [id]) => offered(call, row, "update").and_then(|()| update::update(app, call, row, id)),
        (Method::Patch, [id]) => offered(call, row, "patch").and_then(|()| patch::patch(app, call, row, id)),
        (Method::Delete, [id]) => offered(call, row, "delete").and_then(|()| delete::delete(app, call, row, id)),
        (Method::Get, [id, "_history"]) => offered(call, row, "history-instance").and_then(|()| history::instance(app, call, row, id)),
        (Method::Get, [id, "_history", version]) => offered(call, row, "vread").and_then(|()| read::vread(app, call, row, id, version)),
        (_, [id, operation]) if operation.starts_with('$') => run(app, call, method, row, Some(id), operation),
        (_, [] | [_]) => Err(not_allowed(212, "this method is not offered here")),
        _ => Err(Fault::new(FaultKind::UnknownType, 213, "no such interaction; see metadata")),
    }
}

fn find(app: &App, call: &Call, row: &ResourceRow, query: &[(String, String)]) -> Result<Answer> {
    if row.kind == "AuditEvent" { audit_event::search(app, call, query) } else { search::search(app, call, row, query) }
}

/// POST [type]/_search: parameters of the URL and of the form together.
fn search_by_post(app: &App, call: &Call, row: &ResourceRow) -> Result<Answer> {
    if call.content_type != "application/x-www-form-urlencoded" {
        return Err(Fault::new(FaultKind::UnsupportedFormat, 214, "_search takes application/x-www-form-urlencoded"));
    }
    // The form is kept whole in the trace.
    if call.body.len() > MAX_FORM {
        return Err(Fault::new(FaultKind::TooLarge, 221, "the form of a search may hold 64 KiB"));
    }
    let text = std::str::from_utf8(&call.body).map_err(|_| Fault::new(FaultKind::Malformed, 215, "the form is not UTF-8"))?;
    let mut query = call.query.clone();
    query.extend(form_pairs(text));
    find(app, call, row, &query)
}

fn run_system(app: &App, call: &Call, method: Method, operation: &str) -> Result<Answer> {
    let row = registry().operation(operation.trim_start_matches('$'), "system", None).ok_or_else(|| no_operation(operation))?;
    if method != Method::Post && row.affects_state {
        return Err(not_allowed(216, "this operation changes something and takes POST"));
    }
    permitted(call, SYSTEM, &row.name)?;
    match row.name.as_str() {
        "deposit" => deposit::deposit(app, call),
        "validate-cda" => validate_cda::body(call),
        _ => Err(no_operation(operation)),
    }
}

fn run(app: &App, call: &Call, method: Method, row: &ResourceRow, id: Option<&str>, operation: &str) -> Result<Answer> {
    let level = if id.is_some() { "instance" } else { "type" };
    let op = registry().operation(operation.trim_start_matches('$'), level, Some(&row.kind)).ok_or_else(|| no_operation(operation))?;
    if method != Method::Post && (method != Method::Get || op.affects_state) {
        return Err(not_allowed(217, "this operation takes POST"));
    }
    permitted(call, &row.kind, &op.name)?;
    match (op.name.as_str(), id) {
        ("authorize", Some(id)) => authorize::authorize(app, call, id),
        ("close", Some(id)) => record_state::close(app, call, id),
        ("reopen", Some(id)) => record_state::reopen(app, call, id),
        ("everything", Some(id)) => everything::everything(app, call, id),
        ("export", Some(id)) => export::export(app, call, id),
        ("erase", Some(id)) => erase::erase(app, call, id),
        ("validate-cda", Some(id)) => validate_cda::document(app, call, id),
        ("render", Some(id)) => render::document(app, call, id),
        ("explain-access", Some(id)) => explain::of_document(app, call, id),
        ("summary", Some(id)) => summary::of_patient(app, call, id),
        ("summary", None) => summary::by_identifier(app, call),
        ("key-info", Some(id)) => key_info::of_patient(app, call, id),
        ("key-info", None) => key_info::by_identifier(app, call),
        ("key-info-seen", Some(id)) => key_info::seen(app, call, id),
        ("documents-delta", Some(id)) => delta::of_patient(app, call, id),
        ("documents-delta", None) => delta::by_identifier(app, call),
        ("documents-delta-seen", Some(id)) => delta::seen(app, call, id),
        ("generate-metadata", _) => generate_metadata::run(app, call),
        _ => Err(no_operation(operation)),
    }
}

fn row(kind: &str) -> Result<&'static ResourceRow> {
    registry().resource(kind).ok_or_else(|| Fault::new(FaultKind::UnknownType, 218, "this resource type is not served here; see metadata"))
}

/// Refuses what the registry does not offer, with the reason it gives.
pub(super) fn offered(call: &Call, row: &ResourceRow, interaction: &str) -> Result<()> {
    if row.offers(interaction) {
        return permitted(call, &row.kind, interaction);
    }
    let why = row.refused.get(interaction).map_or("this interaction is not offered on this type; see metadata", String::as_str);
    Err(not_allowed(219, why))
}

/// Refuses what the caller's role or the scopes of its token do not cover, before anything is looked up: for a read or an operation of
/// one resource by its address.
///
/// # Errors
/// `Forbidden` with the rule.
pub fn may_ask(call: &Call) -> Result<()> {
    match call.path.as_slice() {
        [kind, _] => permitted(call, kind, "read"),
        [kind, _, operation] => permitted(call, kind, operation.trim_start_matches('$')),
        _ => Ok(()),
    }
}

/// Refuses what the caller's role or the scopes of its token do not cover.
fn permitted(call: &Call, kind: &str, interaction: &str) -> Result<()> {
    let Some(rules) = call.visibility.rules() else { return Ok(()) };
    may(rules.actor.role, &rules.actor.scopes, kind, interaction).map_err(|rule| Fault::new(FaultKind::Forbidden, 653, rule.caller()).for_a_reader().because(rule.code()))
}

fn no_operation(_name: &str) -> Fault {
    Fault::new(FaultKind::UnknownType, 220, "no such operation here; see metadata")
}

fn not_allowed(number: u16, why: &str) -> Fault {
    Fault::new(FaultKind::MethodNotAllowed, number, why)
}

/// The methods offered at an address, for the Allow header of a 405.
/// Spec: RFC 9110 §15.5.6.
pub fn allowed(path: &[String]) -> String {
    let path: Vec<&str> = path.iter().map(String::as_str).collect();
    let table: &[(&str, &str)] = match path.as_slice() {
        [] => return "POST".to_owned(),
        ["metadata"] => return "GET, HEAD".to_owned(),
        [.., last] if last.starts_with('$') => return "GET, POST".to_owned(),
        [_, "_search"] => return "POST".to_owned(),
        [_] => &[("search-type", "GET, HEAD"), ("create", "POST"), ("patch", "PATCH")],
        [_, _] => &[("read", "GET, HEAD"), ("update", "PUT"), ("patch", "PATCH"), ("delete", "DELETE")],
        _ => return "GET, HEAD".to_owned(),
    };
    let row = path.first().and_then(|kind| registry().resource(kind));
    let offered = table.iter().filter(|(interaction, _)| row.is_some_and(|r| r.offers(interaction))).map(|(_, methods)| *methods);
    offered.collect::<Vec<_>>().join(", ")
}
