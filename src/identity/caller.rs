//! The caller: the structure named by a verified client certificate, and the person when it is one's card.
//! Spec: ANS IGC-Santé, ORG AUTH_CLI (`C=FR, ST, O, OU=Struct_IdNat, CN`); cards (`O, OU=Struct_IdNat, title, GN, SN, CN=PS_IdNat`).

use x509_parser::asn1_rs::oid;
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
    /// The issuer's name as text, attributes in the certificate's order, for the audit only; never compared.
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
    /// The professional whose certificate it is; none for a structure's.
    pub person: Option<CertifiedPerson>,
}

/// A professional, as a card names one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CertifiedPerson {
    /// PS_IdNat: 8 + RPPS or 0 + ADELI.
    pub id: String,
    /// Code of TRE_G15.
    pub profession: String,
}

/// What a client certificate's subject names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Subject {
    Structure(Box<Caller>),
    /// A card or a person's software certificate: well formed; a caller of this API where it is configured so, and when it names a
    /// professional and the structure it was issued for.
    Person(std::result::Result<Box<Caller>, IdentityError>),
}

impl Caller {
    /// Reads the caller from a leaf certificate that the TLS room has verified; `persons`: whether a person's is accepted.
    ///
    /// # Errors
    /// Any [`IdentityError`]; `Person` for a person's certificate where none is accepted.
    pub fn from_leaf(der: &[u8], persons: bool) -> Result<Self, IdentityError> {
        match subject(der)? {
            Subject::Structure(caller) => Ok(*caller),
            Subject::Person(caller) if persons => caller.map(|c| *c),
            Subject::Person(_) => Err(IdentityError::Person),
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
    let named = name.surname.is_some() || name.given_name.is_some() || name.title.is_some();
    if named || is_person_number(common_name) || person_extension(&certificate) {
        let person = certified(common_name, &certificate);
        return Ok(Subject::Person(person.and_then(|p| caller(&certificate, &name, common_name, facts, Some(p)))));
    }
    caller(&certificate, &name, common_name, facts, None).map(Subject::Structure)
}

fn caller(certificate: &X509Certificate<'_>, name: &Name<'_>, common_name: &str, facts: CertificateFacts, person: Option<CertifiedPerson>) -> Result<Box<Caller>, IdentityError> {
    let unit = name.unit.ok_or(IdentityError::Missing("OU (Struct_IdNat)"))?;
    Ok(Box::new(Caller {
        structure: StructIdNat::parse(unit)?,
        organization: name.organization.ok_or(IdentityError::Missing("O"))?.to_owned(),
        common_name: common_name.to_owned(),
        issuer: certificate.issuer().to_string(),
        serial: hex(&facts.serial),
        fingerprint: facts.fingerprint,
        not_after: facts.not_after,
        issuer_der: facts.issuer,
        serial_bytes: facts.serial,
        person,
    }))
}

/// The professional of a card: number in the CN, profession in an extension (an INTEGER). Cards of a structure's staff
/// (CPE: the structure's number, a slash, theirs) name none.
fn certified(common_name: &str, certificate: &X509Certificate<'_>) -> Result<CertifiedPerson, IdentityError> {
    if !is_person_number(common_name) || common_name.contains('/') {
        return Err(IdentityError::Grammar("CN (PS_IdNat of a professional)"));
    }
    let extension = certificate.extensions().iter().find(|e| e.oid == oid!(1.2.250.1.71.1.2.7)).ok_or(IdentityError::Missing("profession (1.2.250.1.71.1.2.7)"))?;
    match extension.value {
        [2, 1, code @ 1..=99] => Ok(CertifiedPerson { id: common_name.to_owned(), profession: code.to_string() }),
        _ => Err(IdentityError::Grammar("profession (1.2.250.1.71.1.2.7)")),
    }
}

/// A PS_IdNat: 0 + ADELI, 8 + RPPS, or a structure's number with the person's number in it after a slash. Cards carry the
/// structure's OU too, so the CN decides.
/// Spec: ANS, PS_IdNat; NOS system 1.2.250.1.71.4.2.1.
/// Whether a text has the form of a person's number (PS_IdNat): 8 + RPPS, 0 + ADELI, or a structure's number, a slash and one inside.
pub fn is_person_number(text: &str) -> bool {
    let upper = |t: &str| !t.is_empty() && t.bytes().all(|b| b.is_ascii_digit() || b.is_ascii_uppercase());
    match text.split_once('/') {
        None => upper(text) && ((text.len() == 12 && text.starts_with('8')) || (text.len() == 10 && text.starts_with('0'))),
        Some((place, inside)) => {
            let length = match place.bytes().next() {
                Some(b'1') => 10..=14,
                Some(b'3' | b'4') => 10..=10,
                Some(b'5') => 15..=15,
                Some(b'6') => 12..=16,
                _ => return false,
            };
            upper(place) && length.contains(&place.len()) && !inside.is_empty()
        }
    }
}

/// Card type, card number or profession: what IGC-Santé writes on cards and persons' software certificates.
fn person_extension(certificate: &X509Certificate<'_>) -> bool {
    let marks = [oid!(1.2.250.1.71.1.2.2), oid!(1.2.250.1.71.1.2.3), oid!(1.2.250.1.71.1.2.7)];
    certificate.extensions().iter().any(|e| marks.contains(&e.oid))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_person_is_known_by_the_number_in_the_common_name() {
        for text in ["899700000001", "0012345678", "30B0057881/CPET0002", "4552100554/12", "580003400241000/JD", "6999700000010/1", "1001234567/2"] {
            assert!(is_person_number(text), "{text}");
        }
        for text in ["logiciel.cabinet.test", "SERVEUR A/B", "3/1", "30B0057881/", "10B0057881", "899700000001 ", "８９９７００００００１", ""] {
            assert!(!is_person_number(text), "{text}");
        }
    }
}
