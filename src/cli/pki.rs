//! `passerelle pki --out DIR`

use std::path::Path;

/// Writes a development PKI into `out`.
pub(super) fn run(out: &Path) -> Result<(), String> {
    crate::tls::generate(out, &crate::tls::PkiOptions::default()).map_err(|e| e.to_string())?;
    println!("development PKI written to {}", out.display());
    println!("  trust anchor   {}/ca.pem", out.display());
    println!("  server         {0}/server.pem {0}/server.key", out.display());
    for name in ["client-cabinet", "client-imagerie", "client-laboratoire", "client-revoked"] {
        println!("  client         {0}/{name}.pem {0}/{name}.key", out.display());
    }
    println!("For development only: these keys are known to whoever reads this folder.");
    Ok(())
}
