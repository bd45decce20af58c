//! Real handshakes over loopback: who gets in, in both versions, and that nothing is remembered between two of them.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::thread::JoinHandle;

use openssl::nid::Nid;
use openssl::pkey::{PKey, Private};
use openssl::x509::X509;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, ClientConnection, HandshakeKind, ProtocolVersion, RootCertStore, ServerConnection, SupportedProtocolVersion};

use super::maker::{Authority, DAY, STRUCTURE, Spec, curve, policies, rsa};
use super::pki::Folder;
use crate::identity::Caller;
use crate::tls::{KeyAlgorithm, PkiOptions, TlsState, client_config, connect, provider};

const BOTH: [&SupportedProtocolVersion; 2] = [&rustls::version::TLS13, &rustls::version::TLS12];

/// What the server saw of one connection.
#[derive(Debug)]
pub struct Seen {
    pub version: Option<ProtocolVersion>,
    pub kind: Option<HandshakeKind>,
    pub alpn: Option<Vec<u8>>,
    pub caller: Option<Caller>,
}

/// What the client saw: the answer, or the error.
#[derive(Debug)]
pub struct Got {
    pub server_leaf: Vec<u8>,
    pub tickets: u32,
    pub kind: Option<HandshakeKind>,
}

/// One connection: the client sends a byte, the server answers one.
pub fn meet(state: &TlsState, client: &Arc<ClientConfig>) -> (Result<Seen, String>, Result<Got, String>) {
    let (address, server) = listen(state);
    let got = ask(TcpStream::connect(address).unwrap(), client);
    (server.join().unwrap(), got)
}

/// A server of one connection.
fn listen(state: &TlsState) -> (SocketAddr, JoinHandle<Result<Seen, String>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let tls = ServerConnection::new(Arc::new(state.server_config().unwrap())).unwrap();
    (address, std::thread::spawn(move || serve(listener.accept().unwrap().0, tls)))
}

fn serve(mut socket: TcpStream, mut tls: ServerConnection) -> Result<Seen, String> {
    let mut byte = [0];
    rustls::Stream::new(&mut tls, &mut socket).read_exact(&mut byte).map_err(|e| e.to_string())?;
    let answered = rustls::Stream::new(&mut tls, &mut socket).write_all(&byte);
    tls.send_close_notify();
    let _ = tls.complete_io(&mut socket);
    answered.map_err(|e| e.to_string())?;
    let leaf = tls.peer_certificates().and_then(|c| c.first());
    Ok(Seen {
        version: tls.protocol_version(),
        kind: tls.handshake_kind(),
        alpn: tls.alpn_protocol().map(<[u8]>::to_vec),
        caller: leaf.and_then(|der| Caller::from_leaf(der, false).ok()),
    })
}

fn ask(mut socket: TcpStream, client: &Arc<ClientConfig>) -> Result<Got, String> {
    let mut tls = ClientConnection::new(Arc::clone(client), ServerName::try_from("localhost").unwrap()).unwrap();
    let mut stream = rustls::Stream::new(&mut tls, &mut socket);
    let mut rest = Vec::new();
    stream.write_all(b"x").and_then(|()| stream.read_to_end(&mut rest)).map_err(|e| e.to_string())?;
    let server_leaf = tls.peer_certificates().unwrap()[0].to_vec();
    Ok(Got { server_leaf, tickets: tls.tls13_tickets_received(), kind: tls.handshake_kind() })
}

/// A client of one version; without `name`, one that has no certificate.
fn client(pki: &Folder, name: Option<&str>, version: &'static SupportedProtocolVersion) -> Arc<ClientConfig> {
    let certs = name.map(|n| (pki.bytes(&format!("{n}.pem")), pki.bytes(&format!("{n}.key"))));
    client_with(&pki.bytes("ca.pem"), certs.as_ref().map(|(c, k)| (c.as_slice(), k.as_slice())), version)
}

pub fn client_with(ca: &[u8], own: Option<(&[u8], &[u8])>, version: &'static SupportedProtocolVersion) -> Arc<ClientConfig> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(ca).unwrap()).unwrap();
    let config = ClientConfig::builder_with_provider(provider()).with_protocol_versions(&[version]).unwrap().with_root_certificates(roots);
    let Some((cert, key)) = own else { return Arc::new(config.with_no_client_auth()) };
    let chain = CertificateDer::pem_slice_iter(cert).map(Result::unwrap).collect();
    Arc::new(config.with_client_auth_cert(chain, PrivateKeyDer::from_pem_slice(key).unwrap()).unwrap())
}

/// The ready client of this room, as `connect` uses it.
pub fn ready(pki: &Folder, name: &str) -> Arc<ClientConfig> {
    client_config(&pki.bytes("ca.pem"), &pki.bytes(&format!("{name}.pem")), &pki.bytes(&format!("{name}.key"))).unwrap()
}

