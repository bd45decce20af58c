//! The facts of a revocation list that the loader decides on.
//! Spec: RFC 5280 §5.

use std::collections::HashSet;

use x509_parser::asn1_rs::oid;
use x509_parser::prelude::{CertificateRevocationList, FromDer};

use super::certificate::plain_serial;
use super::error::IdentityError;

/// What a revocation list says; nothing here is verified.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RevocationFacts {
    /// DER of the issuer's name.
    pub issuer: Vec<u8>,
    /// Seconds since 1970.
    pub this_update: i64,
    pub next_update: Option<i64>,
    /// cRLNumber, big endian without leading zeros.
    pub number: Option<Vec<u8>>,
    /// deltaCRLIndicator is present.
    pub is_delta: bool,
    /// DER of issuingDistributionPoint: the list covers a part of the issuer's certificates only.
    pub partition: Option<Vec<u8>>,
    /// Serials, big endian without leading zeros, whatever their reason (hold included).
    pub revoked: HashSet<Vec<u8>>,
}

impl RevocationFacts {
    /// Reads one list; trailing bytes are refused.
    ///
    /// # Errors
    /// [`IdentityError::Unreadable`].
    pub fn read(der: &[u8]) -> Result<Self, IdentityError> {
        let (rest, list) = CertificateRevocationList::from_der(der).map_err(|_| IdentityError::Unreadable)?;
        if !rest.is_empty() {
            return Err(IdentityError::Unreadable);
        }
        let find = |wanted| list.extensions().iter().find(|e| e.oid == wanted);
        Ok(Self {
            issuer: list.issuer().as_raw().to_vec(),
            this_update: list.last_update().timestamp(),
            next_update: list.next_update().map(|t| t.timestamp()),
            number: list.crl_number().map(|n| plain_serial(&n.to_bytes_be())),
            is_delta: find(oid!(2.5.29.27)).is_some(),
            partition: find(oid!(2.5.29.28)).map(|e| e.value.to_vec()),
            revoked: list.iter_revoked_certificates().map(|r| plain_serial(r.raw_serial())).collect(),
        })
    }
}
