//! What a path of the configuration holds: one file, or every file of a folder, PEM or DER.

use std::path::{Path, PathBuf};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::error::{Result, TlsError};
use super::files::read;

/// Files of a folder.
const FILES_MAX: usize = 64;
/// Ends of the names of the files that count; whatever else lies in the folder is left alone.
const ENDS: &[&str] = &["pem", "crt", "cer", "crl", "der"];

/// What DER is written as.
#[derive(Debug, Clone, Copy)]
pub(super) enum Content {
    Certificates,
    RevocationLists,
}

impl Content {
    const fn label(self) -> &'static str {
        match self {
            Self::Certificates => "CERTIFICATE",
            Self::RevocationLists => "X509 CRL",
        }
    }
}

/// The files of a path, in the order of their names: itself, or those of the folder it is.
///
/// # Errors
/// A folder that cannot be read, is empty, or holds more than 64 files.
pub(super) fn files(path: &Path) -> Result<Vec<PathBuf>> {
    if !path.is_dir() {
        return Ok(vec![path.to_owned()]);
    }
    let wrong = |what: String| TlsError::new(format!("{}: {what}", path.display()));
    let mut out: Vec<PathBuf> = std::fs::read_dir(path).map_err(|e| wrong(e.to_string()))?.flatten().map(|e| e.path()).filter(|p| counts(p)).collect();
    out.sort();
    match out.len() {
        0 => Err(wrong(format!("the folder holds no file ending in {}", ENDS.join(", ")))),
        n if n > FILES_MAX => Err(wrong(format!("the folder holds more than {FILES_MAX} files"))),
        _ => Ok(out),
    }
}

fn counts(path: &Path) -> bool {
    // A file that is being written beside its place begins with a dot.
    let hidden = path.file_name().and_then(|n| n.to_str()).is_none_or(|n| n.starts_with('.'));
    !hidden && path.is_file() && path.extension().and_then(|e| e.to_str()).is_some_and(|e| ENDS.contains(&e.to_lowercase().as_str()))
}

/// Everything a path holds, as one PEM.
///
/// # Errors
/// As [`files`]; a file that cannot be read.
pub(super) fn pem(path: &Path, content: Content) -> Result<Vec<u8>> {
    let each: Vec<Vec<u8>> = files(path)?.iter().map(|file| one(file, content)).collect::<Result<_>>()?;
    Ok(each.concat())
}

/// Each file of a path as PEM, or why it cannot be read.
///
/// # Errors
/// As [`files`].
pub(super) fn each(path: &Path, content: Content) -> Result<Vec<Result<Vec<u8>>>> {
    Ok(files(path)?.iter().map(|file| one(file, content)).collect())
}

fn one(file: &Path, content: Content) -> Result<Vec<u8>> {
    let mut bytes = read(file)?;
    // DER begins with a SEQUENCE.
    if bytes.first() == Some(&0x30) {
        return Ok(format!("-----BEGIN {0}-----\n{1}\n-----END {0}-----\n", content.label(), STANDARD.encode(&bytes)).into_bytes());
    }
    bytes.push(b'\n');
    Ok(bytes)
}
