//! The structure a certificate names, and the subjects that name none.

use openssl::hash::MessageDigest;
use openssl::nid::Nid;
use rcgen::{CertificateParams, DnType, DnValue, KeyPair};

use super::maker::*;
use crate::identity::{Caller, CertifiedPerson, IdentityError, StructIdNat, Subject, subject as read};
use crate::tls::TrustSet;
use crate::tls::crl::Seen;
use crate::tls::trust::{Authorities, Occasion, Revocations};

type Form = (&'static str, fn(String) -> StructIdNat);
type Change = fn(&mut Vec<(Nid, String)>);

fn named(change: impl FnOnce(&mut Vec<(Nid, String)>)) -> Spec {
    Spec::leaf().with(|s| change(&mut s.subject))
}

fn caller(spec: &Spec) -> Result<Caller, IdentityError> {
    Caller::from_leaf(&spec.signed_by(&World::new().middle).to_der().unwrap(), false)
}

fn set(subject: &mut [(Nid, String)], nid: Nid, text: &str) {
    subject.iter_mut().filter(|(n, _)| *n == nid).for_each(|(_, t)| text.clone_into(t));
}

#[test]
fn a_caller_carries_every_form_of_structure() {
    let forms: [Form; 6] = [
        ("0123456789001", StructIdNat::AdeliRang),
        ("10B0057881", StructIdNat::Finess),
        ("2552100554", StructIdNat::Siren),
        ("318751275100020", StructIdNat::Siret),
        ("499970000001001", StructIdNat::RppsRang),
        ("R10100000012345", StructIdNat::Technical),
    ];
    for (text, form) in forms {
        let caller = caller(&named(|s| set(s, Nid::ORGANIZATIONALUNITNAME, text))).unwrap();
        let body = text.strip_prefix(|c| c != 'R').unwrap_or(text);
        assert_eq!(caller.structure, form(body.to_owned()));
        assert_eq!(caller.structure.canonical(), text);
        assert_eq!(caller.structure.as_identifier().value, text);
    }
}

#[test]
fn a_caller_carries_issuer_serial_fingerprint_and_end() {
    let world = World::new();
    let spec = Spec::leaf().with(|s| s.serial = 0x00c0_ffee);
    let cert = spec.signed_by(&world.middle);
    let caller = Caller::from_leaf(&cert.to_der().unwrap(), false).unwrap();
    assert_eq!((caller.organization.as_str(), caller.common_name.as_str()), ("CABINET", "logiciel"));
    assert_eq!(caller.issuer, "C=FR, O=ESSAI, CN=ORGANISATIONS");
    assert_eq!(caller.issuer_der, world.middle.cert.subject_name().to_der().unwrap());
    assert_eq!(caller.serial, "c0ffee");
    assert_eq!(caller.fingerprint[..], cert.digest(MessageDigest::sha256()).unwrap()[..]);
    assert_eq!(caller.fingerprint_hex().len(), 64);
    assert_eq!(caller.not_after, spec.to);
}

#[test]
fn a_subject_against_the_grammar_is_refused_in_the_handshake_for_its_field() {
    use IdentityError::{Grammar, Missing, Repeated};
    const OU: Nid = Nid::ORGANIZATIONALUNITNAME;
    let cases: [(&str, Change, IdentityError); 19] = [
        ("no C", |s| s.retain(|a| a.0 != Nid::COUNTRYNAME), Missing("C")),
        ("no O", |s| s.retain(|a| a.0 != Nid::ORGANIZATIONNAME), Missing("O")),
        ("no OU", |s| s.retain(|a| a.0 != OU), Missing("OU (Struct_IdNat)")),
        ("no CN", |s| s.retain(|a| a.0 != Nid::COMMONNAME), Missing("CN")),
        ("empty subject", Vec::clear, Missing("C")),
        ("C other than FR", |s| set(s, Nid::COUNTRYNAME, "BE"), Grammar("C other than FR")),
        ("C in small letters", |s| set(s, Nid::COUNTRYNAME, "fr"), Grammar("C other than FR")),
        ("two CN", |s| s.push((Nid::COMMONNAME, "autre".into())), Repeated("CN")),
        ("two OU", |s| s.push((OU, "2552100554".into())), Repeated("OU")),
        ("two OU of one value", |s| s.push((OU, STRUCTURE.into())), Repeated("OU")),
        ("two O", |s| s.push((Nid::ORGANIZATIONNAME, "AUTRE".into())), Repeated("O")),
        ("fullwidth digits", |s| set(s, OU, "１0B0057881"), Grammar("OU")),
        ("arabic digits", |s| set(s, OU, "2٥٥٢١٠٠٥٥٤"), Grammar("OU")),
        ("space at the end", |s| set(s, OU, "10B0057881 "), Grammar("OU")),
        ("space inside", |s| set(s, OU, "10B 057881"), Grammar("OU (Struct_IdNat)")),
        ("comma inside", |s| set(s, OU, "10B0057881,CN=x"), Grammar("OU (Struct_IdNat)")),
        ("OU= inside", |s| set(s, OU, "OU=10B0057881"), Grammar("OU (Struct_IdNat)")),
        ("person's number as structure", |s| set(s, OU, "899700000001"), Grammar("OU (Struct_IdNat)")),
        ("hidden character in CN", |s| set(s, Nid::COMMONNAME, "logi\u{200b}ciel"), Grammar("CN")),
    ];
    let world = World::new();
    for (what, change, error) in cases {
        let spec = named(change);
        assert_eq!(caller(&spec), Err(error), "{what}");
        assert_eq!(world.judge(&spec), Err(error.to_string()), "{what}");
    }
}

#[test]
fn attributes_written_inside_a_value_name_nobody() {
    let spec = named(|s| {
        set(s, Nid::ORGANIZATIONNAME, "O=FAUX,OU=2552100554");
        set(s, Nid::COMMONNAME, "a,b+OU=2552100554/OU=2552100554;\"é\"");
    });
    assert_eq!(caller(&spec).unwrap().structure, StructIdNat::Finess("0B0057881".into()));
}

#[test]
fn a_person_or_a_card_passes_the_handshake_and_is_no_caller() {
    let cases: [Change; 6] = [
        |s| s.push((Nid::TITLE, "Médecin".into())),
        |s| s.push((Nid::SURNAME, "ESSAI".into())),
        |s| s.push((Nid::GIVENNAME, "ESSAI".into())),
        |s| {
            s.retain(|a| a.0 != Nid::ORGANIZATIONALUNITNAME);
            set(s, Nid::COMMONNAME, "899700000001");
        },
        |s| set(s, Nid::COMMONNAME, "899700000001"),
        |s| set(s, Nid::COMMONNAME, "30B0057881/CPET0002"),
    ];
    let world = World::new();
    for change in cases {
        let spec = named(change);
        assert_eq!(world.judge(&spec), Ok(()));
        assert_eq!(caller(&spec), Err(IdentityError::Person));
    }
}

#[test]
fn a_card_is_known_by_its_extensions_whatever_its_subject() {
    for oid in ["1.2.250.1.71.1.2.2", "1.2.250.1.71.1.2.3", "1.2.250.1.71.1.2.7"] {
        assert_eq!(caller(&Spec::leaf().with(|s| s.more.push((oid, false, vec![2, 1, 0])))), Err(IdentityError::Person), "{oid}");
    }
    assert!(caller(&Spec::leaf().with(|s| s.more.push(("1.2.250.1.71.1.2.5", false, vec![4, 1, 0x83])))).is_ok(), "the product flag is no card");
}

#[test]
fn a_card_names_its_professional_where_cards_are_accepted() {
    const PROFESSION: &str = "1.2.250.1.71.1.2.7";
    let card = |change: Change, profession: &[u8]| {
        let spec = named(|s| {
            s.push((Nid::TITLE, "Médecin".into()));
            set(s, Nid::COMMONNAME, "899700000001");
            change(s);
        });
        let spec = spec.with(|s| s.more.push((PROFESSION, false, profession.to_vec())));
        Caller::from_leaf(&spec.signed_by(&World::new().middle).to_der().unwrap(), true)
    };
    let named = card(|_| (), &[2, 1, 10]).unwrap();
    assert_eq!(named.person, Some(CertifiedPerson { id: "899700000001".into(), profession: "10".into() }));
    assert_eq!(named.structure.canonical(), STRUCTURE);
    let refused: [(Change, &[u8], IdentityError); 5] = [
        (|s| set(s, Nid::COMMONNAME, "10B0057881/CPET0002"), &[2, 1, 10], IdentityError::Grammar("CN (PS_IdNat of a professional)")),
        (|s| set(s, Nid::COMMONNAME, "Médecin"), &[2, 1, 10], IdentityError::Grammar("CN (PS_IdNat of a professional)")),
        (|s| s.retain(|a| a.0 != Nid::ORGANIZATIONALUNITNAME), &[2, 1, 10], IdentityError::Missing("OU (Struct_IdNat)")),
        (|_| (), &[2, 1, 0], IdentityError::Grammar("profession (1.2.250.1.71.1.2.7)")),
        (|_| (), &[12, 2, 49, 48], IdentityError::Grammar("profession (1.2.250.1.71.1.2.7)")),
    ];
    for (change, profession, error) in refused {
        assert_eq!(card(change, profession), Err(error));
    }
}

#[test]
fn an_authority_of_persons_issues_no_structure_s_certificate_and_the_other_way_round() {
    let world = World::new();
    let persons = Authority::below(&Spec::authority("PERSONNES", Some(0)), &world.root);
    let (structures, of_persons) = (world.ca_pem(), pem(&world.root.cert) + &pem(&persons.cert));
    let lists = world.lists() + &persons.list().pem(&persons);
    let authorities = Authorities { structures: structures.as_bytes(), persons: Some(of_persons.as_bytes()) };
    let apart = TrustSet::after(&authorities, &Revocations { lists: &[lists.clone().into_bytes()], answers: &[] }, NOW, &Seen::default(), Occasion::Start).unwrap();
    let together = build(&(structures.clone() + &pem(&persons.cert)), &lists).unwrap();
    let (structure, card) = (Spec::leaf(), named(|s| s.push((Nid::TITLE, "Médecin".into()))));
    let kind = Err("its authority does not issue certificates of this kind".to_owned());
    for (spec, issuer, expected) in [(&structure, &world.middle, Ok(())), (&card, &persons, Ok(())), (&structure, &persons, kind.clone()), (&card, &world.middle, kind)] {
        assert_eq!(verify(&apart, &spec.signed_by(issuer)), expected);
        assert_eq!(verify(&together, &spec.signed_by(issuer)), Ok(()));
    }
}

#[test]
fn a_value_in_an_old_string_type_is_refused() {
    let mut params = CertificateParams::default();
    let old = DnValue::BmpString("10B0057881".try_into().unwrap());
    for (kind, value) in [(DnType::CountryName, "FR".into()), (DnType::OrganizationName, "CABINET".into()), (DnType::OrganizationalUnitName, old), (DnType::CommonName, "x".into())]
    {
        params.distinguished_name.push(kind, value);
    }
    let cert = params.self_signed(&KeyPair::generate().unwrap()).unwrap();
    assert_eq!(read(cert.der()).map(|s| matches!(s, Subject::Structure(_))), Err(IdentityError::Grammar("OU")));
}
