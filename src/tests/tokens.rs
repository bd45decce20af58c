//! Access tokens over real connections: who is taken for whom, and what is refused in which words.

use passerelle::cli::Response;

use crate::support::{On, TestServer, refused};

/// What `passerelle token` prints for these arguments.
pub fn token(server: &TestServer, arguments: &[&str]) -> String {
    let out = std::process::Command::new(env!("CARGO_BIN_EXE_passerelle")).arg("token").arg("--data").arg(&server.dir).args(arguments).output().unwrap();
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    String::from_utf8_lossy(&out.stdout).lines().last().unwrap().to_owned()
}

fn with(server: &TestServer, client: &str, headers: &[(&str, &str)], path: &str) -> Response {
    server.client(client).call("GET", path, headers, b"")
}

#[test]
fn a_token_of_the_development_issuer_holds_on_its_own_certificate_alone() {
    let server = TestServer::start(On::Sqlite);
    let token = token(&server, &["--client", "client-cabinet", "--rpps", "899700218896", "--profession", "10", "--specialty", "SM26"]);
    let bearer = format!("bEaReR {token}");
    assert_eq!(with(&server, "client-cabinet", &[("Authorization", &bearer)], "metadata").status, 200);
    let other = with(&server, "client-imagerie", &[("Authorization", &bearer)], "metadata");
    assert_eq!(other.header("www-authenticate"), Some("Bearer error=\"invalid_token\""));
    let first = refused(&other, 401);
    let broken = with(&server, "client-cabinet", &[("Authorization", &format!("Bearer {token}x"))], "metadata");
    assert_eq!(refused(&broken, 401)["issue"], first["issue"], "one message for every reason");
    let forwarded =
        with(&server, "client-imagerie", &[("Authorization", &bearer), ("X-Forwarded-Client-Cert", "Subject=\"OU=1759999991\""), ("SSL_CLIENT_S_DN", "OU=1759999991")], "metadata");
    assert_eq!(forwarded.status, 401);
}

/// A professional's card, issued by the development PKI into its folder as `carte`.
fn card(server: &TestServer, id: &str) {
    use rcgen::{CertificateParams, CustomExtension, DnType, ExtendedKeyUsagePurpose, Issuer, KeyPair, KeyUsagePurpose};
    let file = |name: &str| server.pki().join(name);
    let authorities = std::fs::read_to_string(file("ca.pem")).unwrap();
    let middle = authorities.split_inclusive("-----END CERTIFICATE-----").nth(1).unwrap();
    let issuer = Issuer::from_ca_cert_pem(middle, KeyPair::from_pem(&std::fs::read_to_string(file("ca-intermediate.key")).unwrap()).unwrap()).unwrap();
    let mut params = CertificateParams::default();
    params.distinguished_name = rcgen::DistinguishedName::new();
    let subject = [(DnType::CountryName, "FR"), (DnType::OrganizationName, "CABINET D'ESSAI"), (DnType::OrganizationalUnitName, "1759999991"), (DnType::CommonName, id)];
    for (kind, value) in subject {
        params.distinguished_name.push(kind, value);
    }
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
    params.custom_extensions = vec![CustomExtension::from_oid_content(&[1, 2, 250, 1, 71, 1, 2, 7], vec![2, 1, 10])];
    let now = std::time::SystemTime::now();
    (params.not_before, params.not_after) = ((now - std::time::Duration::from_secs(60)).into(), (now + std::time::Duration::from_secs(3600)).into());
    let key = KeyPair::generate().unwrap();
    std::fs::write(file("carte.pem"), params.signed_by(&key, &issuer).unwrap().pem()).unwrap();
    std::fs::write(file("carte.key"), key.serialize_pem()).unwrap();
}

#[test]
fn a_card_is_refused_unless_configured_and_then_is_its_professional() {
    let refusing = TestServer::enforced(On::Sqlite);
    card(&refusing, "899700218896");
    refused(&refusing.client("carte").get("metadata"), 401);
    let server = TestServer::with(On::Sqlite, |c| {
        c.access.policy = passerelle::config::AccessPolicy::Enforced;
        c.tls.persons = true;
    });
    card(&server, "899700218896");
    let reference = server.client("carte").deposited(&crate::support::small_cda("2.25.301", "258027511234534", ""));
    let own = format!("DocumentReference/{}", reference["id"].as_str().unwrap());
    assert_eq!(server.client("carte").get(&own).status, 200, "who deposited it");
    assert_eq!(server.doctor(&[]).get(&own).status, 200, "the same person, by a token");
    refused(&server.client("client-cabinet").get(&own), 403);
    let token = token(&server, &["--client", "carte", "--rpps", "899700000001", "--profession", "10"]);
    let other = server.client("carte").call("GET", "metadata", &[("Authorization", &format!("Bearer {token}"))], b"");
    refused(&other, 401);
}

#[test]
fn a_token_in_the_address_two_headers_and_other_schemes_are_refused() {
    let server = TestServer::start(On::Sqlite);
    let token = token(&server, &["--client", "client-cabinet", "--role", "auditor"]);
    let bearer = format!("Bearer {token}");
    for path in [format!("metadata?access_token={token}"), format!("metadata?access%5Ftoken={token}")] {
        let answer = with(&server, "client-cabinet", &[], &path);
        assert_eq!(answer.header("www-authenticate"), Some("Bearer error=\"invalid_request\""));
        assert!(!refused(&answer, 400).to_string().contains(&token));
    }
    refused(&with(&server, "client-cabinet", &[("Authorization", &bearer), ("Authorization", &bearer)], "metadata"), 400);
    for wrong in ["Basic YTpi", "Bearer", "é"] {
        refused(&with(&server, "client-cabinet", &[("Authorization", wrong)], "metadata"), 401);
    }
}

