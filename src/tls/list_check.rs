//! The server's judgement of one revocation list, for a process that fetches lists before a server reads them.
//! Spec: RFC 5280 §5, §6.3.

use std::path::Path;

use rustls::pki_types::CertificateRevocationListDer;

use super::authority::{Sorted, sort};
use super::crl::{believe, below};
use super::error::{Result, TlsError};
use super::files::AuthorityFiles;
use super::server::now_s;
use super::trust::all_certificates;
use crate::identity::RevocationFacts;

/// Checks lists as a server with these authorities would.
pub struct ListCheck(Sorted);

impl ListCheck {
    /// The authorities of `tls.ca` and, when it is set, `tls.ca_persons`: each a file or a folder.
    ///
    /// # Errors
    /// A file that cannot be read or holds no fit authority.
    pub fn new(ca: &Path, persons: Option<&Path>) -> Result<Self> {
        let files = AuthorityFiles::read(ca, persons)?;
        sort(all_certificates(&files.authorities())?.0, now_s(), &mut Vec::new()).map(Self)
    }

    /// Whether a server would believe this list now, in the place of the one that `before` is; DER.
    ///
    /// # Errors
    /// The rule it breaks: signature, dates, number, kind; a number below that of the list in its place.
    pub fn check(&self, list: &[u8], before: Option<&[u8]>) -> Result<()> {
        let der = CertificateRevocationListDer::from(list.to_vec());
        let believed = believe(der, &self.0.authorities, &self.0.roots, now_s()).map_err(TlsError::new)?;
        let same = |old: &RevocationFacts| old.issuer == believed.facts.issuer && old.partition == believed.facts.partition;
        let old = before.and_then(|bytes| RevocationFacts::read(bytes).ok()).filter(same);
        if old.is_some_and(|o| below(believed.number(), o.number.as_deref().unwrap_or_default())) {
            return Err(TlsError::new("its number is below that of the list here: an older one was sent"));
        }
        Ok(())
    }
}
