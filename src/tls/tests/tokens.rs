//! Access tokens: the vectors beside the checkout, and tokens of our own for what they leave out.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use openssl::x509::X509;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::fhir::{Level, Mode, Role};
use crate::identity::{Binding, DEVELOPMENT, Issuer, IssuerKind, Keys, TokenError, Tokens};
use crate::tls::{SigningKey, prepare};

const FOLDER: &str = "../shared/corpus/security";
const NOW: i64 = 1_793_491_200;
const LEAF: [u8; 32] = [7; 32];

fn corpus(file: &str) -> Option<PathBuf> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(FOLDER).join(file);
    if !path.exists() {
        println!("left out: no {file} beside the checkout");
    }
    path.exists().then_some(path)
}

#[test]
fn every_token_vector_has_its_expected_verdict_with_and_without_the_switch() {
    let Some((tokens, certificates)) = corpus("token-vectors/token-vectors.json").zip(corpus("mtls-vectors/mtls-vectors.json.gz")) else { return };
    let vectors: Value = serde_json::from_slice(&std::fs::read(tokens).unwrap()).unwrap();
    let unpacked = Command::new("gzip").arg("-dc").arg(certificates).output().unwrap();
    let certificates: Value = serde_json::from_slice(&unpacked.stdout).unwrap();
    let leaf = certificates["cases"].as_array().unwrap().iter().find(|c| c["id"] == "ok-ec256").unwrap()["leaf"].as_str().unwrap();
    let fingerprint: [u8; 32] = Sha256::digest(X509::from_pem(leaf.as_bytes()).unwrap().to_der().unwrap()).into();
    let text = |name: &str| vectors[name].as_str().unwrap().to_owned();
    let mut wrong = Vec::new();
    for binding in [Binding::Rfc8705, Binding::AnsHexToo] {
        let keys = Keys::parse(vectors["jwks"].to_string().as_bytes(), prepare).unwrap();
        let check = Tokens::new(vec![Issuer { name: text("issuer"), audience: text("audience"), keys, kind: IssuerKind::Professional }], binding);
        for case in vectors["cases"].as_array().unwrap() {
            let outcome = check.check(case["token"].as_str().unwrap(), &fingerprint, vectors["now"].as_i64().unwrap());
            let accepted = case["expect"] == "accept" || case["expect"] == "policy" && binding == Binding::AnsHexToo;
            if outcome.is_ok() != accepted {
                wrong.push(format!("{binding:?} {}: {outcome:?}", case["id"]));
            }
            println!("{binding:?} {}: {:?}", case["id"], outcome.err());
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    assert_eq!(vectors["cases"].as_array().unwrap().len(), 76);
}

struct Made {
    key: SigningKey,
    dir: PathBuf,
}

impl Made {
    fn new() -> Self {
        let dir = std::env::temp_dir().join(format!("passerelle-token-{}", uuid::Uuid::new_v4()));
        Self { key: SigningKey::open_or_make(&dir.join("pki/token-issuer.key")).unwrap(), dir }
    }

    fn check(&self, kind: IssuerKind) -> Tokens {
        let keys = Keys::parse(&self.key.jwks(), prepare).unwrap();
        Tokens::new(vec![Issuer { name: DEVELOPMENT.into(), audience: DEVELOPMENT.into(), keys, kind }], Binding::Rfc8705)
    }

    fn token(&self, more: &Value) -> String {
        use base64::Engine;
        let cnf = base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(LEAF);
        let mut claims =
            json!({"iss": DEVELOPMENT, "aud": DEVELOPMENT, "sub": "899700218896", "iat": NOW, "exp": NOW + 3600, "jti": "j", "scope": "user/*.cruds", "cnf": {"x5t#S256": cnf}});
        claims.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        self.key.sign(&claims).unwrap()
    }
}

impl Drop for Made {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.dir);
    }
}

