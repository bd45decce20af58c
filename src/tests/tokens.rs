//! Access tokens over real connections: who is taken for whom, and what is refused in which words.

use passerelle::cli::Response;

use crate::support::{On, TestServer, refused, text};

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
}

/// Headers by which a proxy would say who calls: nobody believes them, about the caller or about who may withdraw what.
#[test]
fn who_calls_is_the_certificate_s_whatever_headers_say() {
    let server = TestServer::enforced(On::Sqlite);
    let claimed = [
        ("X-Forwarded-Client-Cert", "Hash=00;Subject=\"C=FR,O=CABINET,OU=1759999991,CN=client-cabinet\""),
        ("SSL_CLIENT_S_DN", "CN=client-cabinet,OU=1759999991,O=CABINET,C=FR"),
        ("X-SSL-Client-Verify", "SUCCESS"),
        ("Forwarded", "for=192.0.2.7;by=1759999991;host=cabinet.example"),
        ("X-Forwarded-For", "192.0.2.7"),
    ];
    let deposit = [&claimed[..], &[("Content-Type", "application/xml")]].concat();
    let deposited = server.client("client-imagerie").call("POST", "$deposit", &deposit, &crate::support::small_cda("2.25.303", "258027511234534", ""));
    assert_eq!(deposited.status, 201);
    let own = server.cabinet().deposited(&crate::support::small_cda("2.25.304", "258027511234534", ""));
    let document = format!("DocumentReference/{}", own["id"].as_str().unwrap());
    let withdrawn = server.client("client-imagerie").call("DELETE", &document, &claimed, b"");
    assert!(matches!(withdrawn.status, 403 | 404), "{}", withdrawn.status);
    let trail = server.acting("client-laboratoire", &["--role", "auditor"]).found("AuditEvent?date=ge2026-01-01&_count=100");
    let agent = |client: &str| {
        let leaf = passerelle::tls::leaf_fingerprint(&std::fs::read(server.pki().join(format!("{client}.pem"))).unwrap()).unwrap();
        let fingerprint: String = leaf.iter().map(|b| format!("{b:02x}")).collect();
        let of_it: Vec<_> = crate::support::resources(&trail, "AuditEvent").into_iter().filter(|e| e["agent"][0]["altId"] == fingerprint.as_str()).collect();
        of_it.iter().map(|e| e["agent"][0]["who"]["identifier"]["value"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    let (imaging, practice) = (agent("client-imagerie"), agent("client-cabinet"));
    assert!(imaging.len() == 2 && imaging.iter().all(|s| s == "399999999900017"), "{imaging:?}");
    assert_eq!(practice, ["1759999991"], "its own deposit, and nothing of what was claimed");
    assert!(!trail.to_string().contains("192.0.2.7") && !trail.to_string().contains("cabinet.example"));
    assert_eq!(server.cabinet().call("DELETE", &document, &[], b"").status, 204, "who stands behind it withdraws it");
}

/// A professional's card, issued by the development PKI into its folder as `carte`.
pub fn card(server: &TestServer, id: &str) {
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

/// AIR consults like direct authentication; an issuer that says no level is not taken for a strong one.
#[test]
fn air_reads_and_a_level_that_is_not_said_does_not() {
    use base64::Engine;
    use passerelle::tls::{SigningKey, leaf_fingerprint};
    let keys = std::env::temp_dir().join(format!("passerelle-issuer-{}", uuid::Uuid::new_v4()));
    let key = SigningKey::open_or_make(&keys.join("as.key")).unwrap();
    let server = TestServer::with(On::Sqlite, |c| {
        c.access.policy = passerelle::config::AccessPolicy::Enforced;
        c.tokens.issuer = "https://as.test".into();
        c.tokens.jwks = keys.join("as.jwks").display().to_string();
    });
    let patient = server.cabinet().deposited(&crate::support::small_cda("2.25.302", "258027511234534", ""))["subject"]["reference"].as_str().unwrap().to_owned();
    let fingerprint = leaf_fingerprint(&std::fs::read(server.pki().join("client-cabinet.pem")).unwrap()).unwrap();
    let cnf = base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(fingerprint);
    let now = chrono::Utc::now().timestamp();
    let acting = |level: Option<&str>| {
        let mut claims = serde_json::json!({"iss": "https://as.test", "aud": server.base, "sub": "899700218896", "profession": "10", "iat": now, "exp": now + 600,
            "jti": uuid::Uuid::new_v4().to_string(), "scope": "user/*.cruds", "cnf": {"x5t#S256": cnf}});
        claims.as_object_mut().unwrap().extend(level.map(|l| ("auth_level".to_owned(), l.into())));
        let mut session = server.cabinet();
        session.token = Some(key.sign(&claims).unwrap());
        session
    };
    assert_eq!(acting(Some("air")).call("POST", &format!("{patient}/$authorize"), &[], b"").status, 201);
    for (level, status) in [(Some("direct"), 200), (Some("air"), 200), (Some("indirect"), 403), (None, 403)] {
        assert_eq!(acting(level).get(&format!("{patient}/$summary")).status, status, "{level:?}");
    }
    std::fs::remove_dir_all(keys).unwrap();
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
    use crate::support::production;
    use passerelle::config::Config;
    let dir = std::env::temp_dir().join(format!("passerelle-test-{}", uuid::Uuid::new_v4()));
    let mut config = Config::default();
    config.server.bind = "127.0.0.1:0".into();
    production(&mut config);
    config.tokens.development = Some(true);
    let refusal = passerelle::cli::start(&dir, config).err().unwrap();
    assert!(refusal.contains("tokens.development"), "{refusal}");
    let _ = std::fs::remove_dir_all(&dir);
    let server = TestServer::with(On::Sqlite, production);
    let refusal = crate::support::token(&server.dir, "client-cabinet", &["--role", "auditor"]).unwrap_err();
    assert!(refusal.contains("database.environment = production"), "the database was made for it: {refusal}");
    let trial = TestServer::start(On::Sqlite);
    let file = trial.dir.join("production.toml");
    std::fs::write(&file, "[database]\nenvironment = \"production\"\n").unwrap();
    let refusal = crate::support::token(&trial.dir, "client-cabinet", &["--role", "auditor", "--config", &file.display().to_string()]).unwrap_err();
    assert!(refusal.contains("database.environment = production"), "the configuration says so: {refusal}");
    // A token of the trial server's issuer, shown to production with its client's certificate and key.
    let bearer = format!("Bearer {}", token(&trial, &["--client", "client-cabinet", "--role", "auditor"]));
    assert_eq!(with(&server, "client-cabinet", &[("Authorization", &bearer)], "metadata").status, 401);
}

/// Two doors of RFC 6750 that are closed here: what comes through them would be kept in the trail for years.
#[test]
fn a_token_among_parameters_reaches_neither_log_nor_trail() {
    use base64::Engine;
    let log = std::env::temp_dir().join(format!("passerelle-clear-{}.log", uuid::Uuid::new_v4()));
    let logged = format!("PASSERELLE__LOG__LEVEL=debug exec \"$@\" 2> {}", log.display());
    let mut server = crate::support::ServerProcess::within(&["sh", "-c", &logged, "sh"]);
    let token = crate::support::token(&server.dir, "client-cabinet", &["--role", "auditor"]).unwrap();
    let mut client = passerelle::cli::Target::new(&server.dir.join("pki"), "client-cabinet", server.port()).unwrap().connect().unwrap();
    let form = [("Content-Type", "application/x-www-form-urlencoded")];
    for path in [format!("/fhir/Patient?_id=x&access_%74oken={token}"), format!("/fhir/Patient?%61ccess_token={token}"), format!("/consult/x?acces%73_token={token}")] {
        assert_eq!(client.call("GET", &path, &[], b"").unwrap().status, 400, "{path}");
    }
    for (headers, body) in
        [(&form[..], format!("_id=x&access_token={token}")), (&form, format!("access%5ftoken={token}")), (&[("Content-Type", "text/plain")], format!("access_token={token}"))]
    {
        assert_eq!(client.call("POST", "/fhir/Patient/_search", headers, body.as_bytes()).unwrap().status, 400);
    }
    assert_eq!(client.call("POST", "/fhir/Patient/_search", &form, b"_id=access_token").unwrap().status, 200, "the words as a value are none");
    let entry = serde_json::json!({"request": {"method": "GET", "url": format!("Patient?_id=x&access%5ftoken={token}")}});
    let batch = serde_json::json!({"resourceType": "Bundle", "type": "batch", "entry": [entry]}).to_string();
    let answer = client.call("POST", "/fhir", &[("Content-Type", crate::support::FHIR_JSON)], batch.as_bytes()).unwrap();
    assert!(answer.status == 200 && text(&answer).contains("P-0540"), "{}", text(&answer));
    server.kill();
    let trail = std::fs::read_to_string(server.dir.join("audit-reads.log")).unwrap();
    assert!(trail.contains("\"fault\":540"), "the refusals are traced");
    let queries = trail.split("\"query\":\"").skip(1).map(|rest| rest.split('"').next().unwrap());
    let queries: Vec<String> = queries.map(|q| String::from_utf8(base64::engine::general_purpose::STANDARD.decode(q).unwrap()).unwrap()).collect();
    let said = std::fs::read_to_string(&log).unwrap() + &trail + &queries.concat();
    assert!(said.contains("refused") && !said.contains(&token), "a token in the log or the trail");
    std::fs::remove_file(log).unwrap();
}
