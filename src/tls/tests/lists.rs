//! Which revocation lists and authorities are believed, and what a set still answers for.

use super::maker::*;
use crate::identity::Caller;
use crate::tls::TrustSet;

type Change = fn(&mut List);

const POINT: &str = "http://liste.test/org.crl";

/// issuingDistributionPoint for one URI.
fn partition(uri: &str) -> (&'static str, bool, Vec<u8>) {
    ("2.5.29.28", true, der(0x30, &point(uri)))
}

fn of(leaf: &Spec, issuer: &Authority) -> Caller {
    Caller::from_leaf(&leaf.signed_by(issuer).to_der().unwrap(), false).unwrap()
}

fn reload(ca: &str, lists: &str, before: &TrustSet) -> TrustSet {
    reload_at(NOW, ca, lists, before)
}

fn reload_at(now: i64, ca: &str, lists: &str, before: &TrustSet) -> TrustSet {
    TrustSet::build(ca.as_bytes(), lists.as_bytes(), now, Some(before)).unwrap()
}

#[test]
fn every_authority_needs_a_list() {
    let world = World::new();
    assert!(build(&world.ca_pem(), "").unwrap_err().to_string().contains("nothing in it"));
    for one in [world.root.list().pem(&world.root), world.middle.list().pem(&world.middle)] {
        assert!(build(&world.ca_pem(), &one).unwrap_err().to_string().contains("has no valid revocation list"));
    }
}

#[test]
fn a_list_that_cannot_be_believed_stops_the_load_when_it_is_the_only_one() {
    let world = World::new();
    let cases: [(Change, &str); 11] = [
        (|l| l.to = Some(NOW), "nextUpdate"),
        (|l| l.to = Some(NOW - DAY), "nextUpdate"),
        (|l| l.to = None, "nextUpdate"),
        (|l| l.from = NOW + 1, "future"),
        (|l| l.number = None, "no number"),
        (|l| l.more.push(("2.5.29.27", true, vec![2, 1, 6])), "delta"),
        (|l| l.more.push(("2.5.29.27", false, vec![2, 1, 6])), "delta"),
        (|l| l.more.push(("2.5.29.28", true, der(0x30, &[0x82, 1, 0xff]))), "not supported"),
        (|l| l.more.push(("2.5.29.28", true, der(0x30, &[0x81, 1, 0xff]))), "not supported"),
        (|l| l.more.push(("2.5.29.28", true, der(0x30, &[0x84, 1, 0xff]))), "not supported"),
        (|l| l.more.push(("1.2.250.1.99999.1", true, vec![5, 0])), "not supported"),
    ];
    for (change, reason) in cases {
        let refused = build(&world.ca_pem(), &world.lists_with(&world.middle.list().with(change))).unwrap_err().to_string();
        assert!(refused.contains(reason), "{reason}: {refused}");
    }
}

#[test]
fn a_list_signed_by_another_key_of_the_same_name_is_left_out() {
    let (world, other) = (World::new(), World::new());
    let lists = world.root.list().pem(&world.root) + &other.middle.list().pem(&other.middle);
    assert!(build(&world.ca_pem(), &lists).unwrap_err().to_string().contains("no known authority signed it"));
}

#[test]
fn a_list_with_any_byte_changed_is_left_out() {
    let world = World::new();
    let good = world.middle.list().revoking(&Spec::leaf()).der(&world.middle);
    for index in 0..good.len() {
        let mut bytes = good.clone();
        bytes[index] ^= 0x01;
        let lists = world.root.list().pem(&world.root) + &armour("X509 CRL", &bytes);
        assert!(build(&world.ca_pem(), &lists).is_err(), "byte {index}");
    }
}

#[test]
fn a_bad_list_beside_a_good_one_is_an_alarm_and_no_more() {
    let world = World::new();
    let changes: [Change; 4] =
        [|l| l.more.push(("2.5.29.27", true, vec![2, 1, 6])), |l| l.more.push(("2.5.29.28", true, der(0x30, &[0x82, 1, 0xff]))), |l| l.to = Some(NOW - 1), |l| l.from = NOW + 1];
    for change in changes {
        let set = build(&world.ca_pem(), &(world.lists() + &world.middle.list().with(change).pem(&world.middle))).unwrap();
        assert_eq!(set.alarms().len(), 1);
        assert_eq!(verify(&set, &Spec::leaf().signed_by(&world.middle)), Ok(()));
    }
}

