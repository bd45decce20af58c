//! GET metadata: the CapabilityStatement, derived from the registry, written once by the typed model.
//! Spec: FHIR R4 http#capabilities.

use fhir_typed::{CapabilityExtra, CapabilityInput, Operation, ResourceCapability, ResourceExtra, SearchParam};

use super::registry::{OperationRow, ResourceRow, registry};
use super::search::includes;
use super::{Answer, App, Call};
use crate::audit::Action;
use crate::config::AccessPolicy;
use crate::fhir::Result;
use crate::fhir::search::ParamType;

/// Day of the last change of what is offered; part of the statement.
const DATE: &str = "2026-11-25";

/// The statement of this server.
pub(super) fn statement(app: &App, call: &Call) -> Result<Answer> {
    call.is("capabilities", Action::E);
    let bytes = app.statement.get_or_init(|| write(&app.base_url, app.config.access.policy));
    Ok(Answer::resource(bytes.clone()))
}

/// Who decides, announced.
const fn security(policy: AccessPolicy) -> &'static str {
    match policy {
        AccessPolicy::Open => {
            "Mutual TLS: an organisation certificate (IGC-Santé ORG AUTH_CLI) on every call. access.policy = open: any valid certificate reads and writes; the mask to professionals holds."
        }
        AccessPolicy::Enforced => {
            "Mutual TLS: an organisation certificate (IGC-Santé ORG AUTH_CLI) on every call. access.policy = enforced: reading needs an access token of a person, bound to that certificate (RFC 8705); the patient's choices, the habilitation matrix and labels decide. Without a token a structure feeds and does not read."
        }
    }
}

fn write(base_url: &str, policy: AccessPolicy) -> Vec<u8> {
    let input = CapabilityInput {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        url: base_url.to_owned(),
        date: DATE.to_owned(),
        description: "FHIR R4 document repository and key-information hub: PDSm/MHD document sharing, CDA ingestion, IPS summaries".to_owned(),
        security: security(policy).to_owned(),
        resources: registry().resources.iter().map(resource).collect(),
        system_interactions: vec!["transaction".to_owned(), "batch".to_owned()],
        system_operations: registry().operations.iter().filter(|o| o.level.iter().any(|l| l == "system")).map(operation).collect(),
        formats: ["application/fhir+json", "application/fhir+xml"].map(str::to_owned).to_vec(),
    };
    fhir_typed::capability_statement_with(&input, &extra())
}

/// Actors fulfilled and guides followed.
fn extra() -> CapabilityExtra {
    CapabilityExtra {
        jurisdiction: Some("FR".to_owned()),
        instantiates: vec!["https://interop.esante.gouv.fr/ig/fhir/pdsm/CapabilityStatement/PDSm-GestionnaireDePartageDeDocuments".to_owned()],
        implementation_guides: ["https://interop.esante.gouv.fr/ig/fhir/pdsm", "https://profiles.ihe.net/ITI/MHD", "http://hl7.org/fhir/uv/ips"].map(str::to_owned).to_vec(),
        patch_formats: ["application/json-patch+json", "application/fhir+json", "application/fhir+xml"].map(str::to_owned).to_vec(),
        resources: registry().resources.iter().map(resource_extra).collect(),
        ..CapabilityExtra::default()
    }
}

fn resource_extra(row: &ResourceRow) -> ResourceExtra {
    let mut reasons: Vec<String> = row.refused.iter().map(|(interaction, why)| format!("- {interaction}: {why}")).collect();
    reasons.sort_unstable();
    let refused = (!reasons.is_empty()).then(|| format!("Not offered:\n{}", reasons.join("\n")));
    let notes: Vec<String> = refused.into_iter().chain(row.note.clone()).collect();
    ResourceExtra {
        kind: row.kind.clone(),
        documentation: (!notes.is_empty()).then(|| notes.join("\n\n")),
        interaction_notes: if row.offers("patch") { vec![("patch".to_owned(), CONDITIONAL_PATCH.to_owned())] } else { Vec::new() },
        update_create: row.offers("update").then_some(true),
        conditional_create: row.offers("create").then_some(row.kind != "DocumentReference" && row.kind != "Binary"),
        conditional_update: row.offers("patch").then_some(true),
        ..ResourceExtra::default()
    }
}

