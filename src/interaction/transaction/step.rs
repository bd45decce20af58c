//! One entry of a transaction, understood.

use serde_json::Value;

use super::super::address;
use super::super::registry::{ResourceRow, registry};
use super::super::resource::Sent;
use super::super::{Method, resource};
use crate::fhir::gate::Node;
use crate::fhir::{Fault, FaultKind, Result};

/// What an entry asks for.
pub(super) struct Step<'a> {
    pub index: usize,
    pub method: Method,
    pub row: &'static ResourceRow,
    /// id in the address, or the one given to a create.
    pub id: String,
    pub full_url: Option<&'a str>,
    pub resource: Option<&'a Value>,
    /// Its bytes as the client sent them.
    pub bytes: &'a [u8],
    /// GET with a query.
    pub is_search: bool,
    pub if_match: Option<&'a str>,
    pub if_none_exist: Option<&'a str>,
}

impl<'a> Step<'a> {
    /// Reads entry `index`; `node` is the same entry in `body`.
    ///
    /// # Errors
    /// `MissingElement` or `BadValue` at `Bundle.entry[index].request`.
    pub(super) fn read(index: usize, entry: &'a Value, node: Option<&Node<'_>>, body: &'a [u8]) -> Result<Self> {
        let at = |what: &str| format!("Bundle.entry[{index}].request.{what}");
        let request = |name: &str| entry.get("request").and_then(|r| r.get(name)).and_then(Value::as_str);
        let method = method(request("method"))
            .ok_or_else(|| Fault::new(FaultKind::MissingElement, 456, "the entry needs request.method GET, POST, PUT, PATCH or DELETE").at(at("method")))?;
        let bad = || Fault::new(FaultKind::BadValue, 457, "request.url is Type or Type/id, relative to the base").at(at("url"));
        let url = request("url").ok_or_else(bad)?;
        let is_search = method == Method::Get && url.contains('?');
        let mut parts = url.split('?').next().unwrap_or("").split('/');
        let (kind, id, rest) = (parts.next().unwrap_or(""), parts.next().unwrap_or(""), parts.next());
        let row = registry().resource(kind).ok_or_else(bad)?;
        let needs_id = method != Method::Post && !is_search;
        if rest.is_some() || needs_id == id.is_empty() || (needs_id && !address::is_id(id)) || (url.contains('?') && !is_search) {
            return Err(bad());
        }
        let span = node.and_then(|n| n.get("resource")).and_then(|r| body.get(r.start..r.end)).unwrap_or_default();
        Ok(Step {
            index,
            method,
            row,
            id: id.to_owned(),
            full_url: entry.get("fullUrl").and_then(Value::as_str),
            resource: entry.get("resource"),
            bytes: span,
            is_search,
            if_match: request("ifMatch"),
            if_none_exist: request("ifNoneExist"),
        })
    }

    /// The resource of the entry, in the client's own bytes.
    ///
    /// # Errors
    /// `MissingElement` when there is none, `BadValue` when it has another type than the address.
    pub(super) fn sent(&self) -> Result<Sent> {
        let value = self.resource.ok_or_else(|| Fault::new(FaultKind::MissingElement, 455, "the entry has no resource"))?;
        resource::Sent::of_entry(self.bytes, value, &self.row.kind)
    }
}

fn method(text: Option<&str>) -> Option<Method> {
    Some(match text? {
        "GET" => Method::Get,
        "POST" => Method::Post,
        "PUT" => Method::Put,
        "PATCH" => Method::Patch,
        "DELETE" => Method::Delete,
        _ => return None,
    })
}
