//! Folders instead of files, numbers kept across restarts, and authorities for trials.

use std::path::Path;

use openssl::x509::X509Crl;

use super::maker;
use super::pki::Folder;
use crate::tls::{PkiOptions, TlsPaths, load, renew_crl, revoke};

/// The lists of a PKI, one file each in a folder of their own, as DER.
fn split(pki: &Folder) -> TlsPaths {
    let folder = pki.path("lists");
    let _ = std::fs::create_dir(&folder);
    for (n, list) in lists(pki).iter().enumerate() {
        std::fs::write(folder.join(format!("{n}.crl")), list).unwrap();
    }
    TlsPaths { crl: folder, ..pki.paths() }
}

/// DER of each list.
fn lists(pki: &Folder) -> Vec<Vec<u8>> {
    let text = String::from_utf8(pki.bytes("crl.pem")).unwrap();
    let each = text.split_inclusive("-----END X509 CRL-----\n").filter(|t| t.contains("BEGIN"));
    each.map(|t| X509Crl::from_pem(t.as_bytes()).unwrap().to_der().unwrap()).collect()
}

fn touch(path: &Path) {
    std::fs::write(path, "left alone").unwrap();
}

#[test]
fn a_folder_of_lists_is_watched_like_a_file() {
    let pki = Folder::with_pki(&PkiOptions::default());
    let paths = split(&pki);
    touch(&paths.crl.join("README.txt"));
    touch(&paths.crl.join(".0.crl.new"));
    let state = load(paths.clone()).unwrap();
    assert!(state.still_valid(&pki.caller("client-cabinet")));
    assert_eq!(state.reload_if_changed(), Ok(false));
    revoke(pki.dir(), "client-cabinet").unwrap();
    split(&pki);
    assert_eq!(state.reload_if_changed(), Ok(true));
    assert!(!state.still_valid(&pki.caller("client-cabinet")));
    for (n, _) in lists(&pki).iter().enumerate() {
        std::fs::remove_file(paths.crl.join(format!("{n}.crl"))).unwrap();
    }
    assert!(state.reload_if_changed().unwrap_err().to_string().contains("no file"), "a list that was taken away is used on");
    assert!(!state.still_valid(&pki.caller("client-cabinet")));
}

#[test]
fn a_broken_file_of_a_folder_hides_no_other() {
    let pki = Folder::with_pki(&PkiOptions::default());
    let state = load(split(&pki)).unwrap();
    revoke(pki.dir(), "client-cabinet").unwrap();
    let paths = split(&pki);
    std::fs::write(paths.crl.join("0.crl"), "-----BEGIN X509 CRL-----\nAAAA").unwrap();
    assert!(state.reload_if_changed().is_err());
    assert!(!state.still_valid(&pki.caller("client-cabinet")) && state.still_valid(&pki.caller("client-laboratoire")));
}

#[test]
fn an_unreadable_folder_of_answers_holds_back_no_revocation() {
    let pki = Folder::with_pki(&PkiOptions::default());
    let answers = pki.path("answers");
    std::fs::create_dir(&answers).unwrap();
    let state = load(TlsPaths { ocsp: Some(answers.clone()), ..pki.paths() }).unwrap();
    std::fs::remove_dir(&answers).unwrap();
    revoke(pki.dir(), "client-cabinet").unwrap();
    assert!(state.reload_if_changed().unwrap_err().to_string().contains("answers"));
    assert!(!state.still_valid(&pki.caller("client-cabinet")));
}

#[test]
fn a_folder_of_authorities_holds_several_files() {
    let pki = Folder::with_pki(&PkiOptions::default());
    let folder = pki.path("authorities");
    std::fs::create_dir(&folder).unwrap();
    let all = openssl::x509::X509::stack_from_pem(&pki.bytes("ca.pem")).unwrap();
    for (n, one) in all.iter().enumerate() {
        // One as PEM, one as DER.
        let bytes = if n == 0 { one.to_pem().unwrap() } else { one.to_der().unwrap() };
        std::fs::write(folder.join(format!("{n}.cer")), bytes).unwrap();
    }
    assert!(load(TlsPaths { ca: folder.clone(), ..pki.paths() }).is_ok());
    std::fs::remove_file(folder.join("0.cer")).unwrap();
    assert!(load(TlsPaths { ca: folder, ..pki.paths() }).is_err(), "an anchor less");
}

#[test]
fn an_older_list_is_refused_after_a_restart_too() {
    let pki = Folder::with_pki(&PkiOptions::default());
    let paths = TlsPaths { crl_numbers: Some(pki.path("numbers")), ..pki.paths() };
    let first = pki.bytes("crl.pem");
    drop(load(paths.clone()).unwrap());
    revoke(pki.dir(), "client-cabinet").unwrap();
    drop(load(paths.clone()).unwrap());
    std::fs::write(pki.path("crl.pem"), first).unwrap();
    assert!(load(paths.clone()).unwrap_err().to_string().contains("number went down"), "the certificate would be good again");
    renew_crl(pki.dir()).unwrap();
    assert!(load(paths.clone()).is_ok());
    std::fs::write(pki.path("numbers"), "damaged").unwrap();
    assert!(load(paths).unwrap_err().to_string().contains("numbers"), "a damaged file is never taken for an empty one");
}

#[test]
fn an_authority_for_trials_is_known_by_its_name() {
    let named = |name: &str| {
        let root = maker::Authority::root(&maker::Spec::authority(name, None));
        maker::build(&maker::pem(&root.cert), &root.list().pem(&root)).unwrap().trial_authorities().to_vec()
    };
    assert_eq!(named("TEST AC RACINE IGC-SANTE ELEMENTAIRE"), ["TEST AC RACINE IGC-SANTE ELEMENTAIRE"]);
    assert!(named("AC RACINE CONTESTATION").is_empty());
}
