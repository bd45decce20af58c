//! The development PKI on disk: its files, their modes, its certificates as others read them.

use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};

use openssl::nid::Nid;
use openssl::x509::X509;
use rustls::pki_types::CertificateRevocationListDer;
use rustls::pki_types::pem::PemObject;

use crate::identity::{Caller, RevocationFacts};
use crate::tls::{KeyAlgorithm, PkiOptions, TlsPaths, TlsState, generate, load, renew_crl, revoke};

const CLIENTS: [(&str, &str); 4] =
    [("client-cabinet", "1759999991"), ("client-imagerie", "399999999900017"), ("client-laboratoire", "2999999998"), ("client-revoked", "1599999995")];

/// A folder that goes with the test.
pub struct Folder(PathBuf);

impl Folder {
    pub fn new() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let name = format!("passerelle-tls-{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        let path = std::env::temp_dir().join(name);
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    pub fn with_pki(options: &PkiOptions) -> Self {
        let folder = Self::new();
        generate(&folder.0, options).unwrap();
        folder
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    pub fn dir(&self) -> &std::path::Path {
        &self.0
    }

    pub fn bytes(&self, name: &str) -> Vec<u8> {
        std::fs::read(self.path(name)).unwrap()
    }

    pub fn paths(&self) -> TlsPaths {
        TlsPaths {
            server_chain: self.path("server.pem"),
            server_key: self.path("server.key"),
            ca: self.path("ca.pem"),
            ca_persons: None,
            crl: self.path("crl.pem"),
            ocsp: None,
            pkcs12: None,
            browsers: None,
            crl_numbers: None,
        }
    }

    pub fn load(&self) -> crate::tls::Result<TlsState> {
        load(self.paths())
    }

    pub fn caller(&self, name: &str) -> Caller {
        Caller::from_leaf(&self.leaf(name).to_der().unwrap(), false).unwrap()
    }

    pub fn leaf(&self, name: &str) -> X509 {
        X509::from_pem(&self.bytes(&format!("{name}.pem"))).unwrap()
    }

    pub fn lists(&self) -> Vec<RevocationFacts> {
        CertificateRevocationListDer::pem_slice_iter(&self.bytes("crl.pem")).map(|l| RevocationFacts::read(&l.unwrap()).unwrap()).collect()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

#[test]
fn the_folder_holds_these_files_and_no_other_reads_a_key() {
    let parent = Folder::new();
    let dir = parent.path("pki");
    generate(&dir, &PkiOptions::default()).unwrap();
    let mode = |path: &std::path::Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&dir), 0o700);
    let mut names: Vec<String> = std::fs::read_dir(&dir).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    let expected = "ca-intermediate.key ca-root.key ca.pem client-cabinet.key client-cabinet.pem client-imagerie.key client-imagerie.pem \
                    client-laboratoire.key client-laboratoire.pem client-revoked.key client-revoked.pem crl.pem server.key server.pem";
    assert_eq!(names.join(" "), expected);
    for name in names.iter().filter(|n| n.ends_with(".key")) {
        assert_eq!(mode(&dir.join(name)), 0o600, "{name}");
    }
}

#[test]
fn a_second_pki_never_overwrites_the_first() {
    let pki = Folder::with_pki(&PkiOptions::default());
    let before = pki.bytes("ca.pem");
    assert!(generate(pki.dir(), &PkiOptions::default()).is_err());
    assert_eq!(pki.bytes("ca.pem"), before);
}

#[test]
fn a_pki_broken_off_before_its_end_is_made_again() {
    let pki = Folder::with_pki(&PkiOptions::default());
    std::fs::remove_file(pki.path("ca.pem")).unwrap();
    generate(pki.dir(), &PkiOptions::default()).unwrap();
    assert!(!pki.load().unwrap().still_valid(&pki.caller("client-revoked")));
}

#[test]
fn a_client_s_subject_has_the_shape_of_org_auth_cli() {
    let pki = Folder::with_pki(&PkiOptions::default());
    for (name, structure) in CLIENTS {
        let cert = pki.leaf(name);
        let order: Vec<Nid> = cert.subject_name().entries().map(|e| e.object().nid()).collect();
        let wanted = [Nid::COUNTRYNAME, Nid::STATEORPROVINCENAME, Nid::ORGANIZATIONNAME, Nid::ORGANIZATIONALUNITNAME, Nid::COMMONNAME];
        assert_eq!(order, wanted);
        assert_eq!(pki.caller(name).structure.canonical(), structure);
        assert_eq!(pki.caller(name).common_name, name);
    }
}

#[test]
fn the_server_certificate_names_localhost_its_addresses_and_the_names_asked_for() {
    let options = PkiOptions { server_names: vec!["passerelle.test".into(), "192.0.2.7".into()], ..PkiOptions::default() };
    let pki = Folder::with_pki(&options);
    let names = pki.leaf("server").subject_alt_names().unwrap();
    let dns: Vec<&str> = names.iter().filter_map(|n| n.dnsname()).collect();
    let addresses: Vec<&[u8]> = names.iter().filter_map(|n| n.ipaddress()).collect();
    assert_eq!(dns, ["localhost", "passerelle.test"]);
    assert_eq!(addresses, [&[127, 0, 0, 1][..], &[0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1], &[192, 0, 2, 7]]);
}

/// A second opinion, where the command line tool is.
#[test]
fn openssl_verifies_every_certificate_strictly() {
    for keys in [KeyAlgorithm::P256, KeyAlgorithm::Rsa2048] {
        let pki = Folder::with_pki(&PkiOptions { keys, ..PkiOptions::default() });
        let run = |name: &str, more: &[&str]| {
            let mut command = Command::new("openssl");
            command.args(["verify", "-x509_strict", "-crl_check_all", "-CRLfile"]).arg(pki.path("crl.pem"));
            command.arg("-CAfile").arg(pki.path("ca.pem")).args(more).arg(pki.path(&format!("{name}.pem")));
            command.output().map(|o| (o.status.success(), String::from_utf8_lossy(&o.stderr).into_owned()))
        };
        let Ok((ok, why)) = run("server", &["-purpose", "sslserver", "-verify_hostname", "localhost"]) else {
            println!("left out: no openssl command");
            return;
        };
        assert!(ok, "{why}");
        let (ok, why) = run("server", &["-purpose", "sslserver", "-verify_ip", "127.0.0.1"]).unwrap();
        assert!(ok, "{why}");
        for (name, _) in CLIENTS {
            let (ok, why) = run(name, &["-purpose", "sslclient"]).unwrap();
            assert_eq!(ok, name != "client-revoked", "{name}: {why}");
        }
    }
}

#[test]
fn renewed_lists_number_one_higher_and_keep_what_was_revoked() {
    let pki = Folder::with_pki(&PkiOptions::default());
    revoke(pki.dir(), "client-imagerie").unwrap();
    let before = pki.lists();
    for _ in 0..300 {
        renew_crl(pki.dir()).unwrap();
    }
    let after = pki.lists();
    assert_eq!(before.iter().map(|l| l.number.clone().unwrap()).collect::<Vec<_>>(), [vec![2], vec![2]]);
    assert_eq!(after.iter().map(|l| l.number.clone().unwrap()).collect::<Vec<_>>(), [vec![1, 46], vec![1, 46]]);
    assert_eq!(after.iter().map(|l| l.revoked.clone()).collect::<Vec<_>>(), before.iter().map(|l| l.revoked.clone()).collect::<Vec<_>>());
    assert_eq!(after[1].revoked.len(), 2);
}

#[test]
fn lists_are_never_begun_anew_beside_a_pki() {
    let pki = Folder::with_pki(&PkiOptions::default());
    std::fs::remove_file(pki.path("crl.pem")).unwrap();
    assert!(renew_crl(pki.dir()).is_err());
    assert!(revoke(pki.dir(), "client-cabinet").is_err());
}

#[test]
fn only_a_certificate_of_this_pki_can_be_revoked() {
    let (pki, other) = (Folder::with_pki(&PkiOptions::default()), Folder::with_pki(&PkiOptions::default()));
    let before = pki.bytes("crl.pem");
    std::fs::write(pki.path("stranger.pem"), self_signed()).unwrap();
    for name in ["", "../server", "absent", "ca", "client-cabinet.pem", "stranger"] {
        assert!(revoke(pki.dir(), name).is_err(), "{name}");
    }
    std::fs::copy(other.path("ca.pem"), pki.path("other-ca.pem")).unwrap();
    assert!(revoke(pki.dir(), "other-ca").is_err());
    assert_eq!(pki.bytes("crl.pem"), before);
}

fn self_signed() -> String {
    rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap().cert.pem()
}
