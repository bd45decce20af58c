//! history-instance.
//! Spec: FHIR R4 http#history.

use super::planning::raw_bundle;
use super::registry::ResourceRow;
use super::{Answer, App, Call, read};
use crate::audit::Action;
use crate::fhir::{Result, time};

/// GET [type]/[id]/_history: newest first, at most 1000 versions; `total` says how many there are.
pub(super) fn instance(app: &App, call: &Call, row: &ResourceRow, id: &str) -> Result<Answer> {
    call.is("history-instance", Action::R);
    call.touched(format!("{}/{id}", row.kind));
    let versions = app.store.read(&call.visibility, |reader| {
        let versions = reader.history(&row.kind, id)?;
        versions.first().map(|newest| reader.open_to_caller(newest.row.record)).filter(|_| row.kind == "Patient").transpose()?;
        Ok(versions)
    })?;
    let Some(newest) = versions.first() else { return Err(read::not_here()) };
    call.in_record(newest.row.record);
    let entries = versions.iter().map(|v| {
        let (method, status) = match (v.row.deleted, v.row.number) {
            (true, _) => ("DELETE", "204"),
            (false, 1) => ("POST", "201"),
            (false, _) => ("PUT", "200"),
        };
        let url = if method == "POST" { row.kind.clone() } else { format!("{}/{id}", row.kind) };
        let resource = if v.row.deleted { String::new() } else { format!("\"resource\":{},", String::from_utf8_lossy(&v.body)) };
        format!(
            "{{\"fullUrl\":\"{}/{}/{id}\",{resource}\"request\":{{\"method\":\"{method}\",\"url\":\"{url}\"}},\"response\":{{\"status\":\"{status}\",\"etag\":\"W/\\\"{}\\\"\",\"lastModified\":\"{}\"}}}}",
            app.base_url,
            row.kind,
            v.row.number,
            time::instant(v.row.at_us)
        )
    });
    let entries: Vec<String> = entries.collect();
    // Versions are numbered from 1 without a gap.
    let total = usize::try_from(newest.row.number).unwrap_or(entries.len());
    Ok(Answer::resource(raw_bundle("history", Some(total), &[], &entries)))
}
