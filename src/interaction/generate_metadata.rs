//! ITI-106 Generate Metadata: a document in, its DocumentReference made and stored, a reference to it out.
//! Spec: IHE MHD 4.2 ITI-106 (Parameters `document` 1..1: a Binary or a document Bundle).

use serde_json::{Value, json};

use super::planning::to_bytes;
use super::{Answer, App, Call, binary_create, deposit, resource};
use crate::fhir::{Fault, FaultKind, Result, gate};

/// POST DocumentReference/$generate-metadata
pub(super) fn run(app: &App, call: &Call) -> Result<Answer> {
    call.is_transaction("ITI-106");
    let sent = resource::Sent::read(&call.body, "Parameters")?;
    let document = only_document(&sent.value)?;
    let (mime, bytes) = match document.get("resourceType").and_then(Value::as_str) {
        Some("Binary") => binary_create::content(document).map_err(|e| e.at("Parameters.parameter[0].resource"))?,
        Some("Bundle") => ("application/fhir+json".to_owned(), bundle_bytes(&sent.bytes)?.into()),
        _ => return Err(Fault::new(FaultKind::RuleBroken, 494, "the document is a Binary (CDA) or a Bundle of type document").at("Parameters.parameter[0].resource")),
    };
    let answer = deposit::document(app, call, &mime, &bytes)?;
    let reference = answer.location.clone().unwrap_or_default();
    let out = json!({"resourceType": "Parameters", "parameter": [{"name": "DocumentReference", "valueReference": {"reference": reference}}]});
    Ok(Answer { body: super::Body::Resource(to_bytes(&out)?), ..answer })
}

fn only_document(parameters: &Value) -> Result<&Value> {
    let all = parameters.get("parameter").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let named = |p: &&Value| p.get("name").and_then(Value::as_str) == Some("document");
    match all {
        [one] if named(&one) => one.get("resource").ok_or_else(|| missing("the parameter document holds a resource")),
        _ => Err(missing("exactly one parameter is taken: document")),
    }
}

fn missing(what: &str) -> Fault {
    Fault::new(FaultKind::MissingElement, 495, what).at("Parameters.parameter")
}

/// The Bundle as the client wrote it.
fn bundle_bytes(body: &[u8]) -> Result<Vec<u8>> {
    let node = gate::parse(body)?;
    let inner = node.get("parameter").and_then(|p| p.items().first()).and_then(|p| p.get("resource"));
    Ok(inner.and_then(|n| body.get(n.start..n.end)).unwrap_or_default().to_vec())
}
