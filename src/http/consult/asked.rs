//! A request of the page, read once.

use actix_web::http::header;
use actix_web::{HttpRequest, web};

use crate::fhir::{Fault, FaultKind, Result};
use crate::http::body;
use crate::http::serve::{Shared, address, text};
use crate::interaction::{self, Method};

/// Name of the session's cookie. `__Host-`: Secure, Path=/, no Domain, or the browser drops it.
pub(super) const COOKIE: &str = "__Host-passerelle";
/// Bytes of an address.
const ADDRESS_MAX_BYTES: usize = 8192;

/// What the page or a browser asks.
pub(super) struct Asked {
    pub method: Method,
    /// Decoded segments of the path.
    pub path: Vec<String>,
    /// Whether the path ends with a slash.
    pub slash: bool,
    pub query: Vec<(String, String)>,
    pub form: Vec<(String, String)>,
    pub agent: String,
    pub cookie: Option<String>,
    /// X-Passerelle-Token, or the member `token` of the form.
    pub token: String,
    pub origin: Option<String>,
    /// Sec-Fetch-Site.
    pub site: Option<String>,
    /// A browser that fetches an address nobody has chosen yet.
    pub prefetch: bool,
    /// Whether it carries an access token.
    pub bearer: bool,
    pub json: bool,
    pub address: String,
}

impl Asked {
    /// Reads method, path, headers and the form.
    ///
    /// # Errors
    /// `MethodNotAllowed`, `AddressTooLong`, `UnsupportedFormat` for a body that is no form, and what receiving a body answers.
    pub(super) async fn read(req: &HttpRequest, payload: web::Payload, shared: &Shared) -> Result<Self> {
        let method = match req.method().as_str() {
            "GET" => Method::Get,
            "POST" => Method::Post,
            _ => return Err(Fault::new(FaultKind::MethodNotAllowed, 769, "the page takes GET and POST")),
        };
        let raw = req.uri().path();
        if raw.len() > ADDRESS_MAX_BYTES || req.query_string().len() > ADDRESS_MAX_BYTES {
            return Err(Fault::new(FaultKind::AddressTooLong, 770, "the address is over 8 KiB"));
        }
        let received = body::receive(req, payload, &shared.app.config.limits, super::FORM_MAX_BYTES, &shared.budget).await?;
        let kind = text(req, header::CONTENT_TYPE.as_str()).unwrap_or("").split(';').next().unwrap_or("").trim();
        if !received.bytes.is_empty() && !kind.eq_ignore_ascii_case(body::FORM) {
            return Err(Fault::new(FaultKind::UnsupportedFormat, 771, "the page takes application/x-www-form-urlencoded"));
        }
        let form = std::str::from_utf8(&received.bytes).map(interaction::form_pairs).unwrap_or_default();
        let own = |name: &str| text(req, name).map(str::to_owned);
        let token = own("x-passerelle-token").or_else(|| form.iter().find(|(n, _)| n == "token").map(|(_, v)| v.clone())).unwrap_or_default();
        Ok(Self {
            method,
            path: raw.split('/').filter(|s| !s.is_empty()).map(decoded).collect(),
            slash: raw.ends_with('/'),
            query: interaction::form_pairs(req.query_string()),
            agent: own("user-agent").unwrap_or_default(),
            cookie: cookie(req),
            token,
            origin: own("origin"),
            site: own("sec-fetch-site"),
            prefetch: ["sec-purpose", "purpose", "x-moz"].iter().any(|n| text(req, n).is_some_and(|v| v.contains("prefetch"))),
            bearer: req.headers().contains_key(header::AUTHORIZATION),
            json: wants_json(req),
            address: address(req),
            form,
        })
    }

    /// The last value of a query parameter.
    pub(super) fn parameter(&self, name: &str) -> Option<&str> {
        self.query.iter().rev().find(|(n, _)| n == name).map(|(_, v)| v.as_str())
    }

    /// The value of a member of the form, or of the query where the form lacks it.
    pub(super) fn given(&self, name: &str) -> Option<&str> {
        self.form.iter().find(|(n, _)| n == name).map(|(_, v)| v.as_str()).or_else(|| self.parameter(name))
    }
}

/// Whether a script asks, and no navigation.
pub(super) fn wants_json(req: &HttpRequest) -> bool {
    text(req, header::ACCEPT.as_str()).is_some_and(|a| a.contains("json") && !a.contains("text/html"))
}

fn decoded(segment: &str) -> String {
    interaction::form_pairs(&format!("x={}", segment.replace('+', "%2B"))).into_iter().next().map(|p| p.1).unwrap_or_default()
}

/// The session's cookie; two of that name are none.
fn cookie(req: &HttpRequest) -> Option<String> {
    let mut found = req
        .headers()
        .get_all(header::COOKIE)
        .filter_map(|v| v.to_str().ok())
        .flat_map(|v| v.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .filter(|(name, _)| *name == COOKIE)
        .map(|(_, value)| value.to_owned());
    found.next().filter(|_| found.next().is_none())
}
