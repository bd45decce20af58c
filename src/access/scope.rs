//! Scopes of an access token.
//! Spec: SMART App Launch 2 §Scopes for requesting FHIR Resources (`user/Observation.rs`).

use crate::fhir::Role;

/// The letters in the one order that a scope may have them.
const LETTERS: &str = "cruds";
/// Every type.
pub(super) const ANY: &str = "*";

/// Whether a scope of the list gives this letter on this type (`*`: on every type) to somebody in this role. A scope that is not
/// exactly of the grammar gives nothing; neither does one narrowed by a query (`?category=…`), which this server does not apply.
pub(super) fn granted(scopes: &[String], role: Role, kind: &str, letter: char) -> bool {
    scopes.iter().any(|scope| gives(scope, context(role), kind, letter))
}

/// The context that a role's scopes are written in.
const fn context(role: Role) -> &'static str {
    match role {
        Role::Practitioner | Role::Auditor | Role::Administrator => "user",
        Role::Holder | Role::LegalRepresentative => "patient",
        Role::Structure => "system",
    }
}

fn gives(scope: &str, context: &str, kind: &str, letter: char) -> bool {
    let Some((of, rest)) = scope.split_once('/') else { return false };
    let Some((on, letters)) = rest.split_once('.') else { return false };
    of == context && (on == ANY || on == kind) && in_order(letters) && letters.contains(letter)
}

/// One or more letters, each once, in the order of the specification.
fn in_order(letters: &str) -> bool {
    let mut left = LETTERS.chars();
    !letters.is_empty() && letters.chars().all(|letter| left.any(|l| l == letter))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(scope: &str, role: Role, kind: &str, letter: char) -> bool {
        granted(&[scope.to_owned()], role, kind, letter)
    }

    #[test]
    fn a_scope_gives_its_letters_on_its_type() {
        for letter in LETTERS.chars() {
            assert!(one("user/Observation.cruds", Role::Practitioner, "Observation", letter));
            assert!(one("user/*.cruds", Role::Practitioner, "Observation", letter));
            assert_eq!(one("user/Observation.rs", Role::Practitioner, "Observation", letter), "rs".contains(letter));
            assert_eq!(one("user/Observation.d", Role::Practitioner, "Observation", letter), letter == 'd');
        }
        assert!(!one("user/Observation.cruds", Role::Practitioner, "Condition", 'r'));
        assert!(one("user/*.r", Role::Practitioner, ANY, 'r'));
        assert!(!one("user/Observation.r", Role::Practitioner, ANY, 'r'), "one type is not every type");
        assert!(!granted(&[], Role::Practitioner, "Observation", 'r'));
        assert!(granted(&["openid".to_owned(), "user/Condition.r".to_owned()], Role::Practitioner, "Condition", 'r'));
    }

    #[test]
    fn a_context_fits_its_role_alone() {
        for role in Role::ALL {
            for context in ["user", "patient", "system"] {
                let fits = match role {
                    Role::Holder | Role::LegalRepresentative => context == "patient",
                    Role::Structure => context == "system",
                    _ => context == "user",
                };
                assert_eq!(one(&format!("{context}/Observation.r"), *role, "Observation", 'r'), fits, "{context} {role:?}");
            }
        }
    }

    #[test]
    fn anything_outside_the_grammar_gives_nothing() {
        let broken = [
            "",
            "/",
            ".",
            "user",
            "user/",
            "user/Observation",
            "user/Observation.",
            "user/Observation.read",
            "user/Observation.*",
            "user/Observation.sr",
            "user/Observation.rr",
            "user/Observation.r ",
            " user/Observation.r",
            "USER/Observation.r",
            "user/observation.r",
            "user/Observation.R",
            "user/Obs.r",
            "user/ObservationX.r",
            "user/XObservation.r",
            "user/Observation.r?category=laboratory",
            "user/Observation.rx",
            "user/Observation.r.s",
            "user//Observation.r",
            "user/Observation/r",
            "superuser/Observation.r",
            "user/Observation.crudss",
            "user/**.r",
            "user/*Observation.r",
            "user/Observation.r,user/Condition.r",
        ];
        for scope in broken {
            assert!(!one(scope, Role::Practitioner, "Observation", 'r'), "{scope:?}");
        }
    }
}