#[test]
fn claims_become_the_actor() {
    let made = Made::new();
    let check = made.check(IssuerKind::Professional);
    let token = made
        .token(&json!({"profession": "10", "specialty": "SM26", "situation_exercice": "1759999991", "activities": ["1759999991", "2999999998"], "mode": "bris_de_glace",
        "reason": "inconscient", "auth_level": "air", "lps_id": "L1", "lps_nom": "Logiciel", "lps_version": "2", "secret": true, "scope": "openid user/Patient.rs"}));
    let verified = check.check(&token, &LEAF, NOW).unwrap();
    let actor = &verified.actor;
    let person = actor.person.as_ref().unwrap();
    assert_eq!((person.id.as_str(), person.profession.as_str(), person.specialty.as_str(), person.situation.as_str()), ("899700218896", "10", "SM26", "1759999991"));
    assert_eq!((actor.role, actor.mode, actor.level, actor.secret, actor.reason.as_str()), (Role::Practitioner, Mode::BrisDeGlace, Level::Air, true, "inconscient"));
    assert_eq!((actor.software.name.as_str(), actor.token_id.as_str(), actor.scopes.as_slice()), ("Logiciel", "j", ["user/Patient.rs".to_owned()].as_slice()));
    assert_eq!(verified.expires_s, NOW + 3600);
}

#[test]
fn claims_that_leave_a_doubt_are_refused() {
    let made = Made::new();
    let check = made.check(IssuerKind::Professional);
    let exercice = json!([{"codeProfession": "10", "activities": [{"numeroFinessSite": "750000001"}, {"numeroFinessSite": "750000002"}]}]);
    // A doctor and sage-femme at one place, and a doctor of two specialities at another.
    let at = |place: &str| json!([{"numeroFinessSite": place}]);
    let two = json!([{"codeProfession": "10", "codeSavoirFaire": "SM26", "activities": at("750000001")}, {"codeProfession": "50", "activities": at("750000001")},
        {"codeProfession": "10", "codeSavoirFaire": "SM04", "activities": at("750000002")}, {"codeProfession": "10", "codeSavoirFaire": "SM26", "activities": at("750000002")}]);
    for (claims, expected) in [
        (json!({"activities": ["1759999991", "2999999998"]}), TokenError::Activity),
        (json!({"activities": ["1759999991"], "situation_exercice": "2999999998"}), TokenError::Activity),
        (json!({"activities": ["1759999991", 1]}), TokenError::Claim("activities")),
        (json!({"exercices": exercice}), TokenError::Activity),
        (json!({"exercices": exercice, "situation_exercice": "1750000003"}), TokenError::Activity),
        (json!({"exercices": two, "situation_exercice": "1750000001"}), TokenError::Activity),
        (json!({"exercices": two, "situation_exercice": "1750000001|60"}), TokenError::Activity),
        (json!({"exercices": two, "situation_exercice": "1750000002|10"}), TokenError::Activity),
        (json!({"exercices": two, "situation_exercice": "1750000002|10/SM54"}), TokenError::Activity),
        (json!({"exercices": two, "situation_exercice": "1750000001|50", "profession": "10"}), TokenError::Activity),
        (json!({"exercices": two, "situation_exercice": "1750000002|10/SM04", "specialty": "SM26"}), TokenError::Activity),
        (json!({"situation_exercice": "1759999991"}), TokenError::Activity),
        (json!({"activities": ["1759999991"], "situation_exercice": "1759999991|60", "profession": "10"}), TokenError::Activity),
        (json!({"mode": "urgence"}), TokenError::Claim("mode")),
        (json!({"auth_level": 1}), TokenError::Claim("auth_level")),
        (json!({"secret": "true"}), TokenError::Claim("secret")),
        (json!({"reason": "a\nb"}), TokenError::Claim("reason")),
        (json!({"sub": "Dr Martin"}), TokenError::Claim("sub")),
        (json!({"jti": ""}), TokenError::Claim("jti")),
        (json!({"role": "structure"}), TokenError::Role),
        (json!({"role": "chef"}), TokenError::Claim("role")),
        (json!({"role": "holder", "ins": "urn:oid:1.2|1", "scope": "patient/*.rs"}), TokenError::Role),
        (json!({"scope": "patient/*.cruds"}), TokenError::Scope),
        (json!({"iat": NOW - 4 * 3600}), TokenError::Lifetime),
        (json!({"exp": NOW - 40, "iat": NOW - 100}), TokenError::Expired),
    ] {
        assert_eq!(check.check(&made.token(&claims), &LEAF, NOW).err(), Some(expected), "{claims}");
    }
    for (claims, expected) in [
        (json!({"exercices": exercice, "situation_exercice": "1750000002"}), ("10", "", "1750000002")),
        (json!({"exercices": two, "situation_exercice": "1750000001|50"}), ("50", "", "1750000001")),
        (json!({"exercices": two, "situation_exercice": "1750000002|10/SM04", "profession": "10"}), ("10", "SM04", "1750000002")),
        (json!({"exercices": [two[0]]}), ("10", "SM26", "1750000001")),
        (json!({"activities": ["1759999991"], "profession": "60"}), ("60", "", "1759999991")),
        (json!({"activities": ["1759999991", "2999999998"], "situation_exercice": "2999999998|10/SM26"}), ("10", "SM26", "2999999998")),
    ] {
        let verified = check.check(&made.token(&claims), &LEAF, NOW).unwrap();
        let person = verified.actor.person.as_ref().unwrap();
        assert_eq!((person.profession.as_str(), person.specialty.as_str(), person.situation.as_str()), expected, "{claims}");
    }
}