#[test]
fn a_client_of_the_pki_is_answered_in_tls_1_3_and_1_2() {
    let pki = Folder::with_pki(&PkiOptions::default());
    let state = pki.load().unwrap();
    for (version, number) in BOTH.into_iter().zip([ProtocolVersion::TLSv1_3, ProtocolVersion::TLSv1_2]) {
        let (seen, got) = meet(&state, &client(&pki, Some("client-cabinet"), version));
        let seen = seen.unwrap();
        assert_eq!(seen.version, Some(number));
        assert_eq!(seen.caller.unwrap().structure.canonical(), "1759999991");
        assert!(got.is_ok());
    }
}

#[test]
fn the_ready_client_speaks_tls_1_3_and_http_1_1() {
    let pki = Folder::with_pki(&PkiOptions::default());
    let seen = meet(&pki.load().unwrap(), &ready(&pki, "client-laboratoire")).0.unwrap();
    assert_eq!((seen.version, seen.alpn), (Some(ProtocolVersion::TLSv1_3), Some(b"http/1.1".to_vec())));
}

#[test]
fn rsa_keys_serve_in_both_versions() {
    let pki = Folder::with_pki(&PkiOptions { keys: KeyAlgorithm::Rsa2048, ..PkiOptions::default() });
    let state = pki.load().unwrap();
    for version in BOTH {
        let (seen, got) = meet(&state, &client(&pki, Some("client-imagerie"), version));
        assert_eq!(seen.unwrap().caller.unwrap().structure.canonical(), "399999999900017");
        assert!(got.is_ok());
    }
}

#[test]
fn a_client_without_certificate_is_refused() {
    let pki = Folder::with_pki(&PkiOptions::default());
    let state = pki.load().unwrap();
    for version in BOTH {
        let (seen, got) = meet(&state, &client(&pki, None, version));
        assert!(seen.unwrap_err().contains("no certificates"));
        assert!(got.is_err());
    }
}

#[test]
fn every_refused_certificate_meets_the_same_alert() {
    let (pki, other) = (Folder::with_pki(&PkiOptions::default()), Folder::with_pki(&PkiOptions::default()));
    let state = pki.load().unwrap();
    let ca = pki.bytes("ca.pem");
    let alone = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let pair = |folder: &Folder, name: &str| (folder.bytes(&format!("{name}.pem")), folder.bytes(&format!("{name}.key")));
    let refused = [
        ("revoked", pair(&pki, "client-revoked")),
        ("server certificate", pair(&pki, "server")),
        ("other authority", pair(&other, "client-cabinet")),
        ("self-signed", (alone.cert.pem().into_bytes(), alone.signing_key.serialize_pem().into_bytes())),
    ];
    for version in BOTH {
        for (what, (cert, key)) in &refused {
            let (seen, got) = meet(&state, &client_with(&ca, Some((cert, key)), version));
            assert!(seen.unwrap_err().contains("ApplicationVerificationFailure"), "{what}");
            assert_eq!(got.unwrap_err(), "received fatal alert: AccessDenied", "{what}");
        }
    }
}

#[test]
fn a_stolen_certificate_without_its_key_is_refused() {
    let pki = Folder::with_pki(&PkiOptions::default());
    assert!(client_config(&pki.bytes("ca.pem"), &pki.bytes("client-cabinet.pem"), &pki.bytes("client-imagerie.key")).is_err());
}

/// A certificate and a key, which need not be its own: what a thief of the certificate alone can show.
#[derive(Debug)]
struct Shown(Arc<rustls::sign::CertifiedKey>);

impl rustls::client::ResolvesClientCert for Shown {
    fn resolve(&self, _hints: &[&[u8]], _schemes: &[rustls::SignatureScheme]) -> Option<Arc<rustls::sign::CertifiedKey>> {
        Some(Arc::clone(&self.0))
    }

    fn has_certs(&self) -> bool {
        true
    }
}

