//! Makes authorities, leaves and revocation lists with any defect, at a fixed clock.

use openssl::asn1::{Asn1Integer, Asn1Object, Asn1OctetString, Asn1Time};
use openssl::bn::BigNum;
use openssl::ec::{EcGroup, EcKey};
use openssl::hash::MessageDigest;
use openssl::nid::Nid;
use openssl::pkey::{PKey, Private};
use openssl::rsa::Rsa;
use openssl::sign::Signer;
use openssl::x509::extension::{AuthorityKeyIdentifier, ExtendedKeyUsage, SubjectKeyIdentifier};
use openssl::x509::{X509, X509Extension, X509Name};
use rustls::pki_types::{CertificateDer, UnixTime};

use crate::tls::{Result, TrustSet};

/// The clock of the vectors: 2027-01-15T08:00:00Z.
pub const NOW: i64 = 1_800_000_000;
pub const DAY: i64 = 86_400;
pub const STRUCTURE: &str = "10B0057881";
pub const CLIENT_AUTH: &str = "1.3.6.1.5.5.7.3.2";
pub const SERVER_AUTH: &str = "1.3.6.1.5.5.7.3.1";

/// keyUsage bits of the first byte.
pub const DIGITAL_SIGNATURE: u8 = 0x80;
pub const NON_REPUDIATION: u8 = 0x40;
pub const KEY_ENCIPHERMENT: u8 = 0x20;
pub const CERT_SIGN: u8 = 0x04;
pub const CRL_SIGN: u8 = 0x02;

/// A certificate to be; the start is a good one, a test changes one thing.
#[derive(Clone)]
pub struct Spec {
    pub subject: Vec<(Nid, String)>,
    pub from: i64,
    pub to: i64,
    pub key: PKey<Private>,
    pub digest: MessageDigest,
    /// Some: an authority, with its pathLen.
    pub ca: Option<Option<u8>>,
    pub usage: Option<u8>,
    pub purposes: Vec<&'static str>,
    /// OID, critical, DER.
    pub more: Vec<(&'static str, bool, Vec<u8>)>,
    pub serial: u32,
}

impl Spec {
    pub fn leaf() -> Self {
        Self {
            subject: subject(STRUCTURE),
            from: NOW - DAY,
            to: NOW + 30 * DAY,
            key: curve(Nid::X9_62_PRIME256V1),
            digest: MessageDigest::sha256(),
            ca: None,
            usage: Some(DIGITAL_SIGNATURE),
            purposes: vec![CLIENT_AUTH],
            more: Vec::new(),
            serial: random(),
        }
    }

    pub fn authority(name: &str, path: Option<u8>) -> Self {
        let subject = vec![(Nid::COUNTRYNAME, "FR".into()), (Nid::ORGANIZATIONNAME, "ESSAI".into()), (Nid::COMMONNAME, name.into())];
        Self { subject, to: NOW + 3000 * DAY, ca: Some(path), usage: Some(CERT_SIGN | CRL_SIGN), purposes: Vec::new(), ..Self::leaf() }
    }

    pub fn with(mut self, change: impl FnOnce(&mut Self)) -> Self {
        change(&mut self);
        self
    }

    pub fn signed_by(&self, issuer: &Authority) -> X509 {
        self.sign(Some(issuer))
    }

    fn sign(&self, issuer: Option<&Authority>) -> X509 {
        let mut out = X509::builder().unwrap();
        out.set_version(2).unwrap();
        out.set_serial_number(&integer(self.serial)).unwrap();
        let subject = name(&self.subject);
        out.set_subject_name(&subject).unwrap();
        out.set_issuer_name(issuer.map_or(&subject, |i| i.cert.subject_name())).unwrap();
        out.set_not_before(&Asn1Time::from_unix(self.from).unwrap()).unwrap();
        out.set_not_after(&Asn1Time::from_unix(self.to).unwrap()).unwrap();
        out.set_pubkey(&self.key).unwrap();
        let basic = match self.ca {
            None => der(0x30, &[]),
            Some(None) => der(0x30, &[1, 1, 0xff]),
            Some(Some(path)) => der(0x30, &[1, 1, 0xff, 2, 1, path]),
        };
        out.append_extension(extension("2.5.29.19", true, &basic)).unwrap();
        if let Some(bits) = self.usage {
            out.append_extension(extension("2.5.29.15", true, &[3, 2, u8::try_from(bits.trailing_zeros()).unwrap(), bits])).unwrap();
        }
        if !self.purposes.is_empty() {
            let mut purposes = ExtendedKeyUsage::new();
            self.purposes.iter().for_each(|p| {
                purposes.other(p);
            });
            out.append_extension(purposes.build().unwrap()).unwrap();
        }
        let above = issuer.map(|i| &i.cert);
        let own = SubjectKeyIdentifier::new().build(&out.x509v3_context(above.map(|c| &**c), None)).unwrap();
        out.append_extension(own).unwrap();
        if above.is_some() {
            let theirs = AuthorityKeyIdentifier::new().keyid(true).build(&out.x509v3_context(above.map(|c| &**c), None)).unwrap();
            out.append_extension(theirs).unwrap();
        }
        for (oid, critical, value) in &self.more {
            out.append_extension(extension(oid, *critical, value)).unwrap();
        }
        out.sign(issuer.map_or(&self.key, |i| &i.key), self.digest).unwrap();
        out.build()
    }
}

/// An authority with its key.
#[derive(Clone)]
pub struct Authority {
    pub cert: X509,
    pub key: PKey<Private>,
}

impl Authority {
    pub fn root(spec: &Spec) -> Self {
        Self { cert: spec.sign(None), key: spec.key.clone() }
    }

