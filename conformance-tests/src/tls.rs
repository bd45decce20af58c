//! Client certificates of a PKI folder: `ca.pem`, `NAME.pem`, `NAME.key`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, RootCertStore};

/// The name of a client that shows no certificate.
pub const NONE: &str = "none";

/// The certificates the kit may show.
#[derive(Debug)]
pub struct Pki {
    folder: PathBuf,
    first: String,
    second: String,
    configs: BTreeMap<String, Arc<ClientConfig>>,
}

impl Pki {
    /// The PKI of a folder; `first` and `second` name the two clients.
    #[must_use]
    pub fn new(folder: &Path, first: &str, second: &str) -> Self {
        Self { folder: folder.to_owned(), first: first.to_owned(), second: second.to_owned(), configs: BTreeMap::new() }
    }

    /// The configuration of a client: `first`, `second`, `none`, or a certificate's name.
    ///
    /// # Errors
    /// A file that is missing or that is not PEM.
    pub fn client(&mut self, name: &str) -> Result<Arc<ClientConfig>, String> {
        let name = match name {
            "first" => self.first.clone(),
            "second" => self.second.clone(),
            other => other.to_owned(),
        };
        if let Some(config) = self.configs.get(&name) {
            return Ok(Arc::clone(config));
        }
        let config = Arc::new(self.config(&name)?);
        self.configs.insert(name, Arc::clone(&config));
        Ok(config)
    }

    fn config(&self, name: &str) -> Result<ClientConfig, String> {
        let mut roots = RootCertStore::empty();
        roots.add_parsable_certificates(self.certificates("ca.pem")?);
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().map_err(|e| e.to_string())?.with_root_certificates(roots);
        if name == NONE {
            return Ok(builder.with_no_client_auth());
        }
        let file = self.folder.join(format!("{name}.key"));
        let key = PrivateKeyDer::from_pem_file(&file).map_err(|e| format!("{}: {e}", file.display()))?;
        builder.with_client_auth_cert(self.certificates(&format!("{name}.pem"))?, key).map_err(|e| format!("{name}: {e}"))
    }

    fn certificates(&self, file: &str) -> Result<Vec<CertificateDer<'static>>, String> {
        let file = self.folder.join(file);
        let told = |e: rustls::pki_types::pem::Error| format!("{}: {e}", file.display());
        CertificateDer::pem_file_iter(&file).map_err(told)?.collect::<Result<_, _>>().map_err(told)
    }
}
