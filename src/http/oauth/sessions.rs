//! The sessions behind the tokens given out, in memory only.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

/// Sessions held at once.
const HELD_MAX: usize = 100_000;

struct Session {
    subject_token: String,
    /// Seconds since 1970.
    confirmed_s: i64,
    expires_s: i64,
}

/// Sessions by the id of our token.
#[derive(Default)]
pub(super) struct Sessions(Mutex<HashMap<String, Session>>);

impl Sessions {
    /// A token was given out. When there is no room, those that have ended go, and otherwise all: their clients exchange anew.
    pub(super) fn begin(&self, token_id: String, subject_token: String, now_s: i64, expires_s: i64) {
        let mut held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if held.len() >= HELD_MAX {
            held.retain(|_, s| now_s < s.expires_s);
            if held.len() >= HELD_MAX {
                held.clear();
            }
        }
        held.insert(token_id, Session { subject_token, confirmed_s: now_s, expires_s });
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
        sessions.begin("j".into(), "t".into(), 1000, 4600);
        assert!(!sessions.due("j", 999) && sessions.due("j", 1000) && sessions.due("other", 0));
        sessions.confirmed("j", 2000);
        assert!(!sessions.due("j", 1000));
        assert_eq!((sessions.subject("j", 4000), sessions.subject("j", 4630)), (Some("t".to_owned()), None));
        sessions.end("j");
        assert!(sessions.subject("j", 2000).is_none() && sessions.due("j", 0));
    }
}