#[test]
fn a_revoked_serial_is_refused_whatever_its_reason() {
    let world = World::new();
    let (hold, remove_from_crl) = (6, 8);
    for reason in [None, Some(1), Some(hold), Some(remove_from_crl)] {
        let leaf = Spec::leaf();
        let list = world.middle.list().with(|l| l.revoked.push((leaf.serial, reason)));
        let set = build(&world.ca_pem(), &world.lists_with(&list)).unwrap();
        assert!(verify(&set, &leaf.signed_by(&world.middle)).is_err(), "{reason:?}");
        assert!(!set.still_valid(&of(&leaf, &world.middle), NOW), "{reason:?}");
        assert!(set.still_valid(&of(&Spec::leaf(), &world.middle), NOW));
    }
}

#[test]
fn a_serial_whose_first_bit_is_set_is_found_on_the_list() {
    let world = World::new();
    let leaf = Spec::leaf().with(|s| s.serial = 0x8000_0001);
    let set = build(&world.ca_pem(), &world.lists_with(&world.middle.list().revoking(&leaf))).unwrap();
    assert!(!set.still_valid(&of(&leaf, &world.middle), NOW));
    assert_eq!(of(&leaf, &world.middle).serial, "80000001");
}

#[test]
fn an_older_list_replayed_beside_the_newer_is_not_used() {
    let world = World::new();
    let leaf = Spec::leaf();
    let newer = world.middle.list().revoking(&leaf).pem(&world.middle);
    let older = world.middle.list().with(|l| l.number = Some(6)).pem(&world.middle);
    let same = world.middle.list().with(|l| l.from -= 60).pem(&world.middle);
    for second in [older, same] {
        for lists in [newer.clone() + &second, second.clone() + &newer] {
            let set = build(&world.ca_pem(), &(world.root.list().pem(&world.root) + &lists)).unwrap();
            assert!(verify(&set, &leaf.signed_by(&world.middle)).is_err());
        }
    }
}

#[test]
fn a_list_number_never_goes_down_from_one_set_to_the_next() {
    let world = World::new();
    let numbered = |n: u8| world.lists_with(&world.middle.list().with(|l| l.number = Some(n)));
    let seven = build(&world.ca_pem(), &numbered(7)).unwrap();
    assert!(reload(&world.ca_pem(), &numbered(6), &seven).lacks()[0].contains("number went down"));
    assert!(reload(&world.ca_pem(), &numbered(7), &seven).lacks().is_empty());
    let nine = reload(&world.ca_pem(), &numbered(9), &seven);
    let eight = reload(&world.ca_pem(), &numbered(8), &nine);
    assert!(!eight.lacks().is_empty() && !reload(&world.ca_pem(), &numbered(8), &eight).lacks().is_empty(), "the ninth is used on");
}

#[test]
fn an_older_list_brings_no_revoked_certificate_back() {
    let world = World::new();
    let leaf = Spec::leaf();
    let set = build(&world.ca_pem(), &world.lists_with(&world.middle.list().revoking(&leaf))).unwrap();
    for worse in [world.middle.list().with(|l| l.number = Some(6)), world.middle.list().with(|l| l.to = Some(NOW - 1)), world.middle.list().with(|l| l.number = None)] {
        let next = reload(&world.ca_pem(), &world.lists_with(&worse), &set);
        assert!(!next.lacks().is_empty());
        assert!(verify(&next, &leaf.signed_by(&world.middle)).is_err() && !next.still_valid(&of(&leaf, &world.middle), NOW));
        assert_eq!(verify(&next, &Spec::leaf().signed_by(&world.middle)), Ok(()), "the list in use clears the others until it ends");
    }
}

