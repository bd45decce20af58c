//! What changes while the server runs, and what is refused so that the old set stays.

use std::path::Path;

use openssl::hash::MessageDigest;
use openssl::nid::Nid;
use openssl::pkcs12::Pkcs12 as File12;
use openssl::pkey::PKey;
use openssl::stack::Stack;
use openssl::x509::X509;

use super::handshake::{client_with, meet, ready};
use super::maker::{self, DAY, Spec, pem};
use super::pki::Folder;
use crate::identity::CertificateFacts;
use crate::tls::{Pkcs12, PkiOptions, TlsPaths, generate, import_p12, load, renew_crl, revoke};

fn pki() -> Folder {
    Folder::with_pki(&PkiOptions::default())
}

fn put(path: &Path, bytes: impl AsRef<[u8]>) {
    std::fs::write(path, bytes).unwrap();
}

#[test]
fn files_that_did_not_change_are_not_read_again() {
    let pki = pki();
    let state = pki.load().unwrap();
    assert_eq!(state.reload_if_changed(), Ok(false));
    assert_eq!(state.generation(), 1);
    renew_crl(pki.dir()).unwrap();
    assert_eq!(state.reload_if_changed(), Ok(true));
    assert_eq!(state.reload_if_changed(), Ok(false));
    assert_eq!(state.generation(), 2);
}

#[test]
fn a_revocation_ends_open_connections_and_refuses_new_ones() {
    let pki = pki();
    let state = pki.load().unwrap();
    let (client, caller) = (ready(&pki, "client-cabinet"), pki.caller("client-cabinet"));
    assert!(meet(&state, &client).0.is_ok());
    assert!(state.still_valid(&caller));
    revoke(pki.dir(), "client-cabinet").unwrap();
    assert_eq!(state.reload_if_changed(), Ok(true));
    assert!(!state.still_valid(&caller));
    assert!(meet(&state, &client).0.is_err());
    assert!(state.still_valid(&pki.caller("client-laboratoire")));
    assert!(meet(&state, &ready(&pki, "client-laboratoire")).0.is_ok());
}

#[test]
fn a_list_that_vanishes_or_goes_back_or_ends_leaves_the_old_one_in_use() {
    let pki = pki();
    let first = pki.bytes("crl.pem");
    renew_crl(pki.dir()).unwrap();
    let state = pki.load().unwrap();
    let good = pki.bytes("crl.pem");
    revoke(pki.dir(), "client-cabinet").unwrap();
    state.reload().unwrap();
    let caller = pki.caller("client-cabinet");
    let mut put_wrong: Vec<(&str, Vec<u8>)> = vec![("older number", good), ("oldest number", first), ("empty", Vec::new()), ("half", pki.bytes("crl.pem")[..300].to_vec())];
    put_wrong.push(("another authority's", self::pki().bytes("crl.pem")));
    for (what, bytes) in put_wrong {
        put(&pki.path("crl.pem"), bytes);
        assert!(state.reload_if_changed().is_err(), "{what}");
        assert!(!state.still_valid(&caller), "{what}");
        assert!(state.still_valid(&pki.caller("client-imagerie")), "{what}");
    }
    std::fs::remove_file(pki.path("crl.pem")).unwrap();
    assert!(state.reload_if_changed().unwrap_err().to_string().contains("crl.pem"));
    assert!(meet(&state, &ready(&pki, "client-imagerie")).0.is_ok());
}

#[test]
fn a_broken_key_or_authority_file_holds_back_no_revocation() {
    for broken in ["server.key", "server.pem", "ca.pem"] {
        let pki = pki();
        let state = pki.load().unwrap();
        let client = ready(&pki, "client-cabinet");
        revoke(pki.dir(), "client-cabinet").unwrap();
        put(&pki.path(broken), "broken");
        assert!(state.reload_if_changed().is_err(), "{broken}");
        assert!(!state.still_valid(&pki.caller("client-cabinet")), "{broken}");
        assert!(meet(&state, &client).0.is_err(), "{broken}");
        assert!(state.still_valid(&pki.caller("client-laboratoire")), "{broken}");
    }
}

#[test]
fn a_failed_reload_is_told_once_and_not_tried_again_at_each_poll() {
    let pki = pki();
    let state = pki.load().unwrap();
    put(&pki.path("crl.pem"), "");
    assert!(state.reload_if_changed().is_err());
    assert_eq!(state.reload_if_changed(), Ok(false));
}

