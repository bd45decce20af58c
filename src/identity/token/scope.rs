//! Scopes: which types and interactions a token was given for.
//! Spec: SMART App Launch 2.2 §scopes (resource scopes, `cruds`); RFC 6749 §3.3.

/// Everything, for a professional.
pub const SCOPE_ALL_USER: &str = "user/*.cruds";
/// Everything of one's own, for a patient or representative.
pub const SCOPE_ALL_PATIENT: &str = "patient/*.cruds";

/// One word: `user/DocumentReference.rs`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Scope<'a> {
    /// `user` or `patient`.
    pub context: &'a str,
    /// A resource type, or `*`.
    pub kind: &'a str,
    /// Some of `cruds`, in that order.
    pub letters: &'a str,
}

impl<'a> Scope<'a> {
    /// Reads one word; none for what is no resource scope.
    pub fn read(word: &'a str) -> Option<Self> {
        let (context, rest) = word.split_once('/')?;
        let (kind, letters) = rest.split_once('.')?;
        let known = kind == "*" || (kind.len() <= 64 && kind.starts_with(|c: char| c.is_ascii_uppercase()) && kind.bytes().all(|b| b.is_ascii_alphabetic()));
        let mut order = "cruds".chars();
        let ordered = !letters.is_empty() && letters.chars().all(|l| order.any(|o| o == l));
        (matches!(context, "user" | "patient") && known && ordered).then_some(Self { context, kind, letters })
    }
}

/// Whether some word lets this interaction (`c`, `r`, `u`, `d` or `s`) be done on a resource type.
pub fn granted(scopes: &[String], kind: &str, letter: char) -> bool {
    scopes.iter().filter_map(|w| Scope::read(w)).any(|s| (s.kind == "*" || s.kind == kind) && s.letters.contains(letter))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_whole_words_of_the_grammar_are_scopes() {
        for word in ["user/*.cruds", "patient/DocumentReference.rs", "user/Observation.s"] {
            assert!(Scope::read(word).is_some(), "{word}");
        }
        for word in ["xuser/DocumentReference.rs", "user/DocumentReference.rsx", "user/DocumentReference.sr", "user/*.", "user/*.*", "openid", "system/*.r", "user/a.r", ""] {
            assert!(Scope::read(word).is_none(), "{word}");
        }
        let held = ["user/DocumentReference.rs".to_owned()];
        assert!(granted(&held, "DocumentReference", 'r') && !granted(&held, "DocumentReference", 'c') && !granted(&held, "Patient", 'r'));
    }
}
