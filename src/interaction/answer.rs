//! What an interaction answers, without knowing HTTP's types.

use crate::fhir::Issue;

/// The body of an answer.
#[derive(Debug, Clone)]
pub enum Body {
    Empty,
    /// JSON of a resource; sent as XML when the caller prefers it.
    Resource(Vec<u8>),
    /// A document exactly as it came.
    Raw {
        mime: String,
        bytes: Vec<u8>,
    },
    /// Something a browser shows in place: a page of ours, or a file recognised by its first bytes.
    Shown {
        mime: &'static str,
        bytes: Vec<u8>,
        /// Content-Security-Policy.
        policy: &'static str,
    },
}

impl Body {
    /// Bytes it holds.
    pub fn size(&self) -> usize {
        match self {
            Self::Empty => 0,
            Self::Resource(bytes) | Self::Raw { bytes, .. } | Self::Shown { bytes, .. } => bytes.len(),
        }
    }
}

/// An answer. What it disclosed or did is in the event of its [`super::Call`].
#[derive(Debug, Clone)]
pub struct Answer {
    pub status: u16,
    pub body: Body,
    /// Relative to the base URL, for instance `Patient/1/_history/2`.
    pub location: Option<String>,
    /// Version for the ETag.
    pub version: Option<i64>,
    /// µs UTC for Last-Modified.
    pub modified_us: Option<i64>,
    /// Warnings of a request that was carried out.
    pub warnings: Vec<Issue>,
}

impl Answer {
    /// 200 with a resource.
    pub fn resource(bytes: Vec<u8>) -> Self {
        Self { status: 200, body: Body::Resource(bytes), location: None, version: None, modified_us: None, warnings: Vec::new() }
    }

    /// A status without a body.
    pub fn empty(status: u16) -> Self {
        Self { status, body: Body::Empty, location: None, version: None, modified_us: None, warnings: Vec::new() }
    }

    /// The same answer with ETag and Last-Modified.
    pub fn versioned(mut self, version: i64, modified_us: i64) -> Self {
        self.version = Some(version);
        self.modified_us = Some(modified_us);
        self
    }

    /// The same answer as 201 with a Location.
    pub fn created(mut self, location: String) -> Self {
        self.status = 201;
        self.location = Some(location);
        self
    }
}
