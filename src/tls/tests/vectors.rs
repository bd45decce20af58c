//! Each rule on a client's certificate, by a leaf that breaks it alone.

use openssl::hash::MessageDigest;
use openssl::nid::Nid;
use rustls::pki_types::{CertificateDer, UnixTime};

use super::maker::*;
use crate::tls::TrustSet;

type Change = fn(&mut Spec);

#[test]
fn a_structure_s_certificate_is_accepted_with_every_allowed_key() {
    let world = World::new();
    for key in [curve(Nid::X9_62_PRIME256V1), curve(Nid::SECP384R1), rsa(2048), rsa(3072)] {
        assert_eq!(world.judge(&Spec::leaf().with(|s| s.key = key)), Ok(()));
    }
}

#[test]
fn what_does_not_weaken_a_certificate_is_accepted() {
    let world = World::new();
    let changes: [Change; 4] = [
        |s| s.purposes = vec![SERVER_AUTH, CLIENT_AUTH],
        |s| s.usage = Some(DIGITAL_SIGNATURE | KEY_ENCIPHERMENT),
        |s| s.more.push(("1.2.250.1.99999.1", false, vec![5, 0])),
        |s| s.more.push(("2.5.29.32", false, policies())),
    ];
    for change in changes {
        assert_eq!(world.judge(&Spec::leaf().with(change)), Ok(()));
    }
}

#[test]
fn each_broken_rule_refuses_for_its_own_reason() {
    let world = World::new();
    let cases: [(&str, Change, &str); 20] = [
        ("expired", |s| s.to = NOW - 1, "expired"),
        ("not yet valid", |s| s.from = NOW + 1, "not valid yet"),
        ("EKU serverAuth only", |s| s.purposes = vec![SERVER_AUTH], "clientAuth"),
        ("EKU e-mail only", |s| s.purposes = vec!["1.3.6.1.5.5.7.3.4"], "clientAuth"),
        ("no EKU", |s| s.purposes.clear(), "clientAuth"),
        ("anyExtendedKeyUsage", |s| s.purposes = vec!["2.5.29.37.0"], "clientAuth"),
        ("no keyUsage", |s| s.usage = None, "digitalSignature"),
        ("keyEncipherment only", |s| s.usage = Some(KEY_ENCIPHERMENT), "digitalSignature"),
        ("nonRepudiation only", |s| s.usage = Some(NON_REPUDIATION), "digitalSignature"),
        ("keyCertSign in a leaf", |s| s.usage = Some(DIGITAL_SIGNATURE | CERT_SIGN), "authority"),
        ("cRLSign in a leaf", |s| s.usage = Some(DIGITAL_SIGNATURE | CRL_SIGN), "authority"),
        ("an authority as client", |s| s.ca = Some(None), "authority"),
        ("RSA 1024", |s| s.key = rsa(1024), "key is neither"),
        ("P-192", |s| s.key = curve(Nid::X9_62_PRIME192V1), "key is neither"),
        ("P-521", |s| s.key = curve(Nid::SECP521R1), "key is neither"),
        ("secp256k1", |s| s.key = curve(Nid::SECP256K1), "key is neither"),
        ("SHA-1 signature", |s| s.digest = MessageDigest::sha1(), "UnsupportedSignatureAlgorithm"),
        ("unknown critical extension", |s| s.more.push(("1.2.250.1.99999.1", true, vec![5, 0])), "UnsupportedCriticalExtension"),
        (
            "unknown critical extension beside critical policies",
            |s| s.more.extend([("2.5.29.32", true, policies()), ("1.2.250.1.99999.1", true, vec![5, 0])]),
            "unhandled critical extension",
        ),
        ("the same extension twice", |s| s.more.push(("2.5.29.15", true, vec![3, 2, 7, 0x80])), "cannot be read"),
    ];
    for (what, change, reason) in cases {
        let refused = world.judge(&Spec::leaf().with(change)).expect_err(what);
        assert!(refused.contains(reason), "{what}: {refused}");
    }
}

#[test]
fn a_certificate_of_another_authority_is_refused() {
    let (world, other) = (World::new(), World::new());
    let set = world.set();
    assert!(verify(&set, &Spec::leaf().signed_by(&other.middle)).is_err(), "same names, other keys");
    let own = Spec::leaf();
    let alone = Authority::root(&own);
    assert!(verify(&set, &alone.cert).is_err(), "self-signed");
    assert!(verify(&set, &world.root.cert).is_err(), "the anchor");
    assert!(verify(&set, &world.middle.cert).is_err(), "an intermediate");
    let parent = Authority::below(&Spec::leaf(), &world.middle);
    assert!(verify(&set, &Spec::leaf().signed_by(&parent)).is_err(), "issued by a leaf");
}

