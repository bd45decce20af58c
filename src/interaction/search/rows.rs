//! Search of DocumentReference and List over index rows.
//! Spec: IHE MHD ITI-66, ITI-67; PDSm 3.1.1 flux 05, 06.

use super::memory::records;
use super::order::Order;
use super::parameters::{Asked, Asks, How, Test};
use super::value::Token;
use super::{Cursor, Entry, Matches};
use crate::fhir::classification::canonical_system;
use crate::fhir::{Fault, FaultKind, Identifier, Result};
use crate::interaction::Call;
use crate::interaction::paging::Mark;
use crate::interaction::registry::{ResourceRow, registry};
use crate::store::{Condition, Query, Reader};

/// Runs the search.
pub(super) fn find(reader: &mut Reader<'_>, call: &Call, row: &ResourceRow, asked: &Asked, cursor: Option<&Cursor>) -> Result<Matches> {
    let patients = records(reader, call, asked)?;
    match &patients {
        Some(found) if found.is_empty() => return Ok(Matches::none()),
        Some(found) => found.iter().try_for_each(|record| reader.open_to_caller(*record))?,
        None if asked.tests.iter().any(|t| matches!(t.test, Test::Content(_))) => {
            return Err(Fault::new(FaultKind::MissingElement, 281, "a search of words (_content) needs patient or patient.identifier").at("patient"));
        }
        None => found_without_a_record(row, asked)?,
    }
    let commit = cursor.map_or_else(|| reader.commit(), |c| c.commit);
    let count = if asked.only_count { 0 } else { asked.count };
    let mut conditions = conditions(row, asked)?;
    conditions.extend(patients.map(|found| Condition::Records { any: found.into_iter().collect() }));
    let query = Query {
        kind: row.kind.clone(),
        record: None,
        conditions,
        sort: Order::of_rows(asked.sort.as_ref()),
        count: i64::try_from(count).unwrap_or(20),
        after: cursor.and_then(|c| if let Mark::Key(key) = c.mark { Some(key) } else { None }),
        commit,
    };
    let page = reader.search(&query)?;
    let next = page.next.map(|key| Cursor::new(call, &asked.used, asked.now_us, commit, Mark::Key(key)));
    let mut entries = Vec::with_capacity(page.rows.len());
    for version in page.rows {
        let found = reader.with_body(version)?;
        call.in_record(found.row.record);
        entries.push(Entry { kind: found.row.kind, id: found.row.id, bytes: found.body });
    }
    Ok(Matches { total: usize::try_from(page.total).unwrap_or(0), entries, next })
}

/// Refuses a search of everybody: without a patient, an `_id` or an identifier's value says where to look.
fn found_without_a_record(row: &ResourceRow, asked: &Asked) -> Result<()> {
    if !asked.ids.is_empty() || asked.identifiers.iter().any(|any| any.iter().all(|t| !t.1.is_empty())) {
        return Ok(());
    }
    Err(Fault::new(FaultKind::MissingElement, 280, format!("a search of {} needs patient or patient.identifier (or identifier, or _id)", row.kind)).at("patient"))
}

fn conditions(row: &ResourceRow, asked: &Asked) -> Result<Vec<Condition>> {
    let mut out: Vec<Condition> = asked.tests.iter().filter_map(|t| condition(row, t)).collect();
    for any in &asked.identifiers {
        out.push(identifiers(row, any)?);
    }
    out.extend(asked.ids.iter().map(|any| Condition::Ids { any: any.clone() }));
    out.extend(asked.last_updated.iter().map(|any| Condition::LastUpdated { any: any.clone() }));
    Ok(out)
}

/// Identifiers by value; those of any value in a system by the systems kept for that.
fn identifiers(row: &ResourceRow, any: &[Token]) -> Result<Condition> {
    let wide = any.iter().filter(|t| t.1.is_empty()).count();
    if wide == 0 {
        return Ok(Condition::Identifier { any: any.iter().map(|(system, value)| Identifier { system: system.clone(), value: value.clone() }).collect() });
    }
    let param = registry().indexed(&row.kind, "identifier:system").filter(|_| wide == any.len()).map(|p| p.number);
    let param = param.ok_or_else(|| Fault::new(FaultKind::TooCostly, 282, "identifier takes values or whole systems (system|), not both in one list").at("identifier"))?;
    let systems = any.iter().flat_map(spellings).filter_map(|t| t.0).map(|system| (None, system)).collect();
    Ok(Condition::Token { param, any: systems, negated: false })
}

fn condition(row: &ResourceRow, asks: &Asks) -> Option<Condition> {
    let parameter = registry().indexed(&row.kind, &asks.code)?;
    let param = parameter.number;
    Some(match &asks.test {
        Test::Token(any) => Condition::Token { param, any: any.iter().flat_map(spellings).collect(), negated: asks.negated },
        Test::Date(any) => Condition::Date { param, any: any.clone() },
        Test::Text(any, how) => Condition::Text { param, any: any.clone(), contains: *how == How::Contains },
        Test::Reference(any) | Test::Uri(any) => Condition::Reference { param, any: any.clone() },
        Test::Content(any) => Condition::Content { any: any.clone() },
        Test::Missing(missing) => Condition::Missing { param, kind: parameter.kind, missing: *missing },
    })
}

/// The French terminologies have three spellings each; index rows hold the canonical one beside the one that was sent.
fn spellings(token: &Token) -> Vec<Token> {
    let canonical = token.0.as_deref().filter(|s| !s.is_empty()).map(|s| (Some(canonical_system(s)), token.1.clone()));
    let mut out = vec![token.clone()];
    out.extend(canonical.filter(|c| c != token));
    out
}
