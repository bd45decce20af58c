//! The grammar of primitive values, on bytes and without copies.
//! Spec: FHIR R4 datatypes#primitive.

/// The limit of a string.
const MAX_STRING_CHARS: usize = 1_048_576;

/// Characters that both JSON and XML can carry.
pub(super) fn is_string(text: &str) -> bool {
    let bytes = text.as_bytes();
    if bytes.iter().any(|b| *b < 0x20 && !matches!(b, b'\t' | b'\n' | b'\r')) || text.contains(['\u{FFFE}', '\u{FFFF}']) {
        return false;
    }
    !text.is_empty() && (bytes.len() <= MAX_STRING_CHARS || text.chars().count() <= MAX_STRING_CHARS)
}

/// White space is that of XML schema: a no-break space is a character like others (published codes hold some).
pub(super) fn is_code(text: &str) -> bool {
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

/// Groups of four, white space between them, padding at the very end, no bits that no byte holds (RFC 4648 §3.5): one reading
/// only. One pass, no copy.
pub(super) fn is_base64(bytes: &[u8]) -> bool {
    let (mut digits, mut padding, mut last) = (0usize, 0usize, b'A');
    for byte in bytes {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'+' | b'/' if padding == 0 => {
                digits += 1;
                last = *byte;
            }
            b'=' => padding += 1,
            b' ' | b'\t' | b'\r' | b'\n' => {}
            _ => return false,
        }
    }
    let whole = match padding {
        0 => true,
        1 => b"AEIMQUYcgkosw048".contains(&last),
        _ => b"AQgw".contains(&last),
    };
    digits > 0 && padding <= 2 && (digits + padding).is_multiple_of(4) && whole
}

pub(super) fn is_integer(text: &str, least: i64) -> bool {
    let digits = text.strip_prefix('-').unwrap_or(text);
    let plain = digits.len() <= 10 && digits.bytes().all(|b| b.is_ascii_digit());
    let zeros = digits.starts_with('0') && text != "0";
    plain && !zeros && text.parse::<i64>().is_ok_and(|n| (least..=i64::from(i32::MAX)).contains(&n))
}

/// `-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?`
pub(super) fn is_decimal(bytes: &[u8]) -> bool {
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

pub(super) fn is_oid(text: &str) -> bool {
    let Some(arcs) = text.strip_prefix("urn:oid:") else {
        return false;
    };
    let number = |arc: &str| !arc.is_empty() && arc.bytes().all(|b| b.is_ascii_digit()) && (arc == "0" || !arc.starts_with('0'));
    matches!(arcs.split('.').next(), Some("0" | "1" | "2")) && arcs.contains('.') && arcs.split('.').all(number)
}

pub(super) fn is_uuid(bytes: &[u8]) -> bool {
    let digit = |(at, byte): (usize, &u8)| match at {
        8 | 13 | 18 | 23 => *byte == b'-',
        _ => matches!(byte, b'0'..=b'9' | b'a'..=b'f'),
    };
    bytes.len() == 36 && bytes.iter().enumerate().all(digit)
}

/// A div that could be written inside XML; that it is well formed is the codec's to say.
pub(super) fn is_div(text: &str) -> bool {
    let text = text.trim_ascii();
    let opened = text.strip_prefix("<div").and_then(|rest| rest.bytes().next());
    matches!(opened, Some(b' ' | b'\t' | b'\r' | b'\n' | b'>' | b'/')) && text.ends_with('>')
}

pub(super) fn is_date_time(bytes: &[u8]) -> bool {
    match date(bytes) {
        Some([]) => true,
        Some(rest) if bytes.len() - rest.len() == 10 => is_zoned(rest),
        _ => false,
    }
}

pub(super) fn is_instant(bytes: &[u8]) -> bool {
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
pub(super) fn date(bytes: &[u8]) -> Option<&[u8]> {
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
pub(super) fn time(bytes: &[u8]) -> Option<&[u8]> {
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