#[test]
fn an_intermediate_comes_from_the_file_and_never_from_the_client() {
    let world = World::new();
    let set = build(&pem(&world.root.cert), &world.root.list().pem(&world.root)).unwrap();
    let leaf = CertificateDer::from(Spec::leaf().signed_by(&world.middle).to_der().unwrap());
    let sent = CertificateDer::from(world.middle.cert.to_der().unwrap());
    assert!(set.verify(&leaf, &[sent], at(NOW)).unwrap_err().contains("UnknownIssuer"));
}

#[test]
fn more_than_three_certificates_or_16_kib_are_refused_before_any_cryptography() {
    let world = World::new();
    let leaf = CertificateDer::from(Spec::leaf().signed_by(&world.middle).to_der().unwrap());
    let middle = CertificateDer::from(world.middle.cert.to_der().unwrap());
    let set = world.set();
    assert_eq!(set.verify(&leaf, &vec![middle.clone(); 2], at(NOW)), Ok(()));
    assert_eq!(set.verify(&leaf, &vec![middle; 3], at(NOW)), Err("more than 3 certificates".into()));
    assert_eq!(set.verify(&leaf, &[CertificateDer::from(vec![0; 16 * 1024])], at(NOW)), Err("more than 16 KiB of certificates".into()));
}

#[test]
fn a_path_longer_than_its_authorities_allow_is_refused() {
    let world = World::new();
    let third = Authority::below(&Spec::authority("TROISIEME", None), &world.middle);
    let lists = world.lists() + &third.list().pem(&third);
    let set = build(&(world.ca_pem() + &pem(&third.cert)), &lists).unwrap();
    assert!(verify(&set, &Spec::leaf().signed_by(&third)).unwrap_err().contains("PathLen"));
    let critical = Spec::leaf().with(|s| s.more.push(("2.5.29.32", true, policies())));
    assert!(verify(&set, &critical.signed_by(&third)).unwrap_err().contains("path length"));
}

#[test]
fn bytes_that_are_no_certificate_are_refused() {
    let set = World::new().set();
    let good = Spec::leaf().signed_by(&World::new().middle).to_der().unwrap();
    let trailing = [good.clone(), vec![0]].concat();
    for bytes in [Vec::new(), vec![0x30], vec![0xff; 64], good[..good.len() - 1].to_vec(), trailing] {
        assert!(set.verify(&CertificateDer::from(bytes), &[], at(NOW)).is_err());
    }
}

#[test]
fn a_certificate_with_any_byte_changed_is_refused() {
    let world = World::new();
    let set = world.set();
    for spec in [Spec::leaf(), Spec::leaf().with(|s| s.more.push(("2.5.29.32", true, policies())))] {
        let good = spec.signed_by(&world.middle).to_der().unwrap();
        for index in 0..good.len() {
            for change in [0x01, 0x80, 0xff] {
                let mut bytes = good.clone();
                bytes[index] ^= change;
                assert!(set.verify(&CertificateDer::from(bytes), &[], at(NOW)).is_err(), "byte {index}");
            }
        }
    }
}

mod critical_policies {
    use super::*;

    fn leaf() -> Spec {
        Spec::leaf().with(|s| s.more.push(("2.5.29.32", true, policies())))
    }

    #[test]
    fn are_processed() {
        assert_eq!(World::new().judge(&leaf()), Ok(()));
    }

    #[test]
    fn do_not_weaken_any_other_rule() {
        let world = World::new();
        let changes: [Change; 6] =
            [|s| s.to = NOW - 1, |s| s.from = NOW + 1, |s| s.digest = MessageDigest::sha1(), |s| s.purposes.clear(), |s| s.usage = Some(NON_REPUDIATION), |s| s.key = rsa(1024)];
        for change in changes {
            assert!(world.judge(&leaf().with(change)).is_err());
        }
        assert!(verify(&world.set(), &leaf().signed_by(&World::new().middle)).is_err(), "another authority of the same name");
    }

    #[test]
    fn of_a_revoked_certificate_are_refused() {
        let (world, leaf) = (World::new(), leaf());
        let set = build(&world.ca_pem(), &world.lists_with(&world.middle.list().revoking(&leaf))).unwrap();
        assert_eq!(verify(&set, &leaf.signed_by(&world.middle)), Err("revoked".into()));
    }

