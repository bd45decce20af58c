//! What time and number alone change: the clock is an argument.

use super::super::Opening;
use super::*;
use crate::identity::StructIdNat;

const START: i64 = 1_790_000_000_000_000;

fn visit(opening: &str) -> Visit {
    let caller = crate::identity::Caller {
        structure: StructIdNat::parse("1750000001").unwrap(),
        organization: "Cabinet d'essai".into(),
        common_name: "essai".into(),
        issuer: String::new(),
        serial: String::new(),
        fingerprint: [0; 32],
        not_after: i64::MAX,
        issuer_der: Vec::new(),
        serial_bytes: Vec::new(),
        person: None,
    };
    let actor = Actor::certified("899700218896", "10");
    Visit { caller, actor, patient: "p".into(), traits: None, mismatch: false, request_id: opening.into(), opening: Opening::Ticket, token_ends_s: None }
}

fn new<'a>(cookie: &'a str, agent: &'a str) -> NewSession<'a> {
    NewSession { cookie, token: "csrf", agent }
}

fn open(desk: &Desk, limits: &Consult) {
    desk.issue(limits, "t", visit("o"), START).unwrap();
    desk.redeem(limits, "t", &new("c", "Firefox"), START).unwrap();
}

#[test]
fn a_ticket_is_good_once_and_for_a_minute() {
    let (desk, limits) = (Desk::default(), Consult::default());
    desk.issue(&limits, "t", visit("o"), START).unwrap();
    assert!(matches!(desk.redeem(&limits, "other", &new("c", "a"), START), Err(Refused::Unknown)));
    assert!(desk.redeem(&limits, "t", &new("c", "a"), START + 59 * SECOND_US).is_ok());
    assert!(matches!(desk.redeem(&limits, "t", &new("d", "a"), START + 59 * SECOND_US), Err(Refused::Used(_))));
    desk.issue(&limits, "u", visit("o"), START).unwrap();
    assert!(matches!(desk.redeem(&limits, "u", &new("e", "a"), START + 60 * SECOND_US), Err(Refused::Late(_))));
    assert!(matches!(desk.redeem(&limits, "u", &new("e", "a"), START), Err(Refused::Used(_))), "late is spent");
}

#[test]
fn a_session_ends_after_half_an_hour_without_a_request_and_after_four_hours() {
    let (desk, limits) = (Desk::default(), Consult::default());
    open(&desk, &limits);
    let mut now = START;
    while now < START + 239 * MINUTE_US - 29 * MINUTE_US {
        now += 29 * MINUTE_US;
        assert!(desk.enter(&limits, "c", "Firefox", now).is_ok());
    }
    assert!(matches!(desk.enter(&limits, "c", "Firefox", START + 240 * MINUTE_US), Err(Ended::Over(_))));
    assert!(matches!(desk.enter(&limits, "c", "Firefox", now), Err(Ended::Unknown)), "it does not come back");
    open(&desk, &limits);
    assert!(matches!(desk.enter(&limits, "c", "Firefox", START + 30 * MINUTE_US), Err(Ended::Idle(_))));
}

#[test]
fn a_session_shown_by_another_browser_ends() {
    let (desk, limits) = (Desk::default(), Consult::default());
    open(&desk, &limits);
    assert!(matches!(desk.enter(&limits, "c", "curl", START), Err(Ended::OtherBrowser(_))));
    assert!(matches!(desk.enter(&limits, "c", "Firefox", START), Err(Ended::Unknown)));
}

#[test]
fn numbers_are_bounded_and_what_has_ended_makes_room() {
    let (desk, limits) = (Desk::default(), Consult { sessions: 1, ..Consult::default() });
    desk.issue(&limits, "a", visit("a"), START).unwrap();
    assert_eq!(desk.issue(&limits, "b", visit("b"), START).unwrap_err().kind, FaultKind::Busy);
    let later = START + 60 * SECOND_US;
    desk.issue(&limits, "b", visit("b"), later).unwrap();
    desk.redeem(&limits, "b", &new("c", "x"), later).unwrap();
    desk.issue(&limits, "f", visit("f"), later).unwrap();
    assert!(matches!(desk.redeem(&limits, "b", &new("c", "x"), later), Err(Refused::Unknown)), "a used one made room");
    let wide = Consult { sessions: 2, ..Consult::default() };
    desk.issue(&wide, "d", visit("d"), later).unwrap();
    assert!(matches!(desk.redeem(&limits, "d", &new("e", "x"), later), Err(Refused::Full)));
}

#[test]
fn a_ticket_on_a_card_is_good_once_for_five_minutes_and_leaves_room_for_pages() {
    let (desk, limits) = (Desk::default(), Consult { sessions: 4, ..Consult::default() });
    assert!(desk.issue_on_a_card(&limits, "a", visit("a"), START) && desk.issue_on_a_card(&limits, "b", visit("b"), START));
    assert!(!desk.issue_on_a_card(&limits, "c", visit("c"), START), "cards take half of the room");
    desk.issue(&limits, "d", visit("d"), START).unwrap();
    assert!(desk.redeem(&limits, "a", &new("c", "x"), START + 299 * SECOND_US).is_ok());
    assert!(matches!(desk.redeem(&limits, "a", &new("c", "x"), START + 299 * SECOND_US), Err(Refused::Used(_))));
    assert!(matches!(desk.redeem(&limits, "b", &new("c", "x"), START + 300 * SECOND_US), Err(Refused::Late(_))));
}

#[test]
fn imports_are_told_to_who_asked_for_the_ticket() {
    let (desk, limits) = (Desk::default(), Consult::default());
    desk.issue(&limits, "t", visit("o"), START).unwrap();
    let session = desk.redeem(&limits, "t", &new("c", "x"), START).unwrap();
    let one = Imported { unique_id: "u".into(), entry_uuid: "e".into(), logical_id: "l".into(), url: "Binary/1".into() };
    desk.import(&session, one.clone());
    desk.import(&session, one);
    assert_eq!(desk.imports("o", &visit("")).unwrap().len(), 1);
    let other = Visit { actor: Actor::certified("899700000001", "10"), ..visit("") };
    assert!(desk.imports("o", &other).is_none() && desk.imports("x", &visit("")).is_none());
}