/// Two anchors with an authority each: what happens to the lists of one is no matter of the other's.
#[test]
fn an_outdated_list_of_one_issuer_holds_back_no_revocation_of_another() {
    let (one, other) = (World::new(), World { root: Authority::root(&Spec::authority("AUTRE RACINE", Some(1))), ..World::new() });
    let other = World { middle: Authority::below(&Spec::authority("AUTRES ORGANISATIONS", Some(0)), &other.root), root: other.root };
    let ca = one.ca_pem() + &other.ca_pem();
    let leaf = Spec::leaf();
    let lasting = |world: &World| world.root.list().with(|l| l.to = Some(NOW + 9 * DAY)).pem(&world.root);
    let lists = |middle: List| lasting(&one) + &lasting(&other) + &one.middle.list().pem(&one.middle) + &middle.pem(&other.middle);
    let set = build(&ca, &lists(other.middle.list())).unwrap();
    assert!(set.still_valid(&of(&leaf, &other.middle), NOW));
    let later = NOW + 2 * DAY;
    let renewed = other.middle.list().with(|l| (l.to, l.number) = (Some(NOW + 9 * DAY), Some(8))).revoking(&leaf);
    let next = reload_at(later, &ca, &lists(renewed), &set);
    assert!(next.lacks().iter().any(|l| l.contains("ORGANISATIONS has no valid revocation list")), "{:?}", next.lacks());
    assert!(!next.still_valid(&of(&leaf, &other.middle), later), "the revocation holds on open connections");
    assert!(verify_at(&next, &leaf.signed_by(&other.middle), later).is_err(), "and on new ones");
    assert_eq!(verify_at(&next, &Spec::leaf().signed_by(&other.middle), later), Ok(()));
    assert!(!next.still_valid(&of(&Spec::leaf(), &one.middle), later), "the outdated issuer's clients are refused");
    assert!(verify_at(&next, &Spec::leaf().signed_by(&one.middle), later).is_err());
}

#[test]
fn a_list_is_an_alarm_when_half_of_its_life_is_over() {
    let set = World::new().set();
    assert!(set.endings().late(NOW).is_empty() && set.endings().late(NOW - DAY).is_empty());
    let told = set.endings().late(NOW + 1);
    assert_eq!(told.len(), 2, "{told:?}");
    assert!(told.iter().any(|t| t.contains("RACINE ends in 23 hours")), "{told:?}");
    assert_eq!((set.endings().seconds_left(NOW), set.endings().seconds_left(NOW + DAY + 5)), (DAY, -5));
}

#[test]
fn a_partition_counts_for_its_own_certificates_only() {
    let world = World::new();
    let leaf = |uri: &str| Spec::leaf().with(|s| s.more.push(("2.5.29.31", false, der(0x30, &der(0x30, &point(uri))))));
    let inside = leaf(POINT);
    let list = world.middle.list().with(|l| l.more.push(partition(POINT)));
    let set = build(&world.ca_pem(), &world.lists_with(&list)).unwrap();
    assert_eq!(verify(&set, &inside.signed_by(&world.middle)), Ok(()));
    assert!(verify(&set, &leaf("http://liste.test/autre.crl").signed_by(&world.middle)).is_err());
    assert!(verify(&set, &Spec::leaf().signed_by(&world.middle)).is_err(), "no distribution point");
    let revoking = build(&world.ca_pem(), &world.lists_with(&list.revoking(&inside))).unwrap();
    assert!(verify(&revoking, &inside.signed_by(&world.middle)).is_err());
}

#[test]
fn a_partition_in_use_cannot_vanish_with_its_revocations() {
    let world = World::new();
    let revoked = Spec::leaf();
    let part = |uri: &str| world.middle.list().with(|l| l.more.push(partition(uri)));
    let other = part("http://liste.test/autre.crl").pem(&world.middle);
    let both = build(&world.ca_pem(), &(world.lists_with(&part(POINT).revoking(&revoked)) + &other)).unwrap();
    let lists = world.root.list().pem(&world.root) + &other;
    let next = reload(&world.ca_pem(), &lists, &both);
    assert!(next.lacks()[0].contains("missing"));
    assert!(!next.still_valid(&of(&revoked, &world.middle), NOW) && next.still_valid(&of(&Spec::leaf(), &world.middle), NOW));
    assert!(!next.still_valid(&of(&Spec::leaf(), &world.middle), NOW + DAY), "nor does it clear anybody after its end");
}

#[test]
fn an_open_connection_ends_with_its_certificate_its_list_or_its_revocation() {
    let world = World::new();
    let (set, leaf) = (world.set(), Spec::leaf().with(|s| s.to = NOW + DAY / 2));
    let caller = of(&leaf, &world.middle);
    assert!(set.still_valid(&caller, NOW));
    assert!(set.still_valid(&caller, NOW + DAY / 2 - 1));
    assert!(!set.still_valid(&caller, NOW + DAY / 2), "certificate expired");
    let long = of(&Spec::leaf(), &world.middle);
    assert!(set.still_valid(&long, NOW + DAY - 1));
    assert!(!set.still_valid(&long, NOW + DAY), "list outdated");
    assert!(verify_at(&set, &Spec::leaf().signed_by(&world.middle), NOW + DAY).is_err(), "nor is a new one accepted");
    let stranger = Authority::below(&Spec::authority("AUTRE", Some(0)), &world.root);
    assert!(!set.still_valid(&of(&Spec::leaf(), &stranger), NOW), "an issuer that is no longer trusted");
}

