//! The client verifier that rustls calls: our policy over a set of trust that may be replaced at any time.

use std::sync::Arc;

use arc_swap::ArcSwap;
use rustls::client::danger::HandshakeSignatureValid;
use rustls::pki_types::{CertificateDer, UnixTime};
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::{CertificateError, DigitallySignedStruct, DistinguishedName, Error, SignatureScheme};

use super::trust::TrustSet;

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
        self.trust.load().webpki().verify_tls12_signature(message, cert, dss)
    }

    fn verify_tls13_signature(&self, message: &[u8], cert: &CertificateDer<'_>, dss: &DigitallySignedStruct) -> Result<HandshakeSignatureValid, Error> {
        self.trust.load().webpki().verify_tls13_signature(message, cert, dss)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.trust.load().webpki().supported_verify_schemes()
    }
}
