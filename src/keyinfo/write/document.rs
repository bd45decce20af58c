//! The shapes of the IPS document that this server writes; what was stored is borrowed and written as it stands.
//! Spec: FHIR R4 Bundle, Composition, Extension, Reference; IPS 2.0.1 Bundle-uv-ips, Composition-uv-ips.

use std::borrow::Cow;

use serde::Serialize;

use super::references::Settled;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Bundle<'a> {
    pub resource_type: &'static str,
    pub id: &'a str,
    pub meta: Meta,
    pub language: &'static str,
    pub identifier: Identifier,
    pub r#type: &'static str,
    pub timestamp: &'a str,
    pub entry: Vec<Entry<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Entry<'a> {
    pub full_url: Cow<'a, str>,
    pub resource: Resource<'a>,
}

#[derive(Serialize)]
#[serde(untagged)]
pub enum Resource<'a> {
    Composition(Box<Composition<'a>>),
    Device(Device<'a>),
    Stored(Settled<'a>),
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Composition<'a> {
    pub resource_type: &'static str,
    pub id: &'a str,
    pub meta: Meta,
    pub language: &'static str,
    pub text: Narrative,
    pub identifier: Identifier,
    pub status: &'static str,
    pub r#type: Concept<'a>,
    pub subject: Reference<'a>,
    pub date: &'a str,
    pub author: [Reference<'a>; 1],
    pub title: &'static str,
    pub section: Vec<Section<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Section<'a> {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub extension: Vec<Extension<'a>>,
    pub title: &'a str,
    pub code: Concept<'a>,
    pub text: Narrative,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub entry: Vec<Reference<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub empty_reason: Option<Concept<'a>>,
}

/// An extension with one value.
#[derive(Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Extension<'a> {
    pub url: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub value_uri: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub value_reference: Option<Reference<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub value_integer: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub value_string: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub value_boolean: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub value_instant: Option<&'a str>,
}

#[derive(Serialize)]
pub struct Reference<'a> {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub extension: Vec<Extension<'a>>,
    pub reference: Cow<'a, str>,
    #[serde(skip_serializing_if = "str::is_empty")]
    pub display: Cow<'a, str>,
}

/// The software that made the summary.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Device<'a> {
    pub resource_type: &'static str,
    pub id: &'a str,
    pub device_name: [DeviceName; 1],
}

#[derive(Serialize)]
pub struct DeviceName {
    pub name: &'static str,
    pub r#type: &'static str,
}

#[derive(Serialize)]
pub struct Meta {
    pub profile: [&'static str; 1],
}

#[derive(Serialize)]
pub struct Narrative {
    pub status: &'static str,
    pub div: String,
}

#[derive(Serialize)]
pub struct Identifier {
    pub system: &'static str,
    pub value: String,
}

#[derive(Serialize)]
pub struct Concept<'a> {
    pub coding: [Coding<'a>; 1],
}

#[derive(Serialize)]
pub struct Coding<'a> {
    pub system: &'static str,
    pub code: &'a str,
    pub display: &'a str,
}

impl<'a> Reference<'a> {
    pub fn to(reference: impl Into<Cow<'a, str>>) -> Self {
        Self { extension: Vec::new(), reference: reference.into(), display: Cow::Borrowed("") }
    }
}

impl<'a> Extension<'a> {
    pub fn uri(url: &'static str, value: &'a str) -> Self {
        Self { url, value_uri: Some(value), ..Self::default() }
    }

    pub fn reference(url: &'static str, value: Reference<'a>) -> Self {
        Self { url, value_reference: Some(value), ..Self::default() }
    }

    pub fn integer(url: &'static str, value: i64) -> Self {
        Self { url, value_integer: Some(value), ..Self::default() }
    }

    pub fn string(url: &'static str, value: &'a str) -> Self {
        Self { url, value_string: Some(value), ..Self::default() }
    }

    pub fn boolean(url: &'static str, value: bool) -> Self {
        Self { url, value_boolean: Some(value), ..Self::default() }
    }

    pub fn instant(url: &'static str, value: &'a str) -> Self {
        Self { url, value_instant: Some(value), ..Self::default() }
    }
}

impl<'a> Concept<'a> {
    pub fn one(system: &'static str, code: &'a str, display: &'a str) -> Self {
        Self { coding: [Coding { system, code, display }] }
    }
}

impl Narrative {
    pub fn generated(div: String) -> Self {
        Self { status: "generated", div }
    }
}

impl Identifier {
    /// Spec: RFC 4122 URN of a UUID.
    pub fn uuid(id: &str) -> Self {
        Self { system: "urn:ietf:rfc:3986", value: format!("urn:uuid:{id}") }
    }
}