    pub fn below(spec: &Spec, issuer: &Authority) -> Self {
        Self { cert: spec.sign(Some(issuer)), key: spec.key.clone() }
    }

    /// A good list, to be changed.
    pub fn list(&self) -> List {
        List { from: NOW - DAY, to: Some(NOW + DAY), number: Some(7), revoked: Vec::new(), more: Vec::new() }
    }
}

/// A revocation list to be.
#[derive(Clone)]
pub struct List {
    pub from: i64,
    pub to: Option<i64>,
    pub number: Option<u8>,
    /// Serial and CRLReason.
    pub revoked: Vec<(u32, Option<u8>)>,
    pub more: Vec<(&'static str, bool, Vec<u8>)>,
}

impl List {
    pub fn with(mut self, change: impl FnOnce(&mut Self)) -> Self {
        change(&mut self);
        self
    }

    pub fn revoking(self, cert: &Spec) -> Self {
        let serial = cert.serial;
        self.with(|l| l.revoked.push((serial, None)))
    }

    pub fn pem(&self, issuer: &Authority) -> String {
        armour("X509 CRL", &self.der(issuer))
    }

    /// Signed by a P-256 authority. Spec: RFC 5280 §5.1.
    pub fn der(&self, issuer: &Authority) -> Vec<u8> {
        const ECDSA_SHA256: [u8; 12] = [0x30, 10, 6, 8, 0x2a, 0x86, 0x48, 0xce, 0x3d, 4, 3, 2];
        let mut extensions = Vec::new();
        let number = self.number.map(|n| ("2.5.29.20", false, vec![2, 1, n]));
        for (oid, critical, value) in number.iter().chain(&self.more) {
            extensions.extend(extension(oid, *critical, value).to_der().unwrap());
        }
        let mut entries = Vec::new();
        for (serial, reason) in &self.revoked {
            let code = reason.map(|r| der(0x30, &extension("2.5.29.21", false, &[10, 1, r]).to_der().unwrap()));
            entries.extend(der(0x30, &[number_der(*serial), time(NOW - DAY), code.unwrap_or_default()].concat()));
        }
        let entries = if entries.is_empty() { entries } else { der(0x30, &entries) };
        let next = self.to.map(time).unwrap_or_default();
        let extensions = if extensions.is_empty() { extensions } else { der(0xa0, &der(0x30, &extensions)) };
        let subject = issuer.cert.subject_name().to_der().unwrap();
        let tbs = der(0x30, &[vec![2, 1, 1], ECDSA_SHA256.to_vec(), subject, time(self.from), next, entries, extensions].concat());
        let mut signer = Signer::new(MessageDigest::sha256(), &issuer.key).unwrap();
        let signature = [vec![0], signer.sign_oneshot_to_vec(&tbs).unwrap()].concat();
        der(0x30, &[tbs, ECDSA_SHA256.to_vec(), der(3, &signature)].concat())
    }
}

/// A root, an intermediate, and the judgement of leaves below it.
pub struct World {
    pub root: Authority,
    pub middle: Authority,
}

impl World {
    pub fn new() -> Self {
        let root = Authority::root(&Spec::authority("RACINE", Some(1)));
        let middle = Authority::below(&Spec::authority("ORGANISATIONS", Some(0)), &root);
        Self { root, middle }
    }

    pub fn ca_pem(&self) -> String {
        pem(&self.root.cert) + &pem(&self.middle.cert)
    }

    pub fn lists(&self) -> String {
        self.root.list().pem(&self.root) + &self.middle.list().pem(&self.middle)
    }

