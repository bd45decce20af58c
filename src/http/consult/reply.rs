//! What the page's listener answers, and the headers of all of it.

use actix_web::HttpResponse;
use actix_web::http::header;

use super::page;
use crate::fhir::Fault;
use crate::http::respond;
use crate::interaction::{self, Answer, Body};
use crate::web;

/// An answer, made on a blocking thread.
pub(super) struct Reply {
    pub status: u16,
    mime: String,
    body: Vec<u8>,
    /// Content-Security-Policy.
    policy: String,
    cookie: Option<String>,
    location: Option<String>,
    /// Content-Disposition.
    attachment: Option<String>,
    retry_after_s: u16,
}

/// Of what is no page.
const NOTHING: &str = "default-src 'none'; frame-ancestors 'none'; sandbox";

impl Reply {
    fn of(status: u16, mime: &str, body: Vec<u8>, policy: &str) -> Self {
        Self { status, mime: mime.to_owned(), body, policy: policy.to_owned(), cookie: None, location: None, attachment: None, retry_after_s: 0 }
    }

    /// A page of the record.
    pub(super) fn page(status: u16, html: String) -> Self {
        Self::of(status, "text/html; charset=utf-8", html.into_bytes(), &web::policy())
    }

    /// A page of one sentence; `home` is the record's page, empty where none is open.
    pub(super) fn sentence(status: u16, title: &str, text: &str, home: &str) -> Self {
        Self::page(status, web::sentence(title, text, home))
    }

    /// JSON for a script.
    pub(super) fn json(status: u16, body: Vec<u8>) -> Self {
        Self::of(status, "application/json", body, NOTHING)
    }

    /// Another address of this site.
    pub(super) fn see_other(location: &str) -> Self {
        Self { location: Some(location.to_owned()), ..Self::of(303, "text/plain", Vec::new(), NOTHING) }
    }

    /// The page that begins a session: its own navigation carries the cookie, which a redirection out of another site would not.
    pub(super) fn begun(cookie: String, home: &str) -> Self {
        Self { cookie: Some(cookie), ..Self::of(200, "text/html; charset=utf-8", page::begun(home).into_bytes(), page::POLICY) }
    }

    /// What an interaction answered: shown as it says, or saved.
    pub(super) fn answer(answer: Answer) -> Self {
        match answer.body {
            Body::Empty => Self::of(answer.status, "text/plain", Vec::new(), NOTHING),
            Body::Resource(bytes) => Self::of(answer.status, "application/fhir+json", bytes, NOTHING),
            Body::Raw { mime, bytes } => Self::of(answer.status, &mime, bytes, NOTHING).saved_as(""),
            Body::Shown { mime, bytes, policy } => Self::of(answer.status, mime, bytes, policy),
        }
    }

    /// The same, to be saved under a name.
    pub(super) fn saved_as(mut self, name: &str) -> Self {
        self.attachment = Some(if name.is_empty() { "attachment".to_owned() } else { format!("attachment; filename=\"{name}\"") });
        self
    }

    /// A refusal: an OperationOutcome for a script, else a sentence; `home` is the record's page, empty where none is open.
    pub(super) fn refused(fault: &Fault, json: bool, home: &str) -> Self {
        let status = fault.kind.row().status;
        let title = match status {
            401 | 403 => "Accès refusé",
            404 | 410 => "Introuvable",
            400..=499 => "Demande non comprise",
            _ => "Service momentanément indisponible",
        };
        Self::refused_on(fault, json, |reason| Self::page(status, web::failed(title, (reason, &fault.detail()), home)))
    }

    /// A refusal whose page, for who is no script, is made of its reason.
    pub(super) fn refused_on(fault: &Fault, json: bool, page: impl FnOnce(&str) -> Self) -> Self {
        let row = fault.kind.row();
        if row.status >= 500 {
            tracing::error!(fault.number = fault.number, fault.kind = ?fault.kind, cause = fault.cause.as_deref().unwrap_or(""), "a request of the page failed");
        } else {
            tracing::debug!(fault.number = fault.number, fault.kind = ?fault.kind, "a request of the page was refused");
        }
        let mut out = if json { Self::json(row.status, interaction::outcome_of(fault)) } else { page(fault.told()) };
        out.retry_after_s = row.retry_after_s;
        out
    }

    /// As HTTP.
    pub(super) fn response(self) -> HttpResponse {
        let mut out = respond::builder(self.status);
        out.insert_header((header::CONTENT_SECURITY_POLICY, self.policy))
            .insert_header((header::REFERRER_POLICY, "no-referrer"))
            .insert_header(("Cross-Origin-Opener-Policy", "same-origin"))
            .insert_header(("Cross-Origin-Resource-Policy", "same-origin"))
            .insert_header(("Permissions-Policy", "camera=(), geolocation=(), microphone=()"));
        if let Some(cookie) = self.cookie {
            out.insert_header((header::SET_COOKIE, cookie));
        }
        if let Some(location) = self.location {
            out.insert_header((header::LOCATION, location));
        }
        if let Some(attachment) = self.attachment {
            out.insert_header((header::CONTENT_DISPOSITION, attachment));
        }
        if self.retry_after_s > 0 {
            out.insert_header((header::RETRY_AFTER, self.retry_after_s.to_string()));
        }
        out.content_type(self.mime).body(self.body)
    }
}
