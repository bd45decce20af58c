//! What the acceptor is made of, read from its files: trust, the server's keys, and the mark by which a change is seen.

use std::io::Read;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::CertifiedKey;

use super::error::{Result, TlsError};
use super::folder::{self, Content};
use super::numbers;
use super::ocsp::{self, Answered};
use super::p12::import_p12;
use super::server::{TlsPaths, now_s};
use super::trust::{Authorities, Occasion, Revocations, TrustSet};
use crate::identity::CertificateFacts;

/// Bytes of any file read here.
const FILE_MAX_BYTES: u64 = 64 << 20;

/// Inode, change time and length of every file: a rename or a kept modification time does not hide a change.
pub(super) type Stamp = Vec<Option<(u64, i64, i64, u64)>>;

/// The authorities' certificates, PEM.
#[derive(Debug)]
pub(super) struct AuthorityFiles {
    structures: Vec<u8>,
    persons: Option<Vec<u8>>,
}

impl AuthorityFiles {
    /// # Errors
    /// A file that cannot be read.
    pub fn read(ca: &Path, persons: Option<&Path>) -> Result<Self> {
        let persons = persons.map(|path| folder::pem(path, Content::Certificates)).transpose()?;
        Ok(Self { structures: folder::pem(ca, Content::Certificates)?, persons })
    }

    pub fn authorities(&self) -> Authorities<'_> {
        Authorities { structures: &self.structures, persons: self.persons.as_deref() }
    }
}

/// The set of the files at the start, its numbers kept before it is used.
///
/// # Errors
/// The file and the rule it breaks.
pub(super) fn first(paths: &TlsPaths) -> Result<(TrustSet, AuthorityFiles)> {
    let seen = paths.crl_numbers.as_deref().map(numbers::read).transpose()?.unwrap_or_default();
    let read = AuthorityFiles::read(&paths.ca, paths.ca_persons.as_deref())?;
    let answers = answers(paths)?.into_iter().collect::<Result<Vec<_>>>()?;
    let lists = folder::each(&paths.crl, Content::RevocationLists)?.into_iter().collect::<Result<Vec<_>>>()?;
    let set = TrustSet::after(&read.authorities(), &Revocations { lists: &lists, answers: &answers }, now_s(), &seen, Occasion::Start)?;
    paths.crl_numbers.as_deref().map(|file| numbers::write(file, set.seen())).transpose()?;
    Ok((set, read))
}

/// The set of the files now, after the one in use. What cannot be read or does not hold is used as it was before, with its reason in
/// `stayed`; `held` are the authorities in use, before and afterwards.
///
/// # Errors
/// When the authorities in use make no set any more either.
pub(super) fn next(paths: &TlsPaths, before: &TrustSet, held: &mut AuthorityFiles, stayed: &mut Vec<String>) -> Result<TrustSet> {
    let answers = readable(answers(paths), stayed);
    let lists = readable(folder::each(&paths.crl, Content::RevocationLists), stayed);
    let revocations = Revocations { lists: &lists, answers: &answers };
    let make = |files: &AuthorityFiles| TrustSet::after(&files.authorities(), &revocations, now_s(), before.seen(), Occasion::Reload);
    let fresh = AuthorityFiles::read(&paths.ca, paths.ca_persons.as_deref()).and_then(|files| Ok((make(&files)?, files)));
    let set = match fresh {
        Ok((set, files)) => {
            *held = files;
            set
        }
        Err(reason) => {
            stayed.push(format!("{reason}; the authorities before it stay"));
            make(held)?
        }
    };
    stayed.extend(set.lacks().iter().cloned());
    let kept = paths.crl_numbers.as_deref().map_or(Ok(()), |file| numbers::write(file, set.seen()));
    stayed.extend(kept.err().map(|reason| reason.to_string()));
    Ok(set)
}

/// What can be read of several files; the reasons of the others go to `stayed`.
fn readable<T>(each: Result<Vec<Result<T>>>, stayed: &mut Vec<String>) -> Vec<T> {
    let all = each.unwrap_or_else(|reason| vec![Err(reason)]);
    all.into_iter().filter_map(|one| one.map_err(|reason| stayed.push(reason.to_string())).ok()).collect()
}

