//! The primitive types, how JSON writes them, and the rule of their values in words.
//! Spec: FHIR R4 datatypes#primitive.

use super::grammar;

/// The primitive types of R4.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Primitive {
    Base64Binary,
    Boolean,
    Canonical,
    Code,
    Date,
    DateTime,
    Decimal,
    Id,
    Instant,
    Integer,
    Markdown,
    Oid,
    PositiveInt,
    String,
    Time,
    UnsignedInt,
    Uri,
    Url,
    Uuid,
    Xhtml,
}

/// How JSON writes a primitive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum JsonKind {
    Bool,
    Number,
    Text,
}

impl Primitive {
    /// The type of a name, none when it is not primitive.
    pub fn from_name(name: &str) -> Option<Self> {
        Some(match name {
            "base64Binary" => Self::Base64Binary,
            "boolean" => Self::Boolean,
            "canonical" => Self::Canonical,
            "code" => Self::Code,
            "date" => Self::Date,
            "dateTime" => Self::DateTime,
            "decimal" => Self::Decimal,
            "id" => Self::Id,
            "instant" => Self::Instant,
            "integer" => Self::Integer,
            "markdown" => Self::Markdown,
            "oid" => Self::Oid,
            "positiveInt" => Self::PositiveInt,
            "string" => Self::String,
            "time" => Self::Time,
            "unsignedInt" => Self::UnsignedInt,
            "uri" => Self::Uri,
            "url" => Self::Url,
            "uuid" => Self::Uuid,
            "xhtml" => Self::Xhtml,
            _ => return None,
        })
    }

    /// How JSON writes it. Spec: FHIR R4 json#primitive.
    pub fn json_kind(self) -> JsonKind {
        match self {
            Self::Boolean => JsonKind::Bool,
            Self::Decimal | Self::Integer | Self::PositiveInt | Self::UnsignedInt => JsonKind::Number,
            _ => JsonKind::Text,
        }
    }

