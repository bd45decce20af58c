//! The primitive types and the grammar of their values.
//! Spec: FHIR R4 datatypes#primitive.

/// The limit of a string.
const MAX_STRING_CHARS: usize = 1_048_576;

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
            Self::Base64Binary => is_base64(text.as_bytes()),
            Self::Boolean => matches!(text, "true" | "false"),
            Self::Canonical | Self::Uri | Self::Url => !text.is_empty() && !text.bytes().any(|b| b <= b' '),
            Self::Code => is_code(text),
            Self::Date => date(text.as_bytes()).is_some_and(<[u8]>::is_empty),
            Self::DateTime => is_date_time(text.as_bytes()),
            Self::Decimal => is_decimal(text.as_bytes()),
            Self::Id => matches!(text.len(), 1..=64) && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'.'),
            Self::Instant => is_instant(text.as_bytes()),
            Self::Integer => is_integer(text, i64::from(i32::MIN)),
            Self::Oid => is_oid(text),
            Self::PositiveInt => is_integer(text, 1),
            Self::Time => time(text.as_bytes()).is_some_and(<[u8]>::is_empty),
            Self::UnsignedInt => is_integer(text, 0),
            Self::Uuid => text.strip_prefix("urn:uuid:").is_some_and(|u| is_uuid(u.as_bytes())),
            Self::Markdown | Self::String => is_string(text),
            Self::Xhtml => is_div(text),
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

/// Characters that both JSON and XML can carry.
fn is_string(text: &str) -> bool {
    let bytes = text.as_bytes();
    if bytes.iter().any(|b| *b < 0x20 && !matches!(b, b'\t' | b'\n' | b'\r')) || text.contains(['\u{FFFE}', '\u{FFFF}']) {
        return false;
    }
    !text.is_empty() && (bytes.len() <= MAX_STRING_CHARS || text.chars().count() <= MAX_STRING_CHARS)
}

/// White space is that of XML schema: a no-break space is a character like others (published codes hold some).
fn is_code(text: &str) -> bool {
    let mut after_space = true;
    for byte in text.bytes() {
        let space = byte == b' ';
        if (space && after_space) || byte < b' ' {
            return false;
        }
        after_space = space;
    }
    !after_space
}

/// Groups of four, white space between them, padding at the very end. One pass, no copy.
fn is_base64(bytes: &[u8]) -> bool {
    let (mut digits, mut padding) = (0usize, 0usize);
    for byte in bytes {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'+' | b'/' if padding == 0 => digits += 1,
            b'=' => padding += 1,
            b' ' | b'\t' | b'\r' | b'\n' => {}
            _ => return false,
        }
    }
    digits > 0 && padding <= 2 && (digits + padding).is_multiple_of(4)
}

fn is_integer(text: &str, least: i64) -> bool {
    let digits = text.strip_prefix('-').unwrap_or(text);
    let plain = digits.len() <= 10 && digits.bytes().all(|b| b.is_ascii_digit());
    let zeros = digits.starts_with('0') && text != "0";
    plain && !zeros && text.parse::<i64>().is_ok_and(|n| (least..=i64::from(i32::MAX)).contains(&n))
}

/// `-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?`
fn is_decimal(bytes: &[u8]) -> bool {
    let bytes = bytes.strip_prefix(b"-").unwrap_or(bytes);
    let (whole, rest) = digits(bytes);
    if whole.is_empty() || (whole.len() > 1 && whole.first() == Some(&b'0')) {
        return false;
    }
    let rest = match rest.strip_prefix(b".").map(digits) {
        Some((fraction, rest)) if !fraction.is_empty() => rest,
        Some(_) => return false,
        None => rest,
    };
    let Some(exponent) = rest.strip_prefix(b"e").or_else(|| rest.strip_prefix(b"E")) else {
        return rest.is_empty();
    };
    let exponent = exponent.strip_prefix(b"+").or_else(|| exponent.strip_prefix(b"-")).unwrap_or(exponent);
    let (power, rest) = digits(exponent);
    !power.is_empty() && rest.is_empty()
}

fn digits(bytes: &[u8]) -> (&[u8], &[u8]) {
    let end = bytes.iter().position(|b| !b.is_ascii_digit()).unwrap_or(bytes.len());
    bytes.split_at_checked(end).unwrap_or((bytes, &[]))
}

