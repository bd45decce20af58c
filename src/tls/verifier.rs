//! The client verifier that rustls calls: our policy over a set of trust that may be replaced at any time.

use std::sync::Arc;

use arc_swap::ArcSwap;
use rustls::client::danger::HandshakeSignatureValid;
use rustls::pki_types::{CertificateDer, UnixTime};
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::{CertificateError, DigitallySignedStruct, DistinguishedName, Error, PeerMisbehaved, SignatureScheme};

use super::trust::TrustSet;
use crate::identity::{CertificateFacts, public_key};

/// Verifies each client against the set in use at its handshake. Every refusal is the same alert; the reason is only logged.
#[derive(Debug)]
pub(super) struct PolicyVerifier {
    pub trust: Arc<ArcSwap<TrustSet>>,
}

impl ClientCertVerifier for PolicyVerifier {
    fn client_auth_mandatory(&self) -> bool {
        true
    }

    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &[]
    }

    fn verify_client_cert(&self, leaf: &CertificateDer<'_>, sent: &[CertificateDer<'_>], now: UnixTime) -> Result<ClientCertVerified, Error> {
        match self.trust.load().verify(leaf, sent, now) {
            Ok(()) => Ok(ClientCertVerified::assertion()),
            Err(reason) => {
                tracing::info!(reason, "client certificate refused");
                Err(Error::InvalidCertificate(CertificateError::ApplicationVerificationFailure))
            }
        }
    }

    fn verify_tls12_signature(&self, message: &[u8], cert: &CertificateDer<'_>, dss: &DigitallySignedStruct) -> Result<HandshakeSignatureValid, Error> {
        if has_critical_policies(cert) {
            return signed_by_key_of(cert, message, dss);
        }
        self.trust.load().webpki().verify_tls12_signature(message, cert, dss)
    }

    fn verify_tls13_signature(&self, message: &[u8], cert: &CertificateDer<'_>, dss: &DigitallySignedStruct) -> Result<HandshakeSignatureValid, Error> {
        if has_critical_policies(cert) {
            return if in_tls13(dss.scheme) { signed_by_key_of(cert, message, dss) } else { Err(PeerMisbehaved::SignedHandshakeWithUnadvertisedSigScheme.into()) };
        }
        self.trust.load().webpki().verify_tls13_signature(message, cert, dss)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.trust.load().webpki().supported_verify_schemes()
    }
}

/// webpki reads no certificate that has a critical extension it does not know, not even for its key.
fn has_critical_policies(cert: &CertificateDer<'_>) -> bool {
    CertificateFacts::read(cert).is_ok_and(|facts| facts.critical_policies)
}

/// Spec: RFC 8446 §4.2.3: in a handshake of TLS 1.3 no PKCS#1 v1.5.
fn in_tls13(scheme: SignatureScheme) -> bool {
    !matches!(scheme, SignatureScheme::RSA_PKCS1_SHA256 | SignatureScheme::RSA_PKCS1_SHA384 | SignatureScheme::RSA_PKCS1_SHA512)
}

/// Verifies the handshake with the certificate's key alone, by the algorithms webpki would use; one for another kind of key fails.
fn signed_by_key_of(cert: &CertificateDer<'_>, message: &[u8], dss: &DigitallySignedStruct) -> Result<HandshakeSignatureValid, Error> {
    let key = public_key(cert).map_err(|_| Error::InvalidCertificate(CertificateError::BadEncoding))?;
    let provider = super::provider();
    let mut possible = provider.signature_verification_algorithms.mapping.iter().filter(|(scheme, _)| *scheme == dss.scheme).flat_map(|(_, all)| all.iter());
    if possible.any(|a| a.verify_signature(&key, message, dss.signature()).is_ok()) {
        return Ok(HandshakeSignatureValid::assertion());
    }
    Err(Error::InvalidCertificate(CertificateError::BadSignature))
}
