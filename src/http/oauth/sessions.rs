//! The sessions behind the tokens given out, in memory only.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

/// Sessions held at once.
const HELD_MAX: usize = 100_000;

/// A session at the identity provider, as the token that it gave stands for it.
#[derive(Clone)]
pub(super) struct Session {
    pub subject_token: String,
    /// Its end, seconds since 1970.
    pub subject_ends_s: i64,
    /// Whose it is: the practitioner's number, and the client certificate by its SHA-256.
    pub owner: (String, [u8; 32]),
    /// Seconds since 1970.
    pub confirmed_s: i64,
    pub expires_s: i64,
}

/// Sessions by the id of our token.
#[derive(Default)]
pub(super) struct Sessions(Mutex<HashMap<String, Session>>);

impl Sessions {
    /// A token was given out. What was given to the same person at the same client before stands on the fresh session too, when that
    /// ends later. When there is no room, those that have ended go, and otherwise all: their clients exchange anew.
    pub(super) fn begin(&self, token_id: String, session: Session) {
        let mut held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if held.len() >= HELD_MAX {
            held.retain(|_, s| session.confirmed_s < s.expires_s);
            if held.len() >= HELD_MAX {
                held.clear();
            }
        }
        for older in held.values_mut().filter(|s| s.owner == session.owner && s.subject_ends_s < session.subject_ends_s && session.confirmed_s < s.expires_s) {
            *older = Session { expires_s: session.expires_s.max(older.expires_s), ..session.clone() };
        }
        held.insert(token_id, session);
    }

    /// When the session that a token stands for must have been renewed, seconds since 1970; none for one that is not known.
    pub(super) fn ends_s(&self, token_id: &str) -> Option<i64> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(token_id).map(|s| s.expires_s)
    }

    /// Whether a session was last confirmed at `before_s` or earlier, or is not known.
    pub(super) fn due(&self, token_id: &str, before_s: i64) -> bool {
        let held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        held.get(token_id).is_none_or(|s| s.confirmed_s <= before_s)
    }

    /// The subject token of a session that has not ended.
    pub(super) fn subject(&self, token_id: &str, now_s: i64) -> Option<String> {
        let held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        held.get(token_id).filter(|s| now_s < s.expires_s + crate::identity::SKEW_S).map(|s| s.subject_token.clone())
    }

    pub(super) fn confirmed(&self, token_id: &str, now_s: i64) {
        if let Some(session) = self.0.lock().unwrap_or_else(PoisonError::into_inner).get_mut(token_id) {
            session.confirmed_s = now_s;
        }
    }

    pub(super) fn end(&self, token_id: &str) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(token_id);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_is_due_after_its_time_and_one_that_is_not_known_at_once() {
        let sessions = Sessions::default();
        sessions.begin("j".into(), session("t", "a", 1000, 4600));
        assert!(!sessions.due("j", 999) && sessions.due("j", 1000) && sessions.due("other", 0));
        sessions.confirmed("j", 2000);
        assert!(!sessions.due("j", 1000));
        assert_eq!((sessions.subject("j", 4000), sessions.subject("j", 4630)), (Some("t".to_owned()), None));
        sessions.end("j");
        assert!(sessions.subject("j", 2000).is_none() && sessions.due("j", 0));
    }

    #[test]
    fn a_fresh_session_carries_what_the_same_person_was_given_at_the_same_client() {
        let sessions = Sessions::default();
        sessions.begin("own".into(), session("t1", "a", 1000, 2800));
        sessions.begin("over".into(), session("t1", "a", 10, 900));
        sessions.begin("other".into(), session("t1", "b", 1000, 2800));
        sessions.begin("new".into(), session("t2", "a", 2000, 3800));
        assert_eq!(sessions.subject("own", 2500).as_deref(), Some("t2"));
        assert!(!sessions.due("own", 1999) && sessions.ends_s("own") == Some(3800));
        assert_eq!(sessions.subject("other", 2500).as_deref(), Some("t1"), "not another person's");
        assert_eq!(sessions.ends_s("over"), Some(900), "what is over stays over");
        sessions.begin("short".into(), Session { subject_ends_s: 100, ..session("t3", "a", 2000, 3800) });
        assert_eq!(sessions.subject("own", 2500).as_deref(), Some("t2"), "a session that ends sooner takes nothing away");
    }

    fn session(subject_token: &str, owner: &str, confirmed_s: i64, expires_s: i64) -> Session {
        Session { subject_token: subject_token.into(), subject_ends_s: expires_s, owner: (owner.into(), [0; 32]), confirmed_s, expires_s }
    }
}