fn answers(paths: &TlsPaths) -> Result<Vec<Result<Answered>>> {
    paths.ocsp.as_deref().map_or_else(|| Ok(Vec::new()), ocsp::answers)
}

/// A whole file.
///
/// # Errors
/// A file that cannot be read or is over 64 MiB.
pub(super) fn read(path: &Path) -> Result<Vec<u8>> {
    let wrong = |e: std::io::Error| TlsError::new(format!("{}: {e}", path.display()));
    let mut bytes = Vec::new();
    std::fs::File::open(path).map_err(wrong)?.take(FILE_MAX_BYTES + 1).read_to_end(&mut bytes).map_err(wrong)?;
    if u64::try_from(bytes.len()).is_ok_and(|n| n > FILE_MAX_BYTES) {
        return Err(TlsError::new(format!("{}: over 64 MiB", path.display())));
    }
    Ok(bytes)
}

/// The chain with its key, and the end of its leaf in seconds since 1970.
///
/// # Errors
/// The file and the rule it breaks.
pub(super) fn server_key(paths: &TlsPaths) -> Result<(CertifiedKey, i64)> {
    let (chain_pem, key_pem) = match &paths.pkcs12 {
        Some(p12) => {
            let password = read(&p12.password_file)?;
            let password = String::from_utf8(password).map_err(TlsError::of("PKCS#12 password"))?;
            let imported = import_p12(&read(&p12.file)?, password.lines().next().unwrap_or(""))?;
            (imported.chain_pem, imported.key_pem)
        }
        None => (read(&paths.server_chain)?, read(&paths.server_key)?),
    };
    certified(&chain_pem, &key_pem)
}

/// That of the listener for browsers, when it has one of its own.
///
/// # Errors
/// As [`server_key`].
pub(super) fn browsers_key(paths: &TlsPaths) -> Result<Option<(CertifiedKey, i64)>> {
    paths.browsers.as_ref().map(|(chain, key)| certified(&read(chain)?, &read(key)?)).transpose()
}

fn certified(chain_pem: &[u8], key_pem: &[u8]) -> Result<(CertifiedKey, i64)> {
    let chain = CertificateDer::pem_slice_iter(chain_pem).collect::<std::result::Result<Vec<_>, _>>().map_err(TlsError::of("server certificate"))?;
    let key = PrivateKeyDer::from_pem_slice(key_pem).map_err(TlsError::of("server key"))?;
    let leaf = chain.first().ok_or_else(|| TlsError::new("server certificate: nothing in it"))?;
    let facts = CertificateFacts::read(leaf).map_err(TlsError::of("server certificate"))?;
    let now = now_s();
    if now < facts.not_before || now >= facts.not_after {
        return Err(TlsError::new("server certificate: outside its validity"));
    }
    let key = CertifiedKey::from_der(chain, key, &super::provider()).map_err(TlsError::of("server certificate and key"))?;
    Ok((key, facts.not_after))
}

/// The mark of the files now.
pub(super) fn stamp(paths: &TlsPaths) -> Stamp {
    // A folder's own entry too: a file that was taken away is a change.
    let watched: Vec<&PathBuf> = [&paths.ca, &paths.crl].into_iter().chain(&paths.ca_persons).collect();
    let mut files: Vec<PathBuf> = watched.iter().map(|p| (*p).clone()).collect();
    files.extend(watched.into_iter().flat_map(|p| folder::files(p).unwrap_or_default()));
    // Answers are renamed into place, which changes the folder.
    files.extend(paths.ocsp.clone());
    match &paths.pkcs12 {
        Some(p12) => files.extend([p12.file.clone(), p12.password_file.clone()]),
        None => files.extend([paths.server_chain.clone(), paths.server_key.clone()]),
    }
    files.extend(paths.browsers.iter().flat_map(|(chain, key)| [chain.clone(), key.clone()]));
    let one = |file: &PathBuf| std::fs::metadata(file).ok().map(|m| (m.ino(), m.ctime(), m.ctime_nsec(), m.len()));
    files.iter().map(one).collect()
}