fn is_oid(text: &str) -> bool {
    let Some(arcs) = text.strip_prefix("urn:oid:") else {
        return false;
    };
    let number = |arc: &str| !arc.is_empty() && arc.bytes().all(|b| b.is_ascii_digit()) && (arc == "0" || !arc.starts_with('0'));
    matches!(arcs.split('.').next(), Some("0" | "1" | "2")) && arcs.contains('.') && arcs.split('.').all(number)
}

fn is_uuid(bytes: &[u8]) -> bool {
    let digit = |(at, byte): (usize, &u8)| match at {
        8 | 13 | 18 | 23 => *byte == b'-',
        _ => matches!(byte, b'0'..=b'9' | b'a'..=b'f'),
    };
    bytes.len() == 36 && bytes.iter().enumerate().all(digit)
}

/// A div that could be written inside XML; that it is well formed is the codec's to say.
fn is_div(text: &str) -> bool {
    let text = text.trim_ascii();
    let opened = text.strip_prefix("<div").and_then(|rest| rest.bytes().next());
    matches!(opened, Some(b' ' | b'\t' | b'\r' | b'\n' | b'>' | b'/')) && text.ends_with('>')
}

fn is_date_time(bytes: &[u8]) -> bool {
    match date(bytes) {
        Some([]) => true,
        Some(rest) if bytes.len() - rest.len() == 10 => is_zoned(rest),
        _ => false,
    }
}

fn is_instant(bytes: &[u8]) -> bool {
    date(bytes).is_some_and(|rest| bytes.len() - rest.len() == 10 && is_zoned(rest))
}

/// `Thh:mm:ss(.s+)?(Z|[+-]hh:mm)`
fn is_zoned(bytes: &[u8]) -> bool {
    let zone = bytes.strip_prefix(b"T").and_then(time);
    match zone {
        Some(b"Z") => true,
        Some([b'+' | b'-', h1, h2, b':', m1, m2]) => {
            let (hours, minutes) = (two(*h1, *h2), two(*m1, *m2));
            hours.is_some_and(|h| h < 14) && minutes.is_some_and(|m| m < 60) || (hours, minutes) == (Some(14), Some(0))
        }
        _ => false,
    }
}

/// Reads `YYYY(-MM(-DD)?)?` and gives what follows.
fn date(bytes: &[u8]) -> Option<&[u8]> {
    let (year, rest) = bytes.split_first_chunk::<4>()?;
    let [a, b, c, d] = *year;
    let year = two(a, b)? * 100 + two(c, d)?;
    if year == 0 {
        return None;
    }
    let Some([b'-', m1, m2, rest @ ..]) = Some(rest) else {
        return Some(rest);
    };
    let month = two(*m1, *m2).filter(|m| (1..=12).contains(m))?;
    let [b'-', d1, d2, rest @ ..] = rest else {
        return Some(rest);
    };
    let day = two(*d1, *d2)?;
    (1..=days(year, month)).contains(&day).then_some(rest)
}

fn days(year: u32, month: u32) -> u32 {
    match month {
        2 if year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400)) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Reads `hh:mm:ss(.s+)?` and gives what follows; a leap second is second 60.
fn time(bytes: &[u8]) -> Option<&[u8]> {
    let [h1, h2, b':', m1, m2, b':', s1, s2, rest @ ..] = bytes else {
        return None;
    };
    let legal = two(*h1, *h2)? < 24 && two(*m1, *m2)? < 60 && two(*s1, *s2)? <= 60;
    if !legal {
        return None;
    }
    match rest.strip_prefix(b".").map(digits) {
        Some((fraction, rest)) => (!fraction.is_empty()).then_some(rest),
        None => Some(rest),
    }
}

fn two(tens: u8, ones: u8) -> Option<u32> {
    (tens.is_ascii_digit() && ones.is_ascii_digit()).then(|| u32::from(tens - b'0') * 10 + u32::from(ones - b'0'))
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
        rule(Primitive::Base64Binary, &["QQ==", "QUI=", "QUJD", "QUJD\n QUJD"], &["", "Q", "QQ=", "Q===", "QQ==QQ==", "Q-J_", "===="]);
        rule(Primitive::Xhtml, &["<div xmlns=\"x\">a</div>", "<div/>"], &["<p/>", "div", "<divx/>", "<div>a</div>b"]);
    }
}