#[test]
fn a_file_replaced_with_its_old_time_and_length_is_seen() {
    let pki = pki();
    let state = pki.load().unwrap();
    let (file, beside) = (pki.path("server.pem"), pki.path("beside"));
    let time = std::fs::metadata(&file).unwrap().modified().unwrap();
    std::fs::copy(&file, &beside).unwrap();
    std::fs::File::options().write(true).open(&beside).unwrap().set_modified(time).unwrap();
    std::fs::rename(&beside, &file).unwrap();
    assert_eq!(state.reload_if_changed(), Ok(true));
}

#[test]
fn a_new_server_certificate_is_served_without_a_restart() {
    let pki = pki();
    let state = pki.load().unwrap();
    let client = ready(&pki, "client-cabinet");
    let before = meet(&state, &client).1.unwrap().server_leaf;
    let spec = server();
    let middle = authority(&pki);
    put(&pki.path("server.key"), spec.key.private_key_to_pem_pkcs8().unwrap());
    assert!(state.reload_if_changed().is_err(), "a key that is not the certificate's");
    assert_eq!(meet(&state, &client).1.unwrap().server_leaf, before);
    let fresh = spec.signed_by(&middle);
    put(&pki.path("server.pem"), pem(&fresh) + &pem(&middle.cert));
    assert_eq!(state.reload_if_changed(), Ok(true));
    assert_eq!(meet(&state, &client).1.unwrap().server_leaf, fresh.to_der().unwrap());
    assert!(state.alarms().is_empty());
}

#[test]
fn an_ending_server_certificate_is_an_alarm_and_an_ended_one_a_refusal() {
    let pki = pki();
    let state = pki.load().unwrap();
    let middle = authority(&pki);
    let spec = server().with(|s| s.to = now() + 3 * DAY + 60);
    put(&pki.path("server.key"), spec.key.private_key_to_pem_pkcs8().unwrap());
    put(&pki.path("server.pem"), pem(&spec.signed_by(&middle)));
    assert_eq!(state.reload_if_changed(), Ok(true));
    assert_eq!(state.alarms(), ["the server's certificate ends in 3 days"]);
    put(&pki.path("server.pem"), pem(&spec.with(|s| s.to = now() - 1).signed_by(&middle)));
    assert!(state.reload_if_changed().unwrap_err().to_string().contains("outside its validity"));
    assert!(pki.load().unwrap_err().to_string().contains("outside its validity"));
}

#[test]
fn a_start_without_a_file_names_it() {
    for name in ["ca.pem", "crl.pem", "server.pem", "server.key"] {
        let pki = pki();
        std::fs::remove_file(pki.path(name)).unwrap();
        assert!(pki.load().unwrap_err().to_string().contains(name));
    }
    let pki = pki();
    put(&pki.path("server.pem"), "");
    assert!(pki.load().unwrap_err().to_string().contains("nothing in it"));
    assert!(generate(Path::new("/proc/passerelle"), &PkiOptions::default()).is_err());
}

#[test]
fn a_pkcs12_file_gives_the_server_its_identity() {
    let pki = pki();
    let (paths, leaf) = with_p12(&pki, "mot de passe\r\n");
    let state = load(paths).unwrap();
    let got = meet(&state, &ready(&pki, "client-cabinet")).1.unwrap();
    assert_eq!(got.server_leaf, leaf);
    put(&pki.path("password"), "faux");
    let refused = state.reload_if_changed().unwrap_err().to_string();
    assert!(refused.contains("password") && !refused.contains("faux"));
}

#[test]
fn a_pkcs12_chain_is_ordered_and_leaves_the_root_out() {
    let pki = pki();
    with_p12(&pki, "mot de passe");
    let chain = import_p12(&pki.bytes("server.p12"), "mot de passe").unwrap().chain_pem;
    let chain: Vec<_> = X509::stack_from_pem(&chain).unwrap().iter().map(|c| CertificateFacts::read(&c.to_der().unwrap()).unwrap()).collect();
    assert_eq!(chain.len(), 2);
    assert_eq!(chain[0].issuer, chain[1].subject);
}

#[test]
fn a_pkcs12_file_that_is_none_is_refused() {
    for (bytes, password) in [(&b""[..], "x"), (b"\x30\x03\x02\x01\x03", "x"), (&[0; (1 << 20) + 1], "x"), (b"\x30", "a\0b")] {
        assert!(import_p12(bytes, password).is_err());
    }
}

