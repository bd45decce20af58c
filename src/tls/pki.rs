//! The development PKI: two authorities, a server, and clients shaped like IGC-Santé's ORG AUTH_CLI. Fictitious structures.
//!
//! Never for production: the authorities' keys lie beside the certificates.
//! Spec: RFC 5280; ANS IGC-Santé certificate profiles.

use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::time::Duration;

use rcgen::string::PrintableString;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DistinguishedName, DnType, DnValue, ExtendedKeyUsagePurpose, IsCa, KeyPair, KeyUsagePurpose, SerialNumber};

use super::error::{Result, TlsError};
use super::pki_crl;
use super::server::now_s;

const DAY_S: i64 = 86_400;
/// Validity in days.
const CA_DAYS: i64 = 3652;
const SERVER_DAYS: i64 = 825;
const CLIENT_DAYS: i64 = 1095;

/// Keys of the certificates.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum KeyAlgorithm {
    /// ECDSA P-256.
    #[default]
    P256,
    /// RSA 2048.
    Rsa2048,
}

/// How to make the PKI.
#[derive(Debug, Clone, Default)]
pub struct PkiOptions {
    pub keys: KeyAlgorithm,
    /// DNS names or addresses of the server, besides localhost, 127.0.0.1 and ::1.
    pub server_names: Vec<String>,
}

/// A client: file name, department, organisation, Struct_IdNat.
const CLIENTS: [(&str, &str, &str, &str); 4] = [
    ("client-cabinet", "Paris (75)", "CABINET MEDICAL DE DEMONSTRATION", "1759999991"),
    ("client-imagerie", "Rhône (69)", "CENTRE D'IMAGERIE DE DEMONSTRATION", "399999999900017"),
    ("client-laboratoire", "Gironde (33)", "LABORATOIRE DE DEMONSTRATION", "2999999998"),
    ("client-revoked", "Nord (59)", "STRUCTURE REVOQUEE DE DEMONSTRATION", "1599999995"),
];

type Authority = CertifiedIssuer<'static, KeyPair>;

/// Writes the whole PKI into `dir` (made when absent, mode 0700): `ca.pem` (root, intermediate), `ca-root.key`,
/// `ca-intermediate.key`, `crl.pem`, `server.pem`/`.key` and each client's `.pem`/`.key`; keys have mode 0600. `ca.pem` comes
/// last: a folder that holds it is whole.
///
/// # Errors
/// When `dir` already holds a PKI, or a file cannot be written.
pub fn generate(dir: &Path, options: &PkiOptions) -> Result<()> {
    make_folder(dir)?;
    if dir.join("ca.pem").exists() {
        return Err(TlsError::new(format!("{}: a PKI is already there", dir.display())));
    }
    let step = TlsError::of::<rcgen::Error>("development PKI");
    let root = CertifiedIssuer::self_signed(authority("AC RACINE DEMONSTRATION", 1)?, key(options.keys)?).map_err(&step)?;
    let middle = CertifiedIssuer::signed_by(authority("AC ORGANISATIONS DEMONSTRATION", 0)?, key(options.keys)?, &root).map_err(&step)?;
    write(dir, "ca-root.key", root.key().serialize_pem().as_bytes(), 0o600)?;
    write(dir, "ca-intermediate.key", middle.key().serialize_pem().as_bytes(), 0o600)?;
    leaf(dir, "server", server(&options.server_names)?, &middle, options.keys)?;
    for (file, department, organisation, structure) in CLIENTS {
        leaf(dir, file, client(file, department, organisation, structure)?, &middle, options.keys)?;
    }
    let authorities = format!("{}{}", root.pem(), middle.pem());
    pki_crl::first(dir, authorities.as_bytes(), "client-revoked")?;
    write(dir, "ca.pem", authorities.as_bytes(), 0o644)
}

fn authority(name: &str, below: u8) -> Result<CertificateParams> {
    let mut params = params(CA_DAYS)?;
    params.distinguished_name = subject(&[(DnType::OrganizationName, "PASSERELLE DEMONSTRATION"), (DnType::CommonName, name)])?;
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(below));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    Ok(params)
}

fn server(names: &[String]) -> Result<CertificateParams> {
    let all = ["localhost", "127.0.0.1", "::1"].into_iter().map(str::to_owned).chain(names.iter().cloned());
    let named = CertificateParams::new(all.collect::<Vec<_>>()).map_err(TlsError::of("server names"))?;
    let mut params = params(SERVER_DAYS)?;
    params.subject_alt_names = named.subject_alt_names;
    params.distinguished_name = subject(&[(DnType::OrganizationName, "PASSERELLE DEMONSTRATION"), (DnType::CommonName, "localhost")])?;
    params.is_ca = IsCa::ExplicitNoCa;
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    Ok(params)
}