#[test]
fn an_open_connection_ends_when_an_authority_above_it_does() {
    let root = Authority::root(&Spec::authority("RACINE", Some(1)));
    let short = Spec::authority("ORGANISATIONS", Some(0)).with(|s| s.to = NOW + DAY / 2);
    let world = World { middle: Authority::below(&short, &root), root };
    let caller = of(&Spec::leaf(), &world.middle);
    assert!(world.set().still_valid(&caller, NOW));
    assert!(!world.set().still_valid(&caller, NOW + DAY / 2), "intermediate expired");
    let revoked = world.root.list().revoking(&short).pem(&world.root) + &world.middle.list().pem(&world.middle);
    let set = build(&world.ca_pem(), &revoked).unwrap();
    assert!(!set.still_valid(&caller, NOW), "intermediate revoked");
    assert!(verify(&set, &Spec::leaf().signed_by(&world.middle)).is_err());
    let outdated = world.root.list().with(|l| l.to = Some(NOW + 60)).pem(&world.root) + &world.middle.list().pem(&world.middle);
    let set = build(&world.ca_pem(), &outdated).unwrap();
    assert!(set.still_valid(&caller, NOW + 59));
    assert!(!set.still_valid(&caller, NOW + 60), "root's list outdated");
}

#[test]
fn an_expired_intermediate_is_left_out_and_the_others_serve() {
    let world = World::new();
    let old = Authority::below(&Spec::authority("ANCIENNE", Some(0)).with(|s| s.to = NOW - 1), &world.root);
    let set = build(&(world.ca_pem() + &pem(&old.cert)), &world.lists()).unwrap();
    assert_eq!(set.alarms().len(), 1);
    assert_eq!(verify(&set, &Spec::leaf().signed_by(&world.middle)), Ok(()));
    assert!(verify(&set, &Spec::leaf().signed_by(&old)).is_err());
}

#[test]
fn a_renewed_authority_serves_beside_its_older_certificate() {
    let world = World::new();
    let renewed = Spec::authority("ORGANISATIONS", Some(0)).with(|s| s.key = world.middle.key.clone());
    let renewed = Authority::below(&renewed, &world.root);
    let set = build(&(world.ca_pem() + &pem(&renewed.cert)), &world.lists()).unwrap();
    assert_eq!(verify(&set, &Spec::leaf().signed_by(&renewed)), Ok(()));
    assert!(set.still_valid(&of(&Spec::leaf(), &world.middle), NOW));
}

#[test]
fn an_unfit_ca_file_is_refused_with_its_rule() {
    let world = World::new();
    let other = World::new();
    let under = |spec: Spec| pem(&Authority::below(&spec, &world.root).cert);
    let signed = CERT_SIGN;
    let cases = [
        (pem(&world.middle.cert), "no trust anchor"),
        (world.ca_pem() + &under(Spec::leaf()), "not an authority's"),
        (world.ca_pem() + &under(Spec::authority("SANS CRL", Some(0)).with(|s| s.usage = Some(signed))), "not an authority's"),
        (world.ca_pem() + &under(Spec::authority("SANS SIGNATURE", Some(0)).with(|s| s.usage = Some(CRL_SIGN))), "not an authority's"),
        (world.ca_pem() + &pem(&Authority::below(&Spec::authority("ORGANISATIONS", Some(0)), &world.root).cert), "different keys"),
        (world.ca_pem() + &pem(&Authority::below(&Spec::authority("RACINE", Some(0)), &other.root).cert), "own key"),
        (pem(&world.root.cert).repeat(65), "more than 64"),
        (String::new(), "nothing in it"),
        ("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n".into(), "cannot be read"),
    ];
    for (ca, reason) in cases {
        let refused = build(&ca, &world.lists()).unwrap_err().to_string();
        assert!(refused.contains(reason), "{reason}: {refused}");
    }
}