#[test]
fn a_level_that_is_not_said_is_the_weakest_of_any_issuer_but_the_development_one() {
    let made = Made::new();
    for (kind, expected) in [(IssuerKind::Professional, Level::Indirect), (IssuerKind::Development, Level::Direct)] {
        let level = |claims: &Value| made.check(kind).check(&made.token(claims), &LEAF, NOW).unwrap().actor.level;
        assert_eq!(level(&json!({"profession": "10"})), expected);
        assert_eq!(level(&json!({"profession": "10", "auth_level": "direct"})), Level::Direct);
    }
}

#[test]
fn a_patient_issuer_speaks_for_patients_alone() {
    let made = Made::new();
    let check = made.check(IssuerKind::Patient);
    for role in ["holder", "legal_representative"] {
        let token = made.token(&json!({"sub": "p", "role": role, "ins": "urn:oid:1.2.250.1.213.1.4.10|258027511234534", "scope": "patient/*.rs"}));
        let patient = check.check(&token, &LEAF, NOW).unwrap().actor.patient.clone().unwrap();
        assert_eq!((patient.system.as_deref(), patient.value.as_str()), (Some("urn:oid:1.2.250.1.213.1.4.10"), "258027511234534"));
    }
    for claims in [json!({"profession": "10"}), json!({"role": "auditor"}), json!({"role": "administrator"})] {
        assert_eq!(check.check(&made.token(&claims), &LEAF, NOW).err(), Some(TokenError::Role), "{claims}");
    }
    let without = made.token(&json!({"role": "holder", "scope": "patient/*.rs"}));
    assert_eq!(check.check(&without, &LEAF, NOW).err(), Some(TokenError::Claim("ins")));
}

#[test]
fn a_cached_token_ends_with_its_exp_and_is_bound_to_one_certificate() {
    let made = Made::new();
    let check = made.check(IssuerKind::Development);
    let token = made.token(&json!({"profession": "10"}));
    assert!(check.check(&token, &LEAF, NOW).is_ok() && check.check(&token, &LEAF, NOW + 3599).is_ok());
    assert_eq!(check.check(&token, &[8; 32], NOW).err(), Some(TokenError::Binding));
    assert_eq!(check.check(&token, &LEAF, NOW + 3631).err(), Some(TokenError::Expired));
    let started = Instant::now();
    const TIMES: u32 = 200;
    (0..TIMES).for_each(|i| drop(check.check(&made.token(&json!({"jti": i.to_string()})), &LEAF, NOW).unwrap()));
    let signed_too = started.elapsed() / TIMES;
    let many: Vec<String> = (0..TIMES).map(|i| made.token(&json!({"jti": format!("fresh-{i}")}))).collect();
    let (fresh, cached) = (Instant::now(), many.iter().for_each(|t| drop(check.check(t, &LEAF, NOW).unwrap())));
    let fresh = (fresh.elapsed() / TIMES, cached).0;
    let started = Instant::now();
    many.iter().for_each(|t| drop(check.check(t, &LEAF, NOW).unwrap()));
    println!("token check: fresh {fresh:?}, cached {:?} (signing and checking {signed_too:?})", started.elapsed() / TIMES);
}

#[test]
fn a_key_that_others_may_read_is_refused_and_a_kept_one_is_used_again() {
    use std::os::unix::fs::PermissionsExt;
    let made = Made::new();
    let file = made.dir.join("pki/token-issuer.key");
    assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(SigningKey::open_or_make(&file).unwrap().jwks(), made.key.jwks());
    assert_eq!(std::fs::read(made.dir.join("pki/token-issuer.jwks")).unwrap(), made.key.jwks());
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o640)).unwrap();
    assert!(SigningKey::open_or_make(&file).is_err());
}