fn client(name: &str, department: &str, organisation: &str, structure: &str) -> Result<CertificateParams> {
    let mut params = params(CLIENT_DAYS)?;
    params.distinguished_name =
        subject(&[(DnType::StateOrProvinceName, department), (DnType::OrganizationName, organisation), (DnType::OrganizationalUnitName, structure), (DnType::CommonName, name)])?;
    params.is_ca = IsCa::ExplicitNoCa;
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
    Ok(params)
}

fn params(days: i64) -> Result<CertificateParams> {
    let mut params = CertificateParams::default();
    let now = now_s();
    params.not_before = pki_crl::moment!(now - DAY_S);
    params.not_after = pki_crl::moment!(now + days * DAY_S);
    params.use_authority_key_identifier_extension = true;
    params.serial_number = Some(serial()?);
    Ok(params)
}

/// 16 random bytes, positive and without leading zero.
fn serial() -> Result<SerialNumber> {
    let mut bytes = [0_u8; 16];
    openssl::rand::rand_bytes(&mut bytes).map_err(TlsError::of("random bytes"))?;
    if let Some(first) = bytes.first_mut() {
        *first = (*first & 0x7f) | 0x40;
    }
    Ok(SerialNumber::from_slice(&bytes))
}

fn subject(attributes: &[(DnType, &str)]) -> Result<DistinguishedName> {
    let mut name = DistinguishedName::new();
    let france = PrintableString::try_from("FR").map_err(TlsError::of("country"))?;
    name.push(DnType::CountryName, DnValue::PrintableString(france));
    for (kind, text) in attributes {
        name.push(kind.clone(), *text);
    }
    Ok(name)
}

fn key(algorithm: KeyAlgorithm) -> Result<KeyPair> {
    let made = TlsError::of::<rcgen::Error>("key");
    match algorithm {
        KeyAlgorithm::P256 => KeyPair::generate().map_err(made),
        KeyAlgorithm::Rsa2048 => {
            let step = TlsError::of::<openssl::error::ErrorStack>("RSA key");
            let rsa = openssl::rsa::Rsa::generate(2048).and_then(openssl::pkey::PKey::from_rsa).map_err(&step)?;
            let pem = String::from_utf8(rsa.private_key_to_pem_pkcs8().map_err(&step)?).map_err(TlsError::of("RSA key"))?;
            KeyPair::from_pem(&pem).map_err(made)
        }
    }
}

fn leaf(dir: &Path, file: &str, params: CertificateParams, issuer: &Authority, keys: KeyAlgorithm) -> Result<()> {
    let key = key(keys)?;
    let certificate = params.signed_by(&key, issuer).map_err(TlsError::of("certificate"))?;
    write(dir, &format!("{file}.key"), key.serialize_pem().as_bytes(), 0o600)?;
    write(dir, &format!("{file}.pem"), format!("{}{}", certificate.pem(), issuer.pem()).as_bytes(), 0o644)
}

pub(super) fn make_folder(dir: &Path) -> Result<()> {
    use std::os::unix::fs::DirBuilderExt;
    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(true).mode(0o700).create(dir).map_err(|e| TlsError::new(format!("{}: {e}", dir.display())))
}

/// Writes beside, then renames: a reader sees the old or the new file, never a part.
pub(super) fn write(dir: &Path, name: &str, bytes: &[u8], mode: u32) -> Result<()> {
    let wrong = |e: std::io::Error| TlsError::new(format!("{name}: {e}"));
    let beside = dir.join(format!(".{name}.new-{}", std::process::id()));
    match std::fs::remove_file(&beside) {
        Err(e) if e.kind() != std::io::ErrorKind::NotFound => return Err(wrong(e)),
        _ => {}
    }
    let mut file = std::fs::OpenOptions::new().write(true).create_new(true).mode(mode).open(&beside).map_err(wrong)?;
    file.write_all(bytes).and_then(|()| file.sync_all()).map_err(wrong)?;
    std::fs::rename(&beside, dir.join(name)).map_err(wrong)
}

/// A length of time in seconds, never negative.
pub(super) fn seconds(value: i64) -> Duration {
    Duration::from_secs(u64::try_from(value).unwrap_or(0))
}
