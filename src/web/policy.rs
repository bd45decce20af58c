//! The style sheet and the script of the page, and the policy that allows them alone.
//! Spec: CSP Level 3 §2.3.1 (hash sources), §6.

use std::sync::LazyLock;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest, Sha256};

pub(super) const STYLE: &str = include_str!("page.css");
pub(super) const SCRIPT: &str = include_str!("page.js");

static POLICY: LazyLock<String> = LazyLock::new(|| {
    let (style, script) = (hash(STYLE), hash(SCRIPT));
    format!(
        "default-src 'none'; style-src 'sha256-{style}'; script-src 'sha256-{script}'; img-src data:; connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    )
});

/// Value of `Content-Security-Policy` for every page of this room: its own style sheet and script, requests and forms to its own
/// origin, the empty icon, and no frame around it, since it has buttons that a patient's choice hangs on.
pub fn policy() -> String {
    POLICY.clone()
}

fn hash(text: &str) -> String {
    STANDARD.encode(Sha256::digest(text.as_bytes()))
}