#[test]
fn a_certificate_with_critical_policies_gets_in_with_its_own_key_alone() {
    let pki = Folder::with_pki(&PkiOptions::default());
    let state = pki.load().unwrap();
    let issuer = X509::stack_from_pem(&pki.bytes("ca.pem")).unwrap().remove(1);
    let authority = Authority { cert: issuer, key: PKey::private_key_from_pem(&pki.bytes("ca-intermediate.key")).unwrap() };
    let now = chrono::Utc::now().timestamp();
    for key in [curve(Nid::X9_62_PRIME256V1), curve(Nid::SECP384R1), rsa(2048)] {
        let spec = Spec::leaf().with(|s| {
            (s.from, s.to, s.key) = (now - DAY, now + DAY, key.clone());
            s.more.push(("2.5.29.32", true, policies()));
        });
        let leaf = CertificateDer::from(spec.signed_by(&authority).to_der().unwrap());
        let other = if key.rsa().is_ok() { rsa(2048) } else { curve(key.ec_key().unwrap().group().curve_name().unwrap()) };
        for version in BOTH {
            let showing = |key: &PKey<Private>| {
                let der = PrivateKeyDer::from_pem_slice(&key.private_key_to_pem_pkcs8().unwrap()).unwrap();
                let shown = rustls::sign::CertifiedKey::new(vec![leaf.clone()], provider().key_provider.load_private_key(der).unwrap());
                let mut client = (*client_with(&pki.bytes("ca.pem"), None, version)).clone();
                client.client_auth_cert_resolver = Arc::new(Shown(Arc::new(shown)));
                meet(&state, &Arc::new(client))
            };
            assert_eq!(showing(&key).0.unwrap().caller.unwrap().structure.canonical(), STRUCTURE);
            let (seen, got) = showing(&other);
            assert!(seen.unwrap_err().contains("BadSignature"));
            assert!(got.is_err());
        }
    }
}

#[test]
fn a_second_handshake_is_a_full_one_and_no_ticket_is_sent() {
    let pki = Folder::with_pki(&PkiOptions::default());
    let state = pki.load().unwrap();
    for version in BOTH {
        let client = client(&pki, Some("client-cabinet"), version);
        for _ in 0..2 {
            let (seen, got) = meet(&state, &client);
            let got = got.unwrap();
            assert_eq!(seen.unwrap().kind, Some(HandshakeKind::Full));
            assert_eq!((got.kind, got.tickets), (Some(HandshakeKind::Full), 0));
        }
    }
}

#[test]
fn the_server_keeps_and_offers_nothing_to_resume() {
    let pki = Folder::with_pki(&PkiOptions::default());
    let config = pki.load().unwrap().server_config().unwrap();
    assert!(!config.session_storage.can_cache());
    assert!(!config.ticketer.enabled());
    assert_eq!((config.send_tls13_tickets, config.max_early_data_size, config.require_ems), (0, 0, true));
    assert!(!config.key_log.will_log("CLIENT_RANDOM"));
}

#[test]
fn openssl_as_client_is_answered_and_given_no_session() {
    use openssl::ssl::{SslConnector, SslFiletype, SslMethod, SslVersion};
    let pki = Folder::with_pki(&PkiOptions::default());
    let state = pki.load().unwrap();
    for version in [SslVersion::TLS1_3, SslVersion::TLS1_2] {
        let mut connector = SslConnector::builder(SslMethod::tls()).unwrap();
        connector.set_ca_file(pki.path("ca.pem")).unwrap();
        connector.set_certificate_chain_file(pki.path("client-cabinet.pem")).unwrap();
        connector.set_private_key_file(pki.path("client-cabinet.key"), SslFiletype::PEM).unwrap();
        connector.set_min_proto_version(Some(version)).unwrap();
        connector.set_max_proto_version(Some(version)).unwrap();
        let (address, server) = listen(&state);
        let mut stream = connector.build().connect("localhost", TcpStream::connect(address).unwrap()).unwrap();
        stream.write_all(b"x").unwrap();
        stream.read_to_end(&mut Vec::new()).unwrap();
        assert!(version == SslVersion::TLS1_3 || stream.ssl().session().unwrap().id().is_empty());
        assert_eq!(server.join().unwrap().unwrap().kind, Some(HandshakeKind::Full));
    }
}

#[test]
fn tls_1_1_is_refused() {
    use openssl::ssl::{SslConnector, SslMethod, SslVerifyMode, SslVersion};
    let pki = Folder::with_pki(&PkiOptions::default());
    let state = pki.load().unwrap();
    let (address, server) = listen(&state);
    let mut connector = SslConnector::builder(SslMethod::tls()).unwrap();
    connector.set_verify(SslVerifyMode::NONE);
    connector.set_security_level(0);
    connector.set_cipher_list("ALL:@SECLEVEL=0").unwrap();
    connector.set_min_proto_version(Some(SslVersion::TLS1)).unwrap();
    connector.set_max_proto_version(Some(SslVersion::TLS1_1)).unwrap();
    assert!(connector.build().connect("localhost", TcpStream::connect(address).unwrap()).is_err());
    assert!(server.join().unwrap().is_err());
}

#[test]
fn connect_reaches_a_server_by_name_and_by_address() {
    let pki = Folder::with_pki(&PkiOptions::default());
    let state = pki.load().unwrap();
    for host in ["localhost", "127.0.0.1"] {
        let (address, server) = listen(&state);
        let mut stream = connect(host, address.port(), &pki.bytes("ca.pem"), &pki.bytes("client-cabinet.pem"), &pki.bytes("client-cabinet.key")).unwrap();
        stream.write_all(b"x").unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).unwrap();
        assert_eq!(answer, b"x");
        assert!(server.join().unwrap().is_ok());
    }
}
