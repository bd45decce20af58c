//! Whether bytes begin as their declared type says, by the table of signatures.

use std::sync::LazyLock;

use serde::Deserialize;

/// Bytes that are looked at.
pub const SIGNATURE_BYTES: usize = 1029;

static TABLE: LazyLock<Vec<Row>> = LazyLock::new(|| {
    let file: File = toml::from_str(include_str!("../../fhir-profiles/document-sharing/signatures.toml")).unwrap_or_default();
    file.row.into_iter().map(|r| Row { begins: r.begins.iter().map(|hex| bytes(hex)).collect(), mime: r.mime, within: r.within, after_space: r.after_space }).collect()
});

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(rename = "type")]
    row: Vec<FileRow>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct FileRow {
    mime: Vec<String>,
    begins: Vec<String>,
    within: usize,
    #[serde(default)]
    after_space: bool,
    #[expect(dead_code, reason = "read by people")]
    source: String,
}

struct Row {
    mime: Vec<String>,
    begins: Vec<Vec<u8>>,
    within: usize,
    after_space: bool,
}

/// False when the type has a signature and the bytes (the first [`SIGNATURE_BYTES`] are enough) do not begin with it. Parameters of the
/// type do not count.
pub fn begins_as_declared(mime: &str, bytes: &[u8]) -> bool {
    let essence = mime.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    let Some(row) = TABLE.iter().find(|r| r.mime.contains(&essence)) else { return true };
    let blank = |b: &u8| row.after_space && (b.is_ascii_whitespace() || matches!(b, 0 | 0xef | 0xbb | 0xbf | 0xfe | 0xff));
    let bytes = bytes.get(bytes.iter().position(|b| !blank(b)).unwrap_or(bytes.len())..).unwrap_or_default();
    row.begins.iter().any(|magic| (0..=row.within).any(|at| bytes.get(at..).is_some_and(|rest| rest.starts_with(magic))))
}

fn bytes(hex: &str) -> Vec<u8> {
    hex.as_bytes().chunks(2).filter_map(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_signature_is_read() {
        assert!(TABLE.len() >= 7 && TABLE.iter().all(|r| !r.mime.is_empty() && r.begins.iter().all(|b| !b.is_empty() && r.within + b.len() <= SIGNATURE_BYTES)));
    }

    #[test]
    fn bytes_begin_as_declared_or_they_do_not() {
        for (mime, bytes, yes) in [
            ("application/pdf", &b"%PDF-1.7"[..], true),
            ("Application/PDF; charset=x", b"\r\n\r\n%PDF-1.7", true),
            ("application/pdf", b"<html>", false),
            ("application/pdf", b"", false),
            ("image/jpeg", b"\xff\xd8\xff\xe0", true),
            ("image/png", b"\xff\xd8\xff\xe0", false),
            ("text/xml", b"\xef\xbb\xbf\n <a/>", true),
            ("text/xml", b"\xff\xfe<\0a\0", true),
            ("text/xml", b"%PDF-1.4", false),
            ("text/plain", b"anything", true),
        ] {
            assert_eq!(begins_as_declared(mime, bytes), yes, "{mime} {bytes:?}");
        }
    }
}
