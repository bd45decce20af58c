//! The path of a certificate whose certificatePolicies is critical, which webpki does not process.
//! Spec: RFC 5280 §6.1 (policies, any initial policy).

use openssl::stack::Stack;
use openssl::x509::store::X509StoreBuilder;
use openssl::x509::verify::{X509VerifyFlags, X509VerifyParam};
use openssl::x509::{X509, X509PurposeId, X509StoreContext};
use rustls::pki_types::CertificateDer;

use crate::identity::CertificateFacts;

/// Intermediates between leaf and anchor, both left out.
const DEPTH_MAX: i32 = 2;

/// Verifies the path at `now_s` without revocation; gives the facts of its authorities, anchor left out.
pub(super) fn verify(leaf: &CertificateDer<'_>, intermediates: &[CertificateDer<'static>], anchors: &[X509], now_s: i64) -> Result<Vec<CertificateFacts>, String> {
    let text = |e: openssl::error::ErrorStack| e.to_string();
    let limits = param(now_s).map_err(text)?;
    let leaf = X509::from_der(leaf).map_err(text)?;
    let mut store = X509StoreBuilder::new().map_err(text)?;
    for anchor in anchors {
        store.add_cert(anchor.clone()).map_err(text)?;
    }
    store.set_param(&limits).map_err(text)?;
    let mut others = Stack::new().map_err(text)?;
    for der in intermediates {
        others.push(X509::from_der(der).map_err(text)?).map_err(text)?;
    }
    let mut context = X509StoreContext::new().map_err(text)?;
    let outcome = context.init(&store.build(), &leaf, &others, |c| {
        let ok = c.verify_cert()?;
        let path: Vec<Vec<u8>> = c.chain().into_iter().flatten().map(|x| x.to_der()).collect::<Result<_, _>>()?;
        Ok((ok, c.error().to_string(), path))
    });
    let (ok, reason, path) = outcome.map_err(text)?;
    if !ok {
        return Err(reason);
    }
    let middle = path.len().saturating_sub(2);
    path.iter().skip(1).take(middle).map(|der| CertificateFacts::read(der).map_err(|e| e.to_string())).collect()
}

fn param(now_s: i64) -> Result<X509VerifyParam, openssl::error::ErrorStack> {
    let mut param = X509VerifyParam::new()?;
    param.set_flags(X509VerifyFlags::X509_STRICT | X509VerifyFlags::POLICY_CHECK)?;
    param.set_purpose(X509PurposeId::SSL_CLIENT)?;
    param.set_depth(DEPTH_MAX);
    param.set_auth_level(2);
    param.set_time(now_s);
    Ok(param)
}
