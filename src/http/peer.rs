//! Who is on the other end of a connection, read once after its handshake.

use actix_web::HttpRequest;

use super::serve::Shared;
use crate::fhir::{Fault, FaultKind, Result};
use crate::identity::{Caller, Stranger};

/// The identity of a connection; of a certificate that names no caller, what the trace may say of it.
#[derive(Clone)]
pub(super) struct Peer(pub std::result::Result<Caller, Stranger>);

impl Peer {
    /// Reads a verified leaf; `persons`: whether a professional's card is accepted.
    pub fn of(leaf: &[u8], persons: bool) -> Self {
        Self(Caller::from_leaf(leaf, persons).map_err(|reason| Stranger::of(leaf, reason)))
    }
}

/// The caller of a request.
///
/// # Errors
/// `Unauthenticated` when its certificate names none.
pub(super) fn caller(req: &HttpRequest) -> Result<Caller> {
    match req.conn_data::<Peer>() {
        Some(Peer(Ok(caller))) => Ok(caller.clone()),
        Some(Peer(Err(stranger))) => Err(stranger.reason.into()),
        None => Err(Fault::new(FaultKind::Unauthenticated, 314, "this connection showed no client certificate")),
    }
}

/// What is known of a certificate that names no caller.
pub(super) fn stranger(req: &HttpRequest) -> Option<&Stranger> {
    req.conn_data::<Peer>().and_then(|peer| peer.0.as_ref().err())
}

/// Whether a certificate that was good at the handshake still is.
///
/// # Errors
/// `Unauthenticated` when it has expired or is revoked, or its issuer's lists are outdated.
pub(super) fn still_valid(shared: &Shared, caller: &Caller) -> Result<()> {
    if shared.tls.still_valid(caller) {
        return Ok(());
    }
    Err(Fault::new(FaultKind::Unauthenticated, 315, "the client certificate is no longer valid"))
}
