//! Bytes → text, by byte order mark and declaration; a lie about the encoding is refused.

use std::borrow::Cow;

use super::super::{Fault, FaultKind, Result};

/// Bytes in which the XML declaration ends.
const MAX_DECLARATION: usize = 512;

/// Decodes a document. UTF-8 (with or without mark) and the Latin encodings are read; UTF-16 and others are refused.
///
/// # Errors
/// `Malformed` when the bytes are not what they claim.
pub(super) fn decode(bytes: &[u8]) -> Result<Cow<'_, str>> {
    let marked = bytes.starts_with(b"\xEF\xBB\xBF");
    let bytes = bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(bytes);
    if bytes.starts_with(b"\xFE\xFF") || bytes.starts_with(b"\xFF\xFE") || bytes.iter().take(4).any(|b| *b == 0) {
        return Err(Fault::new(FaultKind::Malformed, 520, "the document is not UTF-8; send it as UTF-8"));
    }
    if bytes.starts_with(b"<?xml") && !bytes.iter().take(MAX_DECLARATION).any(|b| *b == b'>') {
        return Err(Fault::new(FaultKind::Malformed, 523, "the XML declaration is too long"));
    }
    let declared = declared(bytes).unwrap_or_else(|| "utf-8".to_owned());
    match declared.as_str() {
        "iso-8859-1" | "latin1" | "windows-1252" | "iso-8859-15" if marked => {
            Err(Fault::new(FaultKind::Malformed, 524, "the byte order mark is that of UTF-8 and the declaration says otherwise"))
        }
        "utf-8" | "utf8" | "us-ascii" | "ascii" => {
            std::str::from_utf8(bytes).map(Cow::Borrowed).map_err(|e| Fault::new(FaultKind::Malformed, 521, format!("the document is not UTF-8 (byte {})", e.valid_up_to())))
        }
        "iso-8859-1" | "latin1" | "windows-1252" => Ok(encoding_rs::WINDOWS_1252.decode_without_bom_handling(bytes).0),
        "iso-8859-15" => Ok(encoding_rs::ISO_8859_15.decode_without_bom_handling(bytes).0),
        _ => Err(Fault::new(FaultKind::Malformed, 522, "the declared encoding is not read here; send the document as UTF-8")),
    }
}

fn declared(bytes: &[u8]) -> Option<String> {
    let head = bytes.get(..bytes.len().min(MAX_DECLARATION))?;
    let head: String = head.iter().map(|b| char::from(*b)).collect();
    let declaration = head.strip_prefix("<?xml")?.split_once("?>")?.0.to_owned();
    let value = declaration.split_once("encoding")?.1.trim_start().strip_prefix('=')?.trim_start().to_owned();
    let quote = value.chars().next().filter(|c| *c == '"' || *c == '\'')?;
    let name = value.get(1..)?.split(quote).next()?;
    Some(name.to_lowercase())
}