    /// The root's good list beside this one of the intermediate.
    pub fn lists_with(&self, list: &List) -> String {
        self.root.list().pem(&self.root) + &list.pem(&self.middle)
    }

    pub fn set(&self) -> TrustSet {
        build(&self.ca_pem(), &self.lists()).unwrap()
    }

    pub fn judge(&self, leaf: &Spec) -> std::result::Result<(), String> {
        verify(&self.set(), &leaf.signed_by(&self.middle))
    }
}

pub fn build(ca: &str, lists: &str) -> Result<TrustSet> {
    TrustSet::build(ca.as_bytes(), lists.as_bytes(), NOW, None)
}

pub fn verify(set: &TrustSet, leaf: &X509) -> std::result::Result<(), String> {
    verify_at(set, leaf, NOW)
}

pub fn verify_at(set: &TrustSet, leaf: &X509, at_s: i64) -> std::result::Result<(), String> {
    let at = UnixTime::since_unix_epoch(std::time::Duration::from_secs(u64::try_from(at_s).unwrap()));
    set.verify(&CertificateDer::from(leaf.to_der().unwrap()), &[], at)
}

pub fn pem(cert: &X509) -> String {
    String::from_utf8(cert.to_pem().unwrap()).unwrap()
}

pub fn subject(structure: &str) -> Vec<(Nid, String)> {
    [(Nid::COUNTRYNAME, "FR"), (Nid::STATEORPROVINCENAME, "Nord (59)"), (Nid::ORGANIZATIONNAME, "CABINET"), (Nid::ORGANIZATIONALUNITNAME, structure), (Nid::COMMONNAME, "logiciel")]
        .map(|(n, t)| (n, t.to_owned()))
        .to_vec()
}

fn name(attributes: &[(Nid, String)]) -> X509Name {
    let mut out = X509Name::builder().unwrap();
    for (nid, text) in attributes {
        out.append_entry_by_nid(*nid, text).unwrap();
    }
    out.build()
}

pub fn curve(nid: Nid) -> PKey<Private> {
    PKey::from_ec_key(EcKey::generate(&EcGroup::from_curve_name(nid).unwrap()).unwrap()).unwrap()
}

pub fn rsa(bits: u32) -> PKey<Private> {
    PKey::from_rsa(Rsa::generate(bits).unwrap()).unwrap()
}

/// One DER value.
pub fn der(tag: u8, body: &[u8]) -> Vec<u8> {
    let length = body.len();
    let head = match length {
        0..=127 => vec![tag, u8::try_from(length).unwrap()],
        128..=255 => vec![tag, 0x81, u8::try_from(length).unwrap()],
        _ => vec![tag, 0x82, u8::try_from(length >> 8).unwrap(), u8::try_from(length & 0xff).unwrap()],
    };
    [head, body.to_vec()].concat()
}

/// certificatePolicies with one policy of the arc 1.2.250.
pub fn policies() -> Vec<u8> {
    der(0x30, &der(0x30, &der(6, &[0x2a, 0x81, 0x7a, 1])))
}

/// A distribution point's name: `[0] fullName [0] URI`.
pub fn point(uri: &str) -> Vec<u8> {
    der(0xa0, &der(0xa0, &der(0x86, uri.as_bytes())))
}

fn extension(oid: &str, critical: bool, value: &[u8]) -> X509Extension {
    let oid = Asn1Object::from_str(oid).unwrap();
    X509Extension::new_from_der(&oid, critical, &Asn1OctetString::new_from_bytes(value).unwrap()).unwrap()
}

fn integer(value: u32) -> Asn1Integer {
    Asn1Integer::from_bn(&BigNum::from_u32(value).unwrap()).unwrap()
}

fn number_der(value: u32) -> Vec<u8> {
    der(2, &[&[0][..], &value.to_be_bytes()].concat().into_iter().skip_while(|b| *b == 0).collect::<Vec<_>>())
}

fn time(at_s: i64) -> Vec<u8> {
    let moment = chrono::DateTime::<chrono::Utc>::from_timestamp(at_s, 0).unwrap();
    der(0x17, moment.format("%y%m%d%H%M%SZ").to_string().as_bytes())
}

pub fn armour(label: &str, bytes: &[u8]) -> String {
    format!("-----BEGIN {label}-----\n{}\n-----END {label}-----\n", openssl::base64::encode_block(bytes))
}

/// Below 2^31 and without a leading zero byte.
fn random() -> u32 {
    let mut bytes = [0_u8; 4];
    openssl::rand::rand_bytes(&mut bytes).unwrap();
    u32::from_be_bytes(bytes) & 0x7fff_ffff | 0x4000_0000
}
