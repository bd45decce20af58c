//! Content negotiation.
//! Spec: FHIR R4 http#mime-type.

/// How a resource is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    Json,
    Xml,
}

impl Format {
    /// The Content-Type of an answer.
    pub const fn mime(self) -> &'static str {
        match self {
            Self::Json => "application/fhir+json; charset=utf-8",
            Self::Xml => "application/fhir+xml; charset=utf-8",
        }
    }

    fn of(mime: &str) -> Option<Self> {
        match mime {
            "application/fhir+json" | "application/json" | "text/json" | "json" | "*/*" | "application/*" => Some(Self::Json),
            "application/fhir+xml" | "application/xml" | "text/xml" | "xml" | "text/html" => Some(Self::Xml),
            _ => None,
        }
    }
}

/// The format of a resource answer: `_format` first, then Accept; JSON when nothing is asked. `None` = 406.
pub fn format(wanted: Option<&str>, accept: &[String]) -> Option<Format> {
    if let Some(name) = wanted {
        return Format::of(name.split(';').next().unwrap_or(name).trim()).or_else(|| Format::of(&name.replace(' ', "+")));
    }
    if accept.is_empty() {
        return Some(Format::Json);
    }
    accept.iter().find_map(|m| if m == "text/html" { None } else { Format::of(m) }).or_else(|| accept.iter().find_map(|m| Format::of(m)).map(|_| Format::Json))
}

/// The MIME types of an Accept header, best first, lower case, without parameters; `q=0` left out.
pub fn accepted(header: &str) -> Vec<String> {
    let mut all: Vec<(u16, String)> = header
        .split(',')
        .filter_map(|part| {
            let mut pieces = part.split(';').map(str::trim);
            let mime = pieces.next()?.to_lowercase();
            let q = pieces.find_map(|p| p.strip_prefix("q=")).and_then(|q| q.parse::<f32>().ok()).unwrap_or(1.0).clamp(0.0, 1.0);
            let weight = if q >= 1.0 { 1000 } else { format!("{:.0}", q * 1000.0).parse().unwrap_or(0) };
            (!mime.is_empty() && weight > 0).then_some((weight, mime))
        })
        .collect();
    all.sort_by_key(|entry| std::cmp::Reverse(entry.0));
    all.into_iter().map(|(_, m)| m).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_is_the_default_and_an_unknown_type_is_refused() {
        assert_eq!(format(None, &[]), Some(Format::Json));
        assert_eq!(format(None, &accepted("application/fhir+xml;q=0.5, application/fhir+json")), Some(Format::Json));
        assert_eq!(format(Some("xml"), &[]), Some(Format::Xml));
        assert_eq!(format(None, &accepted("image/png")), None);
    }
}