    /// Whether a text is a value of this type.
    pub fn allows(self, text: &str) -> bool {
        match self {
            Self::Base64Binary => grammar::is_base64(text.as_bytes()),
            Self::Boolean => matches!(text, "true" | "false"),
            Self::Canonical | Self::Uri | Self::Url => !text.is_empty() && !text.bytes().any(|b| b <= b' '),
            Self::Code => grammar::is_code(text),
            Self::Date => grammar::date(text.as_bytes()).is_some_and(<[u8]>::is_empty),
            Self::DateTime => grammar::is_date_time(text.as_bytes()),
            Self::Decimal => grammar::is_decimal(text.as_bytes()),
            Self::Id => matches!(text.len(), 1..=64) && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'.'),
            Self::Instant => grammar::is_instant(text.as_bytes()),
            Self::Integer => grammar::is_integer(text, i64::from(i32::MIN)),
            Self::Oid => grammar::is_oid(text),
            Self::PositiveInt => grammar::is_integer(text, 1),
            Self::Time => grammar::time(text.as_bytes()).is_some_and(<[u8]>::is_empty),
            Self::UnsignedInt => grammar::is_integer(text, 0),
            Self::Uuid => text.strip_prefix("urn:uuid:").is_some_and(|u| grammar::is_uuid(u.as_bytes())),
            Self::Markdown | Self::String => grammar::is_string(text),
            Self::Xhtml => grammar::is_div(text),
        }
    }

    /// The rule, for the text of an issue.
    pub fn rule(self) -> &'static str {
        match self {
            Self::Base64Binary => "base64Binary: groups of four base64 characters, padded at the end",
            Self::Boolean => "boolean: true or false, without quotes",
            Self::Canonical => "canonical: a URI without white space",
            Self::Code => "code: no white space at either end, and single blanks inside",
            Self::Date => "date: YYYY, YYYY-MM or YYYY-MM-DD, a day that exists, no time",
            Self::DateTime => "dateTime: YYYY, YYYY-MM, YYYY-MM-DD or YYYY-MM-DDThh:mm:ss with Z or +hh:mm, a moment that exists",
            Self::Decimal => "decimal: a number, without quotes",
            Self::Id => "id: 1 to 64 of A-Z a-z 0-9 - and .",
            Self::Instant => "instant: YYYY-MM-DDThh:mm:ss with Z or +hh:mm, a moment that exists",
            Self::Integer => "integer: a whole number of 32 bits, without quotes, fraction or exponent",
            Self::Markdown => "markdown: at most 1 Mi characters, no control characters other than tab, CR and LF",
            Self::Oid => "oid: urn:oid: followed by an OID",
            Self::PositiveInt => "positiveInt: a whole number from 1 to 2147483647, without quotes",
            Self::String => "string: at most 1 Mi characters, no control characters other than tab, CR and LF",
            Self::Time => "time: hh:mm:ss, no zone",
            Self::UnsignedInt => "unsignedInt: a whole number from 0 to 2147483647, without quotes",
            Self::Uri => "uri: a URI without white space",
            Self::Url => "url: a URL without white space",
            Self::Uuid => "uuid: urn:uuid: followed by a UUID in small letters",
            Self::Xhtml => "xhtml: one well-formed <div> of XHTML (xmlns http://www.w3.org/1999/xhtml), no DOCTYPE, no HTML entities",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(kind: Primitive, good: &[&str], bad: &[&str]) {
        for text in good {
            assert!(kind.allows(text), "{kind:?} {text}");
        }
        for text in bad {
            assert!(!kind.allows(text), "{kind:?} {text}");
        }
    }

    #[test]
    fn dates_and_times_follow_their_grammar_and_the_calendar() {
        rule(
            Primitive::Date,
            &["2024", "2024-02", "2024-02-29", "0001-01-01"],
            &["24", "0000", "2023-02-29", "2024-13", "2024-00-01", "2024-1-1", "2024-02-29T10:00:00Z", "2024-", "2024-02-"],
        );
        let moments = ["2024-02-29T10:00:00Z", "2024-02-29T23:59:60.123456+01:00", "2024-02-29T10:00:00-14:00"];
        let partial =
            ["2024-02-29T10:00:00", "2024-02-29T10:00Z", "2024-02-29T24:00:00Z", "2024-02-29 10:00:00Z", "2024-02T10:00:00Z", "2024-02-29T10:00:00.Z", "2024-02-29T10:00:00+14:30"];
        rule(Primitive::DateTime, &moments, &partial);
        rule(Primitive::DateTime, &["2024", "2024-02-29"], &["2024T10:00:00Z"]);
        rule(Primitive::Instant, &moments, &partial);
        rule(Primitive::Instant, &[], &["2024", "2024-02-29"]);
        rule(Primitive::Time, &["08:30:00", "08:30:00.5"], &["08:30", "8:30:00", "08:30:00Z", "25:00:00"]);
    }

    #[test]
    fn numbers_keep_to_their_ranges() {
        rule(Primitive::Integer, &["0", "-1", "2147483647", "-2147483648"], &["2147483648", "1.0", "1e3", "01", "-0", "", "-", "99999999999999999999"]);
        rule(Primitive::UnsignedInt, &["0", "1"], &["-1"]);
        rule(Primitive::PositiveInt, &["1"], &["0", "-1"]);
        rule(Primitive::Decimal, &["0", "1.50", "-0.001", "1e-3", "1E+3"], &["", "01", "1.", ".5", "+1", "1e", "NaN", "-"]);
    }

    #[test]
    fn identifiers_codes_and_addresses_follow_their_grammar() {
        rule(Primitive::Id, &["a", "A-1.b"], &["", "a_b", "é", "a/b"]);
        assert!(!Primitive::Id.allows(&"a".repeat(65)));
        rule(Primitive::Code, &["a", "a b", "<="], &["", " a", "a ", "a  b", "a\tb"]);
        rule(Primitive::Uri, &["urn:x", "http://a/é"], &["", "http://a b", "a\n"]);
        rule(Primitive::Oid, &["urn:oid:1.2.250.1", "urn:oid:2.0"], &["urn:oid:1", "urn:oid:3.1", "urn:oid:1.02", "urn:oid:1..2", "1.2"]);
        rule(Primitive::Uuid, &["urn:uuid:c757873d-ec9a-4326-a141-556f43239520"], &["urn:uuid:C757873D-ec9a-4326-a141-556f43239520", "c757873d-ec9a-4326-a141-556f43239520"]);
    }

    #[test]
    fn texts_hold_what_json_and_xml_can_both_carry() {
        rule(Primitive::String, &["é\t\r\n", " "], &["", "a\u{1}", "\u{ffff}"]);
        rule(Primitive::Base64Binary, &["QQ==", "QUI=", "QUJD", "QUJD\n QUJD"], &["", "Q", "QQ=", "Q===", "QQ==QQ==", "Q-J_", "====", "QR==", "QUJ="]);
        rule(Primitive::Xhtml, &["<div xmlns=\"x\">a</div>", "<div/>"], &["<p/>", "div", "<divx/>", "<div>a</div>b"]);
    }
}
