//! GET metadata: the CapabilityStatement, derived from the registry, written once by the typed model.
//! Spec: FHIR R4 http#capabilities.

use std::sync::OnceLock;

use fhir_typed::{CapabilityExtra, CapabilityInput, Operation, ResourceCapability, ResourceExtra, SearchParam};

use super::registry::{OperationRow, ResourceRow, registry};
use super::search::indexed_parameters;
use super::{Answer, App, Call};
use crate::audit::Action;
use crate::fhir::Result;
use crate::fhir::search::ParamType;

/// Day of the last change of what is offered; part of the statement.
const DATE: &str = "2026-11-24";

static STATEMENT: OnceLock<Vec<u8>> = OnceLock::new();

/// The statement of this server.
pub(super) fn statement(app: &App, call: &Call) -> Result<Answer> {
    call.is("capabilities", Action::E);
    let bytes = STATEMENT.get_or_init(|| write(&app.base_url));
    Ok(Answer::resource(bytes.clone()))
}

fn write(base_url: &str) -> Vec<u8> {
    let input = CapabilityInput {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        url: base_url.to_owned(),
        date: DATE.to_owned(),
        description: "FHIR R4 document repository and key-information hub: PDSm/MHD document sharing, CDA ingestion, IPS summaries".to_owned(),
        security: "Mutual TLS: an organisation certificate (IGC-Santé ORG AUTH_CLI) on every call. access.policy = open: any valid certificate reads and writes; confidentiality labels hold.".to_owned(),
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
        patch_formats: ["application/json-patch+json", "application/fhir+json"].map(str::to_owned).to_vec(),
        resources: registry().resources.iter().map(resource_extra).collect(),
        ..CapabilityExtra::default()
    }
}

fn resource_extra(row: &ResourceRow) -> ResourceExtra {
    let mut reasons: Vec<String> = row.refused.iter().map(|(interaction, why)| format!("- {interaction}: {why}")).collect();
    reasons.sort_unstable();
    ResourceExtra {
        kind: row.kind.clone(),
        documentation: (!reasons.is_empty()).then(|| format!("Not offered:\n{}", reasons.join("\n"))),
        update_create: row.offers("update").then_some(true),
        conditional_create: row.offers("create").then_some(row.kind != "DocumentReference" && row.kind != "Binary"),
        conditional_update: row.offers("patch").then_some(true),
        ..ResourceExtra::default()
    }
}

fn resource(row: &ResourceRow) -> ResourceCapability {
    ResourceCapability {
        kind: row.kind.clone(),
        interactions: row.interactions.clone(),
        search_params: parameters(row),
        operations: registry().operations.iter().filter(|o| o.kind.as_deref() == Some(&row.kind)).map(operation).collect(),
        supported_profiles: row.profiles.clone(),
        versioning: "versioned".to_owned(),
        search_includes: if row.offers("search-type") { includes(row) } else { Vec::new() },
    }
}

fn includes(row: &ResourceRow) -> Vec<String> {
    let own = row.parameter.iter().filter(|p| p.kind == ParamType::Reference).map(|p| format!("{}:{}", row.kind, p.code));
    let shared: &[&str] = match row.kind.as_str() {
        "List" => &["List:item", "List:patient"],
        "DocumentReference" => &["DocumentReference:relatesto", "DocumentReference:patient"],
        _ => &[],
    };
    own.chain(shared.iter().map(|s| (*s).to_owned())).collect()
}

fn operation(row: &OperationRow) -> Operation {
    Operation { name: row.name.clone(), definition: row.definition.clone(), documentation: Some(row.summary.clone()) }
}

fn parameters(row: &ResourceRow) -> Vec<SearchParam> {
    if !row.offers("search-type") {
        return Vec::new();
    }
    let one = |name: &str, kind: &str| SearchParam { name: name.to_owned(), kind: kind.to_owned(), documentation: None };
    let mut out = vec![one("_id", "token"), one("_lastUpdated", "date")];
    if row.search.is_some() {
        out.extend([one("patient", "reference"), one("subject", "reference"), one("identifier", "token")]);
        out.extend(indexed_parameters().into_iter().map(|(code, kind)| one(code, kind)));
    }
    out.extend(row.parameter.iter().map(|p| one(&p.code, p.kind.code())));
    out
}