#[test]
fn twenty_kinds_of_refused_certificate_meet_one_alert() {
    let pki = pki();
    let (state, middle, ca) = (pki.load().unwrap(), authority(&pki), pki.bytes("ca.pem"));
    let changes: [fn(&mut Spec); 20] = [
        |s| s.to = now() - 1,
        |s| s.from = now() + DAY,
        |s| s.purposes = vec![maker::SERVER_AUTH],
        |s| s.purposes.clear(),
        |s| s.purposes = vec!["2.5.29.37.0"],
        |s| s.usage = None,
        |s| s.usage = Some(maker::NON_REPUDIATION),
        |s| s.usage = Some(maker::KEY_ENCIPHERMENT),
        |s| s.usage = Some(maker::DIGITAL_SIGNATURE | maker::CERT_SIGN),
        |s| s.usage = Some(maker::DIGITAL_SIGNATURE | maker::CRL_SIGN),
        |s| s.ca = Some(None),
        |s| s.ca = Some(Some(0)),
        |s| s.subject.clear(),
        |s| s.subject.retain(|(nid, _)| *nid != Nid::ORGANIZATIONALUNITNAME),
        |s| s.subject.retain(|(nid, _)| *nid != Nid::COMMONNAME),
        |s| s.subject.retain(|(nid, _)| *nid != Nid::COUNTRYNAME),
        |s| s.subject.push((Nid::ORGANIZATIONALUNITNAME, maker::STRUCTURE.into())),
        |s| s.digest = MessageDigest::sha1(),
        |s| s.subject.iter_mut().filter(|(nid, _)| *nid == Nid::ORGANIZATIONALUNITNAME).for_each(|(_, v)| *v = "1 10B0057881".into()),
        |s| s.subject.iter_mut().filter(|(nid, _)| *nid == Nid::COUNTRYNAME).for_each(|(_, v)| *v = "DE".into()),
    ];
    for (index, change) in changes.into_iter().enumerate() {
        let spec = Spec::leaf().with(|s| (s.from, s.to) = (now() - DAY, now() + DAY)).with(change);
        let (cert, key) = (pem(&spec.signed_by(&middle)).into_bytes(), spec.key.private_key_to_pem_pkcs8().unwrap());
        let (_, got) = meet(&state, &client_with(&ca, Some((&cert, &key)), &rustls::version::TLS13));
        assert_eq!(got.unwrap_err(), "received fatal alert: AccessDenied", "{index}");
    }
}

/// A PKCS#12 of the server with the root before the intermediate, and its DER leaf.
fn with_p12(pki: &Folder, password: &str) -> (TlsPaths, Vec<u8>) {
    let authorities = X509::stack_from_pem(&pki.bytes("ca.pem")).unwrap();
    let leaf = pki.leaf("server");
    let mut others = Stack::new().unwrap();
    authorities.into_iter().for_each(|a| others.push(a).unwrap());
    let key = PKey::private_key_from_pem(&pki.bytes("server.key")).unwrap();
    let file = File12::builder().name("serveur").pkey(&key).cert(&leaf).ca(others).build2(password.trim_end()).unwrap();
    put(&pki.path("server.p12"), file.to_der().unwrap());
    put(&pki.path("password"), password);
    let pkcs12 = Some(Pkcs12 { file: pki.path("server.p12"), password_file: pki.path("password") });
    (TlsPaths { pkcs12, ..pki.paths() }, leaf.to_der().unwrap())
}

/// The intermediate of a generated PKI, to sign with.
fn authority(pki: &Folder) -> maker::Authority {
    let cert = X509::stack_from_pem(&pki.bytes("ca.pem")).unwrap().remove(1);
    maker::Authority { cert, key: PKey::private_key_from_pem(&pki.bytes("ca-intermediate.key")).unwrap() }
}

fn server() -> Spec {
    let names = maker::der(0x30, &maker::der(0x82, b"localhost"));
    Spec::leaf().with(|s| {
        s.from = now() - DAY;
        s.to = now() + 90 * DAY;
        s.purposes = vec![maker::SERVER_AUTH];
        s.more.push(("2.5.29.17", false, names));
    })
}

fn now() -> i64 {
    crate::tls::server::now_s()
}
