//! The caller: the structure named by a verified client certificate.
//! Spec: ANS IGC-Santé, ORG AUTH_CLI (`C=FR, ST, O, OU=Struct_IdNat, CN`).

use x509_parser::prelude::{FromDer, X509Certificate};

use super::certificate::CertificateFacts;
use super::error::IdentityError;
use super::name::Name;
use super::structure::StructIdNat;

/// The structure that calls, and the certificate it showed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    pub structure: StructIdNat,
    /// O of the subject.
    pub organization: String,
    /// CN of the subject: free text or a DNS name.
    pub common_name: String,
    /// The issuer's name in RFC 4514 order, for the audit only; never compared.
    pub issuer: String,
    /// Serial number, lower-case hex.
    pub serial: String,
    /// SHA-256 of the certificate.
    pub fingerprint: [u8; 32],
    /// Seconds since 1970.
    pub not_after: i64,
    /// DER of the issuer's name and the serial's bytes: what revocation lists are looked up by.
    pub issuer_der: Vec<u8>,
    pub serial_bytes: Vec<u8>,
}

/// What a client certificate's subject names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Subject {
    Structure(Box<Caller>),
    /// A card or a person's software certificate: well formed, but not a caller of this API.
    Person,
}

impl Caller {
    /// Reads the caller from a leaf certificate that the TLS room has verified.
    ///
    /// # Errors
    /// Any [`IdentityError`]; `Person` for a person's certificate.
    pub fn from_leaf(der: &[u8]) -> Result<Self, IdentityError> {
        match subject(der)? {
            Subject::Structure(caller) => Ok(*caller),
            Subject::Person => Err(IdentityError::Person),
        }
    }

    /// SHA-256 of the certificate, lower-case hex.
    pub fn fingerprint_hex(&self) -> String {
        hex(&self.fingerprint)
    }
}

/// Reads a leaf's subject by the exact grammar.
///
/// # Errors
/// `Unreadable`, `Missing`, `Repeated` or `Grammar`.
pub fn subject(der: &[u8]) -> Result<Subject, IdentityError> {
    let facts = CertificateFacts::read(der)?;
    let (_, certificate) = X509Certificate::from_der(der).map_err(|_| IdentityError::Unreadable)?;
    let name = Name::read(certificate.subject())?;
    if name.country.ok_or(IdentityError::Missing("C"))? != "FR" {
        return Err(IdentityError::Grammar("C other than FR"));
    }
    let common_name = name.common_name.ok_or(IdentityError::Missing("CN"))?;
    if name.surname.is_some() || name.given_name.is_some() || name.title.is_some() {
        return Ok(Subject::Person);
    }
    let Some(unit) = name.unit else {
        return if person_number(common_name) { Ok(Subject::Person) } else { Err(IdentityError::Missing("OU (Struct_IdNat)")) };
    };
    Ok(Subject::Structure(Box::new(Caller {
        structure: StructIdNat::parse(unit)?,
        organization: name.organization.ok_or(IdentityError::Missing("O"))?.to_owned(),
        common_name: common_name.to_owned(),
        issuer: certificate.issuer().to_string(),
        serial: hex(&facts.serial),
        fingerprint: facts.fingerprint,
        not_after: facts.not_after,
        issuer_der: facts.issuer,
        serial_bytes: facts.serial,
    })))
}

/// A PS_IdNat: 0 + ADELI (9), 8 + RPPS (11), or an internal form with a slash.
fn person_number(text: &str) -> bool {
    let digits = text.bytes().all(|b| b.is_ascii_digit());
    digits && ((text.len() == 12 && text.starts_with('8')) || (text.len() == 10 && text.starts_with('0')))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}