    #[test]
    fn below_a_revoked_intermediate_are_refused() {
        let world = World::new();
        let middle = Spec::authority("REVOQUEE", Some(0));
        let revoked = Authority::below(&middle, &world.root);
        let lists = world.root.list().revoking(&middle).pem(&world.root) + &revoked.list().pem(&revoked);
        let set = build(&(pem(&world.root.cert) + &pem(&revoked.cert)), &lists).unwrap();
        assert_eq!(verify(&set, &leaf().signed_by(&revoked)), Err("revoked".into()));
    }

    #[test]
    fn of_an_intermediate_are_processed_too() {
        let root = Authority::root(&Spec::authority("RACINE", Some(1)));
        let middle = Authority::below(&Spec::authority("ORGANISATIONS", Some(0)).with(|s| s.more.push(("2.5.29.32", true, policies()))), &root);
        let world = World { root, middle };
        let leaf = Spec::leaf().with(|s| s.more.push(("2.5.29.32", false, policies())));
        let set = world.set();
        assert_eq!(verify(&set, &leaf.signed_by(&world.middle)), Ok(()));
        assert!(verify(&set, &leaf.clone().with(|s| s.to = NOW - 1).signed_by(&world.middle)).is_err());
        let revoking = build(&world.ca_pem(), &world.lists_with(&world.middle.list().revoking(&leaf))).unwrap();
        assert_eq!(verify(&revoking, &leaf.signed_by(&world.middle)), Err("revoked".into()));
    }
}

#[test]
fn no_refusal_names_the_person_of_the_certificate() {
    let world = World::new();
    let person = [(Nid::COUNTRYNAME, "FR"), (Nid::TITLE, "Médecin"), (Nid::GIVENNAME, "SECRETE"), (Nid::SURNAME, "SECRETE"), (Nid::COMMONNAME, "899700SECRETE")];
    let person = person.map(|(n, t)| (n, t.to_owned())).to_vec();
    let changes: [Change; 7] = [
        |s| s.to = NOW - 1,
        |s| s.purposes = vec![SERVER_AUTH],
        |s| s.usage = None,
        |s| s.subject.push((Nid::COMMONNAME, "SECRETE".into())),
        |s| s.subject.push((Nid::ORGANIZATIONNAME, "SECRETE ".into())),
        |s| s.more.push(("2.5.29.17", false, der(0x30, &der(0x82, b"SECRETE.test")))),
        |s| s.more.extend([("2.5.29.32", true, policies()), ("1.2.250.1.99999.1", true, vec![5, 0])]),
    ];
    for change in changes {
        let leaf = Spec::leaf().with(|s| s.subject = person.clone()).with(change);
        let texts = [world.judge(&leaf), verify(&world.set(), &leaf.signed_by(&World::new().middle))].map(|r| r.err().unwrap_or_default());
        assert!(!texts.iter().any(|t| t.contains("SECRETE")), "{texts:?}");
    }
}

#[test]
fn an_expired_anchor_refuses_its_clients_and_no_others() {
    let world = World::new();
    let root = Authority::root(&Spec::authority("RACINE", Some(1)).with(|s| s.to = NOW + DAY / 2));
    let middle = Authority::below(&Spec::authority("ORGANISATIONS", Some(0)), &root);
    let short = World { root, middle };
    let set = short.set();
    let leaf = Spec::leaf().signed_by(&short.middle);
    assert_eq!(verify(&set, &leaf), Ok(()));
    assert!(verify_at(&set, &leaf, NOW + DAY / 2).is_err());
    let beside = Authority::root(&Spec::authority("AUTRE RACINE", Some(0)));
    let two = build(&(short.ca_pem() + &pem(&beside.cert)), &(short.lists() + &beside.list().pem(&beside))).unwrap();
    assert!(verify_at(&two, &leaf, NOW + DAY / 2).is_err());
    assert_eq!(verify_at(&two, &Spec::leaf().signed_by(&beside), NOW + DAY / 2), Ok(()));
    let late = |ca: &str, lists: &str| TrustSet::build(ca.as_bytes(), lists.as_bytes(), NOW + DAY / 2, None);
    assert!(late(&short.ca_pem(), &short.lists()).unwrap_err().to_string().contains("no trust anchor"));
    let both = late(&(pem(&short.root.cert) + &world.ca_pem()), &world.lists()).unwrap();
    assert_eq!(both.alarms().len(), 1, "left out with an alarm beside a good one");
    assert_eq!(verify_at(&both, &Spec::leaf().signed_by(&world.middle), NOW + DAY / 2), Ok(()));
}

fn at(at_s: i64) -> UnixTime {
    UnixTime::since_unix_epoch(std::time::Duration::from_secs(u64::try_from(at_s).unwrap()))
}
