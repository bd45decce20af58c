//! A client of this server, for the demonstration, the benchmark and the tests.

use std::net::TcpStream;
use std::sync::Arc;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};

use super::error::{Result, TlsError};

/// A client with its certificate (an empty one: without, like a browser), that trusts the self-issued certificates of `ca_pem` only. HTTP/1.1.
///
/// # Errors
/// PEM that cannot be read, a key that is not the certificate's.
pub fn client_config(ca_pem: &[u8], cert_pem: &[u8], key_pem: &[u8]) -> Result<Arc<ClientConfig>> {
    let roots = roots(ca_pem)?;
    let builder = ClientConfig::builder_with_provider(super::provider()).with_safe_default_protocol_versions().map_err(TlsError::of("TLS versions"))?.with_root_certificates(roots);
    let mut config = if cert_pem.is_empty() {
        builder.with_no_client_auth()
    } else {
        let chain = CertificateDer::pem_slice_iter(cert_pem).collect::<std::result::Result<Vec<_>, _>>().map_err(TlsError::of("client certificate"))?;
        let key = PrivateKeyDer::from_pem_slice(key_pem).map_err(TlsError::of("client key"))?;
        builder.with_client_auth_cert(chain, key).map_err(TlsError::of("client certificate and key"))?
    };
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}

/// The self-issued certificates of a PEM file.
pub(super) fn roots(ca_pem: &[u8]) -> Result<RootCertStore> {
    let mut roots = RootCertStore::empty();
    for der in CertificateDer::pem_slice_iter(ca_pem) {
        let der = der.map_err(TlsError::of("CA file"))?;
        let facts = crate::identity::CertificateFacts::read(&der).map_err(TlsError::of("CA file"))?;
        if facts.subject == facts.issuer {
            roots.add(der).map_err(TlsError::of("CA file"))?;
        }
    }
    Ok(roots)
}

/// An open connection.
pub type Stream = StreamOwned<ClientConnection, TcpStream>;

/// Seconds a read or write may take.
const PATIENCE_S: u64 = 60;

/// Connects to `host:port` with a client certificate. In TLS 1.3 a refused certificate shows at the first read only.
///
/// # Errors
/// As [`client_config`], or the socket's error.
pub fn connect(host: &str, port: u16, ca_pem: &[u8], cert_pem: &[u8], key_pem: &[u8]) -> std::io::Result<Stream> {
    let config = client_config(ca_pem, cert_pem, key_pem).map_err(std::io::Error::other)?;
    let name = rustls::pki_types::ServerName::try_from(host.to_owned()).map_err(std::io::Error::other)?;
    let socket = TcpStream::connect((host, port))?;
    socket.set_nodelay(true)?;
    let patience = Some(std::time::Duration::from_secs(PATIENCE_S));
    socket.set_read_timeout(patience)?;
    socket.set_write_timeout(patience)?;
    let connection = ClientConnection::new(config, name).map_err(std::io::Error::other)?;
    Ok(StreamOwned::new(connection, socket))
}