/// R4 has one flag for conditional PUT and PATCH; PDSm sets it for its PATCH.
const CONDITIONAL_PATCH: &str =
    "By id, or conditional: `PATCH [type]?identifier=system|value` (PDSm flux 03/04), which is what conditionalUpdate = true stands for here; conditional PUT is not offered.";

fn resource(row: &ResourceRow) -> ResourceCapability {
    ResourceCapability {
        kind: row.kind.clone(),
        interactions: row.interactions.clone(),
        search_params: parameters(row),
        operations: registry().operations.iter().filter(|o| o.kind.as_deref() == Some(&row.kind)).map(operation).collect(),
        supported_profiles: row.profiles.clone(),
        versioning: if row.embedded { "no-version" } else { "versioned" }.to_owned(),
        search_includes: if row.offers("search-type") { includes(row) } else { Vec::new() },
    }
}

fn operation(row: &OperationRow) -> Operation {
    Operation { name: row.name.clone(), definition: row.definition.clone(), documentation: Some(row.summary.clone()) }
}

fn one(name: &str, kind: &str, documentation: &str) -> SearchParam {
    SearchParam { name: name.to_owned(), kind: kind.to_owned(), documentation: (!documentation.is_empty()).then(|| documentation.to_owned()) }
}

fn parameters(row: &ResourceRow) -> Vec<SearchParam> {
    if !row.offers("search-type") {
        return Vec::new();
    }
    let mut out = vec![one("_id", "token", ""), one("_lastUpdated", "date", DATES)];
    if row.search.is_some() {
        out.extend([one("patient", "reference", PATIENT), one("subject", "reference", PATIENT), one("patient.identifier", "token", PATIENT)]);
        out.push(one("identifier", "token", "masterIdentifier and identifier: `value`, `system|value`; `system|` together with a patient."));
        let indexed = registry().indexed.iter().filter(|p| !p.internal && p.on.contains(&row.kind));
        out.extend(indexed.map(|p| one(&p.code, p.kind.code(), if p.content { CONTENT } else { about(p.kind, false) })));
    }
    let trace = row.kind == "AuditEvent";
    out.extend(row.parameter.iter().map(|p| one(&p.code, p.kind.code(), if trace { "" } else { about(p.kind, true) })));
    out.extend([
        one("_count", "number", "0 gives the total alone."),
        one("_sort", "string", sorts(row)),
        one("_summary", "token", "`count`, `false`."),
        one("_total", "token", TOTAL),
    ]);
    out
}

const DATES: &str = "eq, ne, gt, lt, ge, le, sa, eb, ap (a tenth of the distance from now); commas are alternatives.";
const PATIENT: &str = "`patient`, `subject`, `patient.identifier`, `patient:identifier`, also as `subject:Patient…`.";
const CONTENT: &str =
    "Words of the title, the sections and the text of PDF files, by their beginning, without case and accents: all must be found; commas are alternatives. With a patient only.";
const TOTAL: &str = "`none` leaves the total out; it is exact otherwise.";

/// What is supported of a parameter, by its type.
fn about(kind: ParamType, exact: bool) -> &'static str {
    match (kind, exact) {
        (ParamType::Token, _) => "`code`, `system|code`, `|code`, `system|`; `:not`, `:missing`.",
        (ParamType::Date, _) => DATES,
        (ParamType::String, true) => "Begins with, without case and accents; `:contains`, `:exact`, `:missing`.",
        (ParamType::String, false) => "Begins with, without case and accents; `:contains`, `:missing`.",
        _ => "",
    }
}

/// What `_sort` takes.
fn sorts(row: &ResourceRow) -> &'static str {
    if row.kind == "AuditEvent" {
        return "`-date` (the default) or `date`.";
    }
    if row.search.is_some() { "`date` or `_lastUpdated`, either way; `_id` may follow." } else { "A date parameter or `_lastUpdated`, either way; `_id` may follow." }
}