#[test]
fn every_kind_of_caller_can_be_tried_and_wrong_arguments_are_explained() {
    let server = TestServer::start(On::Sqlite);
    let ins = "258027511234534";
    for who in [
        &["--role", "administrator"][..],
        &["--holder", ins],
        &["--legal-representative", ins, "--secret"],
        &["--rpps", "899700218896", "--profession", "60", "--level", "indirect"],
    ] {
        let bearer = format!("Bearer {}", token(&server, &[&["--client", "client-laboratoire"], who].concat()));
        assert_eq!(with(&server, "client-laboratoire", &[("Authorization", &bearer)], "metadata").status, 200, "{who:?}");
    }
    let data = server.dir.display().to_string();
    for (arguments, hint) in [
        (&["--client", "nobody", "--role", "auditor"][..], "client-cabinet"),
        (&["--client", "../server", "--role", "auditor"], "client-cabinet"),
        (&["--client", "client-cabinet", "--rpps", "899700218896"], "--profession"),
        (&["--client", "client-cabinet", "--rpps", "12", "--profession", "10"], "PS_IdNat"),
        (&["--client", "client-cabinet", "--rpps", "899700218896", "--profession", "10", "--mode", "urgence"], "bris_de_glace"),
        (&["--client", "client-cabinet", "--role", "structure"], "auditor"),
        (&["--client", "client-cabinet", "--holder", "12"], "15"),
        (&["--client", "client-cabinet"], "--rpps"),
        (&["--client", "client-cabinet", "--role", "auditor", "--minutes", "241"], "240"),
    ] {
        let out = std::process::Command::new(env!("CARGO_BIN_EXE_passerelle")).args(["token", "--data", &data]).args(arguments).output().unwrap();
        assert!(!out.status.success() && String::from_utf8_lossy(&out.stderr).contains(hint), "{arguments:?}: {}", String::from_utf8_lossy(&out.stderr));
    }
}

#[test]
fn broken_tokens_of_every_kind_are_one_refusal_and_reach_nobody() {
    use base64::Engine;
    let server = TestServer::start(On::Sqlite);
    let good = token(&server, &["--client", "client-cabinet", "--role", "auditor"]);
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let url = format!("http://{}/jwks", listener.local_addr().unwrap());
    let parts: Vec<&str> = good.split('.').collect();
    let encode = |text: &str| base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(text);
    let headed = |header: &str| format!("{}.{}.{}", encode(header), parts[1], parts[2]);
    let mut broken: Vec<String> = ["none", "None", "NONE", "HS256", "RS256", "ES384", ""].iter().map(|alg| headed(&format!(r#"{{"alg":"{alg}","typ":"at+jwt"}}"#))).collect();
    for member in
        [r#""crit":["exp"]"#, r#""b64":false"#, r#""zip":"DEF""#, r#""x5c":["AA"]"#, r#""jwk":{"kty":"EC"}"#, r#""kid":"../../dev/null""#, r#""kid":1"#, r#""kid":"a\u0000""#]
    {
        broken.push(headed(&format!(r#"{{"alg":"ES256","typ":"at+jwt",{member}}}"#)));
    }
    for name in ["jku", "x5u"] {
        broken.push(headed(&format!(r#"{{"alg":"ES256","typ":"at+jwt","{name}":"{url}"}}"#)));
    }
    broken.extend([format!("{}.{}.", parts[0], parts[1]), format!("{good}.AA.AA"), format!("{}.{}", parts[0], parts[1]), format!("{}==.{}.{}", parts[0], parts[1], parts[2])]);
    broken.extend([format!("{}. {}.{}", parts[0], parts[1], parts[2]), format!("{}.{}.{}", parts[0], parts[1], encode(&"\0".repeat(64))), format!("{good}{}", "a".repeat(20_000))]);
    let known = refused(&with(&server, "client-cabinet", &[("Authorization", "Bearer x")], "metadata"), 401)["issue"].clone();
    for token in &broken {
        let answer = with(&server, "client-cabinet", &[("Authorization", &format!("Bearer {token}"))], "metadata");
        assert_eq!(refused(&answer, 401)["issue"], known, "{}", &token[..40.min(token.len())]);
    }
    assert_eq!(listener.accept().map_err(|e| e.kind()).err(), Some(std::io::ErrorKind::WouldBlock), "nobody was asked");
}

#[test]
fn the_development_issuer_is_refused_in_production() {
    use passerelle::config::{AccessPolicy, Config, Environment};
    let anchor = std::env::temp_dir().join(format!("passerelle-anchor-{}", uuid::Uuid::new_v4()));
    let production = |c: &mut Config| {
        c.audit.anchor = anchor.display().to_string();
        c.database.environment = Environment::Production;
        c.access.policy = AccessPolicy::Enforced;
        c.access.assumptions_accepted_by = "Dr Claire Martin".into();
        c.access.assumptions_accepted_on = "2026-11-25".into();
    };
    let dir = std::env::temp_dir().join(format!("passerelle-test-{}", uuid::Uuid::new_v4()));
    let mut config = Config::default();
    config.server.bind = "127.0.0.1:0".into();
    production(&mut config);
    config.tokens.development = Some(true);
    let refusal = passerelle::cli::start(&dir, config).err().unwrap();
    assert!(refusal.contains("tokens.development"), "{refusal}");
    let _ = std::fs::remove_dir_all(&dir);
    let server = TestServer::with(On::Sqlite, production);
    let bearer = format!("Bearer {}", token(&server, &["--client", "client-cabinet", "--role", "auditor"]));
    assert_eq!(with(&server, "client-cabinet", &[("Authorization", &bearer)], "metadata").status, 401);
    drop(server);
    std::fs::remove_file(anchor).unwrap();
}
